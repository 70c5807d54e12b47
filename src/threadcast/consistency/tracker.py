"""Follows contexts from creation to cleanup, and keeps their traces.

Memory is bounded. Beyond the bound the oldest trace without a violation is dropped first, so that
healthy traffic does not displace violations, which have half of the room to themselves. It knows no
server, and waits only for its own lock, which is held for microseconds.
"""

from __future__ import annotations

import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from ..clock import Clock, SystemClock
from ..context import UserExecutionContext
from ..ids import UnifiedIdGenerator
from .kinds import TrackedOperation
from .masking import Mask
from .report import ConsistencyReport, Totals, report_of
from .snapshots import ConsistencyViolation
from .trace import ConsistencyTrace, Moment, TraceHistory, TraceState

__all__ = ["MAX_SNAPSHOTS_PER_TRACE", "MAX_TRACES", "ThreadIDConsistencyTracker"]

MAX_TRACES = 500
MAX_SNAPSHOTS_PER_TRACE = 32

_SECRET_CHARACTERS = 32
_SAMPLES = 2**32

Violations = tuple[ConsistencyViolation, ...]


class ThreadIDConsistencyTracker:
    """Tracks whether a context's ids stay the same during its life.

    Thread-safe.

    Args:
        clock: timestamps snapshots; the machine's by default.
        max_traces: how many are kept, >= 1.
        max_snapshots_per_trace: how many of each are kept, >= 1; the latest stay.
        sample: the share of contexts that `follow` follows, 0..1; can be set at any time.
        on_recorded: called after every snapshot with its violations, mostly none, on the recording
            thread. Must not raise.

    Raises:
        ValueError: a bound is out of range.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        max_traces: int = MAX_TRACES,
        max_snapshots_per_trace: int = MAX_SNAPSHOTS_PER_TRACE,
        sample: float = 1.0,
        on_recorded: Callable[[Violations], None] | None = None,
    ) -> None:
        if max_traces < 1 or max_snapshots_per_trace < 1:
            raise ValueError("max_traces, max_snapshots_per_trace: expected 1 or more")
        if not 0 <= sample <= 1:
            raise ValueError(f"sample: expected a share of 0..1, got {sample!r}")
        self.sample = sample
        self._clock = clock or SystemClock()
        self._max_traces = max_traces
        self._max_snapshots = max_snapshots_per_trace
        self._on_recorded = on_recorded
        secret = UnifiedIdGenerator.generate_base_id("mask", random_length=_SECRET_CHARACTERS)
        self._mask = Mask(secret)
        self._lock = threading.Lock()
        # Both in order of arrival; a trace is in one of them, or dropped.
        self._clean: dict[str, TraceHistory] = {}
        self._violated: dict[str, TraceHistory] = {}
        self._by_run: dict[str, TraceHistory] = {}
        self._traces = 0
        self._snapshots = 0
        self._by_kind: Counter[str] = Counter()

    def trace(self) -> ConsistencyTrace:
        """A new, empty trace, regardless of the sample."""
        with self._lock:
            return ConsistencyTrace(self._begin(None), self._take)

    def begun(self, context: UserExecutionContext) -> ConsistencyTrace | None:
        """Follow a context that was just created: `follow`, and its first snapshot."""
        trace = self.follow(context)
        if trace is not None:
            trace.record(TrackedOperation.CONTEXT_CREATION, context)
        return trace

    def follow(self, context: UserExecutionContext) -> ConsistencyTrace | None:
        """The trace of the context's run, created if necessary.

        Components that share only a run id find the same trace. Whether a run is followed depends
        on its id alone, so all components agree.

        Returns:
            None if the run is not in the sample.
        """
        run_id = context.run_id
        if zlib.crc32(run_id.encode()) >= self.sample * _SAMPLES:
            return None
        with self._lock:
            history = self._by_run.get(run_id) or self._begin(run_id)
        return ConsistencyTrace(history, self._take)

    def report(
        self, named: str | None = None, *, limit: int | None = None, recording: bool = True
    ) -> ConsistencyReport:
        """The report of everything so far.

        Args:
            named: only traces that have this name, or in which a snapshot has this thread, run,
                request or connection id. The totals are those of all.
            limit: the most traces to return, those with violations first, then the latest.
            recording: whether the report says that new contexts are followed.
        """
        with self._lock:
            kept = list(self._latest())
            totals = Totals(self._traces, len(kept), self._snapshots, dict(self._by_kind))
        chosen = (one for one in self._states(kept) if named is None or one.names(named))
        return report_of(
            [state.content() for state in islice(chosen, limit)],
            totals,
            recording=recording,
            sample=self.sample,
            now=self._clock.now(),
        )

    def clear(self) -> None:
        """Forget all traces and start to count anew."""
        with self._lock:
            for history in self._latest():
                history.forget()
            for kept in (self._clean, self._violated, self._by_run, self._by_kind):
                kept.clear()
            self._traces = self._snapshots = 0

    # --- inside; the lock is held

    def _begin(self, run_id: str | None) -> TraceHistory:
        trace_id = UnifiedIdGenerator.generate_base_id("trace")
        history = TraceHistory(trace_id, run_id, self._mask, max_snapshots=self._max_snapshots)
        self._traces += 1
        self._keep(history, self._clean)
        return history

    def _keep(self, history: TraceHistory, among: dict[str, TraceHistory]) -> None:
        among[history.trace_id] = history
        if history.run_id is not None:
            self._by_run[history.run_id] = history
        while len(self._clean) + len(self._violated) > self._max_traces:
            is_crowded = len(self._violated) > max(1, self._max_traces // 2)
            crowd = self._violated if is_crowded or not self._clean else self._clean
            self._drop(crowd.pop(next(iter(crowd))))

    def _drop(self, history: TraceHistory) -> None:
        history.forget()
        if history.run_id is not None and self._by_run.get(history.run_id) is history:
            del self._by_run[history.run_id]

    def _latest(self) -> Iterator[TraceHistory]:
        yield from reversed(self._violated.values())
        yield from reversed(self._clean.values())

    # --- from any thread

    def _states(self, histories: Sequence[TraceHistory]) -> Iterator[TraceState]:
        """The state of each trace; locks one at a time, so that recorders wait briefly."""
        for history in histories:
            with self._lock:
                state = history.state()
            if state.seen:
                yield state

    def _take(self, history: TraceHistory, moment: Moment) -> Violations:
        with self._lock:
            violations = history.add(moment, self._clock.now())
            self._snapshots += 1
            if violations:
                self._by_kind.update(violation.kind for violation in violations)
                self._clean.pop(history.trace_id, None)
                self._keep(history, self._violated)
        if self._on_recorded is not None:
            self._on_recorded(violations)
        return violations
