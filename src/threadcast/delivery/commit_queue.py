"""Units that wait for their commit, and what goes into the next one.

Leases are renewed first, users' commands take turns, maintenance goes alone, and what other
services ingest comes behind all others. The work of a commit is bounded, for these parts, too. It
commits nothing itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import ThreadcastError
from ..events import EventDraft, EventType
from ..store.place_units import VOLATILE
from ..store.units import (
    AnswerInput,
    AppendToRun,
    Command,
    IngestEvents,
    Outcome,
    Rejected,
    RenewLeases,
    SendMessage,
    Sweep,
    Unit,
)
from ..wire.fields import VALUE_MAX_BYTES
from .lulls import Lulls

Done = Callable[[Outcome], None]
Waiting = tuple[Unit[Any], Done]

# In bytes of events; a larger statement may take longer than a node waits for PostgreSQL.
_BATCH_MAX_WORK = 4_194_304
_INDEXING = 16  # folding and storing a message's words takes as long as so many bytes of events
_COMMAND = 32  # a command's statements take as long as so many events of a stream, on PostgreSQL
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
        self._commands = _Turns()
        self._bulk: deque[Waiting] = deque()  # ingested: much at once, and nobody watches it come
        self._sweeps: deque[Waiting] = deque()
        self._sweeps_next = False
        self.work = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self._lulls = lulls
        self.closed = False

    def __len__(self) -> int:
        return len(self._units) + len(self._commands) + len(self._bulk) + len(self._sweeps)

    def put(self, unit: Unit[Any], done: Done) -> None:
        """Add a unit; one that renews leases goes first, for these lapse meanwhile.

        One that gives them back must come behind what their runs have appended.
        """
        if isinstance(unit, RenewLeases) and unit.lease_s > 0:
            self._units.appendleft((unit, done))
        elif isinstance(unit, Command):
            self._commands.put(unit.context.user_id, (unit, done))
        elif isinstance(unit, IngestEvents):
            self._bulk.append((unit, done))
        elif isinstance(unit, Sweep):
            self._sweeps.append((unit, done))
        else:
            self._units.append((unit, done))
        self.work.set()
        self.idle.clear()
        self._lulls.end()

    def take(self, events_max: int) -> list[Waiting]:
        """The units of the next commit.

        Commands fill at most half of it, and those of one user a quarter, even if nobody else's
        wait: the next commit, with a command that comes meanwhile, begins the sooner. What is
        ingested comes on top, at most half as much. Maintenance goes alone, so that it fails alone,
        and in turn with all others.

        Args:
            events_max: about the most events; at least 1.
        """
        if self._sweeps and (self._sweeps_next or len(self) == len(self._sweeps)):
            self._sweeps_next = False
            return [self._sweeps.popleft()]
        self._sweeps_next = True
        room = _Room(events_max)
        commands = self._commands.take(room.part(2), of_one_user=room.part(4))
        for unit, _ in commands:
            room.spend(unit)
        batch = [*_take_from(self._units, room), *commands]
        return batch + _take_from(self._bulk, _Room(events_max).part(2))

    def mark_idle(self) -> None:
        """Note that no unit waits and no commit is under way."""
        self.work.clear()
        self.idle.set()
        self._lulls.begin()

    def close(self) -> None:
        """Reject the waiting units, and refuse further ones."""
        self.closed = True
        stopped = Rejected(ThreadcastError("shutting_down"))
        for waiting in (self._units, self._commands, self._bulk, self._sweeps):
            while waiting:
                waiting.popleft()[1](stopped)
        self.mark_idle()


class _Room:
    """What there is room for in a commit; the last unit may go beyond it.

    Args:
        events: as so many events of a stream; at least 1.
        work: as so many bytes of these; at least 1.
    """

    def __init__(self, events: int, work: int = _BATCH_MAX_WORK) -> None:
        self._events = events
        self._work = work

    @property
    def is_left(self) -> bool:
        """Whether another unit fits."""
        return self._events > 0 and self._work > 0

    def part(self, parts: int) -> _Room:
        """Such a part of it, rounded up."""
        return _Room(-(-self._events // parts), -(-self._work // parts))

    def spend(self, unit: Unit[Any]) -> None:
        """Give room to a unit."""
        events, work = _weight(unit)
        self._events -= events
        self._work -= work


class _Turns:
    """Users' commands: each user's in order, and users in turn."""

    def __init__(self) -> None:
        self._of_user: dict[str, deque[Waiting]] = {}
        self._users: deque[str] = deque()  # each of them once, the next one first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, user_id: str, waiting: Waiting) -> None:
        """Add a command of this user."""
        own = self._of_user.get(user_id)
        if own is None:
            own = self._of_user[user_id] = deque()
            self._users.append(user_id)
        own.append(waiting)
        self._count += 1

    def popleft(self) -> Waiting:
        """Take the next command; there must be one."""
        user_id = self._users.popleft()
        own = self._of_user[user_id]
        taken = own.popleft()
        if own:
            self._users.append(user_id)
        else:
            del self._of_user[user_id]
        self._count -= 1
        return taken

    def take(self, room: _Room, *, of_one_user: _Room) -> list[Waiting]:
        """The commands of the next commit.

        Args:
            room: for all of them.
            of_one_user: for those of each.
        """
        batch: list[Waiting] = []
        rooms: dict[str, _Room] = {}
        done: list[str] = []  # users who have had their share
        while self._users and room.is_left:
            user_id = self._users[0]
            own_room = rooms.get(user_id)
            if own_room is None:
                own_room = rooms[user_id] = of_one_user.part(1)
            if not own_room.is_left:
                done.append(self._users.popleft())
                continue
            unit, _ = taken = self.popleft()
            batch.append(taken)
            room.spend(unit)
            own_room.spend(unit)
        self._users.extend(done)
        return batch


def _take_from(units: deque[Waiting], room: _Room) -> list[Waiting]:
    batch: list[Waiting] = []
    while units and room.is_left:
        unit, _ = units[0]
        if isinstance(unit, AppendToRun):
            unit.taken = True
        batch.append(units.popleft())
        room.spend(unit)
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
