"""A minimal WebSocket client for measuring, which only parses frames."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable
from typing import cast

import msgspec


class Seen(msgspec.Struct):
    """The part of an event that a benchmark reads."""

    event_type: str
    timestamp: float
    data: msgspec.Raw
    seq: int = 0
    run_id: str = ""


_decoder = msgspec.json.Decoder(Seen)
OnEvent = Callable[["Wire", Seen, float], None]


class Wire(asyncio.Protocol):
    """One connection.

    Args:
        request: the bytes of the upgrade request.
        on_event: called with each event and the wall time at which its bytes arrived.
    """

    def __init__(self, request: bytes, on_event: OnEvent) -> None:
        self._request = request
        self._on_event = on_event
        self._buffer = b""
        self._upgraded = False
        self._waiters: dict[str, asyncio.Future[Seen]] = {}
        self.closed = asyncio.get_running_loop().create_future()
        self.ready = self.expect("connection_ready")
        self.transport: asyncio.Transport
        self.started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's transport is no subclass
        self.started = time.perf_counter()
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)
        self._end(ConnectionError(f"closed: {exc}"))

    def _end(self, error: ConnectionError) -> None:
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # nobody needs to await it

    def data_received(self, data: bytes) -> None:
        now = time.time()
        buffer = self._buffer + data if self._buffer else data
        if not self._upgraded:
            head, separator, rest = buffer.partition(b"\r\n\r\n")
            if not separator:
                self._buffer = buffer
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self._end(ConnectionRefusedError((head + rest).decode("latin-1")))
                self.transport.close()
                return
            self._upgraded, buffer = True, rest
        self._buffer = self._frames(buffer, now)

    def _frames(self, buffer: bytes, now: float) -> bytes:
        at, size = 0, len(buffer)
        while size - at >= 2:
            length, begin = buffer[at + 1], at + 2
            if length == 126:
                if size - at < 4:
                    break
                length, begin = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                if size - at < 10:
                    break
                length, begin = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if size - begin < length:
                break
            opcode = buffer[at] & 15
            if opcode == 1:
                self._text(buffer[begin : begin + length], now)
            elif opcode == 9:
                self.transport.write(b"\x8a\x80\0\0\0\0")
            at = begin + length
        return buffer[at:]

    def _text(self, text: bytes, now: float) -> None:
        for line in text.split(b"\n"):
            event = _decoder.decode(line)
            waiter = self._waiters.pop(event.event_type, None)
            if waiter is not None and not waiter.done():
                waiter.set_result(event)
            self._on_event(self, event, now)

    def expect(self, event_type: str) -> asyncio.Future[Seen]:
        """A future for the next event of this type."""
        future: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self._waiters[event_type] = future
        return future

    def command(self, fields: dict[str, object]) -> None:
        """Send one command as a masked text frame."""
        payload = msgspec.json.encode(fields)
        size = len(payload)
        head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
        self.transport.write(head + bytes(4) + payload)  # an all-zero mask leaves it unchanged


def upgrade_request(port: int, token: str, subprotocol: str = "threadcast.v1") -> bytes:
    """The bytes of the upgrade request."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Protocol: {subprotocol}\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()


async def open_wire(
    port: int, token: str, on_event: OnEvent, subprotocol: str = "threadcast.v1"
) -> Wire:
    """Connect; events go to `on_event` and to `expect`."""
    request = upgrade_request(port, token, subprotocol)
    _, wire = await asyncio.get_running_loop().create_connection(
        lambda: Wire(request, on_event), "127.0.0.1", port
    )
    return wire


def ignore(_wire: Wire, _event: Seen, _now: float) -> None:
    """An `on_event` for callers that only `expect`."""
