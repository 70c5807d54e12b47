"""Rows of threads and runs, read and written inside one transaction.

These functions keep the invariants of a run's row: an owner only while it is running or waiting
(another service: from its first event to its last), a new fence whenever its owner loses it, one
terminal event.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...bus import Hint, RunsWaiting
from ...errors import ThreadcastError
from ...events import Address, EventDraft, JournalEvent
from ...runs import ENDED, OWNED, TERMINAL_STATUS, RunStatus
from ..stored_runs import (
    STATUS_CODE,
    STATUS_OF_CODE,
    THREAD_THERE,
    StoredRun,
    cancelled,
    signal,
)
from ..units import Lease
from .batch import Batch, Row
from .keys import RowKeys

_RUN_COLUMNS = (
    "run, user, thread, run_id, status, fence, attempt, agent, on_crash, on_disconnect,"
    " message_seq, cancel_reason, owner, handed_over"
)


@dataclass(slots=True)
class RunRecord(StoredRun):
    """A run's row; what changes is written by `save`, `end` and `requeue` only."""

    run: int
    user: int
    thread: int
    run_id: str
    status: RunStatus
    fence: int
    attempt: int
    agent: str
    on_crash: str
    on_disconnect: str
    message_seq: int
    cancel_reason: str | None
    owner: str | None
    handed_over: int

    @property
    def row_keys(self) -> RowKeys:
        """The keys of the rows that the run's events belong to."""
        return RowKeys(self.user, self.thread, self.run)


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """A thread's row."""

    thread: int
    title: str | None
    metadata: str


def _record(row: Row) -> RunRecord:
    record = RunRecord(*row)
    record.status = STATUS_OF_CODE[row[4]]
    return record


def find_run(batch: Batch, user_id: str, run_id: str) -> RunRecord:
    """The user's run.

    Raises:
        ThreadcastError: `not_found`.
    """
    user = batch.existing_user(user_id)
    row = batch.one(
        f"SELECT {_RUN_COLUMNS} FROM runs WHERE user = ? AND run_id = ?",  # noqa: S608
        user,
        run_id,
    )
    if row is None:
        raise ThreadcastError("not_found")
    return _record(row)


def find_run_by_any_id(batch: Batch, user: int, named: str) -> RunRecord | None:
    """The user's run, by its current id or by one that an older system gave to it."""
    row = batch.one(
        f"SELECT {_RUN_COLUMNS} FROM runs WHERE user = ?1 AND (run_id = ?2 OR run ="  # noqa: S608
        " (SELECT run FROM run_aliases WHERE user = ?1 AND legacy_id = ?2))",
        user,
        named,
    )
    return None if row is None else _record(row)


def leased_keys(batch: Batch, lease: Lease) -> RowKeys | None:
    """The keys of a leased run, or None when its user has no such run. It may have ended."""
    ids = (lease.address.user_id, lease.run_id)
    keys = batch.known.runs.get(ids)
    if keys is None:
        user = batch.user(lease.address.user_id)
        row = batch.one(
            "SELECT user, thread, run FROM runs WHERE user = ? AND run_id = ?", user, lease.run_id
        )
        if row is None:
            return None
        keys = RowKeys(*row)
        batch.known.runs.put(ids, keys)
    return keys


def read_run(batch: Batch, run: int) -> RunRecord:
    """A run by its row."""
    row = batch.one(f"SELECT {_RUN_COLUMNS} FROM runs WHERE run = ?", run)  # noqa: S608
    if row is None:
        raise AssertionError("a run's row is never deleted")
    return _record(row)


def live_runs(batch: Batch, user: int, thread: int) -> list[RunRecord]:
    """The thread's runs that have not ended, oldest first."""
    rows = batch.all(
        f"SELECT {_RUN_COLUMNS} FROM runs"  # noqa: S608
        " WHERE user = ? AND thread = ? AND status <= 3 ORDER BY run",
        user,
        thread,
    )
    return [_record(row) for row in rows]


def runs_to_abandon(batch: Batch, user: int) -> list[RunRecord]:
    """The user's live runs that end when the user is gone, oldest first."""
    rows = batch.all(
        f"SELECT {_RUN_COLUMNS} FROM runs"  # noqa: S608
        " WHERE user = ? AND status <= 3 AND on_disconnect = 'cancel'"
        " AND owner IS NOT 'external' AND cancel_reason IS NULL ORDER BY run",
        user,
    )
    return [_record(row) for row in rows]


def find_thread(batch: Batch, user: int, thread_id: str) -> ThreadRecord | None:
    """The user's thread, unless it was deleted."""
    row = batch.one(
        "SELECT thread, title, metadata FROM threads"
        " WHERE user = ? AND thread_id = ? AND state = ?",
        user,
        thread_id,
        THREAD_THERE,
    )
    return None if row is None else ThreadRecord(*row)


def address_of(batch: Batch, record: RunRecord) -> Address:
    """The envelope address of a run's events."""
    row = batch.one(
        "SELECT u.user_id, t.thread_id FROM users u, threads t WHERE u.user = ? AND t.thread = ?",
        record.user,
        record.thread,
    )
    if row is None:
        raise AssertionError("a run without its user or thread")
    return Address(row[0], row[1], record.run_id)


def mark_ended(batch: Batch, record: RunRecord, status: RunStatus, seq: int) -> list[Hint]:
    """Store that a run ended with the event at `seq`; its fence stays."""
    record.status = status
    batch.words[record.run] = record.word
    batch.run(
        "UPDATE runs SET status = ?, ended_seq = ?, ended_us = ?, owner = NULL,"
        " lease_until = NULL WHERE run = ?",
        STATUS_CODE[status],
        seq,
        batch.at_us,
        record.run,
    )
    waiting = batch.one(
        "SELECT 1 FROM runs WHERE user = ? AND status = 1 AND owner IS NULL LIMIT 1", record.user
    )
    return [] if waiting is None else [_waiting(batch, record)]


def end(batch: Batch, record: RunRecord, draft: EventDraft) -> tuple[JournalEvent, list[Hint]]:
    """End a live run on behalf of others; an owner is fenced out."""
    if record.status in ENDED:
        raise AssertionError("a second terminal event")
    hints = signal(record)
    if record.status in OWNED:
        record.fence += 1
        batch.run("UPDATE runs SET fence = ? WHERE run = ?", record.fence, record.run)
    event = batch.append(record.row_keys, address_of(batch, record), draft)
    hints += mark_ended(batch, record, TERMINAL_STATUS[draft.event_type], event.seq)
    return event, hints


def cancel(batch: Batch, record: RunRecord, reason: str) -> tuple[JournalEvent, list[Hint]]:
    """End a live run with `agent_cancelled`."""
    return end(batch, record, cancelled(reason))


def ask_to_end(batch: Batch, record: RunRecord, reason: str) -> list[Hint]:
    """Tell a run's owner to end it; the first reason stays."""
    if record.cancel_reason is None:
        record.cancel_reason = reason
        batch.run("UPDATE runs SET cancel_reason = ? WHERE run = ?", reason, record.run)
    return signal(record)


def set_status(batch: Batch, record: RunRecord, status: RunStatus) -> None:
    """Store another status of a run that keeps its owner."""
    record.status = status
    batch.words[record.run] = record.word
    batch.run("UPDATE runs SET status = ? WHERE run = ?", STATUS_CODE[status], record.run)


def requeue(batch: Batch, record: RunRecord, *, handed_over: bool) -> list[Hint]:
    """Queue an owned run again; its owner is fenced out from now.

    Args:
        handed_over: whether its owner shut down cleanly, which does not count as a crash.
    """
    record.status = RunStatus.QUEUED
    record.fence += 1
    batch.words[record.run] = record.word
    batch.run(
        "UPDATE runs SET status = ?, fence = ?, owner = NULL, lease_until = NULL,"
        " handed_over = handed_over + ? WHERE run = ?",
        STATUS_CODE[RunStatus.QUEUED],
        record.fence,
        int(handed_over),
        record.run,
    )
    return [*signal(record), _waiting(batch, record)]


def _waiting(batch: Batch, record: RunRecord) -> RunsWaiting:
    return RunsWaiting(user_ids=(address_of(batch, record).user_id,))
