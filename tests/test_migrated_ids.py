"""From legacy ids to current ones: the same for ever, another for each user, with their time."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from threadcast import (
    UnifiedIdGenerator,
    UserExecutionContext,
    derive_thread_id_from_run_id,
    migrate_legacy_thread_id,
)
from threadcast.ids import user_id_problem
from threadcast.ids.legacy import LEGACY_ID_MAX_CHARACTERS, is_plain, legacy_kind, may_be_legacy
from threadcast.ids.migrated import legacy_id_problem, migrated_context_ids, run_ids_after

UNKNOWN_MS = 10**12
HEX8 = st.text("0123456789abcdef", min_size=8, max_size=8)
MS = st.integers(10**12, 10**13 - 1)
KNOWN = st.one_of(
    MS.map(lambda ms: f"websocket_factory_{ms}"),
    MS.map(lambda ms: f"session_{ms}"),
    st.tuples(st.integers(10**9, 10**10 - 1), HEX8).map(lambda s: f"ws_10146348_{s[0]}_{s[1]}"),
    st.uuids().map(str),
    st.uuids().map(lambda uuid: uuid.hex),
    HEX8.map(lambda text: f"different-thread-{text}"),
    HEX8.map(lambda text: f"u_req_0123456789ab_{text}"),
)
PRINTABLE = st.text(min_size=1, max_size=LEGACY_ID_MAX_CHARACTERS).filter(
    lambda text: legacy_id_problem(text) is None
)
OLDER = KNOWN | PRINTABLE
USERS = st.text(min_size=1, max_size=255).filter(lambda text: user_id_problem(text) is None)


@given(legacy_id=OLDER, user_id=USERS)
@example(legacy_id="x" * LEGACY_ID_MAX_CHARACTERS, user_id="u" * 255)
def test_every_older_id_has_one_present_id(legacy_id: str, user_id: str) -> None:
    thread_id = migrate_legacy_thread_id(legacy_id, user_id)
    assert UnifiedIdGenerator.is_valid_id(thread_id, "thread")
    assert thread_id == migrate_legacy_thread_id(legacy_id, user_id)


@given(one=OLDER, other=OLDER, user_id=USERS, other_user=USERS)
@example(one="1:2", other="2", user_id="u", other_user="u1:")
def test_another_older_id_or_user_has_another(
    one: str, other: str, user_id: str, other_user: str
) -> None:
    pairs = {(one, user_id), (other, user_id), (one, other_user), (other, other_user)}
    assert len({migrate_legacy_thread_id(*pair) for pair in pairs}) == len(pairs)


def test_it_is_the_same_for_ever() -> None:
    for legacy_id, expected in (
        ("websocket_factory_1757361062151", "1757361062151_41817879627_f1f97175"),
        ("different-thread-abcd1234", "1000000000000_655962329979_4f955036"),
    ):
        made = migrate_legacy_thread_id(legacy_id, "u1")
        assert made.startswith("thread_migrated_")
        assert derive_thread_id_from_run_id(made.replace("thread_", "run_")) == made
        code = f"from threadcast import *; print(migrate_legacy_thread_id({legacy_id!r}, 'u1'))"
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == made
        assert made == f"thread_migrated_{expected}"


@pytest.mark.parametrize(
    ("legacy_id", "timestamp_ms"),
    [
        ("websocket_factory_1757361062151", 1757361062151),
        ("session_1757361062151", 1757361062151),
        ("ws_10146348_1757371237_8bfbba09", 1757371237000),
        ("thread-1757361062151", 1757361062151),
        ("chat.1757361062151.7", 1757361062151),
        ("018f4e3a-7b2c-7d3e-9f00-aabbccddeeff", 0x018F4E3A7B2C),
        ("018f4e3a7b2c7d3e9f00aabbccddeeff", 0x018F4E3A7B2C),
        ("6f1c9a1e-2f53-4a5b-9d0e-8d1f6f1c9a1e", UNKNOWN_MS),
        ("00000000-0000-7000-8000-000000000001", UNKNOWN_MS),
        ("req_9fc55c948877", UNKNOWN_MS),
        ("1757361062151_req_9fc55c948877_8bfbba09", UNKNOWN_MS),
        ("different-thread-abcd1234", UNKNOWN_MS),
        ("1757361062151-1757361062152", UNKNOWN_MS),
        ("17573610621512", UNKNOWN_MS),
        ("Chat #5 with Zoë", UNKNOWN_MS),
    ],
)
def test_a_time_is_kept(legacy_id: str, timestamp_ms: int) -> None:
    parsed = UnifiedIdGenerator.parse_id(migrate_legacy_thread_id(legacy_id, "u"))
    assert parsed is not None
    assert parsed.timestamp_ms == timestamp_ms


@pytest.mark.parametrize(
    ("legacy_id", "message"),
    [
        ("", "expected 1..300 characters, got 0"),
        ("x" * 301, "expected 1..300 characters, got 301"),
        ("a\0b", r"expected printable text, got U\+0000 at index 1"),
        ("a\nb", r"got U\+000A"),
        ("a\x9fb", r"got U\+009F"),
        ("\ud800", r"got U\+D800"),
        (5, "expected a string, got a value of <class 'int'>"),
        (b"x", "expected a string"),
        ("thread_chat_1763629200001_7_90c65fe4", "got a current thread id"),
        ("run_chat_1763629200001_7_90c65fe4", "got a current run id"),
        ("feed_1763629200001_7", "got a broken current id"),
    ],
)
def test_what_is_no_older_id_is_refused(legacy_id: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        migrate_legacy_thread_id(legacy_id, "u")
    assert legacy_id_problem(legacy_id)


@pytest.mark.parametrize("user_id", ["", "a\0", "u" * 256, "\ud800"])
def test_an_unusable_user_is_refused(user_id: str) -> None:
    with pytest.raises(ValueError, match="user_id: "):
        migrate_legacy_thread_id("42", user_id)


@given(legacy_id=OLDER, user_id=USERS, number=st.integers(1, 10_000))
def test_its_runs_are_of_sets_of_their_own(legacy_id: str, user_id: str, number: int) -> None:
    first = migrated_context_ids(legacy_id, user_id)
    assert UserExecutionContext(user_id, *first).thread_id == first.thread_id
    later = run_ids_after(first, number)
    assert later == run_ids_after(first, number)
    assert len({first.run_id, later.run_id, run_ids_after(first, number + 1).run_id}) == 3


def test_no_set_no_run() -> None:
    with pytest.raises(ValueError, match="first: expected a consistent set"):
        run_ids_after(migrated_context_ids("42", "u")._replace(run_id="x"), 1)


# --- which texts may be legacy ids at an entrance -------------------------------------------------


@pytest.mark.parametrize(
    "text", ["42", "x", "a.b~c:d@e+f=g-h_i", "C024BE91L", "abcd1234", "X" * 300, "threads"]
)
def test_plain_texts(text: str) -> None:
    assert legacy_kind(text) is None
    assert is_plain(text)
    assert may_be_legacy(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "_x", "-x", ".", "..", "../etc", "a/b", "a b", "a\nb", "a\0", "é", "🦆", "a%2fb",
        "' OR 1",
        "X" * 301, "thread_x", "THREAD_X", "run_1", "req_9FC55C948877", "feed_", "ws_conn_1",
        "thread_chat_1763629200001_7_90c65fe4", 5, None, b"x",
    ],
)  # fmt: skip
def test_texts_that_nobody_is_asked_about(text: object) -> None:
    assert not may_be_legacy(text)


def test_a_hosted_assistants_thread_is_an_older_id() -> None:
    assert legacy_kind("thread_abc123XYZ789abc123XYZ789") == "other"


@given(text=st.text(max_size=310) | OLDER)
def test_what_an_entrance_takes_a_migration_takes(text: str) -> None:
    if may_be_legacy(text) and not UnifiedIdGenerator.is_valid_id(text):
        assert legacy_id_problem(text) is None
