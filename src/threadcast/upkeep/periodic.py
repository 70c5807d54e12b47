"""Work that is done again and again, and whose failures are logged and left for the next time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..errors import ThreadcastError

T = TypeVar("T")

log = logging.getLogger(__name__)


async def each(period_s: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do the work until cancelled, with rests of `period_s` seconds; it must not raise."""
    while True:
        await work()
        await asyncio.sleep(period_s)


async def try_to(what: str, work: Awaitable[T]) -> T | None:
    """The result of this work, or None if it failed; the log then says that we could not `what`."""
    try:
        return await work
    except ThreadcastError as error:
        log.warning("could not %s: %s", what, error)
        return None
