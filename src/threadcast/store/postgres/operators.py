"""Operators' queries and units. Nothing here belongs to one user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ...runs import RunStatus
from ..operator_units import (
    FORGOTTEN_AT_ONCE_MAX,
    AskPositions,
    AskToDrain,
    BeginAction,
    EndAction,
    TellPositions,
)
from ..place_units import PLACES_COUNTED_MAX
from ..records import ActionRow, LiveRunCount, RunFacts
from ..stored_runs import STATUS_CODE, STATUS_OF_CODE
from ..units import Committed, Outcome
from .across_users import (
    ACTIONS,
    ASK_POSITIONS,
    BEGIN_ACTION,
    COUNT_CONNECTED_USERS,
    COUNT_LIVE_RUNS,
    END_ACTION,
    FIND_RUN,
    FORGET_ACTIONS,
    LIVE_RUNS,
    TELL_POSITIONS,
)
from .batch import Batch
from .connecting import Row
from .keys import user_key
from .run_rows import run_facts

Poll = Callable[..., Awaitable[Sequence[Row]]]

_MICROSECONDS = 1_000_000
_ORDINAL_MAX = 2**63 - 1
_DRAIN = """
UPDATE nodes SET drain = true WHERE node_id = $1 AND lease_until > clock_timestamp()
"""


async def begin_action(batch: Batch, unit: BeginAction) -> Outcome:
    """Apply one `BeginAction`."""
    one = unit.action
    named = (one.action_id, one.operator, one.action, one.target, one.user_id, one.reason)
    rest = (one.node_id, one.request_id, one.outcome, one.detail)
    at_us = int(one.at * _MICROSECONDS)
    await batch.run(BEGIN_ACTION, at_us, *named, *rest)
    kept_us = int(unit.kept_s * _MICROSECONDS)
    await batch.run(FORGET_ACTIONS, unit.kept_max, at_us - kept_us, FORGOTTEN_AT_ONCE_MAX)
    return Committed(None)


async def end_action(batch: Batch, unit: EndAction) -> Outcome:
    """Apply one `EndAction`."""
    await batch.run(END_ACTION, unit.action_id, unit.outcome, unit.detail)
    return Committed(None)


async def ask_positions(batch: Batch, unit: AskPositions) -> Outcome:
    """Apply one `AskPositions`."""
    await batch.run(ASK_POSITIONS, user_key(unit.context.user_id))
    return Committed(None)


async def tell_positions(batch: Batch, unit: TellPositions) -> Outcome:
    """Apply one `TellPositions`."""
    rows = [
        (user_key(one.user_id), one.connection_id, one.cursor, one.live) for one in unit.standings
    ]
    if rows:
        await batch.run(TELL_POSITIONS, *map(list, zip(*rows, strict=True)))
    return Committed(None)


async def ask_to_drain(batch: Batch, unit: AskToDrain) -> Outcome:
    """Apply one `AskToDrain`."""
    return Committed(await batch.run(_DRAIN, unit.node_id) > 0)


async def find_run(poll: Poll, run_id: str) -> RunFacts | None:
    """See `Store.find_run`."""
    rows = await poll(FIND_RUN, run_id)
    return run_facts(rows[0]) if rows else None


async def live_runs(poll: Poll, status: RunStatus | None, limit: int) -> list[RunFacts]:
    """See `Store.live_runs`."""
    code = None if status is None else STATUS_CODE[status]
    return [run_facts(row) for row in await poll(LIVE_RUNS, code, limit)]


async def count_live_runs(poll: Poll) -> list[LiveRunCount]:
    """See `Store.count_live_runs`."""
    return [_live_run_count(*row) for row in await poll(COUNT_LIVE_RUNS)]


def _live_run_count(
    status: int, behind: int | None, count: int, run_id: str, user_id: str, created_us: int
) -> LiveRunCount:
    held_by = None if behind is None else STATUS_OF_CODE[behind]
    oldest = (run_id, user_id, created_us / _MICROSECONDS)
    return LiveRunCount(STATUS_OF_CODE[status], held_by, count, *oldest)


async def count_connected_users(poll: Poll) -> int | None:
    """See `Store.count_connected_users`."""
    [(users, places)] = await poll(COUNT_CONNECTED_USERS)
    return users if places <= PLACES_COUNTED_MAX else None


async def actions(poll: Poll, limit: int, before: int | None) -> list[ActionRow]:
    """See `Store.actions`."""
    rows = await poll(ACTIONS, _ORDINAL_MAX if before is None else before, limit)
    return [_action(*row) for row in rows]


def _action(action_id: str, at_us: int, *rest: Any) -> ActionRow:
    return ActionRow(action_id, at_us / _MICROSECONDS, *rest)
