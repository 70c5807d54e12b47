"""The last hour of each node and of all: spreads are added, steps are told, rings are bounded."""

from __future__ import annotations

from math import inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.errors import ThreadcastError
from threadcast.operators.hours import OTHERS_MAX, Hours
from threadcast.operators.last_step import LastStep, last_step_of, together
from threadcast.operators.rises import quantile
from threadcast.operators.spreads import Spread, joined, quantile_of, spread_of
from threadcast.store.records import NodeRow

VALUES = st.lists(st.floats(0.002, 1e6), min_size=1)
NEARLY = 0.05


@given(VALUES, VALUES, st.floats(0.001, 1))
def test_a_quantile_of_joined_spreads_is_that_of_all_values_within_5_percent(
    some: list[float], others: list[float], share: float
) -> None:
    found = quantile_of(joined([spread_of(sorted(some)), spread_of(sorted(others))]), share)
    exact = quantile(sorted([*some, *others]), share)
    assert found == pytest.approx(exact, rel=NEARLY)


@given(st.lists(st.floats(-inf, inf)))
def test_a_spread_is_bounded_and_survives_encoding(values: list[float]) -> None:
    spread = spread_of(sorted(values))
    assert sum(count for _, count in spread) == len(values)
    assert len(spread) <= 244
    assert msgspec.json.decode(msgspec.json.encode(spread), type=Spread) == spread


def test_a_quantile_of_nothing_is_none() -> None:
    assert quantile_of([], 0.99) is None


def step(*took_ms: float, **columns: float) -> LastStep:
    """A step with these commits."""
    return LastStep.of(columns, [1.0] * len(took_ms), took_ms, took_ms)


def row(said: object, *, left_s: float = 5.0) -> NodeRow:
    text = said if isinstance(said, str) else msgspec.json.encode({"last_step": said}).decode()
    return NodeRow("node-2", "1.2.3", "all", 60.0, left_s, 0, 0, text)


def test_steps_are_read_back_as_written_and_of_live_nodes_only() -> None:
    told = step(1.0, 2.0, users=3.0)
    assert last_step_of(row(told)) == told
    assert last_step_of(row(told, left_s=0.0)) is None
    for strange in ("{}", "nonsense", '{"last_step": {"send_ms": [[1000000, 1]]}}'):
        assert last_step_of(row(strange)) is None


def test_steps_of_many_are_one() -> None:
    quick = step(*[1.0] * 98, users=3.0, refusals_per_s=0.5, loop_lag_ms=2.0)
    slow = step(100.0, 100.0, users=4.0, loop_lag_ms=80.0, bus_ping_ms=1.0)
    both = together([quick, slow])
    assert (both["users"], both["refusals_per_s"]) == (7.0, 0.5)
    assert (both["loop_lag_ms"], both["bus_ping_ms"]) == (80.0, 1.0)
    assert "database_ping_ms" not in both
    assert both["send_ms_p50"] == pytest.approx(1.0, rel=NEARLY)
    assert both["commit_ms_p99"] == pytest.approx(100.0, rel=NEARLY)
    assert both["commit_events_p99"] == 1
    assert together([slow])["send_ms_p99"] == 100.0


def test_each_node_has_its_hour_and_all_have_one() -> None:
    hours = Hours("node-1", step_s=5.0)
    hours.take(5.0, step(2.0, users=1.0), {"node-2": step(9.0, users=2.0)}, {"nodes": 2})
    hours.take(10.0, step(users=3.0), None, {})
    hours.take(15.0, step(users=1.0), {}, {"nodes": 1})
    own, other = hours.series(0.0), hours.series(6.0, "node-2")
    assert (own.node_id, own.of_node_id, own.at) == ("node-1", "node-1", [5.0, 10.0, 15.0])
    assert own.node.send_ms_p50 == [2.0, None, None]
    assert own.cluster.users == [3.0, None, 1.0]
    assert own.cluster.nodes == [2, None, 1]
    assert own.cluster.send_ms_p99[0] == pytest.approx(9.0, rel=NEARLY)
    assert (other.of_node_id, other.at) == ("node-2", [10.0, 15.0])
    assert other.node.users == [None, None]
    assert hours.series(0.0, "node-2").node.users == [2.0, None, None]


def test_a_node_that_nobody_heard_of_is_not_found() -> None:
    hours = Hours("node-1", step_s=5.0)
    hours.take(5.0, step(), {"node-2": step()}, {})
    with pytest.raises(ThreadcastError, match="node_id") as refused:
        hours.series(0.0, "node-3")
    assert refused.value.code == "not_found"
    hours.take(3_700.0, step(), {}, {})
    with pytest.raises(ThreadcastError):
        hours.series(0.0, "node-2")


def test_of_many_nodes_those_heard_of_last_are_kept() -> None:
    hours = Hours("node", step_s=5.0)
    for number in range(OTHERS_MAX + 2):
        hours.take(float(number), step(), {f"node-{number}": step()}, {})
    for gone in (0, 1):
        with pytest.raises(ThreadcastError):
            hours.series(0.0, f"node-{gone}")
    assert hours.series(0.0, "node-2").of_node_id == "node-2"
