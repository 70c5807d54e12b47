"""Agents that write down what they are about to emit, before they emit it.

Each server process has a file of its own in its working directory. A delta names the execution that
emitted it, so that all deltas of a history differ.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from threadcast.agent import Run, agent
from threadcast.ids import UnifiedIdGenerator
from threadcast.testing.history import Begun, Emitted, Record, encode_record

EMISSIONS = "emissions-{}.jsonl"
QUESTION_MAX_S = 20.0


class _Execution:
    """One execution of an agent, and its lines in the file."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._writer = UnifiedIdGenerator.generate_base_id("writer")
        self._count = 0
        user, run_id = run.context.user_id, run.context.run_id
        _note(Begun(user, run_id, run.attempt, self._writer))

    async def piece(self) -> None:
        """Log the next delta, then emit it."""
        text = f"{self._writer}.{self._count} "
        self._count += 1
        context = self._run.context
        _note(Emitted(context.user_id, context.run_id, self._writer, text))
        await self._run.delta(text)


def _note(record: Record) -> None:
    """Append with one `write` per line, which survives the death of the process."""
    path = Path(EMISSIONS.format(os.getpid()))
    with path.open("ab", buffering=0) as file:
        file.write(encode_record(record))


async def _stream(run: Run) -> None:
    pieces, pause_ms = map(int, run.message.split())
    execution = _Execution(run)
    await run.thinking("how many?")
    async with run.tool("count", {"to": pieces}) as call:
        call.result(pieces)
    for _ in range(pieces):
        await execution.piece()
        await asyncio.sleep(pause_ms / 1000)


@agent("stream")
async def stream(run: Run) -> None:
    """Think, use a tool, and stream `<pieces> <pause in ms>`."""
    await _stream(run)


@agent("fragile", on_crash="fail")
async def fragile(run: Run) -> None:
    """The same, without further attempts."""
    await _stream(run)


@agent("question")
async def question(run: Run) -> None:
    """Stream a piece, ask, and stream as many pieces more as the message says."""
    execution = _Execution(run)
    await execution.piece()
    try:
        await run.ask("which one?", timeout_s=QUESTION_MAX_S)
    except TimeoutError:
        return
    for _ in range(int(run.message)):
        await execution.piece()
