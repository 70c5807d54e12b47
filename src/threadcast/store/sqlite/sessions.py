"""Reads of one user's rows, all from one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import apsw
import msgspec

from ...agent import Message, SearchHit
from ...clock import Clock
from ...errors import ThreadcastError
from ...events import (
    EVENT_OF_CODE,
    Address,
    AgentCompleted,
    EventType,
    JournalEvent,
    MessageCreated,
    encode_json,
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
from .readers import Reader
from .run_rows import run_row, runs_facts
from .search import search_of

T = TypeVar("T")
Row = tuple[Any, ...]

_SEQ_MAX = 2**63 - 1
_MICROSECONDS = 1_000_000

_Place = tuple[
    str,
    Literal["websocket", "sse"],
    int,
    str,
    str | None,
    int | None,
    int | None,
    float | None,
]

_decode_meta = msgspec.json.Decoder(list[tuple[int, int, int, str | None, str | None, int]]).decode
_decode_threads = msgspec.json.Decoder(
    list[tuple[str, str | None, str | None, dict[str, Any], int, int, int, list[tuple[str, int]]]]
).decode
_decode_inputs = msgspec.json.Decoder(list[tuple[str, int, str, float, str | None]]).decode
_decode_connections = msgspec.json.Decoder(list[_Place]).decode
_decode_message = msgspec.json.Decoder(MessageCreated).decode
_decode_answer = msgspec.json.Decoder(AgentCompleted).decode


class SqliteSession:
    """See `StoreSession`.

    Args:
        pool: lends the reader, from the first read to `close`.
        user_id: whose rows; nothing else can be read.
        clock: the store's own.
    """

    def __init__(self, pool: ReaderPool[Reader], user_id: str, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._user_id = user_id
        self._reader: Reader | None = None
        self._closed = False

    async def journal(self, token_id: str | None = None) -> JournalHead:
        """See `StoreSession.journal`."""
        row = await self._row(statements.JOURNAL, token_id)
        if row is None:
            return JournalHead(None)
        feed, head, trimmed, revoked_before, token_revoked = row
        return JournalHead(feed, head, trimmed, revoked_before, bool(token_revoked))

    async def page(
        self, after: int, *, limit: int, max_bytes: int, thread_id: str | None = None
    ) -> JournalPage:
        """See `StoreSession.page`."""
        arguments = self._bind((after, limit, max(max_bytes, 1), thread_id))

        def query(connection: apsw.Connection) -> JournalPage:
            row = _only(connection, statements.PAGE, arguments)
            if row is None:
                return JournalPage(after, [], JournalHead(None), at_head=True, stamp=None)
            *head, at_us, meta, data = row
            if data is None and head[1] > after:  # there are more bytes than these
                meta, data = _only(connection, statements.CUT_PAGE, arguments) or (meta, data)
            return JournalPage.of(
                after,
                [] if data is None else _events(self._user_id, meta, data),
                JournalHead(*head),
                None if at_us is None else timestamp_text(at_us),
                limit=limit,
                max_bytes=max_bytes,
            )

        return await self._read(query)

    async def timestamp(self, seq: int) -> bytes | None:
        """See `StoreSession.timestamp`."""
        row = await self._row(statements.TIMESTAMP, seq)
        return None if row is None else timestamp_text(row[0])

    async def thread(self, thread_id: str) -> ThreadRow | None:
        """See `StoreSession.thread`."""
        found = await self._threads(statements.THREAD, thread_id)
        if not found:
            found = await self._threads(statements.ALIASED_THREAD, thread_id)
        return found[0] if found else None

    async def threads(self, *, limit: int, before: int | None) -> list[ThreadRow]:
        """See `StoreSession.threads`."""
        last = _SEQ_MAX if before is None else before
        return await self._threads(statements.THREADS, last, limit)

    async def messages(self, thread_id: str, *, limit: int, before: int | None) -> list[MessageRow]:
        """See `StoreSession.messages`."""
        last = _SEQ_MAX if before is None else before
        events = await self._events(statements.HISTORY, thread_id, last, limit)
        return [MessageRow(event.seq, _message(event)) for event in reversed(events)]

    async def run(self, run_id: str) -> RunRow | None:
        """See `StoreSession.run`."""
        row = await self._row(statements.RUN, run_id)
        if row is None:
            return None
        return run_row(row)

    async def inputs(self, run_id: str) -> list[InputRow]:
        """See `StoreSession.inputs`."""
        row = await self._row(statements.INPUTS, run_id)
        return [
            InputRow(
                *(input_id, ordinal, prompt, expires_at),
                answered=value is not None,
                value=None if value is None else msgspec.json.decode(value),
            )
            for input_id, ordinal, prompt, expires_at, value in _decode_inputs(_first(row))
        ]

    async def search(self, text: str, *, limit: int) -> list[SearchHit]:
        """See `StoreSession.search`."""
        user = await self._row(statements.USER)
        search = None if user is None else search_of(user[0], text)
        if search is None:
            return []
        literal = encode_json(search.literal).decode()
        hits = await self._events(statements.SEARCH, search.match, literal, limit)
        found = []
        for event in hits:
            message = _message(event)
            thread_id = event.address.thread_id or ""
            found.append(SearchHit(thread_id, message.content, message.timestamp))
        return found

    async def connections(self) -> list[ConnectionRow]:
        """See `StoreSession.connections`."""
        row = await self._row(statements.CONNECTIONS, self._clock.now())
        return [
            ConnectionRow(
                *(connection_id, kind, opened_us / _MICROSECONDS, node_id, agent, cursor),
                live=None if live is None else bool(live),
                said_at=said_at,
            )
            for (
                connection_id, kind, opened_us, node_id, agent, cursor, live, said_at
            ) in _decode_connections(_first(row))
        ]  # fmt: skip

    async def runs(self, *, live: bool, limit: int) -> list[RunFacts]:
        """See `StoreSession.runs`."""
        sql = statements.LIVE_RUNS_OF_USER if live else statements.ENDED_RUNS_OF_USER
        row = await self._row(sql, limit)
        return runs_facts(_first(row), self._clock.now())

    async def counts(self) -> UserCounts:
        """See `StoreSession.counts`."""
        row = await self._row(statements.COUNTS)
        return UserCounts(0, 0) if row is None else UserCounts(*row)

    async def close(self) -> None:
        """See `StoreSession.close`."""
        self._closed = True
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.end_snapshot()
            self._pool.put_back(reader)

    # --- how it is read -------------------------------------------------------------------

    async def _row(self, sql: str, *arguments: object) -> Row | None:
        return await self._read(lambda connection: _only(connection, sql, self._bind(arguments)))

    async def _threads(self, sql: str, *arguments: object) -> list[ThreadRow]:
        rows = _decode_threads(_first(await self._row(sql, *arguments)))
        return [
            ThreadRow(
                *(thread_id, title, preview, metadata),
                created_at=created / _MICROSECONDS,
                updated_at=updated / _MICROSECONDS,
                last_seq=last_seq,
                live_runs=[ThreadRun(run_id, STATUS_OF_CODE[code]) for run_id, code in live_runs],
            )
            for (
                thread_id, title, preview, metadata, created, updated, last_seq, live_runs
            ) in rows
        ]  # fmt: skip

    async def _events(self, sql: str, *arguments: object) -> list[JournalEvent]:
        def query(connection: apsw.Connection) -> list[JournalEvent]:
            row = _only(connection, sql, self._bind(arguments))
            return [] if row is None or row[1] is None else _events(self._user_id, row[0], row[1])

        return await self._read(query)

    def _bind(self, arguments: Sequence[object]) -> tuple[Any, ...]:
        return (self._user_id, *arguments)

    async def _read(self, query: Callable[[apsw.Connection], T]) -> T:
        if self._closed:
            raise ThreadcastError("internal", "the session is closed")
        if self._reader is None:
            self._reader = await self._pool.acquire()
        return await self._reader.read(query)


def _only(connection: apsw.Connection, sql: str, bindings: tuple[Any, ...]) -> Row | None:
    return next(iter(connection.execute(sql, bindings).fetchall()), None)


def _first(row: Row | None) -> str:
    if row is None:
        raise AssertionError("a list query without a row")
    return str(row[0])


def _events(user_id: str, meta: str, data: bytes) -> list[JournalEvent]:
    """Build events out of a page; those of one run share their address, and one time its text."""
    addresses: dict[tuple[str | None, str | None], Address] = {}
    stamps: dict[int, bytes] = {}
    events = []
    start = 0
    for seq, code, at_us, thread_id, run_id, size in _decode_meta(meta):
        address = addresses.get((thread_id, run_id))
        if address is None:
            address = addresses[thread_id, run_id] = Address(user_id, thread_id, run_id)
        stamp = stamps.get(at_us)
        if stamp is None:
            stamp = stamps[at_us] = timestamp_text(at_us)
        end = start + size
        events.append(JournalEvent(EVENT_OF_CODE[code], stamp, address, seq, data[start:end]))
        start = end
    return events


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
