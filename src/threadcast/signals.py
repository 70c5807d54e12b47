"""Waiting for a signal, but not for ever."""

from __future__ import annotations

import asyncio

__all__ = ["set_within"]


async def set_within(signal: asyncio.Event, bound_s: float) -> bool:
    """Wait until `signal` is set, at most `bound_s` seconds; whether it is."""
    try:
        async with asyncio.timeout(bound_s):
            await signal.wait()
    except TimeoutError:
        return False
    return True
