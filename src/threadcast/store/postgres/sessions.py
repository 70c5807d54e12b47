"""Reads of one user's rows, all from one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from ...agent import Message, SearchHit
from ...errors import ThreadcastError
from ...events import (
    EVENT_OF_CODE,
    Address,
    AgentCompleted,
    EventType,
    JournalEvent,
    MessageCreated,
    timestamp_text,
)
from ..reader_pool import ReaderPool
from ..records import (
    ConnectionRow,
    InputRow,
    JournalHead,
    JournalPage,
    MessageRow,
    RunFacts,
    RunRow,
    ThreadRow,
    ThreadRun,
    UserCounts,
)
from ..stored_runs import STATUS_OF_CODE
from . import statements
from .connecting import Row
from .keys import user_key
from .readers import Reader
from .run_rows import run_facts, run_row
from .search import patterns_of

_SEQ_MAX = 2**63 - 1
_MICROSECONDS = 1_000_000

_decode_message = msgspec.json.Decoder(MessageCreated).decode
_decode_answer = msgspec.json.Decoder(AgentCompleted).decode


class PostgresSession:
    """See `StoreSession`.

    Args:
        pool: lends the reader, from the first read to `close`.
        user_id: whose rows; nothing else can be read.
    """

    def __init__(self, pool: ReaderPool[Reader], user_id: str) -> None:
        self._pool = pool
        self._user_id = user_id
        self._reader: Reader | None = None
        self._closed = False

    async def journal(self, token_id: str | None = None) -> JournalHead:
        """See `StoreSession.journal`."""
        rows = await self._rows(statements.JOURNAL, token_id)
        return JournalHead(*rows[0]) if rows else JournalHead(None)

    async def page(
        self, after: int, *, limit: int, max_bytes: int, thread_id: str | None = None
    ) -> JournalPage:
        """See `StoreSession.page`."""
        arguments = (after, limit, max(max_bytes, 1), thread_id)
        rows = await self._rows(statements.PAGE, *arguments)
        if not rows:
            return JournalPage(after, [], JournalHead(None), at_head=True, stamp=None)
        feed, head, trimmed, revoked_before, at_us, first_seq, *_ = rows[0]
        return JournalPage.of(
            after,
            [] if first_seq is None else self._events(row[5:] for row in rows),
            JournalHead(feed, head, trimmed, revoked_before),
            None if at_us is None else timestamp_text(at_us),
            limit=limit,
            max_bytes=max_bytes,
        )

    async def timestamp(self, seq: int) -> bytes | None:
        """See `StoreSession.timestamp`."""
        rows = await self._rows(statements.TIMESTAMP, seq)
        return timestamp_text(rows[0][0]) if rows else None

    async def thread(self, thread_id: str) -> ThreadRow | None:
        """See `StoreSession.thread`."""
        rows = await self._rows(statements.THREAD, thread_id)
        if not rows:
            rows = await self._rows(statements.ALIASED_THREAD, thread_id)
        return _thread(rows[0]) if rows else None

    async def threads(self, *, limit: int, before: int | None) -> list[ThreadRow]:
        """See `StoreSession.threads`."""
        last = _SEQ_MAX if before is None else before
        return [_thread(row) for row in await self._rows(statements.THREADS, last, limit)]

    async def messages(self, thread_id: str, *, limit: int, before: int | None) -> list[MessageRow]:
        """See `StoreSession.messages`."""
        last = _SEQ_MAX if before is None else before
        events = self._events(await self._rows(statements.HISTORY, thread_id, last, limit))
        return [MessageRow(event.seq, _message(event)) for event in reversed(events)]

    async def run(self, run_id: str) -> RunRow | None:
        """See `StoreSession.run`."""
        rows = await self._rows(statements.RUN, run_id)
        if not rows:
            return None
        return run_row(rows[0])

    async def inputs(self, run_id: str) -> list[InputRow]:
        """See `StoreSession.inputs`."""
        return [
            InputRow(
                *(input_id, ordinal, prompt, expires_at),
                answered=value is not None,
                value=None if value is None else msgspec.json.decode(value),
                open_s=open_s,
            )
            for input_id, ordinal, prompt, expires_at, open_s, value in await self._rows(
                statements.INPUTS, run_id
            )
        ]

    async def search(self, text: str, *, limit: int) -> list[SearchHit]:
        """See `StoreSession.search`."""
        patterns = patterns_of(text)
        if not patterns:
            return []
        found = []
        for event in self._events(await self._rows(statements.SEARCH, patterns, limit)):
            message = _message(event)
            thread_id = event.address.thread_id or ""
            found.append(SearchHit(thread_id, message.content, message.timestamp))
        return found

    async def connections(self) -> list[ConnectionRow]:
        """See `StoreSession.connections`."""
        return [
            ConnectionRow(connection_id, kind, opened_us / _MICROSECONDS, *rest)
            for connection_id, kind, opened_us, *rest in await self._rows(statements.CONNECTIONS)
        ]

    async def runs(self, *, live: bool, limit: int) -> list[RunFacts]:
        """See `StoreSession.runs`."""
        sql = statements.LIVE_RUNS_OF_USER if live else statements.ENDED_RUNS_OF_USER
        return [run_facts(row) for row in await self._rows(sql, limit)]

    async def counts(self) -> UserCounts:
        """See `StoreSession.counts`."""
        rows = await self._rows(statements.COUNTS)
        return UserCounts(*rows[0]) if rows else UserCounts(0, 0)

    async def close(self) -> None:
        """See `StoreSession.close`."""
        self._closed = True
        reader, self._reader = self._reader, None
        if reader is not None:
            try:
                await reader.end_snapshot()
            finally:
                self._pool.put_back(reader)

    # --- how it is read -------------------------------------------------------------------

    async def _rows(self, sql: str, *arguments: object) -> Sequence[Row]:
        if self._closed:
            raise ThreadcastError("internal", "the session is closed")
        if self._reader is None:
            self._reader = await self._pool.acquire()
        key = user_key(self._user_id)
        return await self._reader.read(_begin(key), sql, key, *arguments)

    def _events(self, rows: Iterable[Row]) -> list[JournalEvent]:
        """Build events out of rows; those of one run share their address, one time its text."""
        addresses: dict[tuple[str | None, str | None], Address] = {}
        stamps: dict[int, bytes] = {}
        events = []
        for seq, code, at_us, thread_id, run_id, data in rows:
            address = addresses.get((thread_id, run_id))
            if address is None:
                address = addresses[thread_id, run_id] = Address(self._user_id, thread_id, run_id)
            stamp = stamps.get(at_us)
            if stamp is None:
                stamp = stamps[at_us] = timestamp_text(at_us)
            events.append(JournalEvent(EVENT_OF_CODE[code], stamp, address, seq, data))
        return events


def _begin(key: str) -> str:
    """One snapshot, without writes, in which only this user's rows can be seen."""
    return (
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
        f" SET LOCAL threadcast.user_key = '{key}'"  # 32 hexadecimal digits
    )


def _thread(row: Row) -> ThreadRow:
    thread_id, title, preview, metadata, created, updated, last_seq, live_runs = row
    return ThreadRow(
        *(thread_id, title, preview, msgspec.json.decode(metadata)),
        created_at=created / _MICROSECONDS,
        updated_at=updated / _MICROSECONDS,
        last_seq=last_seq,
        live_runs=[_live_run(*text.split(" ")) for text in live_runs],
    )


def _live_run(code: str, run_id: str) -> ThreadRun:
    return ThreadRun(run_id, STATUS_OF_CODE[int(code)])


def _message(event: JournalEvent) -> Message:
    role: Literal["user", "assistant"]
    if event.event_type is EventType.MESSAGE_CREATED:
        said = _decode_message(event.data)
        role, content, created_at = "user", said.content, said.created_at
    else:
        answer = _decode_answer(event.data)
        role, content, created_at = "assistant", answer.content, answer.created_at
    timestamp = created_at if isinstance(created_at, float) else float(event.stamp)
    return Message(role, content, event.address.run_id or "", timestamp)
