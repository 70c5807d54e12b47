"""A bus and a store that keep their contracts but for one: they hand out another user's events."""

from __future__ import annotations

from pathlib import Path

from threadcast.bus import Hint, JournalGrew, LocalBus
from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.events import Address, JournalEvent
from threadcast.store_sqlite import SqliteStore
from threadcast.store_sqlite.sessions import SqliteSession

STOLEN = "a sentence of somebody else"


def stolen(event: JournalEvent, *, seq: int | None = None) -> JournalEvent:
    """An event of another user in the place of this one."""
    address = Address("somebody-else", event.address.thread_id, event.address.run_id)
    data = b'{"title":"%b"}' % STOLEN.encode()
    return JournalEvent(event.event_type, event.stamp, address, seq or event.seq, data)


class LyingBus(LocalBus):
    """Hints hold another user's event while `lies` is set.

    Attributes:
        lies: `first` puts it in the place of the first event, `last` behind the true ones.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lies = ""

    def publish(self, hint: Hint) -> None:
        """Pass a hint on, or a lie."""
        if isinstance(hint, JournalGrew) and self.lies == "first":
            hint = JournalGrew(hint.user_id, [stolen(hint.events[0]), *hint.events[1:]])
        elif isinstance(hint, JournalGrew) and self.lies == "last":
            last = hint.events[-1]
            hint = JournalGrew(hint.user_id, [*hint.events, stolen(last, seq=last.seq + 1)])
        super().publish(hint)


class _LyingSession(SqliteSession):
    async def events(
        self, after: int, *, limit: int, max_bytes: int, thread_id: str | None = None
    ) -> list[JournalEvent]:
        events = await super().events(after, limit=limit, max_bytes=max_bytes, thread_id=thread_id)
        return [*events[:-1], *(stolen(event) for event in events[-1:])]


class LyingStore(SqliteStore):
    """Pages of a journal end with another user's event."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "events.db", clock=SystemClock())

    def session(self, context: UserExecutionContext) -> _LyingSession:
        """A session that lies."""
        return _LyingSession(self._readers, context.user_id, self._clock)
