"""Cancels runs that are to end when their user disconnects (`on_disconnect`).

When a network is cut, thousands of users leave at once, and few of them have such runs. So one
query covers all users who left since the previous one, and only those with such runs cost a commit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import islice

from ..context import UserExecutionContext
from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..store import Store
from ..store.place_units import CancelAbandoned
from ..store.units import Outcome, Rejected
from ..tasks import OwnedTasks

log = logging.getLogger(__name__)

_USERS_PER_QUERY = 1_000


class Departures:
    """Looks for such runs of users who left. One per node.

    Args:
        store: finds the users with such runs.
        journal: cancels them, unless their user is connected elsewhere.
        tasks: owns the task that queries.
        present: whether a user is connected to this node; whoever came back is left alone.
    """

    def __init__(
        self,
        store: Store,
        journal: Journal,
        tasks: OwnedTasks,
        present: Callable[[str], bool],
    ) -> None:
        self._present = present
        self._store = store
        self._journal = journal
        self._tasks = tasks
        self._users: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None

    def left(self, user_id: str) -> None:
        """Note that a user has had no connection on this node for the grace time."""
        self._users[user_id] = None
        if self._task is None or self._task.done():
            self._task = self._tasks.start(self._end_runs())

    async def _end_runs(self) -> None:
        while self._users:
            users = tuple(islice(self._users, _USERS_PER_QUERY))
            for user_id in users:
                del self._users[user_id]
            try:
                found = await self._store.abandoned(limit=len(users), among=users)
            except ThreadcastError as error:
                log.warning("runs of users who left could not be looked for: %s", error.code)
                continue
            for user_id in found:
                if self._present(user_id):
                    continue
                context = UserExecutionContext.create(user_id, "disconnect")
                self._journal.submit(CancelAbandoned(context), _log_refusal)


def _log_refusal(outcome: Outcome) -> None:
    if isinstance(outcome, Rejected):
        log.warning("runs of a user who left could not be cancelled: %s", outcome.error)
