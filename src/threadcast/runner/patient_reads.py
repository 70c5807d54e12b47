"""Reads of an agent that ride out an outage of the store.

A run's appends are retried until the store is back (`outbox`), so its reads are too, with the same
pauses and for as long: restarting the database ends no run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..context import UserExecutionContext
from ..errors import ThreadcastError
from ..store.session import RequestScopedSession, RequestScopedSessionFactory
from .outbox import OutboxLimits

__all__ = ["PatientReads"]

Result = TypeVar("Result")


class PatientReads:
    """Reads within one context, each in a session of its own.

    Args:
        sessions: opens them.
        context: whose data.
        limits: the pauses, and for how long in all a read is retried.
    """

    def __init__(
        self,
        sessions: RequestScopedSessionFactory,
        context: UserExecutionContext,
        limits: OutboxLimits,
    ) -> None:
        self._sessions = sessions
        self._context = context
        self._limits = limits

    async def read(self, what: Callable[[RequestScopedSession], Awaitable[Result]]) -> Result:
        """Read, and retry while the store is `unavailable`.

        Args:
            what: reads with the session; it may be called several times.

        Raises:
            ThreadcastError: the store is `unavailable` for longer than the limits allow, or
                another error, which a retry cannot help.
        """
        pause_s = self._limits.retry_first_s
        until = asyncio.get_running_loop().time() + self._limits.retry_total_s
        while True:
            try:
                async with self._sessions.open(self._context) as session:
                    return await what(session)
            except ThreadcastError as error:
                too_late = asyncio.get_running_loop().time() + pause_s > until
                if error.code != "unavailable" or too_late:
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._limits.retry_pause_max_s)
