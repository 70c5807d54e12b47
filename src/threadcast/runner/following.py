"""What a runner tells the consistency tracker of the runs that it executes.

A run's message was followed where it came in, by its run id. What the store gave back when the run
was claimed must be the same thread.
"""

from __future__ import annotations

from ..consistency.kinds import TrackedOperation
from ..consistency.trace import ConsistencyTrace
from ..consistency.tracker import ThreadIDConsistencyTracker
from ..context import UserExecutionContext

__all__ = ["end_trace", "trace_of"]


def trace_of(
    context: UserExecutionContext, tracker: ThreadIDConsistencyTracker
) -> ConsistencyTrace | None:
    """The trace of a run that begins to execute here; None if it is not in the sample."""
    trace = tracker.begun(context)
    if trace is not None:
        trace.record(TrackedOperation.MANAGER_CREATION, context)
        key = context.isolation_key
        trace.record(TrackedOperation.ISOLATION_KEY, context, key=key)
    return trace


def end_trace(trace: ConsistencyTrace, context: UserExecutionContext, *, is_here: bool) -> None:
    """The run's execution has ended and was looked for.

    Args:
        trace: the run's.
        context: as the execution has it now.
        is_here: whether it was found; where a later attempt has taken its place, that is no miss.
    """
    operation, key = TrackedOperation.CLEANUP_LOOKUP, context.isolation_key
    trace.record(operation, context, key=key, found=True if is_here else None)
