"""Where a reader's events start: its cursor, checked against the journal. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..store.records import JournalHead
from ..wire.connection_data import ResetReason


@dataclass(frozen=True, slots=True)
class Position:
    """A reader's own account of its place.

    Attributes:
        after: the last seq that it has; None means the head.
        feed: the feed id under which it got there, if it knows.
        at: the timestamp text of the event at `after`, if it knows.
        thread_id: deliver only this thread's events; None means all.
    """

    after: int | None = None
    feed: str | None = None
    at: bytes | None = None
    thread_id: str | None = None


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where events now start, and why it is not where the reader was (`reason`), if so."""

    after: int
    head: int
    feed: str | None
    reason: ResetReason | None

    @property
    def reset(self) -> bool:
        """Whether the reader must read its snapshots again."""
        return self.reason is not None


def judge(wanted: Position, head: JournalHead, stamp: bytes | None) -> ResumePoint:
    """Decide where a reader's events start.

    Args:
        wanted: where the reader says that it is.
        head: the journal now.
        stamp: the timestamp text of the event at `wanted.after`; None when it is not there.
    """
    reason: ResetReason | None = None
    after = wanted.after
    if wanted.feed is not None and wanted.feed != head.feed:
        reason = "new_feed"
    elif after is None:
        return ResumePoint(head.head, head.head, head.feed, None)
    elif after > head.head:
        reason = "cursor_ahead"
    elif after < head.trimmed:
        return ResumePoint(head.trimmed, head.head, head.feed, "trimmed")
    elif wanted.at is not None and stamp is not None and stamp != wanted.at:
        reason = "diverged"
    if reason is not None or after is None:
        return ResumePoint(head.head, head.head, head.feed, reason)
    return ResumePoint(after, head.head, head.feed, None)
