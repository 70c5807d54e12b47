"""The unit that appends what other services send, each event by itself, once per name.

Keys of a whole unit are read by one statement and written by one. What one event needs of threads
and runs is remembered for those behind it in the same unit; nothing else changes them meanwhile.
"""

from __future__ import annotations

from dataclasses import replace

from ...bus import Hint
from ...context import UserExecutionContext
from ...errors import ThreadcastError
from ...events import Address, EventType, JournalEvent, ThreadData
from ...ids import UnifiedIdGenerator
from ...ids.migrated import migrate_legacy_thread_id
from ...wire.external_data import ThreadState
from ...wire.external_event import ExternalEvent
from ..units import AliasThread, Committed, DeleteThread, Ingested, IngestEvents, Outcome
from .batch import Batch
from .external_runs import ExternalRuns
from .threads import (
    alias_thread,
    change_thread,
    delete_thread,
    insert_thread,
    refuse_known_thread,
)

_EARLIER = """
SELECT client_message_id, digest, seq FROM ingests
WHERE user_key = $1 AND client_message_id = ANY($2::text[])
"""
_KEEP = """
INSERT INTO ingests (user_key, client_message_id, digest, seq)
SELECT $1, * FROM unnest($2::text[], $3::bytea[], $4::bigint[])
"""
_THREAD = """
SELECT thread, thread_id FROM threads WHERE user_key = $1 AND state = 0 AND (
    thread_id = $2 OR thread = (
        SELECT a.thread FROM thread_aliases AS a WHERE a.user_key = $1 AND a.legacy_id = $2
    )
)
"""
_ALIASED = "SELECT 1 FROM thread_aliases WHERE user_key = $1 AND legacy_id = $2"


async def ingest_events(batch: Batch, unit: IngestEvents) -> Outcome:
    """Apply one `IngestEvents`."""
    work = _Work(batch, unit)
    await work.begin()
    results = [await work.take(event) for event in unit.events]
    await work.save()
    return Committed(results, work.events, work.hints)


class _Work:
    """One unit under way."""

    def __init__(self, batch: Batch, unit: IngestEvents) -> None:
        self._batch = batch
        self._unit = unit
        self._user_id = unit.context.user_id
        self._user = batch.user(self._user_id)
        self._known: dict[str, tuple[bytes, int]] = {}
        self._fresh: list[tuple[str, bytes, int]] = []
        self._threads: dict[str, tuple[int, str]] = {}
        self._runs = ExternalRuns(batch, self._user_id, silence_s=unit.silence_s)
        self.events: list[JournalEvent] = []
        self.hints: list[Hint] = []

    async def begin(self) -> None:
        """Read what the keys of this unit did before."""
        if self._user is not None:
            keys = [event.client_message_id for event in self._unit.events]
            rows = await self._batch.all(_EARLIER, self._user, keys)
            self._known = {key: (digest, seq) for key, digest, seq in rows}

    async def take(self, event: ExternalEvent) -> Ingested | ThreadcastError:
        """Store one event, unless it is there already; what refuses it changes nothing."""
        first = self._known.get(event.client_message_id)
        if first is not None:
            if first[0] != event.digest:
                return ThreadcastError("idempotency_conflict")
            return Ingested(first[1], duplicate=True)
        try:
            seq = await self._store(event)
        except ThreadcastError as error:
            return error
        self._known[event.client_message_id] = (event.digest, seq)
        self._fresh.append((event.client_message_id, event.digest, seq))
        return Ingested(seq, duplicate=False)

    async def save(self) -> None:
        """Keep the keys of what was stored, and that its runs were heard of."""
        if self._user is None or not self._fresh:
            return
        await self._batch.run(_KEEP, self._user, *map(list, zip(*self._fresh, strict=True)))
        await self._runs.save(self._user)

    async def _store(self, event: ExternalEvent) -> int:
        match event.draft.event_type:
            case EventType.THREAD_CREATED:
                return await self._create_thread(event)
            case EventType.THREAD_UPDATED:
                return await self._update_thread(event)
            case EventType.THREAD_DELETED:
                return await self._delete_thread(event)
            case _:
                return await self._append_to_run(event)

    # --- threads --------------------------------------------------------------------------

    async def _thread(self, named: str) -> tuple[int, str]:
        """A thread's number and current id, by either id.

        Raises:
            ThreadcastError: `not_found`.
        """
        found = self._threads.get(named)
        if found is None:
            row = await self._batch.one(_THREAD, self._user, named)
            if row is None:
                raise ThreadcastError("not_found", "thread_id: the user has no such thread")
            found = self._threads[named] = (int(row[0]), str(row[1]))
        return found

    async def _create_thread(self, event: ExternalEvent) -> int:
        named, state = event.thread_id or "", event.data
        if not isinstance(state, ThreadState):
            raise AssertionError("not the data of a thread")
        legacy = not UnifiedIdGenerator.is_valid_id(named, "thread")
        if legacy and await self._batch.one(_ALIASED, self._user, named):
            raise ThreadcastError("bad_id", "thread_id: expected a new id, got one in use")
        thread_id = migrate_legacy_thread_id(named, self._user_id) if legacy else named
        data = ThreadData(state.title, state.metadata or {}, created_at=state.created_at)
        await refuse_known_thread(self._batch, self._user_id, thread_id)
        thread, created = await insert_thread(self._batch, self._user_id, thread_id, data)
        if legacy:
            await alias_thread(self._batch, AliasThread(self._in_thread(thread_id), named))
        self._threads[named] = (thread, thread_id)
        self.events.append(created)
        return created.seq

    async def _update_thread(self, event: ExternalEvent) -> int:
        _, thread_id = await self._thread(event.thread_id or "")
        state = event.data
        if not isinstance(state, ThreadState):
            raise AssertionError("not the data of a thread")
        changed = await change_thread(
            self._batch,
            Address(self._user_id, thread_id, None),
            state.title,
            state.metadata,
            created_at=state.created_at,
        )
        self.events.append(changed)
        return changed.seq

    async def _delete_thread(self, event: ExternalEvent) -> int:
        _, thread_id = await self._thread(event.thread_id or "")
        outcome = await delete_thread(self._batch, DeleteThread(self._in_thread(thread_id)))
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

    async def _append_to_run(self, event: ExternalEvent) -> int:
        thread = None if event.thread_id is None else await self._thread(event.thread_id)
        if self._user is None:
            raise ThreadcastError("not_found", "run_id: the user has no such run")
        appended, hints = await self._runs.append(event, thread)
        self.events.append(appended)
        self.hints += hints
        return appended.seq
