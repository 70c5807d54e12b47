"""Troubles that are over are kept for an hour, with affected users, from when to when."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from threadcast.operators.overview import runs_of
from threadcast.operators.past import PAST_MAX, PastTroubles
from threadcast.runs import RunStatus
from threadcast.store.records import LiveRunCount
from threadcast.upkeep.watchdog import NO_HOLD, Hold
from threadcast.wire.overview_models import (
    ConsistencyFigures,
    NodeOverview,
    NodeSummary,
    PartHealth,
    PastTrouble,
    RunsOverview,
    SafetyFigures,
    TakeOverFigures,
)

AT = 1_800_000_000.0
WELL = PartHealth(ok=True, since=AT - 900, ping_ms=0.5)
AWAY = PartHealth(ok=False, since=AT - 20, ping_ms=None)
QUIET = ("node-1", NO_HOLD)


def node(node_id: str = "node-1", *, alive: bool = True, **said: Any) -> NodeOverview:
    nothing = ConsistencyFigures(on=False, snapshots=0, violations=0, score=None, violated_at=None)
    facts: dict[str, Any] = {
        "at": AT - 3, "connections": 9, "users": 7, "lagging": 0, "lagging_readers": [],
        "oldest_catch_up_s": 0.0, "runs": 0, "draining": False, "drained": False,
        "database": WELL, "bus": WELL, "loop_lag_ms": 0.0, "events_in_per_s": 0.0,
        "events_out_per_s": 0.0, "commits_per_s": 0.0, "commit_ms_p50": None,
        "commit_ms_p99": None, "send_ms_p99": None,
        "safety": SafetyFigures(
            foreign_deliveries=0, foreign_delivery_at=None, id_checks=0, id_violations=0,
            id_violation_at=None, consistency=nothing,
        ),
        "take_overs": TakeOverFigures(requeued=0, ended=0, last_at=None),
        "refusals": [], "firing": [], "told": [],
    }  # fmt: skip
    return NodeOverview(
        node_id=node_id,
        version="1",
        role="all",
        alive=alive,
        known=True,
        age_s=900.0,
        joined_s=900.0,
        lease_left_s=5.0 if alive else -4.0,
        summary=NodeSummary(**{**facts, **said}),
    )


def queued(
    age_s: float, behind: RunStatus | None, at: float = AT, before: RunsOverview | None = None
) -> RunsOverview:
    counted = LiveRunCount(RunStatus.QUEUED, behind, 2, "run_a", "ada", at - age_s)
    return runs_of([counted], at, before)


NONE = runs_of([], AT)


def over(past: PastTroubles, at: float = AT + 60) -> list[tuple[str, float, float]]:
    return [(one.kind, one.began_at - AT, one.ended_at - AT) for one in past.until(at)]


def test_a_lost_node_that_comes_back_was_lost_until_then() -> None:
    past, here = PastTroubles(), node("node-2")
    back = replace(node(), joined_s=3.0)
    past.take(AT, [node(alive=False), here], None, held=QUIET)
    past.take(AT + 5, [here], None, held=QUIET)  # it is forgotten by the store
    assert [one.ended_at for one in past.until(AT + 5)] == [AT + 5]
    past.take(AT + 30, [back, here], None, held=QUIET)
    past.take(AT + 60, [replace(node(), joined_s=33.0), here], None, held=QUIET)
    assert [(one.kind, one.ended_at) for one in past.until(AT + 60)] == [("lost", AT + 27)]


@pytest.mark.parametrize(
    ("wrong", "kind", "began"),
    [
        (node(database=AWAY), "database", -20),
        (node(bus=AWAY), "bus", -20),
        (node(alive=False), "lost", -3),
    ],
)
def test_what_a_node_had_is_past_when_it_has_it_no_more(
    wrong: NodeOverview, kind: str, began: float
) -> None:
    past = PastTroubles()
    past.take(AT, [wrong], NONE, held=QUIET)
    past.take(AT + 5, [wrong], NONE, held=QUIET)
    assert past.until(AT + 5) == []
    past.take(AT + 10, [node()], NONE, held=QUIET)
    assert past.until(AT + 10) == [
        PastTrouble(
            kind=kind,  # type: ignore[arg-type] # of the table above
            node_id="node-1",
            users=7,
            run_id=None,
            user=None,
            began_at=AT + began,
            ended_at=AT + 10,
        )
    ]


def test_a_bus_recovered_when_its_node_says_so_however_late_the_report() -> None:
    past = PastTroubles()
    past.take(AT, [node(bus=AWAY)], NONE, held=QUIET)
    back = PartHealth(ok=True, since=AT + 2, ping_ms=0.5)
    past.take(AT + 20, [node(bus=back)], NONE, held=QUIET)
    assert over(past) == [("bus", -20, 2)]


def test_a_blocked_loop_is_reported_with_its_duration() -> None:
    past = PastTroubles()
    past.take(AT, [node()], NONE, held=("node-1", Hold(15.0, "mine.py:10 in mine")))
    past.take(AT + 5, [node()], NONE, held=("node-1", Hold(0.5, None)))
    assert over(past) == [("held", -15, 0)]
    assert past.until(AT)[0].place == "mine.py:10 in mine"


def test_a_run_that_was_queued_for_long_is_kept_with_its_user() -> None:
    past = PastTroubles()
    past.take(AT, [node()], queued(90, None), held=QUIET)
    past.take(AT + 5, [node()], None, held=QUIET)  # nobody knows: it may be there still
    assert past.until(AT + 5) == []
    past.take(AT + 10, [node()], NONE, held=QUIET)
    [kept] = past.until(AT + 10)
    assert (kept.kind, kept.run_id, kept.user) == ("queued", "run_a", "ada")
    assert (kept.began_at, kept.ended_at) == (AT - 90, AT + 10)


def test_a_run_behind_a_question_is_no_trouble_and_not_late_when_it_is_answered() -> None:
    past = PastTroubles()
    asked = queued(900, RunStatus.WAITING)
    past.take(AT, [node()], asked, held=QUIET)
    answered = queued(905, RunStatus.RUNNING, AT + 5, asked)
    past.take(AT + 5, [node()], answered, held=QUIET)
    past.take(AT + 10, [node()], NONE, held=QUIET)
    assert over(past) == []


def test_a_run_behind_one_that_does_not_end_is_a_trouble_after_a_minute() -> None:
    past, runs = PastTroubles(), queued(1, RunStatus.RUNNING)
    for step in (30.0, 65.0):
        runs = queued(1 + step, RunStatus.RUNNING, AT + step, runs)
        past.take(AT + step, [node()], runs, held=QUIET)
    past.take(AT + 70, [node()], NONE, held=QUIET)
    assert over(past, AT + 70) == [("behind", 0, 70)]


def test_what_is_kept_is_bounded_by_number_and_by_an_hour() -> None:
    past = PastTroubles()
    for step in range(PAST_MAX + 50):
        past.take(AT + step, [node()], NONE, held=("node-1", Hold(3.0, None)))
    kept = past.until(AT + PAST_MAX + 50)
    assert len(kept) == PAST_MAX
    assert kept[0].ended_at > kept[-1].ended_at
    assert past.until(AT + 3_600 + PAST_MAX + 50) == []
