"""Polls the store for run signals whose hints were lost: cancels and answers, one query for all.

A node that executes nothing does not poll.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from ..errors import ThreadcastError
from ..store.units import Lease
from .execution import RunExecution

__all__ = ["RunNotices", "SignalPoll"]

log = logging.getLogger(__name__)

RunNotices = Callable[[str, Sequence[Lease]], Awaitable[Collection[str]]]
"""See `Store.run_notices`."""


class SignalPoll:
    """Polls for signals to the runs that execute here.

    Args:
        owner: this node's id.
        notices: queries the store.
        executions: the running executions, by run id.
        look_at: called with each run that has a signal.
        poll_s: time between polls, in seconds.
    """

    def __init__(
        self,
        owner: str,
        notices: RunNotices,
        executions: Mapping[str, RunExecution],
        look_at: Callable[[str], None],
        *,
        poll_s: float,
    ) -> None:
        self._owner = owner
        self._notices = notices
        self._executions = executions
        self._look_at = look_at
        self._poll_s = poll_s

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self.poll()
            except ThreadcastError as error:
                log.info("what is asked of runs could not be read: %s", error.code)

    async def poll(self) -> None:
        """Poll once.

        Raises:
            ThreadcastError: the store cannot be read now.
        """
        if not self._executions:
            return
        waiting = [one.claimed.lease for one in self._executions.values() if one.waits]
        for run_id in await self._notices(self._owner, waiting):
            if run_id in self._executions:
                self._look_at(run_id)
