"""The agents that the benchmarked server runs."""

from __future__ import annotations

import asyncio

from threadcast.agent import Run, agent


async def _stream(run: Run) -> None:
    """Stream deltas at a steady rate; the message is `<deltas per second> <count>`."""
    per_second, count = run.message.split()
    loop = asyncio.get_running_loop()
    step_s = 1.0 / float(per_second)
    due = loop.time()
    for number in range(int(count)):
        due += step_s
        await asyncio.sleep(max(0.0, due - loop.time()))
        await run.delta(f"token-{number:06d} ")


@agent("stream", on_crash="fail", timeout_s=600.0)
async def stream(run: Run) -> None:
    """Stream, without a second attempt."""
    await _stream(run)


@agent("retried", timeout_s=600.0)
async def retried(run: Run) -> None:
    """Stream, with a new attempt when the node is lost."""
    await _stream(run)
