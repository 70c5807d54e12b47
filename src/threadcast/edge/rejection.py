"""An application's own HTTP answer to an upgrade (ASGI's `websocket.http.response`).

Pure: it gathers messages and makes the response's bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from starlette.types import Message


class Rejection:
    """A response in the making.

    Args:
        message: the `websocket.http.response.start` message.
    """

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, message: Message) -> None:
        self._status: int = message["status"]
        self._headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
        self._body = b""

    def add(self, message: Message) -> bool:
        """Append a part of the body.

        Returns:
            Whether the response is whole.

        Raises:
            RuntimeError: it is not a `websocket.http.response.body` message.
        """
        if message["type"] != "websocket.http.response.body":
            raise RuntimeError(f"websocket.http.response.body expected, got {message['type']}")
        self._body += message.get("body", b"")
        return not message.get("more_body", False)

    def response(self, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The bytes to write.

        Raises:
            ValueError: a header would break the response apart, or the status is unknown.
        """
        lines = [f"HTTP/1.1 {self._status} {HTTPStatus(self._status).phrase}".encode("ascii")]
        headers = [*default_headers, *self._headers]
        lines += [
            name + b": " + value
            for name, value in headers
            if name.lower() not in (b"content-length", b"connection")
        ]
        lines += [b"content-length: %d" % len(self._body), b"connection: close"]
        if any(b"\r" in line or b"\n" in line for line in lines):
            raise ValueError("a response header must not contain a line break")
        return b"\r\n".join(lines) + b"\r\n\r\n" + self._body
