"""The fast path: streamed events and ends of a batch's runs, stored by one database call.

An append is plain if it stores only events and leaves its run running, or ends it. The function
`append_to_runs` locks the users of the whole batch, checks the fences and owners of these appends
under the locks, and stores all or none. If it stores none, the whole batch takes the slow path
under the same locks, which finds the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ...bus import RunsWaiting
from ...events import EVENT_CODE, MOVES_THREAD, EventDraft, EventType
from ...runs import TERMINAL_STATUS, RunStatus, status_after
from ..stored_runs import RUNNING, STATUS_CODE
from ..units import AppendToRun, Committed
from .batch import Batch
from .keys import user_key

# Types after which a running run is still running.
_PLAIN = frozenset(
    kind
    for kind in EventType
    if kind not in TERMINAL_STATUS and status_after(RunStatus.RUNNING, kind) is RunStatus.RUNNING
)
# Keys and numbers are sent as array literals: encoding lists costs asyncpg far more work.
_APPEND = """
SELECT heads, others_wait FROM append_to_runs($1, $2::text::uuid[], $3::text::int[],
$4::text::int[], $5, $6::text::bigint[], $7::text::int[], $8::text::int[], $9::text::smallint[],
$10::text::int[], $11::text::smallint[], $12, $13)
"""


def is_plain(unit: AppendToRun) -> bool:
    """Whether it only stores events and leaves a running run running."""
    return _is_events_only(unit) and all(draft.event_type in _PLAIN for draft in unit.drafts)


def is_plain_end(unit: AppendToRun) -> bool:
    """Whether it only stores events, of which the last ends the run."""
    if not unit.drafts or not _is_events_only(unit):
        return False
    *others, last = unit.drafts
    return last.event_type in TERMINAL_STATUS and all(one.event_type in _PLAIN for one in others)


def _is_events_only(unit: AppendToRun) -> bool:
    return unit.state is None and unit.question is None


async def append_plain(
    batch: Batch, units: Mapping[int, AppendToRun], user_ids: Collection[str]
) -> dict[int, Committed]:
    """Store plain appends and ends, all or none, before anything else of their batch.

    Args:
        batch: nothing has been done in it yet.
        units: by index in the batch, in order; at least one, each with events, and none of a run
            after its end.
        user_ids: all users of the batch; they are locked.

    Returns:
        The outcomes by index. Empty if they have to take the slow path: the batch is then
        unchanged.
    """
    keys = sorted({user_key(user_id) for user_id in user_ids})
    rows = await batch.all(_APPEND, *_arguments(batch.at_us, keys, list(units.values())))
    heads: list[int] | None
    heads, others_wait = rows[0]
    if heads is None:
        return {}
    batch.heads.update(zip(keys, heads, strict=True))
    return {index: _stored(batch, unit, others_wait=others_wait) for index, unit in units.items()}


def _stored(batch: Batch, unit: AppendToRun, *, others_wait: bool) -> Committed:
    address = unit.lease.address
    events = batch.number(user_key(address.user_id), address, unit.drafts)
    tells = others_wait and _end_of(unit)
    hints = [RunsWaiting(user_ids=(address.user_id,))] if tells else []
    return Committed(events[-1].seq, events, hints)


def _arguments(at_us: int, keys: Sequence[str], units: Sequence[AppendToRun]) -> tuple[Any, ...]:
    """The arguments of `append_to_runs`; its indexes count from 1."""
    indexes = {key: index for index, key in enumerate(keys)}
    grown = [0] * len(keys)
    users: list[int] = []
    shifts: list[int] = []
    moves: list[int | str] = []
    of_units: list[int] = []
    data: list[bytes] = []
    for number, unit in enumerate(units, start=1):
        index = indexes[user_key(unit.lease.address.user_id)]
        users.append(index + 1)
        shifts.append(grown[index] - len(data))
        moves.append(_last_move(unit.drafts, grown[index]))
        of_units += [number] * len(unit.drafts)
        data += [draft.data for draft in unit.drafts]
        grown[index] += len(unit.drafts)
    runs = [unit.lease.run_id for unit in units]
    words = [unit.lease.fence * 8 + RUNNING for unit in units]
    ends: list[int | str] = [_end_of(unit) or "NULL" for unit in units]
    types = [EVENT_CODE[draft.event_type] for unit in units for draft in unit.drafts]
    units_are = (_text(users), runs, _text(words), _text(shifts), _text(moves), _text(ends))
    holders = [unit.lease.owner for unit in units]
    events_are = (_text(of_units), _text(types), data)
    return (at_us, _text(keys), _text(grown), *units_are, *events_are, holders)


def _end_of(unit: AppendToRun) -> int | None:
    """The code of the status with which the unit ends its run, if it does."""
    status = TERMINAL_STATUS.get(unit.drafts[-1].event_type)
    return None if status is None else STATUS_CODE[status]


def _last_move(drafts: Sequence[EventDraft], before: int) -> int | str:
    """The last event that moves the thread, as an offset into the journal's growth."""
    moving = [n for n, draft in enumerate(drafts, start=1) if draft.event_type in MOVES_THREAD]
    return before + moving[-1] if moving else "NULL"


def _text(values: Iterable[int | str]) -> str:
    """A PostgreSQL array literal of keys, numbers and NULL."""
    return "{" + ",".join(map(str, values)) + "}"
