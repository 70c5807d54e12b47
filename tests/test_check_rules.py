"""The pure rules behind a check's verdicts, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from threadcast.check import (
    PROMISES,
    CheckOptions,
    Finding,
    Outcome,
    Report,
    Verdict,
    promises_named,
)
from threadcast.check.golden import judge_five
from threadcast.check.isolation import difference_faults as isolation_faults
from threadcast.check.load import difference_faults, sequence_faults
from threadcast.check.reading import reading_of
from threadcast.check.resume import resume_fault
from threadcast.check.speed import ids_finding
from threadcast.check.verdict import percentile
from threadcast.check.witness import Witness
from threadcast.events import Event

RUN = "run_chat_1763629200001_7_90c65fe4"
FIVE = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]


def event(seq: int, kind: str = "agent_delta", first_seq: int | None = None, **data: Any) -> Event:
    return Event(kind, 1.0, "u", data, run_id=RUN, seq=seq, first_seq=first_seq)


def deltas(*seqs: int) -> list[Event]:
    return [event(seq, text=f"<{seq}>") for seq in seqs]


# --- order --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seqs", "faults"),
    [
        ((8, 9, 10), []),
        ((8, 10), ["seq 9 is missing: 10 came behind 8"]),
        ((9,), ["seq 8 is missing: 9 came behind 7"]),
        ((8, 8, 9), ["seq 8 came twice"]),
        ((8, 10, 9), ["seq 9 is missing: 10 came behind 8", "seq 9 came behind 10"]),
        ((7, 8), ["seq 7 came behind 7"]),
    ],
    ids=["right", "hole", "hole at the start", "double", "swapped", "before the cursor"],
)
def test_seqs_are_dense_and_increase(seqs: tuple[int, ...], faults: list[str]) -> None:
    assert sequence_faults(7, deltas(*seqs)) == faults


def test_a_merged_event_stands_for_all_of_its_seqs() -> None:
    assert sequence_faults(7, [event(10, first_seq=8, text="abc"), event(11)]) == []
    assert sequence_faults(8, [event(10, first_seq=8, text="abc")]) == ["seq 10 came behind 8"]


def test_devices_are_compared_event_by_event() -> None:
    first = reading_of(deltas(1, 2, 3), up_to=3)

    def faults(events: list[Event]) -> list[str]:
        return difference_faults(first, reading_of(events, up_to=3))

    assert faults(deltas(1, 2, 3)) == []
    assert faults([event(1, text="<1>"), event(3, first_seq=2, text="<2><3>")]) == []  # joined
    assert faults(deltas(1, 2, 3, 4)) == []  # the first one may have left earlier
    assert faults(deltas(1, 3)) == ["seq 2 did not come to the second device"]
    assert faults(deltas(1, 3, 2)) == ["events came to the second device in another order"]
    assert faults([*deltas(1, 2), event(3, text="other")]) == [
        "a streamed text was another one on the second device"
    ]
    assert faults([*deltas(1, 2), event(3, "agent_failed")]) == [
        "a streamed text was another one on the second device"
    ]


def test_what_the_second_device_alone_has_is_not_its_fault() -> None:
    second = reading_of([*deltas(1, 2), event(3, "agent_completed")], up_to=3)
    first = reading_of([*deltas(1), event(3, "agent_completed")], up_to=3)
    assert difference_faults(first, second) == []
    other = reading_of([*deltas(1), event(3, "agent_failed")], up_to=3)
    assert difference_faults(first, other) == ["seq 3 was another event on the second device"]


# --- resume -------------------------------------------------------------------------------------

WHOLE = reading_of([*deltas(1, 2, 3), event(4, "agent_completed", content="x")], up_to=4)


@pytest.mark.parametrize(
    "events",
    [
        [*deltas(3), event(4, "agent_completed", content="x")],
        [*deltas(3), event(4, "agent_completed", content="x"), event(5)],
    ],
    ids=["exact", "and more behind the head"],
)
def test_a_resume_goes_on_behind_its_cursor(events: list[Event]) -> None:
    assert resume_fault(WHOLE, reading_of(events, up_to=4), 2) == ""


def test_a_resume_may_have_its_deltas_merged() -> None:
    got = [event(3, first_seq=2, text="<2><3>"), event(4, "agent_completed", content="x")]
    assert resume_fault(WHOLE, reading_of(got, up_to=4), 1) == ""


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([event(4, "agent_completed", content="x")], "seq 4 came where 3 was expected"),
        (deltas(2, 3), "seq 2 came where 3 was expected"),
        (deltas(3), "it ended before seq 4"),
        ([], "it ended before seq 3"),
        ([*deltas(3), event(4, "agent_failed")], "an event is another one than before"),
        (
            [event(3, text="?"), event(4, "agent_completed", content="x")],
            "a streamed text is another one than before",
        ),
    ],
)
def test_a_wrong_resume_is_told(events: list[Event], fault: str) -> None:
    assert resume_fault(WHOLE, reading_of(events, up_to=4), 2) == f"behind 2: {fault}"


# --- the golden path ----------------------------------------------------------------------------


def run_of(*kinds: str) -> list[Event]:
    return [event(seq, kind, tool_call_id="t") for seq, kind in enumerate(kinds, 1)]


def test_five_events_in_order_pass() -> None:
    finding = judge_five(run_of("message_created", *FIVE[:4], "agent_delta", FIVE[4]))
    assert finding == Finding(Outcome.PASS, "5 of 5 agent events, in order")


def test_an_agent_without_tools_is_said_and_not_called_broken() -> None:
    finding = judge_five(run_of("agent_started", "agent_thinking", "agent_completed"))
    assert finding.outcome is Outcome.NOT_SHOWN
    assert "did not show tool_executing, tool_completed" in finding.faults[0]


@pytest.mark.parametrize(
    ("kinds", "fault"),
    [
        (FIVE[1:], "there is no agent_started"),
        ([FIVE[0], FIVE[1], "agent_failed"], "there is no agent_completed"),
        ([FIVE[0], FIVE[2], FIVE[4]], "1 tool_executing and 0 tool_completed came"),
        ([FIVE[1], FIVE[0], *FIVE[2:]], "agent_thinking came before agent_started"),
        (
            [FIVE[0], FIVE[3], FIVE[2], FIVE[4]],
            "at seq 2, tool_completed came before its tool_executing",
        ),
        (
            [*FIVE, "agent_failed"],
            "expected one end behind all else, got agent_completed, agent_failed",
        ),
        (
            [*FIVE, "agent_delta"],
            "expected one end behind all else, got agent_completed",
        ),
    ],
)
def test_what_no_agent_can_be_the_reason_for_is_broken(kinds: list[str], fault: str) -> None:
    finding = judge_five(run_of(*kinds))
    assert finding.outcome is Outcome.FAIL
    assert fault in finding.faults


# --- isolation and foreign deliveries -----------------------------------------------------------


def test_an_answer_that_differs_is_told_with_both_sides() -> None:
    nobody = {"GET x": (404, "not_found"), "GET y": (404, "not_found")}
    assert isolation_faults(nobody, dict(nobody)) == []
    faults = isolation_faults(nobody, {**nobody, "GET y": (403, "forbidden")})
    assert faults == ["GET y: another's id gets 403 forbidden, nobody's 404 not_found"]


def test_a_witness_knows_strangers_by_name_and_by_mark() -> None:
    witness = Witness()
    witness.know("ann", "mark-of-ann")
    witness.know("bob", "mark-of-bob")
    witness.saw_event("ann", Event("caught_up", 1.0, "ann", {}), "mark-of-ann")
    witness.saw_event("", Event("connection_ready", 1.0, "ann", {}), "")
    assert (witness.deliveries, witness.foreign) == (2, 0)
    witness.saw_event("ann", Event("agent_delta", 1.0, "bob", {}), "")
    witness.saw_event("ann", Event("agent_delta", 1.0, "ann", {}), "... mark-of-bob ...")
    witness.saw_text("bob", "... mark-of-ann ...", "answer")
    assert (witness.deliveries, witness.foreign) == (5, 3)
    assert witness.strays == [
        "agent_delta of bob came to ann",
        "agent_delta with the mark of bob came to ann",
        "answer with the mark of ann came to bob",
    ]


# --- figures and the plan -----------------------------------------------------------------------


def test_slow_ids_are_told() -> None:
    assert ids_finding([0.000_01] * 200).outcome is Outcome.PASS
    assert ids_finding([0.000_01] * 190 + [0.002] * 10).outcome is Outcome.FAIL


def test_percentiles() -> None:
    assert percentile([], 0.95) == 0.0
    assert percentile([3.0], 0.5) == 3.0
    assert percentile([float(n) for n in range(100)], 0.95) == 95.0


def test_a_finding_keeps_five_faults_and_counts_the_others() -> None:
    finding = Finding.judged("", [str(number) for number in range(8)])
    assert finding.faults == ("0", "1", "2", "3", "4", "and 3 more")


def test_promises_are_found_by_name_in_the_order_of_the_plan() -> None:
    assert promises_named([]) == PROMISES
    assert [one.name for one in promises_named(["resume", "order"])] == ["order", "resume"]
    with pytest.raises(ValueError, match='unknown promise "resum", did you mean "resume"'):
        promises_named(["resum"])


@pytest.mark.parametrize(
    ("name", "value"),
    [("connections", 0), ("connections", 201), ("timeout_s", 0), ("leeway_s", 61), ("cursors", 0)],
)
def test_every_number_is_bounded(name: str, value: float) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name}: expected"):
        CheckOptions(**options)


def verdict(outcome: Outcome) -> Verdict:
    return Verdict("n", "p", "b", Finding(outcome), 0.0)


@pytest.mark.parametrize(
    ("outcomes", "timed_out", "holds"),
    [
        ([Outcome.PASS, Outcome.NOT_RUN, Outcome.NOT_SHOWN], False, True),
        ([Outcome.PASS, Outcome.FAIL], False, False),
        ([Outcome.PASS, Outcome.NOT_RUN], True, False),
    ],
)
def test_a_report_holds_when_nothing_is_broken_and_nothing_was_cut_off(
    outcomes: list[Outcome], timed_out: bool, holds: bool
) -> None:
    verdicts = tuple(map(verdict, outcomes))
    assert Report("u", ("a", "b"), 0.0, 0.0, verdicts, timed_out).holds is holds
