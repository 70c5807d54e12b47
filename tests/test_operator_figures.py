"""Figures for operators: the ring, counters that rise, percentiles, summaries, and many as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from http_world import fresh_id, running
from threadcast.errors import ERRORS
from threadcast.ids import USER_ID_MAX_CHARACTERS
from threadcast.metrics import KEPT_MAX, Metrics
from threadcast.operators import overview
from threadcast.operators.failed_runs import FAILED_MAX
from threadcast.operators.ring import STEPS_MAX, Ring
from threadcast.operators.rises import Rises, quantile
from threadcast.runs import LIVE_RUNS_COUNTED_MAX, RunStatus
from threadcast.store.records import LiveRunCount, NodeRow, RunFailure
from threadcast.wire.overview_models import (
    CodeCount,
    FailedRun,
    FiringRule,
    LaggingReader,
    NodeOverview,
    NodeSummary,
    ToldRule,
)

SUMMARY_MAX_BYTES = 20_480


def test_a_ring_keeps_the_last_steps_and_nothing_more() -> None:
    ring = Ring(("a", "b"))
    for number in range(STEPS_MAX + 10):
        ring.add(float(number), {"a": number})
    at, columns = ring.since(0)
    assert (len(ring), at[0], at[-1]) == (STEPS_MAX, 10.0, STEPS_MAX + 9)
    assert columns["a"] == at
    assert columns["b"] == [None] * STEPS_MAX
    assert ring.since(at[-2]) == ([at[-1]], {"a": [at[-1]], "b": [None]})
    assert ring.since(at[-1]) == ([], {"a": [], "b": []})


def test_counters_rise_and_the_time_of_it_is_kept() -> None:
    rises = Rises(recent_steps=2)
    assert rises.take(1.0, {"a": 3, "b": 0}) == {"a": 3}
    assert rises.take(2.0, {"a": 3, "b": 2}) == {"b": 2}
    assert (rises.last_at, rises.totals) == ({"a": 1.0, "b": 2.0}, {"a": 3, "b": 2})
    assert (rises.recent("a"), rises.recent("b"), rises.recent("c")) == (3, 2, 0)
    assert rises.take(3.0, {"a": 3, "b": 2}) == {}
    assert (rises.recent("a"), rises.recent("b")) == (0, 2)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 1))
def test_a_quantile_is_a_value_with_its_share_at_or_below_it(
    values: list[float], share: float
) -> None:
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert found in ordered
    assert sum(one <= found for one in ordered) >= share * len(ordered)
    assert sum(one < found for one in ordered) < share * len(ordered)


def test_a_quantile_of_nothing_is_none() -> None:
    assert quantile([], 0.5) is None


def test_a_histogram_keeps_the_latest_until_they_are_taken() -> None:
    metrics = Metrics()
    for number in range(KEPT_MAX + 5):
        metrics.commit_seconds.observe(float(number))
    assert metrics.commit_seconds.take() == [float(one) for one in range(5, KEPT_MAX + 5)]
    assert metrics.commit_seconds.take() == []
    read = metrics.registry.get_sample_value
    assert read("threadcast_commit_seconds_count") == KEPT_MAX + 5


async def test_percentiles_are_of_commits_that_stored_events(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        metrics, view = world.node.metrics, world.node.operators.view
        await view.step()
        for events, took_s, sent_s in [(0, 9.0, 9.0)] * 50 + [(4, 0.002, 0.001), (8, 0.004, 0.03)]:
            metrics.commit_events.observe(events)
            metrics.commit_seconds.observe(took_s)
            metrics.commit_to_send_seconds.observe(sent_s)
        await view.step()
        columns = view.series(0).node
    measured = {
        name: [one for one in getattr(columns, name) if one is not None]
        for name in ("commit_events_p50", "commit_ms_p50", "commit_ms_p99", "send_ms_p999")
    }
    assert measured == {
        "commit_events_p50": [4],
        "commit_ms_p50": [2],
        "commit_ms_p99": [4],
        "send_ms_p999": [30],
    }


async def summary(tmp_path: Path, **changes: Any) -> NodeSummary:
    """A summary of a server, with some of it changed."""
    async with running(tmp_path) as world:
        await world.node.operators.view.step()
        return msgspec.structs.replace(world.node.operators.summaries.now(), **changes)


async def test_a_summary_is_small_whatever_has_happened(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        longest = "u" * USER_ID_MAX_CHARACTERS
        for code in ERRORS:
            world.node.metrics.refusals.labels(code).inc(1_000_000)
            world.node.operators.failed_runs.add(
                RunFailure(fresh_id("run"), longest, "a" * 64, code)
            )
        metrics = world.node.metrics
        for number in range(KEPT_MAX):
            for kept in (
                metrics.commit_events,
                metrics.commit_seconds,
                metrics.commit_to_send_seconds,
            ):
                kept.observe(1.005**number / 1_000)
        await world.node.operators.view.step()
        encoded = world.node.operators.summaries.encoded()
    assert len(encoded) < SUMMARY_MAX_BYTES
    said = msgspec.json.decode(encoded, type=NodeSummary)
    assert (len(said.refusals), len(said.failures), len(said.failed_runs)) == (40, 40, 10)


def row(node_id: str, said: NodeSummary | str | None, *, left_s: float = 5.0) -> NodeRow:
    """A node as the store has it."""
    text = said if said is None or isinstance(said, str) else msgspec.json.encode(said).decode()
    return NodeRow(node_id, "1.2.3", "all", 60.0, left_s, 0, 0, text)


async def five_nodes(folder: Path) -> list[NodeOverview]:
    """Two that are well, one that was lost, and two of which nothing can be read."""
    told = ToldRule(at=7.0, rule="run_success", change="firing", value=0.5, threshold=0.99)
    firing = FiringRule(rule="run_success", severity="high", since=7.0, value=0.5, threshold=0.99)
    newer = msgspec.structs.replace(firing, rule="of_a_newer_version", severity="critical")
    busy = await summary(
        folder, connections=3, users=2, runs=1, firing=[firing, newer], told=[told]
    )
    behind = [
        LaggingReader(user=f"u-{one}", connection_id="c", lag_events=9, since=float(one))
        for one in range(15)
    ]
    failed = [
        FailedRun(run_id=f"run-{at}", user="ann", agent="one", code="timed_out", at=float(at))
        for at in range(30)
    ]
    by_code = [CodeCount(code="timed_out", total=30, recent=3, last_at=29.0)]
    busy = msgspec.structs.replace(
        busy, lagging_readers=behind[5:], failures=by_code, failed_runs=failed
    )
    quiet = msgspec.structs.replace(
        busy, connections=4, firing=[], told=[], lagging_readers=[*behind, *behind]
    )
    return [
        overview.node_of(one)
        for one in (
            row("node-1", busy),
            row("node-2", quiet),
            row("node-3", busy, left_s=-1.0),
            row("node-4", None),
            row("node-5", '{"of": "a version that says it otherwise"}'),
        )
    ]


async def test_many_nodes_are_one(tmp_path: Path) -> None:
    nodes = await five_nodes(tmp_path)
    assert [one.summary is None for one in nodes] == [False, False, False, True, True]
    totals = overview.totals_of(nodes)
    assert (totals.nodes_alive, totals.nodes_lost) == (4, 1)
    assert (totals.connections, totals.users, totals.runs) == (7, 4, 2)
    assert not totals.users_once
    counted = overview.totals_of(nodes, users=3)
    assert (counted.users, counted.users_once) == (3, True)
    assert overview.totals_of(nodes[:1]).users_once
    found = overview.firing_of(nodes)
    assert [(one.node_id, one.rule, one.good) for one in found] == [
        ("node-1", "of_a_newer_version", "at_most"),
        ("node-1", "run_success", "at_least"),
    ]
    assert found[1].advice
    assert [one.was for one in found] == ["", "Too many runs failed."]
    history = overview.told_of(nodes)
    assert [one.node_id for one in history] == ["node-1", "node-3"]
    assert history[0].was == "Too many runs failed."
    assert overview.safety_of(nodes).foreign_deliveries == 0


async def test_the_worst_of_many_nodes(tmp_path: Path) -> None:
    nodes = await five_nodes(tmp_path)
    slowest = overview.lagging_of(nodes)
    assert len(slowest) == overview.LAGGING_MAX
    assert [(one.node_id, one.user) for one in slowest[:2]] == [("node-2", "u-0")] * 2
    [timed_out] = overview.failures_of(nodes)
    assert (timed_out.code, timed_out.total, timed_out.recent) == ("timed_out", 60, 6)
    latest = overview.failed_of(nodes)
    assert len(latest) == FAILED_MAX
    assert [(one.node_id, one.run_id) for one in latest[:3]] == [
        (f"node-{number}", "run-29") for number in (1, 2, 3)
    ]


async def test_a_node_that_came_back_to_its_place_has_the_age_that_it_says(tmp_path: Path) -> None:
    said = await summary(tmp_path)
    for age_s, age in ((660.0, 660.0), (3.0, 60.0), (None, 60.0)):
        found = overview.node_of(row("node-1", msgspec.structs.replace(said, age_s=age_s)))
        assert (found.age_s, found.joined_s) == (age, 60.0)


@pytest.mark.parametrize(("count", "complete"), [(7, True), (LIVE_RUNS_COUNTED_MAX, False)])
def test_runs_by_status(count: int, complete: bool) -> None:
    counted = LiveRunCount(RunStatus.QUEUED, None, count, "run_x", "ann", 12.0)
    found = overview.runs_of([counted], 20.0)
    assert [(one.status, one.count) for one in found.states] == [
        ("queued", count),
        ("running", 0),
        ("waiting", 0),
    ]
    assert found.states[0].oldest is not None
    assert (found.states[0].oldest.user, found.complete) == ("ann", complete)
