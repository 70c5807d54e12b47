"""The three forms of a report: complete, readable, and safe whatever ids hold."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast import ThreadIDConsistencyTracker, UserExecutionContext
from threadcast.consistency.kinds import TrackedOperation
from threadcast.consistency.report import ConsistencyReport
from threadcast.testing.clock import ManualClock

USER = "alice@example.com"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></svg><svg onload=alert(1)>",
    "' style='background:url(//evil.example)",
    "javascript:alert(1)//&lt;&amp;",
    "\x1b[2J\x1b]0;title\x07\u202e\u2028\r\n\x00",
    "\ud800",
    "{expected}{0}%s",
)


def drifted(clock: ManualClock | None = None) -> ThreadIDConsistencyTracker:
    """A tracker that saw a life in order, and one whose thread changed before its cleanup."""
    clock = clock or ManualClock()
    tracker = ThreadIDConsistencyTracker(clock=clock)
    for drifts in (False, True):
        begun = UserExecutionContext.create(USER, "chat")
        trace = tracker.trace()
        for operation in (
            TrackedOperation.CONTEXT_CREATION,
            TrackedOperation.MANAGER_CREATION,
            TrackedOperation.ISOLATION_KEY,
        ):
            trace.record(operation, begun)
            clock.advance(0.002)
        clock.advance(90)
        other = UserExecutionContext.create(USER, "chat")
        end = replace(begun, thread_id=other.thread_id, thread_origin="stored")
        trace.record(TrackedOperation.CLEANUP_LOOKUP, end if drifts else begun, found=not drifts)
    return tracker


def hostile(*texts: str) -> ConsistencyReport:
    """A report of ids and keys that somebody chose."""
    tracker = ThreadIDConsistencyTracker()
    for text in texts:
        trace = tracker.trace()
        trace.record_ids("manager_creation", user_id=text, thread_id=text, run_id=text, key=text)
        trace.record_ids(
            "cleanup_lookup",
            user_id=text[::-1],
            thread_id=text[::-1],
            request_id=text,
            connection_id=text,
            key=(text, text),
        )
    return tracker.report()


class Reader(HTMLParser):
    """What a browser would find in a page: elements, attributes, text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[tuple[str, str, str]] = set()
        self.texts = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {(tag, name, value or "") for name, value in attrs}
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {(tag, name, value or "") for name, value in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "an element was closed that another page opened"

    def handle_data(self, data: str) -> None:
        self.texts += data


def test_the_text_has_its_sections_and_shows_the_drift() -> None:
    text = drifted().report().text()

    heads = [line for line in text.splitlines() if line.isupper()]
    assert heads == ["SNAPSHOTS", "VIOLATIONS", "ANALYSIS"]
    assert "score 87.5 = 100 x (8 snapshots - 1 violation) / 8" in text
    assert "CRITICAL cleanup_missed in trace_" in text
    assert "snapshot 4, cleanup_lookup, +90.01 s" in text
    assert "  !  4    +90.01 s  cleanup_lookup    thread B  found nothing" in text
    assert "unique thread ids  3" in text
    assert str(drifted().report()).startswith("Thread id consistency, 2025-11-20 ")


def test_an_empty_report_is_one() -> None:
    report = ThreadIDConsistencyTracker().report(recording=False)

    assert report.score == 100.0
    assert "score 100.0 = nothing was recorded" in report.text()
    assert "off: start the server with --track-consistency" in report.text()
    assert "Nothing was recorded yet." in Reader(report.html()).texts


def test_a_score_is_never_rounded_up_to_perfection() -> None:
    tracker = ThreadIDConsistencyTracker()
    trace = tracker.trace()
    for _ in range(10_000):
        trace.record_ids("work", user_id="a")
    trace.record_ids("work", user_id="b")

    assert tracker.report().score > 99.95
    assert "score 99.9 =" in tracker.report().text()


def test_json_is_the_report() -> None:
    report = drifted().report()

    assert msgspec.json.decode(report.json(), type=ConsistencyReport) == report
    document = json.loads(report.json())
    assert list(document) == ["snapshots", "violations", "analysis"]
    assert document["violations"][0]["severity"] == "critical"


def test_no_form_names_a_user() -> None:
    tracker = drifted()
    trace = tracker.trace()
    legacy = f"{USER}_req_9fc55c948877_8bfbba09"
    trace.record_ids("manager_creation", user_id=USER, thread_id=legacy, key=f"{USER}:x")
    trace.record_ids("work", user_id="bob-the-builder", thread_id="ws_alice@ex_1757371237_8bfbba09")
    trace.record_ids("cleanup_lookup", user_id=USER, key=(USER, "bob-the-builder"))
    report = tracker.report()

    for form in (report.text(), report.json(), report.html()):
        assert "alice" not in form
        assert "bob-the" not in form
    assert len({one.user for one in report.snapshots}) == 2


@pytest.mark.parametrize("user_id", ["user_1763629200001_7_90c65fe4", "x", "eve"])
def test_a_user_id_that_looks_like_an_id_is_masked_too(user_id: str) -> None:
    tracker = ThreadIDConsistencyTracker()
    trace = tracker.trace()
    made = f"{user_id}_1763629200001_7_90c65fe4"
    trace.record_ids("manager_creation", user_id=user_id, thread_id=made, key=(user_id, "k"))
    trace.record_ids("cleanup_lookup", user_id=user_id, key=("k", user_id))
    (first, second) = tracker.report().snapshots

    for shown in (first.user, first.thread_id, first.key, second.key):
        assert user_id not in str(shown)
    assert f" {user_id})" not in tracker.report().violations[0].message


def test_a_mask_is_another_one_in_another_tracker() -> None:
    masks = {drifted().report().snapshots[0].user for _ in range(3)}

    assert len(masks) == 3


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_ids_stay_text_in_the_page(text: str) -> None:
    page = hostile(text).html()
    page.encode()
    found, plain = Reader(page), Reader(hostile("plain").html())

    assert found.open == []
    assert found.elements == plain.elements
    assert {name for _, name, _ in found.attributes} == {name for _, name, _ in plain.attributes}
    assert "alert" not in "".join(value for _, _, value in found.attributes)


@given(st.text(st.sampled_from("<>\"'&/=!-a ") | st.characters(), max_size=80))
def test_no_text_breaks_out_of_the_page_or_steers_a_terminal(text: str) -> None:
    report = hostile(text)

    assert Reader(report.html()).elements == Reader(hostile("plain").html()).elements
    categories = {unicodedata.category(one) for one in report.text() if one != "\n"}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    json.loads(report.json())


def test_the_page_loads_and_runs_nothing() -> None:
    page = Reader(drifted().report().html())

    assert not page.elements & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not {name for _, name, _ in page.attributes if name.startswith("on") or name == "src"}
    assert {value[0] for _, name, value in page.attributes if name == "href"} == {"#"}
    assert "url(" not in drifted().report().html()
    assert "default-src 'none'" in drifted().report().html()


def test_the_picture_says_in_words_what_it_shows() -> None:
    page = drifted().report().html()

    assert page.count('<svg class="timeline" role="img" aria-labelledby="') == 2
    assert page.count("drift A → B") == 1
    assert page.count('class="missed"') == 1
    assert page.count('class="found"') == 1
    assert "context_creation with thread A, then manager_creation with thread A" in page
    names = [value for _, name, value in Reader(page).attributes if name == "id"]
    assert len(names) == len(set(names))


def test_a_looked_up_thread_is_shown_as_a_turn_and_not_as_drift() -> None:
    tracker = ThreadIDConsistencyTracker()
    begun = UserExecutionContext.create(USER, "http")
    trace = tracker.trace()
    trace.record(TrackedOperation.CONTEXT_CREATION, begun)
    other = UserExecutionContext.create(USER, "chat")
    turned = replace(begun, thread_id=other.thread_id, thread_origin="stored")
    trace.record(TrackedOperation.THREAD_LOOKUP, turned)

    assert "thread A → B" in tracker.report().html()
    assert "drift A → B" not in tracker.report().html()


def test_a_long_trace_has_letters_for_all_its_threads() -> None:
    tracker = ThreadIDConsistencyTracker(max_snapshots_per_trace=100)
    trace = tracker.trace()
    for _ in range(60):
        trace.record(TrackedOperation.THREAD_LOOKUP, UserExecutionContext.create(USER, "chat"))
    text = tracker.report().text()

    assert " Z = thread_chat_" in text
    assert " AA = thread_chat_" in text
    assert " BH = thread_chat_" in text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0004, "+0.4 ms"), (1.5, "+1.50 s"), (300, "+5.0 min"), (86_400, "+24.0 h")],
)
def test_offsets_are_readable_and_clocks_may_step_back(seconds: float, shown: str) -> None:
    for step in (seconds, -seconds):
        clock = ManualClock()
        tracker = ThreadIDConsistencyTracker(clock=clock)
        trace = tracker.trace()
        trace.record_ids("work")
        clock.set_wall_time(clock.now() + step)
        trace.record_ids("more_work")
        sign = "+" if step > 0 else "-"
        assert shown.replace("+", sign) in tracker.report().text()
        assert shown.replace("+", sign) in tracker.report().html()
