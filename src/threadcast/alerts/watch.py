"""Watches a running server: samples its metrics, judges them by the rules, notifies the sinks.

One step takes about a millisecond and waits for nothing. A rule is notified once when it fires,
again after each reminder interval, and once when it has recovered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from ..clock import Clock
from ..ids import UnifiedIdGenerator
from ..metrics import Metrics
from ..settings import Settings
from ..tasks import OwnedTasks, set_within
from .courier import Courier
from .judging import Change, Watched, faults_of, is_met, read
from .measures import sample_names
from .notification import notification_of
from .rules import RULES, WINDOW_MAX_S, thresholds
from .samples import Samples, take
from .sinks import sinks_of

__all__ = ["AlertWatch", "Told"]

_HISTORY_MAX = 200
_NAMES = frozenset().union(*(sample_names(rule.measure) for rule in RULES))


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the history: what was said about a rule, and when (seconds since the epoch).

    Attributes:
        began_at, last_at: when its cause began, and when there was one last: long before it
            has recovered.
    """

    rule: str
    change: Change
    at: float
    value: float | None
    threshold: float
    began_at: float
    last_at: float | None


class AlertWatch:
    """Watches the metrics of one node.

    Args:
        metrics: what is watched; `alerts_firing` is set here.
        couriers: one for each sink.
        clock: wall time and monotonic time.
        node: this node's id, said in notifications.
        enabled: whether rules are judged at all.
        thresholds: of every rule, by name.
        sample_s: time between two steps, in seconds.
        reminder_s: time between reminders of a rule that still fires, in seconds.

    Attributes:
        enabled, thresholds: can be set while it runs; they hold from the next step on.
        watched: every rule as it stands.
        history: the last 200 notifications, the latest last.
        sampled_at: when the metrics were last sampled, seconds since the epoch.

    The caller calls `start` on the loop and awaits `close` when done.
    """

    def __init__(
        self,
        metrics: Metrics,
        couriers: Sequence[Courier],
        clock: Clock,
        node: str,
        *,
        enabled: bool,
        thresholds: Mapping[str, float],
        sample_s: float,
        reminder_s: float,
    ) -> None:
        self.enabled = enabled
        self.thresholds = thresholds
        self.couriers = tuple(couriers)
        self.watched: tuple[Watched, ...] = ()
        self.history: deque[Told] = deque(maxlen=_HISTORY_MAX)
        self.sampled_at: float | None = None
        self._metrics = metrics
        self._clock = clock
        self._node = node
        self._sample_s = sample_s
        self._reminder_s = reminder_s
        self._samples = Samples(WINDOW_MAX_S)
        self._look = asyncio.Event()
        self._tasks = OwnedTasks("watch over alerts")
        self._begin_anew()

    @classmethod
    def from_settings(cls, settings: Settings, metrics: Metrics, clock: Clock, node: str) -> Self:
        """A watch with the sinks and thresholds that the settings give."""
        return cls(
            metrics,
            [Courier(sink, clock, metrics) for sink in sinks_of(settings, clock)],
            clock,
            node,
            enabled=settings.alerts,
            thresholds=thresholds(settings.alert_thresholds),
            sample_s=settings.alert_sample_s,
            reminder_s=settings.alert_reminder_s,
        )

    def take_settings(self, settings: Settings) -> None:
        """Judge by these settings from the next step on."""
        self.enabled = settings.alerts
        self.thresholds = thresholds(settings.alert_thresholds)

    def start(self) -> None:
        """Take the first sample and go on in a task; once."""
        self.step()
        self._tasks.start(self._run())

    async def close(self) -> None:
        """End the task; notifications under way get one more second."""
        await self._tasks.close()
        await asyncio.gather(*(courier.close() for courier in self.couriers))

    def poll_now(self) -> None:
        """Run a step now: something happened that cannot wait for the next one."""
        self._look.set()

    def step(self) -> None:
        """Take a sample, judge every rule, notify what changed."""
        if not self.enabled:
            if len(self._samples):
                self._begin_anew()
            return
        at, now = self._clock.monotonic(), self._clock.now()
        self._samples.add(take(self._metrics.registry, _NAMES, at=at))
        self.sampled_at = now
        for watched in self.watched:
            watched.count(faults_of(watched.rule, self._samples.latest), now)
            reading = read(watched.rule, self._samples)
            met = is_met(watched.rule, self.thresholds[watched.rule.name], reading)
            change = watched.step(reading, met=met, at=at, now=now, reminder_s=self._reminder_s)
            if change is not None:
                self._tell(watched, change, now)

    async def _run(self) -> None:
        while True:
            await set_within(self._look, self._sample_s)
            self._look.clear()
            self.step()

    def _begin_anew(self) -> None:
        """Drop all samples; nothing fires."""
        self.watched = tuple(Watched(rule) for rule in RULES)
        self._samples = Samples(WINDOW_MAX_S)
        self.sampled_at = None
        for rule in RULES:
            self._metrics.alerts_firing.labels(rule.name, rule.severity).set(0)

    def _tell(self, watched: Watched, change: Change, now: float) -> None:
        rule, reading = watched.rule, watched.reading
        value = None if reading is None else reading.value
        threshold = self.thresholds[rule.name]
        firing = self._metrics.alerts_firing.labels(rule.name, rule.severity)
        firing.set(0 if change == "recovered" else 1)
        self.history.append(
            Told(rule.name, change, now, value, threshold, watched.met_since, watched.last_at)
        )
        notification = notification_of(
            rule,
            change,
            value=value,
            threshold=threshold,
            since=watched.met_since,
            at=now,
            node=self._node,
            notification_id=UnifiedIdGenerator.generate_base_id("alert"),
        )
        for courier in self.couriers:
            courier.take(notification)
