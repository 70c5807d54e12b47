"""The rules of runs: legal status transitions, and what a new message does to a busy thread.

Pure: no I/O, no clock, no loop. Stores apply these rules inside the committing transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from .errors import ThreadcastError
from .events import EventType

OnBusy = Literal["queue", "reject", "interrupt"]
OnDisconnect = Literal["continue", "cancel"]


class RunStatus(StrEnum):
    """The status of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


EXTERNAL_OWNER = "external"
"""The owner of a run that another service executes; no node may claim it."""

LIVE_RUNS_COUNTED_MAX = 20_000
"""How many live runs are counted at most when operators ask how many there are."""

CLAIM_USERS_MAX = 64
"""The most users with waiting runs that a claim considers, starting after the last one served."""
CLAIM_THREADS_MAX = 128
"""The most threads of each user that a claim considers, in order of creation."""

OWNED = frozenset({RunStatus.RUNNING, RunStatus.WAITING})
ENDED = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})

TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: OWNED | {RunStatus.FAILED, RunStatus.CANCELLED},
    RunStatus.RUNNING: frozenset({RunStatus.WAITING, RunStatus.QUEUED}) | ENDED,
    RunStatus.WAITING: frozenset({RunStatus.RUNNING, RunStatus.QUEUED}) | ENDED,
    RunStatus.COMPLETED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}

TERMINAL_STATUS: dict[EventType, RunStatus] = {
    EventType.AGENT_COMPLETED: RunStatus.COMPLETED,
    EventType.AGENT_FAILED: RunStatus.FAILED,
    EventType.AGENT_CANCELLED: RunStatus.CANCELLED,
}

_STATUS_AFTER: dict[EventType, RunStatus] = {
    **TERMINAL_STATUS,
    EventType.INPUT_REQUESTED: RunStatus.WAITING,
}


def status_after(status: RunStatus, event_type: EventType) -> RunStatus:
    """The status of a run once its owner has appended an event of this type.

    A run that goes on waits all the same while another of its questions is open: neither answered
    nor expired. Stores check that themselves; this function returns `running`.

    Raises:
        ThreadcastError: `run_finished` when the run has ended.
    """
    if status in ENDED:
        raise ThreadcastError("run_finished", f"the run is {status.value}; it takes no more events")
    following = _STATUS_AFTER.get(event_type, RunStatus.RUNNING)
    if following is not status and following not in TRANSITIONS[status]:
        raise AssertionError(f"{status.value} to {following.value} by {event_type.value}")
    return following


# The first event that another service may send of a run, which is not executed here.
_EXTERNAL_BEGINS: dict[EventType, RunStatus] = {
    EventType.MESSAGE_CREATED: RunStatus.QUEUED,
    EventType.RUN_QUEUED: RunStatus.QUEUED,
    EventType.AGENT_STARTED: RunStatus.RUNNING,
}
_ENDS_UNSTARTED = frozenset({RunStatus.FAILED, RunStatus.CANCELLED})


def external_status_after(status: RunStatus | None, event_type: EventType) -> RunStatus:
    """The new status of a run of another service after one of its events.

    Args:
        status: the present status; None for a new run.
        event_type: the type of the event.

    Raises:
        ThreadcastError: `not_found`: the event cannot begin a run; `run_finished`: the run has
            ended; `out_of_order`: any other illegal event.
    """
    came = event_type.value
    if status is None:
        if event_type in _EXTERNAL_BEGINS:
            return _EXTERNAL_BEGINS[event_type]
        raise ThreadcastError("not_found", f"expected a run that has begun, got {came}")
    if status in ENDED:
        return status_after(status, event_type)
    if event_type is EventType.MESSAGE_CREATED:
        raise ThreadcastError("out_of_order", f"expected {came} before all else of its run")
    if event_type is EventType.RUN_QUEUED:
        if status is RunStatus.QUEUED:
            return status
        raise ThreadcastError("out_of_order", f"expected {came} before agent_started")
    following = _STATUS_AFTER.get(event_type, RunStatus.RUNNING)
    begins = event_type is EventType.AGENT_STARTED
    if status is RunStatus.QUEUED and not begins and following not in _ENDS_UNSTARTED:
        raise ThreadcastError("out_of_order", f"expected agent_started first, got {came}")
    return status_after(status, event_type)


@dataclass(frozen=True, slots=True)
class Admission:
    """What a new message does to its thread.

    Attributes:
        position: how many runs of the thread stay ahead of the new one; 0 starts at once.
        interrupt: whether every live run of the thread is to be cancelled first.
        beyond_limit: whether the user has more runs than the limit, which was not enforced.
    """

    position: int
    interrupt: bool
    beyond_limit: bool = False


def admit(
    live: Sequence[RunStatus],
    on_busy: OnBusy,
    *,
    user_live: int,
    user_live_max: int,
    limit_enforced: bool = True,
) -> Admission:
    """Decide what a new message does to its thread.

    Args:
        live: the statuses of the thread's runs that have not ended.
        on_busy: the sender's policy.
        user_live: how many runs of the user have not ended, in all threads.
        user_live_max: how many there may be.
        limit_enforced: whether a run beyond that is refused; otherwise it is only reported.

    Raises:
        ThreadcastError: `run_active` when the policy is to reject; `too_many_runs`.
    """
    if live and on_busy == "reject":
        raise ThreadcastError("run_active", f"{len(live)} run(s) of this thread have not ended")
    beyond_limit = user_live >= user_live_max
    if beyond_limit and limit_enforced:
        raise ThreadcastError(
            "too_many_runs", f"at most {user_live_max} runs at once, {user_live} have not ended"
        )
    interrupt = bool(live) and on_busy == "interrupt"
    return Admission(position=len(live), interrupt=interrupt, beyond_limit=beyond_limit)


def check_owner(*, held: int, fence: int, status: RunStatus) -> None:
    """Refuse an operation by somebody who is not (or no longer) the run's owner.

    Args:
        held: the fence of the lease.
        fence: the run's.
        status: the run's.

    Raises:
        ThreadcastError: `fenced` or `run_finished`.
    """
    if held != fence:
        raise ThreadcastError("fenced")
    if status in ENDED:
        raise ThreadcastError("run_finished", f"the run is {status.value}; it takes no more events")


def may_retry(*, on_crash: str, crashes: int, attempts_max: int) -> bool:
    """Whether a run whose owner was lost may be attempted again.

    Args:
        on_crash: its agent's policy.
        crashes: how many attempts were lost, this one included; a hand-over does not count.
        attempts_max: how many may.
    """
    return on_crash == "retry" and crashes < attempts_max
