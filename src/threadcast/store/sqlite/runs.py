"""Units by which people steer runs: cancel, and the answer to a question."""

from __future__ import annotations

from ...errors import ThreadcastError
from ...events import EventDraft, EventType, InputReceived
from ...runs import ENDED, EXTERNAL_OWNER, RunStatus
from ..stored_runs import signal
from ..units import AnswerInput, CancelRun, Committed, Outcome, RunState
from .batch import Batch
from .questions import going_on, store_answer
from .records import RunRecord, address_of, ask_to_end, cancel, find_run, set_status


def cancel_run(batch: Batch, unit: CancelRun) -> Outcome:
    """Apply one `CancelRun`."""
    record = find_run(batch, unit.context.user_id, unit.context.run_id)
    if record.status in ENDED:
        return Committed(RunState(record.run_id, record.status))
    if record.executed_here:
        hints = ask_to_end(batch, record, unit.reason)
        return Committed(RunState(record.run_id, record.status), (), hints)
    event, hints = cancel(batch, record, unit.reason)
    return Committed(RunState(record.run_id, record.status, event.seq), (event,), hints)


def answer_input(batch: Batch, unit: AnswerInput) -> Outcome:
    """Apply one `AnswerInput`; the run's owner learns of it by a signal."""
    record = find_run(batch, unit.context.user_id, unit.context.run_id)
    draft = EventDraft.of(EventType.INPUT_RECEIVED, InputReceived(unit.input_id, unit.value))
    _check_open(batch, record, unit.input_id)
    store_answer(batch, record.run, unit.input_id, unit.value)
    event = batch.append(record.row_keys, address_of(batch, record), draft)
    if record.status is RunStatus.WAITING:
        set_status(batch, record, going_on(batch, record.run))
    state = RunState(record.run_id, record.status, event.seq)
    return Committed(state, (event,), signal(record))


def _check_open(batch: Batch, record: RunRecord, input_id: str) -> None:
    """Refuse an answer to a question that cannot take one.

    Raises:
        ThreadcastError: `not_found`, `already_answered`, `expired` or `run_finished`.
    """
    row = batch.one(
        "SELECT value IS NOT NULL, expires_at FROM inputs WHERE run = ? AND input_id = ?",
        *(record.run, input_id),
    )
    if row is None or record.owner == EXTERNAL_OWNER:
        raise ThreadcastError("not_found")
    if row[0]:
        raise ThreadcastError("already_answered")
    if row[1] <= batch.now:
        raise ThreadcastError("expired")
    if record.status in ENDED:
        raise ThreadcastError("run_finished", f"the run is {record.status.value}")
