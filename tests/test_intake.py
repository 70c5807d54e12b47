"""What a message means, wherever it enters: agents, limits, plans, digests."""

from __future__ import annotations

from typing import Any

import pytest

from threadcast.agent import Agent, Run
from threadcast.auth.identity import Identity
from threadcast.context import UserExecutionContext
from threadcast.errors import ThreadcastError
from threadcast.intake import Intake
from threadcast.settings import Settings
from threadcast.store.units import SendMessage
from threadcast.testing.clock import ManualClock

THREAD = "thread_chat_1763629200001_7_90c65fe4"
ANN = Identity(user_id="ann", expires_at=2e9)
PAYING = Identity(user_id="pam", expires_at=2e9, plan="premium")


async def nothing(run: Run) -> str:
    return "nothing"


AGENTS = {
    "first": Agent("first", nothing),
    "other": Agent("other", nothing, on_crash="fail"),
}


def intake(clock: ManualClock | None = None, **settings: Any) -> Intake:
    return Intake(AGENTS, Settings(**settings), clock or ManualClock())


def message(made: Intake, identity: Identity = ANN, **fields: Any) -> SendMessage:
    thread_id = fields.get("thread_id")
    context = UserExecutionContext.create(identity.user_id, "chat", thread_id=thread_id)
    wanted = {"content": "hello", "client_message_id": "k", **fields}
    return made.message(identity, context, **wanted)


def refusal(made: Intake, identity: Identity = ANN, **fields: Any) -> ThreadcastError:
    with pytest.raises(ThreadcastError) as caught:
        message(made, identity, **fields)
    return caught.value


def test_a_message_without_a_thread_begins_one() -> None:
    unit = message(intake())
    assert unit.new_thread
    assert unit.context.user_id == "ann"
    assert (unit.agent, unit.on_crash) == ("first", "retry")


def test_a_message_in_a_thread_stays_there_with_a_run_of_its_own() -> None:
    made = intake()
    one, two = (message(made, thread_id=THREAD) for _ in range(2))
    assert not one.new_thread
    assert one.context.thread_id == two.context.thread_id == THREAD
    assert one.context.run_id != two.context.run_id


def test_the_agent_and_its_policy_are_the_named_ones() -> None:
    unit = message(intake(), agent="other", on_busy="interrupt", on_disconnect="cancel")
    assert (unit.agent, unit.on_crash) == ("other", "fail")
    assert (unit.on_busy, unit.on_disconnect) == ("interrupt", "cancel")


def test_an_unknown_agent_is_refused_with_the_known_ones() -> None:
    error = refusal(intake(), agent="nobody")
    assert error.code == "unknown_agent"
    assert error.message == "agent: expected one of first, other"


def test_the_digest_is_of_what_was_asked_and_of_nothing_else() -> None:
    made = intake()
    same = {message(made).digest, message(made, client_message_id="k2").digest}
    assert len(same) == 1
    others = [
        message(made, content="hello!").digest,
        message(made, thread_id=THREAD).digest,
        message(made, agent="first").digest,
        message(made, content="first", agent="other").digest,
    ]
    assert len({*same, *others}) == 5


def test_starts_are_limited_by_user_and_the_wait_is_said() -> None:
    clock = ManualClock()
    made = intake(clock, run_starts_per_s=2.0, run_starts_burst=3)
    for _ in range(3):
        message(made)
    error = refusal(made)
    assert error.code == "rate_limited"
    assert error.retry_after_ms == 501
    message(made, PAYING)
    clock.advance(0.5)
    message(made)


def test_an_unknown_agent_costs_no_start() -> None:
    made = intake(run_starts_burst=1)
    refusal(made, agent="nobody")
    message(made)


def test_limits_follow_the_plan() -> None:
    made = intake(
        max_runs_per_user=2,
        max_runs_per_plan={"premium": 9},
        max_connections_per_user=3,
        max_connections_per_plan={"premium": 30},
    )
    assert (message(made).user_runs_max, message(made, PAYING).user_runs_max) == (2, 9)
    assert (made.connection_limit(ANN), made.connection_limit(PAYING)) == (3, 30)
    unknown = Identity(user_id="x", expires_at=2e9, plan="other")
    assert (message(made, unknown).user_runs_max, made.connection_limit(unknown)) == (2, 3)
