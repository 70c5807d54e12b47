"""Agents for tests of the page: one that repeats what it is told, and a quick demonstration."""

from __future__ import annotations

from threadcast.agent import Agent, Run
from threadcast.agents.demo import demo_agent

PIECE_CHARACTERS = 7


async def _mirror(run: Run) -> None:
    text = run.message
    for start in range(0, len(text), PIECE_CHARACTERS):
        await run.delta(text[start : start + PIECE_CHARACTERS])


mirror = Agent("mirror", _mirror)
quick = demo_agent(pace_s=0.01)
