"""Rows of runs that other services execute, driven by their ingested events.

Such a run has the owner `external` from its first event to its last. No node claims it. After a
long silence its lease lapses and it is ended like a lost node's.
"""

from __future__ import annotations

from array import array

import apsw

from ...bus import Hint
from ...errors import ThreadcastError
from ...events import MOVES_THREAD, Address, JournalEvent
from ...ids import UnifiedIdGenerator
from ...runs import ENDED, EXTERNAL_OWNER, OWNED, RunStatus, external_status_after
from ...wire.external_data import Answer, Asked, Message, Queued, Started
from ...wire.external_event import ExternalEvent
from ..stored_runs import QUEUED, check_attempt, check_external
from ..units import Question
from .batch import Batch
from .questions import count_questions, going_on, store_answer, store_question
from .records import (
    RunRecord,
    address_of,
    find_run_by_any_id,
    live_runs,
    mark_ended,
    read_run,
    set_status,
)
from .sends import index_message
from .threads import mark_touched

Thread = tuple[int, str]
"""A thread's row and its current id."""

_BEGIN = """
INSERT INTO runs (user, thread, run_id, status, agent, on_crash, on_disconnect, message_seq,
created_us, owner, lease_until) VALUES (?, ?, ?, ?, ?, 'fail', 'continue', ?, ?, ?, ?)
"""
_START = """
UPDATE runs SET agent = ?2, attempt = ?3, started_us = coalesce(started_us, ?4) WHERE run = ?1
"""
_HEARD = """
UPDATE runs SET lease_until = ?2 WHERE run IN (SELECT value FROM carray(?1)) AND owner = ?3
"""


class ExternalRuns:
    """The external runs of one user, inside one unit.

    Args:
        batch: the transaction.
        user_id: whose.
        lease_until: the new lease end of runs with events, by the store's clock.
    """

    def __init__(self, batch: Batch, user_id: str, *, lease_until: float) -> None:
        self._batch = batch
        self._user_id = user_id
        self._lease_until = lease_until
        self._known: dict[str, tuple[RunRecord, Address]] = {}
        self._heard: set[int] = set()

    def append(
        self, user: int, event: ExternalEvent, thread: Thread | None
    ) -> tuple[JournalEvent, list[Hint]]:
        """Append an event to its run, which it may begin.

        Args:
            user: the user's row.
            event: of a run.
            thread: the thread that the event names; None if it names none.

        Raises:
            ThreadcastError: see `IngestEvents`; nothing was written.
        """
        named, kind = event.run_id or "", event.draft.event_type
        known = self._find(user, named)
        record = None if known is None else known[0]
        if record is not None:
            check_external(record, of_thread=thread is None or thread[0] == record.thread)
        status = external_status_after(None if record is None else record.status, kind)
        if isinstance(event.data, Started):
            self._check_start(user, record, thread, event.data.attempt)
        if known is None:
            known = self._begin(user, named, thread, event)
        appended = self._batch.append(known[0].row_keys, known[1], event.draft)
        return appended, self._move_on(known[0], status, event, appended.seq)

    def forget(self) -> None:
        """Forget cached rows, because something else changed them."""
        self._known.clear()

    def save(self) -> None:
        """Extend the leases of runs that had events."""
        if self._heard:
            runs = apsw.carray(array("q", self._heard))
            self._batch.run(_HEARD, runs, self._lease_until, EXTERNAL_OWNER)

    def _find(self, user: int, named: str) -> tuple[RunRecord, Address] | None:
        known = self._known.get(named)
        if known is None:
            record = find_run_by_any_id(self._batch, user, named)
            if record is None:
                return None
            known = self._known[named] = (record, address_of(self._batch, record))
        return known

    def _check_start(
        self, user: int, record: RunRecord | None, thread: Thread | None, attempt: int
    ) -> None:
        """Refuse an attempt that is not the next one, or while another run is under way.

        Raises:
            ThreadcastError: `out_of_order`, `run_active`.
        """
        check_attempt(record, attempt)
        row = record.thread if record is not None else thread[0] if thread is not None else None
        if row is not None and any(
            run.status in OWNED and (record is None or run.run != record.run)
            for run in live_runs(self._batch, user, row)
        ):
            raise ThreadcastError("run_active")

    def _begin(
        self, user: int, named: str, thread: Thread | None, event: ExternalEvent
    ) -> tuple[RunRecord, Address]:
        if thread is None:
            problem = "thread_id: expected a thread id with the first event of a run, got nothing"
            raise ThreadcastError("bad_field", problem)
        batch = self._batch
        legacy = not UnifiedIdGenerator.is_valid_id(named, "run")
        run_id = _fresh_run_id(self._user_id) if legacy else named
        batch.run(
            _BEGIN,
            *(user, thread[0], run_id, QUEUED, EXTERNAL_OWNER, batch.head(user) + 1),
            *(batch.at_us, EXTERNAL_OWNER, self._lease_until),
        )
        run = batch.connection.last_insert_rowid()
        if legacy:
            batch.run(
                "INSERT INTO run_aliases (user, legacy_id, run) VALUES (?, ?, ?)",
                *(user, named, run),
            )
        if isinstance(event.data, Message):
            index_message(batch, run, user, event.data.content)
        if event.draft.event_type not in MOVES_THREAD:
            mark_touched(batch, thread[0])
        known = (read_run(batch, run), Address(self._user_id, thread[1], run_id))
        self._known[named] = known
        return known

    def _move_on(
        self, record: RunRecord, status: RunStatus, event: ExternalEvent, seq: int
    ) -> list[Hint]:
        """Update the run's row after an event."""
        data = event.data
        self._heard.add(record.run)
        if isinstance(data, Queued):
            self._batch.run("UPDATE runs SET agent = ? WHERE run = ?", data.agent, record.run)
        elif isinstance(data, Started):
            record.attempt = data.attempt
            self._batch.run(_START, record.run, data.agent, data.attempt, self._batch.at_us)
        elif isinstance(data, Asked):
            ordinal = count_questions(self._batch, record.run) + 1
            question = Question(data.input_id, ordinal, data.prompt, data.expires_at)
            store_question(self._batch, record.run, question)
        elif isinstance(data, Answer):
            store_answer(self._batch, record.run, data.input_id, data.value)
        if status in ENDED:
            return mark_ended(self._batch, record, status, seq)
        if status is RunStatus.RUNNING and record.status is RunStatus.WAITING:
            status = going_on(self._batch, record.run)
        if status is not record.status:
            set_status(self._batch, record, status)
        return []


def _fresh_run_id(user_id: str) -> str:
    return UnifiedIdGenerator.generate_user_context_ids(user_id, "ingest").run_id
