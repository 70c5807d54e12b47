"""A node without its network: a real store, journal, bus and runner, and every event recorded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from threadcast.agent import Agent, AgentFunction, Run, agent
from threadcast.bus import Hint, JournalGrew, LocalBus
from threadcast.clock import Clock, SystemClock
from threadcast.consistency.recording import ConsistencyRecording
from threadcast.consistency.tracker import ThreadIDConsistencyTracker
from threadcast.context import UserExecutionContext
from threadcast.delivery.journal import Journal
from threadcast.errors import ThreadcastError
from threadcast.events import TERMINAL_EVENTS, JournalEvent
from threadcast.metrics import Metrics
from threadcast.runner import Runner
from threadcast.runner.execution import ExecutionLimits
from threadcast.runner.outbox import OutboxLimits
from threadcast.runs import OnBusy, OnDisconnect
from threadcast.store.records import RunFailure, RunRow
from threadcast.store.session import RequestScopedSessionFactory
from threadcast.store.sqlite import SqliteStore
from threadcast.store.units import (
    AnswerInput,
    AppendToRun,
    CancelRun,
    ClaimedRun,
    ClaimRuns,
    Outcome,
    SendMessage,
    TakeOver,
    TakeOverRuns,
    Unit,
)
from threadcast.testing.clock import ManualClock

Condition: TypeAlias = Callable[[], bool]

FOREVER_S = 3_000.0  # a lease that no timer renews during a test: only signals can act

LIMITS = ExecutionLimits(
    timeout_s=30.0,
    event_max_bytes=262_144,
    cancel_grace_s=0.2,
    outbox=OutboxLimits(retry_first_s=0.01, retry_pause_max_s=0.05, retry_total_s=5.0),
)


class Watch:
    """Hears every committed event, and lets a test wait for one."""

    def __init__(self, bus: LocalBus) -> None:
        self.events: list[JournalEvent] = []
        self._grew = asyncio.Event()
        bus.listen(self._hear)

    def _hear(self, hint: Hint) -> None:
        if isinstance(hint, JournalGrew):
            self.events += hint.events
            self._grew.set()

    def has(self, context: UserExecutionContext, event_type: str, times: int = 1) -> Condition:
        """Whether the context's run has had this event so often."""
        return lambda: self.types_of(context.run_id).count(event_type) >= times

    def of(self, run_id: str) -> list[tuple[str, dict[str, Any]]]:
        """The run's events so far: type and data."""
        return [
            (event.event_type.value, msgspec.json.decode(event.data))
            for event in self.events
            if event.address.run_id == run_id
        ]

    def types_of(self, run_id: str) -> list[str]:
        """The types of the run's events so far, without its message."""
        return [kind for kind, _ in self.of(run_id) if kind != "message_created"]

    async def until(self, condition: Condition) -> None:
        """Wait until the condition holds; it is asked after every commit."""
        async with asyncio.timeout(60):
            while not condition():
                self._grew.clear()
                await self._grew.wait()

    async def end_of(self, run_id: str) -> tuple[str, dict[str, Any]]:
        """Wait for the run's terminal event."""
        terminal = {kind.value for kind in TERMINAL_EVENTS}
        await self.until(lambda: any(kind in terminal for kind, _ in self.of(run_id)))
        ends = [event for event in self.of(run_id) if event[0] in terminal]
        assert len(ends) == 1, ends
        return ends[0]


class FaultyStore(SqliteStore):
    """A real store whose commits of agents' events fail when they are told to.

    `unknown_outcome` is the cruel kind: the batch is stored, and the answer lost.
    """

    def __init__(
        self, path: Path, *, clock: Clock, faults: Sequence[ThreadcastError | None]
    ) -> None:
        super().__init__(path, clock=clock)
        self.faults = list(faults)
        self.spent = asyncio.Event()

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """Commit, or fail as the next of `faults` says."""
        fault = None
        if self.faults and any(isinstance(unit, AppendToRun) for unit in units):
            fault = self.faults.pop(0)
        if fault is not None and fault.code != "unknown_outcome":
            raise fault
        if not self.faults:
            self.spent.set()
        outcomes = await super().commit(units, now=now)
        if fault is not None:
            raise fault
        return outcomes


class World:
    """What a test of runs needs; `runner` executes as soon as it is started."""

    def __init__(
        self, store: FaultyStore, agents: Sequence[Agent], limits: ExecutionLimits
    ) -> None:
        self.store = store
        self.agents = agents
        self.limits = limits
        self.present = {"ann", "bob"}
        self.failures: list[RunFailure] = []
        self.bus = LocalBus()
        self.metrics = Metrics()
        self.watch = Watch(self.bus)
        self.clock = SystemClock()
        self.journal = Journal(
            store,
            self.bus,
            self.clock,
            self.metrics,
            batch_max_events=4_096,
            queue_max_units=100_000,
        )
        self.sessions = RequestScopedSessionFactory(store)
        self.consistency = ConsistencyRecording(ThreadIDConsistencyTracker(), on=False)

    def runner(
        self, owner: str = "node-1", *, lease_s: float = 10.0, max_runs: int = 1_000
    ) -> Runner:
        """A runner of this world; it shares everything but its runs with others."""
        return Runner(
            owner=owner,
            agents={agent.name: agent for agent in self.agents},
            journal=self.journal,
            sessions=self.sessions,
            clock=self.clock,
            metrics=self.metrics,
            consistency=self.consistency,
            notices=self.store.run_notices,
            publish=self.bus.publish,
            is_present=self.present.__contains__,
            on_failed=self.failures.append,
            max_runs=max_runs,
            lease_s=lease_s,
            poll_s=1.0,
            disconnect_grace_s=0.05,
            limits=self.limits,
        )

    @contextlib.asynccontextmanager
    async def running(
        self, *, lease_s: float = 10.0, max_runs: int = 1_000
    ) -> AsyncIterator[Runner]:
        """A runner that executes during the block."""
        runner = self.runner(lease_s=lease_s, max_runs=max_runs)
        stop_listening = self.bus.listen(runner.receive)
        try:
            async with running(runner.run()):
                yield runner
        finally:
            stop_listening()

    async def send(
        self,
        content: str = "hello",
        *,
        agent: str | None = None,
        user_id: str = "ann",
        thread_id: str | None = None,
        on_busy: OnBusy = "queue",
        on_disconnect: OnDisconnect = "continue",
    ) -> UserExecutionContext:
        """Send a message; the context is its run's."""
        context = UserExecutionContext.create(user_id, "chat", thread_id=thread_id)
        chosen = next(one for one in self.agents if agent in (None, one.name))
        await self.journal.append(
            SendMessage(
                context,
                new_thread=thread_id is None,
                content=content,
                client_message_id=context.request_id,
                digest=b"digest",
                agent=chosen.name,
                on_crash=chosen.on_crash,
                on_busy=on_busy,
                on_disconnect=on_disconnect,
                user_runs_max=10_000,
            )
        )
        return context

    async def cancel(self, context: UserExecutionContext, reason: str = "user") -> None:
        """Cancel the context's run."""
        await self.journal.append(CancelRun(context, reason))

    async def answer(self, context: UserExecutionContext, input_id: str, value: object) -> None:
        """Answer a question of the context's run."""
        await self.journal.append(AnswerInput(context, input_id, value))

    async def claim_as(self, owner: str, *, lease_s: float = 10.0) -> ClaimedRun:
        """Claim the one run that waits, as another node would."""
        names = [agent.name for agent in self.agents]
        claim = await self.journal.append(ClaimRuns(owner, lease_s, names, 1))
        (claimed,) = claim.runs
        return claimed

    async def take_over(self) -> TakeOver:
        """Take over what has lapsed."""
        return await self.journal.append(TakeOverRuns(3, 100))

    async def row(self, context: UserExecutionContext) -> RunRow:
        """The run's row."""
        async with self.sessions.open(context) as session:
            return await session.runs.get_by_id(context.run_id)

    async def stored(self, context: UserExecutionContext) -> Sequence[JournalEvent]:
        """All events of the context's user, as the store has them."""
        async with self.sessions.open(context) as session:
            return (await session.journal.page(0, limit=100_000, max_bytes=100_000_000)).events


@contextlib.asynccontextmanager
async def running(work: Any) -> AsyncIterator[asyncio.Task[None]]:
    """Run a loop in a task during the block; a failure of it fails the test."""
    task: asyncio.Task[None] = asyncio.create_task(work)
    try:
        await asyncio.sleep(0)
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def world(
    path: Path,
    *agents: Agent,
    store_clock: ManualClock | None = None,
    limits: ExecutionLimits = LIMITS,
    faults: Sequence[ThreadcastError | None] = (),
    store: FaultyStore | None = None,
) -> AsyncIterator[World]:
    """A world with an open store and a running journal.

    Args:
        path: a folder for the database.
        agents: what its runners can execute.
        store_clock: the clock by which leases lapse.
        limits: bounds of every attempt.
        faults: what the next commits with events of agents raise; None lets one through.
        store: other than the one that these make; not opened yet.
    """
    store = store or FaultyStore(
        path / "journal.db", clock=store_clock or SystemClock(), faults=faults
    )
    await store.open()
    try:
        made = World(store, agents, limits)
        async with running(made.journal.run()):
            yield made
            await made.journal.drained()
    finally:
        await store.close()


async def outcome(path: Path, function: AgentFunction, **kwargs: Any) -> tuple[str, dict[str, Any]]:
    """Execute this agent once and return its terminal event."""
    made = Agent("made", function, **kwargs)
    async with world(path, made) as here, here.running():
        context = await here.send()
        return await here.watch.end_of(context.run_id)


def raises(error: BaseException) -> AgentFunction:
    """An agent that streams a little and raises."""

    async def bad(run: Run) -> str:
        await run.delta("fine so far")
        raise error

    return bad


@agent("golden")
async def golden(run: Run) -> None:
    """Everything that the golden path shows."""
    await run.thinking("hm")
    async with run.tool("add", {"a": 1, "b": 2}) as call:
        call.result(3)
    for text in ("The ", "", "answer is ", "3."):
        await run.delta(text)
    run.usage({"tokens": 7})
