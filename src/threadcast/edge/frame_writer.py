"""The seam by which an application writes frames without ASGI's per-message cost.

The edge puts a `FrameWriter` into `scope["extensions"][FRAMES_EXTENSION]` of every WebSocket. An
application that prepares a frame once can then write the same bytes to many connections, with one
call each and no task. Knows nothing of events, users or journals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

FRAMES_EXTENSION = "threadcast.frames"


class FrameWriter(Protocol):
    """What one connection offers beside ASGI's `send`.

    All methods belong to the event loop's own thread, never block and never raise for a connection
    that is gone: it simply takes nothing any more. `buffered_bytes` and `congested` are how the
    caller keeps memory bounded: `write` itself refuses nothing while the connection is open.

    Attributes:
        on_drain: called with no argument when a congested connection takes bytes again or ends,
            so that whoever waits for room never waits for ever. It must not raise.
        closing_frame: called with code and reason before the edge closes with a 4xxx code or 1012;
            the framed bytes that it returns go out ahead of the close frame. It must not raise.
    """

    on_drain: Callable[[], None] | None
    closing_frame: Callable[[int, str], bytes] | None

    def write(self, data: bytes) -> bool:
        """Hand whole server frames (`text_frame`) to the socket.

        Returns:
            False when nothing was written: before accept, or after the close began.
        """
        ...

    @property
    def buffered_bytes(self) -> int:
        """Bytes that wait in user space because the socket does not take them."""
        ...

    @property
    def congested(self) -> bool:
        """Whether the buffer passed its high mark and has not drained yet."""
        ...

    def set_write_limits(self, *, high_bytes: int) -> None:
        """Set the high mark of the buffer, in bytes (> 0); the low mark is a quarter of it."""
        ...

    @property
    def message_max_bytes(self) -> int:
        """The greatest message taken from the client now, in bytes."""
        ...

    @message_max_bytes.setter
    def message_max_bytes(self, value: int) -> None:
        """Raise or lower it; at most the limit that the server was built with.

        Raises:
            ValueError: the value is not positive or beyond that limit.
        """
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake; the application then receives `websocket.disconnect`.

        Args:
            code: 1000..1014 as RFC 6455 allows, or 3000..4999.
            reason: fixed ASCII text, at most 123 bytes, no text of a user.
        """
        ...
