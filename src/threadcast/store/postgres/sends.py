"""The unit that stores a message and its run in one commit, once per `client_message_id`.

Messages to idle threads are stored together, by two statements per batch: one reads what they meet,
one inserts. A message that meets a live run is stored by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    encode_json,
)
from ...runs import Admission, admit
from ..units import Committed, MessageAccepted, Outcome, Rejected, SendMessage
from .batch import Batch
from .keys import RowKeys
from .records import RunRecord, ask_to_end, cancel, live_runs
from .search import preview_of, words_of
from .situations import Situation, situations_of

_EARLIER = """
SELECT s.digest, t.thread_id, r.run_id, r.message_seq
FROM sends AS s
JOIN runs AS r ON r.user_key = s.user_key AND r.run = s.run
JOIN threads AS t ON t.user_key = s.user_key AND t.thread = r.thread
WHERE s.user_key = $1 AND s.client_message_id = $2
"""
_LIST = """
INSERT INTO messages (user_key, seq, thread, preview, words) VALUES ($1, $2, $3, $4, $5)
"""
# Runs with their keys and words, one of each user; a thread without a number is new. $2 is the
# time, $3 what is said of a new thread.
_BEGIN = """
WITH n AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $4::int[], $5::text[], $6::bigint[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::int[], $12::text[], $13::text[], $14::text[], $15::bytea[])
    AS n (user_key, thread, thread_id, seq, run_id, agent, on_crash, on_disconnect, executing_max,
    preview, words, client_message_id, digest)
), numbered AS (
    UPDATE users AS u SET runs = u.runs + 1, threads = u.threads + (n.thread IS NULL)::int
    FROM n WHERE u.user_key = n.user_key
    RETURNING u.user_key, u.runs AS run, coalesce(n.thread, u.threads) AS thread
), threaded AS (
    INSERT INTO threads (user_key, thread, first_seq, last_seq, created_us, updated_us, thread_id,
    metadata)
    SELECT user_key, k.thread, n.seq - 1, n.seq - 1, $2, $2, n.thread_id, $3
    FROM n JOIN numbered AS k USING (user_key) WHERE n.thread IS NULL
), begun AS (
    INSERT INTO runs (user_key, run, thread, status, run_id, agent, on_crash, on_disconnect,
    message_seq, created_us, executing_max)
    SELECT user_key, k.run, k.thread, 1, n.run_id, n.agent, n.on_crash, n.on_disconnect, n.seq, $2,
    n.executing_max
    FROM n JOIN numbered AS k USING (user_key)
), listed AS (
    INSERT INTO messages (user_key, seq, thread, preview, words)
    SELECT user_key, n.seq, k.thread, n.preview, n.words FROM n JOIN numbered AS k USING (user_key)
), sent AS (
    INSERT INTO sends (user_key, client_message_id, digest, run)
    SELECT user_key, n.client_message_id, n.digest, k.run FROM n JOIN numbered AS k USING (user_key)
)
SELECT user_key::text, thread, run FROM numbered
"""


async def send_message(batch: Batch, unit: SendMessage) -> Outcome:
    """Apply one `SendMessage`."""
    batch.existing_user(unit.context.user_id)
    (met,) = await situations_of(batch, [unit])
    if isinstance(met, ThreadcastError):
        raise met
    if met is None:
        return await _earlier(batch, unit)
    live: list[RunRecord] = []
    if met.busy and met.thread is not None:
        live = await live_runs(batch, unit.context.user_id, met.thread)
    ahead, admission = _admit(unit, met, live)
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    for run in live if admission.interrupt else ():
        hints += await _interrupt(batch, run, events)
    ((accepted, keys),) = await _begin(batch, [(unit, met, admission, events)])
    if ahead:
        queued = EventDraft.of(EventType.RUN_QUEUED, RunQueued(unit.agent, ahead))
        events.append(batch.append(keys, _address(unit), queued))
    return Committed(accepted, events, (*hints, _waiting(unit)))


async def send_together(batch: Batch, units: Mapping[int, SendMessage]) -> dict[int, Outcome]:
    """Store messages that meet no live run and no limit, before other units of their users.

    Args:
        batch: all users are locked.
        units: by index in the batch; at most one per user.

    Returns:
        The outcomes of those that were stored, by index. Nothing was written for the others.
    """
    known = {index: unit for index, unit in units.items() if batch.user(unit.context.user_id)}
    begun: dict[int, _Beginning] = {}
    met_by_all = await situations_of(batch, list(known.values())) if known else ()
    for (index, unit), met in zip(known.items(), met_by_all, strict=True):
        if isinstance(met, Situation) and not met.busy and met.user_live < unit.user_runs_max:
            begun[index] = (unit, met, _admit(unit, met, ())[1], [])
    if not begun:
        return {}
    stored = await _begin(batch, list(begun.values()))
    return {
        index: Committed(accepted, events, (_waiting(unit),))
        for (index, (unit, _, _, events)), (accepted, _) in zip(begun.items(), stored, strict=True)
    }


async def list_message(batch: Batch, user: str, thread: int, seq: int, content: str) -> None:
    """Index a message for the thread's preview and for search."""
    await batch.run(_LIST, user, seq, thread, preview_of(content), words_of(content))


async def _earlier(batch: Batch, unit: SendMessage) -> Outcome:
    """The outcome of the first use of this key."""
    user = batch.existing_user(unit.context.user_id)
    row = await batch.one(_EARLIER, user, unit.client_message_id)
    if row is None:
        raise AssertionError("what was sent has a run and a thread")
    digest, thread_id, run_id, seq = row
    if digest != unit.digest:
        return Rejected(ThreadcastError("idempotency_conflict"))
    return Committed(MessageAccepted(thread_id, run_id, seq, duplicate=True))


def _admit(unit: SendMessage, met: Situation, live: Sequence[RunRecord]) -> tuple[int, Admission]:
    """How many runs stay ahead, and what happens to the thread's live ones.

    Raises:
        ThreadcastError: the message is refused; nothing was written.
    """
    admission = admit(
        [run.status for run in live],
        unit.on_busy,
        user_live=met.user_live,
        user_live_max=unit.user_runs_max,
        limit_enforced=unit.user_runs_enforced,
    )
    if not admission.interrupt:
        return admission.position, admission
    return sum(run.executed_here for run in live), admission


async def _interrupt(batch: Batch, run: RunRecord, events: list[JournalEvent]) -> list[Hint]:
    if run.executed_here:
        return await ask_to_end(batch, run, "interrupted")
    event, hints = await cancel(batch, run, "interrupted")
    events.append(event)
    return hints


_Beginning = tuple[SendMessage, Situation, Admission, list[JournalEvent]]
"""A message to store, and the events of its unit so far; more are added."""


async def _begin(
    batch: Batch, beginnings: Sequence[_Beginning]
) -> list[tuple[MessageAccepted, RowKeys]]:
    """Insert messages' runs and new threads, and append their events."""
    rows = []
    for unit, met, _, _ in beginnings:
        seq = batch.head(met.user) + (2 if met.thread is None else 1)
        rows.append(
            (
                *(met.user, met.thread, unit.context.thread_id, seq, unit.context.run_id),
                *(unit.agent, unit.on_crash, unit.on_disconnect, unit.user_executing_max),
                *(preview_of(unit.content), words_of(unit.content)),
                *(unit.client_message_id, unit.digest),
            )
        )
    users, *columns = map(list, zip(*rows, strict=True))
    metadata = encode_json(ThreadData().metadata).decode()
    numbers = {
        user.replace("-", ""): (thread, run)
        for user, thread, run in await batch.all(_BEGIN, users, batch.at_us, metadata, *columns)
    }
    return [_append(batch, one, *numbers[one[1].user]) for one in beginnings]


def _append(
    batch: Batch, beginning: _Beginning, thread: int, run: int
) -> tuple[MessageAccepted, RowKeys]:
    """Append the events of a message whose rows exist."""
    unit, met, admission, events = beginning
    context = unit.context
    if met.thread is None:
        created = EventDraft.of(EventType.THREAD_CREATED, ThreadData())
        address = Address(context.user_id, context.thread_id, None)
        events.append(batch.append(RowKeys(met.user, thread, None), address, created))
    message = MessageCreated("user", unit.content, unit.client_message_id)
    draft = EventDraft.of(EventType.MESSAGE_CREATED, message)
    keys = RowKeys(met.user, thread, run)
    event = batch.append(keys, _address(unit), draft)
    events.append(event)
    accepted = MessageAccepted(
        context.thread_id,
        context.run_id,
        event.seq,
        duplicate=False,
        beyond_limit=admission.beyond_limit,
    )
    return accepted, keys


def _waiting(unit: SendMessage) -> RunsWaiting:
    return RunsWaiting(user_ids=(unit.context.user_id,))


def _address(unit: SendMessage) -> Address:
    context = unit.context
    return Address(context.user_id, context.thread_id, context.run_id)
