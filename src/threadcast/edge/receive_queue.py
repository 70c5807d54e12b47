"""From one client's bytes to messages for the application, within bounds.

Pure: no socket, clock or task; the connection hands in bytes and the time, and does what the
returned `Flow` says. Bounds: waiting messages, frames per turn (so that one client's flood cannot
block the event loop), pings per second, and those of `FrameReader`.
"""

from __future__ import annotations

from enum import Enum, auto

from .frames import Close, FrameReader, Ping, Text, Violation
from .inbox import Inbox
from .limits import EdgeLimits

_FRAMES_PER_TURN = 1_024
_TOO_MANY_PINGS = Violation(4429, "too many pings")


class Flow(Enum):
    """What a receive queue needs next."""

    MORE_BYTES = auto()  # all bytes are consumed: read on
    ROOM = auto()  # the inbox is full: pause reading until the application takes something
    ANOTHER_TURN = auto()  # this turn's share is used up: yield, then continue


class ReceiveQueue:
    """Reader, inbox and ping counter of one connection.

    Attributes:
        inbox: where text messages go.
        pong_due: payload of the latest unanswered ping; the caller answers it and sets None.
            Earlier ones need no answer (RFC 6455, section 5.5.3).
        messages: how many messages were completed.
    """

    __slots__ = (
        "_pings",
        "_pings_max",
        "_pings_since",
        "_reader",
        "inbox",
        "messages",
        "pong_due",
    )

    def __init__(self, inbox: Inbox, limits: EdgeLimits) -> None:
        self.inbox = inbox
        self.pong_due: bytes | None = None
        self.messages = 0
        self._pings = 0
        self._pings_since = 0.0
        self._pings_max = limits.pings_per_s_max
        self._reader = FrameReader(
            message_max_bytes=limits.message_before_authentication_max_bytes,
            fragments_max=limits.fragments_max,
        )

    @property
    def partial(self) -> bool:
        """Whether a frame or a message has begun and is not whole."""
        return self._reader.partial

    @property
    def message_max_bytes(self) -> int:
        """The largest message accepted, in bytes."""
        return self._reader.message_max_bytes

    @message_max_bytes.setter
    def message_max_bytes(self, value: int) -> None:
        self._reader.message_max_bytes = value

    def feed(self, data: bytes) -> None:
        """Append bytes from the socket."""
        self._reader.feed(data)

    def drop(self) -> None:
        """Forget all bytes; used once, when nothing is read any more."""
        self._reader = FrameReader(message_max_bytes=1, fragments_max=1)

    def take(self, now_s: float) -> Flow | Close | Violation:
        """Turn bytes into messages until the caller has to act.

        Args:
            now_s: monotonic time.

        Returns:
            What is needed next, or the event that ends the connection.
        """
        for _ in range(_FRAMES_PER_TURN):
            if self.inbox.full:
                return Flow.ROOM
            match self._reader.next_event():
                case None:
                    return Flow.MORE_BYTES
                case Text(text):
                    self.messages += 1
                    self.inbox.put({"type": "websocket.receive", "text": text})
                case Ping(payload):
                    self.pong_due = payload
                    if self._too_many_pings(now_s):
                        return _TOO_MANY_PINGS
                case (Close() | Violation()) as last:
                    return last
                case _:  # a fragment or a pong
                    pass
        return Flow.ANOTHER_TURN

    def _too_many_pings(self, now_s: float) -> bool:
        if now_s - self._pings_since >= 1.0:
            self._pings_since, self._pings = now_s, 0
        self._pings += 1
        return self._pings > self._pings_max
