"""Page tokens and the numbers of queries."""

from __future__ import annotations

import pytest

from threadcast.errors import ThreadcastError
from threadcast.http.paging import (
    page_token,
    read_cursor,
    read_limit,
    read_page_token,
    whole_number,
)
from threadcast.wire.fields import SEQ_MAX


@pytest.mark.parametrize("seq", [1, 255, SEQ_MAX])
def test_a_token_gives_back_its_place(seq: int) -> None:
    assert read_page_token(page_token("u", "threads", seq), "u", "threads") == seq
    assert read_page_token(None, "u", "threads") is None


def test_no_character_of_a_token_can_be_changed() -> None:
    token = page_token("u", "threads", 7)
    for index, character in enumerate(token):
        edited = token[:index] + ("A" if character != "A" else "B") + token[index + 1 :]
        with pytest.raises(ThreadcastError, match="bad_page_token"):
            read_page_token(edited, "u", "threads")


@pytest.mark.parametrize("seq", [0, SEQ_MAX + 1, 2**64 - 1])
def test_a_well_made_token_names_a_place_that_there_can_be(seq: int) -> None:
    with pytest.raises(ThreadcastError, match="bad_page_token"):
        read_page_token(page_token("u", "threads", seq), "u", "threads")


def test_a_crafted_user_id_is_no_other_user() -> None:
    token = page_token('u","x', "threads", 7)
    with pytest.raises(ThreadcastError, match="bad_page_token"):
        read_page_token(token, "u", 'x","threads')


@pytest.mark.parametrize("text", ["", "-1", "+1", "1_0", " 1", "1.0", "٣", "²", "9" * 17])
def test_a_whole_number_is_written_in_digits(text: str) -> None:
    assert whole_number(text) is None


def test_limits_and_cursors_have_bounds() -> None:
    assert (read_limit(None), read_limit("1"), read_limit("200")) == (50, 1, 200)
    assert (read_cursor(None), read_cursor("0"), read_cursor(str(SEQ_MAX))) == (None, 0, SEQ_MAX)
    with pytest.raises(ThreadcastError, match="bad_cursor"):
        read_cursor(str(SEQ_MAX + 1))
