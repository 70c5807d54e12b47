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
    """What one connection offers besides ASGI's `send`.

    Call all methods on the event loop's thread; they never block, and never raise for a closed
    connection, which just drops what is written. `write` refuses nothing while the connection is
    open: the caller bounds memory by `buffered_bytes` and `congested`.

    Attributes:
        on_drain: called without arguments when a congested connection has drained or ended, so that
            no waiter waits for ever. It must not raise.
        closing_frame: called with code and reason before the edge closes with a 4xxx code or 1012;
            the framed bytes that it returns go out ahead of the close frame. It must not raise.
    """

    on_drain: Callable[[], None] | None
    closing_frame: Callable[[int, str], bytes] | None

    def write(self, data: bytes) -> bool:
        """Write whole server frames (`text_frame`).

        Returns:
            False if nothing was written: before accept, or after the close began.
        """
        ...

    @property
    def buffered_bytes(self) -> int:
        """Bytes buffered in user space because the socket does not take them."""
        ...

    @property
    def congested(self) -> bool:
        """Whether the buffer passed its high-water mark and has not drained yet."""
        ...

    def set_write_limits(self, *, high_bytes: int) -> None:
        """Set the buffer's high-water mark in bytes (> 0); the low-water mark is a quarter."""
        ...

    @property
    def message_max_bytes(self) -> int:
        """The largest message accepted from the client now, in bytes."""
        ...

    @message_max_bytes.setter
    def message_max_bytes(self, value: int) -> None:
        """Change it, up to the limit that the server was built with.

        Raises:
            ValueError: the value is not positive, or above that limit.
        """
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake; the application then receives `websocket.disconnect`.

        Args:
            code: 1000..1014 as RFC 6455 allows, or 3000..4999.
            reason: fixed ASCII text of at most 123 bytes, nothing from a user.
        """
        ...
