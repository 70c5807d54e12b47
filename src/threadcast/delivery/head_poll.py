"""Finds events whose hints were lost: polls the journal heads of all attached users.

This makes the bus an optimisation: losing every hint costs about one `poll_s` of latency. One query
asks for many users, and nodes do not poll in step. When the bus reports that hints for some users
may have been missed, those users are polled at once. It knows nothing of connections.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import Protocol

from ..bus import Hint, HintsMissed
from ..clock import Clock
from ..errors import ThreadcastError
from ..metrics import Metrics
from ..store import Store

log = logging.getLogger(__name__)

_IN_FLIGHT_S = 0.1  # a hint under way arrives within this; after that it counts as lost
_USERS_PER_TURN = 50
_USERS_PER_QUERY = 2_000  # reading the answer holds the event loop for about 2 ms
_SPREAD = 0.2  # of `poll_s`, so that nodes do not poll in step


class AttachedUsers(Protocol):
    """The users whose heads are polled."""

    def attached_users(self) -> Sequence[str]:
        """The ids of users with a connection here."""
        ...

    def notice(self, user_id: str, head: int) -> None:
        """Tell this user's connections their journal's head."""
        ...


class HeadPoll:
    """Polls heads.

    Args:
        store: is polled.
        attached: names the users, and receives their heads.
        clock: only its monotonic time is used.
        metrics: times each poll.

    The caller hands `receive` to the bus and runs `run` in a task. Users that may have missed hints
    are remembered once each, and only while attached here, which bounds memory.
    """

    def __init__(
        self, store: Store, attached: AttachedUsers, clock: Clock, metrics: Metrics
    ) -> None:
        self._store = store
        self._attached = attached
        self._clock = clock
        self._metrics = metrics
        self._missed: dict[str, None] = {}
        self._may_have_missed = asyncio.Event()

    def receive(self, hint: Hint) -> None:
        """Take a hint from the bus: users that may have missed hints are polled soon."""
        if isinstance(hint, HintsMissed) and hint.user_ids:
            self._missed.update(dict.fromkeys(hint.user_ids))
            self._may_have_missed.set()

    async def run(self, poll_s: float) -> None:
        """Poll all users at least every `poll_s` seconds, doubtful ones at once; never ends."""
        async with asyncio.TaskGroup() as looks:
            looks.create_task(self._look_at_all(poll_s))
            looks.create_task(self._look_where_in_doubt())

    async def _look_at_all(self, poll_s: float) -> None:
        while True:
            await asyncio.sleep(poll_s * (1 - _SPREAD * random.random()))  # noqa: S311 - no secret
            await self._try_to_look()

    async def _look_where_in_doubt(self) -> None:
        while True:
            await self._may_have_missed.wait()
            users, self._missed = tuple(self._missed), {}
            self._may_have_missed.clear()
            await self._try_to_look(users)

    async def _try_to_look(self, user_ids: Sequence[str] | None = None) -> None:
        try:
            await self.poll(user_ids)
        except ThreadcastError as error:  # the next full poll finds them, too
            log.warning("the head poll waits for the store: %s", error.code)

    async def poll(self, user_ids: Sequence[str] | None = None) -> None:
        """Poll once, give hints under way time to arrive, then report heads that no hint reached.

        Args:
            user_ids: the users to poll; None for all that are attached.

        Raises:
            ThreadcastError: the store cannot be read now.
        """
        began_at = self._clock.monotonic()
        users = self._attached.attached_users() if user_ids is None else user_ids
        heads: dict[str, int] = {}
        for first in range(0, len(users), _USERS_PER_QUERY):
            heads |= await self._store.heads(users[first : first + _USERS_PER_QUERY])
        self._metrics.head_poll_seconds.observe(self._clock.monotonic() - began_at)
        await asyncio.sleep(_IN_FLIGHT_S)
        for number, (user_id, head) in enumerate(heads.items(), start=1):
            self._attached.notice(user_id, head)
            if not number % _USERS_PER_TURN:
                await asyncio.sleep(0)  # lets pushes go in between
