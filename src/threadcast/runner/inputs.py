"""The questions of one run: asking a person, and finding the answers given to earlier attempts.

A hint only says that it is time to read; the answer itself is read through a session. The node
polls for answers every `poll_s` (`signal_poll`), so a lost hint costs that long, never an answer.
Expiry is by wall time, because a question outlives its node; by the store's, where nodes share one.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..clock import Clock
from ..context import UserExecutionContext
from ..errors import ThreadcastError
from ..events import EventType, InputRequested
from ..ids import UnifiedIdGenerator
from ..store.records import InputRow
from ..store.session import RequestScopedSessionFactory
from ..store.units import Question
from ..tasks import set_within
from .deadline import Deadline
from .emitter import RunEmitter
from .outbox import RunOutbox

__all__ = ["INPUT_TIMEOUT_MAX_S", "InputExpired", "RunInputs"]

INPUT_TIMEOUT_MAX_S = 30 * 86_400.0
_POLL_S = 1.0
_LOOK_EVERY_S = 15.0


class InputExpired(ThreadcastError, TimeoutError):
    """Nobody answered in time; a run that lets it out fails as `expired`."""

    def __init__(self) -> None:
        super().__init__("expired")


class RunInputs:
    """Asks the questions of one attempt.

    Args:
        context: the run's context.
        attempt: the attempt's number; from 2 on, earlier questions may be there already.
        sessions: for reading the answers.
        outbox: carries the `input_requested` events.
        clock: wall time, for expiry.
        deadline: the attempt's time limit; paused while a person is waited for.
        emitter: checks the questions.
        on_waits: called when the run begins to wait for a person.
    """

    def __init__(
        self,
        context: UserExecutionContext,
        attempt: int,
        *,
        sessions: RequestScopedSessionFactory,
        outbox: RunOutbox,
        clock: Clock,
        deadline: Deadline,
        emitter: RunEmitter,
        on_waits: Callable[[], None],
    ) -> None:
        self._context = context
        self._attempt = attempt
        self._sessions = sessions
        self._outbox = outbox
        self._clock = clock
        self._deadline = deadline
        self._emitter = emitter
        self._on_waits = on_waits
        self._earlier: deque[InputRow] | None = None
        self._asked = 0
        self._waiting = 0
        self._loading = asyncio.Lock()
        self._signal = asyncio.Event()

    @property
    def waits(self) -> bool:
        """Whether it waits for a person now."""
        return self._waiting > 0

    def poll_now(self) -> None:
        """The run was signalled: read the answer again."""
        self._signal.set()
        self._signal = asyncio.Event()

    async def ask(self, prompt: str, schema: object, *, timeout_s: float) -> object:
        """Ask, or find the same question of an earlier attempt, and wait for the answer.

        Args:
            prompt: the question, checked here.
            schema: a JSON Schema of the expected value, or None.
            timeout_s: seconds until the question expires, more than 0, at most
                `INPUT_TIMEOUT_MAX_S`.

        Raises:
            InputExpired: nobody answered in time, in this attempt or an earlier one.
            ThreadcastError: `bad_agent_output`, the question cannot be stored.
            ValueError: `timeout_s` is out of bounds.
            asyncio.CancelledError: the run is lost.
        """
        if not (math.isfinite(timeout_s) and 0 < timeout_s <= INPUT_TIMEOUT_MAX_S):
            bounds = f"more than 0 and at most {INPUT_TIMEOUT_MAX_S:.0f} seconds"
            raise ValueError(f"timeout_s: expected {bounds}, got {timeout_s!r}")
        earlier = await self._asked_before(self._emitter.text(prompt, "prompt"))
        with self._deadline.paused():
            if earlier is None:
                input_id, expires_at = await self._ask_anew(prompt, schema, timeout_s)
            elif earlier.answered:
                return earlier.value
            else:
                input_id, expires_at = earlier.input_id, earlier.expires_at
            self._waiting += 1
            self._on_waits()
            try:
                return await self._answer(input_id, expires_at)
            finally:
                self._waiting -= 1

    async def _asked_before(self, prompt: str) -> InputRow | None:
        """The next recorded question with this prompt; skipped ones were not asked again."""
        async with self._loading:
            if self._earlier is None:
                rows = () if self._attempt == 1 else await self._read_patiently()
                self._earlier = deque(rows)
                self._asked = rows[-1].ordinal if rows else 0
        if not any(row.prompt == prompt for row in self._earlier):
            return None
        while (row := self._earlier.popleft()).prompt != prompt:
            pass
        return row

    async def _ask_anew(self, prompt: str, schema: object, timeout_s: float) -> tuple[str, float]:
        input_id = UnifiedIdGenerator.generate_base_id("input")
        expires_at = round(self._clock.now() + timeout_s, 6)
        data = InputRequested(input_id, prompt, expires_at, schema)
        draft = self._emitter.draft(EventType.INPUT_REQUESTED, data, untrusted=schema)
        self._asked += 1
        self._outbox.ask(draft, Question(input_id, self._asked, prompt, expires_at))
        await self._outbox.stored()
        return input_id, expires_at

    async def _answer(self, input_id: str, expires_at: float) -> object:
        while True:
            signal = self._signal
            is_late = self._clock.now() >= expires_at
            if is_late:
                await self._outbox.behind_all()  # an answer in time may still be in the queue
            rows = await self._read_if_possible()
            for row in rows or ():
                if row.input_id == input_id and row.answered:
                    return row.value
            if is_late and rows is not None:  # also one that a failover lost
                raise InputExpired
            remaining_s = max(expires_at - self._clock.now(), 0.0) if not is_late else _POLL_S
            await set_within(signal, min(_LOOK_EVERY_S, remaining_s))

    async def _read_if_possible(self) -> Sequence[InputRow] | None:
        try:
            return await self._read()
        except ThreadcastError:
            return None  # the store is away: read again later

    async def _read_patiently(self) -> Sequence[InputRow]:
        while True:
            signal = self._signal
            try:
                return await self._read()
            except ThreadcastError as error:
                if not error.kind.retryable:
                    raise
                await set_within(signal, _POLL_S)

    async def _read(self) -> Sequence[InputRow]:
        async with self._sessions.open(self._context) as session:
            rows = await session.runs.inputs(self._context.run_id)
        return [self._by_own_clock(row) for row in rows]

    def _by_own_clock(self, row: InputRow) -> InputRow:
        """A question that a node with another clock may have asked, in an earlier attempt."""
        if row.open_s is None:
            return row
        return replace(row, expires_at=self._clock.now() + row.open_s)
