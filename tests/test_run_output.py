"""What an agent may emit (bad-input row R6, without a run)."""

from __future__ import annotations

import datetime
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.errors import ThreadcastError
from threadcast.events import AgentCompleted, EventType
from threadcast.runner.output import (
    TEXT_PIECE_MAX_CHARACTERS,
    checked_draft,
    checked_json,
    checked_text,
    pieces,
    text_draft,
)

_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0\ufffe")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc\\u0"), inner),
    max_leaves=20,
)


def _cycle() -> list[Any]:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


def _bomb() -> list[Any]:
    bomb: list[Any] = ["x"]
    for _ in range(60):
        bomb = [bomb, bomb]
    return bomb


def _deep(levels: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(levels - 1):
        deep = [deep]
    return deep


class _Text(str):
    __slots__ = ()


def test_a_delta_is_exactly_one_text_field() -> None:
    draft = text_draft(EventType.AGENT_DELTA, 'a "b"\n\\u0000 é')
    assert draft.event_type is EventType.AGENT_DELTA
    assert draft.data == '{"text":"a \\"b\\"\\n\\\\u0000 é"}'.encode()
    assert msgspec.json.decode(draft.data) == {"text": 'a "b"\n\\u0000 é'}


@pytest.mark.parametrize("text", ["a\0b", "\ufffe", "\ud800", "x\udfff"])
def test_r6_text_that_cannot_be_stored_is_refused(text: str) -> None:
    with pytest.raises(ThreadcastError, match="bad_agent_output"):
        text_draft(EventType.AGENT_DELTA, text)
    with pytest.raises(ThreadcastError, match="bad_agent_output"):
        checked_text(text, "delta")
    with pytest.raises(ThreadcastError, match="bad_agent_output"):
        checked_json({"inner": [text]}, max_bytes=1_000)
    with pytest.raises(ThreadcastError, match="bad_agent_output"):
        checked_json({text: 1}, max_bytes=1_000)


@pytest.mark.parametrize("value", [b"bytes", 5, None, _Text("x"), ["x"]])
def test_r6_what_is_no_text_is_refused_by_its_type(value: object) -> None:
    with pytest.raises(ThreadcastError) as caught:
        checked_text(value, "delta")
    assert caught.value.code == "bad_agent_output"
    assert type(value).__name__ in caught.value.message


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        [math.inf],
        {"a": -math.inf},
        b"bytes",
        {1: 2},
        {"a": {1, 2}},
        object(),
        datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC),
        _Text("x"),
        [_Text("x")],
        _cycle(),
        _bomb(),
        _deep(65),
        ["x" * 2_000],
        [0] * 1_001,
        "\x01" * 400,
    ],
    ids=lambda value: type(value).__name__,
)
def test_r6_data_that_json_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises(ThreadcastError) as caught:
        checked_json(value, max_bytes=1_000)
    assert caught.value.code == "bad_agent_output"


def test_an_escaped_backslash_before_u0000_is_plain_text() -> None:
    for text in ("\\u0000", "\\\\u0000", "u0000", "\\\\\\u0000"):
        assert msgspec.json.decode(checked_json(text, max_bytes=100)) == text
        with pytest.raises(ThreadcastError):
            checked_json(text + "\0", max_bytes=100)


@given(_PLAIN)
def test_plain_data_comes_back_as_it_was(value: object) -> None:
    assert msgspec.json.decode(checked_json(value, max_bytes=1_000_000)) == value


def test_the_depth_limit_is_64_levels() -> None:
    assert checked_json(_deep(64), max_bytes=1_000)
    with pytest.raises(ThreadcastError, match="levels"):
        checked_json(_deep(65), max_bytes=1_000)


@given(st.text(max_size=3 * TEXT_PIECE_MAX_CHARACTERS))
def test_pieces_are_bounded_and_join_to_the_text(text: str) -> None:
    cut = list(pieces(text))
    assert "".join(cut) == text
    assert all(0 < len(piece) <= TEXT_PIECE_MAX_CHARACTERS for piece in cut)


def test_a_draft_is_bounded_in_bytes() -> None:
    data = AgentCompleted("x" * 100, 1)
    assert checked_draft(EventType.AGENT_COMPLETED, data, untrusted=None, max_bytes=200)
    with pytest.raises(ThreadcastError, match="at most 99 bytes"):
        checked_draft(EventType.AGENT_COMPLETED, data, untrusted=None, max_bytes=99)
