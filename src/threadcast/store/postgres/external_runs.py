"""Rows of runs that other services execute, driven by their ingested events.

Such a run has the owner `external` from its first event to its last. No node claims it. After a
long silence its lease lapses and it is ended like a lost node's.
"""

from __future__ import annotations

from ...bus import Hint
from ...errors import ThreadcastError
from ...events import MOVES_THREAD, JournalEvent
from ...ids import UnifiedIdGenerator
from ...runs import ENDED, EXTERNAL_OWNER, OWNED, RunStatus, external_status_after
from ...wire.external_data import Answer, Asked, Message, Queued, Started
from ...wire.external_event import ExternalEvent
from ..stored_runs import check_attempt, check_external
from ..units import Question
from .batch import Batch
from .keys import RunKey
from .questions import count_questions, going_on, store_answer, store_question
from .records import RunRecord, find_run_by_any_id, live_runs, mark_ended, read_run, set_status
from .sends import list_message
from .threads import mark_touched

Thread = tuple[int, str]
"""A thread's number and its current id."""

_BEGIN = """
WITH numbered AS (
    UPDATE users SET runs = runs + 1 WHERE user_key = $1 RETURNING runs
)
INSERT INTO runs (user_key, run, thread, status, run_id, agent, on_crash, on_disconnect,
message_seq, created_us, owner, lease_until)
SELECT $1, runs, $2, 1, $3, $4, 'fail', 'continue', $5, $6, $4,
clock_timestamp() + make_interval(secs => $7) FROM numbered
RETURNING run
"""
_ALIAS = "INSERT INTO run_aliases (user_key, legacy_id, run) VALUES ($1, $2, $3)"
_START = """
UPDATE runs SET agent = $3, attempt = $4, started_us = coalesce(started_us, $5)
WHERE user_key = $1 AND run = $2
"""
_SET_AGENT = "UPDATE runs SET agent = $3 WHERE user_key = $1 AND run = $2"
_HEARD = """
UPDATE runs SET lease_until = clock_timestamp() + make_interval(secs => $4)
WHERE user_key = $1 AND run = ANY($2::int[]) AND owner = $3
"""


class ExternalRuns:
    """The external runs of one user, inside one unit.

    Args:
        batch: the transaction.
        user_id: whose.
        silence_s: how long after its last event a run lapses, in seconds by the database's clock.
    """

    def __init__(self, batch: Batch, user_id: str, *, silence_s: float) -> None:
        self._batch = batch
        self._user_id = user_id
        self._silence_s = silence_s
        self._known: dict[str, RunRecord] = {}
        self._heard: set[int] = set()

    async def append(
        self, event: ExternalEvent, thread: Thread | None
    ) -> tuple[JournalEvent, list[Hint]]:
        """Append an event to its run, which it may begin.

        Args:
            event: of a run.
            thread: the thread that the event names; None if it names none.

        Raises:
            ThreadcastError: see `IngestEvents`; nothing was written.
        """
        named, kind = event.run_id or "", event.draft.event_type
        record = await self._find(named)
        if record is not None:
            check_external(record, of_thread=thread is None or thread[0] == record.thread)
        status = external_status_after(None if record is None else record.status, kind)
        if isinstance(event.data, Started):
            await self._check_start(record, thread, event.data.attempt)
        if record is None:
            record = await self._begin(named, thread, event)
        appended = self._batch.append(record.row_keys, record.address, event.draft)
        return appended, await self._move_on(record, status, event, appended.seq)

    def forget(self) -> None:
        """Forget cached rows, because something else changed them."""
        self._known.clear()

    async def save(self, user: str) -> None:
        """Extend the leases of runs that had events."""
        if self._heard:
            arguments = (sorted(self._heard), EXTERNAL_OWNER, self._silence_s)
            await self._batch.run(_HEARD, user, *arguments)

    async def _find(self, named: str) -> RunRecord | None:
        record = self._known.get(named)
        if record is None:
            record = await find_run_by_any_id(self._batch, self._user_id, named)
            if record is not None:
                self._known[named] = record
        return record

    async def _check_start(
        self, record: RunRecord | None, thread: Thread | None, attempt: int
    ) -> None:
        """Refuse an attempt that is not the next one, or while another run is under way.

        Raises:
            ThreadcastError: `out_of_order`, `run_active`.
        """
        check_attempt(record, attempt)
        row = record.thread if record is not None else thread[0] if thread is not None else None
        if row is not None and any(
            run.status in OWNED and (record is None or run.run != record.run)
            for run in await live_runs(self._batch, self._user_id, row)
        ):
            raise ThreadcastError("run_active")

    async def _begin(self, named: str, thread: Thread | None, event: ExternalEvent) -> RunRecord:
        if thread is None:
            problem = "thread_id: expected a thread id with the first event of a run, got nothing"
            raise ThreadcastError("bad_field", problem)
        batch = self._batch
        user = batch.existing_user(self._user_id)
        seq = batch.head(user) + 1
        legacy = not UnifiedIdGenerator.is_valid_id(named, "run")
        run_id = _fresh_run_id(self._user_id) if legacy else named
        row = await batch.one(
            _BEGIN,
            *(user, thread[0], run_id, EXTERNAL_OWNER, seq, batch.at_us, self._silence_s),
        )
        if row is None:
            raise AssertionError("an insertion without a row")
        if legacy:
            await batch.run(_ALIAS, user, named, row[0])
        if isinstance(event.data, Message):
            await list_message(batch, user, thread[0], seq, event.data.content)
        if event.draft.event_type not in MOVES_THREAD:
            await mark_touched(batch, user, thread[0])
        record = await read_run(batch, self._user_id, RunKey(user, row[0]))
        self._known[named] = record
        return record

    async def _move_on(
        self, record: RunRecord, status: RunStatus, event: ExternalEvent, seq: int
    ) -> list[Hint]:
        """Update the run's row after an event."""
        data = event.data
        self._heard.add(record.run)
        if isinstance(data, Queued):
            await self._batch.run(_SET_AGENT, *record.key, data.agent)
        elif isinstance(data, Started):
            record.attempt = data.attempt
            started = (data.agent, data.attempt, self._batch.at_us)
            await self._batch.run(_START, *record.key, *started)
        elif isinstance(data, Asked):
            ordinal = await count_questions(self._batch, record.key) + 1
            question = Question(data.input_id, ordinal, data.prompt, data.expires_at)
            await store_question(self._batch, record.key, question)
        elif isinstance(data, Answer):
            await store_answer(self._batch, record.key, data.input_id, data.value)
        if status in ENDED:
            return await mark_ended(self._batch, record, status, seq)
        if status is RunStatus.RUNNING and record.status is RunStatus.WAITING:
            status = await going_on(self._batch, record.key)
        if status is not record.status:
            await set_status(self._batch, record, status)
        return []


def _fresh_run_id(user_id: str) -> str:
    return UnifiedIdGenerator.generate_user_context_ids(user_id, "ingest").run_id
