"""What the server counts and times, as Prometheus metrics in a registry of its own.

One `Metrics` is made by the composition root and handed down; labels are from closed sets, so that
no user's data becomes a label.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

_LATENCY_BUCKETS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
)  # fmt: skip
CLOSED_SETS: dict[str, tuple[str, ...]] = {
    "connects": ("accepted", "refused", "failed"),
    "credentials": ("accepted", "refused"),
    "resumes": ("continued", "new_feed", "cursor_ahead", "diverged", "trimmed", "failed"),
    "hint_gaps": ("hint", "read"),
    "thread_lookups_failed": ("bad_id", "legacy_id", "not_found"),
    "runs": ("completed", "failed", "cancelled", "lost", "handed_over", "given_up"),
    "claims": ("claimed", "nothing"),
    "take_overs": ("requeued", "ended"),
    "bus_dropped": ("disconnected", "full", "too_large"),
    "ingested": ("stored", "duplicate", "refused"),
    "bus_ignored": ("too_large", "version", "forged", "schema", "foreign"),
}
"""The label's values of these counters. They begin at 0: a rate needs a value before the first."""

KEPT_MAX = 4_096
"""How many observations a `KeepingHistogram` keeps."""

_BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class ReadCounter(Collector):
    """A counter that costs nothing where it counts: its source is read when it is asked for.

    Attributes:
        source: gives the count; to be set by whoever counts.
    """

    def __init__(self, name: str, documentation: str, *, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self.source: Callable[[], float] = float
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """The counter as it is now."""
        yield CounterMetricFamily(self._name, self._documentation, value=self.source())


class KeepingHistogram(Histogram):
    """A histogram that also keeps what was observed last, for percentiles that buckets blur.

    At most `KEPT_MAX` observations are kept until they are taken; the latest stay.
    """

    def __init__(self, name: str, documentation: str, **options: Any) -> None:
        self._kept: deque[float] = deque(maxlen=KEPT_MAX)
        super().__init__(name, documentation, **options)

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Count one observation, and keep it."""
        super().observe(amount, exemplar)
        self._kept.append(amount)

    def take(self) -> list[float]:
        """What was observed since the last call, in order; the latest `KEPT_MAX` of it."""
        kept = list(self._kept)
        self._kept.clear()
        return kept


class Metrics:
    """All metrics of one node."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._connections()
        self._consistency()
        self._checks()
        self._journal()
        self._runs()
        self._bus()
        self._alerts()
        self._node()
        for name, values in CLOSED_SETS.items():
            for value in values:
                getattr(self, name).labels(value)

    def count_connect_refused(self, *, failed: bool) -> None:
        """Count an attempt that did not succeed.

        Args:
            failed: the server is at fault and not the client; such attempts count against
                connect success.
        """
        self.connects.labels("failed" if failed else "refused").inc()

    def _connections(self) -> None:
        self.connections = Gauge(
            "threadcast_connections", "Live connections.", registry=self.registry
        )
        self.connects = Counter(
            "threadcast_connects", "Connection attempts by outcome.", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.credentials = Counter(
            "threadcast_credentials", "Credentials that were verified, by outcome.", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.resumes = Counter(
            "threadcast_resumes", "Attaches with a cursor, by outcome.", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.refusals = Counter(
            "threadcast_refusals", "Refused requests and commands by code.", ["code"],
            registry=self.registry,
        )  # fmt: skip
        self.arrivals = Gauge(
            "threadcast_arrivals",
            "Clients that authenticate or catch up for the first time.", registry=self.registry,
        )  # fmt: skip
        self.arrivals_postponed = Counter(
            "threadcast_arrivals_postponed",
            "Connections and attaches that were told to retry later.", registry=self.registry,
        )  # fmt: skip
        self.catch_ups_waiting = Gauge(
            "threadcast_catch_ups_waiting", "Readers that wait for their turn to read a journal.",
            registry=self.registry,
        )  # fmt: skip
        self.hint_gaps = Counter(
            "threadcast_hint_gaps",
            "Gaps between hints, by what filled them: a late hint, or a read.",
            ["filled_by"], registry=self.registry,
        )  # fmt: skip
        self.lagging = Gauge(
            "threadcast_lagging_readers", "Readers that are behind their journal's head.",
            registry=self.registry,
        )  # fmt: skip
        self.lags = Counter(
            "threadcast_lags", "Times a live reader fell behind.", registry=self.registry,
        )  # fmt: skip
        self.oldest_catch_up_seconds = Gauge(
            "threadcast_oldest_catch_up_seconds",
            "Age of the oldest catch-up under way.", registry=self.registry,
        )  # fmt: skip
        self.foreign_deliveries = Counter(
            "threadcast_foreign_deliveries", "Events stopped before another user's connection.",
            registry=self.registry,
        )  # fmt: skip
        self.thread_lookups_failed = Counter(
            "threadcast_thread_lookups_failed", "Thread lookups that failed, by reason.",
            ["reason"], registry=self.registry,
        )  # fmt: skip
        self.legacy_id_uses = Counter(
            "threadcast_legacy_id_uses", "Uses of legacy thread ids, by entrance.",
            ["entrance"], registry=self.registry,
        )  # fmt: skip

    def _consistency(self) -> None:
        self.consistency_snapshots = Counter(
            "threadcast_consistency_snapshots", "Times the ids of a context were recorded.",
            registry=self.registry,
        )  # fmt: skip
        self.consistency_violations = Counter(
            "threadcast_consistency_violations", "Ids that drifted, by severity.", ["severity"],
            registry=self.registry,
        )  # fmt: skip

    def _checks(self) -> None:
        self.id_checks = ReadCounter(
            "threadcast_id_checks", "Requests whose ids were examined.", registry=self.registry
        )
        self.id_violations = Counter(
            "threadcast_id_violations", "Invalid ids in requests, by kind and place.",
            ["kind", "place"], registry=self.registry,
        )  # fmt: skip
        self.tolerated = Counter(
            "threadcast_tolerated", "Violations that a check in mode warn let pass, by setting.",
            ["check"], registry=self.registry,
        )  # fmt: skip

    def _journal(self) -> None:
        self.events = Counter(
            "threadcast_events", "Events committed by this node.", registry=self.registry
        )
        self.deliveries = Counter(
            "threadcast_deliveries", "Events handed to connections.", registry=self.registry
        )
        self.commit_events = KeepingHistogram(
            "threadcast_commit_events", "Events per commit.", buckets=_BATCH_BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self.commit_seconds = KeepingHistogram(
            "threadcast_commit_seconds", "Time of a commit.", buckets=_LATENCY_BUCKETS_S,
            registry=self.registry,
        )  # fmt: skip
        self.commit_to_send_seconds = KeepingHistogram(
            "threadcast_commit_to_send_seconds",
            "From the end of a commit to the last live socket write of its events.",
            buckets=_LATENCY_BUCKETS_S, registry=self.registry,
        )  # fmt: skip
        self.commit_failures = Counter(
            "threadcast_commit_failures", "Commits that failed, by code.", ["code"],
            registry=self.registry,
        )  # fmt: skip
        self.ingested = Counter(
            "threadcast_ingested", "Events of other services, by outcome.", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.head_poll_seconds = Histogram(
            "threadcast_head_poll_seconds", "Time of a poll of attached users' heads.",
            buckets=_LATENCY_BUCKETS_S, registry=self.registry,
        )  # fmt: skip
        self.queued_units = Gauge(
            "threadcast_append_queue_units", "Appends that wait for a commit.",
            registry=self.registry,
        )  # fmt: skip

    def _runs(self) -> None:
        self.run_failures = Counter(
            "threadcast_run_failures", "Runs that failed, by code.", ["code"],
            registry=self.registry,
        )  # fmt: skip
        self.runs_active = Gauge(
            "threadcast_runs_active", "Runs that this node executes now.", registry=self.registry
        )
        self.runs = Counter(
            "threadcast_runs", "Runs that ended here, by outcome.", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.claims = Counter(
            "threadcast_claims", "Claims of this node for waiting runs, by whether they found any.",
            ["outcome"], registry=self.registry,
        )  # fmt: skip
        self.take_overs = Counter(
            "threadcast_take_overs", "Runs taken over from a lost node, by outcome.",
            ["outcome"], registry=self.registry,
        )  # fmt: skip
        self.loop_blocked_seconds = Histogram(
            "threadcast_loop_blocked_seconds", "How long the event loop was blocked.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30), registry=self.registry,
        )  # fmt: skip

    def _bus(self) -> None:
        self.bus_connected = Gauge(
            "threadcast_bus_connected",
            "1 while hints can reach other nodes, or where there is no bus; else 0.",
            registry=self.registry,
        )  # fmt: skip
        self.bus_published = Counter(
            "threadcast_bus_published", "Hints that were sent to other nodes.",
            registry=self.registry,
        )  # fmt: skip
        self.bus_received = Counter(
            "threadcast_bus_received", "Hints that came from other nodes.",
            registry=self.registry,
        )  # fmt: skip
        self.bus_dropped = Counter(
            "threadcast_bus_dropped", "Hints that could not be sent, by reason.", ["reason"],
            registry=self.registry,
        )  # fmt: skip
        self.bus_ignored = Counter(
            "threadcast_bus_ignored", "Messages on the bus that were ignored, by reason.",
            ["reason"], registry=self.registry,
        )  # fmt: skip

    def _alerts(self) -> None:
        self.alerts_firing = Gauge(
            "threadcast_alerts_firing", "1 while an alert's rule fires, else 0.",
            ["rule", "severity"], registry=self.registry,
        )  # fmt: skip
        self.alert_notifications = Counter(
            "threadcast_alert_notifications", "Notifications to each sink, by outcome.",
            ["sink", "outcome"], registry=self.registry,
        )  # fmt: skip

    def _node(self) -> None:
        self.node_info = Gauge(
            "threadcast_node_info", "1, with this node's role and version.", ["role", "version"],
            registry=self.registry,
        )  # fmt: skip

    def exposition(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)
