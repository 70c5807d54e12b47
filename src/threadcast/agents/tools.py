"""The tools that the agents here can use: `calculate`, `current_time`, `search_history`.

A tool is a name, a JSON schema of its arguments and a function of the run. Every use is announced
on the run, failures included. It may not know which agent uses it, or any model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..agent import Run
from ..clock import Clock
from ..errors import ThreadcastError
from .arithmetic_text import CalculationError
from .calculator import EXPRESSION_MAX_CHARACTERS, calculate, format_number
from .zones import ZoneNames

__all__ = ["Tool", "ToolError", "default_tools", "use_tool"]

SEARCH_TEXT_MAX_CHARACTERS = 200
SEARCH_LIMIT_MAX = 20
SEARCH_LIMIT = 5
EXCERPT_MAX_CHARACTERS = 300

Arguments = Mapping[str, Any]


class ToolError(ThreadcastError):
    """A tool failed; the message is for the user and the model.

    A run whose agent does not catch it fails as `agent_error`.
    """

    def __init__(self, message: str) -> None:
        super().__init__("agent_error", message)


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that an agent can do.

    Attributes:
        name: lower-case letters, digits and `_`.
        description: one or two sentences by which a model chooses.
        parameters: a JSON schema of the arguments, an object.
        function: does the work; raises `ToolError` for unusable arguments. Its result must be
            JSON-serialisable.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    function: Callable[[Run, Arguments], Awaitable[Any]]


async def use_tool(run: Run, tool: Tool, arguments: Arguments) -> Any:
    """Use a tool and announce it on the run.

    Returns:
        What the tool returned.

    Raises:
        ToolError: the tool failed, which was announced.
    """
    async with run.tool(tool.name, dict(arguments)) as call:
        value = await tool.function(run, arguments)
        call.result(value)
        return value
    raise ToolError(f"{tool.name} could not do it")  # if the run swallowed the exception


def default_tools(clock: Clock, zones: ZoneNames | None = None) -> dict[str, Tool]:
    """The three tools, by name.

    Args:
        clock: gives the time for `current_time`.
        zones: the known time zones; the machine's when not given.
    """
    names = zones or ZoneNames()

    async def current_time(_run: Run, arguments: Arguments) -> dict[str, str]:
        wanted = _text(arguments, "zone", "UTC", max_characters=64)
        await asyncio.to_thread(names.load)
        return _time_in(names, wanted, clock.now())

    tools = (
        Tool("calculate", _CALCULATE, _CALCULATE_PARAMETERS, _calculate),
        Tool("current_time", _CURRENT_TIME, _CURRENT_TIME_PARAMETERS, current_time),
        Tool("search_history", _SEARCH_HISTORY, _SEARCH_HISTORY_PARAMETERS, _search_history),
    )
    return {tool.name: tool for tool in tools}


# --- functions --------------------------------------------------------------------


async def _calculate(_run: Run, arguments: Arguments) -> dict[str, str]:
    expression = _text(arguments, "expression", None, max_characters=EXPRESSION_MAX_CHARACTERS)
    try:
        value = calculate(expression)
    except CalculationError as error:
        raise ToolError(str(error)) from error
    # As text, so that integers of any size reach every client exactly.
    return {"expression": expression, "value": format_number(value)}


async def _search_history(run: Run, arguments: Arguments) -> dict[str, Any]:
    text = _text(arguments, "text", None, max_characters=SEARCH_TEXT_MAX_CHARACTERS)
    limit = arguments.get("limit", SEARCH_LIMIT)
    if type(limit) is not int or not 1 <= limit <= SEARCH_LIMIT_MAX:
        raise ToolError(f"limit: expected a whole number from 1 to {SEARCH_LIMIT_MAX}")
    hits = await run.search(text, limit + 1)
    # Excludes the message being answered, which contains the words itself.
    own = (run.context.thread_id, run.message)
    found = [
        {
            "thread_id": hit.thread_id,
            "content": _excerpt(hit.content),
            "time": datetime.fromtimestamp(hit.timestamp, UTC).isoformat(timespec="seconds"),
        }
        for hit in hits
        if (hit.thread_id, hit.content) != own
    ]
    return {"text": text, "found": found[:limit]}


def _time_in(names: ZoneNames, wanted: str, now: float) -> dict[str, str]:
    name = names.named(wanted)
    if name is None:
        raise ToolError(f"zone: {wanted!r} is no IANA time zone; expected one like 'Europe/Paris'")
    moment = datetime.fromtimestamp(now, _zone(name))
    return {
        "zone": name,
        "time": moment.isoformat(timespec="seconds"),
        "weekday": moment.strftime("%A"),
    }


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ToolError(f"zone: the data of {name!r} cannot be read on this server") from error


def _text(arguments: Arguments, key: str, default: str | None, *, max_characters: int) -> str:
    value = arguments.get(key, default)
    if not isinstance(value, str) or not value.strip():
        raise ToolError(f"{key}: expected a text of 1 to {max_characters} characters")
    if len(value) > max_characters:
        raise ToolError(f"{key}: expected at most {max_characters} characters, got {len(value)}")
    return value


def _excerpt(content: str) -> str:
    if len(content) <= EXCERPT_MAX_CHARACTERS:
        return content
    return content[: EXCERPT_MAX_CHARACTERS - 1] + "…"


# --- descriptions for models --------------------------------------------------------------

_CALCULATE = (
    "Evaluate one arithmetic expression exactly. Use it for every calculation. It knows + - * / "
    "// % **, parentheses, sqrt, sin, cos, tan (radians), log (base 10), ln, exp, abs, round, "
    "min, max, floor, ceil, factorial, pi, e, tau, and '15% of 240'."
)
_CALCULATE_PARAMETERS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "expression": {
            "type": "string",
            "description": "The expression, for example '2 * (3 + 4)'.",
            "maxLength": EXPRESSION_MAX_CHARACTERS,
        }
    },
    "required": ["expression"],
    "additionalProperties": False,
}

_CURRENT_TIME = "Tell the current date and time in one time zone."
_CURRENT_TIME_PARAMETERS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "zone": {
            "type": "string",
            "description": "An IANA time zone such as 'Europe/Paris'; 'UTC' when left out.",
            "maxLength": 64,
        }
    },
    "additionalProperties": False,
}

_SEARCH_HISTORY = (
    "Search the user's own earlier messages, in all of their conversations. Finds messages that "
    "hold all of the given words literally, latest first."
)
_SEARCH_HISTORY_PARAMETERS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "text": {
            "type": "string",
            "description": "One or a few words to look for.",
            "maxLength": SEARCH_TEXT_MAX_CHARACTERS,
        },
        "limit": {"type": "integer", "minimum": 1, "maximum": SEARCH_LIMIT_MAX},
    },
    "required": ["text"],
    "additionalProperties": False,
}
