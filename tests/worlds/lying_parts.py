"""Parts that break one promise of their contract: they return another user's or stale events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from threadcast.bus import Hint, JournalGrew, LocalBus
from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.events import Address, JournalEvent
from threadcast.store.records import JournalHead, JournalPage
from threadcast.store.sqlite import SqliteStore
from threadcast.store.sqlite.sessions import SqliteSession

STOLEN = "a sentence of somebody else"


def stolen(event: JournalEvent, *, seq: int | None = None) -> JournalEvent:
    """An event of another user with this one's seq."""
    address = Address("somebody-else", event.address.thread_id, event.address.run_id)
    data = b'{"title":"%b"}' % STOLEN.encode()
    return JournalEvent(event.event_type, event.stamp, address, seq or event.seq, data)


class LyingBus(LocalBus):
    """A bus whose hints contain another user's event while `lies` is set.

    Attributes:
        lies: `first` replaces the first event, `last` appends after the true ones.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lies = ""

    def publish(self, *hints: Hint) -> None:
        """Pass hints on, falsified while `lies` is set."""
        super().publish(*map(self._said, hints))

    def _said(self, hint: Hint) -> Hint:
        if isinstance(hint, JournalGrew) and self.lies == "first":
            return JournalGrew(hint.user_id, [stolen(hint.events[0]), *hint.events[1:]])
        if isinstance(hint, JournalGrew) and self.lies == "last":
            last = hint.events[-1]
            return JournalGrew(hint.user_id, [*hint.events, stolen(last, seq=last.seq + 1)])
        return hint


class _LyingSession(SqliteSession):
    async def page(
        self, after: int, *, limit: int, max_bytes: int, thread_id: str | None = None
    ) -> JournalPage:
        page = await super().page(after, limit=limit, max_bytes=max_bytes, thread_id=thread_id)
        return replace(page, events=[*page.events[:-1], *map(stolen, page.events[-1:])])


class LyingStore(SqliteStore):
    """A store whose journal pages end with another user's event."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "events.db", clock=SystemClock())

    def session(self, context: UserExecutionContext) -> _LyingSession:
        """A session with falsified pages."""
        return _LyingSession(self._readers, context.user_id, self._clock)


class _LateSession(SqliteSession):
    """Reads from a replica that lags by some events."""

    behind = 0

    async def journal(self, token_id: str | None = None) -> JournalHead:
        return self._late(await super().journal(token_id))

    async def page(
        self, after: int, *, limit: int, max_bytes: int, thread_id: str | None = None
    ) -> JournalPage:
        page = await super().page(after, limit=limit, max_bytes=max_bytes, thread_id=thread_id)
        head = self._late(page.head)
        events = [event for event in page.events if event.seq <= head.head]
        return replace(page, events=events, head=head)

    def _late(self, head: JournalHead) -> JournalHead:
        return replace(head, head=max(0, head.head - self.behind))


class LateStore(SqliteStore):
    """Commits go to the database; sessions read a replica that lags for ever.

    Args:
        folder: for the database.
        behind: the lag, in events of each user.
    """

    def __init__(self, folder: Path, *, behind: int) -> None:
        super().__init__(folder / "events.db", clock=SystemClock())
        self._behind = behind

    def session(self, context: UserExecutionContext) -> _LateSession:
        """A session on the replica."""
        session = _LateSession(self._readers, context.user_id, self._clock)
        session.behind = self._behind
        return session
