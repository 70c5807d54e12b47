"""Appending to a run under its lease: the unit that decides how fast the whole product is.

Fences, statuses and owners of all leases of a batch were read when its users were locked
(`Batch.word_for`): nobody can take a run from its owner while its user is locked.
"""

from __future__ import annotations

from ...bus import Hint
from ...errors import ThreadcastError
from ...events import JournalEvent
from ...runs import ENDED, RunStatus, check_owner, status_after
from ..stored_runs import RUNNING, STATUS_OF_CODE
from ..units import AppendToRun, Committed, Outcome, Rejected
from .batch import Batch
from .keys import RowKeys, RunKey
from .plain_appends import is_plain
from .questions import going_on, store_question
from .records import LeasedRun, mark_ended, set_status

_STORE_STATE = """
INSERT INTO checkpoints (user_key, run, state) VALUES ($1, $2, $3)
ON CONFLICT (user_key, run) DO UPDATE SET state = excluded.state
"""


async def append_to_run(batch: Batch, unit: AppendToRun) -> Outcome:
    """Apply one `AppendToRun`."""
    lease = unit.lease
    keys = batch.leased_keys(lease)
    if keys is None or keys.run is None:
        return Rejected(ThreadcastError("not_found"))
    word = batch.word_for(lease, RunKey(keys.user, keys.run))
    if word != lease.fence * 8 + RUNNING:
        check_owner(held=lease.fence, fence=word >> 3, status=STATUS_OF_CODE[word & 7])
    elif is_plain(unit):
        events = batch.append_all(keys, lease.address, unit.drafts)
        return Committed(_last(events, batch, keys), events)
    run = LeasedRun(
        RunKey(keys.user, keys.run),
        lease.address.user_id,
        STATUS_OF_CODE[word & 7],
        word >> 3,
    )
    return await _append_with_changes(batch, unit, keys, run)


def _last(events: list[JournalEvent], batch: Batch, keys: RowKeys) -> int:
    return events[-1].seq if events else batch.head(keys.user)


async def _append_with_changes(
    batch: Batch, unit: AppendToRun, keys: RowKeys, run: LeasedRun
) -> Outcome:
    """Append what changes the run's status, its questions or its checkpoint."""
    status = run.status
    for draft in unit.drafts:
        status = status_after(status, draft.event_type)
    events = batch.append_all(keys, unit.lease.address, unit.drafts)
    if unit.state is not None:
        await batch.run(_STORE_STATE, *run.key, unit.state)
    if unit.question is not None:
        await store_question(batch, run.key, unit.question)
    if status is RunStatus.RUNNING and run.status is RunStatus.WAITING:
        status = await going_on(batch, run.key)
    hints: list[Hint] = []
    if status in ENDED:
        hints = await mark_ended(batch, run, status, events[-1].seq)
    elif status is not run.status:
        await set_status(batch, run, status)
    return Committed(_last(events, batch, keys), events, hints)
