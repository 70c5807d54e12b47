"""Agents for tests of the page: they repeat, ask, write at length, or are a quick demonstration."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from threadcast.agent import Agent, Run
from threadcast.agents.demo import demo_agent

PIECE_CHARACTERS = 7


async def _mirror(run: Run) -> None:
    text = run.message
    for start in range(0, len(text), PIECE_CHARACTERS):
        await run.delta(text[start : start + PIECE_CHARACTERS])


mirror = Agent("mirror", _mirror)
quick = demo_agent(pace_s=0.01)

ORDER = {
    "type": "object",
    "description": "The parcel leaves today.",
    "required": ["name", "count", "extras"],
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
        "extras": {"type": "array", "items": {"enum": ["card", "gift wrap"]}},
        "country": {"enum": ["Japan", "Kenya"]},
        "isFast": {"type": "boolean", "title": "Send it fast"},
        "address": {
            "type": "object",
            "properties": {"zip": {"type": "string", "pattern": "^\\d{4}$"}},
        },
    },
}
SCHEMAS: dict[str, Any] = {
    "order": ORDER,
    "size": {"enum": ["small", "large"]},
    "anything": {"type": ["object", "array"]},
}


async def _form(run: Run) -> str:
    value = await run.ask("What shall it be?", SCHEMAS[run.message])
    return f"`{json.dumps(value, sort_keys=True)}`"


form = Agent("form", _form)

PROSE = (Path(__file__).parent / "page_prose.md").read_text()
PROSE_S = 20


async def _prose(run: Run) -> None:
    """Stream Markdown for 20 s; the message is `<deltas per second> <characters>`."""
    per_second, characters = map(int, run.message.split())
    text = (PROSE * (characters // len(PROSE) + 1))[:characters]
    size = max(1, characters // (PROSE_S * per_second))
    loop = asyncio.get_running_loop()
    due = loop.time()
    for start in range(0, len(text), size):
        due += 1.0 / per_second
        await asyncio.sleep(max(0.0, due - loop.time()))
        await run.delta(text[start : start + size])


prose = Agent("prose", _prose)
