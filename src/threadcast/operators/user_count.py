"""How many users are connected, each counted once wherever their connections are.

Nodes know their own users, and a user may be on several. The store knows all places, but counting
them costs more the more there are. So it is asked the more seldom the longer it takes.
"""

from __future__ import annotations

from ..clock import Clock
from ..store import Store

__all__ = ["UserCount"]

_SHARE = 100
"""Counting takes at most about one such part of the time."""


class UserCount:
    """Asks the store, where nodes cannot tell.

    Args:
        store: counts places.
        clock: monotonic time.

    Attributes:
        count: as the store said last; None where it need not or cannot say.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._next_at = 0.0
        self.count: int | None = None

    async def take(self, nodes: int) -> None:
        """Count anew, unless it is too early for that.

        Args:
            nodes: how many are alive; one alone knows all users by itself.

        Raises:
            ThreadcastError: the store cannot be used now; then nothing is known.
        """
        began_at = self._clock.monotonic()
        if nodes <= 1 or not self._store.shared:
            self.count = None
        elif began_at >= self._next_at:
            self.count = None
            self.count = await self._store.count_connected_users()
            ended_at = self._clock.monotonic()
            self._next_at = ended_at + _SHARE * (ended_at - began_at)
