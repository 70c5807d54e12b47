"""Hints as bytes: what a node says is understood, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus_scene import SECRET, about, grew, said
from threadcast.bus import Hint, HintsMissed, JournalReached, RunsWaiting
from threadcast.bus.nats.messages import RECEIVED_MAX_BYTES, VERSION, Ignored, Messages

MESSAGES = Messages(SECRET)
ANN, BOB = MESSAGES.user_subject("ann"), MESSAGES.user_subject("bob")
ENOUGH_BYTES = 100_000


def encoded(hint: Hint) -> tuple[str, bytes]:
    subject = MESSAGES.subject_of(hint)
    assert subject is not None
    return subject, MESSAGES.encode(subject, hint, max_bytes=ENOUGH_BYTES)


def body(*fields: object) -> bytes:
    return msgspec.msgpack.encode(fields)


EVENT = [8, 0, b"1763629200.000001", b"{}"]
THREADS = [[None, None]]


@pytest.mark.parametrize("hint", about("ann", "node_a"), ids=lambda hint: type(hint).__name__)
def test_every_hint_for_others_arrives_as_it_was(hint: Hint) -> None:
    heard = MESSAGES.decode(*encoded(hint))

    assert not isinstance(heard, Ignored)
    assert said(heard) == said(hint)


def test_a_hint_of_waiting_runs_names_their_users_if_there_is_room() -> None:
    hint = RunsWaiting(2, ("ann", "bob"))
    subject, message = encoded(hint)

    assert MESSAGES.decode(subject, message) == hint
    short = MESSAGES.encode(subject, hint, max_bytes=len(message) - 1)
    assert MESSAGES.decode(subject, short) == RunsWaiting(2)
    by_an_older_node = MESSAGES.sealed(subject, body(3, 2))
    assert MESSAGES.decode(subject, by_an_older_node) == RunsWaiting(2)


def test_what_a_bus_says_to_its_own_node_is_for_nobody_else() -> None:
    assert MESSAGES.subject_of(HintsMissed(["ann"])) is None
    with pytest.raises(TypeError):
        MESSAGES.encode(ANN, HintsMissed(["ann"]), max_bytes=ENOUGH_BYTES)


@given(st.text())
def test_b1_a_user_is_one_word_of_one_length_in_a_subject(user_id: str) -> None:
    words = MESSAGES.user_subject(user_id).split(".")

    assert [len(word) for word in words] == [2, 20, 1, 32]
    assert "".join(words).isalnum()
    assert "".join(words).isascii()


def test_two_deployments_share_no_subject() -> None:
    other = Messages(SECRET + b"!")
    ours = {MESSAGES.user_subject("ann"), MESSAGES.node_subject("n"), MESSAGES.waiting_subject}

    assert not ours & {other.user_subject("ann"), other.node_subject("n"), other.waiting_subject}


@given(st.binary(max_size=200))
def test_b2_garbage_is_ignored_and_breaks_nothing(message: bytes) -> None:
    assert isinstance(MESSAGES.decode(ANN, message), Ignored)


@given(st.data())
def test_b2_one_changed_byte_makes_a_message_nobodys(data: st.DataObject) -> None:
    subject, message = encoded(grew("ann", 2))
    place = data.draw(st.integers(0, len(message) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != message[place]))
    changed = message[:place] + bytes([other]) + message[place + 1 :]

    assert MESSAGES.decode(subject, changed) in (Ignored.FORGED, Ignored.VERSION)


@given(st.data())
def test_b2_a_message_that_was_cut_is_nobodys(data: st.DataObject) -> None:
    subject, message = encoded(grew("ann", 2))
    kept = data.draw(st.integers(0, len(message) - 1))

    assert isinstance(MESSAGES.decode(subject, message[:kept]), Ignored)


def test_a_message_cannot_be_moved_to_another_user() -> None:
    _, message = encoded(grew("ann"))

    assert MESSAGES.decode(BOB, message) is Ignored.FORGED


def test_a_node_that_names_another_user_than_its_subject_is_not_believed() -> None:
    confused = MESSAGES.encode(BOB, grew("ann"), max_bytes=ENOUGH_BYTES)

    assert MESSAGES.decode(BOB, confused) is Ignored.FOREIGN


def test_a_seal_of_another_deployment_is_none() -> None:
    other = Messages(SECRET + b"!")

    assert MESSAGES.decode(ANN, other.encode(ANN, grew("ann"), max_bytes=1_000)) is Ignored.FORGED


def test_what_is_too_large_is_not_even_looked_at() -> None:
    message = MESSAGES.sealed(ANN, bytes(RECEIVED_MAX_BYTES))

    assert MESSAGES.decode(ANN, message) is Ignored.TOO_LARGE


def test_b6_another_version_is_ignored_and_counted_as_one() -> None:
    _, message = encoded(grew("ann"))

    assert MESSAGES.decode(ANN, bytes([VERSION + 1]) + message[1:]) is Ignored.VERSION


def test_b6_fields_that_a_later_program_adds_are_passed_over() -> None:
    event = [*EVENT, "a field of later"]
    message = MESSAGES.sealed(ANN, body(1, "ann", 7, THREADS, [event], {"also": "later"}))

    heard = MESSAGES.decode(ANN, message)

    assert not isinstance(heard, Ignored)
    assert said(heard)[1][0][0] == 7  # type: ignore[index]


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (0,),
        (99, "ann"),
        (1, "ann", 1, THREADS, []),
        (1, "ann", 0, THREADS, [EVENT]),
        (1, "ann", -1, THREADS, [EVENT]),
        (1, "ann", 2**53, THREADS, [EVENT]),
        (1, "ann", 2**53 - 1, THREADS, [EVENT, EVENT]),
        (1, "ann", 1, [], [EVENT]),
        (1, "ann", 1, THREADS, [[8, -1, b"1.000000", b"{}"]]),
        (1, "ann", 1, THREADS, [[8, 1, b"1.000000", b"{}"]]),
        (1, "ann", 1, THREADS, [[200, 0, b"1.000000", b"{}"]]),
        (1, "ann", 1, THREADS, [[8, 0, b"1.000000"]]),
        (1, "ann", "1", THREADS, [EVENT]),
        (1, b"ann", 1, THREADS, [EVENT]),
        (2, "ann", 0),
        (2, "ann", 2**53),
        (2, "ann"),
        (5,),
    ],
)
def test_b2_a_body_that_means_nothing_is_ignored(fields: Sequence[object]) -> None:
    message = MESSAGES.sealed(ANN, body(*fields))

    assert MESSAGES.decode(ANN, message) is Ignored.SCHEMA


def test_b2_a_body_of_any_depth_is_ignored() -> None:
    message = MESSAGES.sealed(ANN, b"\x91" * 100_000)

    assert MESSAGES.decode(ANN, message) is Ignored.SCHEMA


@pytest.mark.parametrize("size", [100, 10_000])
def test_what_does_not_fit_says_its_head_alone(size: int) -> None:
    hint = grew("ann", 50, first=11, data="x" * size)
    most = len(encoded(grew("ann", 50, first=11, data="x" * size))[1]) - 1

    message = MESSAGES.encode(ANN, hint, max_bytes=most)

    assert len(message) < 200
    assert MESSAGES.decode(ANN, message) == JournalReached("ann", 60)
