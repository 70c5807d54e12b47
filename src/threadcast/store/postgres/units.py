"""Dispatches units to their functions, and applies batches.

Functions raise `ThreadcastError` before they write anything, so a rejected unit leaves no trace.
Plain appends and ends come first, in one call, unless an earlier unit is of the same user. Messages
to idle threads follow, in two statements. A batch of places takes one call if none may be refused.
Units that read across users come last, whatever their index: they lock without waiting, and
nothing may wait for a lock after them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ...errors import ThreadcastError
from ..migration_units import (
    CountAliasUses,
    ImportThreads,
    RenameThreads,
    RenewFeeds,
    UndoMigration,
)
from ..operator_units import AskPositions, AskToDrain, BeginAction, EndAction, TellPositions
from ..place_units import (
    CancelAbandoned,
    ClosePlaces,
    LeavePlace,
    RegisterNode,
    RemoveNode,
    RenewNode,
    SweepNode,
    TakePlace,
)
from ..units import (
    AliasThread,
    AnswerInput,
    AppendToRun,
    CancelRun,
    ClaimRuns,
    Committed,
    CreateThread,
    DeleteThread,
    HandOverRun,
    IngestEvents,
    OpenJournal,
    Outcome,
    Rejected,
    RenewLeases,
    RevokeSessions,
    SendMessage,
    Sweep,
    TakeOverRuns,
    Unit,
    UpdateThread,
)
from .appends import append_to_run
from .batch import Batch
from .claims import claim_runs
from .connecting import Connection
from .faults import BUSY, UNIT_FAULTS
from .feeds import renew_feeds
from .imports import import_threads
from .ingests import ingest_events
from .leases import hand_over_run, renew_leases, take_over_runs
from .migrated_threads import count_alias_uses, rename_threads, undo_migration
from .named import ACROSS_USERS, is_at_fault, named_by, without_users
from .nodes import register_node, remove_node, renew_node, sweep_node
from .operators import ask_positions, ask_to_drain, begin_action, end_action, tell_positions
from .places import cancel_abandoned, close_places, leave_place, take_place
from .plain_appends import append_plain, is_plain, is_plain_end
from .plain_takes import plain_takes, take_plain
from .runs import answer_input, cancel_run
from .sends import send_message, send_together
from .sweeps import sweep
from .threads import alias_thread, create_thread, delete_thread, update_thread
from .users import open_journal, revoke_sessions

_APPLY: dict[type[Unit[Any]], Callable[[Batch, Any], Awaitable[Outcome]]] = {
    AliasThread: alias_thread,
    AnswerInput: answer_input,
    AppendToRun: append_to_run,
    AskPositions: ask_positions,
    AskToDrain: ask_to_drain,
    BeginAction: begin_action,
    CancelAbandoned: cancel_abandoned,
    CancelRun: cancel_run,
    ClaimRuns: claim_runs,
    ClosePlaces: close_places,
    CountAliasUses: count_alias_uses,
    CreateThread: create_thread,
    DeleteThread: delete_thread,
    EndAction: end_action,
    HandOverRun: hand_over_run,
    ImportThreads: import_threads,
    IngestEvents: ingest_events,
    LeavePlace: leave_place,
    OpenJournal: open_journal,
    RegisterNode: register_node,
    RemoveNode: remove_node,
    RenameThreads: rename_threads,
    RenewFeeds: renew_feeds,
    RenewLeases: renew_leases,
    RenewNode: renew_node,
    RevokeSessions: revoke_sessions,
    SendMessage: send_message,
    Sweep: sweep,
    SweepNode: sweep_node,
    TakeOverRuns: take_over_runs,
    TakePlace: take_place,
    TellPositions: tell_positions,
    UndoMigration: undo_migration,
    UpdateThread: update_thread,
}

log = logging.getLogger(__name__)


async def apply_all(
    connection: Connection, units: Sequence[Unit[Any]], *, now: float
) -> list[Outcome]:
    """Apply units and store their events; one outcome per unit, in their order.

    Args:
        connection: inside a transaction that may reach all users.
        units: at least one.
        now: wall time for timestamps, seconds since the epoch.

    Raises:
        UNIT_FAULTS: a unit is at fault; the transaction must be rolled back.
        asyncpg.PostgresError: the database failed; the transaction must be rolled back.
    """
    batch = Batch(connection, now=now)
    outcomes = await _begin(batch, units)
    outcomes |= await send_together(batch, _first_sends(units, outcomes))
    await batch.places.load(unit for index, unit in enumerate(units) if index not in outcomes)
    across = False
    for index, unit in _in_order(units):
        if index in outcomes:
            continue
        if isinstance(unit, ACROSS_USERS) and not across:
            across = True
            await batch.flush()
        outcomes[index] = await _apply(batch, unit)
    await batch.flush()
    return [outcomes[index] for index in range(len(units))]


async def apply_free(
    connection: Connection, units: Sequence[Unit[Any]], *, now: float
) -> tuple[list[Outcome], set[str]]:
    """Apply units without waiting for locked users: their units are rejected as `unavailable`.

    Leases of locked users are neither renewed nor lost; they are reported as left out.

    Returns:
        The outcomes, and the ids of users whom another transaction has locked.

    Raises:
        UNIT_FAULTS, asyncpg.PostgresError: see `apply_all`.
    """
    locked = await Batch(connection, now=now).lock_free(named_by(units).users)
    free = [without_users(unit, locked) for unit in units]
    applied = [unit for unit in free if unit is not None]
    outcomes = iter(await apply_all(connection, applied, now=now) if applied else ())
    busy = Rejected(ThreadcastError("unavailable", BUSY))
    return [
        busy if part is None else _with_left_out(unit, part, next(outcomes))
        for unit, part in zip(units, free, strict=True)
    ], locked


def _with_left_out(unit: Unit[Any], part: Unit[Any], outcome: Outcome) -> Outcome:
    if not (isinstance(unit, RenewLeases) and isinstance(part, RenewLeases)):
        return outcome
    left_out = {lease.run_id for lease in unit.leases} - {lease.run_id for lease in part.leases}
    if not left_out or not isinstance(outcome, Committed):
        return outcome
    return replace(outcome, result=replace(outcome.result, left_out=frozenset(left_out)))


async def apply_each(
    connection: Connection, units: Sequence[Unit[Any]], *, now: float
) -> list[Outcome]:
    """Apply units one by one, so that only the faulty one fails, as `internal`.

    Raises:
        asyncpg.PostgresError: the database failed; the transaction must be rolled back.
    """
    named = named_by(unit for unit in units if not is_at_fault(unit))
    await Batch(connection, now=now).lock(named.users)
    outcomes = {
        index: await _apply_alone(connection, unit, now=now) for index, unit in _in_order(units)
    }
    return [outcomes[index] for index in range(len(units))]


def _in_order(units: Sequence[Unit[Any]]) -> Iterator[tuple[int, Unit[Any]]]:
    indexed = list(enumerate(units))
    yield from (entry for entry in indexed if not isinstance(entry[1], ACROSS_USERS))
    yield from (entry for entry in indexed if isinstance(entry[1], ACROSS_USERS))


async def _begin(batch: Batch, units: Sequence[Unit[Any]]) -> dict[int, Outcome]:
    """Lock these units' users in order, and store plain appends; returns outcomes by index.

    Also reads the fences of all other leases.
    """
    plain = _plain(units)
    if plain:
        stored = await append_plain(batch, plain, named_by(units).users)
        if stored:
            rest = [unit for index, unit in enumerate(units) if index not in stored]
            await batch.load_words(named_by(rest).leases)
            return {**stored}
    takes = plain_takes(units)
    if takes and (taken := await take_plain(batch, takes)):
        return {**taken}
    named = named_by(units)
    await batch.lock(named.users, to_make=named.to_make, to_import=named.to_import)
    await batch.load_words(named.leases)
    return {}


def _plain(units: Sequence[Unit[Any]]) -> dict[int, AppendToRun]:
    """Plain appends and ends by index, except those after other units of their user.

    Units after an end count as such others.
    """
    met: set[str] = set()
    plain: dict[int, AppendToRun] = {}
    for index, unit in enumerate(units):
        if isinstance(unit, AppendToRun) and unit.lease.address.user_id not in met:
            if unit.drafts and is_plain(unit):
                plain[index] = unit
                continue
            if is_plain_end(unit):
                plain[index] = unit
        met |= named_by((unit,)).users
    return plain


def _first_sends(units: Sequence[Unit[Any]], done: Collection[int]) -> dict[int, SendMessage]:
    """Messages by index, except those after other units of their user."""
    met: set[str] = set()
    sends: dict[int, SendMessage] = {}
    for index, unit in enumerate(units):
        if index in done:
            continue
        if isinstance(unit, SendMessage) and unit.context.user_id not in met:
            sends[index] = unit
        met |= named_by((unit,)).users
    return sends


async def _apply(batch: Batch, unit: Unit[Any]) -> Outcome:
    try:
        return await _APPLY[type(unit)](batch, unit)
    except ThreadcastError as error:
        return Rejected(error.with_traceback(None))


async def _apply_alone(connection: Connection, unit: Unit[Any], *, now: float) -> Outcome:
    await connection.execute("SAVEPOINT unit")
    try:
        outcome = (await apply_all(connection, [unit], now=now))[0]
    except UNIT_FAULTS:
        log.exception("a %s could not be applied", type(unit).__name__)
        await connection.execute("ROLLBACK TO SAVEPOINT unit")
        outcome = Rejected(ThreadcastError("internal"))
    await connection.execute("RELEASE SAVEPOINT unit")
    return outcome
