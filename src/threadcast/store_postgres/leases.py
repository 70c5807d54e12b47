"""Units by which nodes own runs: claim, renew, take over. Time is the database's own here.

Claims and take-overs look across users. They lock what they take without waiting for it: what
another node is working on is left to that node, and found again at the next look.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..bus import Hint
from ..errors import ERRORS
from ..events import Address, AgentFailed, EventDraft, EventType, JournalEvent, MessageCreated
from ..runs import may_retry
from ..units import (
    ClaimedRun,
    ClaimRuns,
    Committed,
    Lease,
    LeaseReport,
    Outcome,
    RenewLeases,
    TakeOver,
    TakeOverRuns,
)
from .across_users import CLAIM, LAPSED
from .batch import Batch
from .connecting import Row
from .keys import LAST_LIVE, RunKey
from .records import RunRecord, cancel, end, read_run, requeue

_EXTEND = """
UPDATE runs SET lease_until = clock_timestamp() + make_interval(secs => $3)
FROM unnest($1::uuid[], $2::int[]) AS n (user_key, run)
WHERE runs.user_key = n.user_key AND runs.run = n.run
RETURNING runs.run_id, runs.cancel_reason
"""


async def claim_runs(batch: Batch, unit: ClaimRuns) -> Outcome:
    """Apply one `ClaimRuns`."""
    arguments = (list(unit.agents), unit.limit, unit.owner, unit.lease_s, batch.at_us)
    return Committed([_claimed(row) for row in await batch.all(CLAIM, *arguments)])


def _claimed(row: Row) -> ClaimedRun:
    user_id, thread_id, run_id, fence, agent, attempt, data, seq, on_disconnect, state, why = row
    return ClaimedRun(
        lease=Lease(Address(user_id, thread_id, run_id), fence),
        agent=agent,
        attempt=attempt,
        message=msgspec.json.decode(data, type=MessageCreated).content,
        message_seq=seq,
        on_disconnect="cancel" if on_disconnect == "cancel" else "continue",
        state=state,
        cancel_reason=why,
    )


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
    place = batch.leased_place(lease)
    if place is None or place.run is None:
        return None
    key = RunKey(place.user, place.run)
    word = batch.words[key]
    return key if word >> 3 == lease.fence and word & 7 <= LAST_LIVE else None


async def take_over_runs(batch: Batch, unit: TakeOverRuns) -> Outcome:
    """Apply one `TakeOverRuns`. A run of another service that fell silent is ended as well."""
    requeued: list[str] = []
    ended: list[str] = []
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    for record in await _lapsed(batch, unit.limit):
        retry = may_retry(
            on_crash="retry" if record.on_crash == "retry" else "fail",
            attempt=record.attempt,
            attempts_max=unit.attempts_max,
        )
        if record.cancel_reason is None and retry:
            hints += await requeue(batch, record)
            requeued.append(record.run_id)
            continue
        event, more = await _end_lost(batch, record)
        ended.append(record.run_id)
        events.append(event)
        hints += more
    return Committed(TakeOver(requeued, ended), events, hints)


async def _lapsed(batch: Batch, limit: int) -> Sequence[RunRecord]:
    """Owned runs whose lease has lapsed; they and their users are locked."""
    rows = await batch.all(LAPSED, limit)
    keys = [(user_id, RunKey(batch.locked(user_id, head), run)) for user_id, head, run in rows]
    return [await read_run(batch, user_id, key) for user_id, key in keys]


async def _end_lost(batch: Batch, record: RunRecord) -> tuple[JournalEvent, list[Hint]]:
    """End a run whose owner is gone: as cancelled when that was asked for, else as failed."""
    if record.cancel_reason is not None:
        return await cancel(batch, record, record.cancel_reason)
    kind = ERRORS["node_lost"]
    data = AgentFailed(kind.code, kind.text, kind.retryable)
    return await end(batch, record, EventDraft.of(EventType.AGENT_FAILED, data))
