"""A correct server with one injected fault, between its application and the wire.

Each fault is a `Saboteur` that overrides some hooks. Everything else passes unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import jwt
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from threadcast.agent import Agent
from threadcast.app import Threadcast
from threadcast.edge import FRAMES_EXTENSION
from threadcast.testing.server import LocalServer

SECRET = "check-tests-7d3e1c90a5f84b26b1d8e4"
Envelope = dict[str, Any]
Headers = list[tuple[bytes, bytes]]


def claims_in(token: str) -> dict[str, Any]:
    """The unverified claims of a token; empty if unreadable."""
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}
    return claims


def signed(claims: dict[str, Any]) -> str:
    """A token that the server accepts."""
    return jwt.encode(claims, SECRET, algorithm="HS256")


def is_signed(token: str) -> bool:
    """Whether it is signed with the server's secret."""
    try:
        jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    except jwt.PyJWTError:
        return False
    return True


class Link:
    """One WebSocket through the saboteur.

    Attributes:
        user_id: by its token.
        live: whether it has caught up.
        held: events that a fault delays.
    """

    def __init__(self, user_id: str, send: Send) -> None:
        self.user_id = user_id
        self.live = False
        self.held: list[Envelope] = []
        self._send = send

    async def say(self, event: Envelope) -> None:
        """Send a message that the server did not send."""
        await self._send({"type": "websocket.send", "text": json.dumps(event)})


class Saboteur:
    """Passes everything on; faults override hooks.

    Args:
        app: the real application.

    Attributes:
        links: the open WebSockets, oldest first.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.links: list[Link] = []

    def token(self, token: str) -> str:
        """Change the credential of a request."""
        return token

    async def admit(self) -> int | None:
        """Delay a WebSocket handshake, or refuse it with a status."""
        return None

    async def command(self, link: Link, command: Envelope) -> Envelope | None:
        """Change a command; None swallows it."""
        del link
        return command

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        """Change the events sent to a connection."""
        del link
        return events

    async def answer(self, method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        """Change a JSON answer."""
        del method, path
        return status, document

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "headers": self._credentialed(scope["headers"])}
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, _Answer(self, scope, send))

    def _credentialed(self, headers: Headers) -> Headers:
        return [
            (name, b"Bearer " + self.token(_bearer(value)).encode())
            if name == b"authorization"
            else (name, value)
            for name, value in headers
        ]

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Writes that bypass `send` could not be changed here.
        extensions = {k: v for k, v in scope["extensions"].items() if k != FRAMES_EXTENSION}
        status = await self.admit()
        if status is not None:
            await receive()
            await _refuse(send, status)
            return
        credential = dict(scope["headers"]).get(b"authorization", b"")
        link = Link(claims_in(_bearer(credential)).get("sub", ""), send)
        self.links.append(link)

        async def received() -> Message:
            while True:
                message = await receive()
                changed = await self._in(link, message)
                if changed is not None:
                    return changed

        async def sent(message: Message) -> None:
            await send(await self._out(link, message))

        try:
            await self._app({**scope, "extensions": extensions}, received, sent)
        finally:
            self.links.remove(link)

    async def _in(self, link: Link, message: Message) -> Message | None:
        text = message.get("text")
        if message["type"] != "websocket.receive" or text is None:
            return message
        try:
            command = json.loads(text)
        except (ValueError, RecursionError):
            return message
        if not isinstance(command, dict):
            return message
        changed = await self.command(link, dict(command))
        if changed == command:
            return message
        return None if changed is None else {**message, "text": json.dumps(changed)}

    async def _out(self, link: Link, message: Message) -> Message:
        if message["type"] != "websocket.send":
            return message
        events = [json.loads(line) for line in message["text"].split("\n")]
        link.live = link.live or any(event["event_type"] == "caught_up" for event in events)
        changed = await self.events(link, events)
        return {**message, "text": "\n".join(map(json.dumps, changed))}


class _Answer:
    """An HTTP answer; a JSON one is buffered, so that it can be changed."""

    def __init__(self, saboteur: Saboteur, scope: Scope, send: Send) -> None:
        self._saboteur = saboteur
        self._scope = scope
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kinds = dict(message["headers"]).get(b"content-type", b"")
            if b"json" in kinds:
                self._start = message
                return
        elif self._start:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish()
            return
        await self._send(message)

    async def _finish(self) -> None:
        start, scope = self._start, self._scope
        status, document = await self._saboteur.answer(
            scope["method"], scope["path"], start["status"], json.loads(self._body)
        )
        body = json.dumps(document).encode()
        headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**start, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


class SabotagedServer(LocalServer):
    """A local server with one fault.

    Args:
        sabotage: wraps the application with the fault.
        agents: what answers.
        **settings: as for `LocalServer`.
    """

    def __init__(
        self,
        sabotage: Callable[[ASGIApp], ASGIApp],
        agents: Sequence[Agent] = (),
        **settings: Any,
    ) -> None:
        # Without the edge's own writer, connections stay counted as unauthenticated.
        settings = {"message_before_authentication_max_bytes": 262_144, **settings}
        super().__init__(agents, jwt_secret=SECRET, jwt_leeway_s=0.0, **settings)
        self._sabotage = sabotage

    def application(self, threadcast: Threadcast) -> ASGIApp:
        return self._sabotage(super().application(threadcast))


def _bearer(value: bytes) -> str:
    return value.decode("latin-1").partition(" ")[2]


async def _refuse(send: Send, status: int) -> None:
    await send({"type": "websocket.http.response.start", "status": status, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b""})
