"""The outbound side of one reader: framing, writing, and backpressure.

Writing never waits. A reader that does not keep up is `congested`; its cursor then stops pushing,
and continues from the journal when `on_drain` is called. So the bytes held for a reader are bounded
by one push beyond the limit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Protocol

from ..edge import FrameWriter, text_frame
from ..events import ConnectionEventType, JournalEvent

log = logging.getLogger(__name__)


class Outbound(Protocol):
    """Where a connection writes. Only the connection that owns it may call it."""

    on_drain: Callable[[], None] | None
    """Called when it is no longer congested, because the reader read or has gone."""

    @property
    def congested(self) -> bool:
        """Whether more than the limit is buffered; then no events may be pushed."""
        ...

    def deliver(self, events: Sequence[JournalEvent]) -> None:
        """Write journal events, in order, in one go."""
        ...

    def say(self, event_type: ConnectionEventType, payload: bytes) -> None:
        """Write one connection event."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Send what is written within the block in one write; the block must not await."""
        ...


class FrameOutbound:
    """Writes prepared WebSocket frames straight to the transport: one write per call or block.

    Args:
        writer: the server's frame writer of this connection.
        lines: whether several events may share a frame, one per line.
    """

    __slots__ = ("_held", "_lines", "_writer", "on_drain")

    def __init__(self, writer: FrameWriter, *, lines: bool) -> None:
        self._writer = writer
        self._lines = lines
        self._held: list[bytes] | None = None
        self.on_drain: Callable[[], None] | None = None
        writer.on_drain = self._drained

    @property
    def congested(self) -> bool:
        """Whether the transport asked to stop writing."""
        return self._writer.congested

    @property
    def buffered_bytes(self) -> int:
        """Bytes buffered in the transport."""
        return self._writer.buffered_bytes

    def deliver(self, events: Sequence[JournalEvent]) -> None:
        """Write journal events; their frames are built once and shared by all readers."""
        if self._lines:
            self._write(text_frame(b"\n".join([event.payload for event in events])))
        elif len(events) == 1:
            self._write(_frame(events[0]))
        else:
            self._write(b"".join([_frame(event) for event in events]))

    def say(self, event_type: ConnectionEventType, payload: bytes) -> None:  # noqa: ARG002
        """Write one connection event; a frame names no type."""
        self._write(text_frame(payload))

    @contextmanager
    def together(self) -> Iterator[None]:
        """See `Outbound.together`: each write costs a system call, and wakes the reader."""
        self._held = []
        try:
            yield
        finally:
            self._flush()

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake after everything written before; see `FrameWriter.close`."""
        self._flush()
        self._writer.close(code, reason)

    def _write(self, data: bytes) -> None:
        if self._held is None:
            self._writer.write(data)
        else:
            self._held.append(data)

    def _flush(self) -> None:
        held, self._held = self._held, None
        if held:
            self._writer.write(b"".join(held))

    def _drained(self) -> None:
        if self.on_drain is not None:
            self.on_drain()


def _frame(event: JournalEvent) -> bytes:
    frame = event.frame
    if frame is None:
        frame = event.frame = text_frame(event.payload)
    return frame


class QueuedOutbound:
    """Awaits `send` for each chunk, in one task: for other ASGI servers and for SSE.

    Args:
        send: awaited with each chunk; it waits while the peer does not read.
        form_events: makes chunks of journal events.
        form_said: makes a chunk of a connection event.
        limit_bytes: congested with more buffered bytes than this.

    Whatever `send` raises, a chunk may be lost, so nothing is sent after it. An `OSError` says that
    the peer has gone, which its server reports as well; of any other error the owner is told.

    Attributes:
        on_failed: called once after such an error, which was logged; it should end the connection.

    The owner must `await close()`.
    """

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[None]],
        *,
        form_events: Callable[[Sequence[JournalEvent]], list[bytes]],
        form_said: Callable[[ConnectionEventType, bytes], bytes],
        limit_bytes: int,
    ) -> None:
        self._send = send
        self._form_events = form_events
        self._form_said = form_said
        self._limit_bytes = limit_bytes
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._was_congested = False
        self._gone = False
        self._task: asyncio.Task[None] | None = None
        self.on_drain: Callable[[], None] | None = None
        self.on_failed: Callable[[], None] | None = None

    @property
    def gone(self) -> bool:
        """Whether nothing more is sent."""
        return self._gone

    @property
    def congested(self) -> bool:
        """Whether more bytes wait than the limit."""
        return self._waiting_bytes > self._limit_bytes

    @property
    def buffered_bytes(self) -> int:
        """Bytes that wait to be sent."""
        return self._waiting_bytes

    def deliver(self, events: Sequence[JournalEvent]) -> None:
        """Queue journal events."""
        self._put(self._form_events(events))

    def say(self, event_type: ConnectionEventType, payload: bytes) -> None:
        """Queue one connection event."""
        self.put(self._form_said(event_type, payload))

    def together(self) -> AbstractContextManager[None]:
        """See `Outbound.together`; chunks are queued anyway."""
        return nullcontext()

    def put(self, chunk: bytes) -> None:
        """Queue a chunk that is no event, as it is."""
        self._put([chunk])

    async def flushed(self) -> None:
        """Wait until the queue is empty."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Drop what is still queued; nothing more is accepted."""
        self._gone = True
        self.on_failed = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _put(self, chunks: list[bytes]) -> None:
        if self._gone:
            return
        self._waiting += chunks
        self._waiting_bytes += sum(map(len, chunks))
        self._was_congested = self._was_congested or self.congested
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._drain())
            self._task.add_done_callback(self._ended)

    async def _drain(self) -> None:
        with suppress(OSError):  # the ASGI word for a peer that has gone
            try:
                await self._send_waiting()
            except BaseException:
                self._drop()
                raise

    async def _send_waiting(self) -> None:
        while self._waiting:
            chunks, self._waiting = self._waiting, []
            for chunk in chunks:
                await self._send(chunk)
                self._waiting_bytes -= len(chunk)
            self._tell_drained()

    def _drop(self) -> None:
        self._gone = True
        self._waiting.clear()
        self._waiting_bytes = 0
        self._tell_drained()

    def _tell_drained(self) -> None:
        if self._was_congested and not self.congested:
            self._was_congested = False
            if self.on_drain is not None:
                self.on_drain()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        log.error("a connection cannot be written to", exc_info=task.exception())
        if self.on_failed is not None:
            self.on_failed()


def frames_of_text(events: Sequence[JournalEvent]) -> list[bytes]:
    """One chunk per event: the `threadcast.v1` framing through plain ASGI."""
    return [event.payload for event in events]


def frames_of_lines(events: Sequence[JournalEvent]) -> list[bytes]:
    """One chunk for all events: the `threadcast.v1.lines` framing through plain ASGI."""
    return [b"\n".join([event.payload for event in events])]
