"""The `Run` that an agent is given: what it may read of its user, and what it may emit.

Everything is scoped by the run's context: there is no way to name another user. The handle is thin:
it delegates emitting to `RunEmitter` and asking to `RunInputs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from ..agent import Message, SearchHit
from ..clock import Clock
from ..context import UserExecutionContext
from ..store.units import ClaimedRun
from ..tracing import Tracing
from .emitter import RunEmitter
from .inputs import RunInputs
from .outbox import RunOutbox
from .patient_reads import PatientReads
from .tool import RunTool

__all__ = ["HISTORY_MAX_MESSAGES", "SEARCH_MAX_HITS", "RunHandle"]

HISTORY_MAX_MESSAGES = 1_000
SEARCH_MAX_HITS = 100


class RunHandle:
    """One attempt as its agent sees it; implements `agent.Run`.

    Args:
        claimed: the run.
        context: its context.
        reads: of the user's own data.
        clock: times tool calls.
        outbox: stores checkpoints.
        emitter: takes the output.
        inputs: asks the user.
        tracing: is given a span for each tool call.

    Every method that emits raises `ThreadcastError` `bad_agent_output` for unusable output (the run
    then fails, even if the agent goes on) and `asyncio.CancelledError` when the run is lost or was
    stopped.
    """

    def __init__(
        self,
        claimed: ClaimedRun,
        context: UserExecutionContext,
        *,
        reads: PatientReads,
        clock: Clock,
        outbox: RunOutbox,
        emitter: RunEmitter,
        inputs: RunInputs,
        tracing: Tracing | None = None,
    ) -> None:
        self._claimed = claimed
        self._context = context
        self._reads = reads
        self._clock = clock
        self._outbox = outbox
        self._emitter = emitter
        self._inputs = inputs
        self._tracing = tracing or Tracing()
        self._state = claimed.state
        self._usage: bytes | None = None

    @property
    def context(self) -> UserExecutionContext:
        """Who, which thread, which run."""
        return self._context

    @property
    def message(self) -> str:
        """The text that started this run."""
        return self._claimed.message

    @property
    def attempt(self) -> int:
        """1, or more after a take-over."""
        return self._claimed.attempt

    @property
    def state(self) -> Any:
        """The last value that any attempt gave to `save`, as a fresh copy, or None."""
        return None if self._state is None else msgspec.json.decode(self._state)

    @property
    def reported_usage(self) -> msgspec.Raw | None:
        """The value of the last `usage` call, as JSON."""
        return None if self._usage is None else msgspec.Raw(self._usage)

    async def history(self, limit: int = 100) -> Sequence[Message]:
        """The thread's messages before this one, oldest first.

        Args:
            limit: 1..`HISTORY_MAX_MESSAGES`.

        Raises:
            ValueError: the limit is out of bounds.
            ThreadcastError: the store could not be read for as long as it is waited for.
        """
        _check_limit(limit, HISTORY_MAX_MESSAGES)
        rows = await self._reads.read(
            lambda session: session.messages.list(
                self._context.thread_id, limit=limit, before=self._claimed.message_seq
            )
        )
        return [row.message for row in rows]

    async def search(self, text: str, limit: int = 10) -> Sequence[SearchHit]:
        """The user's own earlier messages that match `text` literally, latest first.

        Args:
            text: the words to look for.
            limit: 1..`SEARCH_MAX_HITS`.

        Raises:
            ValueError: the limit is out of bounds.
            ThreadcastError: the store could not be read for as long as it is waited for.
        """
        _check_limit(limit, SEARCH_MAX_HITS)
        return await self._reads.read(lambda session: session.messages.search(text, limit=limit))

    async def thinking(self, text: str) -> None:
        """Say what the agent is thinking; long text is split, an empty one is ignored."""
        await self._emitter.thinking(text)

    async def delta(self, text: str) -> None:
        """Stream the next piece of the answer; long text is split, an empty one is ignored."""
        await self._emitter.delta(text)

    def tool(self, name: str, arguments: Any) -> AbstractAsyncContextManager[RunTool]:
        """Announce a tool call on entering the block and its end on leaving it; see `RunTool`."""
        return RunTool(self._emitter, self._clock, name, arguments, tracing=self._tracing)

    async def ask(self, prompt: str, schema: Any = None, *, timeout_s: float = 3600.0) -> Any:
        """Wait for a person's answer and return it; see `RunInputs.ask`.

        The attempt's time limit is paused meanwhile.

        Raises:
            TimeoutError: nobody answered within `timeout_s` seconds.
            ValueError: `timeout_s` is out of bounds.
        """
        await self._emitter.admitted()
        return await self._inputs.ask(prompt, schema, timeout_s=timeout_s)

    async def save(self, state: Any) -> None:
        """Commit a checkpoint that a later attempt reads as `state`; returns when it is stored."""
        await self._emitter.admitted()
        data = self._emitter.json(state)
        self._outbox.save_state(data)
        await self._outbox.stored()
        self._state = data

    def usage(self, usage: Any) -> None:
        """Set the token use that `agent_completed` reports; does not wait."""
        self._usage = self._emitter.json(usage)


def _check_limit(limit: int, limit_max: int) -> None:
    if type(limit) is not int or not 1 <= limit <= limit_max:
        raise ValueError(f"limit: expected an integer in 1..{limit_max}, got {limit!r}")
