"""Waiting for a condition without a signal of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_TIMES = 5_000


async def until(is_true: Callable[[], bool]) -> None:
    """Let the loop turn until then, for a few seconds at most."""
    for _ in range(_TIMES):
        if is_true():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the condition did not become true")
