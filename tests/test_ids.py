"""Reading ids: their shape and kind, what is none, older shapes, and which user ids are usable."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import example, given

import threadcast.ids
import threadcast.ids.legacy
from id_inputs import ANYTHING, CONNECTION, FEED, NOT_TEXT, REQUEST, RUN, STEM, THREAD
from threadcast.ids import (
    ParsedId,
    UnifiedIdGenerator,
    derive_thread_id_from_run_id,
    id_kind,
    id_problem,
    user_id_problem,
    validate_cross_component_id_compatibility,
)
from threadcast.ids.legacy import LEGACY_ID_MAX_CHARACTERS, legacy_kind


class StrangeText(str):
    """A `str` that answers for itself, and wrongly."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __len__(self) -> int:
        raise RuntimeError("no length")


class Hostile:
    """An object of which every question fails."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no attribute, not even a class")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __repr__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (THREAD, ParsedId("thread_chat", 1763629200001, 7, "90c65fe4")),
        (CONNECTION, ParsedId("ws_conn", 1763629200001, 7, "90c65fe4")),
        ("a_1763629200001_0", ParsedId("a", 1763629200001, 0, None)),
        ("a_1763629200001_12345678", ParsedId("a", 1763629200001, 12345678, None)),
        (
            "a_1763629200001_1763629200002_12345678",
            ParsedId("a_1763629200001", 1763629200002, 12345678, None),
        ),
    ],
)
def test_an_id_can_be_read_in_one_way_only(text: str, expected: ParsedId) -> None:
    assert UnifiedIdGenerator.parse_id(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "thread", "thread_", "thread_chat", "thread_chat_1763629200001", f" {THREAD}",
        f"{THREAD} ", f"{THREAD}\n", f"\n{THREAD}", f"{THREAD}\0", f"{THREAD}/..", f"../{THREAD}",
        f"{THREAD}%2f", THREAD.upper(), THREAD.capitalize(), f"{THREAD[:-1]}F", f"{THREAD[:-1]}g",
        THREAD.replace("_", "-"), f"9{THREAD}", f"_{THREAD}", f"é{THREAD}", f"\U0001f600{THREAD}",
        "thread_chat_176362920000_7_90c65fe4", "thread_chat_17636292000010_7_90c65fe4",
        "thread_chat_0763629200001_7_90c65fe4", "thread_chat_1763629200001_07_90c65fe4",
        "thread_chat_1763629200001_-7_90c65fe4", "thread_chat_1763629200001__90c65fe4",
        "thread_chat_1763629200001_1234567890123_90c65fe4", "thread_chat_1763629200001_7_",
        "thread_chat_1763629200001_7_90c", f"thread_chat_1763629200001_7_{'a' * 33}",
        "thread_chat_176362920000\u0661_7_90c65fe4", "thread_chat_1763629200001_7_90c65fe\uff14",
        f"thread_{'a' * 66}_1763629200001_7_90c65fe4", "thread_" * 1500, "\ud800", THREAD * 100,
    ],
)  # fmt: skip
def test_what_is_not_an_id_as_a_whole_is_none(text: str) -> None:
    assert UnifiedIdGenerator.parse_id(text) is None
    assert id_kind(text) is None
    assert not UnifiedIdGenerator.is_valid_id(text)
    assert not UnifiedIdGenerator.is_valid_id(text, "thread")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (THREAD, "thread"), (RUN, "run"), (REQUEST, "request"), (CONNECTION, "ws_conn"),
        (FEED, "feed"), ("input_1763629200001_7_90c65fe4", "input"), (STEM, "chat"),
        ("runner_1763629200001_7", "runner"),
        ("thread_1763629200001_7_90c65fe4", None), ("run_1763629200001_7_90c65fe4", None),
        ("thread_9_1763629200001_7_90c65fe4", None), ("thread__1763629200001_7_90c65fe4", None),
        ("thread_chat_1763629200001_7", None), ("thread_chat_1763629200001_7_90c65fe", None),
        ("run_chat_1763629200001_7_90c65fe4a", None), ("ws_conn_1763629200001_7", None),
        ("feed_1763629200001_7_90c6", None), ("req_1763629200001_7_90c65fe4", None),
        (f"run_{'a' * 65}_1763629200001_7_90c65fe4", None),
    ],
)  # fmt: skip
def test_the_kind_of_an_id(text: str, kind: str | None) -> None:
    assert id_kind(text) == kind
    for asked in ("thread", "run", "request", "req", "ws_conn", "feed", "input", "chat", "runner"):
        assert UnifiedIdGenerator.is_valid_id(text, asked) is (asked == kind)


@given(value=ANYTHING, kind=ANYTHING)
@example(value="\ud800_req_9fc55c948877_8bfbba09", kind=None)
def test_readers_are_total(value: Any, kind: Any) -> None:
    parsed = UnifiedIdGenerator.parse_id(value)
    assert UnifiedIdGenerator.is_valid_id(value) is (parsed is not None)
    if type(kind) is not str and kind is not None:
        assert UnifiedIdGenerator.is_valid_id(THREAD, kind) is False
    assert UnifiedIdGenerator.is_valid_id(value, kind) in (True, False)
    assert id_kind(value) is None or parsed is not None
    assert isinstance(id_problem(value, "no such kind"), str)
    assert user_id_problem(value) is None or type(user_id_problem(value)) is str
    name = legacy_kind(value)
    assert name is None or (parsed is None and name.isidentifier())
    ok, errors = validate_cross_component_id_compatibility(value, kind, value)
    assert not ok
    assert errors
    if type(value) is not str:
        assert parsed is None
        assert name is None


def test_readers_ask_a_hostile_object_nothing() -> None:
    # Made here, because pytest and hypothesis would ask it too.
    values: list[Any] = [Hostile(), StrangeText(RUN), StrangeText("run"), Hostile]
    for value in values:
        assert UnifiedIdGenerator.parse_id(value) is None
        assert UnifiedIdGenerator.is_valid_id(value) is False
        assert UnifiedIdGenerator.is_valid_id(value, "run") is False
        assert UnifiedIdGenerator.is_valid_id(RUN, value) is False
        assert id_kind(value) is None
        assert legacy_kind(value) is None
        assert validate_cross_component_id_compatibility(value, value, value)[0] is False
        assert "got a value of <class" in str(user_id_problem(value))
        with pytest.raises(ValueError, match=r"expected a run id, got a value of <class"):
            derive_thread_id_from_run_id(value)
        with pytest.raises(ValueError, match=r"operation: .*got a value of <class"):
            UnifiedIdGenerator.generate_user_context_ids("u", value)
        with pytest.raises(ValueError, match=r"prefix: .*got a value of <class"):
            UnifiedIdGenerator.generate_base_id(value)


def test_a_problem_never_repeats_what_is_no_id() -> None:
    secret = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"
    assert (
        id_problem(secret, "run") == f"expected a run id, got a string of {len(secret)} characters"
    )
    problem = id_problem(f"{secret}_req_9fc55c948877_8bfbba09", "run")
    assert problem == "expected a run id, got a legacy id (user_request)"


@pytest.mark.parametrize(
    "user_id",
    [
        "u",
        "u" * 255,
        "a:b.c*d>e/f",
        "' OR 1=1",
        "\u00e9",
        "e\u0301",
        "\u0430",
        "\U0001f600",
        " ",
        "\x80",
        "../",
    ],
)
def test_odd_user_ids_are_legal(user_id: str) -> None:
    assert user_id_problem(user_id) is None
    assert UnifiedIdGenerator.generate_user_context_ids(user_id, "chat")


@pytest.mark.parametrize(
    "user_id",
    [
        "", "u" * 256, "a\nb", "a\0", "\x1f", "\x7f", "\r", "\t", "\ud800", "a\udfff", *NOT_TEXT,
            ],
)  # fmt: skip
def test_unusable_user_ids_are_refused(user_id: Any) -> None:
    assert user_id_problem(user_id)
    with pytest.raises(ValueError, match="user_id: "):
        UnifiedIdGenerator.generate_user_context_ids(user_id, "chat")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("websocket_factory_1757361062151", "websocket_factory"),
        ("session_1757361062151", "session"),
        ("req_9fc55c948877", "request"),
        ("u-17_req_9fc55c948877_8bfbba09", "user_request"),
        (f"{'é:' * 127}x_req_9fc55c948877_8bfbba09", "user_request"),
        ("ws_10146348_1757371237_8bfbba09", "ws_connection"),
        ("ws_u1_1757371237_8bfbba09", "ws_connection"),
        ("6f1c9a1e-2f53-4a5b-9d0e-8d1f6f1c9a1e", "uuid"),
        (uuid.UUID(int=7).hex, "uuid"),
        ("different-thread-abcd1234", "other"),
        ("thread-1757361062151", "other"),
        ("websocket_factory_175736106215", None), ("Session_1757361062151", None),
        ("session_1757361062151\n", None), ("req_9fc55c94887", None), ("req_9FC55C948877", None),
        ("\n_req_9fc55c948877_8bfbba09", None), ("_req_9fc55c948877_8bfbba09", None),
        (f"{'u' * 256}_req_9fc55c948877_8bfbba09", None), ("ws_10146348_175737123_8bfbba09", None),
        ("ws_123456789_1757371237_8bfbba09", None), ("different-thread-abcd123", None),
        ("abcd1234", None), ("different_thread_abcd1234", None), ("", None), ("chat", None),
        (f"thread-{'a' * 33}-abcd1234", None), ("a-" * 200 + "abcd1234", None),
        (THREAD, None), (THREAD.upper(), None), (CONNECTION, None), (STEM, None),
    ],
)  # fmt: skip
def test_legacy_shapes_are_named(text: str, kind: str | None) -> None:
    assert legacy_kind(text) == kind
    assert kind is None or len(text) <= LEGACY_ID_MAX_CHARACTERS


@pytest.mark.parametrize("module", [threadcast.ids, threadcast.ids.legacy])
def test_every_public_name_is_exported_and_exists(module: Any) -> None:
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
