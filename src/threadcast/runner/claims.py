"""When a node claims runs, and when it leaves that to another node.

A message costs one claim: the node that stored it claims the run if it has room, and otherwise
passes the hint on to one other node. A node that finds more than one batch does both. A lost hint
costs up to about a second, because every node also polls, at staggered times. A claim looks at a
bounded number of users: after one that found nothing, the next begins at a random place among them.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Sequence
from secrets import token_hex

from ..bus import Hint, RunsWaiting
from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..metrics import Metrics
from ..store.units import ClaimedRun, ClaimRuns
from ..tasks import set_within

__all__ = ["RunClaims"]

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_SPREAD = 0.25  # of that time, either way
_CLAIM_MAX_RUNS = 32  # per claim, so that a burst is shared among nodes
_PASSES_MAX = 3


class RunClaims:
    """Claims runs while there is room.

    Args:
        owner: this node's id.
        agents: names of the agents that it has.
        journal: claims.
        metrics: counts claims.
        lease_s: how long a lease is valid, in seconds.
        room: gives how many more runs may execute here now.
        start: called with each run that was claimed.
        publish: sends hints to other nodes.

    The caller runs `run` in a task.
    """

    def __init__(
        self,
        *,
        owner: str,
        agents: Collection[str],
        journal: Journal,
        metrics: Metrics,
        lease_s: float,
        room: Callable[[], int],
        start: Callable[[ClaimedRun], None],
        publish: Callable[[Hint], None],
    ) -> None:
        self._owner = owner
        self._agents = tuple(agents)
        self._journal = journal
        self._metrics = metrics
        self._lease_s = lease_s
        self._room = room
        self._start = start
        self._publish = publish
        self._now = asyncio.Event()
        self._turn = asyncio.Lock()
        self._stopped = False
        self._more_waits = False
        self._served: str | None = None

    @property
    def under_way(self) -> bool:
        """Whether a claim is not answered yet."""
        return self._turn.locked()

    def hear(self, hint: RunsWaiting) -> None:
        """Runs wait: claim soon, or pass the hint on when there is no room."""
        if self._free() > 0:
            self._now.set()
            return
        self._more_waits = True
        if hint.passed_on < _PASSES_MAX:
            self._publish(RunsWaiting(hint.passed_on + 1))

    def room_made(self) -> None:
        """A run has ended or waits for a person: claim soon, if some were left for want of room."""
        if self._more_waits:
            self._now.set()

    async def run(self) -> None:
        """Claim until cancelled."""
        while True:
            self._now.clear()
            try:
                has_more = await self.once()
            except ThreadcastError as error:
                log.warning("runs could not be claimed: %s", error)
                await asyncio.sleep(_LOOK_EVERY_S)  # hints must not make it spin
                continue
            if not has_more:
                spread = random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - spreads nodes
                await set_within(self._now, _LOOK_EVERY_S * spread)

    async def once(self) -> bool:
        """Claim once and start what was claimed; whether more may be waiting and there is room.

        Raises:
            ThreadcastError: nothing could be claimed now.
        """
        async with self._turn:
            limit = min(self._free(), _CLAIM_MAX_RUNS)
            if limit <= 0:
                return False
            unit = ClaimRuns(self._owner, self._lease_s, self._agents, limit, self._served)
            claimed: Sequence[ClaimedRun] = await self._journal.append(unit)
            self._metrics.claims.labels("claimed" if claimed else "nothing").inc()
            for run in claimed:
                self._served = run.lease.address.user_id
                self._start(run)
            if not claimed:  # runs that nobody can claim now may hide others
                self._served = token_hex(16)
            self._more_waits = len(claimed) == limit
        if self._more_waits:
            self._publish(RunsWaiting(1))
        return self._more_waits and self._free() > 0

    async def stop(self) -> None:
        """Claim no more; returns once a claim under way has been answered."""
        self._stopped = True
        async with self._turn:
            pass

    def _free(self) -> int:
        return 0 if self._stopped or not self._agents else self._room()
