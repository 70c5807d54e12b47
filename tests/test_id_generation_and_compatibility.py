"""Suite: id generation and compatibility.

What is made is read back, nothing is made twice (whatever processes, forks, threads and clocks do),
and ids that are said to belong together do, or every problem has a name.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import threadcast.ids
from id_inputs import (
    ANYTHING,
    CONNECTION,
    FEED,
    NOT_TEXT,
    OPERATIONS,
    OTHER_STEM,
    PREFIXES,
    REQUEST,
    RUN,
    STEM,
    THREAD,
)
from threadcast.ids import (
    ID_MAX_CHARACTERS,
    ContextIds,
    UnifiedIdGenerator,
    _Sequence,
    derive_thread_id_from_run_id,
    validate_cross_component_id_compatibility,
)
from threadcast.ids.legacy import legacy_kind


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


@given(prefix=PREFIXES, with_random=st.booleans(), length=st.integers(4, 32))
def test_no_current_id_is_legacy(prefix: str, with_random: bool, length: int) -> None:
    assert legacy_kind(UnifiedIdGenerator.generate_base_id(prefix, with_random, length)) is None


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


# The older form of these begins as a newer one does, and is read as that.
KIND_WORDS = ("thread_", "run_", "req_", "ws_conn_", "feed_")


@given(operation=OPERATIONS.filter(lambda name: not f"{name}_".startswith(KIND_WORDS)))
def test_the_thread_of_a_set_is_derived_exactly_from_the_older_form_too(operation: str) -> None:
    ids = UnifiedIdGenerator.generate_user_context_ids("u", operation)
    assert derive_thread_id_from_run_id(ids.run_id.removeprefix("run_")) == ids.thread_id


MEMBERS = st.sampled_from(["first set", "second set", "another kind", "no id", "no text"])


@given(members=st.tuples(MEMBERS, MEMBERS, MEMBERS))
def test_compatibility_has_one_sentence_for_each_problem(members: tuple[str, str, str]) -> None:
    kinds = ("thread", "run", "request")
    starts = dict(zip(kinds, ("thread_", "run_", "req_"), strict=True))
    stems = {"first set": STEM, "second set": OTHER_STEM}
    others: dict[str, Any] = {"another kind": FEED, "no id": "x", "no text": 5}
    given_ids = [
        starts[kind] + stems[member] if member in stems else others[member]
        for kind, member in zip(kinds, members, strict=True)
    ]
    ok, errors = validate_cross_component_id_compatibility(*given_ids)
    sides = list(zip(kinds, members, strict=True))
    expected = [
        f"{kind}_id: expected a {kind} id, got " for kind, member in sides if member in others
    ]
    expected += [
        f"{one}_id and {other}_id are not of one set: "
        for (one, of_one), (other, of_other) in itertools.combinations(sides, 2)
        if {of_one, of_other} == set(stems)
    ]
    assert [error.startswith(start) for error, start in zip(errors, expected, strict=True)] == [
        True
    ] * len(expected)
    assert ok is (expected == [])


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


CLOCKS: dict[str, Callable[[int], int]] = {
    "steps back": lambda reading: 1_763_629_200_001 - reading % 7 * 3_600_000,
    "stands still": lambda reading: 1_763_629_200_001,
    "jumps": lambda reading: 1_763_629_200_001 + (reading % 3 - 1) * 10**14,
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_eight_threads_and_a_bad_clock_make_no_id_twice(
    monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    readings = itertools.count()
    monkeypatch.setattr(time, "time_ns", lambda: CLOCKS[clock](next(readings)) * 1_000_000)
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(
            lambda _: UnifiedIdGenerator.generate_user_context_ids("u", "chat"), range(4_000)
        )
        sets = list(made)
    assert next(readings) >= 4_000  # the clock was really read
    assert all(len(set(view)) == 4_000 for view in zip(*sets, strict=True))
    assert all(validate_cross_component_id_compatibility(*ids) == (True, []) for ids in sets)


def test_the_random_part_is_used_once_and_spreads() -> None:
    sequence = _Sequence(lambda: 0)
    parts = [sequence.next_random() for _ in range(4096)]
    assert {len(part) for part in parts} == {8}
    assert len(set(parts)) >= 4094  # two of 4,096 32-bit numbers are equal once in 500 times
    assert {part[place] for part in parts for place in range(8)} == set("0123456789abcdef")


MAKE_AND_PRINT = """
import json
from threadcast.ids import UnifiedIdGenerator
sets = [UnifiedIdGenerator.generate_user_context_ids("u", "chat") for _ in range(1000)]
print(json.dumps([sets, [UnifiedIdGenerator.generate_base_id("feed") for _ in range(1000)]]))
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
    printed = [_printed_by(process) for process in processes]
    sets = [tuple(ids) for sets, _ in printed for ids in sets]
    feeds = [text for _, feeds in printed for text in feeds]
    assert len(set(feeds)) == len(set(sets)) == 8_000
    assert all(len(set(view)) == 8_000 for view in zip(*sets, strict=True))
    assert all(validate_cross_component_id_compatibility(*ids)[0] for ids in sets)


def test_a_fork_shares_neither_counter_nor_random_with_its_parent() -> None:
    # Without the time, so that ids which only the time keeps apart are found too.
    lists: list[list[str]] = _printed_by(_start(FORK_AND_PRINT))
    assert [len(own) for own in lists] == [100] * 8
    assert len({_parts(text) for own in lists for text in own}) == 800
    firsts = {_parts(own[0])[0] for own in lists}
    assert len(firsts) == len(lists)
    randoms = [random for own in lists for _, random in map(_parts, own)]
    assert len(set(randoms)) >= 799
