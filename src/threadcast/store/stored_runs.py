"""What every store keeps of a run in the same form: status codes and derived facts. Pure.

It may not know SQL, nor how a database names its rows.
"""

from __future__ import annotations

from ..bus import Hint, RunSignal
from ..errors import ThreadcastError
from ..events import AgentCancelled, EventDraft, EventType
from ..runs import ENDED, EXTERNAL_OWNER, OWNED, RunStatus

__all__ = [
    "LAST_LIVE",
    "QUEUED",
    "RUNNING",
    "STATUS_CODE",
    "STATUS_OF_CODE",
    "THREAD_DELETED",
    "THREAD_PURGED",
    "THREAD_THERE",
    "WAITING",
    "StoredRun",
    "cancelled",
    "check_attempt",
    "check_external",
    "signal",
    "word_of",
]

STATUS_CODE: dict[RunStatus, int] = {status: code for code, status in enumerate(RunStatus, start=1)}
STATUS_OF_CODE: dict[int, RunStatus] = {code: status for status, code in STATUS_CODE.items()}
QUEUED = STATUS_CODE[RunStatus.QUEUED]
RUNNING = STATUS_CODE[RunStatus.RUNNING]
WAITING = STATUS_CODE[RunStatus.WAITING]
LAST_LIVE = WAITING
THREAD_THERE, THREAD_DELETED, THREAD_PURGED = 0, 1, 2


class StoredRun:
    """What the columns of a run's row say together; a store's record of a run has these fields."""

    __slots__ = ()

    run_id: str
    status: RunStatus
    fence: int
    attempt: int
    owner: str | None
    handed_over: int

    @property
    def crashes(self) -> int:
        """How many attempts were lost with their owner, counting the present one."""
        return self.attempt - self.handed_over

    @property
    def executed_here(self) -> bool:
        """Whether a node executes it now, so that the node has to end it."""
        return self.status in OWNED and self.owner != EXTERNAL_OWNER

    @property
    def word(self) -> int:
        """See `word_of`."""
        return word_of(self.fence, self.status)


def word_of(fence: int, status: RunStatus) -> int:
    """Fence and status packed into one number."""
    return fence * 8 + STATUS_CODE[status]


def signal(run: StoredRun) -> list[Hint]:
    """The hint that signals a run's owner, if its owner is a node."""
    if run.owner is None or run.owner == EXTERNAL_OWNER:
        return []
    return [RunSignal(run.run_id, run.owner)]


def cancelled(reason: str) -> EventDraft:
    """The event that ends a run as cancelled."""
    return EventDraft.of(EventType.AGENT_CANCELLED, AgentCancelled(reason))


def check_external(run: StoredRun, *, of_thread: bool) -> None:
    """Refuse an event of another service for a run that it may not append to.

    Args:
        run: the run that the event names.
        of_thread: whether the run belongs to the thread that the event names, if it names one.

    Raises:
        ThreadcastError: `bad_id`: the run is another thread's; `forbidden`: a node executes it.
    """
    if not of_thread:
        raise ThreadcastError("bad_id", "run_id: expected a run of the thread, got another one's")
    if run.status not in ENDED and run.owner != EXTERNAL_OWNER:
        raise ThreadcastError("forbidden", "expected a run of another service, got one of this")


def check_attempt(run: StoredRun | None, attempt: int) -> None:
    """Refuse an attempt that is not later than the run's last one.

    Raises:
        ThreadcastError: `out_of_order`.
    """
    if run is not None and attempt <= run.attempt:
        problem = f"attempt: expected more than {run.attempt}, got {attempt}"
        raise ThreadcastError("out_of_order", problem)
