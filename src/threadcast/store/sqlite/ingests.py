"""The unit that appends what other services send, each event by itself, once per name.

Keys of a whole unit are read by one statement and written by one. What one event needs of threads
and runs is remembered for those behind it in the same unit; nothing else changes them meanwhile.
"""

from __future__ import annotations

from dataclasses import replace

from ...bus import Hint
from ...context import UserExecutionContext
from ...errors import ThreadcastError
from ...events import Address, EventType, JournalEvent, ThreadData, encode_json
from ...ids import UnifiedIdGenerator
from ...ids.migrated import migrate_legacy_thread_id
from ...wire.external_data import ThreadState
from ...wire.external_event import ExternalEvent
from ..units import AliasThread, Committed, DeleteThread, Ingested, IngestEvents, Outcome
from .batch import Batch
from .external_runs import ExternalRuns
from .threads import alias_thread, change_thread, delete_thread, insert_thread

# From the unit's few keys to the rows: the other way round, every commit would read all keys.
_EARLIER = """
SELECT i.client_message_id, i.digest, i.seq FROM json_each(?2) AS j
CROSS JOIN ingests AS i ON i.user = ?1 AND i.client_message_id = j.value
"""
_KEEP = """
INSERT INTO ingests (user, client_message_id, digest, seq)
SELECT ?1, j.value ->> 0, unhex(j.value ->> 1), j.value ->> 2 FROM json_each(?2) AS j
"""
_THREAD = """
SELECT thread, thread_id FROM threads WHERE user = ?1 AND state = 0 AND (
    thread_id = ?2
    OR thread = (SELECT thread FROM thread_aliases WHERE user = ?1 AND legacy_id = ?2)
)
"""


def ingest_events(batch: Batch, unit: IngestEvents) -> Outcome:
    """Apply one `IngestEvents`."""
    work = _Work(batch, unit)
    results = [work.take(event) for event in unit.events]
    work.save()
    return Committed(results, work.events, work.hints)


class _Work:
    """One unit under way."""

    def __init__(self, batch: Batch, unit: IngestEvents) -> None:
        self._batch = batch
        self._unit = unit
        self._user_id = unit.context.user_id
        self._user = batch.user(self._user_id)
        self._known = self._earlier()
        self._fresh: list[tuple[str, str, int]] = []
        self._threads: dict[str, tuple[int, str]] = {}
        self._runs = ExternalRuns(
            batch, self._user_id, lease_until=batch.lease_now + unit.silence_s
        )
        self.events: list[JournalEvent] = []
        self.hints: list[Hint] = []

    def _earlier(self) -> dict[str, tuple[bytes, int]]:
        """What the keys of this unit did before."""
        if self._user is None:
            return {}
        keys = encode_json([event.client_message_id for event in self._unit.events]).decode()
        return {row[0]: (row[1], row[2]) for row in self._batch.all(_EARLIER, self._user, keys)}

    def take(self, event: ExternalEvent) -> Ingested | ThreadcastError:
        """Store one event, unless it is there already; what refuses it changes nothing."""
        first = self._known.get(event.client_message_id)
        if first is not None:
            if first[0] != event.digest:
                return ThreadcastError("idempotency_conflict")
            return Ingested(first[1], duplicate=True)
        try:
            seq = self._store(event)
        except ThreadcastError as error:
            return error
        self._known[event.client_message_id] = (event.digest, seq)
        self._fresh.append((event.client_message_id, event.digest.hex(), seq))
        return Ingested(seq, duplicate=False)

    def save(self) -> None:
        """Keep the keys of what was stored, and that its runs were heard of."""
        if self._fresh:
            user = self._batch.existing_user(self._user_id)
            self._batch.run(_KEEP, user, encode_json(self._fresh).decode())
        self._runs.save()

    def _store(self, event: ExternalEvent) -> int:
        match event.draft.event_type:
            case EventType.THREAD_CREATED:
                return self._create_thread(event)
            case EventType.THREAD_UPDATED:
                return self._update_thread(event)
            case EventType.THREAD_DELETED:
                return self._delete_thread(event)
            case _:
                return self._append_to_run(event)

    # --- threads --------------------------------------------------------------------------

    def _thread(self, named: str) -> tuple[int, str]:
        """A thread's row and current id, by either id.

        Raises:
            ThreadcastError: `not_found`.
        """
        found = self._threads.get(named)
        if found is None:
            row = self._batch.one(_THREAD, self._user, named)
            if row is None:
                raise ThreadcastError("not_found", "thread_id: the user has no such thread")
            found = self._threads[named] = (int(row[0]), str(row[1]))
        return found

    def _create_thread(self, event: ExternalEvent) -> int:
        named, state = event.thread_id or "", event.data
        if not isinstance(state, ThreadState):
            raise AssertionError("not the data of a thread")
        legacy = not UnifiedIdGenerator.is_valid_id(named, "thread")
        if legacy and self._has_alias(named):
            raise ThreadcastError("bad_id", "thread_id: expected a new id, got one in use")
        thread_id = migrate_legacy_thread_id(named, self._user_id) if legacy else named
        data = ThreadData(state.title, state.metadata or {}, created_at=state.created_at)
        thread, created = insert_thread(self._batch, self._user_id, thread_id, data)
        self._user = self._batch.existing_user(self._user_id)
        if legacy:
            alias_thread(self._batch, AliasThread(self._in_thread(thread_id), named))
        self._threads[named] = (thread, thread_id)
        self.events.append(created)
        return created.seq

    def _has_alias(self, legacy_id: str) -> bool:
        sql = "SELECT 1 FROM thread_aliases WHERE user = ? AND legacy_id = ?"
        return self._batch.one(sql, self._user, legacy_id) is not None

    def _update_thread(self, event: ExternalEvent) -> int:
        _, thread_id = self._thread(event.thread_id or "")
        state = event.data
        if not isinstance(state, ThreadState):
            raise AssertionError("not the data of a thread")
        changed = change_thread(
            self._batch,
            Address(self._user_id, thread_id, None),
            state.title,
            state.metadata,
            created_at=state.created_at,
        )
        self.events.append(changed)
        return changed.seq

    def _delete_thread(self, event: ExternalEvent) -> int:
        _, thread_id = self._thread(event.thread_id or "")
        outcome = delete_thread(self._batch, DeleteThread(self._in_thread(thread_id)))
        if not isinstance(outcome, Committed):
            raise AssertionError("a thread that was found is deleted")
        self._threads.clear()
        self._runs.forget()
        self.events += outcome.events
        self.hints += outcome.hints
        return outcome.events[-1].seq

    def _in_thread(self, thread_id: str) -> UserExecutionContext:
        return replace(self._unit.context, thread_id=thread_id, thread_origin="stored")

    # --- runs -----------------------------------------------------------------------------

    def _append_to_run(self, event: ExternalEvent) -> int:
        thread = None if event.thread_id is None else self._thread(event.thread_id)
        if self._user is None:
            raise ThreadcastError("not_found", "run_id: the user has no such run")
        appended, hints = self._runs.append(self._user, event, thread)
        self.events.append(appended)
        self.hints += hints
        return appended.seq
