"""Runs from claim to end, on a real store: bad-input rows R3 to R8 and R10, and what agents see."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from runner_world import LIMITS, World, world
from threadcast.agent import Agent, AgentFunction, Run, agent
from threadcast.context import UserExecutionContext
from threadcast.errors import OutcomeUnknown, ThreadcastError
from threadcast.events import AgentCancelled, AgentDelta, EventDraft, EventType
from threadcast.run_execution import RunExecution
from threadcast.run_outbox import RunOutbox
from threadcast.store import Lease
from threadcast.testing.clock import ManualClock

FOREVER_S = 3_000.0  # a lease that no timer renews during a test: only signals can act


@agent("golden")
async def golden(run: Run) -> None:
    """Everything that the golden path shows."""
    await run.thinking("hm")
    async with run.tool("add", {"a": 1, "b": 2}) as call:
        call.result(3)
    for text in ("The ", "", "answer is ", "3."):
        await run.delta(text)
    run.usage({"tokens": 7})


async def _outcome(path: Path, function: AgentFunction, **kwargs: Any) -> tuple[str, Any]:
    """Run this agent once and return its terminal event."""
    made = Agent("made", function, **kwargs)
    async with world(path, made) as here, here.running():
        context = await here.send()
        return await here.watch.end_of(context.run_id)


# --- the agent's own end


async def test_the_golden_path(tmp_path: Path) -> None:
    async with world(tmp_path, golden) as here, here.running() as runner:
        context = await here.send("what is 1 + 2?")
        await here.watch.end_of(context.run_id)
        events = here.watch.of(context.run_id)
        kinds = [kind for kind, _ in events]
        assert kinds == [
            "message_created",
            "agent_started",
            "agent_thinking",
            "tool_executing",
            "tool_completed",
            *["agent_delta"] * 3,
            "agent_completed",
        ]
        data = [data for _, data in events]
        assert data[1] == {"agent": "golden", "attempt": 1}
        assert data[2] == {"text": "hm"}
        call_id = data[3]["tool_call_id"]
        assert data[3] == {"tool_call_id": call_id, "tool": "add", "arguments": {"a": 1, "b": 2}}
        assert data[4].pop("duration_ms") >= 0
        assert data[4] == {"tool_call_id": call_id, "tool": "add", "result": 3, "is_error": False}
        assert data[8].pop("duration_ms") >= 0
        assert data[8] == {"content": "The answer is 3.", "usage": {"tokens": 7}}
        assert (await here.row(context)).status == "completed"
        async with here.sessions.open(context) as session:
            rows = await session.messages.list(context.thread_id, limit=10)
        assert [row.message.content for row in rows] == ["what is 1 + 2?", "The answer is 3."]
        await runner.drain(5)
        assert runner.active == 0


async def test_a_generator_streams_its_answer(tmp_path: Path) -> None:
    async def count(run: Run) -> AsyncIterator[str]:
        yield "one "
        yield "two"

    kind, data = await _outcome(tmp_path, count)
    assert (kind, data["content"]) == ("agent_completed", "one two")


async def test_a_returned_text_is_the_answer(tmp_path: Path) -> None:
    async def reply(run: Run) -> str:
        await run.delta("draft")
        return run.message.upper()

    kind, data = await _outcome(tmp_path, reply)
    assert (kind, data["content"]) == ("agent_completed", "HELLO")


async def test_runs_of_a_thread_follow_each_other(tmp_path: Path) -> None:
    async with world(tmp_path, golden) as here, here.running():
        first = await here.send("1")
        others = [await here.send(str(n), thread_id=first.thread_id) for n in range(2, 5)]
        await here.watch.end_of(others[-1].run_id)
        ends = [e.address.run_id for e in here.watch.events if e.event_type == "agent_completed"]
        assert ends == [first.run_id, *(one.run_id for one in others)]


async def test_no_more_than_max_runs_execute_at_once(tmp_path: Path) -> None:
    now, most = 0, 0

    async def busy(run: Run) -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await run.save(now)
        now -= 1
        return "done"

    async with world(tmp_path, Agent("busy", busy)) as here:
        contexts = [await here.send(user_id=f"user-{n}") for n in range(12)]
        async with here.running(max_runs=3):
            for context in contexts:
                await here.watch.end_of(context.run_id)
    assert most == 3


# --- what an agent reads


async def test_history_and_search_are_the_users_own(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    async def reader(run: Run) -> str:
        seen["history"] = [(one.role, one.content) for one in await run.history()]
        seen["last"] = [one.content for one in await run.history(1)]
        seen["found"] = [one.content for one in await run.search("pelican")]
        seen["context"] = run.context.isolation_key
        for limit in (0, 1_001, True):
            with pytest.raises(ValueError, match="limit"):
                await run.history(limit)
        return "read"

    async with world(tmp_path, Agent("reader", reader)) as here, here.running():
        other = await here.send("my pelican is secret", user_id="bob")
        await here.watch.end_of(other.run_id)
        first = await here.send("a pelican for me")
        await here.watch.end_of(first.run_id)
        second = await here.send("and now?", thread_id=first.thread_id)
        await here.watch.end_of(second.run_id)
    assert seen["history"] == [("user", "a pelican for me"), ("assistant", "read")]
    assert seen["last"] == ["read"]
    assert "my pelican is secret" not in seen["found"]
    assert "a pelican for me" in seen["found"]
    assert seen["context"] == ("ann", first.thread_id, second.run_id)


# --- tools


async def test_a_tool_that_fails_says_so_and_keeps_its_secret(tmp_path: Path) -> None:
    async def clumsy(run: Run) -> str:
        with pytest.raises(RuntimeError):
            async with run.tool("break", None):
                raise RuntimeError("password is hunter2")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0), run.tool("slow", None):
                await asyncio.Event().wait()
        with pytest.raises(ThreadcastError):
            async with run.tool("model", []):
                raise ThreadcastError("model_error", "The model said no.")
        async with run.tool("silent", []):
            pass
        return "still here"

    async with world(tmp_path, Agent("clumsy", clumsy)) as here, here.running():
        context = await here.send()
        assert (await here.watch.end_of(context.run_id))[0] == "agent_completed"
        ends = [data for kind, data in here.watch.of(context.run_id) if kind == "tool_completed"]
    assert [(one["tool"], one["result"], one["is_error"]) for one in ends] == [
        ("break", "The tool failed.", True),
        ("slow", "The tool call was cancelled.", True),
        ("model", "The model said no.", True),
        ("silent", None, False),
    ]


# --- R3, R4, R5: fences


async def _take_away(here: World, context: UserExecutionContext, clock: ManualClock) -> Lease:
    clock.advance(11)
    assert (await here.take_over()).requeued == [context.run_id]
    claimed = await here.claim_as("node-2")
    assert claimed.attempt == 2
    return claimed.lease


async def test_r3_a_write_with_an_old_fence_stops_the_run_here(tmp_path: Path) -> None:
    go, stopped = asyncio.Event(), asyncio.Event()

    async def slow(run: Run) -> None:
        await run.delta("mine")
        await go.wait()
        try:
            for _ in range(1_000):
                await run.delta("not mine")
        except asyncio.CancelledError:
            stopped.set()
            raise

    clock = ManualClock()
    async with world(tmp_path, Agent("slow", slow), store_clock=clock) as here:
        async with here.running(max_runs=1):  # it is full, so the second claim is the other's
            context = await here.send()
            await here.watch.until(lambda: "agent_delta" in here.watch.types_of(context.run_id))
            await _take_away(here, context, clock)
            go.set()
            await asyncio.wait_for(stopped.wait(), 10)
        assert here.watch.types_of(context.run_id) == ["agent_started", "agent_delta"]
        assert (await here.row(context)).status == "running"


async def test_r3_a_lease_that_is_reported_lost_ends_the_agent_without_an_append(
    tmp_path: Path,
) -> None:
    cancelled = asyncio.Event()

    async def idle(run: Run) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    clock = ManualClock()
    async with (
        world(tmp_path, Agent("idle", idle), store_clock=clock) as here,
        here.running(max_runs=1, lease_s=FOREVER_S),
    ):
        context = await here.send()
        await here.watch.until(lambda: here.watch.types_of(context.run_id) == ["agent_started"])
        clock.advance(FOREVER_S)
        await _take_away(here, context, clock)
        await here.cancel(context)  # its signal makes the runner look at the lease
        await asyncio.wait_for(cancelled.wait(), 10)
        assert here.watch.types_of(context.run_id) == ["agent_started"]


async def test_r4_a_lapsed_lease_that_nobody_took_is_still_good(tmp_path: Path) -> None:
    clock = ManualClock()

    async def late(run: Run) -> str:
        clock.advance(1_000)
        await run.delta("late")
        return "but here"

    async with world(tmp_path, Agent("late", late), store_clock=clock) as here, here.running():
        context = await here.send()
        assert (await here.watch.end_of(context.run_id))[0] == "agent_completed"


async def test_r5_nothing_is_stored_after_the_terminal_event(tmp_path: Path) -> None:
    lost = asyncio.Event()
    async with world(tmp_path, golden) as here:
        context = await here.send()
        lease = (await here.claim_as("node-1")).lease
        outbox = RunOutbox(here.journal, lease, LIMITS.outbox, lost.set)
        outbox.add(EventDraft.of(EventType.AGENT_CANCELLED, AgentCancelled("user")))
        assert await outbox.flushed()
        outbox.add(EventDraft.of(EventType.AGENT_DELTA, AgentDelta("more")))
        assert not await outbox.flushed()
        assert lost.is_set()
        assert outbox.lost is not None
        assert outbox.lost.code == "run_finished"
        with pytest.raises(asyncio.CancelledError):
            await outbox.room()
        assert here.watch.types_of(context.run_id) == ["agent_cancelled"]


async def test_r5_an_agent_that_goes_on_after_its_end_is_refused(tmp_path: Path) -> None:
    refused = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def leaky(run: Run) -> str:
        async def later() -> None:
            await ended.wait()
            try:
                await run.delta("late")
            except asyncio.CancelledError:
                refused.set()

        tasks.append(asyncio.create_task(later()))
        return "done"

    ended = asyncio.Event()
    async with world(tmp_path, Agent("leaky", leaky)) as here, here.running():
        context = await here.send()
        await here.watch.end_of(context.run_id)
        ended.set()
        await asyncio.wait_for(refused.wait(), 10)
        assert here.watch.types_of(context.run_id) == ["agent_started", "agent_completed"]


# --- R6: bad output

_CYCLE: list[Any] = []
_CYCLE.append(_CYCLE)


def _yields(value: Any) -> AgentFunction:
    async def bad(run: Run) -> AsyncIterator[str]:
        yield "fine so far"
        yield value

    return bad


def _calls_with(value: Any) -> AgentFunction:
    async def bad(run: Run) -> str:
        async with run.tool("tool", {}) as call:
            call.result(value)
        return "not reached"

    return bad


def _returns(value: Any) -> AgentFunction:
    async def bad(run: Run) -> Any:
        return value

    return bad


def _swallows(run: Run) -> AsyncIterator[str]:
    async def bad() -> AsyncIterator[str]:
        for value in (b"bytes", "good"):
            try:
                await run.delta(value)  # type: ignore[arg-type]
            except ThreadcastError:
                yield "no matter"

    return bad()


def _is_not_async(run: Run) -> Any:
    return "text"


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(_yields(b"bytes"), id="bytes"),
        pytest.param(_yields({"no": "text"}), id="no text"),
        pytest.param(_yields("x" * (10 << 20)), id="10 MiB"),
        pytest.param(_yields("a\0"), id="NUL"),
        pytest.param(_yields("\ud800"), id="surrogate"),
        pytest.param(_yields("\ufffe"), id="noncharacter"),
        pytest.param(_calls_with(math.nan), id="NaN"),
        pytest.param(_calls_with(_CYCLE), id="circular"),
        pytest.param(_calls_with(object()), id="no JSON"),
        pytest.param(_calls_with("x" * 300_000), id="large result"),
        pytest.param(_returns(5), id="returns int"),
        pytest.param(_returns("x" * 300_000), id="large answer"),
        pytest.param(_returns("\ud800"), id="returns surrogate"),
        pytest.param(_swallows, id="swallows the error"),
        pytest.param(_is_not_async, id="not async"),
    ],
)
async def test_r6_bad_output_fails_the_run(tmp_path: Path, function: AgentFunction) -> None:
    kind, data = await _outcome(tmp_path, function)
    assert kind == "agent_failed"
    assert data["code"] == "bad_agent_output"
    assert data["retryable"] is False


async def test_r6_a_long_delta_is_split(tmp_path: Path) -> None:
    text = "é" * 100_000

    async def long(run: Run) -> None:
        await run.delta(text)

    async with world(tmp_path, Agent("long", long)) as here, here.running():
        context = await here.send()
        kind, end = await here.watch.end_of(context.run_id)
        deltas = [d["text"] for k, d in here.watch.of(context.run_id) if k == "agent_delta"]
    assert (kind, end["content"]) == ("agent_completed", text)
    assert "".join(deltas) == text
    assert max(map(len, deltas)) <= 4_096


async def test_r6_a_fast_agent_is_held_back_and_loses_nothing(tmp_path: Path) -> None:
    most_ahead = 0

    async def fast(run: Run) -> None:
        nonlocal most_ahead
        for number in range(20_000):
            await run.delta(f"{number} ")
            most_ahead = max(most_ahead, number - len(here.watch.events))

    async with world(tmp_path, Agent("fast", fast)) as here, here.running():
        context = await here.send()
        _, end = await here.watch.end_of(context.run_id)
        deltas = [d["text"] for k, d in here.watch.of(context.run_id) if k == "agent_delta"]
    assert deltas == [f"{number} " for number in range(20_000)]
    assert end["content"] == "".join(deltas)
    assert most_ahead <= LIMITS.outbox.events_max


# --- R7: bad ends


class _Hostile(BaseException):
    """Not even an Exception."""


def _recurse(depth: int) -> int:
    return _recurse(depth + 1) + 1


def _raises(error: BaseException) -> AgentFunction:
    async def bad(run: Run) -> str:
        await run.delta("fine so far")
        raise error

    return bad


async def _exits(run: Run) -> str:
    sys.exit(3)


async def _recurses(run: Run) -> str:
    return str(_recurse(0))


async def _cancels_itself(run: Run) -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.Event().wait()
    return "not reached"


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(_raises(RuntimeError("hunter2")), id="raises"),
        pytest.param(_exits, id="sys.exit"),
        pytest.param(_raises(KeyboardInterrupt()), id="KeyboardInterrupt"),
        pytest.param(_recurses, id="recursion"),
        pytest.param(_raises(_Hostile("hunter2")), id="BaseException"),
        pytest.param(_raises(GeneratorExit()), id="GeneratorExit"),
        pytest.param(_raises(StopAsyncIteration()), id="StopAsyncIteration"),
        pytest.param(_raises(asyncio.CancelledError()), id="CancelledError"),
        pytest.param(_cancels_itself, id="cancels itself"),
    ],
)
async def test_r7_an_agent_that_fails_ends_its_own_run_only(
    tmp_path: Path, function: AgentFunction, caplog: pytest.LogCaptureFixture
) -> None:
    bad = Agent("bad", function)
    async with world(tmp_path, bad, golden) as here, here.running():
        context = await here.send(agent="bad")
        kind, data = await here.watch.end_of(context.run_id)
        good = await here.send(agent="golden")
        assert (await here.watch.end_of(good.run_id))[0] == "agent_completed"
    assert kind == "agent_failed"
    assert data == {"code": "agent_error", "message": "The agent failed.", "retryable": True}
    logged = [one for one in caplog.records if context.run_id in one.getMessage()]
    assert len(logged) == 1


async def test_an_error_of_the_table_keeps_its_words(tmp_path: Path) -> None:
    error = ThreadcastError("model_error", "The model answered 500.")
    kind, data = await _outcome(tmp_path, _raises(error))
    expected = {"code": "model_error", "message": "The model answered 500.", "retryable": True}
    assert (kind, data) == ("agent_failed", expected)


async def test_an_error_with_unusable_words_gets_the_tables(tmp_path: Path) -> None:
    _, data = await _outcome(tmp_path, _raises(ThreadcastError("model_error", "\ud800")))
    assert data["message"] == "The model endpoint failed."


async def test_r7_an_agent_that_swallows_its_cancel_is_left_behind(tmp_path: Path) -> None:
    release, over = asyncio.Event(), asyncio.Event()
    refused = 0

    async def stubborn(run: Run) -> str:
        nonlocal refused
        while not release.is_set():
            try:
                await run.delta("still here")
                await release.wait()
            except asyncio.CancelledError:
                refused += 1
                if refused > 30:
                    break
        over.set()
        return "never an answer"

    async with world(tmp_path, Agent("stubborn", stubborn)) as here:
        async with here.running(lease_s=FOREVER_S) as runner:
            context = await here.send()
            await here.watch.until(lambda: "agent_delta" in here.watch.types_of(context.run_id))
            await here.cancel(context)
            assert await here.watch.end_of(context.run_id) == (
                "agent_cancelled",
                {"reason": "user"},
            )
            await runner.drain(5)
            assert runner.active == 0
            release.set()
            await asyncio.wait_for(over.wait(), 10)
        assert here.watch.types_of(context.run_id) == [
            "agent_started",
            "agent_delta",
            "agent_cancelled",
        ]


# --- R8: time limits


@pytest.mark.parametrize("own_limit_s", [0.05, None])
async def test_r8_an_agent_that_never_ends_times_out(
    tmp_path: Path, own_limit_s: float | None
) -> None:
    async def endless(run: Run) -> None:
        await asyncio.Event().wait()

    limits = dataclasses.replace(LIMITS, timeout_s=0.05 if own_limit_s is None else 30.0)
    endless_agent = Agent("endless", endless, timeout_s=own_limit_s)
    async with world(tmp_path, endless_agent, limits=limits) as here, here.running() as runner:
        context = await here.send()
        kind, data = await here.watch.end_of(context.run_id)
        assert (kind, data["code"]) == ("agent_failed", "timed_out")
        await runner.drain(5)
        assert runner.active == 0


async def test_r8_waiting_for_a_person_does_not_count(tmp_path: Path) -> None:
    async def asks(run: Run) -> str:
        with pytest.raises(TimeoutError):
            await run.ask("?", timeout_s=0.3)
        return "patient"

    kind, data = await _outcome(tmp_path, asks, timeout_s=0.2)
    assert (kind, data["content"]) == ("agent_completed", "patient")


# --- R10: questions


async def _asking(run: Run) -> str:
    first = await run.ask("Colour?", {"type": "string"})
    second = await run.ask("Size?", timeout_s=60)
    return f"{first} {second}"


def _questions(here: World, context: UserExecutionContext) -> list[dict[str, Any]]:
    return [d for kind, d in here.watch.of(context.run_id) if kind == "input_requested"]


async def test_r10_the_first_answer_wins_and_only_the_owners(tmp_path: Path) -> None:
    async with (
        world(tmp_path, Agent("asking", _asking)) as here,
        here.running(lease_s=FOREVER_S),
    ):
        context = await here.send()
        await here.watch.until(lambda: len(_questions(here, context)) == 1)
        assert (await here.row(context)).status == "waiting"
        question = _questions(here, context)[0]
        assert question["prompt"] == "Colour?"
        assert question["schema"] == {"type": "string"}
        stranger = UserExecutionContext.for_run("bob", context.thread_id, context.run_id)
        with pytest.raises(ThreadcastError, match="not_found"):
            await here.answer(stranger, question["input_id"], "black")
        await here.answer(context, question["input_id"], {"red": [1]})
        with pytest.raises(ThreadcastError, match="already_answered"):
            await here.answer(context, question["input_id"], "blue")
        await here.watch.until(lambda: len(_questions(here, context)) == 2)
        await here.answer(context, _questions(here, context)[1]["input_id"], 5)
        _, end = await here.watch.end_of(context.run_id)
        assert end["content"] == "{'red': [1]} 5"


async def test_r10_an_answer_after_the_expiry_is_refused(tmp_path: Path) -> None:
    expired, go = asyncio.Event(), asyncio.Event()

    async def asks(run: Run) -> str:
        try:
            return str(await run.ask("Quick?", timeout_s=0.05))
        except TimeoutError:
            expired.set()
            await go.wait()
            return "too late"

    async with world(tmp_path, Agent("asks", asks)) as here, here.running():
        context = await here.send()
        await asyncio.wait_for(expired.wait(), 10)
        with pytest.raises(ThreadcastError, match="expired"):
            await here.answer(context, _questions(here, context)[0]["input_id"], "yes")
        go.set()
        _, end = await here.watch.end_of(context.run_id)
        assert end["content"] == "too late"


async def test_r10_an_expiry_that_the_agent_lets_out_is_named(tmp_path: Path) -> None:
    async def asks(run: Run) -> str:
        return str(await run.ask("Quick?", timeout_s=0.05))

    kind, data = await _outcome(tmp_path, asks)
    assert (kind, data["code"]) == ("agent_failed", "expired")


def _count(here: World, context: UserExecutionContext, event_type: str) -> int:
    return here.watch.types_of(context.run_id).count(event_type)


@pytest.mark.parametrize("is_answered_between", [True, False])
async def test_a_later_attempt_finds_its_questions_again(
    tmp_path: Path, *, is_answered_between: bool
) -> None:
    clock = ManualClock()
    async with world(tmp_path, Agent("asking", _asking), store_clock=clock) as here:
        async with here.running():
            context = await here.send()
            await here.watch.until(lambda: len(_questions(here, context)) == 1)
            await here.answer(context, _questions(here, context)[0]["input_id"], "red")
            await here.watch.until(lambda: len(_questions(here, context)) == 2)
        open_id = _questions(here, context)[1]["input_id"]
        if is_answered_between:
            await here.answer(context, open_id, "XL")
        clock.advance(11)
        assert (await here.take_over()).requeued == [context.run_id]
        async with here.running():
            if not is_answered_between:
                await here.watch.until(lambda: _count(here, context, "agent_started") == 2)
                await here.answer(context, open_id, "XL")
            _, end = await here.watch.end_of(context.run_id)
        assert end["content"] == "red XL"
        assert len(_questions(here, context)) == 2


# --- cancel


async def test_a_cancel_is_acted_on_by_its_signal(tmp_path: Path) -> None:
    cleaned = asyncio.Event()

    async def idle(run: Run) -> None:
        try:
            async with run.tool("wait", None):
                await asyncio.Event().wait()
        finally:
            cleaned.set()

    async with world(tmp_path, Agent("idle", idle)) as here, here.running(lease_s=FOREVER_S):
        context = await here.send()
        await here.watch.until(lambda: "tool_executing" in here.watch.types_of(context.run_id))
        await here.cancel(context, "enough")
        end = await here.watch.end_of(context.run_id)
        assert end == ("agent_cancelled", {"reason": "enough"})
        assert cleaned.is_set()
        assert (await here.row(context)).status == "cancelled"
        await here.cancel(context, "again")


async def test_a_run_that_is_claimed_after_its_cancel_does_not_start(tmp_path: Path) -> None:
    async with world(tmp_path, golden) as here:
        context = await here.send()
        claimed = dataclasses.replace(await here.claim_as("node-1"), cancel_reason="user")
        execution = RunExecution(
            claimed,
            golden,
            journal=here.journal,
            sessions=here.sessions,
            clock=here.clock,
            limits=LIMITS,
            keep=_never_kept,
        )
        assert await execution.run() == "cancelled"
        assert here.watch.types_of(context.run_id) == ["agent_cancelled"]


def _never_kept(agent: asyncio.Task[EventDraft]) -> None:
    raise AssertionError("no agent was started")


async def test_the_runs_of_a_user_who_left_end_if_they_asked_for_it(tmp_path: Path) -> None:
    async def idle(run: Run) -> None:
        await run.delta("here")
        await asyncio.Event().wait()

    async with (
        world(tmp_path, Agent("idle", idle)) as here,
        here.running(lease_s=FOREVER_S) as runner,
    ):
        leaving = await here.send(on_disconnect="cancel")
        staying = await here.send(on_disconnect="continue")
        other = await here.send(on_disconnect="cancel", user_id="bob")
        for context in (leaving, staying, other):
            await here.watch.until(_has_delta(here, context))
        runner.user_left("ann")
        end = await here.watch.end_of(leaving.run_id)
        assert end == ("agent_cancelled", {"reason": "disconnected"})
        assert (await here.row(staying)).status == "running"
        assert (await here.row(other)).status == "running"


async def test_a_run_that_begins_while_its_user_is_away_ends_if_it_asked_for_it(
    tmp_path: Path,
) -> None:
    async def idle(run: Run) -> None:
        await asyncio.Event().wait()

    async with world(tmp_path, Agent("idle", idle)) as here, here.running(lease_s=FOREVER_S):
        context = await here.send(on_disconnect="cancel", user_id="carl")
        end = await here.watch.end_of(context.run_id)
        assert end == ("agent_cancelled", {"reason": "disconnected"})


def _has_delta(here: World, context: UserExecutionContext) -> Callable[[], bool]:
    return lambda: "agent_delta" in here.watch.types_of(context.run_id)


# --- stopping and going on


async def test_a_drained_run_goes_on_at_once_elsewhere(tmp_path: Path) -> None:
    async def steps(run: Run) -> str:
        if run.state is None:
            await run.save({"step": 1})
            await run.delta("first half")
            await asyncio.Event().wait()
        return f"attempt {run.attempt} from {run.state}"

    async with world(tmp_path, Agent("steps", steps)) as here:
        async with here.running() as runner:
            context = await here.send()
            await here.watch.until(_has_delta(here, context))
            await runner.drain(0.01)
            assert runner.active == 0
            late = await here.send()
            assert (await here.row(late)).status == "queued"
        assert here.watch.types_of(context.run_id) == ["agent_started", "agent_delta"]
        assert (await here.take_over()).requeued == [context.run_id]
        async with here.running():
            _, end = await here.watch.end_of(context.run_id)
            await here.watch.until(_has_delta(here, late))
        assert end["content"] == "attempt 2 from {'step': 1}"


async def test_draining_lets_runs_end(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def waits(run: Run) -> str:
        await run.delta("wait for me")
        await go.wait()
        return "done"

    async with world(tmp_path, Agent("waits", waits)) as here, here.running() as runner:
        context = await here.send()
        await here.watch.until(_has_delta(here, context))
        draining = asyncio.create_task(runner.drain(20))
        go.set()
        await draining
        assert (await here.row(context)).status == "completed"


async def test_no_task_is_left(tmp_path: Path) -> None:
    async def idle(run: Run) -> None:
        await run.delta("here")
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    async with world(tmp_path, Agent("idle", idle)) as here:
        async with here.running():
            context = await here.send()
            await here.watch.until(_has_delta(here, context))
        assert here.watch.types_of(context.run_id) == ["agent_started", "agent_delta"]
    assert asyncio.all_tasks() == before


# --- a store that fails


async def _streams(run: Run) -> None:
    for number in range(600):
        await run.delta(f"{number} ")


async def test_refused_appends_are_tried_again_in_order(tmp_path: Path) -> None:
    away = ThreadcastError("unavailable")
    full = ThreadcastError("storage_full")
    faults = [away, None, full, full, None, away, away, away]
    streams = Agent("streams", _streams)
    async with world(tmp_path, streams, faults=list(faults)) as here, here.running():
        context = await here.send()
        _, end = await here.watch.end_of(context.run_id)
        deltas = [d["text"] for k, d in here.watch.of(context.run_id) if k == "agent_delta"]
    assert deltas == [f"{number} " for number in range(600)]
    assert end["content"] == "".join(deltas)


async def test_an_unknown_outcome_is_never_sent_again(tmp_path: Path) -> None:
    faults: list[ThreadcastError | None] = [None, OutcomeUnknown("the answer was lost")]
    streams = Agent("streams", _streams)
    async with world(tmp_path, streams, faults=faults) as here, here.running(max_runs=1):
        context = await here.send()
        await asyncio.wait_for(here.store.spent.wait(), 10)
        while not (await here.take_over()).requeued:
            pass
        await here.watch.end_of(context.run_id)
        stored = await here.stored(context)
    attempts: list[list[bytes]] = []
    for event in stored:
        if event.event_type is EventType.AGENT_STARTED:
            attempts.append([])
        elif event.event_type is EventType.AGENT_DELTA:
            attempts[-1].append(event.data)
    assert len(attempts) == 2
    assert all(len(one) == len(set(one)) for one in attempts)
    assert len(attempts[1]) == 600


async def test_a_store_that_stays_away_loses_the_run_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    outbox = dataclasses.replace(LIMITS.outbox, retry_total_s=0.05)
    limits = dataclasses.replace(LIMITS, outbox=outbox)
    faults: list[ThreadcastError | None] = [None] + [ThreadcastError("unavailable")] * 50
    ended = asyncio.Event()

    async def endless(run: Run) -> None:
        try:
            while True:
                await run.thinking("x" * 4_000)
        finally:
            ended.set()

    made = Agent("endless", endless)
    async with world(tmp_path, made, faults=faults, limits=limits) as here:
        async with here.running() as runner:
            context = await here.send()
            await asyncio.wait_for(ended.wait(), 10)
            await runner.drain(5)
        assert (await here.row(context)).status == "running"
        assert (await here.take_over()).requeued == [context.run_id]
    assert not caplog.records
