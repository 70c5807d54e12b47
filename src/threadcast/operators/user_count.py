"""How many distinct users are connected to the cluster.

A node knows its own users, and one user may be on several nodes, so only the store can count them.
The cost grows with the number of places: the longer a count takes, the longer the next one waits.
"""

from __future__ import annotations

from ..clock import Clock
from ..store import Store

__all__ = ["UserCount"]

_PAUSE_FACTOR = 100
"""How many times as long as a count took the next one waits."""


class UserCount:
    """Asks the store, where there is more than one node.

    Args:
        store: counts users.
        clock: monotonic time.

    Attributes:
        count: the last result; None with one node, or if the store could not say.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._next_at = 0.0
        self.count: int | None = None

    async def take(self, nodes: int) -> None:
        """Count again if it is time.

        Args:
            nodes: how many are alive; a single one knows all users itself.

        Raises:
            ThreadcastError: the store cannot be used now; `count` is None then.
        """
        began_at = self._clock.monotonic()
        if nodes <= 1 or not self._store.shared:
            self.count = None
        elif began_at >= self._next_at:
            self.count = None
            self.count = await self._store.count_connected_users()
            ended_at = self._clock.monotonic()
            self._next_at = ended_at + _PAUSE_FACTOR * (ended_at - began_at)
