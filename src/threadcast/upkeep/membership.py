"""This node's membership in a cluster: its lease, and a poll for what lost hints should have told.

The places of its connections count while its lease is valid. Each poll asks the store once for what
the bus should have said: connections here that are to end, users whose credentials were revoked.
Every node also cleans up after lost ones: it removes their places, and ends runs that asked for it
(`on_disconnect`) when their user is connected nowhere. What fails is logged and retried at the next
step. A node whose lease lapses while the store is away keeps its connections, and takes their
places again afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ..bus import ConnectionUnwanted, Hint, SessionsRevoked
from ..clock import Clock
from ..context import UserExecutionContext
from ..delivery.journal import Journal
from ..delivery.places import Places
from ..errors import StoreInUse, ThreadcastError
from ..settings import Settings
from ..store import Store
from ..store.operator_units import Standing, TellPositions
from ..store.place_units import (
    CancelAbandoned,
    NodeFacts,
    RegisterNode,
    RemoveNode,
    RenewNode,
    SweepNode,
)

__all__ = ["Membership", "NodeWork"]

log = logging.getLogger(__name__)

_RENEWALS_PER_LEASE = 3
_SWEEP_MAX_PLACES = 1_000
_MARKS_KEPT_S = 86_400.0  # a node cut off for longer may miss forced closes
_SWEEP_ROUNDS_MAX = 10
_ABANDONED_MAX_USERS = 500
# A revocation becomes visible with its commit, which is later than the time that it records.
_LOOK_BACK_S = 30.0
_REGISTER_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWork:
    """What membership asks of the rest of the node.

    Attributes:
        count_runs: gives how many runs it executes now.
        summary: gives the node's summary for operators, as JSON, stored with each renewal.
        standings: gives the journal positions of users' connections here.
        drain: called when an operator asks for a drain; may be called again.
    """

    count_runs: Callable[[], int]
    summary: Callable[[], str]
    standings: Callable[[Collection[str]], Sequence[Standing]]
    drain: Callable[[], object]


class Membership:
    """One node's membership.

    Args:
        store: shared with other nodes.
        journal: commits.
        places: of the node's connections.
        clock: monotonic time, for the pace; leases are by the store's clock.
        receive: gets the hints that may have been lost.
        facts: id, version and role of the node.
        work: the rest of the node.
        lease_s: how long the node's places count without renewal, in seconds.
        poll_s: time between polls, in seconds.
        disconnect_grace_s: how long a user must be away until runs that ask for it end.

    The caller awaits `join` before clients connect, runs `run` in a task, and awaits `leave`.
    """

    def __init__(
        self,
        store: Store,
        journal: Journal,
        places: Places,
        clock: Clock,
        *,
        receive: Callable[[Hint], None],
        facts: NodeFacts,
        work: NodeWork,
        lease_s: float,
        poll_s: float,
        disconnect_grace_s: float,
    ) -> None:
        self._store = store
        self._journal = journal
        self._places = places
        self._clock = clock
        self._receive = receive
        self._facts = facts
        self._work = work
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._away_s = max(disconnect_grace_s, lease_s)
        self._every_s = lease_s / _RENEWALS_PER_LEASE
        self._renew_at = self._renewed_at = self._clean_at = 0.0
        self._losses_seen = store.losses
        self._joined = False
        self._looked_at = clock.monotonic()
        self._revoked: dict[str, float] = {}
        self._away: dict[str, float] = {}

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        store: Store,
        journal: Journal,
        places: Places,
        clock: Clock,
        receive: Callable[[Hint], None],
        facts: NodeFacts,
        work: NodeWork,
    ) -> Self:
        """A membership with the times that the settings give."""
        return cls(
            *(store, journal, places, clock),
            receive=receive,
            facts=facts,
            work=work,
            lease_s=settings.node_lease_s,
            poll_s=settings.head_poll_s,
            disconnect_grace_s=settings.disconnect_grace_s,
        )

    async def join(self) -> None:
        """Register this node; if one of the same id died just now, wait until its lease has lapsed.

        Raises:
            StoreInUse: another node of this id is alive.
            ThreadcastError: the store cannot be used now.
        """
        unit = RegisterNode(self._facts, self._lease_s)
        before_s = None
        while (left_s := await self._journal.append(unit)) is not None:
            if before_s is None:
                log.warning("node %s: waits %.1f s for a lease", self._facts.node_id, left_s)
            elif left_s >= before_s:  # it was renewed meanwhile
                name = self._facts.node_id
                raise StoreInUse(
                    f'another node is called "{name}" and is alive: give each a node_id of its '
                    "own, or none"
                )
            before_s = left_s
            await asyncio.sleep(min(left_s, _REGISTER_EVERY_S))
        self._joined = True
        self._renewed_at = self._clock.monotonic()
        self._renew_at = self._renewed_at + self._every_s

    async def leave(self) -> None:
        """Unregister this node after its connections have gone; otherwise its lease lapses."""
        if not self._joined:
            return  # another node with this id may be alive
        self._joined = False
        try:
            await self._journal.append(RemoveNode(self._facts.node_id))
        except ThreadcastError as error:
            log.warning("the node was not taken out, its lease lapses: %s", error.code)

    async def run(self) -> None:
        """Renew, sweep and poll until cancelled."""
        async with asyncio.TaskGroup() as loops:
            keep_s = min(self._every_s, self._poll_s)
            loops.create_task(self._forever(self.keep, every_s=keep_s))
            loops.create_task(self._forever(self.look, every_s=self._poll_s))

    async def _forever(
        self, step: Callable[[], Coroutine[Any, Any, None]], *, every_s: float
    ) -> None:
        while True:
            await asyncio.sleep(every_s)
            await step()

    async def keep(self) -> None:
        """Do what is due for this node's lease and places, and for what lost nodes left behind."""
        if not self._joined:
            return
        now = self._clock.monotonic()
        if now >= self._renew_at or self._store.losses != self._losses_seen:
            await self._try_to("renew the node's lease", self._renew())
        await self._places.settle()
        if now >= self._clean_at:
            self._clean_at = now + self._every_s
            await self._try_to("sweep lost nodes", self._sweep())
            await self._try_to("find runs whose users have gone", self._end_abandoned())

    async def look(self) -> None:
        """Poll the store once for what lost hints should have told."""
        await self._try_to("look for what hints did not tell", self._look())

    async def _try_to(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ThreadcastError as error:
            log.warning("could not %s: %s", what, error.code)

    async def _renew(self) -> None:
        """Renew the lease; immediately after the connection to the store was lost.

        A database that crashed has lost all places, and with them which users' revocations to
        report. After a time in which the lease lapsed, it may be valid again by another node of the
        same id, which began without this one's places.
        """
        losses = self._store.losses
        began_at = self._clock.monotonic()
        work = self._work
        said = (len(self._places), work.count_runs(), work.summary())
        unit = RenewNode(self._facts, self._lease_s, *said)
        in_time = await self._journal.append(unit)
        self._losses_seen = losses
        in_time = in_time and began_at - self._renewed_at < self._lease_s
        self._renewed_at = began_at
        self._renew_at = self._clock.monotonic() + self._every_s
        if not in_time:
            log.warning("this node's lease had lapsed; its connections take places again")
            self._places.lost()

    async def _look(self) -> None:
        asked_at = self._clock.monotonic()
        within_s = asked_at - self._looked_at + _LOOK_BACK_S
        notices = await self._store.notices(self._facts.node_id, within_s=within_s)
        self._looked_at = asked_at
        for unwanted in notices.unwanted:
            self._receive(ConnectionUnwanted(*unwanted))
        for user_id, revoked_at in notices.revoked.items():
            if self._revoked.get(user_id) != revoked_at:
                self._receive(SessionsRevoked(user_id))
        self._revoked = dict(notices.revoked)
        if notices.drain:
            self._work.drain()
        if notices.asked:
            await self._journal.append(TellPositions(self._work.standings(notices.asked)))

    async def _sweep(self) -> None:
        """Remove what lost nodes left; a node gets one more lease time before it is given up."""
        marks_s = max(self._lease_s, _MARKS_KEPT_S)
        unit = SweepNode(self._lease_s, marks_s, _SWEEP_MAX_PLACES)
        for _ in range(_SWEEP_ROUNDS_MAX):
            if not await self._journal.append(unit):
                return

    async def _end_abandoned(self) -> None:
        now = self._clock.monotonic()
        users = await self._store.abandoned(limit=_ABANDONED_MAX_USERS)
        self._away = {user_id: self._away.get(user_id, now) for user_id in users}
        for user_id, since in self._away.items():
            if now - since >= self._away_s:
                context = UserExecutionContext.create(user_id, "disconnect")
                await self._journal.append(CancelAbandoned(context))
