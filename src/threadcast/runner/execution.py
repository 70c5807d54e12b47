"""One attempt at one run, from its first event to its one end.

The agent runs in a task of its own. The supervising side waits for it, for its time limit and for
signals from others, and appends exactly one terminal event, or none when the lease was lost or is
handed over. It may not know how runs are claimed or leases renewed.

When an attempt is stopped from outside, the order is: the handle refuses everything, the task is
cancelled and gets a grace period to clean up, then the terminal event is appended. A task that
outlives the grace is abandoned; it can emit nothing any more.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from ..agent import Agent
from ..clock import Clock
from ..consistency.trace import ConsistencyTrace
from ..context import UserExecutionContext
from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..events import (
    AgentCancelled,
    AgentCompleted,
    AgentFailed,
    AgentStarted,
    EventDraft,
    EventType,
)
from ..store.session import RequestScopedSessionFactory
from ..store.units import ClaimedRun
from ..tracing import Tracing
from .deadline import Deadline
from .emitter import RunEmitter
from .handle import RunHandle
from .inputs import RunInputs
from .outbox import OutboxLimits, RunOutbox
from .output import checked_draft
from .patient_reads import PatientReads

__all__ = ["ExecutionLimits", "RunEnd", "RunExecution"]

log = logging.getLogger(__name__)

RunEnd = Literal["completed", "failed", "cancelled", "lost", "handed_over", "given_up"]
"""How an attempt ended here.

The last two end without a terminal event, so the lease has to be returned: `handed_over` with
everything stored that was emitted, `given_up` because nothing can be stored.
"""

_END_OF: dict[EventType, RunEnd] = {
    EventType.AGENT_COMPLETED: "completed",
    EventType.AGENT_FAILED: "failed",
    EventType.AGENT_CANCELLED: "cancelled",
}
_FAILURE_MAX_BYTES = 4_096
_UNANSWERED = "expired"
_UNUSABLE = "bad_agent_output"
_LEASE_IS_GONE = frozenset({"fenced", "run_finished", "not_found"})


@dataclass(frozen=True, slots=True)
class ExecutionLimits:
    """Bounds of every attempt.

    Attributes:
        timeout_s: for agents that do not say their own; waiting for a person does not count.
        cancel_grace_s: how long a cancelled agent may take to clean up.
        event_max_bytes: bound on one event's data, on the whole answer and on a checkpoint.
        outbox: bounds on output that is not yet committed.
    """

    timeout_s: float
    event_max_bytes: int
    cancel_grace_s: float = 2.0
    outbox: OutboxLimits = field(default_factory=OutboxLimits)


@dataclass(frozen=True, slots=True)
class _Stop:
    """Why an attempt is stopped before its agent ends; with this terminal event, or none."""

    terminal: EventDraft | None


class RunExecution:
    """Executes one claimed run.

    Args:
        claimed: the run.
        agent: its agent.
        journal: takes its events.
        sessions: for reading its user's data.
        clock: wall time and durations.
        limits: bounds.
        keep: takes ownership of an agent's task that outlives this execution.
        on_waits: called when the run begins to wait for a person.
        tracing: is given a span for each tool call.

    The caller awaits `run` once; the other methods may be called at any time.

    Attributes:
        trace: the trace that follows its ids, if they are followed; the caller sets it.
        failed_with: the code, once it ended as failed.
    """

    def __init__(
        self,
        claimed: ClaimedRun,
        agent: Agent,
        *,
        journal: Journal,
        sessions: RequestScopedSessionFactory,
        clock: Clock,
        limits: ExecutionLimits,
        keep: Callable[[asyncio.Task[EventDraft]], None],
        on_waits: Callable[[], None],
        tracing: Tracing | None = None,
    ) -> None:
        self.claimed = claimed
        self.context = _context_of(claimed)
        self.trace: ConsistencyTrace | None = None
        self._agent = agent
        self._clock = clock
        self._limits = limits
        self._keep = keep
        self.failed_with: str | None = None
        self._began = False
        self._began_at = clock.monotonic()
        self._stopped: asyncio.Future[_Stop] = asyncio.get_running_loop().create_future()
        # A lost run stops like one that is handed over, except that nothing can be stored any more.
        self._outbox = RunOutbox(journal, claimed.lease, limits.outbox, self.hand_over)
        self._emitter = RunEmitter(self._outbox, limits.event_max_bytes)
        self._limit_s = agent.timeout_s or limits.timeout_s
        self._deadline = Deadline(self._limit_s, self._time_out)
        self._inputs = RunInputs(
            self.context,
            claimed.attempt,
            sessions=sessions,
            outbox=self._outbox,
            clock=clock,
            deadline=self._deadline,
            emitter=self._emitter,
            on_waits=on_waits,
        )
        self._handle = RunHandle(
            claimed,
            self.context,
            reads=PatientReads(sessions, self.context, limits.outbox),
            clock=clock,
            outbox=self._outbox,
            emitter=self._emitter,
            inputs=self._inputs,
            tracing=tracing or Tracing(),
        )

    def cancel(self, reason: str) -> None:
        """End the run as cancelled; without effect once it is ending."""
        self._stop(_Stop(_cancelled(reason)))

    def lose(self) -> None:
        """The lease is lost: stop, and append nothing more."""
        self._outbox.abandon(ThreadcastError("fenced"))

    def hand_over(self) -> None:
        """Stop without a terminal event, for another node to go on; stores what was emitted."""
        self._stop(_Stop(None))

    @property
    def waits(self) -> bool:
        """Whether it waits for a person now."""
        return self._inputs.waits

    @property
    def began(self) -> bool:
        """Whether its agent was called."""
        return self._began

    def poll_now(self) -> None:
        """The run was signalled: whoever waits for an answer reads again."""
        self._inputs.poll_now()

    async def run(self) -> RunEnd:
        """Execute to the end. Cancelling this ends the agent too, and leaves the run unfinished."""
        try:
            return await self._run()
        finally:
            # Both drop their references to this execution, whose texts would else wait for a
            # collection.
            self._deadline.stop()
            self._outbox.abandon(ThreadcastError("run_finished"))

    async def _run(self) -> RunEnd:
        if self.claimed.cancel_reason is not None:
            return await self._end(_cancelled(self.claimed.cancel_reason))
        if self._stopped.done():
            return await self._end(None)
        self._began = True
        self._outbox.add(self._started())
        agent = asyncio.create_task(self._attempt(), name=f"agent {self.claimed.lease.run_id}")
        self._deadline.start()
        try:
            ends: set[asyncio.Future[Any]] = {agent, self._stopped}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            self._deadline.stop()
            self._emitter.close()
            if self._stopped.done() and (agent.cancelled() or not agent.done()):
                return await self._end_early(agent, self._stopped.result())
        finally:
            self._leave(agent)
        return await self._end(self._verdict(agent))

    # --- ends

    async def _end_early(self, agent: asyncio.Task[EventDraft], stop: _Stop) -> RunEnd:
        agent.cancel()
        await asyncio.wait({agent}, timeout=self._limits.cancel_grace_s)
        if not agent.done():
            run_id, name = self.claimed.lease.run_id, self.claimed.agent
            log.warning("run %s: agent %s ignores its end and is left behind", run_id, name)
        return await self._end(stop.terminal)

    async def _end(self, terminal: EventDraft | None) -> RunEnd:
        if terminal is not None:
            self._outbox.add(terminal)
        is_stored = await self._outbox.flushed()
        if terminal is not None and is_stored:
            if terminal.event_type is EventType.AGENT_FAILED:
                self.failed_with = msgspec.json.decode(terminal.data, type=AgentFailed).code
            return _END_OF[terminal.event_type]
        lost = self._outbox.lost
        if lost is None and is_stored:
            return "handed_over"
        if lost is not None and lost.code in _LEASE_IS_GONE:
            return "lost"
        if lost is not None:
            log.warning("run %s: given up, because of: %s", self.claimed.lease.run_id, lost)
        return "given_up"

    def _verdict(self, agent: asyncio.Task[EventDraft]) -> EventDraft:
        fault = self._emitter.fault
        if fault is not None:
            if agent.cancelled() or agent.result().event_type is not EventType.AGENT_FAILED:
                self._log_failure(fault)  # the agent kept it to itself
            return _failed(fault)
        if agent.cancelled():
            self._log_failure(asyncio.CancelledError("the agent cancelled itself"))
            return _failed(ThreadcastError("agent_error"))
        return agent.result()

    def _stop(self, stop: _Stop) -> None:
        if not self._stopped.done():
            self._stopped.set_result(stop)
            self._emitter.close()

    def _time_out(self) -> None:
        run_id, name = self.claimed.lease.run_id, self.claimed.agent
        log.warning("run %s: agent %s took longer than %g s", run_id, name, self._limit_s)
        self._stop(_Stop(_failed(ThreadcastError("timed_out"))))

    def _leave(self, agent: asyncio.Task[EventDraft]) -> None:
        self._deadline.stop()
        self._emitter.close()
        if not agent.done():
            agent.cancel()
            self._keep(agent)

    # --- the agent's task

    async def _attempt(self) -> EventDraft:
        """Call the agent and turn whatever it does into a terminal event; a cancel goes through.

        Even `SystemExit` and `KeyboardInterrupt` stop here: escaping from a task, they would end
        the whole process.
        """
        try:
            return self._completed(await self._answer())
        except asyncio.CancelledError:
            raise
        except ThreadcastError as error:
            self._log_error(error)
            return _failed(error)
        except BaseException as error:  # noqa: BLE001 - the run edge: an agent may raise anything
            self._log_failure(error)
            return _failed(ThreadcastError("agent_error"))

    async def _answer(self) -> str:
        result: object = self._agent.function(self._handle)
        if isinstance(result, AsyncIterator):
            return await self._stream(result)
        if not isinstance(result, Awaitable):
            raise ThreadcastError(
                "bad_agent_output",
                f"expected an async function or generator, got {type(result).__name__}",
            )
        answer: object = await result
        return self._emitter.streamed if answer is None else self._emitter.text(answer, "answer")

    async def _stream(self, texts: AsyncIterator[str]) -> str:
        try:
            async for text in texts:
                await self._emitter.delta(text)
        finally:
            if inspect.isasyncgen(texts):
                await texts.aclose()
        return self._emitter.streamed

    # --- its events

    def _started(self) -> EventDraft:
        data = AgentStarted(self.claimed.agent, self.claimed.attempt)
        return EventDraft.of(EventType.AGENT_STARTED, data)

    def _completed(self, content: str) -> EventDraft:
        duration_ms = round((self._clock.monotonic() - self._began_at) * 1_000)
        data = AgentCompleted(content, duration_ms, self._handle.reported_usage)
        return self._emitter.draft(EventType.AGENT_COMPLETED, data, untrusted=None)

    def _log_error(self, error: ThreadcastError) -> None:
        """One line for an end that the agent chose; it did not choose unusable output."""
        run_id, name = self.claimed.lease.run_id, self.claimed.agent
        if error.code == _UNUSABLE:
            self._log_failure(error)
        elif error.code == _UNANSWERED:
            log.info("run %s: agent %s ended, nobody answered its question in time", run_id, name)
        else:
            log.warning("run %s: agent %s ended with %s", run_id, name, error)

    def _log_failure(self, error: BaseException) -> None:
        run_id, name = self.claimed.lease.run_id, self.claimed.agent
        log.error("run %s: agent %s failed", run_id, name, exc_info=error)


def _context_of(claimed: ClaimedRun) -> UserExecutionContext:
    address = claimed.lease.address
    if address.thread_id is None:
        raise AssertionError("a run without a thread")
    return UserExecutionContext.for_run(
        address.user_id, address.thread_id, claimed.lease.run_id, operation="run"
    )


def _cancelled(reason: str) -> EventDraft:
    return EventDraft.of(EventType.AGENT_CANCELLED, AgentCancelled(reason))


def _failed(error: ThreadcastError) -> EventDraft:
    """`agent_failed` for an error, with the table's text where its message is not for users."""
    # An answer to the question comes too late for good; the message can be sent again.
    retryable = error.kind.retryable or error.code == _UNANSWERED
    is_for_developers = error.code == _UNUSABLE  # types and sizes; the log has them
    message = error.kind.text if is_for_developers else error.message
    data = AgentFailed(error.code, message, retryable)
    try:
        return checked_draft(
            EventType.AGENT_FAILED, data, untrusted=None, max_bytes=_FAILURE_MAX_BYTES
        )
    except ThreadcastError:
        data = AgentFailed(error.code, error.kind.text, retryable)
        return EventDraft.of(EventType.AGENT_FAILED, data)
