"""The last check before a socket: does every event belong to the connection's user?

Isolation does not rest on it: sessions read one user's rows, and a connection has one journal. It
is defence in depth against a bug of ours, of a store or of a bus. What it stops is counted, logged
and alerted on at once. It knows neither cursors nor sockets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ..context import UserExecutionContext
from ..events import JournalEvent
from ..metrics import Metrics

log = logging.getLogger(__name__)


class DeliveryGuard:
    """Passes a user's own events and no others. One per node.

    Args:
        metrics: `foreign_deliveries` counts what is stopped.
        on_foreign: called when something was stopped; must not raise.
    """

    def __init__(self, metrics: Metrics, on_foreign: Callable[[], None]) -> None:
        self._metrics = metrics
        self._on_foreign = on_foreign

    def passes(self, context: UserExecutionContext, events: Sequence[JournalEvent]) -> bool:
        """Whether all events are of the context's user; if not, none of them may be sent.

        The caller then sends nothing more to that reader and ends its connection.
        """
        user_id = context.user_id
        for event in events:
            if event.address.user_id != user_id:
                self._stop(context, events)
                return False
        return True

    def _stop(self, context: UserExecutionContext, events: Sequence[JournalEvent]) -> None:
        foreign = [event for event in events if event.address.user_id != context.user_id]
        self._metrics.foreign_deliveries.inc(len(foreign))
        log.critical(
            "%d events of another user were stopped before %s; the first: seq %d of thread %s",
            len(foreign),
            context.connection_id or context.request_id,
            foreign[0].seq,
            foreign[0].address.thread_id,
        )
        self._on_foreign()
