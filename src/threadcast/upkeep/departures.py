"""Cancels runs that are to end when their user disconnects (`on_disconnect`).

When a network is cut, thousands of users leave at once, and few of them have such runs. So one
query covers all users who left since the previous one, and only those with such runs cost a commit.
While the store is away, those who left are kept, and tried again each second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

from ..context import UserExecutionContext
from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..store import Store
from ..store.place_units import CancelAbandoned
from ..tasks import OwnedTasks

log = logging.getLogger(__name__)

_USERS_PER_QUERY = 1_000
_USERS_MAX = 100_000
_RETRY_S = 1.0


class Departures:
    """Looks for such runs of users who left. One per node.

    Args:
        store: finds the users with such runs.
        journal: cancels them, unless their user is connected elsewhere.
        tasks: owns the task that queries.
        present: whether a user is connected to this node; whoever came back is left alone.
        users_max: how many users who left are kept; the runs of further ones go on.
        sleep: is awaited with the pause before a retry, in seconds.
    """

    def __init__(
        self,
        store: Store,
        journal: Journal,
        tasks: OwnedTasks,
        present: Callable[[str], bool],
        *,
        users_max: int = _USERS_MAX,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._present = present
        self._store = store
        self._journal = journal
        self._tasks = tasks
        self._users_max = users_max
        self._sleep = sleep
        self._users: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None

    def left(self, user_id: str) -> None:
        """Note that a user has had no connection on this node for the grace time."""
        self._keep(user_id)
        if self._task is None or self._task.done():
            self._task = self._tasks.start(self._run())

    def _keep(self, user_id: str) -> None:
        if len(self._users) < self._users_max:
            self._users[user_id] = None
        elif user_id not in self._users:
            log.error("too many users left during an outage; runs of one of them may go on")

    async def _run(self) -> None:
        while self._users:
            users = tuple(islice(self._users, _USERS_PER_QUERY))
            for user_id in users:
                del self._users[user_id]
            if again := await self._end_runs(users):
                for user_id in again:
                    self._keep(user_id)
                await self._sleep(_RETRY_S)

    async def _end_runs(self, users: Sequence[str]) -> Sequence[str]:
        """Cancel such runs of these users; returns the users for whom it is to be tried again."""
        try:
            found = await self._store.abandoned(limit=len(users), among=users)
        except ThreadcastError as error:
            log.warning("runs of users who left could not be looked for: %s", error.code)
            return users if error.kind.retryable else ()
        gone = [user_id for user_id in found if not self._present(user_id)]
        settled = await asyncio.gather(*(self._cancel(user_id) for user_id in gone))
        return [user_id for user_id, done in zip(gone, settled, strict=True) if not done]

    async def _cancel(self, user_id: str) -> bool:
        """Cancel such runs of one user; whether that is settled."""
        context = UserExecutionContext.create(user_id, "disconnect")
        try:
            await self._journal.append(CancelAbandoned(context))
        except ThreadcastError as error:
            log.warning("runs of a user who left could not be cancelled: %s", error)
            return not error.kind.retryable
        return True
