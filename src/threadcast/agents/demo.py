"""The demonstration agent, without a model or network.

It picks tools by the words of the message, and streams their results. A fresh server answers with
it, so it is there to try reloads, kills and questions on. It emits only through its `Run`.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..agent import Agent, Run
from ..clock import Clock, SystemClock
from .demo_reading import COUNT_MAX, READ_MAX_CHARACTERS, Question, Reading, read_message
from .tools import Tool, ToolError, default_tools, use_tool
from .zones import ZoneNames

__all__ = ["DEMO_NAME", "demo_agent"]

DEMO_NAME = "demo"
ANSWER_TIMEOUT_S = 300.0
LONG_LINES = 200
PACE_MAX_S = 10.0
_QUOTE_MAX_CHARACTERS = 160


def demo_agent(pace_s: float = 0.025, *, clock: Clock | None = None) -> Agent:
    """Make the agent `demo`.

    Args:
        pace_s: the pause after each streamed word, in seconds, 0..10.
        clock: whose time it tells; the machine's when not given.

    Raises:
        ValueError: the pace is out of bounds.
    """
    if not 0 <= pace_s <= PACE_MAX_S:
        raise ValueError(f"pace_s: expected 0 to {PACE_MAX_S:g} seconds, got {pace_s!r}")
    return Agent(DEMO_NAME, _Demo(pace_s, clock or SystemClock()).answer)


class _Demo:
    """Answers runs; keeps no state of any of them."""

    def __init__(self, pace_s: float, clock: Clock) -> None:
        self._pace_s = pace_s
        self._zones = ZoneNames()
        self._tools = default_tools(clock, self._zones)

    async def answer(self, run: Run) -> None:
        """Answer the run's message."""
        if run.attempt > 1:
            await run.thinking(f"An earlier attempt was lost; attempt {run.attempt} starts again.")
        reading = read_message(run.message)
        await run.thinking(_plan(reading))
        findings = [finding async for finding in self._findings(run, reading)]
        if reading.question is not None:
            findings.append(await _asked(run, reading.question))
        is_first = not await run.history(limit=1)
        for piece in _paragraphs(reading, findings, is_first=is_first):
            await self._stream(run, piece)

    async def _findings(self, run: Run, reading: Reading) -> AsyncIterator[str]:
        """The results of the tools that fit the message."""
        if reading.expression is not None:
            yield await self._finding(run, "calculate", {"expression": reading.expression})
        if reading.count_to is not None:
            yield await self._calculation(
                run, f"{reading.count_to} * {reading.count_to + 1} / 2", "the sum of all I count"
            )
        elif reading.wants_long:
            product = " * ".join(map(str, _factors(LONG_LINES)))
            yield await self._calculation(run, product, "so the last line below is right")
        if reading.wants_time:
            await asyncio.to_thread(self._zones.load)
            zone = self._zones.mentioned(run.message[:READ_MAX_CHARACTERS])
            if zone is None and reading.place is not None:
                yield f"- I do not know a place {_code(reading.place)}, so here is the time of UTC."
            yield await self._finding(run, "current_time", {"zone": zone or "UTC"})
        if reading.search_text is not None:
            yield await self._finding(run, "search_history", {"text": reading.search_text})

    async def _calculation(self, run: Run, expression: str, remark: str) -> str:
        return f"{await self._finding(run, 'calculate', {'expression': expression})}, {remark}"

    async def _finding(self, run: Run, name: str, arguments: Mapping[str, Any]) -> str:
        tool: Tool = self._tools[name]
        try:
            result = await use_tool(run, tool, arguments)
        except ToolError as error:
            given = _code(str(next(iter(arguments.values()))))
            return f"- `{name}` could not work with {given}: {error.message}."
        return _SENTENCES[name](result)

    async def _stream(self, run: Run, text: str) -> None:
        for piece in re.findall(r"\s*\S+\s*", text):
            await run.delta(piece)
            await asyncio.sleep(self._pace_s)


# --- texts ------------------------------------------------------------------------------

_INTRODUCTION = (
    "I am the **demonstration agent**: no language model is connected, so I only do what can be "
    "worked out from your words."
)
_LOST = "I found nothing in your words that I can work out."
_SUGGESTIONS = (
    "Things to try: `15% of 240`, `what time is it in Tokyo?`, `search for tokyo`, "
    "`ask me for a number`, `count to 100`, or `a long answer` (then reload the page while it "
    "streams)."
)
_A_MODEL = "Whoever runs this server connects a model by `OPENAI_API_KEY` or `OPENAI_BASE_URL`."


def _paragraphs(reading: Reading, findings: Sequence[str], *, is_first: bool) -> Iterator[str]:
    """The answer in pieces; introduces itself once, and when it did not understand."""
    said = [_INTRODUCTION] if is_first else []
    if findings:
        said.append("\n".join(findings))
    elif not is_first:
        said.append(_LOST)
    yield "\n\n".join(said)
    yield from _long_part(reading)
    if is_first or not reading.is_understood:
        yield f"\n\n{_SUGGESTIONS}"
    if is_first:
        yield f"\n\n{_A_MODEL}"


def _plan(reading: Reading) -> str:
    steps = []
    if reading.expression is not None:
        steps.append("there is something to calculate")
    if reading.wants_time:
        steps.append("it speaks of the time or date")
    if reading.search_text is not None:
        steps.append(f"I look in earlier messages for “{reading.search_text}”")
    if reading.count_to is not None:
        steps.append(f"I am to count to {reading.count_to}, and can tell the sum beforehand")
    elif reading.wants_long:
        steps.append("it wants something long, which I check beforehand")
    if reading.question is not None:
        steps.append("it wants to be asked something")
    if not steps:
        steps.append("nothing that one of my tools fits")
    noun = "word" if reading.words == 1 else "words"
    return f"I read {reading.words} {noun}: {'; '.join(steps)}."


async def _asked(run: Run, question: Question) -> str:
    try:
        value = await run.ask(question.prompt, dict(question.schema), timeout_s=ANSWER_TIMEOUT_S)
    except TimeoutError:
        return f"- I asked you, and nobody answered within {ANSWER_TIMEOUT_S:g} seconds."
    if isinstance(value, bool):
        return f"- I asked you, and you answered **{'yes' if value else 'no'}**."
    return f"- I asked you, and you answered {_code(str(value))}."


def _calculated(result: Mapping[str, str]) -> str:
    return f"- Calculated {_code(result['expression'])} = **{result['value']}**"


def _told_time(result: Mapping[str, str]) -> str:
    moment = datetime.fromisoformat(result["time"])
    day = f"{result['weekday']} {moment.day} {moment:%B %Y}"
    return f"- In **{result['zone']}** it is **{moment:%H:%M}** on {day} (UTC{result['time'][-6:]})"


def _searched(result: Mapping[str, Any]) -> str:
    sought, found = _code(result["text"]), result["found"]
    if not found:
        return f"- Looked for {sought} in your earlier messages: nothing yet."
    noun = "message" if len(found) == 1 else "messages"
    lines = [f"- Looked for {sought} and found {len(found)} earlier {noun}:"]
    lines += [f"  - {hit['time'][:10]}: {_code(hit['content'])}" for hit in found]
    return "\n".join(lines)


_SENTENCES = {
    "calculate": _calculated,
    "current_time": _told_time,
    "search_history": _searched,
}


def _code(text: str) -> str:
    """The text as a code span: on one line, bounded, and unable to end the span."""
    flat = " ".join(text.replace("`", "'").split()) or " "
    if len(flat) > _QUOTE_MAX_CHARACTERS:
        flat = flat[: _QUOTE_MAX_CHARACTERS - 1] + "…"
    return f"`{flat}`"


# --- long answers, to try reloads and kills on --------------------------------------


def _long_part(reading: Reading) -> Iterator[str]:
    if reading.count_to is not None:
        if reading.count_to == COUNT_MAX:
            yield f"\n\nI count to {COUNT_MAX:,} at most."
        numbers = range(1, reading.count_to + 1)
        yield "\n\n" + " ".join(map(str, numbers)) + "."
    elif reading.wants_long:
        yield f"\n\nHere is something long: the numbers up to {LONG_LINES}, taken apart.\n"
        yield from (f"\n- {_taken_apart(number)}" for number in range(2, LONG_LINES + 1))


def _taken_apart(number: int) -> str:
    factors = _factors(number)
    if len(factors) == 1:
        return f"**{number}** is prime"
    return f"**{number}** = " + " × ".join(str(factor) for factor in factors)


def _factors(number: int) -> list[int]:
    factors, rest = [], number
    for divisor in range(2, math.isqrt(number) + 1):
        while rest % divisor == 0:
            factors.append(divisor)
            rest //= divisor
    if rest > 1:
        factors.append(rest)
    return factors
