"""Reports the ids of executed runs to the consistency tracker.

A run's message was traced where it came in, by run id. The thread that the store returned with the
claim must be the same one.
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
    """The trace of a run that starts to execute here; None if it is not in the sample."""
    trace = tracker.begun(context)
    if trace is not None:
        trace.record(TrackedOperation.MANAGER_CREATION, context)
        key = context.isolation_key
        trace.record(TrackedOperation.ISOLATION_KEY, context, key=key)
    return trace


def end_trace(trace: ConsistencyTrace, context: UserExecutionContext, *, is_here: bool) -> None:
    """Record the cleanup of a run's execution.

    Args:
        trace: the run's.
        context: as the execution has it now.
        is_here: whether it was found; one replaced by a later attempt counts as found.
    """
    operation, key = TrackedOperation.CLEANUP_LOOKUP, context.isolation_key
    trace.record(operation, context, key=key, found=True if is_here else None)
