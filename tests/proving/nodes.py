"""A node of a cluster that is proven: its agents write where it stands, its clock may be wrong, and
it may have a network of its own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from cluster import Node

_STARTS_MAX, _START_PAUSE_S = 60, 0.5
_DISPLACED = Path(__file__).with_name("displaced_server.py")


class ProvedNode(Node):
    """See `cluster.Node`.

    Attributes:
        clock_ahead_s: by how much its clock is wrong from its next start on, in seconds.
        namespace: the network from which it reaches everything; None: that of this process.
        troubled: whether a fault has it now; no other one takes it then.
    """

    start_max_s = stop_max_s = 180.0  # on a machine that does much else
    clock_ahead_s = 0.0
    namespace: Path | None = None
    troubled = False

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.folder = self.stands_in = folder

    async def start_again(self) -> None:
        """Start it until it listens, as whoever keeps servers running does: a database that is away
        ends a server that starts.
        """
        for _ in range(_STARTS_MAX - 1):
            try:
                await self.start()
            except AssertionError:
                await asyncio.sleep(_START_PAUSE_S)
            else:
                return
        await self.start()

    async def begin(self) -> None:
        """Start it without waiting, by its own clock and in its network."""
        if not self.clock_ahead_s and self.namespace is None:
            await super().begin()
            return
        self._environment |= {
            "THREADCAST_PORT": str(self.port),
            "THREADCAST_DATABASE_URL": self._database_url,
        }
        where = () if self.namespace is None else (str(self.namespace),)
        self._process = await self._execute(str(_DISPLACED), str(self.clock_ahead_s), *where)
        self.pid = self._process.pid
