"""Where ids stand in a request, what is wrong with them, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.ids import UnifiedIdGenerator, id_kind
from threadcast.ids.legacy import legacy_kind, masked_legacy
from threadcast.validation.examination import (
    VIOLATIONS_MAX,
    Examination,
    IdExaminer,
)
from threadcast.validation.id_locations import IdLocations
from threadcast.validation.statistics import EXAMPLES_MAX, ValidationStatistics

STEM = "chat_1763629200001_7_90c65fe4"
THREAD, RUN, REQUEST = f"thread_{STEM}", f"run_{STEM}", f"req_{STEM}"
PATHS = (
    "/v1/threads/{thread_id}",
    "/v1/threads/{thread_id}/messages",
    "/v1/runs/{run_id}/cancel",
    "/v1/threads/{thread_id}/runs/{run_id}",
    "/files/{name}/{thread_id}",
)


def examine(
    path: str = "/", query: bytes = b"", headers: Any = (), *, root: str = "", **places: Any
) -> Examination:
    scope = {
        "type": "http",
        "path": root + path,
        "root_path": root,
        "query_string": query,
        "headers": list(headers),
    }
    return IdExaminer(IdLocations(**{"paths": PATHS, **places})).examine(scope)


def kinds(examination: Examination) -> list[tuple[str, str, str]]:
    return [(one.kind, one.location, one.name) for one in examination.violations]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/v1/threads/{THREAD}", []),
        (f"/v1/threads/{THREAD}/messages", []),
        (f"/v1/threads/{RUN}/messages", ["wrong_kind"]),
        ("/v1/threads/x", ["malformed"]),
        (f"/v1/threads/{THREAD.upper()}", ["malformed"]),
        (f"/v1/threads/{THREAD}/runs/{RUN}", []),
        (f"/v1/threads/{RUN}/runs/{THREAD}", ["wrong_kind", "wrong_kind"]),
        (f"/files/a/{RUN}", ["wrong_kind"]),
        ("/v1/threads", []),
        ("/v1/threads/x/unknown", []),
        ("/v1/threads/x/y/messages", []),
        ("//v1/threads/x", []),
        ("/v1/threads/\U0001f600", ["malformed"]),
        ("/v1/threads/x\n", ["malformed"]),
        ("/v1/threads/websocket_factory_1757361062151", ["legacy"]),
    ],
)
@pytest.mark.parametrize("root", ["", "/chat"])
def test_paths_are_exact(path: str, expected: list[str], root: str) -> None:
    assert [one.kind for one in examine(path, root=root).violations] == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/threads/search", []),
        ("/api/threads/new/runs/latest", []),
        (f"/api/threads/{THREAD}", []),
        (f"/api/threads/{RUN}", [("wrong_kind", "path", "threads")]),
        (f"/api/runs/{THREAD}/cancel", [("wrong_kind", "path", "runs")]),
        ("/api/threads/thread_x", [("malformed", "path", "threads")]),
        ("/api/threads/req_9fc55c948877", [("malformed", "path", "threads")]),
        ("/other/thing", []),
    ],
)
def test_without_paths_ids_are_known_by_the_segment_before_them(
    path: str, expected: list[Any]
) -> None:
    found = kinds(examine(path, paths=None))
    assert found == expected or found == [("legacy", *one[1:]) for one in expected]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"limit=5", []),
        (b"thread_id=" + THREAD.encode(), []),
        (b"thread_id=" + RUN.encode(), ["wrong_kind"]),
        (b"limit=5&run=x", ["malformed"]),
        (b"thread%5Fid=x", ["malformed"]),
        (b"thread_id", ["malformed"]),
        (b"my_thread_id=x&runs=x&tread=%00", []),
        (b"thread_id=" + THREAD.encode().replace(b"_", b"%5F"), []),
        (b"thread_id=%ff", ["malformed"]),
        (b"thread_id=" + THREAD.encode() + b"&thread_id=" + THREAD.encode(), ["repeated"]),
        (b"&&&=&;", []),
    ],
)
def test_query_keys(query: bytes, expected: list[str]) -> None:
    assert [one.kind for one in examine(query=query).violations] == expected


@pytest.mark.parametrize(
    ("headers", "expected", "kept"),
    [
        ([(b"x-request-id", REQUEST.encode())], [], REQUEST),
        ([(b"x-request-id", RUN.encode())], ["wrong_kind"], None),
        ([(b"x-request-id", b"0b9af7d0-7a4b-4a7e-9d52-0c5e21aa90c6")], ["legacy"], None),
        ([(b"x-request-id", REQUEST.encode())] * 2, ["repeated"], None),
        ([(b"x-thread-id", b"\xff\xfe")], ["malformed"], None),
        ([(b"x-thread-id", b"")], ["malformed"], None),
        ([(b"x-run-id", b"r" * 1_000_000)], ["malformed"], None),
        ([(b"x-run-id", b"x"), (b"x-request-id", REQUEST.encode())], ["malformed"], REQUEST),
    ],
)
def test_headers(headers: Any, expected: list[str], kept: str | None) -> None:
    found = examine(headers=headers)
    assert [one.kind for one in found.violations] == expected
    assert found.request_id == kept


def test_a_header_that_is_not_to_be_judged_is_still_what_a_request_brings() -> None:
    scope = {"path": "/", "query_string": b"", "headers": [(b"x-request-id", b"theirs")]}
    examiner = IdExaminer(IdLocations((), headers={}))
    assert examiner.examine(scope) == Examination(None, ())
    scope["headers"] = [(b"x-request-id", REQUEST.encode())]
    assert examiner.examine(scope) == Examination(REQUEST, ())


def test_a_request_of_thousands_of_ids_is_told_in_a_few() -> None:
    headers = [(b"x-thread-id", b"x")] * 5_000
    assert len(examine(headers=headers).violations) == VIOLATIONS_MAX


@pytest.mark.parametrize("pattern", ["threads/{thread_id}", "/threads/{thread-id}", "/a/{", "/}"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="paths: expected a pattern"):
        IdExaminer(IdLocations([pattern]))


def test_a_reason_names_place_and_kinds_and_repeats_nothing() -> None:
    secret = "sk-very-secret"
    for text, came in (
        (RUN, "a run id"),
        ("customer_1763629200001_7_90c65fe4", "an id of another kind"),
        ("ann_req_9fc55c948877_8bfbba09", "a legacy id (user_request)"),
        (secret, "a text of 14 characters that is no id"),
    ):
        (violation,) = examine(f"/v1/threads/{text}").violations
        assert violation.reason == f"path thread_id: expected a thread id, got {came}"
        assert len(violation.reason.encode("ascii")) <= 123
        assert text not in violation.reason
    assert violation.shown == "a text of 14 characters that is no id"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("websocket_factory_1757361062151", "websocket_factory_1757361062151"),
        ("req_9fc55c948877", "req_9fc55c948877"),
        ("ws_10146348_1757371237_8bfbba09", "ws_***_1757371237_8bfbba09"),
        ("ws_ann_b_1757371237_8bfbba09", "ws_***_1757371237_8bfbba09"),
        ("ann@x.org_req_9fc55c948877_8bfbba09", "***_req_9fc55c948877_8bfbba09"),
        ("0b9af7d0-7a4b-4a7e-9d52-0c5e21aa90c6", "0b9af7d0***"),
        ("different-thread-abcd1234", "***-abcd1234"),
    ],
)
def test_a_legacy_id_is_shown_without_its_user(text: str, shown: str) -> None:
    kind = legacy_kind(text)
    assert kind is not None
    assert masked_legacy(text, kind) == shown


@given(st.text(min_size=1, max_size=8), st.sampled_from(["u{}x_req_9fc55c948877_8bfbba09"]))
def test_no_character_of_a_user_is_shown(user: str, form: str) -> None:
    text = form.format(user)
    if legacy_kind(text) == "user_request":
        assert masked_legacy(text, "user_request") == "***_req_9fc55c948877_8bfbba09"


@given(
    st.one_of(
        st.text(max_size=60),
        st.from_regex(
            r"(thread|run|req|ws_conn|feed)_[a-z0-9_]{0,30}_[0-9]{12,14}_[0-9]{1,13}_[0-9a-f]{7,9}"
        ),
    )
)
def test_the_quick_expressions_say_what_the_slow_reading_says(text: str) -> None:
    for kind in ("thread", "run", "request", "ws_conn", "feed"):
        assert UnifiedIdGenerator.is_valid_id(text, kind) is (id_kind(text) == kind)


@given(
    st.text(),
    st.binary(),
    st.lists(st.tuples(st.sampled_from([b"x-thread-id", b"x-request-id"]), st.binary())),
)
def test_no_request_makes_it_raise(path: str, query: bytes, headers: Any) -> None:
    for paths in (PATHS, None):
        found = examine(path, query, headers, paths=paths)
        assert len(found.violations) <= VIOLATIONS_MAX


def test_statistics_are_bounded_and_tell_a_rate() -> None:
    seen: list[str] = []
    statistics = ValidationStatistics(lambda violation: seen.append(violation.kind))
    assert statistics.violation_rate == 0.0
    violations = examine("/v1/threads/x").violations
    for number in range(100):
        statistics.requests += 2
        statistics.count_violations(violations, now=number, violating=True, refused=False)
    assert statistics.violation_rate == 0.5
    assert statistics.violations() == {("malformed", "path"): 100}
    assert len(seen) == 100
    assert [one.at for one in statistics.examples] == list(range(100 - EXAMPLES_MAX, 100))
