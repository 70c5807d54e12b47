"""A node's last step as reported to other nodes, and the aggregation of several. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ..store.records import NodeRow
from .ring import DIGITS
from .rises import quantile
from .spreads import Spread, joined, quantile_of, spread_of

__all__ = ["LastStep", "last_step_of", "together"]

_ADDED = (
    *("connections", "users", "lagging", "runs"),
    *("events_in_per_s", "events_out_per_s", "commits_per_s"),
    *("refusals_per_s", "runs_failed_per_s"),
)
_WORST = ("loop_lag_ms", "database_ping_ms", "bus_ping_ms")
_SHARES = {
    "commit_events": {"p50": 0.5, "p99": 0.99},
    "commit_ms": {"p50": 0.5, "p99": 0.99},
    "send_ms": {"p50": 0.5, "p99": 0.99, "p999": 0.999},
}


class LastStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step, small enough to be stored with each renewal of a lease.

    Attributes:
        columns: values by the names of `NodeColumns`; absent ones were not measured.
        commit_events, commit_ms, send_ms: the histograms behind its percentiles.
    """

    columns: dict[str, float] = {}
    commit_events: Spread = []
    commit_ms: Spread = []
    send_ms: Spread = []

    @classmethod
    def of(
        cls,
        values: Mapping[str, float | None],
        commit_events: Sequence[float],
        commit_ms: Sequence[float],
        send_ms: Sequence[float],
    ) -> LastStep:
        """Build a step from its values and the observations of its commits."""
        observed = {
            "commit_events": sorted(commit_events),
            "commit_ms": sorted(commit_ms),
            "send_ms": sorted(send_ms),
        }
        measured = {**values, **dict(_exactly(observed))}
        return cls(
            columns={
                name: round(value, DIGITS) for name, value in measured.items() if value is not None
            },
            **{name: spread_of(ordered) for name, ordered in observed.items()},
        )


class _Said(msgspec.Struct):
    """The part of a summary that is read here."""

    last_step: LastStep


_decode = msgspec.json.Decoder(_Said).decode


def last_step_of(row: NodeRow) -> LastStep | None:
    """The last step of a living node; None if this version cannot read it."""
    if row.summary is None or row.lease_left_s <= 0:
        return None
    try:
        return _decode(row.summary).last_step
    except msgspec.DecodeError:
        return None


def together(steps: Sequence[LastStep]) -> dict[str, float]:
    """Aggregate nodes' steps: sums, maxima, and percentiles over all commits.

    Percentiles of one node are exact; those of several are within 5 %.
    """
    if len(steps) == 1:
        return steps[0].columns
    columns = [step.columns for step in steps]
    added = {name: sum(one.get(name, 0.0) for one in columns) for name in _ADDED}
    worst = {name: [one[name] for one in columns if name in one] for name in _WORST}
    return {
        **added,
        **{name: max(values) for name, values in worst.items() if values},
        **dict(_nearly(steps)),
    }


def _exactly(observed: Mapping[str, Sequence[float]]) -> Iterator[tuple[str, float | None]]:
    for name, ordered in observed.items():
        for title, share in _SHARES[name].items():
            yield f"{name}_{title}", quantile(ordered, share)


def _nearly(steps: Sequence[LastStep]) -> Iterator[tuple[str, float]]:
    for name, shares in _SHARES.items():
        spread = joined(getattr(step, name) for step in steps)
        for title, share in shares.items():
            value = quantile_of(spread, share)
            if value is not None:
                yield f"{name}_{title}", round(value) if name == "commit_events" else value
