"""The tracker's rules: what is wrong, how bad it is, what it scores, and what is remembered."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast import ThreadIDConsistencyTracker, UserExecutionContext
from threadcast.consistency.kinds import KINDS, TrackedOperation
from threadcast.consistency.masking import TEXT_MAX_CHARACTERS
from threadcast.consistency.trace import ConsistencyTrace
from threadcast.ids import UnifiedIdGenerator
from threadcast.testing.clock import ManualClock

CREATION = TrackedOperation.CONTEXT_CREATION
LOOKUP = TrackedOperation.THREAD_LOOKUP
MANAGER = TrackedOperation.MANAGER_CREATION
KEY = TrackedOperation.ISOLATION_KEY
CLEANUP = TrackedOperation.CLEANUP_LOOKUP


def context(user_id: str = "alice") -> UserExecutionContext:
    return UserExecutionContext.create(user_id, "chat")


def elsewhere(original: UserExecutionContext) -> UserExecutionContext:
    """The same request, in a thread that has nothing to do with it."""
    return replace(original, thread_id=context().thread_id, thread_origin="stored")


def kinds(*steps: tuple[Any, ...]) -> list[str]:
    """What a trace of these steps is found to have; a step: operation, context, key?, found?"""
    trace = ThreadIDConsistencyTracker().trace()
    found = []
    for operation, seen, *more in steps:
        options = dict(zip(("key", "found"), more, strict=False))
        found += [one.kind for one in trace.record(operation, seen, **options)]
    return found


# --- the old failure ------------------------------------------------------------------------------


class KeyedManagers:
    """What teams build: managers by a text made of ids, at most three for each user."""

    def __init__(self, trace: ConsistencyTrace) -> None:
        self.by_key: dict[str, str] = {}
        self._trace = trace

    def create(self, seen: UserExecutionContext) -> None:
        """Make a manager, unless the user has too many."""
        owned = [user for user in self.by_key.values() if user == seen.user_id]
        if len(owned) >= 3:
            raise RuntimeError("maximum number of managers")
        self.by_key[_joined(seen)] = seen.user_id
        self._trace.record(MANAGER, seen, key=_joined(seen))

    def clean_up(self, seen: UserExecutionContext) -> list[str]:
        """Forget the manager of this context; what the tracker says of it."""
        found = self.by_key.pop(_joined(seen), None) is not None
        violations = self._trace.record(CLEANUP, seen, key=_joined(seen), found=found)
        return [f"{one.severity.value} {one.kind}" for one in violations]


def _joined(seen: UserExecutionContext) -> str:
    return f"{seen.user_id}:{seen.thread_id}"


def test_a_thread_id_that_changes_half_way_makes_cleanup_miss_and_is_seen() -> None:
    tracker = ThreadIDConsistencyTracker()
    trace = tracker.trace()
    managers = KeyedManagers(trace)
    begun = context()
    trace.record(CREATION, begun)
    managers.create(begun)
    trace.record(KEY, begun, key=_joined(begun))

    assert managers.clean_up(elsewhere(begun)) == ["critical cleanup_missed"]
    assert managers.by_key != {}, "the failure itself: the manager stays behind"
    report = tracker.report()
    assert report.score == 100 * (4 - 1) / 4
    assert report.analysis.by_severity == {"critical": 1, "high": 0, "medium": 0, "low": 0}
    assert report.analysis.open == 1
    assert len(report.analysis.unique_thread_ids) == 2


def test_what_is_in_order_scores_100() -> None:
    tracker = ThreadIDConsistencyTracker()
    trace = tracker.trace()
    managers = KeyedManagers(trace)
    begun = context()
    trace.record(CREATION, begun)
    managers.create(begun)
    trace.record("agent_work", begun)

    assert managers.clean_up(begun) == []
    assert (tracker.report().score, tracker.report().analysis.open) == (100.0, 0)


# --- rules ----------------------------------------------------------------------------------------


def test_a_drift_is_reported_where_it_begins_and_once() -> None:
    begun = context()
    other = elsewhere(begun)
    steps = [(CREATION, begun), ("work", other), ("more_work", other), ("work", begun)]

    assert kinds(*steps) == ["thread_changed", "thread_changed"]


def test_a_thread_that_was_looked_up_is_no_drift() -> None:
    begun = context()
    other = elsewhere(begun)

    assert kinds((CREATION, begun), (LOOKUP, other), (MANAGER, other), (CLEANUP, other)) == []
    assert kinds((MANAGER, begun), (LOOKUP, other), (CLEANUP, other)) == ["cleanup_missed"]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"user_id": "bob"}, "user_changed"),
        ({"run_id": context().run_id}, "run_changed"),
        (
            {"connection_id": UnifiedIdGenerator.generate_base_id("ws_conn")},
            "connection_changed",
        ),
    ],
)
def test_whatever_else_changes_has_a_name(changes: dict[str, str], kind: str) -> None:
    begun = replace(context(), connection_id=UnifiedIdGenerator.generate_base_id("ws_conn"))
    other = replace(begun, **changes, thread_origin="stored")

    assert kinds((CREATION, begun), ("work", other)) == [kind]


def test_a_later_request_of_the_same_run_is_in_order() -> None:
    begun = context()
    later = UserExecutionContext.for_run(begun.user_id, begun.thread_id, begun.run_id)

    assert kinds((CREATION, begun), (CREATION, later), (MANAGER, later), (CLEANUP, later)) == []


def test_explicit_keys_are_compared_as_they_are() -> None:
    begun = context()

    assert kinds((MANAGER, begun, "a"), (KEY, begun, "b")) == ["key_changed"]
    assert kinds((MANAGER, begun), (KEY, begun, "b"), (CLEANUP, begun, "b")) == []
    assert kinds((KEY, begun, "b"), (MANAGER, begun), (CLEANUP, begun, "c")) == ["cleanup_missed"]
    assert kinds((MANAGER, begun, ("a", "b:c")), (CLEANUP, begun, ("a:b", "c"))) == [
        "cleanup_missed"
    ]


def test_a_cleanup_that_reports_a_miss_is_one_though_the_keys_agree() -> None:
    begun = context()

    assert kinds((MANAGER, begun), (CLEANUP, begun, None, False)) == ["cleanup_found_nothing"]


def test_letting_go_twice_is_no_miss() -> None:
    begun = context()
    steps = [(MANAGER, begun), (CLEANUP, begun, None, True), (CLEANUP, begun, None, False)]

    assert kinds(*steps) == []
    assert kinds(*steps, (MANAGER, begun), (CLEANUP, begun, None, False)) == [
        "cleanup_found_nothing"
    ]


def test_a_cleanup_by_identity_is_told_apart() -> None:
    begun = context()
    steps = [(MANAGER, begun), (CLEANUP, elsewhere(begun), None, True)]

    assert kinds(*steps) == ["cleanup_would_miss"]


def test_loose_ids_are_judged_as_a_context_would_judge_them() -> None:
    trace = ThreadIDConsistencyTracker().trace()
    first, second = context(), context()

    def found(**ids: Any) -> list[str]:
        return [one.kind for one in trace.record_ids("work", **ids)]

    assert found(thread_id="websocket_factory_1757361062151") == ["legacy_id"]
    assert found(thread_id="websocket_factory_1757361062151") == []
    assert found(run_id="run-1") == ["malformed_id"]
    assert found(connection_id="ws_10146348_1757371237_8bfbba09") == ["legacy_id"]
    trace = ThreadIDConsistencyTracker().trace()
    mixed = {"thread_id": first.thread_id, "run_id": second.run_id, "request_id": first.request_id}
    assert found(**mixed) == []
    assert found(**mixed, thread_origin="set") == []
    other = {**mixed, "run_id": first.run_id, "request_id": second.request_id}
    assert found(**other, thread_origin="set") == ["run_changed", "not_one_set"]


def test_what_an_operation_does_not_know_is_not_a_change() -> None:
    trace = ThreadIDConsistencyTracker().trace()
    begun, other = context(), context()
    trace.record_ids(MANAGER, user_id="alice", thread_id=begun.thread_id)

    assert trace.record_ids("work", user_id="alice") == ()
    (violation,) = trace.record_ids("work", thread_id=other.thread_id)
    assert violation.kind == "thread_changed"
    assert begun.thread_id in violation.message
    assert other.thread_id in violation.message


@pytest.mark.parametrize("operation", ["", "Upper", "with space", "x" * 65, 7, None])
def test_an_operation_is_a_word(operation: Any) -> None:
    with pytest.raises(ValueError, match=r"^operation: expected "):
        ThreadIDConsistencyTracker().trace().record(operation, context())


@pytest.mark.parametrize("key", [7, ["a"], ("a", 7), ("a",) * 9])
def test_a_key_is_text_or_some_texts(key: Any) -> None:
    with pytest.raises(ValueError, match=r"^key: expected "):
        ThreadIDConsistencyTracker().trace().record(KEY, context(), key=key)


def test_an_id_is_text() -> None:
    with pytest.raises(TypeError, match=r"^thread_id: expected text or None, got int"):
        ThreadIDConsistencyTracker().trace().record_ids("work", thread_id=7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad", [{"max_traces": 0}, {"max_snapshots_per_trace": 0}, {"sample": 1.1}, {"sample": -1.0}]
)
def test_bounds_are_checked(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        ThreadIDConsistencyTracker(**bad)


# --- score and bounds -----------------------------------------------------------------------------

_IDS = st.sampled_from([None, *(context().thread_id for _ in range(3)), "old-id-abcd1234", "x y"])
_STEPS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from([*TrackedOperation, "work"]),
        _IDS,
        st.sampled_from(["alice", "bob", None]),
        st.sampled_from([None, True, False]),
    ),
    max_size=60,
)


@given(steps=_STEPS, max_traces=st.integers(1, 4), max_snapshots=st.integers(1, 5))
def test_score_and_memory_hold_for_any_history(
    steps: list[Any], max_traces: int, max_snapshots: int
) -> None:
    tracker = ThreadIDConsistencyTracker(
        max_traces=max_traces, max_snapshots_per_trace=max_snapshots
    )
    traces = [tracker.trace() for _ in range(6)]
    violations = 0
    for index, operation, thread_id, user_id, found in steps:
        violations += len(
            traces[index].record_ids(
                operation, user_id=user_id, thread_id=thread_id, run_id=thread_id, found=found
            )
        )
    report = tracker.report()
    expected = 100 * (len(steps) - violations) / len(steps) if steps else 100.0

    assert report.score == max(0.0, expected)
    assert (report.analysis.snapshots, report.analysis.violations) == (len(steps), violations)
    assert sum(report.analysis.by_severity.values()) == violations
    assert report.analysis.traces_kept <= max_traces
    by_trace = Counter(one.trace_id for one in report.snapshots)
    assert len(by_trace) <= max_traces
    assert all(count <= max_snapshots for count in by_trace.values())
    kept = {(one.trace_id, one.number) for one in report.snapshots}
    assert {(one.trace_id, one.number) for one in report.violations} <= kept
    assert report.text()
    assert report.html()


def test_the_oldest_goes_first_and_what_drifted_stays() -> None:
    tracker = ThreadIDConsistencyTracker(max_traces=4)
    begun = context()
    drifted = tracker.trace()
    drifted.record(MANAGER, begun)
    drifted.record(CLEANUP, elsewhere(begun))
    names = []
    for _ in range(10):
        trace = tracker.trace()
        trace.record(CREATION, context())
        names.append(trace.trace_id)
    kept = list(dict.fromkeys(one.trace_id for one in tracker.report().snapshots))

    assert kept == [drifted.trace_id, *reversed(names[-3:])]
    assert tracker.report().analysis.traces == 11


def test_drifted_traces_do_not_keep_all_others_out() -> None:
    tracker = ThreadIDConsistencyTracker(max_traces=4)
    for _ in range(10):
        begun, trace = context(), tracker.trace()
        trace.record(MANAGER, begun)
        trace.record(CLEANUP, elsewhere(begun))
    clean = tracker.trace()
    clean.record(CREATION, context())

    assert clean.trace_id in {one.trace_id for one in tracker.report().snapshots}


def test_a_trace_that_was_washed_out_is_still_judged_and_comes_back_when_it_drifts() -> None:
    tracker = ThreadIDConsistencyTracker(max_traces=1)
    begun = context()
    long_lived = tracker.trace()
    long_lived.record(MANAGER, begun)
    tracker.trace().record(CREATION, context())
    assert long_lived.trace_id not in {one.trace_id for one in tracker.report().snapshots}

    (violation,) = long_lived.record(CLEANUP, elsewhere(begun))

    assert violation.kind == "cleanup_missed"
    assert [one.trace_id for one in tracker.report().violations] == [long_lived.trace_id]


def test_clear_begins_anew() -> None:
    tracker = ThreadIDConsistencyTracker()
    begun, trace = context(), tracker.trace()
    trace.record(MANAGER, begun)
    trace.record(CLEANUP, elsewhere(begun))
    tracker.clear()

    assert tracker.report().analysis.traces_kept == 0
    assert (tracker.report().score, tracker.report().snapshots) == (100.0, [])


def test_an_id_of_any_length_takes_bounded_memory_and_is_still_told_apart() -> None:
    trace = ThreadIDConsistencyTracker().trace()
    trace.record_ids(MANAGER, thread_id="x" * 1_000_000)

    assert [one.kind for one in trace.record_ids("work", thread_id="x" * 999_999 + "y")] == [
        "thread_changed",
        "malformed_id",
    ]
    assert trace.record_ids("work", key="k" * 1_000_000) == ()


def test_a_kept_id_is_short() -> None:
    tracker = ThreadIDConsistencyTracker()
    tracker.trace().record_ids(MANAGER, thread_id="x" * 1_000_000, key=("k" * 1_000, "v"))
    (snapshot,) = tracker.report().snapshots

    assert len(snapshot.thread_id or "") <= TEXT_MAX_CHARACTERS
    assert len(snapshot.key or "") <= TEXT_MAX_CHARACTERS


# --- following ------------------------------------------------------------------------------------


def test_components_that_share_a_run_id_share_a_trace() -> None:
    tracker = ThreadIDConsistencyTracker()
    begun = context()
    first, again = tracker.begun(begun), tracker.follow(begun)
    assert first is not None
    assert again is not None

    assert first.trace_id == again.trace_id
    wrong = UserExecutionContext.for_run(begun.user_id, context().thread_id, begun.run_id)
    assert [one.kind for one in again.record("execution", wrong)] == ["thread_changed"]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_sample_is_decided_once_by_the_run(share: float) -> None:
    one, another = (ThreadIDConsistencyTracker(sample=share) for _ in range(2))
    contexts = [context() for _ in range(400)]
    chosen = [seen for seen in contexts if one.follow(seen) is not None]

    assert chosen == [seen for seen in contexts if another.follow(seen) is not None]
    assert share - 0.12 <= len(chosen) / 400 <= share + 0.12


def test_a_report_can_be_of_one_id_only() -> None:
    tracker = ThreadIDConsistencyTracker()
    contexts = [context() for _ in range(5)]
    traces = [tracker.begun(seen) for seen in contexts]
    wanted, trace = contexts[2], traces[2]
    assert trace is not None

    for name in (trace.trace_id, wanted.thread_id, wanted.run_id, wanted.request_id):
        report = tracker.report(name)
        assert [one.run_id for one in report.snapshots] == [wanted.run_id]
        assert report.analysis.snapshots == 5
    assert tracker.report("alice").snapshots == []
    assert len(tracker.report(limit=2).snapshots) == 2


def test_every_snapshot_is_told_with_what_is_wrong() -> None:
    told: list[list[str]] = []
    tracker = ThreadIDConsistencyTracker(
        on_recorded=lambda violations: told.append([one.kind for one in violations])
    )
    begun, trace = context(), tracker.trace()
    trace.record(MANAGER, begun)
    trace.record(CLEANUP, elsewhere(begun))

    assert told == [[], ["cleanup_missed"]]


def test_times_are_the_given_clocks() -> None:
    clock = ManualClock(now=1_000.0)
    tracker = ThreadIDConsistencyTracker(clock=clock)
    trace = tracker.trace()
    trace.record(CREATION, context())
    clock.advance(2.5)
    trace.record("work", context())

    assert [one.at for one in tracker.report().snapshots] == [1_000.0, 1_002.5]


def test_many_threads_lose_nothing() -> None:
    tracker = ThreadIDConsistencyTracker(max_traces=10)
    shared = tracker.trace()
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(200):
            begun = context()
            trace = tracker.begun(begun)
            assert trace is not None
            trace.record(MANAGER, begun)
            shared.record_ids("work", user_id="alice")
            tracker.report(limit=1)
            assert trace.record(CLEANUP, elsewhere(begun))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    analysis = tracker.report().analysis

    assert (analysis.snapshots, analysis.violations) == (8 * 200 * 4, 8 * 200)
    assert (analysis.traces, analysis.traces_kept) == (8 * 200 + 1, 10)


def test_every_kind_has_a_sentence_that_fills() -> None:
    for kind in KINDS.values():
        assert "{" not in kind.says.format(expected="1", got="2")
        assert kind.means.endswith(".")
