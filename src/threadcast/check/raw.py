"""Raw bytes on a socket, well-formed or not, as no library would send them.

Every wait is bounded, so a server that does not answer is reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from ..client.endpoint import Endpoint
from .verdict import Broken, NotTried

WAIT_S = 5.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_MASK = b"\x01\x02\x03\x04"
_KEY = b64encode(b"threadcast check").decode("ascii")  # 16 bytes, as RFC 6455 asks
_READ_MAX_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; status 0 is a connection that was closed without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The whole response, for searching."""
        return f"{self.headers} {self.body.decode('utf-8', 'replace')}"


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    masked: bool = True,
    reserved: int = 0,
    announced: int | None = None,
) -> bytes:
    """A frame, valid by default and malformed on demand.

    Args:
        opcode: 0..15.
        payload: what is in it.
        masked: whether to mask it, as clients must.
        reserved: the three reserved bits, 0..7.
        announced: the length in the header; the payload's own when not given.
    """
    length = len(payload) if announced is None else announced
    size = 0 if length < 126 else 2 if length < 65_536 else 8
    short = {0: length, 2: 126, 8: 127}[size]
    head = bytes((0x80 | reserved << 4 | opcode, masked << 7 | short))
    head += length.to_bytes(size, "big") if size else b""
    if not masked:
        return head + payload
    mixed = bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(payload))
    return head + _MASK + mixed


def http_request(
    endpoint: Endpoint,
    method: str,
    path: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> bytes:
    """A request as bytes, unmodified; `Host` comes first unless given."""
    parts = urlsplit(endpoint.http_url)
    given = {name.lower() for name, _ in headers}
    usual = [] if "host" in given else [("Host", parts.netloc)]
    lines = [f"{method} {parts.path}{path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in [*usual, *headers]]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def upgrade_request(
    endpoint: Endpoint,
    *,
    token: str = "",
    query: str = "",
    headers: Sequence[tuple[str, str]] = (),
) -> bytes:
    """A WebSocket handshake; a header of the same name replaces the usual one."""
    given = {name.lower() for name, _ in headers}
    usual = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", _KEY),
        *((("Authorization", f"Bearer {token}"),) if token else ()),
    ]
    kept = [item for item in usual if item[0].lower() not in given]
    return http_request(endpoint, "GET", f"/v1/ws{query}", headers=[*kept, *headers])


class RawClient:
    """One TCP or TLS connection; use as `async with await RawClient.open(endpoint) as raw`."""

    def __init__(
        self, endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.endpoint = endpoint
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, endpoint: Endpoint) -> Self:
        """Connect, with TLS and the system's authorities where the URL says so.

        Raises:
            NotTried: there is no direct connection to the server, only perhaps through a proxy.
        """
        parts = urlsplit(endpoint.http_url)
        port = parts.port or (443 if endpoint.secure else 80)
        tls = ssl.create_default_context() if endpoint.secure else None
        try:
            async with asyncio.timeout(WAIT_S):
                streams = await asyncio.open_connection(
                    parts.hostname, port, ssl=tls, limit=_READ_MAX_BYTES
                )
        except (OSError, TimeoutError) as error:
            raise NotTried(f"no direct connection to {parts.netloc}: {error}") from None
        return cls(endpoint, *streams)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_details: object) -> None:
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def send(self, data: bytes) -> None:
        """Send bytes; a connection closed by the server is no error here."""
        with contextlib.suppress(OSError, TimeoutError):
            self._writer.write(data)
            async with asyncio.timeout(WAIT_S):
                await self._writer.drain()

    async def exchange(self, request: bytes) -> Response:
        """Send a request and read the response.

        Raises:
            Broken: there is none, and the connection stays open.
        """
        await self.send(request)
        try:
            async with asyncio.timeout(WAIT_S):
                return await self._response()
        except TimeoutError:
            raise Broken(f"no answer within {WAIT_S:g} s") from None
        except (OSError, EOFError):
            return Response(0, {}, b"")
        except (ValueError, IndexError, asyncio.LimitOverrunError):
            raise Broken("the answer is not HTTP/1.1") from None

    async def _response(self) -> Response:
        head = await self._reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").rstrip().split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        body = await self._reader.readexactly(min(length, _READ_MAX_BYTES))
        return Response(int(status_line.split(" ")[1]), headers, body)

    async def close_code(self) -> int:
        """The code of the server's close frame; 1006 if it ends the connection without one.

        Raises:
            Broken: it does not end the connection.
        """
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    opcode, payload = await self._frame()
                    if opcode == CLOSE:
                        return int.from_bytes(payload[:2], "big") if payload else 1005
        except (OSError, EOFError):
            return 1006
        except TimeoutError:
            raise Broken(f"the connection was still open after {WAIT_S:g} s") from None

    async def _frame(self) -> tuple[int, bytes]:
        first, length = await self._reader.readexactly(2)
        if length >= 126:
            length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8))
        return first & 0x0F, await self._reader.readexactly(min(length, _READ_MAX_BYTES))
