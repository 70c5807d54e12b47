"""The seam to agents: what an agent is given, and what it declares about itself.

An agent is an async function or an async generator that takes one `Run`. It may be slow or wrong;
everything that it emits is checked before it is committed.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .context import UserExecutionContext
from .errors import ConfigurationError
from .wire.fields import AGENT_NAME_MAX_CHARACTERS

CrashPolicy = Literal["retry", "fail"]
_KINDS = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a thread's history.

    Attributes:
        role: who wrote it.
        content: its text.
        run_id: the run that it started, or that answered with it.
        timestamp: seconds since the epoch.
    """

    role: Literal["user", "assistant"]
    content: str
    run_id: str
    timestamp: float


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One of the user's own earlier messages that matches a search."""

    thread_id: str
    content: str
    timestamp: float


class ToolCall(Protocol):
    """A tool call under way; leaving the block without a result completes it with null."""

    def result(self, value: Any) -> None:
        """Set what the tool returned: anything that JSON can carry, up to the event size limit."""
        ...


class Run(Protocol):
    """One execution of an agent, as the agent sees it.

    Every emitting method returns once the event is accepted into the run's bounded outgoing queue;
    order is kept, and the run completes only after all of it is committed. A run that lost its
    lease raises `asyncio.CancelledError` out of any of them.
    """

    @property
    def context(self) -> UserExecutionContext:
        """Who, which thread, which run."""
        ...

    @property
    def message(self) -> str:
        """The text that started this run."""
        ...

    @property
    def attempt(self) -> int:
        """1, or more after a take-over."""
        ...

    @property
    def state(self) -> Any:
        """The last value that any attempt gave to `save`, or None."""
        ...

    async def history(self, limit: int = 100) -> Sequence[Message]:
        """The thread's messages before this one, oldest first; at most `limit` (1..1000)."""
        ...

    async def search(self, text: str, limit: int = 10) -> Sequence[SearchHit]:
        """The user's own earlier messages that match `text` literally, latest first."""
        ...

    async def thinking(self, text: str) -> None:
        """Say what the agent is thinking."""
        ...

    async def delta(self, text: str) -> None:
        """Stream the next piece of the answer; long text is split, an empty one is ignored."""
        ...

    def tool(self, name: str, arguments: Any) -> AbstractAsyncContextManager[ToolCall]:
        """Announce a tool call and, on leaving, its end; an exception inside is its error."""
        ...

    async def ask(self, prompt: str, schema: Any = None, *, timeout_s: float = 3600.0) -> Any:
        """Wait for a person's answer and return it.

        A later attempt that asks the same question in the same order gets the recorded answer.

        Raises:
            TimeoutError: nobody answered within `timeout_s` seconds.
        """
        ...

    async def save(self, state: Any) -> None:
        """Commit a checkpoint that a later attempt reads as `state`."""
        ...

    def usage(self, usage: Any) -> None:
        """Set the token use that `agent_completed` reports."""
        ...


AgentFunction = Callable[[Run], Awaitable[str | None] | AsyncIterator[str]]


@dataclass(frozen=True, slots=True)
class Agent:
    """A named agent and how it wants to be run.

    Attributes:
        name: 1..64 of lower-case letters, digits, `-` and `_`.
        function: the async function or async generator function; it takes one `Run`.
        on_crash: what happens when its node dies: run it again, or fail the run.
        timeout_s: the longest that one attempt may take, in seconds; None means the server's.
    """

    name: str
    function: AgentFunction
    on_crash: CrashPolicy = "retry"
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(_expected_name(self.name))
        plain = self.name.replace("-", "").replace("_", "")
        if not (plain.isascii() and plain.isalnum() and self.name == self.name.lower()):
            raise ValueError(f"agent name {self.name!r}: expected a-z, 0-9, '-' and '_'")
        if len(self.name) > AGENT_NAME_MAX_CHARACTERS:
            expected = f"at most {AGENT_NAME_MAX_CHARACTERS} characters"
            raise ValueError(f"agent name: expected {expected}, got {len(self.name)}")
        if self.on_crash not in ("retry", "fail"):
            raise ValueError(f"on_crash: expected 'retry' or 'fail', got {self.on_crash!r}")
        if self.timeout_s is not None and not _is_above_0(self.timeout_s):
            raise ValueError(f"timeout_s: expected more than 0 seconds, got {self.timeout_s!r}")
        if problem := _problem_of(self.function):
            raise TypeError(f"agent {self.name!r}: expected {problem}")


def agent(
    name: str, *, on_crash: CrashPolicy = "retry", timeout_s: float | None = None
) -> Callable[[AgentFunction], Agent]:
    """Make an `Agent` of the function below.

    Raises:
        ValueError: a name, policy or time-out that is not acceptable.
        TypeError: what is below is no async function or async generator function of one `Run`.
    """
    if not isinstance(name, str):
        raise TypeError(_expected_name(name))

    def wrap(function: AgentFunction) -> Agent:
        return Agent(name, function, on_crash, timeout_s)

    return wrap


def agents_by_name(agents: Iterable[Agent]) -> dict[str, Agent]:
    """The agents of one server, in their order.

    Raises:
        ConfigurationError: one is no `Agent`, or two have the same name.
    """
    by_name: dict[str, Agent] = {}
    for one in agents:
        if not isinstance(one, Agent):
            raise ConfigurationError(
                "agents: expected an Agent (put @agent('a-name') above the function), "
                f"got a {type(one).__name__}"
            )
        if one.name in by_name:
            raise ConfigurationError(f"agents: expected each name once, got {one.name!r} twice")
        by_name[one.name] = one
    return by_name


def _expected_name(came: object) -> str:
    return f"agent name: expected text, as in @agent('a-name'), got a {type(came).__name__}"


def _is_above_0(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and 0 < value < math.inf


def _problem_of(function: object) -> str | None:
    """What was expected of an agent's function, and what it is instead; None if it is good.

    A decorator may have another signature than what it wraps, but need not be async itself.
    """
    if not callable(function):
        return f"an async function that takes one Run, got a {type(function).__name__}"
    told = (function, type(function).__call__, inspect.unwrap(function))
    if not any(is_async(one) for is_async in _KINDS for one in told):
        came = "a generator function" if inspect.isgeneratorfunction(function) else "another"
        return f"an async function or an async generator function (`async def`), got {came}"
    try:
        inspect.signature(function, follow_wrapped=False).bind(None)
    except TypeError as error:
        return f"a function that can be called with one Run: {error}"
    return None
