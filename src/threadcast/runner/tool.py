"""A tool call inside a run, as two events: `tool_executing` and `tool_completed`.

It may not know what the tool does. Texts of exceptions stay inside the server.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from types import TracebackType

import msgspec
from opentelemetry.trace import Span

from ..clock import Clock
from ..errors import ThreadcastError
from ..events import EventType, ToolCompleted, ToolExecuting, encode_json
from ..ids import UnifiedIdGenerator
from ..tracing import Tracing
from .emitter import RunEmitter

__all__ = ["TOOL_NAME_MAX_CHARACTERS", "RunTool"]

TOOL_NAME_MAX_CHARACTERS = 128


class RunTool:
    """Implements `agent.ToolCall` and its context manager.

    Args:
        emitter: takes the events.
        clock: times the call.
        name: the tool's name, 1..128 characters.
        arguments: anything that JSON can carry.
        tracing: is given a span for the call; what is called inside has it as its parent.

    An exception inside the block completes the call with `is_error` and a fixed text (the message
    of a `ThreadcastError` is meant for clients and is kept), and goes on to the agent.
    """

    def __init__(
        self,
        emitter: RunEmitter,
        clock: Clock,
        name: object,
        arguments: object,
        *,
        tracing: Tracing,
    ) -> None:
        self._tracing = tracing
        self._span: AbstractContextManager[Span] | None = None
        self._emitter = emitter
        self._clock = clock
        self._name = name
        self._arguments = arguments
        self._result = b"null"
        self._tool = ""
        self._tool_call_id = ""
        self._began_at = 0.0

    def result(self, value: object) -> None:
        """Set what the tool returned: anything that JSON can carry, up to the event size limit.

        Raises:
            ThreadcastError: `bad_agent_output`.
        """
        self._result = self._emitter.json(value)

    async def __aenter__(self) -> RunTool:
        await self._emitter.admitted()
        self._tool = self._checked_name()
        arguments = msgspec.Raw(self._emitter.json(self._arguments))
        self._tool_call_id = UnifiedIdGenerator.generate_base_id("tool")
        executing = ToolExecuting(self._tool_call_id, self._tool, arguments)
        self._emitter.emit(EventType.TOOL_EXECUTING, executing)
        self._began_at = self._clock.monotonic()
        attributes = {"threadcast.tool": self._tool, "threadcast.tool_call_id": self._tool_call_id}
        self._span = self._tracing.span("tool", attributes)
        self._span.__enter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._complete(error)
        finally:
            if self._span is not None:
                self._span.__exit__(kind, error, traceback)
        if error is None:  # an exception on its way out must not wait
            await self._emitter.admitted()

    def _complete(self, error: BaseException | None) -> None:
        completed = ToolCompleted(
            self._tool_call_id,
            self._tool,
            msgspec.Raw(self._result if error is None else encode_json(_safe_text(error))),
            error is not None,
            round((self._clock.monotonic() - self._began_at) * 1_000),
        )
        self._emitter.emit(EventType.TOOL_COMPLETED, completed)

    def _checked_name(self) -> str:
        name = self._emitter.text(self._name, "tool name")
        if 1 <= len(name) <= TOOL_NAME_MAX_CHARACTERS:
            return name
        expected = f"tool name: expected 1..{TOOL_NAME_MAX_CHARACTERS} characters"
        error = ThreadcastError("bad_agent_output", f"{expected}, got {len(name)}")
        raise self._emitter.noted(error)


def _safe_text(error: BaseException) -> str:
    if isinstance(error, ThreadcastError):
        return error.message
    if isinstance(error, asyncio.CancelledError):
        return "The tool call was cancelled."
    return "The tool failed."
