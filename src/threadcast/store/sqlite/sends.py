"""The unit that stores a message and its run in one commit, once per `client_message_id`."""

from __future__ import annotations

from ...bus import Hint, RunsWaiting
from ...errors import ThreadcastError
from ...events import (
    Address,
    EventDraft,
    EventType,
    JournalEvent,
    MessageCreated,
    RunQueued,
    ThreadData,
)
from ...runs import EXTERNAL_OWNER, Admission, admit
from ..stored_runs import QUEUED
from ..units import Committed, MessageAccepted, Outcome, Rejected, SendMessage
from .batch import Batch
from .keys import RowKeys
from .records import RunRecord, ask_to_end, cancel, live_runs
from .search import owner_word
from .threads import existing_thread, insert_thread, refuse_known_thread


def send_message(batch: Batch, unit: SendMessage) -> Outcome:
    """Apply one `SendMessage`."""
    user = batch.user(unit.context.user_id)
    earlier = None if user is None else _earlier(batch, user, unit)
    if earlier is not None:
        return earlier
    message = MessageCreated("user", unit.content, unit.client_message_id)
    draft = EventDraft.of(EventType.MESSAGE_CREATED, message)
    live, ahead, admission = _admit(batch, unit, user)
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    thread = _thread(batch, unit, events)
    for run in live if admission.interrupt else ():
        hints += _interrupt(batch, run, events)
    keys, address, seq = _begin_run(batch, unit, thread, draft, events)
    if ahead:
        queued = EventDraft.of(EventType.RUN_QUEUED, RunQueued(unit.agent, ahead))
        events.append(batch.append(keys, address, queued))
    context = unit.context
    accepted = MessageAccepted(
        context.thread_id,
        context.run_id,
        seq,
        duplicate=False,
        beyond_limit=admission.beyond_limit,
    )
    return Committed(accepted, events, (*hints, RunsWaiting(user_ids=(context.user_id,))))


def index_message(batch: Batch, run: int, user: int, content: str) -> None:
    """Index a message that began a run for search."""
    batch.run(
        "INSERT INTO message_words (rowid, owner, content) VALUES (?, ?, ?)",
        *(run, owner_word(user), content),
    )


def _earlier(batch: Batch, user: int, unit: SendMessage) -> Outcome | None:
    """The outcome of the first use of this key, if it was used before."""
    row = batch.one(
        "SELECT s.digest, t.thread_id, r.run_id, r.message_seq"
        " FROM sends s JOIN runs r ON r.run = s.run JOIN threads t ON t.thread = r.thread"
        " WHERE s.user = ? AND s.client_message_id = ?",
        user,
        unit.client_message_id,
    )
    if row is None:
        return None
    digest, thread_id, run_id, seq = row
    if digest != unit.digest:
        return Rejected(ThreadcastError("idempotency_conflict"))
    return Committed(MessageAccepted(thread_id, run_id, seq, duplicate=True))


def _admit(
    batch: Batch, unit: SendMessage, user: int | None
) -> tuple[list[RunRecord], int, Admission]:
    """The thread's live runs, how many of them stay ahead, and what happens to them.

    Raises:
        ThreadcastError: the message is refused; nothing was written.
    """
    live: list[RunRecord] = []
    if unit.new_thread:
        refuse_known_thread(batch, unit.context.user_id, unit.context.thread_id)
    else:
        if user is None:
            raise ThreadcastError("not_found")
        live = live_runs(batch, user, existing_thread(batch, user, unit.context.thread_id).thread)
    if user is not None:
        _refuse_known_run(batch, user, unit.context.run_id)
    admission = admit(
        [run.status for run in live],
        unit.on_busy,
        user_live=_user_live(batch, user),
        user_live_max=unit.user_runs_max,
        limit_enforced=unit.user_runs_enforced,
    )
    if not admission.interrupt:
        return live, admission.position, admission
    return live, sum(run.executed_here for run in live), admission


def _user_live(batch: Batch, user: int | None) -> int:
    row = batch.one(
        "SELECT count(*) FROM runs WHERE user = ? AND status <= 3 AND owner IS NOT ?",
        *(user, EXTERNAL_OWNER),
    )
    return 0 if row is None else int(row[0])


def _refuse_known_run(batch: Batch, user: int, run_id: str) -> None:
    if batch.one("SELECT 1 FROM runs WHERE user = ? AND run_id = ?", user, run_id):
        raise ThreadcastError("bad_id", "expected the id of a new run, got one in use")


def _thread(batch: Batch, unit: SendMessage, events: list[JournalEvent]) -> int:
    """The message's thread, created if new."""
    context = unit.context
    if unit.new_thread:
        thread, event = insert_thread(batch, context.user_id, context.thread_id, ThreadData())
        events.append(event)
        return thread
    user = batch.existing_user(context.user_id)
    return existing_thread(batch, user, context.thread_id).thread


def _interrupt(batch: Batch, run: RunRecord, events: list[JournalEvent]) -> list[Hint]:
    if run.executed_here:
        return ask_to_end(batch, run, "interrupted")
    event, hints = cancel(batch, run, "interrupted")
    events.append(event)
    return hints


def _begin_run(
    batch: Batch, unit: SendMessage, thread: int, draft: EventDraft, events: list[JournalEvent]
) -> tuple[RowKeys, Address, int]:
    """Insert the run, its key and its search index, and append the message's event."""
    context = unit.context
    user = batch.existing_user(context.user_id)
    seq = batch.head(user) + 1
    batch.run(
        "INSERT INTO runs (user, thread, run_id, status, agent, on_crash, on_disconnect,"
        " message_seq, created_us, executing_max) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(user, thread, context.run_id, QUEUED, unit.agent, unit.on_crash, unit.on_disconnect),
        *(seq, batch.at_us, unit.user_executing_max),
    )
    run = batch.connection.last_insert_rowid()
    batch.run(
        "INSERT INTO sends (user, client_message_id, digest, run) VALUES (?, ?, ?, ?)",
        *(user, unit.client_message_id, unit.digest, run),
    )
    index_message(batch, run, user, unit.content)
    keys = RowKeys(user, thread, run)
    address = Address(context.user_id, context.thread_id, context.run_id)
    events.append(batch.append(keys, address, draft))
    return keys, address, seq
