"""Verifies that the running server enforces its configured message limit.

A limit that is configured but not in effect is worse than none. So at start a server sends itself
one byte too many and expects close code 1009.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from collections.abc import Sequence

from .frames import TOO_BIG, text_frame
from .limits import EdgeLimits

_CLOSE_FINAL = 0x88
_MASKED = 0x80


class EffectiveLimitError(Exception):
    """The configured limit is not in effect; the message is one line for the operator."""


async def check_effective_limits(
    port: int,
    limits: EdgeLimits,
    *,
    host: str = "127.0.0.1",
    path: str = "/v1/ws",
    headers: Sequence[tuple[str, str]] = (),
    timeout_s: float = 5.0,
) -> None:
    """Send a message of one byte too many to this server and expect 1009.

    Args:
        port: of the server, which must be serving.
        limits: its bounds; the limit before authentication is tested.
        host: an address that it listens on.
        path: its WebSocket endpoint.
        headers: further request headers; a `Host` replaces the address.
        timeout_s: for the whole check.

    Raises:
        EffectiveLimitError: the answer was different, or none came in time.
    """
    size = limits.message_before_authentication_max_bytes + 1
    try:
        async with asyncio.timeout(timeout_s):
            came = await _close_code_for(host, port, path, headers, size)
    except (OSError, EOFError, TimeoutError) as failure:
        raise EffectiveLimitError(
            f"close 1009 expected for a message of {size} bytes, no answer: {failure!r}"
        ) from failure
    if came != TOO_BIG:
        raise EffectiveLimitError(
            f"close 1009 expected for a message of {size} bytes, got {came}: "
            "the configured message limit is not in effect"
        )


async def _close_code_for(
    host: str, port: int, path: str, headers: Sequence[tuple[str, str]], size: int
) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_request(host, port, path, headers))
        status = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
        if status != b"101":
            raise EffectiveLimitError(f"status 101 expected on {path}, got {status.decode()}")
        writer.write(_masked_text(b" " * size))
        return await _read_close(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _request(host: str, port: int, path: str, headers: Sequence[tuple[str, str]]) -> bytes:
    shown = f"[{host}]" if ":" in host else host
    named = any(name.lower() == "host" for name, _ in headers)
    lines = [
        f"GET {path} HTTP/1.1",
        *([] if named else [f"Host: {shown}:{port}"]),
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode('ascii')}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def _masked_text(payload: bytes) -> bytes:
    """A client's text frame; an all-zero mask leaves the payload as it is."""
    unmasked = text_frame(payload)
    header = unmasked[: len(unmasked) - len(payload)]
    return bytes((header[0], header[1] | _MASKED)) + header[2:] + bytes(4) + payload


async def _read_close(reader: asyncio.StreamReader) -> int:
    """The code of the close frame; other frames that come first are skipped."""
    while True:
        first, length = await reader.readexactly(2)
        if length >= 126:
            length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
        payload = await reader.readexactly(length)
        if first == _CLOSE_FINAL:
            return int.from_bytes(payload[:2], "big")
