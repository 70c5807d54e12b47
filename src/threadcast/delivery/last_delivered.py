"""What a reader was given last, and what contradicts it.

A database may be replaced by a copy that lacks the last events, while a reader has them. Their seqs
are then assigned again, to other events. A last notices the contradiction: a head below what was
delivered, or a new event at a seq that the reader has. That is a reason to check, not proof: the
journal says whether the delivered event is still there. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..events import JournalEvent
from ..store.records import JournalHead, JournalPage
from ..wire.connection_data import ResetReason
from .resume import Position, ResumePoint, judge


class LastDelivered:
    """The last event that a reader is known to have.

    Attributes:
        seq: its seq; 0 for none.
        stamp: its timestamp text; None where it is not known.
    """

    __slots__ = ("_latest", "_noticed", "seq", "stamp")

    def __init__(self) -> None:
        self.begin(0, None)

    def begin(self, position: int, stamp: bytes | None) -> None:
        """The reader is at a position that was just checked against the journal."""
        self.seq, self.stamp = position, stamp
        self._latest = stamp or b""  # nothing that the reader has is known to be stamped later
        self._noticed = position

    def gave(self, event: JournalEvent) -> None:
        """The reader was given everything up to this event."""
        self.seq, self.stamp = event.seq, event.stamp
        if event.stamp > self._latest:
            self._latest = event.stamp

    def contradicted_by(self, events: Sequence[JournalEvent], position: int) -> bool:
        """Whether announced events at seqs that the reader has are new ones; asked once of each.

        A late hint repeats known events. But an event stamped later than all that the reader has,
        or one with the last event's seq and another stamp, belongs to a different history.

        Args:
            events: in order, at least one with a seq that is no higher than `position`.
            position: the reader's.
        """
        old = [event for event in events if event.seq <= position]
        latest = max([event.stamp for event in old])
        is_news = latest > self._latest
        self._latest = max(latest, self._latest)
        differs = any(event.seq == self.seq and event.stamp != self.stamp for event in old)
        return is_news or (differs and self.stamp is not None)

    def contradicted_by_head(self, head: int, position: int) -> bool:
        """Whether a poll saw a head below the reader's position at the previous poll.

        Args:
            head: what the poll saw; it began after the last call.
            position: the reader's now.
        """
        is_lower = head < self._noticed
        self._noticed = position
        return is_lower

    def agrees_with(self, page: JournalPage) -> bool:
        """Whether a page of the journal shows the reader's last event still in place."""
        if self.stamp is None:
            return True
        if page.after == self.seq:
            return page.stamp in (None, self.stamp)
        return all(event.stamp == self.stamp for event in page.events if event.seq == self.seq)

    def judge(
        self, head: JournalHead, stamp: bytes | None, *, feed: str | None, position: int
    ) -> ResumePoint:
        """Whether a reader that stayed connected, so is never ahead by mistake, can go on.

        Args:
            head: the journal now.
            stamp: that of the event at `seq` now; None when it is not there.
            feed: the feed of what the reader has; None where it is not known.
            position: the reader's.
        """
        is_other = self.stamp is not None and stamp is not None and stamp != self.stamp
        if position > head.head or is_other:
            reason: ResetReason = "new_feed" if feed not in (None, head.feed) else "diverged"
            return ResumePoint(head.head, head.head, head.feed, reason)
        return judge(Position(position, feed), head, None)
