"""A node's figures, measured in steps of a few seconds.

A step reads existing counters and takes about a millisecond; events, commits and connections pay
nothing for it. Percentiles are exact, from the observations of commits (see `KeepingHistogram`).
One small read of the store per step is the ping. Memory is bounded by the table of errors and the
number of nodes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..alerts.measures import Series
from ..alerts.samples import Sample, take
from ..bus import Bus
from ..clock import Clock
from ..delivery.websocket_manager import WebSocketManager
from ..errors import ThreadcastError
from ..metrics import Metrics
from ..store import Store
from ..store.records import NodeRow
from ..upkeep.watchdog import NO_HOLD, Watchdog
from ..wire.overview_models import PartHealth
from .last_step import LastStep
from .rises import Rises

__all__ = ["STEP_S", "Figures"]

STEP_S = 5.0
_RECENT_S = 300.0
_MS = 1_000.0

_COUNTED = {
    "events": Series("threadcast_events_total"),
    "deliveries": Series("threadcast_deliveries_total"),
    "commits": Series("threadcast_commit_seconds_count"),
    "connects": Series("threadcast_connects_total", "outcome", ("accepted",)),
    "resumes": Series("threadcast_resumes_total"),
    "runs_ended": Series("threadcast_runs_total", "outcome", ("completed", "failed", "cancelled")),
    "runs_failed": Series("threadcast_runs_total", "outcome", ("failed",)),
    "requeued": Series("threadcast_take_overs_total", "outcome", ("requeued",)),
    "ended": Series("threadcast_take_overs_total", "outcome", ("ended",)),
    "foreign_deliveries": Series("threadcast_foreign_deliveries_total"),
    "id_checks": Series("threadcast_id_checks_total"),
    "id_violations": Series("threadcast_id_violations_total"),
    "snapshots": Series("threadcast_consistency_snapshots_total"),
    "drifts": Series("threadcast_consistency_violations_total"),
}
_LEVELS = {
    "connections": Series("threadcast_connections"),
    "lagging": Series("threadcast_lagging_readers"),
    "oldest_catch_up_s": Series("threadcast_oldest_catch_up_seconds"),
    "runs": Series("threadcast_runs_active"),
    "queued_units": Series("threadcast_append_queue_units"),
}
_REFUSALS = "threadcast_refusals_total"
_FAILURES = "threadcast_run_failures_total"
_NAMES = frozenset(
    {one.name for one in (*_COUNTED.values(), *_LEVELS.values())} | {_REFUSALS, _FAILURES}
)

log = logging.getLogger(__name__)


class _Part:
    """Whether database or bus can be used, and since when."""

    def __init__(self, now: float) -> None:
        self.health = PartHealth(ok=True, since=now, ping_ms=None)

    def take(self, now: float, *, ok: bool, ping_s: float | None) -> None:
        since = self.health.since if ok == self.health.ok else now
        ping_ms = None if ping_s is None else ping_s * _MS
        self.health = PartHealth(ok=ok, since=since, ping_ms=ping_ms)


class Figures:
    """Measures one node, step by step.

    Args:
        metrics: the node's counters.
        store: is pinged, and gives other nodes' rows.
        bus: gives its state.
        manager: knows the number of users here.
        watchdog: knows how long the loop was blocked.
        clock: wall time and monotonic time.

    Attributes:
        rises: increments of counters.
        refusals: how many requests were refused, by code.
        failures: how many runs failed, by code.
        last_step: of this node.
        hold: the longest time in it for which the loop was held.
        nodes: all nodes, as last read from the store.
        oldest_catch_up_s: of the last step.

    The caller awaits `step` every `STEP_S` seconds, and `ping` if the last one is too old.
    """

    def __init__(
        self,
        metrics: Metrics,
        store: Store,
        bus: Bus,
        manager: WebSocketManager,
        watchdog: Watchdog,
        clock: Clock,
    ) -> None:
        self._metrics = metrics
        self._store = store
        self._bus = bus
        self._manager = manager
        self._watchdog = watchdog
        self._clock = clock
        recent_steps = round(_RECENT_S / STEP_S)
        self.rises = Rises(recent_steps)
        self.refusals = Rises(recent_steps)
        self.failures = Rises(recent_steps)
        self.last_step = LastStep()
        self.hold = NO_HOLD
        self.nodes: Sequence[NodeRow] = ()
        self.oldest_catch_up_s = 0.0
        self._database, self._bus_part = _Part(clock.now()), _Part(clock.now())
        self._step_at = clock.monotonic()

    @property
    def database(self) -> PartHealth:
        """State of the database as of the last step."""
        return self._database.health

    @property
    def bus(self) -> PartHealth | None:
        """State of the bus as of the last step; None without one."""
        return None if self._bus.name is None else self._bus_part.health

    async def step(self) -> float:
        """Measure one step; returns its end in wall time."""
        await self.ping()
        self.hold = self._watchdog.take_longest()
        now, monotonic = self._clock.now(), self._clock.monotonic()
        took_s, self._step_at = max(monotonic - self._step_at, 1e-3), monotonic
        sample = take(self._metrics.registry, _NAMES, at=monotonic)
        self.last_step = self._measured(sample, now, took_s)
        return now

    async def ping(self) -> None:
        """Ping database and bus, and read the nodes' rows.

        While the database does not answer, `nodes` keeps its last value.
        """
        began_at = self._clock.monotonic()
        took_s: float | None = None
        try:
            self.nodes = await self._store.nodes()
            took_s = self._clock.monotonic() - began_at
        except ThreadcastError as error:
            log.debug("the store has no answer: %s", error.code)
        ok = took_s is not None and self._store.healthy
        self._database.take(self._clock.now(), ok=ok, ping_s=took_s)
        self._bus_part.take(
            self._clock.now(), ok=self._bus.connected, ping_s=self._bus.round_trip_s
        )

    def _measured(self, sample: Sample, now: float, took_s: float) -> LastStep:
        risen = self.rises.take(now, {name: sample.total(one) for name, one in _COUNTED.items()})
        refused = self.refusals.take(now, _by_code(sample, _REFUSALS))
        self.failures.take(now, _by_code(sample, _FAILURES))
        levels = {name: sample.total(one) for name, one in _LEVELS.items()}
        self.oldest_catch_up_s = levels.pop("oldest_catch_up_s")
        rates = {
            "events_in_per_s": risen.get("events", 0.0),
            "events_out_per_s": risen.get("deliveries", 0.0),
            "commits_per_s": risen.get("commits", 0.0),
            "connects_per_s": risen.get("connects", 0.0),
            "resumes_per_s": risen.get("resumes", 0.0),
            "refusals_per_s": sum(refused.values()),
            "runs_ended_per_s": risen.get("runs_ended", 0.0),
            "runs_failed_per_s": risen.get("runs_failed", 0.0),
        }
        values = {
            **levels,
            **{name: count / took_s for name, count in rates.items()},
            "users": float(self._manager.user_count),
            "loop_lag_ms": self.hold.held_s * _MS,
            "database_ping_ms": self.database.ping_ms,
            "bus_ping_ms": None if self.bus is None else self.bus.ping_ms,
            "take_overs": risen.get("requeued", 0.0) + risen.get("ended", 0.0),
            "foreign_deliveries": risen.get("foreign_deliveries", 0.0),
            "id_violations": risen.get("id_violations", 0.0),
        }
        return LastStep.of(values, *self._commits())

    def _commits(self) -> tuple[list[float], list[float], list[float]]:
        """Of commits that stored events: event counts, commit times and send times.

        Each commit leaves one observation in all three.
        """
        metrics = self._metrics
        observed = (metrics.commit_events, metrics.commit_seconds, metrics.commit_to_send_seconds)
        commits = [one for one in zip(*(kept.take() for kept in observed), strict=False) if one[0]]
        return (
            [events for events, _, _ in commits],
            [took_s * _MS for _, took_s, _ in commits],
            [sent_s * _MS for _, _, sent_s in commits],
        )


def _by_code(sample: Sample, name: str) -> dict[str, float]:
    return {labels["code"]: total for labels, total in sample.values.get(name, ())}
