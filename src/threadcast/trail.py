"""What a reader was given last, and what contradicts it.

A database may be replaced by a copy that lost its last events, under a reader who has them. Then
the same seqs are given once more, to other events. A trail notices what cannot be: a head lower
than what was given, or news at a seq that the reader has. That is a reason to look, no proof: the
journal says whether the event that was given is still there. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from .events import JournalEvent
from .placement import Placement, Position, judge
from .records import JournalHead, JournalPage
from .wire.connection_data import ResetReason


class Trail:
    """The last event that a reader is known to have.

    Attributes:
        seq: its seq; 0 for none.
        stamp: its timestamp text; None where it is not known.
    """

    __slots__ = ("_latest", "_noticed", "seq", "stamp")

    def __init__(self) -> None:
        self.begin(0, None)

    def begin(self, position: int, stamp: bytes | None) -> None:
        """The reader has come to a position that was judged by the journal a moment ago."""
        self.seq, self.stamp = position, stamp
        self._latest = stamp or b""  # what the reader has was stamped no later, as far as is known
        self._noticed = position

    def gave(self, event: JournalEvent) -> None:
        """The reader was given everything up to this event."""
        self.seq, self.stamp = event.seq, event.stamp
        if event.stamp > self._latest:
            self._latest = event.stamp

    def contradicted_by(self, events: Sequence[JournalEvent], position: int) -> bool:
        """Whether announced events that the reader should have are news; asked once of each.

        A late hint repeats what is known. But what was stamped later than all that the reader has,
        or what has the last event's seq and another stamp, is of another past.

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
        """Whether a poll saw a head that is lower than where the reader was at the poll before.

        Args:
            head: as the poll saw it, which began after the last call.
            position: the reader's now.
        """
        is_lower = head < self._noticed
        self._noticed = position
        return is_lower

    def agrees_with(self, page: JournalPage) -> bool:
        """Whether the reader's last event is still there, as far as a page of the journal says."""
        if self.stamp is None:
            return True
        if page.after == self.seq:
            return page.stamp in (None, self.stamp)
        return all(event.stamp == self.stamp for event in page.events if event.seq == self.seq)

    def judge(
        self, head: JournalHead, stamp: bytes | None, *, feed: str | None, position: int
    ) -> Placement:
        """Whether a reader can go on who was here all the time, and so is never ahead by mistake.

        Args:
            head: the journal now.
            stamp: that of the event at `seq` now; None when it is not there.
            feed: under which the reader was given what it has; None where it is not known.
            position: the reader's.
        """
        is_other = self.stamp is not None and stamp is not None and stamp != self.stamp
        if position > head.head or is_other:
            reason: ResetReason = "new_feed" if feed not in (None, head.feed) else "diverged"
            return Placement(head.head, head.head, head.feed, reason)
        return judge(Position(position, feed), head, None)
