"""The agents of the servers that are killed, stopped and stalled in tests."""

from __future__ import annotations

import asyncio
import contextlib
import time

from threadcast.agent import Run, agent


@agent("quick")
async def quick(run: Run) -> str:
    """Answer at once with a few deltas."""
    await run.thinking("hm")
    for piece in ("heard ", run.message):
        await run.delta(piece)
    return f"heard {run.message}"


async def _long(run: Run) -> None:
    for number in range(100_000):
        await run.delta(f"{run.attempt}.{number} ")
        await asyncio.sleep(0.02)
        if run.message == "short" and run.attempt > 1:
            return


@agent("retried")
async def retried(run: Run) -> None:
    """Stream for a long time; a second attempt of a message `short` ends at once."""
    await _long(run)


@agent("failed", on_crash="fail")
async def failed(run: Run) -> None:
    """The same, without further attempts."""
    await _long(run)


@agent("lasting")
async def lasting(run: Run) -> None:
    """Stream for about a second, in each attempt."""
    for number in range(50):
        await run.delta(f"{run.attempt}.{number} ")
        await asyncio.sleep(0.02)


@agent("pour")
async def pour(run: Run) -> None:
    """Stream numbered deltas at a steady rate; the message is `<events per second> <count>`."""
    per_second, count = map(int, run.message.split())
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / per_second - loop.time()))
        await run.delta(f"{number:07d} " + "." * 50)


@agent("asking")
async def asking(run: Run) -> str:
    """Ask a question and wait for the answer."""
    return f"got {await run.ask(run.message)}"


@agent("stubborn")
async def stubborn(run: Run) -> None:
    """Ignore cancellation."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await run.delta("still here ")
            await asyncio.sleep(0.05)


@agent("stuck")
async def stuck(run: Run) -> None:
    """Block for ever in a thread that cannot be cancelled."""
    await run.delta("here ")
    await asyncio.to_thread(time.sleep, 3_600)


@agent("golden")
async def golden(run: Run) -> str:
    """Emit each kind of event once."""
    await run.thinking("hm")
    async with run.tool("look", {"for": run.message}) as call:
        call.result("found")
    for piece in ("heard ", run.message):
        await run.delta(piece)
    return f"heard {run.message}"
