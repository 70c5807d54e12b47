"""The cost of consistency tracking: switched off, and per snapshot."""

from __future__ import annotations

import timeit
from statistics import median

from threadcast.consistency.kinds import TrackedOperation
from threadcast.consistency.recording import ConsistencyRecording
from threadcast.consistency.tracker import ThreadIDConsistencyTracker
from threadcast.context import UserExecutionContext

_ROUNDS = 9
_CONTEXTS = 5_000
_QUESTIONS = 500_000
_SNAPSHOTS = 4
_QUESTION = "tracker = recording.active\nif tracker is not None:\n    tracker.begun(None)"


def following_costs_us() -> tuple[float, float, float]:
    """Microseconds: creating a context, the tracing decision (no), a snapshot."""
    recording = ConsistencyRecording(ThreadIDConsistencyTracker(), on=False)
    makings, questions = [], []
    for _ in range(_ROUNDS):
        makings.append(timeit.timeit(_make, number=_CONTEXTS) / _CONTEXTS)
        asked_s = timeit.timeit(_QUESTION, globals={"recording": recording}, number=_QUESTIONS)
        questions.append(asked_s / _QUESTIONS)
    return median(makings) * 1e6, median(questions) * 1e6, _snapshot_us()


def _make() -> None:
    UserExecutionContext.create("user", "bench")


def _snapshot_us() -> float:
    """The cost per snapshot of lives of four snapshots, each with a new trace."""
    tracker = ThreadIDConsistencyTracker()
    contexts = [UserExecutionContext.create("user", "bench") for _ in range(_CONTEXTS)]

    def lives() -> None:
        for context in contexts:
            trace = tracker.begun(context)
            if trace is not None:
                key = context.isolation_key
                trace.record(TrackedOperation.MANAGER_CREATION, context)
                trace.record(TrackedOperation.ISOLATION_KEY, context, key=key)
                trace.record(TrackedOperation.CLEANUP_LOOKUP, context, key=key, found=True)

    times = [timeit.timeit(lives, number=1) for _ in range(_ROUNDS)]
    return median(times) / _CONTEXTS / _SNAPSHOTS * 1e6
