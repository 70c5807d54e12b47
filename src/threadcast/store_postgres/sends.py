"""The unit that stores a message and its run in one commit, once per `client_message_id`."""

from __future__ import annotations

from dataclasses import dataclass

from ..bus import Hint, RunsWaiting
from ..errors import ThreadcastError
from ..events import (
    Address,
    EventDraft,
    EventType,
    JournalEvent,
    MessageCreated,
    RunQueued,
    ThreadData,
)
from ..runs import EXTERNAL_OWNER, Admission, admit
from ..units import Committed, MessageAccepted, Outcome, Rejected, SendMessage
from .batch import Batch
from .keys import Place
from .records import RunRecord, ask_to_end, cancel, live_runs
from .search import preview_of, words_of
from .threads import insert_thread

_EARLIER = """
SELECT s.digest, t.thread_id, r.run_id, r.message_seq
FROM sends AS s
JOIN runs AS r ON r.user_key = s.user_key AND r.run = s.run
JOIN threads AS t ON t.user_key = s.user_key AND t.thread = r.thread
WHERE s.user_key = $1 AND s.client_message_id = $2
"""
# All that decides about a message, in one look: its thread, whether its run is new, what is live,
# whether its key was used before.
_SITUATION = """
SELECT t.thread, t.state,
EXISTS (SELECT 1 FROM runs WHERE user_key = $1 AND run_id = $3),
(
    SELECT count(*) FROM runs
    WHERE user_key = $1 AND status <= 3 AND owner IS DISTINCT FROM $4::text
),
EXISTS (SELECT 1 FROM runs WHERE user_key = $1 AND thread = t.thread AND status <= 3),
EXISTS (SELECT 1 FROM sends WHERE user_key = $1 AND client_message_id = $5)
FROM (VALUES (1)) AS one LEFT JOIN threads AS t ON t.user_key = $1 AND t.thread_id = $2
"""
_LIST = """
INSERT INTO messages (user_key, seq, thread, preview, words) VALUES ($1, $2, $3, $4, $5)
"""
_BEGIN_RUN = """
WITH numbered AS (
    UPDATE users SET runs = runs + 1 WHERE user_key = $1 RETURNING runs
), begun AS (
    INSERT INTO runs (user_key, run, thread, status, run_id, agent, on_crash, on_disconnect,
    message_seq, created_us, executing_max)
    SELECT $1, runs, $2, 1, $3, $4, $5, $6, $7, $8, $13 FROM numbered
), listed AS (
    INSERT INTO messages (user_key, seq, thread, preview, words) VALUES ($1, $7, $2, $9, $10)
)
INSERT INTO sends (user_key, client_message_id, digest, run) SELECT $1, $11, $12, runs FROM numbered
RETURNING run
"""


@dataclass(frozen=True, slots=True)
class _Situation:
    """What a message meets.

    Attributes:
        user: the user's key; None while there is no journal.
        thread: its thread's number; None when it is to be new.
        live: the thread's runs that have not ended, oldest first.
        user_live: how many runs of the user have not ended.
    """

    user: str | None
    thread: int | None
    live: list[RunRecord]
    user_live: int


async def send_message(batch: Batch, unit: SendMessage) -> Outcome:
    """Apply one `SendMessage`."""
    met = await _meet(batch, unit)
    if met is None:
        return await _earlier(batch, unit)
    message = MessageCreated("user", unit.content, unit.client_message_id)
    draft = EventDraft.of(EventType.MESSAGE_CREATED, message)
    ahead, admission = _admit(unit, met)
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    thread = met.thread
    if thread is None:
        context = unit.context
        thread, created = await insert_thread(
            batch, context.user_id, context.thread_id, ThreadData()
        )
        events.append(created)
    for run in met.live if admission.interrupt else ():
        hints += await _interrupt(batch, run, events)
    place, address, seq = await _begin_run(batch, unit, thread, draft, events)
    if ahead:
        queued = EventDraft.of(EventType.RUN_QUEUED, RunQueued(unit.agent, ahead))
        events.append(batch.append(place, address, queued))
    accepted = MessageAccepted(
        unit.context.thread_id,
        unit.context.run_id,
        seq,
        duplicate=False,
        beyond_limit=admission.beyond_limit,
    )
    return Committed(accepted, events, (*hints, RunsWaiting()))


async def list_message(batch: Batch, user: str, thread: int, seq: int, content: str) -> None:
    """Let a message be listed with its thread and be found by its words."""
    await batch.run(_LIST, user, seq, thread, preview_of(content), words_of(content))


async def _earlier(batch: Batch, unit: SendMessage) -> Outcome:
    """What this key did before."""
    user = batch.existing_user(unit.context.user_id)
    row = await batch.one(_EARLIER, user, unit.client_message_id)
    if row is None:
        raise AssertionError("what was sent has a run and a thread")
    digest, thread_id, run_id, seq = row
    if digest != unit.digest:
        return Rejected(ThreadcastError("idempotency_conflict"))
    return Committed(MessageAccepted(thread_id, run_id, seq, duplicate=True))


async def _meet(batch: Batch, unit: SendMessage) -> _Situation | None:
    """Look at what the message meets; None when its key was used before.

    Raises:
        ThreadcastError: `not_found`, `bad_id`; nothing was written.
    """
    context = unit.context
    user = batch.existing_user(context.user_id)
    names = (context.thread_id, context.run_id, EXTERNAL_OWNER, unit.client_message_id)
    row = await batch.one(_SITUATION, user, *names)
    if row is None:
        raise AssertionError("a query of one row without one")
    thread, state, known_run, user_live, busy, sent = row
    if sent:
        return None
    if unit.new_thread and thread is not None:
        raise ThreadcastError("bad_id", "expected the id of a new thread, got one in use")
    if not unit.new_thread and state != 0:
        raise ThreadcastError("not_found")
    if known_run:
        raise ThreadcastError("bad_id", "expected the id of a new run, got one in use")
    live = await live_runs(batch, context.user_id, thread) if busy else []
    return _Situation(user, thread, live, user_live)


def _admit(unit: SendMessage, met: _Situation) -> tuple[int, Admission]:
    """How many runs stay ahead, and what becomes of the thread's live ones.

    Raises:
        ThreadcastError: the message is not to be stored; nothing was written.
    """
    admission = admit(
        [run.status for run in met.live],
        unit.on_busy,
        user_live=met.user_live,
        user_live_max=unit.user_runs_max,
        limit_enforced=unit.user_runs_enforced,
    )
    if not admission.interrupt:
        return admission.position, admission
    return sum(run.executed_here for run in met.live), admission


async def _interrupt(batch: Batch, run: RunRecord, events: list[JournalEvent]) -> list[Hint]:
    if run.executed_here:
        return await ask_to_end(batch, run, "interrupted")
    event, hints = await cancel(batch, run, "interrupted")
    events.append(event)
    return hints


async def _begin_run(
    batch: Batch, unit: SendMessage, thread: int, draft: EventDraft, events: list[JournalEvent]
) -> tuple[Place, Address, int]:
    """Insert the run with its key and its words, and append the message's event."""
    context = unit.context
    user = batch.existing_user(context.user_id)
    seq = batch.head(user) + 1
    row = await batch.one(
        _BEGIN_RUN,
        *(user, thread, context.run_id, unit.agent, unit.on_crash, unit.on_disconnect),
        *(seq, batch.at_us, preview_of(unit.content), words_of(unit.content)),
        *(unit.client_message_id, unit.digest, unit.user_executing_max),
    )
    if row is None:
        raise AssertionError("an insertion without a row")
    place = Place(user, thread, row[0])
    address = Address(context.user_id, context.thread_id, context.run_id)
    events.append(batch.append(place, address, draft))
    return place, address, seq
