"""Page tokens and the numbers of queries."""

from __future__ import annotations

import pytest

from threadcast.errors import ThreadcastError
from threadcast.http.paging import PageTokens, read_cursor, read_limit, whole_number
from threadcast.wire.fields import SEQ_MAX


@pytest.mark.parametrize("seq", [1, 255, SEQ_MAX])
def test_a_token_gives_back_its_place(seq: int) -> None:
    tokens = PageTokens(None)
    assert tokens.read(tokens.make("u", "threads", seq), "u", "threads") == seq
    assert tokens.read(None, "u", "threads") is None


def test_nodes_with_one_secret_read_each_others_tokens() -> None:
    token = PageTokens("secret").make("u", "threads", 7)
    assert PageTokens("secret").read(token, "u", "threads") == 7
    for other in (PageTokens("other"), PageTokens(None)):
        with pytest.raises(ThreadcastError, match="bad_page_token"):
            other.read(token, "u", "threads")


def test_no_character_of_a_token_can_be_changed() -> None:
    tokens = PageTokens(None)
    token = tokens.make("u", "threads", 7)
    for index, character in enumerate(token):
        edited = token[:index] + ("A" if character != "A" else "B") + token[index + 1 :]
        with pytest.raises(ThreadcastError, match="bad_page_token"):
            tokens.read(edited, "u", "threads")


def test_a_crafted_user_id_is_no_other_user() -> None:
    tokens = PageTokens(None)
    token = tokens.make('u","x', "threads", 7)
    with pytest.raises(ThreadcastError, match="bad_page_token"):
        tokens.read(token, "u", 'x","threads')


@pytest.mark.parametrize("text", ["", "-1", "+1", "1_0", " 1", "1.0", "٣", "²", "9" * 17])
def test_a_whole_number_is_written_in_digits(text: str) -> None:
    assert whole_number(text) is None


def test_limits_and_cursors_have_bounds() -> None:
    assert (read_limit(None), read_limit("1"), read_limit("200")) == (50, 1, 200)
    assert (read_cursor(None), read_cursor("0"), read_cursor(str(SEQ_MAX))) == (None, 0, SEQ_MAX)
    with pytest.raises(ThreadcastError, match="bad_cursor"):
        read_cursor(str(SEQ_MAX + 1))
