"""Turns the application's ASGI messages into the HTTP response to an upgrade.

Pure: it gathers messages and makes bytes; the connection writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import Message

from .handshake import HeaderList, switching_response
from .problem import Refusal, refusal_response


class Answer(NamedTuple):
    """The response to an upgrade request, and whether it opens the WebSocket."""

    response: bytes
    accepted: bool


class Opening:
    """A connection before it is open.

    Args:
        accept_token: of the checked request.

    Attributes:
        early: bytes that the client sent before it had an answer.
    """

    __slots__ = ("_accept_token", "_body", "_start", "early")

    def __init__(self, accept_token: bytes) -> None:
        self.early = b""
        self._accept_token = accept_token
        self._start: Message | None = None
        self._body = b""

    def answer(
        self, message: Message, default_headers: Sequence[tuple[bytes, bytes]]
    ) -> Answer | None:
        """Take the application's next message.

        Returns:
            The complete answer, or None if more messages are needed.

        Raises:
            RuntimeError: the message is not allowed before the WebSocket is open.
            ValueError: a header would break the response apart, or the status is unknown.
        """
        kind = message["type"]
        if self._start is not None:
            return self._add_body(message, default_headers)
        if kind == "websocket.accept":
            headers = [*default_headers, *message.get("headers", ())]
            response = switching_response(self._accept_token, message.get("subprotocol"), headers)
            return Answer(response, accepted=True)
        if kind == "websocket.close":
            return Answer(refusal_response(Refusal("forbidden")), accepted=False)
        if kind != "websocket.http.response.start":
            raise RuntimeError(f"websocket.accept or websocket.close was expected, got {kind}")
        self._start = message
        return None

    def _add_body(
        self, message: Message, default_headers: Sequence[tuple[bytes, bytes]]
    ) -> Answer | None:
        if message["type"] != "websocket.http.response.body":
            raise RuntimeError(f"websocket.http.response.body expected, got {message['type']}")
        self._body += message.get("body", b"")
        if self._start is None or message.get("more_body", False):
            return None
        headers = [*default_headers, *self._start.get("headers", ())]
        return Answer(_response(self._start["status"], headers, self._body), accepted=False)


def _response(status: int, headers: HeaderList, body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode("ascii")]
    lines += [
        name + b": " + value
        for name, value in headers
        if name.lower() not in (b"content-length", b"connection")
    ]
    lines += [b"content-length: %d" % len(body), b"connection: close"]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise ValueError("a response header must not contain a line break")
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
