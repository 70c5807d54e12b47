"""The part of a node that executes runs: it claims, supervises and releases them.

Authority: a claim gives this node a lease with a fence. Every append is checked against it, so a
node that lost a run cannot write for it, whatever it believes. States of a run here: executing,
ending (its agent was stopped and cleans up), gone. A run whose end cannot be stored is given up,
never ended twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Self

from ..agent import Agent
from ..bus import Hint, RunSignal, RunsWaiting
from ..clock import Clock
from ..consistency.recording import ConsistencyRecording
from ..correlation import correlated
from ..delivery.journal import Journal
from ..events import EventDraft
from ..metrics import Metrics
from ..settings import Settings
from ..store.records import RunFailure
from ..store.session import RequestScopedSessionFactory
from ..store.units import CancelRun, ClaimedRun, Outcome, Rejected
from ..tasks import OwnedTasks
from ..tracing import Tracing, ids_of
from .claims import RunClaims
from .execution import ExecutionLimits, RunEnd, RunExecution
from .following import end_trace, trace_of
from .leases import RunLeases
from .signal_poll import RunNotices, SignalPoll

__all__ = ["Runner"]

log = logging.getLogger(__name__)

_HAND_OVER_STORE_S = 1.0
_WAITING_FACTOR = 9  # of `max_runs`: each holds a task and its agent's memory


class Runner:
    """Executes up to `max_runs` runs at once.

    Args:
        owner: this node's id.
        agents: what this node can execute, by name.
        journal: claims, renews and appends.
        sessions: for agents' reads of their user's data.
        clock: wall time and durations.
        metrics: counts starts and ends.
        consistency: follows the ids of runs, while it is switched on.
        notices: see `Store.run_notices`.
        publish: gives hints to other nodes.
        on_failed: is told of each run that ended here as failed.
        is_present: whether a user has a connection here, or had one within the grace period; if so,
            the runner need not notice that they leave.
        max_runs: how many runs execute at the same time; 0 for a node that leaves them to others.
        lease_s: how long a lease is valid, in seconds; it is renewed three times in that.
        poll_s: time between polls for lost hints of other nodes, in seconds.
        disconnect_grace_s: how long a user may be away before `on_disconnect="cancel"` applies to a
            run that begins in their absence.
        limits: bounds of every attempt.
        tracing: is given a span for each attempt, and for each tool call in it.

    The caller hands `receive` to the bus, runs `run` in a task for as long as the node lives and,
    to stop without waiting for leases to lapse, awaits `drain` before it cancels that task.
    """

    def __init__(
        self,
        *,
        owner: str,
        agents: Mapping[str, Agent],
        journal: Journal,
        sessions: RequestScopedSessionFactory,
        clock: Clock,
        metrics: Metrics,
        consistency: ConsistencyRecording,
        notices: RunNotices,
        publish: Callable[[Hint], None],
        is_present: Callable[[str], bool],
        on_failed: Callable[[RunFailure], None],
        max_runs: int,
        lease_s: float,
        poll_s: float,
        disconnect_grace_s: float,
        limits: ExecutionLimits,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing or Tracing()
        self._journal = journal
        self._sessions = sessions
        self._agents = agents
        self._clock = clock
        self._metrics = metrics
        self._consistency = consistency
        self._owner = owner
        self._is_present = is_present
        self._on_failed = on_failed
        self._max_runs = max_runs
        self._lease_s = lease_s
        self._disconnect_grace_s = disconnect_grace_s
        self._limits = limits
        self._executions: dict[str, RunExecution] = {}
        self._leases = RunLeases(journal, self._executions, lease_s=lease_s)
        self._tasks = OwnedTasks("run")
        self._left_agents: set[asyncio.Task[EventDraft]] = set()
        self._signal_poll = SignalPoll(
            owner, notices, self._executions, self._leases.look_at, poll_s=poll_s
        )
        self._claims = RunClaims(
            owner=owner,
            agents=agents,
            journal=journal,
            metrics=metrics,
            lease_s=lease_s,
            room=self._room,
            start=self._start,
            publish=publish,
        )
        self._draining = False
        self._active = 0

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        owner: str,
        agents: Mapping[str, Agent],
        journal: Journal,
        sessions: RequestScopedSessionFactory,
        clock: Clock,
        metrics: Metrics,
        consistency: ConsistencyRecording,
        notices: RunNotices,
        publish: Callable[[Hint], None],
        is_present: Callable[[str], bool],
        on_failed: Callable[[RunFailure], None],
        tracing: Tracing,
    ) -> Self:
        """A runner with the bounds that the settings give."""
        return cls(
            owner=owner,
            agents=agents,
            journal=journal,
            sessions=sessions,
            clock=clock,
            metrics=metrics,
            consistency=consistency,
            notices=notices,
            publish=publish,
            is_present=is_present,
            on_failed=on_failed,
            max_runs=0 if settings.role == "gateway" else settings.max_runs,
            lease_s=settings.lease_s,
            poll_s=settings.head_poll_s,
            disconnect_grace_s=settings.disconnect_grace_s,
            limits=ExecutionLimits(settings.run_timeout_s, settings.event_max_bytes),
            tracing=tracing,
        )

    @property
    def active(self) -> int:
        """How many runs execute here now."""
        return self._active

    @property
    def hand_over_max_s(self) -> float:
        """How long `drain` may take beyond `bound_s`, in seconds."""
        return self._limits.cancel_grace_s + _HAND_OVER_STORE_S

    async def run(self) -> None:
        """Claim and supervise until cancelled; runs that still execute then are left to lapse."""
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._claims.run())
                loops.create_task(self._leases.run())
                loops.create_task(self._signal_poll.run())
        finally:
            await self._tasks.close()
            await self._leave_agents()

    async def claim(self) -> None:
        """Claim once, if there is room, and start what was claimed.

        Raises:
            ThreadcastError: nothing could be claimed now.
        """
        await self._claims.once()

    async def renew_late(self) -> None:
        """Renew the leases of all runs here if renewal is overdue, because this node was suspended.

        A lapsed lease that nobody took is then valid again, and its run goes on.
        """
        await self._leases.renew_late()

    async def drain(self, bound_s: float) -> None:
        """Claim no more, let runs end, then hand over the rest.

        A run that is handed over has all of its agent's output stored, and no terminal event. Its
        lease is returned, so that another node, or this one after its restart, starts the next
        attempt at once (or ends the run as failed, if its agent must not be retried).

        Args:
            bound_s: how long runs may take to end by themselves, in seconds; handing over takes up
                to `hand_over_max_s` more.
        """
        self._draining = True
        await self._claims.stop()
        await self._tasks.finished(bound_s)
        for execution in tuple(self._executions.values()):
            execution.hand_over()
        await self._tasks.finished(self.hand_over_max_s)

    def receive(self, hint: Hint) -> None:
        """Take a hint: runs wait, or one of ours was signalled."""
        if isinstance(hint, RunsWaiting):
            self._claims.hear(hint)
        elif isinstance(hint, RunSignal) and (
            hint.run_id in self._executions or self._claims.under_way
        ):
            self._leases.look_at(hint.run_id)

    # --- inside

    def _check_present(self, execution: RunExecution) -> None:
        is_here = self._executions.get(execution.claimed.lease.run_id) is execution
        if is_here and not self._is_present(execution.context.user_id):
            self._journal.submit(CancelRun(execution.context, "disconnected"), _log_refusal)

    def _room(self) -> int:
        """How many more runs may execute here: those that wait for a person hardly cost anything.

        One that is answered goes on immediately, even beyond the bound.
        """
        room = self._max_runs - self._active
        if room <= 0:
            waiting = sum(one.waits for one in self._executions.values())
            room += min(waiting, _WAITING_FACTOR * self._max_runs)
        return room

    def _start(self, claimed: ClaimedRun) -> None:
        execution = RunExecution(
            claimed,
            self._agents[claimed.agent],
            journal=self._journal,
            sessions=self._sessions,
            clock=self._clock,
            limits=self._limits,
            keep=self._keep,
            on_waits=self._claims.room_made,
            tracing=self._tracing,
        )
        run_id = claimed.lease.run_id
        earlier = self._executions.get(run_id)
        if earlier is not None:  # lost without noticing, and claimed again
            earlier.lose()
        self._executions[run_id] = execution
        if self._consistency.active is not None:
            execution.trace = trace_of(execution.context, self._consistency.active)
        if self._draining:
            execution.hand_over()
        if claimed.on_disconnect == "cancel" and not self._is_present(execution.context.user_id):
            loop = asyncio.get_running_loop()  # the user may have left while the run was queued
            loop.call_later(self._disconnect_grace_s, self._check_present, execution)
        self._count(1)
        self._tasks.start(self._supervise(execution))

    async def _supervise(self, execution: RunExecution) -> None:
        with correlated(execution.context.request_id, execution.context.run_id):
            await self._execute(execution)

    async def _traced(self, execution: RunExecution) -> RunEnd:
        claimed = execution.claimed
        attributes = {
            **ids_of(execution.context),
            "threadcast.agent": claimed.agent,
            "threadcast.attempt": claimed.attempt,
        }
        links = self._tracing.links_of(claimed.lease.run_id)
        with self._tracing.span("run", attributes, links=links) as span:
            end = await execution.run()
            span.set_attribute("threadcast.outcome", end)
            return end

    async def _execute(self, execution: RunExecution) -> None:
        run_id = execution.claimed.lease.run_id
        end: RunEnd = "given_up"
        try:
            end = await self._traced(execution)
        except Exception:  # the run edge: a fault of ours must not end other runs
            log.exception("run %s: its execution failed", run_id)
        finally:
            is_here = self._executions.get(run_id) is execution
            if is_here:
                del self._executions[run_id]
            if execution.trace is not None:
                end_trace(execution.trace, execution.context, is_here=is_here)
            self._count(-1)
            self._metrics.runs.labels(end).inc()
            if execution.failed_with is not None:
                self._on_failed(_failure_of(execution, execution.failed_with))
            self._claims.room_made()
        if end in ("handed_over", "given_up"):
            await self._leases.give_back(execution, handed_over=end == "handed_over")

    def _count(self, change: int) -> None:
        self._active += change
        self._metrics.runs_active.set(self._active)

    def _keep(self, agent: asyncio.Task[EventDraft]) -> None:
        self._left_agents.add(agent)
        agent.add_done_callback(self._left_agents.discard)

    async def _leave_agents(self) -> None:
        for agent in self._left_agents:
            agent.cancel()
        if self._left_agents:
            await asyncio.wait(self._left_agents, timeout=self._limits.cancel_grace_s)


def _failure_of(execution: RunExecution, code: str) -> RunFailure:
    context = execution.context
    return RunFailure(context.run_id, context.user_id, execution.claimed.agent, code)


def _log_refusal(outcome: Outcome) -> None:
    if isinstance(outcome, Rejected):
        log.warning("a run of a user who left could not be cancelled: %s", outcome.error)
