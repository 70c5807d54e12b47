"""One WebSocket connection: from a checked upgrade request to the end of its TCP connection.

Translates between ASGI and bytes, and enforces every bound of `EdgeLimits` for this connection. It
may not know users, credentials, origins, commands or events. On failure, whatever the client does,
the application gets `websocket.disconnect` immediately, and the TCP connection is gone at most
`close_timeout_s` later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto

from starlette.types import Message
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState

from . import frames
from .config import EdgeConfig
from .congestion import Congestion
from .discard import Discard
from .handshake import UpgradeRequest
from .inbox import Inbox
from .liveness import Liveness
from .opening import Opening
from .problem import Refusal, refusal_response
from .receive_queue import Flow, ReceiveQueue
from .scope import websocket_scope

log = logging.getLogger(__name__)

_SHUTDOWN_LINGER_S = 2.0
_STALLED = 4408
_INTERNAL_ERROR = 1011
_RESTART = 1012


class Phase(Enum):
    """A connection's phase; it only moves forward."""

    OPENING = auto()  # the application has not answered the upgrade yet
    OPEN = auto()
    CLOSING = auto()  # our close frame was sent, the client's is awaited
    ENDED = auto()  # nothing more is sent; the TCP connection is ending or gone


class EdgeWebSocketProtocol(asyncio.Protocol):
    """The transport's protocol after an upgrade; also the connection's `FrameWriter`.

    Made by `EdgeHttpProtocol` only, which hands over transport and request by `begin`.
    """

    __slots__ = (
        "_config",
        "_congestion",
        "_discard",
        "_end_timer",
        "_is_reader",
        "_liveness",
        "_loop",
        "_opening",
        "_phase",
        "_reading_paused",
        "_received",
        "_server_state",
        "closing_frame",
        "on_drain",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(
        self, config: EdgeConfig, server_state: ServerState, loop: asyncio.AbstractEventLoop
    ) -> None:
        limits = config.limits
        self._config = config
        self._server_state = server_state
        self._loop = loop
        self._phase = Phase.OPENING
        self._is_reader = False
        self._opening: Opening | None = None
        self._liveness = Liveness(
            loop,
            heartbeat_s=limits.heartbeat_s,
            partial_timeout_s=limits.partial_message_timeout_s,
        )
        inbox = Inbox(
            loop,
            messages_max=limits.receive_queue_max_messages,
            bytes_max=limits.message_max_bytes,
        )
        self._received = ReceiveQueue(inbox, limits)
        self._congestion = Congestion(loop, stall_max_s=limits.stall_max_s)
        self._reading_paused = False
        self._discard = Discard()
        self._end_timer: asyncio.TimerHandle | None = None
        self.on_drain: Callable[[], None] | None = None
        self.closing_frame: Callable[[int, str], bytes] | None = None

    def begin(
        self,
        transport: asyncio.Transport,
        request: UpgradeRequest,
        *,
        early: bytes,
        state: dict[str, object],
    ) -> None:
        """Take over a transport and start the application.

        Args:
            transport: of the connection, not paused.
            request: the checked upgrade request.
            early: bytes that the client sent after its request.
            state: the application's lifespan state, a copy.
        """
        self.transport = transport
        transport.set_protocol(self)
        transport.set_write_buffer_limits(high=self._config.limits.send_buffer_max_bytes)
        self._server_state.connections.add(self)  # type: ignore[arg-type]  # uvicorn's own only
        self._opening = Opening(request.accept_token)
        self._received.inbox.put({"type": "websocket.connect"})
        self._hold(early)
        scope = websocket_scope(self._config, transport, request, state=state, writer=self)
        task = asyncio.ensure_future(
            self._config.loaded_app(scope, self.receive, self.send), loop=self._loop
        )
        task.add_done_callback(self._application_ended)
        self._server_state.tasks.add(task)

    # ASGI, for the application

    async def receive(self) -> Message:
        """The next ASGI message; resumes reading if it was paused for lack of room."""
        message = await self._received.inbox.get()
        if self._reading_paused and self._phase in (Phase.OPEN, Phase.CLOSING):
            self._pump()
        return message

    async def send(self, message: Message) -> None:
        """Do what an ASGI message asks for.

        Raises:
            ClientDisconnected: (an OSError) the connection is closed.
            RuntimeError: the message is not allowed in this phase.
            ValueError: a header, close code or reason cannot be sent.
        """
        await self._congestion.wait_end()
        if self._phase is Phase.OPEN:
            self._send_open(message)
        elif self._phase is Phase.OPENING:
            self._send_opening(message)
        else:
            raise ClientDisconnected

    def _send_opening(self, message: Message) -> None:
        opening = self._opening
        if opening is None:
            raise ClientDisconnected
        answer = opening.answer(message, self._server_state.default_headers)
        if answer is None:
            return
        self.transport.write(answer.response)
        if not answer.accepted:
            self._end(frames.ABNORMAL)
            return
        self._phase = Phase.OPEN
        self._is_reader = True
        self._config.admission.readers += 1
        self._liveness.begin(self)
        self._opening = None
        self._received.feed(opening.early)
        self._pump()

    def _send_open(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            text, data = message.get("text"), message.get("bytes")
            if text is not None:
                self.transport.write(frames.text_frame(text.encode()))
            elif data is not None:
                self.transport.write(frames.binary_frame(data))
        elif kind == "websocket.close":
            self.close(message.get("code", 1000), message.get("reason") or "")
        else:
            raise RuntimeError(f"websocket.send or websocket.close was expected, got {kind}")

    def _refuse(self, code: str) -> None:
        self.transport.write(refusal_response(Refusal(code)))
        self._end(frames.ABNORMAL)

    def _application_ended(self, task: asyncio.Future[None]) -> None:
        self._server_state.tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        failed = failure is not None and not isinstance(failure, ClientDisconnected)
        if failed:
            log.error("the application failed on a WebSocket", exc_info=failure)
        if self._phase is Phase.OPENING:
            self._refuse("internal")
        elif task.cancelled():
            self.close(_RESTART, "restart")
        else:
            self.close(_INTERNAL_ERROR, "internal error") if failed else self.close(1000)

    # FrameWriter, for the application's fast path

    def write(self, data: bytes) -> bool:
        """See `FrameWriter.write`."""
        if self._phase is not Phase.OPEN:
            return False
        self.transport.write(data)
        return True

    @property
    def buffered_bytes(self) -> int:
        """See `FrameWriter.buffered_bytes`."""
        return 0 if self._phase is Phase.ENDED else self.transport.get_write_buffer_size()

    @property
    def congested(self) -> bool:
        """See `FrameWriter.congested`."""
        return self._congestion.now

    def set_write_limits(self, *, high_bytes: int) -> None:
        """See `FrameWriter.set_write_limits`."""
        if self._phase is not Phase.ENDED:
            self.transport.set_write_buffer_limits(high=high_bytes)

    @property
    def message_max_bytes(self) -> int:
        """See `FrameWriter.message_max_bytes`."""
        return self._received.message_max_bytes

    @message_max_bytes.setter
    def message_max_bytes(self, value: int) -> None:
        limit = self._config.limits.message_max_bytes
        if not 0 < value <= limit:
            raise ValueError(f"message_max_bytes must be 1..{limit}, got {value}")
        self._received.message_max_bytes = value

    def close(self, code: int, reason: str = "") -> None:
        """See `FrameWriter.close`."""
        if self._phase is Phase.OPEN:
            self._say_close(code, reason)
            self._phase = Phase.CLOSING
            self._leave_open(code, reason)
            if self._reading_paused:
                self._pump()

    # Bytes from the client

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        self._liveness.heard()
        if self._phase is Phase.OPENING:
            self._hold(data)
        elif self._phase is Phase.ENDED:
            if self._discard.exceeded(data):
                self.transport.abort()
        else:
            self._received.feed(data)
            self._pump()

    def _hold(self, data: bytes) -> None:
        """Keep what the client sends before the upgrade is answered."""
        if self._opening is None:
            return
        self._opening.early += data
        if len(self._opening.early) > self._config.limits.header_max_bytes:
            self._pause_reading()

    def _pump(self) -> None:
        """Do what the receive queue needs."""
        if self._phase is Phase.ENDED:
            return
        match self._received.take(self._loop.time()):
            case Flow.MORE_BYTES:
                self._resume_reading()
            case Flow.ROOM:
                self._pause_reading()
            case Flow.ANOTHER_TURN:
                self._pause_reading()
                self._loop.call_soon(self._pump)
            case frames.Close() as event:
                self._answer_close(event)
            case frames.Violation(code, reason):
                self.fail(code, reason)
        self._pay_pong()
        if self._phase is Phase.OPEN:
            self._liveness.messages(
                self, whole=self._received.messages, partial=self._received.partial
            )

    def _pay_pong(self) -> None:
        payload = self._received.pong_due
        if payload is not None and self._phase is Phase.OPEN and not self._congestion.now:
            self.transport.write(frames.pong_frame(payload))
            self._received.pong_due = None

    def _pause_reading(self) -> None:
        if not self._reading_paused:
            self._reading_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._liveness.heard()
            self.transport.resume_reading()

    # For `Liveness`

    @property
    def listening(self) -> bool:
        """See `Watched.listening`."""
        return not self._reading_paused and not self._congestion.now

    def ping(self) -> None:
        """See `Watched.ping`."""
        self.transport.write(frames.PING_FRAME)

    # Bytes to the client

    def pause_writing(self) -> None:
        """Called by the transport: the buffer passed its high-water mark."""
        self._congestion.begin(self._stalled)

    def resume_writing(self) -> None:
        """Called by the transport: the buffer drained below its low-water mark."""
        self._congestion.end()
        self._liveness.heard()
        if self._phase is Phase.OPEN:
            self._pay_pong()
            if self.on_drain is not None:
                self.on_drain()

    def _stalled(self) -> None:
        log.info("cut %d: the client did not read", _STALLED)
        self._phase = Phase.ENDED
        self._leave_open(_STALLED, "the client did not read")
        self.transport.abort()

    # The connection's end

    def shutdown(self) -> None:
        """Called by the server when it stops."""
        if self._phase is Phase.OPENING:
            self._refuse("shutting_down")
        else:
            self.close(_RESTART, "restart")
        self._bound_end(_SHUTDOWN_LINGER_S)

    def eof_received(self) -> None:
        """Called by the transport, which then closes: the client will send nothing more."""
        self._phase = Phase.ENDED
        self._leave_open(frames.ABNORMAL)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - its signature
        """Called by the transport: the connection is gone."""
        self._phase = Phase.ENDED
        self._leave_open(frames.ABNORMAL)
        self._config.admission.readers -= self._is_reader
        if self._end_timer is not None:
            self._end_timer.cancel()
        self._server_state.connections.discard(self)
        self.on_drain = self.closing_frame = None

    def _answer_close(self, event: frames.Close) -> None:
        if self._phase is Phase.OPEN:
            self.transport.write(frames.answer_to(event))
        self._end(event.code, event.reason)

    def fail(self, code: int, reason: str) -> None:
        """Close because of a client fault; its input is no longer read."""
        if self._phase is Phase.OPEN:
            level = logging.DEBUG if self._config.checking else logging.INFO
            log.log(level, "closed %d: %s", code, reason)
            self._say_close(code, reason)
        self._end(code, reason)

    def _say_close(self, code: int, reason: str) -> None:
        frame = frames.close_frame(code, reason)
        if (code >= 4000 or code == _RESTART) and self.closing_frame is not None:
            frame = self.closing_frame(code, reason) + frame
        self.transport.write(frame)

    def _end(self, code: int, reason: str = "") -> None:
        """Send nothing more, and let the close frame reach the client before TCP ends.

        Closing a socket with unread bytes resets it, and a reset can overtake the close frame. So
        end our side, then read and discard until the client ends its own.
        """
        self._phase = Phase.ENDED
        self._leave_open(code, reason)
        self._resume_reading()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _leave_open(self, code: int, reason: str = "") -> None:
        """Leave the open phase: tell the application, stop the timers, bound the rest."""
        self._received.inbox.end(code, reason)
        self._liveness.end()
        was_congested = self._congestion.now
        self._congestion.end()
        if self._phase is Phase.ENDED:
            self._received.drop()
            self._opening = None
        if self._end_timer is None:
            self._bound_end(self._config.limits.close_timeout_s)
        if was_congested and self.on_drain is not None:
            self.on_drain()

    def _bound_end(self, seconds: float) -> None:
        """Ensure that the TCP connection is gone by then, even if the client does nothing."""
        if self._end_timer is not None:
            self._end_timer.cancel()
        self._end_timer = self._loop.call_later(seconds, self.transport.abort)
