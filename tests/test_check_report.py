"""A check's verdicts as text, JSON and JUnit; nothing that a server said can steer a terminal."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from threadcast.check import PROMISES, Finding, Outcome, Report, Verdict
from threadcast.cli.check_report import (
    json_text,
    junit_bytes,
    may_colour,
    promises_text,
    summary_text,
    verdict_text,
)

BROKEN = Finding(Outcome.FAIL, "9 events", ("seq 7 came twice", "said \x1b[31mred\u202e"))
VERDICTS = (
    Verdict("connect", "Connecting works.", "> 99.5 %", Finding(Outcome.PASS, "100 %"), 1.25),
    Verdict("order", "Every event comes once.", "0 faults", BROKEN, 0.5),
    Verdict("expiry", "It ends.", "in time", Finding(Outcome.NOT_RUN, "", ("no secret",)), 0.0),
    Verdict("cancel", "It ends.", "all", Finding(Outcome.NOT_SHOWN, "", ("too fast",)), 0.0),
)
REPORT = Report("http://h", ("ann", "bob\x1b"), 1.0, 2.0, VERDICTS, left_behind=("thread_x",))


def test_a_verdict_is_a_line_with_its_faults_below() -> None:
    assert verdict_text(VERDICTS[0], None, colour=False) == (
        "pass       connect          100 % (bar: > 99.5 %)"
    )
    assert verdict_text(VERDICTS[1], None, colour=False).split("\n") == [
        "FAIL       order            9 events (bar: 0 faults)",
        "                            - seq 7 came twice",
        "                            - said \\x1b[31mred\\u202e",
    ]


@pytest.mark.parametrize("width", [10, 20, 50, 80])
@pytest.mark.parametrize("one", VERDICTS, ids=lambda one: one.name)
def test_nothing_is_wider_than_the_terminal(one: Verdict, width: int) -> None:
    lines = verdict_text(one, width, colour=False).split("\n")
    assert max(map(len, lines)) <= max(width, len(f"{one.outcome.value} {one.name}"))


@pytest.mark.parametrize("width", [20, None])
def test_only_the_outcome_is_coloured(width: int | None) -> None:
    plain = verdict_text(VERDICTS[1], width, colour=False)
    coloured = verdict_text(VERDICTS[1], width, colour=True)
    assert coloured == plain.replace("FAIL", "\x1b[31mFAIL\x1b[0m", 1)


def test_no_colours_where_there_is_no_terminal() -> None:
    assert not may_colour({})


def test_the_summary_counts_outcomes() -> None:
    text = "1 pass, 1 FAIL, 1 not shown, 1 not run, as ann and bob\\x1b, in 2.0 s"
    assert summary_text(REPORT, None) == text


def test_the_list_has_every_promise() -> None:
    lines = promises_text(PROMISES, None).split("\n")
    assert [line.partition(":")[0] for line in lines] == [one.name for one in PROMISES]


def test_json_has_all_of_it() -> None:
    document = json.loads(json_text(REPORT))
    assert (document["holds"], document["users"]) == (False, ["ann", "bob\x1b"])
    assert document["left_behind"] == ["thread_x"]
    assert [one["outcome"] for one in document["promises"]] == [
        "pass",
        "fail",
        "not_run",
        "not_shown",
    ]
    assert document["promises"][1] == {
        "name": "order",
        "promise": "Every event comes once.",
        "bar": "0 faults",
        "outcome": "fail",
        "measured": "9 events",
        "faults": list(BROKEN.faults),
        "took_s": 0.5,
    }


def test_junit_has_failures_and_skips() -> None:
    suite = ElementTree.fromstring(junit_bytes(REPORT))
    counts = {name: suite.get(name) for name in ("tests", "failures", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "skipped": "2"}
    failure = suite.find("testcase[@name='order']/failure")
    assert failure is not None
    assert failure.text == "seq 7 came twice; said \N{REPLACEMENT CHARACTER}[31mred" + (
        "\N{REPLACEMENT CHARACTER}"
    )
    skipped = suite.find("testcase[@name='expiry']/skipped")
    assert skipped is not None
    assert skipped.get("message") == "not run: no secret"
