"""Delivers notifications to one sink, with retries that do not hold up other notifications.

A sink that does not answer delays its own notifications only, and a bounded number of them. It
knows nothing of rules.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ..clock import Clock
from ..metrics import Metrics
from ..tasks import OwnedTasks
from .notification import Notification
from .sinks import Receipt, Sink

__all__ = ["Courier"]

log = logging.getLogger(__name__)

OUTCOMES = ("arrived", "failed", "dropped")
_RETRIES_S = (1.0, 5.0, 25.0)
_UNDER_WAY_MAX = 32
_LAST_WORDS_S = 1.0


class Courier:
    """Takes notifications for one sink.

    Args:
        sink: where they go.
        clock: wall time, for `last_at`.
        metrics: `alert_notifications` counts the outcomes.
        retries_s: how long to wait before each further attempt, in seconds.

    Attributes:
        arrived, failed: how many notifications did; dropped ones count as failed.
        last: the outcome of the last attempt.
        last_at: when that was, seconds since the epoch.

    The caller must await `close` when done.
    """

    def __init__(
        self, sink: Sink, clock: Clock, metrics: Metrics, *, retries_s: Sequence[float] = _RETRIES_S
    ) -> None:
        self.sink = sink
        self.arrived = self.failed = 0
        self.last: Receipt | None = None
        self.last_at: float | None = None
        self._clock = clock
        self._counts = {
            outcome: metrics.alert_notifications.labels(sink.name, outcome) for outcome in OUTCOMES
        }
        self._retries_s = retries_s
        self._tasks = OwnedTasks(f"notification to the {sink.name} sink")

    def take(self, notification: Notification) -> bool:
        """Start delivery; False when too many are under way, so that this one is dropped."""
        if len(self._tasks) >= _UNDER_WAY_MAX:
            self.failed += 1
            self._counts["dropped"].inc()
            text = "alert %s was dropped: %d notifications to the %s sink are under way"
            log.error(text, notification.rule, _UNDER_WAY_MAX, self.sink.name)
            return False
        self._tasks.start(self._bring(notification))
        return True

    async def delivered(self, bound_s: float) -> bool:
        """Wait until nothing is under way, at most `bound_s` seconds; whether nothing is."""
        return await self._tasks.finished(bound_s)

    async def close(self) -> None:
        """Give deliveries under way one more second, then cancel them."""
        await self.delivered(_LAST_WORDS_S)
        await self._tasks.close()

    async def _bring(self, notification: Notification) -> None:
        receipt = await self._attempt(notification)
        for wait_s in self._retries_s:
            if receipt.arrived or not receipt.retryable:
                break
            await asyncio.sleep(max(wait_s, receipt.retry_after_s))
            receipt = await self._attempt(notification)
        if receipt.arrived:
            self.arrived += 1
            self._counts["arrived"].inc()
            return
        self.failed += 1
        self._counts["failed"].inc()
        text = "alert %s could not be sent to the %s sink: %s"
        log.error(text, notification.rule, self.sink.name, receipt.detail)

    async def _attempt(self, notification: Notification) -> Receipt:
        receipt = await self.sink.send(notification)
        self.last, self.last_at = receipt, self._clock.now()
        return receipt
