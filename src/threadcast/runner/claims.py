"""When a node claims runs, and when it leaves that to another node.

A message costs one claim: the node that stored it claims the run if it has room, and otherwise
passes the hint on to one other node. A node that finds more than one batch does both. A lost hint
costs up to about a second, because every node also polls, at staggered times. A claim looks at a
bounded number of users: after one in vain, the next looks at others, until a lap of all who wait.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection

from ..bus import Hint, RunsWaiting
from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..metrics import Metrics
from ..store.units import Claim, ClaimedRun, ClaimRuns
from ..tasks import set_within

__all__ = ["RunClaims"]

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_SPREAD = 0.25  # of that time, either way
_CLAIM_MAX_RUNS = 32  # per claim, so that a burst is shared among nodes
_PASSES_MAX = 3
_LOOK_ON_AFTER_S = 0.02  # so that a lap of thousands of users leaves the store to others


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
        self._place = 0

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
                has_more = await self.lap()
            except ThreadcastError as error:
                log.warning("runs could not be claimed: %s", error)
                await asyncio.sleep(_LOOK_EVERY_S)  # hints must not make it spin
                continue
            if not has_more:
                spread = random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - spreads nodes
                await set_within(self._now, _LOOK_EVERY_S * spread)

    async def lap(self) -> bool:
        """Claim and start what was claimed; whether more may be waiting and there is room.

        Looks at all who wait until it finds a run. A hint meanwhile begins another lap, for its
        user may have been passed already.

        Raises:
            ThreadcastError: nothing could be claimed now.
        """
        began_at = self._place
        while True:
            at = self._place
            claim = await self._claim()
            if claim.runs:
                return self._more_waits and self._free() > 0
            if claim.place is None or _passes(began_at, at, claim.place):
                return False
            await asyncio.sleep(_LOOK_ON_AFTER_S)
            if self._now.is_set():
                return True

    async def _claim(self) -> Claim:
        """Claim once, if there is room, and start what was claimed."""
        async with self._turn:
            limit = min(self._free(), _CLAIM_MAX_RUNS)
            if limit <= 0:
                return Claim([])
            unit = ClaimRuns(self._owner, self._lease_s, self._agents, limit, self._place)
            claim = await self._journal.append(unit)
            self._metrics.claims.labels("claimed" if claim.runs else "nothing").inc()
            for run in claim.runs:
                self._start(run)
            if claim.place is not None:
                self._place = claim.place
            self._more_waits = len(claim.runs) == limit
        if self._more_waits:
            self._publish(RunsWaiting(1))
        return claim

    async def stop(self) -> None:
        """Claim no more; returns once a claim under way has been answered."""
        self._stopped = True
        async with self._turn:
            pass

    def _free(self) -> int:
        return 0 if self._stopped or not self._agents else self._room()


def _passes(place: int, begin: int, end: int) -> bool:
    """Whether the way round the circle from `begin` to `end` passes a place, or ends there."""
    if begin < end:
        return begin < place <= end
    return place > begin or place <= end
