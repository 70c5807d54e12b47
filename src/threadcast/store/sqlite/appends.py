"""Appending to a run under its lease: the unit that decides how fast the whole product is."""

from __future__ import annotations

from ...bus import Hint
from ...errors import ThreadcastError
from ...events import EventType, JournalEvent
from ...runs import ENDED, TERMINAL_STATUS, RunStatus, check_owner, status_after
from ..stored_runs import RUNNING, STATUS_OF_CODE
from ..units import AppendToRun, Committed, Outcome, Rejected
from .batch import Batch
from .keys import RowKeys
from .questions import going_on, store_question
from .records import leased_keys, mark_ended, read_run, set_status

# Types after which a running run is still running; all others take the long way.
_PLAIN = frozenset(
    kind
    for kind in EventType
    if kind not in TERMINAL_STATUS and status_after(RunStatus.RUNNING, kind) is RunStatus.RUNNING
)


def append_to_run(batch: Batch, unit: AppendToRun) -> Outcome:
    """Apply one `AppendToRun`."""
    lease = unit.lease
    address = lease.address
    keys = leased_keys(batch, lease)
    if keys is None or keys.run is None:
        return Rejected(ThreadcastError("not_found"))
    word = batch.words.get(keys.run)
    if word is None:
        word = batch.load_words((keys.run,))[keys.run]
    if word != lease.fence * 8 + RUNNING:
        check_owner(held=lease.fence, fence=word >> 3, status=STATUS_OF_CODE[word & 7])
    elif unit.state is None and unit.question is None:
        for draft in unit.drafts:
            if draft.event_type not in _PLAIN:
                break
        else:
            events = batch.append_all(keys, address, unit.drafts)
            return Committed(_last(events, batch, keys), events)
    return _append_with_changes(batch, unit, keys)


def _last(events: list[JournalEvent], batch: Batch, keys: RowKeys) -> int:
    return events[-1].seq if events else batch.head(keys.user)


def _append_with_changes(batch: Batch, unit: AppendToRun, keys: RowKeys) -> Outcome:
    """Append what changes the run's status, its questions or its checkpoint."""
    if keys.run is None:
        raise AssertionError("a lease without a run")
    record = read_run(batch, keys.run)
    status = record.status
    for draft in unit.drafts:
        status = status_after(status, draft.event_type)
    events = batch.append_all(keys, unit.lease.address, unit.drafts)
    if unit.state is not None:
        batch.run("REPLACE INTO checkpoints (run, state) VALUES (?, ?)", record.run, unit.state)
    if unit.question is not None:
        store_question(batch, record.run, unit.question)
    if status is RunStatus.RUNNING and record.status is RunStatus.WAITING:
        status = going_on(batch, record.run)
    hints: list[Hint] = []
    if status in ENDED:
        hints = mark_ended(batch, record, status, events[-1].seq)
    elif status is not record.status:
        set_status(batch, record, status)
    return Committed(_last(events, batch, keys), events, hints)
