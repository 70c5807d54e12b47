"""Lets new connections speak a few at a time, so that a crowd is served in between and not instead.

The system takes connections in as fast as they come; here what they first say waits for its turn,
one connection in each turn of the event loop. It knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

_WAITING_MAX = 10_000


class Doors:
    """Those who have begun to speak and have not been heard yet. One per server."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Transport, Callable[[], None]]] = deque()
        self._opening = False

    def come(
        self,
        transport: asyncio.Transport,
        on_turn: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Have a new connection wait until it may be heard; one beyond 10,000 is cut.

        Args:
            transport: of the connection; the caller does not read from it meanwhile.
            on_turn: called when it may be heard, unless it has gone.
            loop: the transport's.
        """
        if len(self._waiting) >= _WAITING_MAX:
            transport.abort()
            return
        self._waiting.append((transport, on_turn))
        if not self._opening:
            self._opening = True
            loop.call_soon(self._open, loop)

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            transport, on_turn = self._waiting.popleft()
            if not transport.is_closing():
                loop.call_soon(self._open, loop)
                on_turn()
                return
        self._opening = False
