"""Units that wait for their commit, and what goes into the next one.

Leases are renewed first, what other services ingest comes behind all others, and the work of a
commit is bounded, and of one user's commands too. It commits nothing itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from ..errors import ThreadcastError
from ..events import EventDraft, EventType
from ..store.place_units import VOLATILE
from ..store.units import (
    AliasThread,
    AnswerInput,
    AppendToRun,
    CancelRun,
    CreateThread,
    DeleteThread,
    IngestEvents,
    OpenJournal,
    Outcome,
    Rejected,
    RenewLeases,
    RevokeSessions,
    SendMessage,
    Sweep,
    Unit,
    UpdateThread,
)
from ..wire.fields import VALUE_MAX_BYTES
from .lulls import Lulls

Done = Callable[[Outcome], None]
Waiting = tuple[Unit[Any], Done]

# In bytes of events; a larger statement may take longer than a node waits for PostgreSQL.
_BATCH_MAX_WORK = 4_194_304
_INDEXING = 16  # folding and storing a message's words takes as long as so many bytes of events
_COMMAND = 32  # a command's statements take as long as so many events of a stream, on PostgreSQL
_USER_SHARE = 4  # one user's commands take at most this part of a commit, a quarter
_LEFT_MAX = 1_000  # looking further for other users' commands would delay the commit
_COMMANDS = (
    OpenJournal,
    CreateThread,
    UpdateThread,
    DeleteThread,
    AliasThread,
    SendMessage,
    CancelRun,
    AnswerInput,
    RevokeSessions,
)
_STREAMED = frozenset(
    {
        EventType.AGENT_DELTA,
        EventType.AGENT_THINKING,
        EventType.TOOL_EXECUTING,
        EventType.TOOL_COMPLETED,
    }
)


class CommitQueue:
    """Units that wait for their commit, with their callbacks.

    Args:
        lulls: begin when it is idle, and end with the next unit.

    Attributes:
        work: set while any units wait.
        idle: set while none wait and no commit is under way.
        closed: whether further units are refused.
    """

    def __init__(self, lulls: Lulls) -> None:
        self._units: deque[Waiting] = deque()
        self._bulk: deque[Waiting] = deque()  # ingested: much at once, and nobody watches it come
        self.work = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self._lulls = lulls
        self.closed = False

    def __len__(self) -> int:
        return len(self._units) + len(self._bulk)

    def put(self, unit: Unit[Any], done: Done) -> None:
        """Add a unit; one that renews leases goes first, for these lapse meanwhile.

        One that gives them back must come behind what their runs have appended.
        """
        if isinstance(unit, RenewLeases) and unit.lease_s > 0:
            self._units.appendleft((unit, done))
        elif isinstance(unit, IngestEvents):
            self._bulk.append((unit, done))
        else:
            self._units.append((unit, done))
        self.work.set()
        self.idle.clear()
        self._lulls.end()

    def take(self, events_max: int) -> list[Waiting]:
        """The units of the next commit; maintenance goes alone, so that it fails alone.

        However much is ingested, all others are in the next commit, and it takes hardly longer. And
        however many commands a user sends, others' need not wait until all of these are committed.

        Args:
            events_max: about the most events; at least 1.
        """
        batch = _take_from(self._units, events_max)
        if not (batch and isinstance(batch[0][0], Sweep)):
            batch += _take_from(self._bulk, -(-events_max // 2))
        return batch

    def mark_idle(self) -> None:
        """Note that no unit waits and no commit is under way."""
        self.work.clear()
        self.idle.set()
        self._lulls.begin()

    def close(self) -> None:
        """Reject the waiting units, and refuse further ones."""
        self.closed = True
        stopped = Rejected(ThreadcastError("shutting_down"))
        for waiting in (self._units, self._bulk):
            while waiting:
                waiting.popleft()[1](stopped)
        self.mark_idle()


def _take_from(units: deque[Waiting], events_max: int) -> list[Waiting]:
    batch: list[Waiting] = []
    left: list[Waiting] = []  # of users who have had their share
    spent: Counter[str] = Counter()
    events = work = 0
    while units and events < events_max and work < _BATCH_MAX_WORK and len(left) < _LEFT_MAX:
        unit = units[0][0]
        if isinstance(unit, Sweep):
            if not batch:
                batch.append(units.popleft())
            break
        user_id = unit.context.user_id if isinstance(unit, _COMMANDS) else None
        if user_id is not None and spent[user_id] * _USER_SHARE >= events_max:
            left.append(units.popleft())
            continue
        if isinstance(unit, AppendToRun):
            unit.taken = True
        batch.append(units.popleft())
        events_more, work_more = _weight(unit)
        events += events_more
        work += work_more
        if user_id is not None:
            spent[user_id] += events_more
    units.extendleft(reversed(left))
    return batch


def _weight(unit: Unit[Any]) -> tuple[int, int]:
    """A unit's work: as so many events of a stream, and as so many bytes of these, about."""
    match unit:
        case AppendToRun():
            size_bytes = sum([len(draft.data) for draft in unit.drafts])
            return len(unit.drafts), size_bytes + len(unit.state or b"")
        case IngestEvents():
            drafts = [event.draft for event in unit.events]
            return sum(map(ingest_weight, drafts)), sum(map(_ingest_bytes, drafts))
        case SendMessage():
            return _COMMAND, len(unit.content) * _INDEXING
        case AnswerInput():
            return _COMMAND, VALUE_MAX_BYTES  # it is not encoded yet
        case RenewLeases():
            return len(unit.leases), 0
    return 1 if isinstance(unit, VOLATILE) else _COMMAND, 0


def ingest_weight(draft: EventDraft) -> int:
    """The work of storing another service's event, as so many events of a stream, about."""
    return 1 if draft.event_type in _STREAMED else _COMMAND


def _ingest_bytes(draft: EventDraft) -> int:
    indexed = draft.event_type is EventType.MESSAGE_CREATED
    return len(draft.data) * (_INDEXING if indexed else 1)
