"""How an HTTP connection ends: the client gets what was written for it, in bounded time.

Closing a socket that holds unread bytes resets it, and a reset can overtake an answer. So our side
ends first, and what the client still sends is discarded. This module may not know requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .discard import REST_OF_BODY_MAX_BYTES, Discard
from .flow import EdgeFlow

_REST_OF_BODY_MAX_S = 10.0  # for a client that reads its answer only when it has sent everything


class Ending:
    """The end of one connection.

    Args:
        transport: of the connection.
        loop: the transport's.
        flow: sees to it that the client reads.

    Attributes:
        begun: whether nothing that comes is parsed any more.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, flow: EdgeFlow
    ) -> None:
        self.begun = False
        self._transport = transport
        self._loop = loop
        self._flow = flow
        self._discard = Discard()
        self._timer: asyncio.TimerHandle | None = None

    def take(self, data: bytes) -> None:
        """Discard what came; too much of it ends the connection at once."""
        if self._discard.exceeded(data):
            self._transport.abort()

    def close(self) -> None:
        """Send what was written, and no more; in bounded time."""
        self._transport.close()
        self._flow.watch()

    def close_amid_body(self) -> None:
        """Close after an answer to a request whose body still comes."""
        self.begun = True
        self._discard = Discard(REST_OF_BODY_MAX_BYTES)
        self._flow.release()
        self.linger(_REST_OF_BODY_MAX_S, self.close)

    def linger(self, max_s: float, then: Callable[[], None]) -> None:
        """End our side, and wait for the client to end its own.

        Args:
            max_s: how long, in seconds.
            then: is called when it has not.
        """
        if self._transport.can_write_eof():
            try:
                self._transport.write_eof()
            except OSError:  # the client has gone
                self._transport.abort()
                return
            self.bound(max_s, then)
        else:
            self.close()

    def bound(self, max_s: float, then: Callable[[], None]) -> None:
        """Call `then` after so many seconds, unless `over` comes before."""
        self.over()
        self._timer = self._loop.call_later(max_s, then)

    def over(self) -> None:
        """The connection has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class AnswerTransport:
    """A transport as an answer uses it, with another way to close."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close
