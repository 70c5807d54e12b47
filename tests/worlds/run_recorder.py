"""A `Run` without a server: records what an agent emits, and answers from memory.

It keeps the `Run` contract: one order for all emissions, empty deltas ignored, a failing tool
recorded as an error and re-raised, and output that no event can carry refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from threadcast.agent import Message, SearchHit
from threadcast.context import UserExecutionContext
from threadcast.errors import ThreadcastError
from threadcast.runner.output import checked_json

EVENT_MAX_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Emission:
    """One emission of the agent, with its kind from the event vocabulary."""

    kind: str
    data: Any


@dataclass(slots=True)
class RecordedCall:
    """A tool call in progress."""

    value: Any = None

    def result(self, value: Any) -> None:
        """Set the tool's result."""
        self.value = value


@dataclass
class RunRecorder:
    """A `Run` in memory.

    Attributes:
        message: the text that started the run.
        earlier: the thread's messages before it, oldest first.
        hits: the user's earlier messages, for `search`.
        answers: to each `ask`, in order; without a further one, nobody answers.
    """

    message: str
    earlier: Sequence[Message] = ()
    hits: Sequence[SearchHit] = ()
    answers: list[Any] = field(default_factory=list)
    attempt: int = 1
    state: Any = None
    emissions: list[Emission] = field(default_factory=list)
    usage_reported: Any = None

    def __post_init__(self) -> None:
        self.context = UserExecutionContext.create("u-17", "chat")

    async def history(self, limit: int = 100) -> Sequence[Message]:
        """The newest `limit` messages, oldest first."""
        return list(self.earlier)[-limit:]

    async def search(self, text: str, limit: int = 10) -> Sequence[SearchHit]:
        """The messages that contain all words of `text`."""
        words = text.casefold().split()
        matching = [
            hit for hit in self.hits if all(word in hit.content.casefold() for word in words)
        ]
        return matching[:limit]

    async def thinking(self, text: str) -> None:
        """Record it."""
        self._emit("agent_thinking", text)

    async def delta(self, text: str) -> None:
        """Record it, unless it is empty."""
        if text:
            self._emit("agent_delta", text)

    def tool(self, name: str, arguments: Any) -> AbstractAsyncContextManager[RecordedCall]:
        """Record the call and its result."""
        return self._tool(name, arguments)

    @asynccontextmanager
    async def _tool(self, name: str, arguments: Any) -> AsyncIterator[RecordedCall]:
        call, is_error = RecordedCall(), True
        self._emit("tool_executing", {"tool": name, "arguments": arguments})
        try:
            yield call
            is_error = False
        except ThreadcastError as error:
            call.value = error.message
            raise
        finally:
            ended = {"tool": name, "result": call.value, "is_error": is_error}
            self._emit("tool_completed", ended)

    async def ask(self, prompt: str, schema: Any = None, *, timeout_s: float = 3600.0) -> Any:
        """Answer from the script."""
        self._emit("input_requested", {"prompt": prompt, "schema": schema, "timeout_s": timeout_s})
        if not self.answers:
            raise TimeoutError
        value = self.answers.pop(0)
        self._emit("input_received", value)
        return value

    async def save(self, state: Any) -> None:
        """Record it."""
        self.state = state

    def usage(self, usage: Any) -> None:
        """Record it."""
        self.usage_reported = usage

    def _emit(self, kind: str, data: Any) -> None:
        checked_json(data, max_bytes=EVENT_MAX_BYTES)
        self.emissions.append(Emission(kind, data))

    def of(self, kind: str) -> list[Any]:
        """The data of all emissions of a kind."""
        return [emission.data for emission in self.emissions if emission.kind == kind]

    @property
    def kinds(self) -> list[str]:
        """The kinds of all emissions in order, without consecutive duplicates."""
        kinds = [emission.kind for emission in self.emissions]
        return [kind for index, kind in enumerate(kinds) if index == 0 or kinds[index - 1] != kind]

    @property
    def text(self) -> str:
        """The whole streamed answer."""
        return "".join(self.of("agent_delta"))
