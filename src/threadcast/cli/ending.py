"""Ends a server's process in bounded time, whatever agents left behind.

An agent can ignore its cancellation, or wait in an OS thread that cannot be cancelled. The server
has abandoned both long before, but the interpreter would wait for them for ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import ExitStack

from . import exits

log = logging.getLogger(__name__)

_LEFT_BEHIND_MAX_S = 3.0


def run_to_the_end(
    serving: Coroutine[None, None, None],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None,
) -> None:
    """Run a server on a loop of its own, and close the loop.

    Whatever still runs some seconds after the server has ended is killed with the process.

    Args:
        serving: ends when the server has.
        loop_factory: makes the loop; asyncio's own for None.
    """
    with ExitStack() as ending, asyncio.Runner(loop_factory=loop_factory) as runner:
        status = exits.SOFTWARE
        try:
            runner.run(serving)
            status = exits.OK
        finally:
            timer = threading.Timer(_LEFT_BEHIND_MAX_S, _cut_off, (status,))
            timer.daemon = True
            timer.start()
            ending.callback(timer.cancel)


def _cut_off(status: int) -> None:
    log.error("tasks or threads of agents ignore their end; the process ends without them")
    os._exit(status)
