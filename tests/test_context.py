"""The context: what belongs together can be built, nothing else can."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle
import unicodedata
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import threadcast.context
from threadcast.context import UserExecutionContext
from threadcast.errors import InvalidContextError
from threadcast.ids import UnifiedIdGenerator, user_id_problem

FIRST = UnifiedIdGenerator.generate_user_context_ids("u-17", "chat")
SECOND = UnifiedIdGenerator.generate_user_context_ids("u-17", "chat")
CONNECTION = UnifiedIdGenerator.generate_base_id("ws_conn")
BAD_USER_IDS: tuple[Any, ...] = ("", "u" * 256, "a\nb", "\0", "\x7f", "\ud800", None, 5, b"u")
USER_IDS = st.text(min_size=1, max_size=255).filter(lambda text: user_id_problem(text) is None)


class Agreeable(str):
    """A `str` that says it equals everything."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def test_a_context_of_one_set() -> None:
    context = UserExecutionContext("u-17", *FIRST, connection_id=CONNECTION)
    assert (context.user_id, context.thread_id) == ("u-17", FIRST.thread_id)
    assert (context.run_id, context.request_id) == (FIRST.run_id, FIRST.request_id)
    assert (context.connection_id, context.thread_origin) == (CONNECTION, "set")
    assert context.isolation_key == ("u-17", FIRST.thread_id, FIRST.run_id)


def test_i19_ids_that_do_not_belong_together_name_each_mismatch() -> None:
    with pytest.raises(InvalidContextError) as caught:
        UserExecutionContext("u-17", FIRST.thread_id, SECOND.run_id, FIRST.request_id)
    message = str(caught.value)
    assert "thread_id and run_id are not of one set" in message
    assert "run_id and request_id are not of one set" in message
    assert "thread_id and request_id" not in message
    for text in (FIRST.thread_id, SECOND.run_id):
        assert text.partition("_")[2] in message


def test_i19_every_problem_is_named_at_once() -> None:
    wrong: Any = 7
    with pytest.raises(InvalidContextError) as caught:
        UserExecutionContext("", FIRST.run_id, FIRST.thread_id, wrong, connection_id="ws_conn_1")
    for part in (
        "user_id: expected 1..255 characters, got 0",
        f"thread_id: expected a thread id, got a run id, '{FIRST.run_id}'",
        f"run_id: expected a run id, got a thread id, '{FIRST.thread_id}'",
        "request_id: expected a request id, got a value of <class 'int'>",
        "connection_id: expected a ws_conn id, got a string of 9 characters",
    ):
        assert part in str(caught.value)


def test_only_whole_sets_can_be_built_without_a_stored_row() -> None:
    for mixed in itertools.product(*zip(FIRST, SECOND, strict=True)):
        if mixed in (FIRST, SECOND):
            assert UserExecutionContext("u-17", *mixed).thread_origin == "set"
        else:
            with pytest.raises(InvalidContextError, match="not of one set"):
                UserExecutionContext("u-17", *mixed)
        assert UserExecutionContext("u-17", *mixed, thread_origin="stored").run_id == mixed[1]


@pytest.mark.parametrize("origin", ["", "Stored", "row", None, True, 1, Agreeable("no")])
def test_an_unknown_origin_does_not_switch_the_check_off(origin: Any) -> None:
    with pytest.raises(InvalidContextError, match="thread_origin: expected 'set', 'begun' or"):
        UserExecutionContext("u-17", *FIRST, thread_origin=origin)


@pytest.mark.parametrize(
    "connection_id",
    ["", "ws_10146348_1757371237_8bfbba09", FIRST.run_id, 5],
    ids=["empty", "legacy", "run", "number"],
)
def test_a_connection_id_is_checked_too(connection_id: Any) -> None:
    with pytest.raises(InvalidContextError, match="connection_id: expected a ws_conn id, got "):
        UserExecutionContext.create("u-17", "chat", connection_id=connection_id)


def test_create_begins_a_new_thread() -> None:
    context = UserExecutionContext.create("u-17", "chat", connection_id=CONNECTION)
    other = UserExecutionContext.create("u-17", "chat")
    assert context.thread_origin == "set"
    assert context.connection_id == CONNECTION
    assert other.connection_id is None
    assert len({*context.isolation_key, *other.isolation_key}) == 5
    assert context.request_id != other.request_id


def test_create_continues_a_stored_thread_with_a_new_run() -> None:
    context = UserExecutionContext.create("u-17", "chat", thread_id=FIRST.thread_id)
    assert context.thread_id == FIRST.thread_id
    assert context.thread_origin == "stored"
    assert context.run_id not in (FIRST.run_id, SECOND.run_id)
    assert context.run_id.removeprefix("run_") == context.request_id.removeprefix("req_")
    with pytest.raises(InvalidContextError, match="thread_id: expected a thread id, got a run id"):
        UserExecutionContext.create("u-17", "chat", thread_id=FIRST.run_id)
    with pytest.raises(InvalidContextError, match="thread_id: expected a thread id, got a string"):
        UserExecutionContext.create("u-17", "chat", thread_id="")


def test_for_run_makes_a_fresh_request_for_a_stored_run() -> None:
    one = UserExecutionContext.for_run("u-17", FIRST.thread_id, SECOND.run_id)
    two = UserExecutionContext.for_run(
        "u-17", FIRST.thread_id, SECOND.run_id, connection_id=CONNECTION, operation="cancel"
    )
    assert one.isolation_key == two.isolation_key == ("u-17", FIRST.thread_id, SECOND.run_id)
    assert one.thread_origin == two.thread_origin == "stored"
    assert one.request_id.startswith("req_run_")
    assert two.request_id.startswith("req_cancel_")
    assert two.connection_id == CONNECTION
    with pytest.raises(InvalidContextError, match=r"thread_id: .*; run_id: "):
        UserExecutionContext.for_run("u-17", FIRST.run_id, FIRST.thread_id)


@pytest.mark.parametrize("user_id", [*BAD_USER_IDS, Agreeable("u")])
def test_unusable_users_are_refused_on_every_way_in(user_id: Any) -> None:
    with pytest.raises(InvalidContextError, match="user_id: "):
        UserExecutionContext(user_id, *FIRST)
    with pytest.raises(InvalidContextError, match="user_id: "):
        UserExecutionContext.create(user_id, "chat")
    with pytest.raises(InvalidContextError, match="user_id: "):
        UserExecutionContext.for_run(user_id, FIRST.thread_id, FIRST.run_id)


def test_an_unusable_operation_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="operation: "):
        UserExecutionContext.create("u-17", "Chat")
    with pytest.raises(ValueError, match="operation: "):
        UserExecutionContext.for_run("u-17", *FIRST[:2], operation="")


def test_a_context_cannot_be_changed() -> None:
    context: Any = UserExecutionContext("u-17", *FIRST)
    for name in ("user_id", "thread_id", "run_id", "thread_origin"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(context, name, "u-18")
    assert not hasattr(context, "__dict__")
    with pytest.raises(InvalidContextError, match="not of one set"):
        dataclasses.replace(context, run_id=SECOND.run_id)


def test_copies_are_equal_and_hash_alike() -> None:
    context = UserExecutionContext("u-17", *FIRST)
    stored = UserExecutionContext("u-17", *FIRST, thread_origin="stored")
    for twin in (copy.copy(context), copy.deepcopy(context), pickle.loads(pickle.dumps(context))):
        assert twin == context
        assert hash(twin) == hash(context)
    assert stored == context
    assert context != UserExecutionContext("u-18", *FIRST)


@given(one=USER_IDS, two=USER_IDS)
def test_two_users_never_have_one_isolation_key(one: str, two: str) -> None:
    assume(one != two)
    keys = {UserExecutionContext(user_id, *FIRST).isolation_key for user_id in (one, two)}
    assert len(keys) == 2


@pytest.mark.parametrize("separator", [":", "_", ".", "/", "|", ",", "', '"])
def test_a_crafted_user_id_is_not_another_users_key(separator: str) -> None:
    victim = UserExecutionContext("u", *FIRST)
    crafted = UserExecutionContext(separator.join(victim.isolation_key), *FIRST)
    moved = UserExecutionContext(f"u{separator}{FIRST.thread_id}", *SECOND)
    assert len({victim.isolation_key, crafted.isolation_key, moved.isolation_key}) == 3
    assert crafted.isolation_key[0] == separator.join(victim.isolation_key)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
        ("a", "\u0430"),
        ("u", "U"),
        ("u", "u "),
        ("\ufb01", "fi"),
        ("u", "u\u200b"),
    ],
)
def test_twins_are_different_users(one: str, two: str) -> None:
    first, second = UserExecutionContext(one, *FIRST), UserExecutionContext(two, *FIRST)
    assert (first.user_id, second.user_id) == (one, two)
    assert first != second
    assert first.isolation_key != second.isolation_key


def test_every_public_name_exists_and_the_list_is_sorted() -> None:
    assert threadcast.context.__all__ == sorted(threadcast.context.__all__)
    assert all(hasattr(threadcast.context, name) for name in threadcast.context.__all__)
