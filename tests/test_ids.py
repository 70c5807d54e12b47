"""Ids: shape, strictness, derivation, legacy shapes, and uniqueness whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import threadcast.ids
import threadcast.legacy_ids
from threadcast.ids import (
    ID_MAX_CHARACTERS,
    ContextIds,
    ParsedId,
    UnifiedIdGenerator,
    _Sequence,
    derive_thread_id_from_run_id,
    id_kind,
    id_problem,
    user_id_problem,
    validate_cross_component_id_compatibility,
)
from threadcast.legacy_ids import LEGACY_ID_MAX_CHARACTERS, legacy_kind

STEM = "chat_1763629200001_7_90c65fe4"
OTHER_STEM = "chat_1763629200001_8_90c65fe4"
THREAD, RUN, REQUEST = f"thread_{STEM}", f"run_{STEM}", f"req_{STEM}"
CONNECTION, FEED = "ws_conn_1763629200001_7_90c65fe4", "feed_1763629200001_7_90c65fe4"


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


NOT_TEXT: tuple[Any, ...] = (
    None, True, 0, 1.5, b"run_chat_1763629200001_7_90c65fe4", (), [THREAD], {"a": 1}, object(), str,
)  # fmt: skip
OPERATIONS = st.from_regex("[a-z][a-z0-9_]{0,63}", fullmatch=True)
# Prefixes that end in what looks like the other parts of an id.
PREFIXES = st.one_of(
    st.from_regex("[a-z][a-z0-9_]{0,71}", fullmatch=True),
    st.from_regex("[a-z](_[1-9][0-9]{12}|_[0-9]{1,12}|_[0-9a-f]{8}){1,3}", fullmatch=True),
)
ANY_TEXT = st.text(st.characters(codec=None), max_size=400)
NEAR_IDS = st.from_regex(
    "(thread_|run_|req_|ws_|ws_conn_|feed_)?[a-z_0-9]{0,5}_?[0-9]{12,14}_[0-9]{0,13}_?[0-9a-fA-F]*",
    fullmatch=True,
)
ANYTHING = st.one_of(
    st.sampled_from(NOT_TEXT), ANY_TEXT, NEAR_IDS, st.integers(), st.floats(), st.binary()
)


def test_a_set_is_one_stem_in_three_views() -> None:
    ids = UnifiedIdGenerator.generate_user_context_ids("u-17", "chat")
    thread_id, run_id, request_id = ids
    assert isinstance(ids, ContextIds)
    stem = thread_id.removeprefix("thread_")
    assert (thread_id, run_id, request_id) == (f"thread_{stem}", f"run_{stem}", f"req_{stem}")
    assert stem.startswith("chat_")
    assert "u-17" not in thread_id


@given(operation=OPERATIONS)
def test_every_operation_gives_a_valid_and_consistent_set(operation: str) -> None:
    ids = UnifiedIdGenerator.generate_user_context_ids("u", operation)
    kinds = ("thread", "run", "request")
    for text, kind in zip(ids, kinds, strict=True):
        assert [k for k in kinds if UnifiedIdGenerator.is_valid_id(text, k)] == [kind]
        assert UnifiedIdGenerator.is_valid_id(text)
    assert validate_cross_component_id_compatibility(*ids) == (True, [])
    assert derive_thread_id_from_run_id(ids.run_id) == ids.thread_id


@pytest.mark.parametrize(
    "operation",
    ["", "A", "chaT", "9a", "_a", "a-b", "a b", "a\n", "é", "a.b", "a" * 65, *NOT_TEXT],
)
def test_an_operation_that_is_not_a_name_is_refused(operation: Any) -> None:
    with pytest.raises(ValueError, match=r"operation: expected \[a-z\].*1\.\.64 characters, got "):
        UnifiedIdGenerator.generate_user_context_ids("u", operation)


@pytest.mark.parametrize("prefix", ["", "A", "ws-conn", "a\n", "a" * 73, *NOT_TEXT])
def test_a_prefix_that_is_not_a_name_is_refused(prefix: Any) -> None:
    with pytest.raises(ValueError, match=r"prefix: expected \[a-z\].*1\.\.72 characters, got "):
        UnifiedIdGenerator.generate_base_id(prefix)


@pytest.mark.parametrize("length", [3, 33, 0, -1, 10**9, True, "8", None, 9.0])
def test_a_random_length_out_of_bounds_is_refused(length: Any) -> None:
    with pytest.raises(ValueError, match=r"random_length: expected an integer in 4\.\.32, got "):
        UnifiedIdGenerator.generate_base_id("feed", random_length=length)


@given(prefix=PREFIXES, with_random=st.booleans(), length=st.integers(4, 32))
@example(prefix="a" * 72, with_random=True, length=32)
@example(prefix="a_1763629200001", with_random=False, length=8)
def test_what_is_generated_is_read_back(prefix: str, with_random: bool, length: int) -> None:
    before_ms = time.time_ns() // 1_000_000
    text = UnifiedIdGenerator.generate_base_id(prefix, with_random, length)
    after_ms = time.time_ns() // 1_000_000
    parsed = UnifiedIdGenerator.parse_id(text)
    assert parsed is not None
    assert parsed.prefix == prefix
    assert before_ms <= parsed.timestamp_ms <= after_ms
    assert (0 if parsed.random is None else len(parsed.random)) == (length if with_random else 0)
    parts = [prefix, str(parsed.timestamp_ms), str(parsed.counter), parsed.random]
    assert "_".join(part for part in parts if part is not None) == text
    assert UnifiedIdGenerator.is_valid_id(text)
    assert len(text) <= ID_MAX_CHARACTERS


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


@given(value=ANYTHING)
def test_derivation_gives_the_thread_or_a_value_error(value: Any) -> None:
    try:
        thread_id = derive_thread_id_from_run_id(value)
    except ValueError:
        return
    assert UnifiedIdGenerator.is_valid_id(thread_id, "thread")
    assert thread_id.removeprefix("thread_") == value.removeprefix("run_")


@pytest.mark.parametrize("run_id", [RUN, STEM])
def test_the_thread_of_a_run_in_the_newer_and_the_older_form(run_id: str) -> None:
    assert derive_thread_id_from_run_id(run_id) == THREAD


@pytest.mark.parametrize(
    ("run_id", "came"),
    [
        (THREAD, "a thread id"), (REQUEST, "a request id"), (CONNECTION, "a ws_conn id"),
        (FEED, "a feed id"), ("req_9fc55c948877", r"a legacy id \(request\)"),
        ("websocket_factory_1757361062151", r"a legacy id \(websocket_factory\)"),
        ("run_1763629200001_7_90c65fe4", "a string of 28 characters"),
        ("run_chat_1763629200001_7", "a string of 24 characters"),
        ("chat_1763629200001_7", "a chat id"), ("", "a string of 0 characters"),
        (f"{'a' * 65}_1763629200001_7_90c65fe4", "a a+ id"), (None, "a value of .*NoneType"),
        (b"x", "a value of .*bytes"),
    ],
)  # fmt: skip
def test_no_thread_is_invented(run_id: Any, came: str) -> None:
    with pytest.raises(ValueError, match=f"expected a run id, got {came}"):
        derive_thread_id_from_run_id(run_id)


def test_compatibility_names_every_problem() -> None:
    other = f"run_{OTHER_STEM}"
    assert validate_cross_component_id_compatibility(THREAD, RUN, REQUEST) == (True, [])
    assert validate_cross_component_id_compatibility(THREAD, other, REQUEST) == (
        False,
        [
            f"thread_id and run_id are not of one set: '{STEM}' is not '{OTHER_STEM}'",
            f"run_id and request_id are not of one set: '{OTHER_STEM}' is not '{STEM}'",
        ],
    )
    assert validate_cross_component_id_compatibility(other, "session_1757361062151", 5) == (
        False,
        [
            f"thread_id: expected a thread id, got a run id, '{other}'",
            "run_id: expected a run id, got a legacy id (session)",
            "request_id: expected a request id, got a value of <class 'int'>",
        ],
    )


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


@given(prefix=PREFIXES, with_random=st.booleans(), length=st.integers(4, 32))
def test_no_current_id_is_legacy(prefix: str, with_random: bool, length: int) -> None:
    assert legacy_kind(UnifiedIdGenerator.generate_base_id(prefix, with_random, length)) is None


@given(times_ms=st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=50))
@example(times_ms=[1763629200001, 1763629200000, 1763629200001, 1763629200001, 0, -1, 10**13])
def test_a_clock_that_steps_backwards_repeats_nothing(times_ms: list[int]) -> None:
    clock: Iterator[int] = iter(times_ms)
    sequence = _Sequence(lambda: next(clock))
    stems = [sequence.next_stem() for _ in times_ms]
    assert len({stem.split("_")[1] for stem in stems}) == len(stems)
    for stem, time_ms in zip(stems, times_ms, strict=True):
        parsed = UnifiedIdGenerator.parse_id(f"a_{stem}")
        assert parsed is not None
        assert parsed.timestamp_ms == min(max(time_ms, 10**12), 10**13 - 1)


def test_threads_never_get_the_same_value() -> None:
    sequence = _Sequence(lambda: 1763629200001)
    made: list[list[tuple[str, str]]] = [[] for _ in range(8)]
    start = threading.Barrier(len(made))

    def work(own: list[tuple[str, str]]) -> None:
        start.wait()
        own.extend(
            (sequence.next_stem(), UnifiedIdGenerator.generate_base_id("a")) for _ in range(2000)
        )

    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(own,)) for own in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch_s)
    pairs = [pair for own in made for pair in own]
    assert len({stem for stem, _ in pairs}) == len({text for _, text in pairs}) == 16_000


def test_the_random_part_is_used_once_and_spreads() -> None:
    sequence = _Sequence(lambda: 0)
    parts = [sequence.next_random() for _ in range(4096)]
    assert {len(part) for part in parts} == {8}
    assert len(set(parts)) >= 4094  # two of 4,096 32-bit numbers are equal once in 500 times
    assert {part[place] for part in parts for place in range(8)} == set("0123456789abcdef")


MAKE_AND_PRINT = """
import json
from threadcast.ids import UnifiedIdGenerator
print(json.dumps([UnifiedIdGenerator.generate_base_id("a") for _ in range(2000)]))
"""

FORK_AND_PRINT = """
import json, os
from threadcast.ids import UnifiedIdGenerator as generator

def make():
    return [generator.generate_base_id("a") for _ in range(100)]

def forked(depth):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        lists = [make()] + (forked(depth - 1) if depth else [])
        with os.fdopen(writing, "w") as pipe:
            json.dump(lists, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        lists = json.load(pipe)
    assert os.waitpid(child, 0)[1] == 0
    return lists

before = make()
lists = [list for _ in range(3) for list in forked(1)]
print(json.dumps([before, *lists, make()]))
"""


def _start(program: str) -> subprocess.Popen[str]:
    source = os.path.dirname(os.path.dirname(threadcast.ids.__file__))
    environment = {**os.environ, "PYTHONPATH": source}
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment
    )


def _printed_by(process: subprocess.Popen[str]) -> Any:
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(text)


def _parts(text: str) -> tuple[int, str | None]:
    parsed = UnifiedIdGenerator.parse_id(text)
    assert parsed is not None
    return parsed.counter, parsed.random


def test_eight_processes_make_different_ids() -> None:
    processes = [_start(MAKE_AND_PRINT) for _ in range(8)]
    ids = [text for process in processes for text in _printed_by(process)]
    assert len(set(ids)) == 16_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_shares_neither_counter_nor_random_with_its_parent() -> None:
    # Without the time, so that ids which only the time keeps apart are found too.
    lists: list[list[str]] = _printed_by(_start(FORK_AND_PRINT))
    assert [len(own) for own in lists] == [100] * 8
    assert len({_parts(text) for own in lists for text in own}) == 800
    firsts = {_parts(own[0])[0] for own in lists}
    assert len(firsts) == len(lists)
    randoms = [random for own in lists for _, random in map(_parts, own)]
    assert len(set(randoms)) >= 799


@pytest.mark.parametrize("module", [threadcast.ids, threadcast.legacy_ids])
def test_every_public_name_is_exported_and_exists(module: Any) -> None:
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
