"""Cutting a body into lines while it comes."""

from __future__ import annotations

import sys
from types import FrameType

from hypothesis import given
from hypothesis import strategies as st

from threadcast.http.body_lines import LineSplitter


def cut(pieces: list[bytes], line_max_bytes: int = 8) -> list[bytes | None]:
    splitter = LineSplitter(line_max_bytes)
    found: list[bytes | None] = []
    for piece in pieces:
        for line in splitter.feed(piece):
            found.append(line)
            assert splitter.held_bytes <= line_max_bytes
        assert splitter.held_bytes <= line_max_bytes
    return [*found, *splitter.finish()]


def test_lines_end_with_a_line_feed_or_the_body() -> None:
    assert cut([b"a\nb\r\nc"]) == [b"a", b"b\r", b"c"]
    assert cut([b"a", b"b", b"\nc\n"]) == [b"ab", b"c"]


def test_empty_lines_are_left_out() -> None:
    assert cut([b"\n\r\n  \n", b"\n", b"a\n\n"]) == [b"a"]


def test_a_body_of_empty_lines_takes_no_step_for_each() -> None:
    steps = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event == "call"

    splitter = LineSplitter(8)
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        lines = list(splitter.feed(b" \r\n\n" * 16_384 + b"a\n"))
    finally:
        sys.setprofile(before)
    assert lines == [b"a"]
    assert steps < 50


def test_a_line_that_is_too_long_is_one_and_the_next_is_whole() -> None:
    assert cut([b"12345678\n", b"123456789\n", b"a\n"]) == [b"12345678", None, b"a"]
    assert cut([b"1234567", b"89", b"0" * 1_000, b"\na"]) == [None, b"a"]
    assert cut([b"x" * 100]) == [None]


_pieces = st.one_of(st.binary(max_size=30), st.text("\n\r \ta", max_size=200).map(str.encode))


@given(st.lists(_pieces, max_size=10), st.integers(1, 80))
def test_it_does_not_matter_how_the_body_is_cut(pieces: list[bytes], line_max_bytes: int) -> None:
    lines = [
        line for line in b"".join(pieces).split(b"\n") if line.strip() or len(line) > line_max_bytes
    ]
    expected = [line if len(line) <= line_max_bytes else None for line in lines]
    assert cut(pieces, line_max_bytes) == expected
