"""One accepted WebSocket, from the handshake through authentication to its end.

It is the connection edge: whatever happens inside, the socket is closed, the place is freed, and
the error is logged once. Commands are the command handler's business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from opentelemetry.trace import SpanKind
from starlette.types import Receive, Scope, Send

from ..auth.credentials import PROTOCOL_LINES, Headers, Offer, agent_of
from ..auth.identity import Identity
from ..auth.sign_in import SignIn
from ..delivery.outbound import (
    FrameOutbound,
    Outbound,
    QueuedOutbound,
    frames_of_lines,
    frames_of_text,
)
from ..delivery.websocket_manager import WebSocketManager
from ..edge import FRAMES_EXTENSION, FrameWriter, text_frame
from ..errors import ERRORS, ThreadcastError
from ..events import ConnectionEventType, connection_event
from ..wire import commands
from ..wire.connection_data import ConnectionClosing
from .command_handler import CommandHandler, authenticated, rejection_data
from .connection import Connection, ConnectionServices, closing_data
from .state import AsyncConnectionStateManager, ConnectionState

log = logging.getLogger(__name__)

Close = Callable[[int, str], None]
"""Begins to close, with a code and a reason."""

_CLOSE_TIMEOUT_S = 10.0
_EXPECTED_FIRST = "expected authenticate first"
_EDGE_CLOSES = {1012: "shutting_down", 4408: "request_timeout", 4429: "rate_limited"}


class ClientGone(Exception):
    """The client closed, or the connection was closed under it."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the upgrade request says, once it is found acceptable.

    Attributes:
        offer: its subprotocols.
        token: the credential that it carries, if any.
        address: the client's, without port.
        request_id: of the request.
        refusal: why it is refused after all; sent after the upgrade, where browsers show it.
    """

    offer: Offer
    token: str | None
    address: str
    request_id: str
    refusal: ThreadcastError | None = None


class Visit:
    """One accepted WebSocket; made for one `serve`, in the task that serves it.

    Args:
        services: what connections share.
        manager: registers the connection once its user is known.
        sign_in: verifies the credential.
        handshake: of the request that was accepted.
    """

    def __init__(
        self,
        services: ConnectionServices,
        manager: WebSocketManager,
        sign_in: SignIn,
        handshake: Handshake,
    ) -> None:
        self._services = services
        self._manager = manager
        self._sign_in = sign_in
        self._handshake = handshake
        self._state = AsyncConnectionStateManager()
        self._task = asyncio.current_task()
        self._aborted = False
        self._counted = False
        self._rejected = False
        self._closing: asyncio.Task[None] | None = None
        self._user_id = ""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept, and return when either side has ended it."""
        await self._accept(send)
        outbound, close = self._outbound_for(scope, send)
        try:
            await self._talk(scope, receive, outbound, close)
        except ClientGone:
            if isinstance(outbound, QueuedOutbound):
                await outbound.close()
        except asyncio.CancelledError:
            if not self._aborted:
                raise
        except ThreadcastError as error:
            error.with_traceback(None)
            self._end(outbound, close, error)
        except Exception:  # the connection edge: log, count, close
            log.exception("a connection failed")
            self._end(outbound, close, ThreadcastError("internal"))
        finally:
            self._state.move(ConnectionState.CLOSED)
        if self._closing is not None:  # the server cuts the connection when the application returns
            await asyncio.wait([self._closing])

    async def _accept(self, send: Send) -> None:
        try:
            await send({"type": "websocket.accept", "subprotocol": self._handshake.offer.chosen})
        except OSError:
            # Already gone; the task holds this error, so the error must not hold the task.
            self._task = None
            raise
        self._state.move(ConnectionState.AUTHENTICATING)

    def _outbound_for(self, scope: Scope, send: Send) -> tuple[Outbound, Close]:
        """Where this visit writes, and how it closes: past ASGI where the server can."""
        lines = self._handshake.offer.chosen == PROTOCOL_LINES
        buffer_max_bytes = self._services.settings.send_buffer_max_bytes
        writer = _frame_writer(scope)
        if writer is not None:
            writer.set_write_limits(high_bytes=buffer_max_bytes)
            writer.closing_frame = self._last_frame
            frames = FrameOutbound(writer, lines=lines)
            return frames, frames.close
        queued = _queued(send, lines=lines, limit_bytes=buffer_max_bytes)
        close = self._closer(queued, send)
        queued.on_failed = lambda: self._end(queued, close, ThreadcastError("internal"))
        return queued, close

    async def _talk(self, scope: Scope, receive: Receive, outbound: Outbound, close: Close) -> None:
        headers: Headers = scope["headers"]
        attributes = {"threadcast.request_id": self._handshake.request_id}
        with self._services.tracing.span(
            "websocket sign-in", attributes, kind=SpanKind.SERVER, headers=headers
        ):
            identity = await self._authenticated(receive, outbound)
        self._user_id = identity.user_id
        writer = _frame_writer(scope)
        if writer is not None:
            writer.message_max_bytes = self._services.settings.message_max_bytes
        await self._services.lulls.wait()  # joining the others is a step, too
        if self._services.draining():  # the others were told to go, or will be
            raise ThreadcastError("shutting_down")
        connection = Connection(
            self._services,
            identity,
            self._state,
            outbound,
            close,
            request_id=self._handshake.request_id,
            agent=agent_of(headers),
        )
        limit = self._services.intake.connection_limit(identity)
        with self._services.arrivals.begin() as arrival:
            handler = CommandHandler(connection)
            try:
                with self._manager.registered(connection, limit=limit):
                    await connection.open()
                    arrival.over()
                    self._counted = True
                    self._services.metrics.connects.labels("accepted").inc()
                    await _listen(handler, receive)
            finally:
                connection.release()
                handler.release()

    async def _authenticated(self, receive: Receive, outbound: Outbound) -> Identity:
        if self._handshake.refusal is not None:
            raise self._handshake.refusal
        if self._handshake.offer.unsupported:
            raise ThreadcastError("unsupported_version", "expected the subprotocol threadcast.v1")
        token = self._handshake.token
        if token is not None:
            return await self._verified(token)
        try:
            async with asyncio.timeout(self._services.settings.authentication_timeout_s):
                return await self._first_command(receive, outbound)
        except TimeoutError:
            raise ThreadcastError("authentication_timeout") from None

    async def _first_command(self, receive: Receive, outbound: Outbound) -> Identity:
        try:
            command = commands.decode_command(await _next_text(receive))
        except commands.UnusableCommand as error:
            self._reject(outbound, error.command_id, error)
            if error.code == "unsupported_version":
                raise
            raise ThreadcastError("not_authenticated", _EXPECTED_FIRST) from None
        if not isinstance(command, commands.Authenticate):
            refusal = ThreadcastError("not_authenticated", _EXPECTED_FIRST)
            self._reject(outbound, command.id, refusal)
            raise refusal
        try:
            identity = await self._verified(command.token)
        except ThreadcastError as error:
            self._reject(outbound, command.id, error)
            raise
        self._user_id = identity.user_id
        answer = authenticated(command.id, identity)
        self._say(outbound, ConnectionEventType.COMMAND_ACCEPTED, answer)
        return identity

    async def _verified(self, token: str) -> Identity:
        return await self._sign_in.verify(token, self._handshake.address)

    def _count_refused(self, error: ThreadcastError) -> None:
        """Count a refused connect once; what ends a live connection counts only as our fault."""
        was_live, self._counted = self._counted, True
        if error.code == "internal" or not (was_live or self._rejected):
            self._services.metrics.refusals.labels(error.code).inc()
        if not was_live:
            self._services.metrics.count_connect_refused(failed=error.is_failure)

    def _reject(self, outbound: Outbound, command_id: str | None, error: ThreadcastError) -> None:
        self._rejected = True  # and the end of the visit is no second refusal
        self._services.metrics.refusals.labels(error.code).inc()
        data = rejection_data(command_id, error, self._handshake.request_id)
        self._say(outbound, ConnectionEventType.COMMAND_REJECTED, data)

    def _end(self, outbound: Outbound, close: Close, error: ThreadcastError) -> None:
        """Count the error, announce the end unless that was done, and close."""
        self._count_refused(error)
        told = error is self._handshake.refusal  # its text comes from closed sets
        reason = error.message if told else error.kind.text
        if self._state.may_answer:
            data = closing_data(
                error.code, error.retry_after_ms, self._handshake.request_id, reason
            )
            self._say(outbound, ConnectionEventType.CONNECTION_CLOSING, data)
            self._state.move(ConnectionState.DRAINING)
        close(error.kind.close_code, reason)

    def _last_frame(self, code: int, reason: str) -> bytes:
        """What the edge sends before a close of its own; nothing if the end was announced."""
        if not self._state.may_answer:
            return b""
        error = _EDGE_CLOSES.get(code, "internal")
        self._services.metrics.refusals.labels(error).inc()
        data = ConnectionClosing(
            code,
            reason,
            error,
            ERRORS[error].retryable,
            ERRORS[error].retry_after_ms,
            request_id=self._handshake.request_id,
        )
        frame = text_frame(self._event(ConnectionEventType.CONNECTION_CLOSING, data))
        self._state.move(ConnectionState.DRAINING)
        return frame

    def _say(
        self, outbound: Outbound, event_type: ConnectionEventType, data: msgspec.Struct
    ) -> None:
        outbound.say(event_type, self._event(event_type, data))

    def _event(self, event_type: ConnectionEventType, data: msgspec.Struct) -> bytes:
        now = self._services.clock.now()
        return connection_event(event_type, now=now, user_id=self._user_id, data=data)

    def _closer(self, queued: QueuedOutbound, send: Send) -> Close:
        async def say_close(code: int, reason: str) -> None:
            try:
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await queued.flushed()
                    await send({"type": "websocket.close", "code": code, "reason": reason})
            except (TimeoutError, OSError):
                self._abort()
            except Exception:
                self._abort()
                raise
            finally:
                await queued.close()

        def close(code: int, reason: str) -> None:
            if self._closing is None:
                self._closing = self._services.tasks.start(say_close(code, reason))

        return close

    def _abort(self) -> None:
        """The peer cannot even be sent a close frame: end the application's side."""
        over = self._state.state is ConnectionState.CLOSED
        if self._task is not None and not (over or self._task.done()):
            self._aborted = True
            self._task.cancel()


async def _listen(handler: CommandHandler, receive: Receive) -> None:
    while True:
        await handler.hear(await _next_text(receive))
        await handler.ready()


async def _next_text(receive: Receive) -> str:
    message = await receive()
    if message["type"] == "websocket.disconnect":
        raise ClientGone
    text = message.get("text")
    if text is None:
        raise ThreadcastError("binary_not_supported")
    return str(text)


def _frame_writer(scope: Scope) -> FrameWriter | None:
    writer: FrameWriter | None = (scope.get("extensions") or {}).get(FRAMES_EXTENSION)
    return writer


def _queued(send: Send, *, lines: bool, limit_bytes: int) -> QueuedOutbound:
    def send_text(chunk: bytes) -> Awaitable[None]:
        return send({"type": "websocket.send", "text": chunk.decode()})

    return QueuedOutbound(
        send_text,
        form_events=frames_of_lines if lines else frames_of_text,
        form_said=lambda _event_type, payload: payload,
        limit_bytes=limit_bytes,
    )
