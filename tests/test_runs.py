"""The rules of runs, without a loop."""

from __future__ import annotations

import pytest

from threadcast.errors import ThreadcastError
from threadcast.events import TERMINAL_EVENTS, EventType
from threadcast.runs import (
    ENDED,
    TERMINAL_STATUS,
    TRANSITIONS,
    Admission,
    OnBusy,
    RunStatus,
    admit,
    external_status_after,
    may_retry,
    status_after,
)

R = RunStatus


@pytest.mark.parametrize("ended", sorted(ENDED))
@pytest.mark.parametrize("event_type", EventType)
def test_an_ended_run_takes_no_event(ended: RunStatus, event_type: EventType) -> None:
    with pytest.raises(ThreadcastError) as caught:
        status_after(ended, event_type)
    assert caught.value.code == "run_finished"


def test_every_terminal_event_has_a_status_that_nothing_follows() -> None:
    assert set(TERMINAL_STATUS) == TERMINAL_EVENTS
    assert all(not TRANSITIONS[status] for status in TERMINAL_STATUS.values())


@pytest.mark.parametrize(
    ("before", "event_type", "after"),
    [
        (R.RUNNING, EventType.AGENT_DELTA, R.RUNNING),
        (R.RUNNING, EventType.INPUT_REQUESTED, R.WAITING),
        (R.WAITING, EventType.INPUT_RECEIVED, R.RUNNING),
        (R.RUNNING, EventType.AGENT_COMPLETED, R.COMPLETED),
        (R.WAITING, EventType.AGENT_CANCELLED, R.CANCELLED),
        (R.RUNNING, EventType.AGENT_FAILED, R.FAILED),
    ],
)
def test_status_follows_from_the_event(
    before: RunStatus, event_type: EventType, after: RunStatus
) -> None:
    assert status_after(before, event_type) is after


@pytest.mark.parametrize(
    ("live", "on_busy", "expected"),
    [
        ([], "queue", Admission(0, interrupt=False)),
        ([], "reject", Admission(0, interrupt=False)),
        ([R.RUNNING], "queue", Admission(1, interrupt=False)),
        ([R.RUNNING, R.QUEUED], "queue", Admission(2, interrupt=False)),
        ([R.RUNNING], "interrupt", Admission(1, interrupt=True)),
    ],
)
def test_r1_a_busy_thread_is_treated_as_asked(
    live: list[RunStatus], on_busy: OnBusy, expected: Admission
) -> None:
    assert admit(live, on_busy, user_live=len(live), user_live_max=9) == expected


@pytest.mark.parametrize(
    ("live", "on_busy", "user_live", "code"),
    [([R.RUNNING], "reject", 1, "run_active"), ([], "queue", 3, "too_many_runs")],
)
def test_r1_refusals(live: list[RunStatus], on_busy: OnBusy, user_live: int, code: str) -> None:
    with pytest.raises(ThreadcastError) as caught:
        admit(live, on_busy, user_live=user_live, user_live_max=3)
    assert caught.value.code == code


def test_only_a_retryable_run_with_attempts_left_is_retried() -> None:
    assert may_retry(on_crash="retry", crashes=1, attempts_max=3)
    assert not may_retry(on_crash="retry", crashes=3, attempts_max=3)
    assert not may_retry(on_crash="fail", crashes=1, attempts_max=3)


_OF_RUNS = [kind for kind in EventType if not kind.startswith("thread_")]


def said(status: RunStatus | None, kind: EventType) -> RunStatus | str:
    """The status that follows when another service says this, or the code that refuses it."""
    try:
        return external_status_after(status, kind)
    except ThreadcastError as error:
        return error.code


@pytest.mark.parametrize("kind", _OF_RUNS)
def test_what_another_service_says_fits_the_life_of_a_run(kind: EventType) -> None:
    assert {said(status, kind) for status in ENDED} == {"run_finished"}
    for status in (R.QUEUED, R.RUNNING, R.WAITING):
        after = said(status, kind)
        if isinstance(after, RunStatus):
            assert after is status or after in TRANSITIONS[status]
            assert (after in ENDED) == (kind in TERMINAL_EVENTS)
        else:
            assert after == "out_of_order"


def test_a_run_of_another_service_begins_before_it_goes_on() -> None:
    begun = {kind: said(None, kind) for kind in _OF_RUNS}
    assert {kind: after for kind, after in begun.items() if after != "not_found"} == {
        EventType.MESSAGE_CREATED: R.QUEUED,
        EventType.RUN_QUEUED: R.QUEUED,
        EventType.AGENT_STARTED: R.RUNNING,
    }
    queued = {kind: said(R.QUEUED, kind) for kind in _OF_RUNS}
    assert {kind: after for kind, after in queued.items() if after != "out_of_order"} == {
        EventType.RUN_QUEUED: R.QUEUED,
        EventType.AGENT_STARTED: R.RUNNING,
        EventType.AGENT_FAILED: R.FAILED,
        EventType.AGENT_CANCELLED: R.CANCELLED,
    }
