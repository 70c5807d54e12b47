"""Rows of threads and runs, read and written inside one transaction.

These functions keep the invariants of a run's row: an owner only while it is running or waiting
(another service: from its first event to its last), a new fence whenever its owner loses it, one
terminal event. A run's row is locked when it is read: a claim locks no more than that row.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...bus import Hint, RunsWaiting
from ...errors import ThreadcastError
from ...events import Address, EventDraft, JournalEvent
from ...runs import ENDED, OWNED, TERMINAL_STATUS, RunStatus
from ..stored_runs import STATUS_CODE, STATUS_OF_CODE, StoredRun, cancelled, signal, word_of
from .batch import Batch
from .connecting import Row
from .keys import RowKeys, RunKey

_RUN = """
SELECT r.run, r.thread, t.thread_id, r.run_id, r.status, r.fence, r.attempt, r.agent, r.on_crash,
r.on_disconnect, r.message_seq, r.cancel_reason, r.owner, r.handed_over
FROM runs AS r JOIN threads AS t ON t.user_key = r.user_key AND t.thread = r.thread
WHERE r.user_key = $1
"""
_RUN_BY_ID = f"{_RUN} AND r.run_id = $2 FOR UPDATE OF r"
_RUN_BY_ANY_ID = f"""{_RUN} AND (r.run_id = $2 OR r.run = (
    SELECT a.run FROM run_aliases AS a WHERE a.user_key = $1 AND a.legacy_id = $2
)) FOR UPDATE OF r"""  # noqa: S608 - joined from constants of this module only
_RUN_BY_NUMBER = f"{_RUN} AND r.run = $2 FOR UPDATE OF r"
_LIVE_RUNS = f"{_RUN} AND r.thread = $2 AND r.status <= 3 ORDER BY r.run FOR UPDATE OF r"
_RUNS_TO_ABANDON = f"""{_RUN} AND r.status <= 3 AND r.on_disconnect = 'cancel'
AND r.owner IS DISTINCT FROM 'external' AND r.cancel_reason IS NULL
ORDER BY r.run FOR UPDATE OF r"""

_THREAD = """
SELECT thread, title, metadata FROM threads
WHERE user_key = $1 AND thread_id = $2 AND state = 0
"""
# The same statement tells whether the user has another waiting run. It sees the rows as they were
# before, so the run itself is excluded by name.
_MARK_ENDED = """
UPDATE runs SET status = $3, ended_seq = $4, ended_us = $5, owner = NULL, lease_until = NULL
WHERE user_key = $1 AND run = $2
RETURNING EXISTS (
    SELECT 1 FROM runs AS w
    WHERE w.user_key = $1 AND w.status = 1 AND w.owner IS NULL AND w.run <> $2
)
"""
_SET_FENCE = "UPDATE runs SET fence = $3 WHERE user_key = $1 AND run = $2"
_SET_STATUS = "UPDATE runs SET status = $3 WHERE user_key = $1 AND run = $2"
_SET_CANCEL_REASON = "UPDATE runs SET cancel_reason = $3 WHERE user_key = $1 AND run = $2"
_REQUEUE = """
UPDATE runs SET status = 1, fence = $3, owner = NULL, lease_until = NULL,
handed_over = handed_over + $4
WHERE user_key = $1 AND run = $2
"""


@dataclass(slots=True)
class RunRecord(StoredRun):
    """A run's row; what changes is written by this module only."""

    user: str
    user_id: str
    run: int
    thread: int
    thread_id: str
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
    def key(self) -> RunKey:
        """The row's key."""
        return RunKey(self.user, self.run)

    @property
    def row_keys(self) -> RowKeys:
        """The keys of the rows that the run's events belong to."""
        return RowKeys(self.user, self.thread, self.run)

    @property
    def address(self) -> Address:
        """The envelope address of the run's events."""
        return Address(self.user_id, self.thread_id, self.run_id)


@dataclass(slots=True)
class LeasedRun:
    """A leased run known by its word, while its user is locked: no row has to be read."""

    key: RunKey
    user_id: str
    status: RunStatus
    fence: int

    @property
    def word(self) -> int:
        """As `StoredRun.word`."""
        return word_of(self.fence, self.status)


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """A thread's row."""

    thread: int
    title: str | None
    metadata: str


def _record(user: str, user_id: str, row: Row) -> RunRecord:
    record = RunRecord(user, user_id, *row)
    record.status = STATUS_OF_CODE[row[4]]
    return record


async def find_run(batch: Batch, user_id: str, run_id: str) -> RunRecord:
    """The user's run.

    Raises:
        ThreadcastError: `not_found`.
    """
    user = batch.existing_user(user_id)
    row = await batch.one(_RUN_BY_ID, user, run_id)
    if row is None:
        raise ThreadcastError("not_found")
    return _record(user, user_id, row)


async def find_run_by_any_id(batch: Batch, user_id: str, named: str) -> RunRecord | None:
    """The user's run, by its current id or by one that an older system gave to it."""
    user = batch.existing_user(user_id)
    row = await batch.one(_RUN_BY_ANY_ID, user, named)
    return None if row is None else _record(user, user_id, row)


async def read_run(batch: Batch, user_id: str, key: RunKey) -> RunRecord:
    """A run by its row."""
    row = await batch.one(_RUN_BY_NUMBER, key.user, key.run)
    if row is None:
        raise AssertionError("a run's row is never deleted")
    return _record(key.user, user_id, row)


async def live_runs(batch: Batch, user_id: str, thread: int) -> list[RunRecord]:
    """The thread's runs that have not ended, oldest first."""
    user = batch.existing_user(user_id)
    return [_record(user, user_id, row) for row in await batch.all(_LIVE_RUNS, user, thread)]


async def runs_to_abandon(batch: Batch, user_id: str) -> list[RunRecord]:
    """The user's live runs that end when the user is gone, oldest first."""
    user = batch.existing_user(user_id)
    return [_record(user, user_id, row) for row in await batch.all(_RUNS_TO_ABANDON, user)]


async def find_thread(batch: Batch, user: str, thread_id: str) -> ThreadRecord | None:
    """The user's thread, unless it was deleted."""
    row = await batch.one(_THREAD, user, thread_id)
    return None if row is None else ThreadRecord(*row)


async def mark_ended(
    batch: Batch, record: RunRecord | LeasedRun, status: RunStatus, seq: int
) -> list[Hint]:
    """Store that a run ended with the event at `seq`; its fence stays."""
    record.status = status
    batch.words[record.key] = record.word
    row = await batch.one(_MARK_ENDED, *record.key, STATUS_CODE[status], seq, batch.at_us)
    if row is None:
        raise AssertionError("a run's row is never deleted")
    return [RunsWaiting(user_ids=(record.user_id,))] if row[0] else []


async def end(
    batch: Batch, record: RunRecord, draft: EventDraft
) -> tuple[JournalEvent, list[Hint]]:
    """End a live run on behalf of others; an owner is fenced out."""
    if record.status in ENDED:
        raise AssertionError("a second terminal event")
    hints = signal(record)
    if record.status in OWNED:
        record.fence += 1
        await batch.run(_SET_FENCE, *record.key, record.fence)
    event = batch.append(record.row_keys, record.address, draft)
    hints += await mark_ended(batch, record, TERMINAL_STATUS[draft.event_type], event.seq)
    return event, hints


async def cancel(batch: Batch, record: RunRecord, reason: str) -> tuple[JournalEvent, list[Hint]]:
    """End a live run with `agent_cancelled`."""
    return await end(batch, record, cancelled(reason))


async def ask_to_end(batch: Batch, record: RunRecord, reason: str) -> list[Hint]:
    """Tell a run's owner to end it; the first reason stays."""
    if record.cancel_reason is None:
        record.cancel_reason = reason
        await batch.run(_SET_CANCEL_REASON, *record.key, reason)
    return signal(record)


async def set_status(batch: Batch, record: RunRecord | LeasedRun, status: RunStatus) -> None:
    """Store another status of a run that keeps its owner."""
    record.status = status
    batch.words[record.key] = record.word
    await batch.run(_SET_STATUS, *record.key, STATUS_CODE[status])


async def requeue(batch: Batch, record: RunRecord, *, handed_over: bool) -> list[Hint]:
    """Queue an owned run again; its owner is fenced out from now.

    Args:
        handed_over: whether its owner shut down cleanly, which does not count as a crash.
    """
    record.status = RunStatus.QUEUED
    record.fence += 1
    batch.words[record.key] = record.word
    await batch.run(_REQUEUE, *record.key, record.fence, int(handed_over))
    return [*signal(record), RunsWaiting(user_ids=(record.user_id,))]
