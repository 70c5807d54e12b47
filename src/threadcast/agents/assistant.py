"""The assistant: a real model behind an OpenAI-compatible endpoint, with real tools.

It gives the model the thread's history and three tools, streams the reply, and ends with the
model's answer or with `model_error`. It emits only through its `Run`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam

from ..agent import Agent, Run
from ..clock import Clock, SystemClock
from ..errors import ThreadcastError
from ..runner.output import checked_json
from .assistant_settings import AssistantSettings
from .model_endpoint import ModelEndpoint, ModelSession, Sleep
from .model_reply import ModelCall, ModelReply, Piece, ThinkingBuffer
from .tools import Tool, ToolError, default_tools, use_tool

__all__ = ["assistant_agent"]

log = logging.getLogger(__name__)

THINKING_MAX_CHARACTERS = 4_096
ARGUMENTS_MAX_BYTES = 131_072
TOOL_RESULT_MAX_CHARACTERS = 16_384
_ARGUMENTS_SHOWN_MAX_CHARACTERS = 500

Conversation = list[ChatCompletionMessageParam]


def assistant_agent(
    settings: AssistantSettings,
    *,
    tools: Mapping[str, Tool] | None = None,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Agent:
    """Make the agent `assistant`.

    Args:
        settings: the endpoint, the model and the bounds.
        tools: what the model may use, by name; the three of `default_tools` when not given.
        clock: the time that its tools tell; the machine's when not given.
        sleep: waits for some seconds, between attempts.
    """
    clock = clock or SystemClock()
    endpoint = ModelEndpoint(settings, clock, sleep)
    offered = default_tools(clock) if tools is None else tools
    return Agent("assistant", _Assistant(settings, endpoint, offered).answer)


class _Assistant:
    """Answers runs; keeps no state of any of them."""

    def __init__(
        self, settings: AssistantSettings, endpoint: ModelEndpoint, tools: Mapping[str, Tool]
    ) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._tools = tools
        self._offered = [_offer(tool) for tool in tools.values()]

    async def answer(self, run: Run) -> None:
        """Answer the run's message."""
        conversation = await _conversation(run, self._settings)
        earlier = len(conversation) - 2
        await run.thinking(f"Asking {self._settings.model}; it reads {earlier} earlier messages.")
        screen = _Screen(run)
        async with self._endpoint.session() as session:
            reply = await self._last_reply(run, session, conversation, screen)
        await screen.close(reply)

    async def _last_reply(
        self, run: Run, session: ModelSession, conversation: Conversation, screen: _Screen
    ) -> ModelReply:
        usage: Counter[str] = Counter()
        for rounds_left in range(self._settings.rounds_max, -1, -1):
            reply = await session.reply(
                conversation, self._offered, screen, may_use_tools=rounds_left > 0
            )
            await screen.end_reply()
            usage.update(reply.usage)
            if usage:
                run.usage({"model": self._settings.model, **usage})
            if not reply.calls:
                return reply
            conversation.append(_as_message(reply))
            for call in reply.calls:
                conversation.append(await self._called(run, call))
        log.warning("the model used tools %d times and wants more", self._settings.rounds_max)
        raise ThreadcastError("model_error", "The model found no answer.")

    async def _called(self, run: Run, call: ModelCall) -> ChatCompletionMessageParam:
        arguments = _arguments(call)
        if arguments is None:
            shown = {"text": call.arguments[:_ARGUMENTS_SHOWN_MAX_CHARACTERS]}
            tool = _unusable(call.name, "the arguments are not a usable JSON object")
        elif call.name not in self._tools:
            known = ", ".join(self._tools) or "none"
            shown, tool = arguments, _unusable(call.name, f"no such tool; known: {known}")
        else:
            shown, tool = arguments, self._tools[call.name]
        try:
            result = await use_tool(run, tool, shown)
        except ToolError as error:
            result = {"error": error.message}
        content = msgspec.json.encode(result).decode()[:TOOL_RESULT_MAX_CHARACTERS]
        return {"role": "tool", "tool_call_id": call.id, "content": content}


class _Screen:
    """Emits one run's replies: text as deltas, reasoning as thinking, in order of arrival."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._thinking = ThinkingBuffer()
        self._has_text = False
        self._is_new_reply = False

    async def show(self, piece: Piece) -> None:
        """Show the next piece of a reply."""
        if piece.thinking and (ready := self._thinking.add(piece.thinking)):
            await self._think(ready)
        if piece.text:
            await self._flush()
            if self._is_new_reply and self._has_text:
                await self._run.delta("\n\n")
            self._has_text, self._is_new_reply = True, False
            await self._run.delta(piece.text)

    async def wait(self, reason: str, wait_s: float) -> None:
        """Say why there is no reply yet."""
        await self._flush()
        await self._run.thinking(f"{reason} Trying again in {wait_s:.1f} s.")

    async def end_reply(self) -> None:
        """Emit what was buffered; the next piece belongs to another reply."""
        await self._flush()
        self._is_new_reply = True

    async def close(self, reply: ModelReply) -> None:
        """Complain about an incomplete last reply.

        Raises:
            ThreadcastError: `model_error`: there was no text at all.
        """
        if not self._has_text:
            reason = (reply.finish_reason or "none")[:40]
            log.warning("the model gave no text: it ended by %r", reason)
            raise ThreadcastError("model_error", "The model gave no answer.")
        if note := _ENDINGS.get(reply.finish_reason or ""):
            await self._run.delta(f"\n\n*{note}*")

    async def _flush(self) -> None:
        if ready := self._thinking.flush():
            await self._think(ready)

    async def _think(self, text: str) -> None:
        for start in range(0, len(text), THINKING_MAX_CHARACTERS):
            await self._run.thinking(text[start : start + THINKING_MAX_CHARACTERS])


_ENDINGS = {
    "length": "The answer ends here because the model reached its limit of length.",
    "content_filter": "The answer ends here because the model's content filter stopped it.",
}


# --- the model's input ----------------------------------------------------------------------


async def _conversation(run: Run, settings: AssistantSettings) -> Conversation:
    """The instructions, the latest history within the bounds, and the message."""
    earlier: Conversation = []
    room = settings.history_max_characters
    limit = settings.history_max_messages
    history = await run.history(limit) if limit else ()
    for message in reversed(history):
        room -= len(message.content)
        if room < 0:
            break
        if message.content and message.role == "user":
            earlier.append({"role": "user", "content": message.content})
        elif message.content:
            earlier.append({"role": "assistant", "content": message.content})
    return [
        {"role": "system", "content": settings.instructions},
        *reversed(earlier),
        {"role": "user", "content": run.message},
    ]


def _offer(tool: Tool) -> ChatCompletionFunctionToolParam:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        },
    }


def _as_message(reply: ModelReply) -> ChatCompletionMessageParam:
    return {
        "role": "assistant",
        "content": reply.text or None,
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    # Some endpoints refuse a conversation in which these are not JSON.
                    "arguments": "{}" if _arguments(call) is None else call.arguments or "{}",
                },
            }
            for call in reply.calls
        ],
    }


def _arguments(call: ModelCall) -> dict[str, Any] | None:
    """The arguments of a call, or None if they are not a JSON object that events can carry."""
    try:
        value = msgspec.json.decode(call.arguments.strip() or "{}")
        checked_json(value, max_bytes=ARGUMENTS_MAX_BYTES)
    except (ValueError, RecursionError, ThreadcastError):
        return None
    return value if isinstance(value, dict) else None


def _unusable(name: str, problem: str) -> Tool:
    """A tool that only reports the problem, so that a bad call is announced like any other."""

    async def refuse(_run: Run, _arguments: Mapping[str, Any]) -> Any:
        raise ToolError(problem)

    return Tool(name or "unnamed", "", {}, refuse)
