"""Concise builders for tests of stores: users, units, drafts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import msgspec

from threadcast.context import UserExecutionContext
from threadcast.events import (
    AgentCompleted,
    AgentDelta,
    AgentStarted,
    EventDraft,
    EventType,
    InputRequested,
    JournalEvent,
)
from threadcast.runs import OnBusy, OnDisconnect
from threadcast.store import Store, StoreSession
from threadcast.store.units import (
    AppendToRun,
    ClaimedRun,
    ClaimRuns,
    Committed,
    CreateThread,
    Lease,
    MessageAccepted,
    Outcome,
    Question,
    Rejected,
    SendMessage,
    TakeOver,
    TakeOverRuns,
    Unit,
)

T = TypeVar("T")
NOW = 1_763_629_200.0
LEASE_S = 10.0


def context_of(user_id: str, thread_id: str | None = None) -> UserExecutionContext:
    """A context for a new run, in a new thread or in this one."""
    return UserExecutionContext.create(user_id, "chat", thread_id=thread_id)


def message(
    context: UserExecutionContext,
    content: str = "hello",
    *,
    key: str = "key-1",
    new_thread: bool = True,
    digest: bytes = b"digest",
    on_busy: OnBusy = "queue",
    on_crash: Any = "retry",
    agent: str = "demo",
    user_runs_max: int = 20,
    on_disconnect: OnDisconnect = "continue",
    user_executing_max: int | None = None,
) -> SendMessage:
    """A `SendMessage` with what most tests do not care about."""
    return SendMessage(
        context=context,
        new_thread=new_thread,
        content=content,
        client_message_id=key,
        digest=digest,
        agent=agent,
        on_crash=on_crash,
        on_busy=on_busy,
        on_disconnect=on_disconnect,
        user_runs_max=user_runs_max,
        user_executing_max=user_executing_max,
    )


def delta(text: str) -> EventDraft:
    """A piece of an answer."""
    return EventDraft.of(EventType.AGENT_DELTA, AgentDelta(text))


def started(attempt: int = 1) -> EventDraft:
    """The beginning of an attempt."""
    return EventDraft.of(EventType.AGENT_STARTED, AgentStarted("demo", attempt))


def completed(content: str = "done") -> EventDraft:
    """The end of a run."""
    return EventDraft.of(EventType.AGENT_COMPLETED, AgentCompleted(content, 5))


def question(lease: Lease, *, ordinal: int = 1, expires_at: float = NOW + 60) -> AppendToRun:
    """Ask a person something."""
    input_id = f"input-{ordinal}"
    data = InputRequested(input_id, "Sure?", expires_at)
    return AppendToRun(
        lease,
        [EventDraft.of(EventType.INPUT_REQUESTED, data)],
        Question(input_id, ordinal, "Sure?", expires_at),
    )


def data_of(event: JournalEvent) -> dict[str, Any]:
    """An event's data."""
    return cast("dict[str, Any]", msgspec.json.decode(event.data))


def types_of(events: Sequence[JournalEvent]) -> list[str]:
    """The types of events."""
    return [event.event_type.value for event in events]


class Scene:
    """A store and short ways to use it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW

    async def outcomes(self, *units: Unit[Any]) -> list[Outcome]:
        """Commit one batch."""
        return await self.store.commit(units, now=self.now)

    async def committed(self, unit: Unit[Any]) -> Committed:
        """Commit one unit, which must succeed."""
        outcome = (await self.outcomes(unit))[0]
        assert isinstance(outcome, Committed), outcome
        return outcome

    async def result(self, unit: Unit[T]) -> T:
        """Commit one unit and take its result."""
        return cast("T", (await self.committed(unit)).result)

    async def refused(self, unit: Unit[Any]) -> str:
        """Commit one unit, which must be rejected; the error's code."""
        outcome = (await self.outcomes(unit))[0]
        assert isinstance(outcome, Rejected), outcome
        return outcome.error.code

    async def thread(
        self, user_id: str, title: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> UserExecutionContext:
        """A context with a thread that exists."""
        context = context_of(user_id)
        await self.committed(CreateThread(context, title, metadata or {}))
        return context

    async def send(self, context: UserExecutionContext, **settings: Any) -> MessageAccepted:
        """Send a message that is accepted."""
        return await self.result(message(context, **settings))

    async def claim(self, limit: int = 10, *, owner: str = "node-1") -> list[ClaimedRun]:
        """Claim runs for the agent `demo`."""
        claim = await self.result(ClaimRuns(owner, LEASE_S, ["demo"], limit))
        return list(claim.runs)

    async def running(self, user_id: str, **settings: Any) -> ClaimedRun:
        """A run in a thread of its own, claimed and started."""
        await self.send(context_of(user_id), **settings)
        claimed = (await self.claim())[-1]
        await self.committed(AppendToRun(claimed.lease, [started(claimed.attempt)]))
        return claimed

    async def take_over(self, *, attempts_max: int = 3) -> TakeOver:
        """Take over what has lapsed."""
        return await self.result(TakeOverRuns(attempts_max, 100))

    @asynccontextmanager
    async def session(self, user_id: str) -> AsyncIterator[StoreSession]:
        """A session of this user."""
        session = self.store.session(context_of(user_id))
        try:
            yield session
        finally:
            await session.close()

    async def journal(self, user_id: str, after: int = 0) -> list[JournalEvent]:
        """All events of a user after a seq."""
        async with self.session(user_id) as session:
            return list((await session.page(after, limit=10_000, max_bytes=10_000_000)).events)


def run_context(claimed: ClaimedRun) -> UserExecutionContext:
    """A context that acts on a claimed run."""
    address = claimed.lease.address
    return UserExecutionContext.for_run(
        address.user_id, address.thread_id or "", claimed.lease.run_id
    )
