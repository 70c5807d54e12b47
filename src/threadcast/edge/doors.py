"""Lets new connections speak a few at a time, so that a crowd is served in between and not instead.

The system takes connections in as fast as they come; here their first bytes wait for their turn,
one connection in each turn of the event loop. It knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

_WAITING_MAX = 10_000


class Doors:
    """Those who have connected and have not been heard yet. One per server."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Transport, Callable[[], None]]] = deque()
        self._opening = False

    def come(
        self,
        transport: asyncio.Transport,
        on_heard: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Have a new connection wait until it may be heard; one beyond 10,000 is cut.

        Args:
            transport: of the connection; it is not read from until then.
            on_heard: called when it is read from.
            loop: the transport's.
        """
        if len(self._waiting) >= _WAITING_MAX:
            transport.abort()
            return
        transport.pause_reading()
        self._waiting.append((transport, on_heard))
        if not self._opening:
            self._opening = True
            loop.call_soon(self._open, loop)

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            transport, on_heard = self._waiting.popleft()
            if not transport.is_closing():
                transport.resume_reading()
                on_heard()
                loop.call_soon(self._open, loop)
                return
        self._opening = False
