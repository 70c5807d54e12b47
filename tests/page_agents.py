"""Agents for tests of the page: one that repeats, one that asks, and a quick demonstration."""

from __future__ import annotations

import json
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
