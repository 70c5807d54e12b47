"""Units about leases: renew, hand over, take over. Time is the store's clock."""

from __future__ import annotations

from array import array

import apsw

from ...bus import Hint
from ...errors import ERRORS, ThreadcastError
from ...events import AgentFailed, EventDraft, EventType, JournalEvent
from ...runs import check_owner, may_retry
from ..records import RunFailure
from ..stored_runs import LAST_LIVE
from ..units import (
    Committed,
    HandOverRun,
    LeaseReport,
    Outcome,
    Rejected,
    RenewLeases,
    TakeOver,
    TakeOverRuns,
)
from .batch import Batch
from .records import RunRecord, cancel, end, leased_keys, read_run, requeue

_LOST = ERRORS["node_lost"]
_EXTEND = """
UPDATE runs SET lease_until = ?2
WHERE run IN (SELECT value FROM carray(?1)) AND owner IS NOT NULL
"""
_CANCELLED = """
SELECT run_id, cancel_reason FROM runs
WHERE run IN (SELECT value FROM carray(?1)) AND cancel_reason IS NOT NULL
"""
_LAPSED = """
SELECT run FROM runs WHERE owner IS NOT NULL AND lease_until <= ?1 ORDER BY lease_until LIMIT ?2
"""


def renew_leases(batch: Batch, unit: RenewLeases) -> Outcome:
    """Apply one `RenewLeases`: few statements, however many leases."""
    leased = [leased_keys(batch, lease) for lease in unit.leases]
    rows = [None if keys is None else keys.run for keys in leased]
    words = batch.load_words(run for run in rows if run is not None and run not in batch.words)
    lost: set[str] = set()
    kept = array("q")
    for lease, run in zip(unit.leases, rows, strict=True):
        word = 0 if run is None else words[run]
        if run is None or word >> 3 != lease.fence or word & 7 > LAST_LIVE:
            lost.add(lease.run_id)
        else:
            kept.append(run)
    cancelled: dict[str, str] = {}
    if kept:
        runs = apsw.carray(kept)
        batch.run(_EXTEND, runs, batch.lease_now + unit.lease_s)
        cancelled.update(batch.all(_CANCELLED, runs))
    return Committed(LeaseReport(frozenset(lost), cancelled))


def hand_over_run(batch: Batch, unit: HandOverRun) -> Outcome:
    """Apply one `HandOverRun`."""
    keys = leased_keys(batch, unit.lease)
    if keys is None or keys.run is None:
        return Rejected(ThreadcastError("not_found"))
    record = read_run(batch, keys.run)
    check_owner(held=unit.lease.fence, fence=record.fence, status=record.status)
    may_begin = record.on_crash == "retry" or not unit.begun
    if record.cancel_reason is None and may_begin:
        return Committed(None, (), requeue(batch, record, handed_over=True))
    event, hints = _end_lost(batch, record)
    return Committed(None, (event,), hints)


def take_over_runs(batch: Batch, unit: TakeOverRuns) -> Outcome:
    """Apply one `TakeOverRuns`. A run of another service that fell silent is ended as well."""
    requeued: list[str] = []
    ended: list[str] = []
    failed: list[RunFailure] = []
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    for row in batch.all(_LAPSED, batch.lease_now, unit.limit):
        record = read_run(batch, row[0])
        retry = may_retry(
            on_crash=record.on_crash, crashes=record.crashes, attempts_max=unit.attempts_max
        )
        if record.cancel_reason is None and retry:
            hints += requeue(batch, record, handed_over=False)
            requeued.append(record.run_id)
            continue
        event, more = _end_lost(batch, record)
        ended.append(record.run_id)
        if event.event_type is EventType.AGENT_FAILED:
            user_id = event.address.user_id
            failed.append(RunFailure(record.run_id, user_id, record.agent, _LOST.code))
        events.append(event)
        hints += more
    return Committed(TakeOver(requeued, ended, failed), events, hints)


def _end_lost(batch: Batch, record: RunRecord) -> tuple[JournalEvent, list[Hint]]:
    """End a run whose owner is gone: as cancelled when that was asked for, else as failed."""
    if record.cancel_reason is not None:
        return cancel(batch, record, record.cancel_reason)
    data = AgentFailed(_LOST.code, _LOST.text, _LOST.retryable)
    return end(batch, record, EventDraft.of(EventType.AGENT_FAILED, data))
