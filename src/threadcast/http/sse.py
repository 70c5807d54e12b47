"""Server-Sent Events: `GET /v1/events`, the same journal and connection over plain HTTP.

A stream is a `Connection` whose outbound is a response body. Journal events carry `id:
<feed>:<seq>`; connection events carry none. Right after `attached` comes a block with only an
`id:`, which readers remember without an event: one that is cut off before the first event then
resumes from there, not from a later head.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..auth.credentials import agent_of
from ..connections.connection import Connection, position_of
from ..connections.state import AsyncConnectionStateManager, ConnectionState
from ..delivery.outbound import QueuedOutbound
from ..delivery.resume import Position
from ..errors import ThreadcastError
from ..events import ConnectionEventType, JournalEvent
from ..wire.connection_data import Attached
from ..wire.json_problems import check_id
from .calls import UserCall
from .paging import read_cursor
from .requests import header, read_query

STREAM_TYPE = "text/event-stream"

_HEARTBEAT = b": \n\n"
_FINISH_MAX_S = 10.0
_LAST_EVENT_ID_MAX_CHARACTERS = 256


async def stream_events(call: UserCall) -> ASGIApp:
    """`GET /v1/events?after&feed&thread_id`; the header `Last-Event-ID` overrides the query."""
    wanted = await _wanted_position(call)
    if call.node.draining:
        raise ThreadcastError("shutting_down")
    if call.request.method == "HEAD":
        return Response(None, media_type=STREAM_TYPE)
    return EventStream(call, wanted)


async def _wanted_position(call: UserCall) -> Position:
    query = read_query(call.request, "after", "feed", "thread_id")
    after, feed = read_cursor(query.get("after")), query.get("feed")
    if feed is not None:
        check_id("feed", feed, "feed")
    last_event_id = header(call.request, b"last-event-id", "bad_cursor")
    if last_event_id:
        feed, after = read_event_id(last_event_id)
    thread_id = query.get("thread_id")
    if thread_id is not None:
        async with call.session("sse") as session:
            thread_id = (await session.threads.get_by_id(thread_id)).thread_id
    return position_of(after=after, feed=feed, at=None, thread_id=thread_id)


def read_event_id(text: str) -> tuple[str, int]:
    """The feed and the seq of a `Last-Event-ID`.

    Raises:
        ThreadcastError: `bad_cursor`.
    """
    feed, colon, seq = text[:_LAST_EVENT_ID_MAX_CHARACTERS].partition(":")
    try:
        check_id("Last-Event-ID", feed, "feed")
    except ThreadcastError:
        colon = ""
    if not colon:
        raise ThreadcastError("bad_cursor", "Last-Event-ID: expected <feed>:<seq>")
    return feed, read_cursor(seq, "Last-Event-ID") or 0


def event_block(event_type: str, payload: bytes, event_id: str | None = None) -> bytes:
    """One event in SSE framing. JSON holds no raw line break, so data is one line."""
    head = b"" if event_id is None else b"id: %b\n" % event_id.encode()
    return b"%bevent: %b\ndata: %b\n\n" % (head, event_type.encode(), payload)


class StreamConnection(Connection):
    """A connection whose reader is a response body; it also sets the reconnection time.

    Attributes:
        feed: of the journal that its events are from.
    """

    kind: Literal["websocket", "sse"] = "sse"

    __slots__ = ("feed",)

    outbound: QueuedOutbound
    feed: str | None

    def say_attached(self, data: Attached) -> None:
        """As every connection, plus the id from which a reader without an event resumes."""
        self.feed = data.feed
        super().say_attached(data)
        if self.state.may_deliver:
            self.outbound.put(b"id: %b\n\n" % self.event_id(data.after).encode())

    def event_id(self, seq: int) -> str:
        """The event id with which a reader resumes after this seq."""
        return f"{self.feed}:{seq}"

    def end(self, code: str, *, retry_after_ms: int | None = None) -> None:
        """As every connection; a retry time is also sent as SSE's `retry:`."""
        if retry_after_ms is not None and not self.state.ended:
            self.outbound.put(b"retry: %d\n\n" % retry_after_ms)
        super().end(code, retry_after_ms=retry_after_ms)


class EventStream:
    """The answer to one `GET /v1/events`, from admission to its end.

    Args:
        call: whose stream it is.
        wanted: the reader's cursor.
    """

    _connection: StreamConnection

    def __init__(self, call: UserCall, wanted: Position) -> None:
        self._call = call
        self._wanted = wanted
        self._begun = False
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._state = AsyncConnectionStateManager()
        self._state.move(ConnectionState.AUTHENTICATING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the reader goes or the connection ends.

        Raises:
            ThreadcastError: the reader is refused; nothing was sent.
        """
        del scope
        services = self._call.node.services
        outbound = QueuedOutbound(
            self._sender(send),
            form_events=self._form_events,
            form_said=_form_said,
            limit_bytes=services.settings.send_buffer_max_bytes,
        )
        self._connection = connection = StreamConnection(
            services,
            self._call.identity,
            self._state,
            outbound,
            self._close,
            request_id=self._call.context.request_id,
            agent=agent_of(self._call.request.scope["headers"]),
        )
        outbound.on_failed = lambda: connection.end("internal")
        try:
            if await self._live(connection, outbound, receive) and not outbound.gone:
                await self._finish(outbound, send)
        except ThreadcastError as error:
            services.metrics.count_connect_refused(failed=error.is_failure)
            raise
        finally:
            await outbound.close()
            self._state.move(ConnectionState.CLOSED)
            del self._connection  # breaks the reference cycle between the two

    async def _live(
        self, connection: StreamConnection, outbound: QueuedOutbound, receive: Receive
    ) -> bool:
        """Run the connection to its end; whether the reader is still there."""
        node = self._call.node
        limit = node.intake.connection_limit(self._call.identity)
        with node.arrivals.begin() as arrival:
            try:
                with node.manager.registered(connection, limit=limit):
                    await connection.open()
                    arrival.over()
                    node.metrics.connects.labels("accepted").inc()
                    await self._attach(connection)
                    return await self._until_over(outbound, receive)
            finally:
                connection.release()

    async def _attach(self, connection: StreamConnection) -> None:
        try:
            data = await connection.attach(self._wanted)
        except ThreadcastError as error:  # the response has begun, so this ends the stream
            connection.end(error.code, retry_after_ms=error.retry_after_ms)
            return
        connection.say_attached(data)
        connection.flow()

    async def _until_over(self, outbound: QueuedOutbound, receive: Receive) -> bool:
        heartbeat_s = self._call.node.settings.heartbeat_s
        gone = asyncio.get_running_loop().create_task(_gone(receive))
        try:
            while not (gone.done() or self._over.done()):
                done, _ = await asyncio.wait(
                    {gone, self._over}, timeout=heartbeat_s, return_when=asyncio.FIRST_COMPLETED
                )
                if not (done or outbound.congested):
                    outbound.put(_HEARTBEAT)
            return not gone.done()
        finally:
            gone.cancel()
            await asyncio.wait({gone})

    async def _finish(self, outbound: QueuedOutbound, send: Send) -> None:
        """Flush and end the body in bounded time; a body that cannot end is aborted."""
        try:
            async with asyncio.timeout(_FINISH_MAX_S):
                await outbound.flushed()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (TimeoutError, OSError):
            return

    def _sender(self, send: Send) -> Callable[[bytes], Awaitable[None]]:
        async def send_chunk(chunk: bytes) -> None:
            if not self._begun:
                self._begun = True
                await send(_response_start())
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

        return send_chunk

    def _close(self, code: int, reason: str) -> None:
        del code, reason  # `connection_closing` carried them
        if not self._over.done():
            self._over.set_result(None)

    def _form_events(self, events: Sequence[JournalEvent]) -> list[bytes]:
        blocks = [
            event_block(event.event_type.value, event.payload, self._connection.event_id(event.seq))
            for event in events
        ]
        return [b"".join(blocks)]


def _form_said(event_type: ConnectionEventType, payload: bytes) -> bytes:
    return event_block(event_type.value, payload)


def _response_start() -> Message:
    return {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", STREAM_TYPE.encode()),
            (b"x-accel-buffering", b"no"),
        ],
    }


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
