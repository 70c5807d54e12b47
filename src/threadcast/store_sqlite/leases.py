"""Units by which nodes own runs: claim, renew, take over. Time is the store's own here."""

from __future__ import annotations

from array import array

import apsw
import msgspec

from ..bus import Hint
from ..errors import ERRORS
from ..events import AgentFailed, EventDraft, EventType, JournalEvent, MessageCreated, encode_json
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
from .batch import Batch
from .keys import LAST_LIVE
from .records import RunRecord, address_of, cancel, end, leased_place, read_run, requeue

# A queued run that has an owner is executed by another service.
# A run is next when no older run of its thread waits and none of them is owned. All that is queued
# in a thread is claimed in the order of sending, also when some of it is for other nodes' agents.
_NEXT_RUNS = """
SELECT q.run FROM runs AS q
WHERE q.status = 1 AND q.owner IS NULL AND q.agent IN (SELECT value FROM json_each(?1))
AND NOT EXISTS (
    SELECT 1 FROM runs AS o
    WHERE o.user = q.user AND o.thread = q.thread AND o.status <= 3
    AND (o.status > 1 OR o.run < q.run)
)
ORDER BY q.run LIMIT ?2
"""
_CLAIM = """
UPDATE runs SET status = 2, owner = ?1, lease_until = ?2, fence = fence + 1, attempt = attempt + 1,
started_us = coalesce(started_us, ?3) WHERE run = ?4
"""
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


def claim_runs(batch: Batch, unit: ClaimRuns) -> Outcome:
    """Apply one `ClaimRuns`."""
    batch.flush()
    names = encode_json(list(unit.agents)).decode()
    runs = [row[0] for row in batch.all(_NEXT_RUNS, names, unit.limit)]
    return Committed([_claim(batch, unit, run) for run in runs])


def _claim(batch: Batch, unit: ClaimRuns, run: int) -> ClaimedRun:
    lease_until = batch.lease_now + unit.lease_s
    batch.run(_CLAIM, unit.owner, lease_until, batch.at_us, run)
    record = read_run(batch, run)
    batch.words[run] = record.word
    address = address_of(batch, record)
    batch.known.runs.put((address.user_id, record.run_id), record.place)
    state = batch.one("SELECT state FROM checkpoints WHERE run = ?", run)
    return ClaimedRun(
        lease=Lease(address, record.fence),
        agent=record.agent,
        attempt=record.attempt,
        message=_message_of(batch, record),
        message_seq=record.message_seq,
        on_disconnect="cancel" if record.on_disconnect == "cancel" else "continue",
        state=None if state is None else state[0],
        cancel_reason=record.cancel_reason,
    )


def _message_of(batch: Batch, record: RunRecord) -> str:
    row = batch.one(
        "SELECT data FROM events WHERE user = ? AND seq = ?", record.user, record.message_seq
    )
    if row is None:
        raise AssertionError("the message of a live run is never trimmed")
    return msgspec.json.decode(row[0], type=MessageCreated).content


def renew_leases(batch: Batch, unit: RenewLeases) -> Outcome:
    """Apply one `RenewLeases`: few statements, however many leases."""
    places = [leased_place(batch, lease) for lease in unit.leases]
    rows = [None if place is None else place.run for place in places]
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


def take_over_runs(batch: Batch, unit: TakeOverRuns) -> Outcome:
    """Apply one `TakeOverRuns`. A run of another service that fell silent is ended as well."""
    requeued: list[str] = []
    ended: list[str] = []
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    for row in batch.all(_LAPSED, batch.lease_now, unit.limit):
        record = read_run(batch, row[0])
        retry = may_retry(
            on_crash="retry" if record.on_crash == "retry" else "fail",
            attempt=record.attempt,
            attempts_max=unit.attempts_max,
        )
        if record.cancel_reason is None and retry:
            hints += requeue(batch, record)
            requeued.append(record.run_id)
            continue
        event, more = _end_lost(batch, record)
        ended.append(record.run_id)
        events.append(event)
        hints += more
    return Committed(TakeOver(requeued, ended), events, hints)


def _end_lost(batch: Batch, record: RunRecord) -> tuple[JournalEvent, list[Hint]]:
    """End a run whose owner is gone: as cancelled when that was asked for, else as failed."""
    if record.cancel_reason is not None:
        return cancel(batch, record, record.cancel_reason)
    kind = ERRORS["node_lost"]
    data = AgentFailed(kind.code, kind.text, kind.retryable)
    return end(batch, record, EventDraft.of(EventType.AGENT_FAILED, data))
