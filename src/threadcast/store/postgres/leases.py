"""Units about leases: renew, hand over, take over. Time is the database's clock.

A take-over reads across users. It locks what it takes without waiting: rows that another node has
locked are skipped, and found again at the next take-over.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...bus import Hint
from ...errors import ERRORS, ThreadcastError
from ...events import AgentFailed, EventDraft, EventType, JournalEvent
from ...runs import check_owner, may_retry
from ..records import RunFailure
from ..stored_runs import LAST_LIVE
from ..units import (
    Committed,
    HandOverRun,
    Lease,
    LeaseReport,
    Outcome,
    Rejected,
    RenewLeases,
    TakeOver,
    TakeOverRuns,
)
from .across_users import LAPSED
from .batch import Batch
from .keys import RunKey
from .records import RunRecord, cancel, end, read_run, requeue

_LOST = ERRORS["node_lost"]
_EXTEND = """
UPDATE runs SET lease_until = clock_timestamp() + make_interval(secs => $3)
FROM unnest($1::uuid[], $2::int[]) AS n (user_key, run)
WHERE runs.user_key = n.user_key AND runs.run = n.run
RETURNING runs.run_id, runs.cancel_reason
"""


async def renew_leases(batch: Batch, unit: RenewLeases) -> Outcome:
    """Apply one `RenewLeases`: one statement, however many leases."""
    lost: set[str] = set()
    kept: list[RunKey] = []
    for lease in unit.leases:
        key = _kept(batch, lease)
        if key is None:
            lost.add(lease.run_id)
        else:
            kept.append(key)
    cancelled: dict[str, str] = {}
    if kept:
        users, runs = zip(*kept, strict=True)
        rows = await batch.all(_EXTEND, users, runs, unit.lease_s)
        cancelled = {run_id: reason for run_id, reason in rows if reason is not None}
    return Committed(LeaseReport(frozenset(lost), cancelled))


def _kept(batch: Batch, lease: Lease) -> RunKey | None:
    keys = batch.leased_keys(lease)
    if keys is None or keys.run is None:
        return None
    key = RunKey(keys.user, keys.run)
    word = batch.word_for(lease, key)
    return key if word >> 3 == lease.fence and word & 7 <= LAST_LIVE else None


async def hand_over_run(batch: Batch, unit: HandOverRun) -> Outcome:
    """Apply one `HandOverRun`."""
    keys = batch.leased_keys(unit.lease)
    if keys is None or keys.run is None:
        return Rejected(ThreadcastError("not_found"))
    key = RunKey(keys.user, keys.run)
    record = await read_run(batch, unit.lease.address.user_id, key)
    fence = batch.word_for(unit.lease, key) >> 3
    check_owner(held=unit.lease.fence, fence=fence, status=record.status)
    may_begin = record.on_crash == "retry" or not unit.begun
    if record.cancel_reason is None and may_begin:
        return Committed(None, (), await requeue(batch, record, handed_over=True))
    event, hints = await _end_lost(batch, record)
    return Committed(None, (event,), hints)


async def take_over_runs(batch: Batch, unit: TakeOverRuns) -> Outcome:
    """Apply one `TakeOverRuns`. A run of another service that fell silent is ended as well."""
    requeued: list[str] = []
    ended: list[str] = []
    failed: list[RunFailure] = []
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    for record in await _lapsed(batch, unit.limit):
        retry = may_retry(
            on_crash=record.on_crash, crashes=record.crashes, attempts_max=unit.attempts_max
        )
        if record.cancel_reason is None and retry:
            hints += await requeue(batch, record, handed_over=False)
            requeued.append(record.run_id)
            continue
        event, more = await _end_lost(batch, record)
        ended.append(record.run_id)
        if event.event_type is EventType.AGENT_FAILED:
            user_id = event.address.user_id
            failed.append(RunFailure(record.run_id, user_id, record.agent, _LOST.code))
        events.append(event)
        hints += more
    return Committed(TakeOver(requeued, ended, failed), events, hints)


async def _lapsed(batch: Batch, limit: int) -> Sequence[RunRecord]:
    """Owned runs whose lease has lapsed; they and their users are locked."""
    rows = await batch.all(LAPSED, limit)
    keys = [(user_id, RunKey(batch.locked(user_id, head), run)) for user_id, head, run in rows]
    return [await read_run(batch, user_id, key) for user_id, key in keys]


async def _end_lost(batch: Batch, record: RunRecord) -> tuple[JournalEvent, list[Hint]]:
    """End a run whose owner is gone: as cancelled when that was asked for, else as failed."""
    if record.cancel_reason is not None:
        return await cancel(batch, record, record.cancel_reason)
    data = AgentFailed(_LOST.code, _LOST.text, _LOST.retryable)
    return await end(batch, record, EventDraft.of(EventType.AGENT_FAILED, data))
