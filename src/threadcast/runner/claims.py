"""When a node claims runs, and when it leaves that to another node.

A message costs one claim: the node that stored it claims the run if it has room, and otherwise
passes the hint on to one other node. A node that finds more than one batch does both. A lost hint
costs up to about a second, because every node also polls, at staggered times. A claim looks at a
bounded number of users: those whom hints named, and those who are next in a lap of all who wait.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Iterable

from ..bus import Hint, RunsWaiting
from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..metrics import Metrics
from ..store.units import Claim, ClaimedRun, ClaimRuns
from ..tasks import set_within
from .claim_laps import ClaimLaps

__all__ = ["RunClaims"]

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_SPREAD = 0.25  # of a rest, either way
_CLAIM_MAX_RUNS = 32  # per claim, so that a burst is shared among nodes
_PASSES_MAX = 3
_NAMED_MAX = 64  # users whom hints named; a lap finds the others


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
        self._named: dict[str, None] = {}
        self._laps = ClaimLaps(_spread)

    @property
    def under_way(self) -> bool:
        """Whether a claim is not answered yet."""
        return self._turn.locked()

    def hear(self, hint: RunsWaiting) -> None:
        """Runs wait: claim soon, or pass the hint on when there is no room."""
        self._remember(hint.user_ids)
        if self._free() > 0:
            self._now.set()
            return
        self._more_waits = True
        if hint.passed_on < _PASSES_MAX:
            self._publish(RunsWaiting(hint.passed_on + 1, hint.user_ids[-_NAMED_MAX:]))

    def room_made(self) -> None:
        """A run has ended or waits for a person: claim soon, if some were left for want of room."""
        if self._more_waits:
            self._now.set()

    async def run(self) -> None:
        """Claim until cancelled."""
        while True:
            self._now.clear()
            try:
                pause_s = await self.once()
            except ThreadcastError as error:
                log.warning("runs could not be claimed: %s", error)
                await asyncio.sleep(_LOOK_EVERY_S)  # hints must not make it spin
                continue
            if pause_s > 0:
                await set_within(self._now, pause_s)

    async def once(self) -> float:
        """Claim once, if there is room, and start what was claimed.

        Returns:
            How long to wait until the next claim, in seconds, unless a hint comes before.

        Raises:
            ThreadcastError: nothing could be claimed now.
        """
        async with self._turn:
            limit = min(self._free(), _CLAIM_MAX_RUNS)
            if limit <= 0:
                return _LOOK_EVERY_S
            time = asyncio.get_running_loop().time
            began = time()
            is_of_lap = not self._named or not self._laps.wait_s(began)
            self._more_waits = False
            claim = await self._claim(limit, self._laps.after if is_of_lap else None)
            is_full = len(claim.runs) == limit
            self._more_waits |= is_full  # a hint may have come meanwhile
            if is_of_lap:
                self._laps.looked(claim.reached, began=began, ended=time(), is_full=is_full)
        if is_full:
            self._publish(RunsWaiting(1, tuple(self._named)))
        if self._free() <= 0:
            return _LOOK_EVERY_S
        return 0.0 if is_full else self._laps.wait_s(time())

    async def _claim(self, limit: int, after: int | None) -> Claim:
        named, self._named = tuple(self._named), {}
        unit = ClaimRuns(self._owner, self._lease_s, self._agents, limit, after, named)
        try:
            claim = await self._journal.append(unit)
        except ThreadcastError:
            self._remember(named, again=True)
            raise
        self._metrics.claims.labels("claimed" if claim.runs else "nothing").inc()
        for run in claim.runs:
            self._start(run)
        if len(claim.runs) == limit:  # of some that it saw there was no room for the runs
            served = {run.lease.address.user_id for run in claim.runs}
            left = (user_id for user_id in named if user_id not in served)
            self._remember(left, again=True)
        return claim

    def _remember(self, user_ids: Iterable[str], *, again: bool = False) -> None:
        """Have the next claim look at these users, too; the latest, if they are too many.

        Args:
            user_ids: who.
            again: they were named before those that are remembered now.
        """
        more = dict.fromkeys(user_ids)
        self._named = more | self._named if again else self._named | more
        while len(self._named) > _NAMED_MAX:
            del self._named[next(iter(self._named))]

    async def stop(self) -> None:
        """Claim no more; returns once a claim under way has been answered."""
        self._stopped = True
        async with self._turn:
            pass

    def _free(self) -> int:
        return 0 if self._stopped or not self._agents else self._room()


def _spread() -> float:
    return random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - spreads nodes
