"""A node of a cluster under test: its agents write to its working directory.

Its clock may be wrong, it may run an older version, and it may have a network of its own.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from ablation_run import ROOT
from cluster import Node
from proving.versions import PATHS

_STARTS_MAX, _START_PAUSE_S = 60, 0.5
_DISPLACED = Path(__file__).with_name("displaced_server.py")


class ProvedNode(Node):
    """See `cluster.Node`.

    Attributes:
        clock_ahead_s: by how much its clock is wrong from its next start on, in seconds.
        source: the source that it runs from its next start on; None: the current one.
        namespace: the network from which it reaches everything; None: that of this process.
        troubled: whether a fault has it now; no other one takes it then.
    """

    start_max_s = stop_max_s = 180.0  # on a machine that does much else
    clock_ahead_s = 0.0
    source: Path | None = None
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
        """Start it without waiting, with its version, clock and network."""
        source = self.source or ROOT
        self._environment["PYTHONPATH"] = os.pathsep.join(str(source / one) for one in PATHS)
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
