"""Dispatches units to their functions, and applies batches.

Functions raise `ThreadcastError` before they write anything, so a rejected unit leaves no trace.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import apsw

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
from .feeds import renew_feeds
from .imports import import_threads
from .ingests import ingest_events
from .leases import hand_over_run, renew_leases, take_over_runs
from .migrated_threads import count_alias_uses, rename_threads, undo_migration
from .nodes import register_node, remove_node, renew_node, sweep_node
from .operators import ask_positions, ask_to_drain, begin_action, end_action, tell_positions
from .places import cancel_abandoned, close_places, leave_place, take_place
from .runs import answer_input, cancel_run
from .sends import send_message
from .sweeps import sweep
from .threads import alias_thread, create_thread, delete_thread, update_thread
from .users import open_journal, revoke_sessions

_APPLY: dict[type[Unit[Any]], Callable[[Batch, Any], Outcome]] = {
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

# Errors that one unit causes: they must not affect the others of its batch.
UNIT_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.RangeError,
    apsw.SQLError,
    apsw.TooBigError,
)

log = logging.getLogger(__name__)


def apply_all(batch: Batch, units: Sequence[Unit[Any]]) -> list[Outcome]:
    """Apply units in order and store their events.

    Raises:
        UNIT_FAULTS: a unit is at fault; the transaction must be rolled back.
        apsw.Error: the database failed; the transaction must be rolled back.
    """
    batch.preload(units)
    outcomes = [_apply(batch, unit) for unit in units]
    batch.flush()
    return outcomes


def apply_each(new_batch: Callable[[], Batch], units: Sequence[Unit[Any]]) -> list[Outcome]:
    """Apply units one by one, so that only the faulty one fails, as `internal`.

    Args:
        new_batch: makes an empty batch in the transaction that is open.
        units: at least one.

    Raises:
        apsw.Error: the database failed; the transaction must be rolled back.
    """
    return [_apply_alone(new_batch(), unit) for unit in units]


def _apply(batch: Batch, unit: Unit[Any]) -> Outcome:
    try:
        return _APPLY[type(unit)](batch, unit)
    except ThreadcastError as error:
        return Rejected(error.with_traceback(None))


def _apply_alone(batch: Batch, unit: Unit[Any]) -> Outcome:
    connection = batch.connection
    connection.execute("SAVEPOINT unit")
    try:
        outcome = _apply(batch, unit)
        batch.flush()
    except UNIT_FAULTS:
        log.exception("a %s could not be applied", type(unit).__name__)
        connection.execute("ROLLBACK TO unit")
        batch.known.clear()
        outcome = Rejected(ThreadcastError("internal"))
    connection.execute("RELEASE unit")
    return outcome
