"""Reads the heads of users of whom hints may have been lost, at once and in few queries.

The head poll would find out within its own time; this is for the moments at which a bus knows that
it may have been deaf: when it has begun to hear of a user, and when it was away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from .bus import Hint, HintsMissed
from .errors import ThreadcastError

log = logging.getLogger(__name__)


class MissedHints:
    """Gathers users while it is reading, and then reads the heads of all of them.

    Args:
        look: reads these users' heads and tells their readers.

    The caller hands `receive` to the bus and runs `run` in a task for as long as it is used. It
    holds each user once, and of those only who is attached here.
    """

    def __init__(self, look: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._look = look
        self._users: dict[str, None] = {}
        self._work = asyncio.Event()

    def receive(self, hint: Hint) -> None:
        """Take a hint from the bus."""
        if isinstance(hint, HintsMissed) and hint.user_ids:
            self._users.update(dict.fromkeys(hint.user_ids))
            self._work.set()

    async def run(self) -> None:
        """Look whenever there is doubt, until cancelled."""
        while True:
            await self._work.wait()
            await self.step()

    async def step(self) -> None:
        """Look once, for all that has gathered; what fails is left to the head poll."""
        users, self._users = tuple(self._users), {}
        self._work.clear()
        try:
            await self._look(users)
        except ThreadcastError as error:
            log.warning("heads were not read after a silence of the bus: %s", error.code)
