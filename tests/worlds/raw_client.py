"""A client that sends exactly the given bytes, well-formed or not.

Every wait has a deadline, so that a server that does not answer fails a test instead of hanging it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from patience import WAIT_S

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
KEY = base64.b64encode(b"the sample nonce").decode("ascii")  # RFC 6455, section 1.3


@dataclass(frozen=True)
class Response:
    """An HTTP response, header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        """The problem document in the body."""
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass(frozen=True)
class ServerFrame:
    """A frame from the server."""

    opcode: int
    payload: bytes

    @property
    def code(self) -> int:
        """The code of a close frame; 1005 when it has none."""
        assert self.opcode == CLOSE, self
        return int.from_bytes(self.payload[:2], "big") if self.payload else 1005


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    masked: bool = True,
    reserved: int = 0,
    length_bytes: int | None = None,
    announced: int | None = None,
) -> bytes:
    """A client frame, right by default and wrong on demand.

    Args:
        opcode: 0..15.
        payload: sent as it is (masked with a fixed key when masked).
        final: the FIN bit.
        masked: whether to mask.
        reserved: the three RSV bits, 0..7.
        length_bytes: 0, 2 or 8 bytes of extended length; the shortest when not given.
        announced: the length in the header; the payload's own when not given.
    """
    length = len(payload) if announced is None else announced
    if length_bytes is None:
        length_bytes = 0 if length < 126 else 2 if length < 65_536 else 8
    short = {0: length, 2: 126, 8: 127}[length_bytes]
    head = bytes((final << 7 | reserved << 4 | opcode, masked << 7 | short))
    head += length.to_bytes(length_bytes, "big") if length_bytes else b""
    if not masked:
        return head + payload
    key = b"\x01\x02\x03\x04"
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + key + mixed.to_bytes(len(payload), "big")


def close_payload(code: int, reason: bytes = b"") -> bytes:
    """The payload of a close frame."""
    return struct.pack("!H", code) + reason


def request(
    path: str = "/v1/ws",
    *,
    method: str = "GET",
    version: str = "1.1",
    headers: Sequence[tuple[str, str]] = (),
    without: Sequence[str] = (),
) -> bytes:
    """An upgrade request.

    Args:
        path: the request target.
        method: of the request line.
        version: of the request line.
        headers: further headers; a header of the same name replaces the usual one.
        without: usual headers to leave out, in lower case.
    """
    given = {name.lower() for name, _ in headers}
    usual = [
        ("Host", "127.0.0.1"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ]
    kept = [item for item in usual if item[0].lower() not in (*given, *without)]
    lines = [f"{method} {path} HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in [*kept, *headers]]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class RawClient:
    """One TCP connection. Use as `async with await RawClient.open(port) as client`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, *, receive_buffer_bytes: int | None = None) -> Self:
        """Connect to a port of this machine."""
        sock = socket.socket()
        if receive_buffer_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        sock.setblocking(False)
        async with asyncio.timeout(WAIT_S):
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return cls(*await asyncio.open_connection(sock=sock, limit=1_048_576))

    @classmethod
    async def open_websocket(
        cls,
        port: int,
        path: str = "/v1/ws",
        *,
        headers: Sequence[tuple[str, str]] = (),
        receive_buffer_bytes: int | None = None,
    ) -> Self:
        """Connect and upgrade; anything but 101 fails."""
        client = await cls.open(port, receive_buffer_bytes=receive_buffer_bytes)
        response = await client.upgrade(request(path, headers=headers))
        assert response.status == 101, response
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Close the socket."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self.writer.write_eof()

    async def send(self, data: bytes) -> None:
        """Send bytes; a connection that the server has ended is no error here."""
        try:
            self.writer.write(data)
            async with asyncio.timeout(WAIT_S):
                await self.writer.drain()
        except OSError:
            pass

    async def send_text(self, text: str) -> None:
        """Send one text message."""
        await self.send(frame(TEXT, text.encode()))

    async def upgrade(self, data: bytes) -> Response:
        """Send a request and read the response to it."""
        await self.send(data)
        return await self.read_response()

    async def read_response(self, *, deadline_s: float = WAIT_S) -> Response:
        """Read one HTTP response with a length."""
        async with asyncio.timeout(deadline_s):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").rstrip().split("\r\n")
            pairs = (line.split(": ", 1) for line in lines)
            headers = {name.lower(): value for name, value in pairs}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Response(int(status_line.split(" ")[1]), headers, body)

    async def read_frame(self, *, deadline_s: float = WAIT_S) -> ServerFrame:
        """Read one frame, which must be whole and unmasked.

        Raises:
            EOFError: the server ended the connection.
            TimeoutError: nothing came in time.
        """
        async with asyncio.timeout(deadline_s):
            first, length = await self.reader.readexactly(2)
            assert first & 0xF0 == 0x80, f"one final frame was expected, got {first:#x}"
            if length >= 126:
                length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8))
            return ServerFrame(first & 0x0F, await self.reader.readexactly(length))

    async def read_text(self, *, deadline_s: float = WAIT_S) -> str:
        """Read one text message."""
        got = await self.read_frame(deadline_s=deadline_s)
        assert got.opcode == TEXT, got
        return got.payload.decode()

    async def read_close(self, *, deadline_s: float = WAIT_S) -> int:
        """The code of the next close frame; what comes before it is skipped."""
        async with asyncio.timeout(deadline_s):
            while True:
                got = await self.read_frame(deadline_s=deadline_s)
                if got.opcode == CLOSE:
                    return got.code

    async def read_end(self, *, deadline_s: float = WAIT_S) -> bytes:
        """Everything until the server ends the connection, by FIN or by reset."""
        gathered = b""
        async with asyncio.timeout(deadline_s):
            try:
                while data := await self.reader.read(65_536):
                    gathered += data
            except OSError:
                pass
        return gathered
