"""Waiting for what nobody announces: a counter, a state that is looked at from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from patience import WAIT_S


async def until(is_true: Callable[[], object]) -> None:
    """Look at it again and again, while the loop turns, until it is true."""
    async with asyncio.timeout(WAIT_S):
        while not is_true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)
