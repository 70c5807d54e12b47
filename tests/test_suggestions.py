"""The nearest name to a mistyped one."""

from __future__ import annotations

import pytest

from threadcast.suggestions import did_you_mean, nearest, slips


@pytest.mark.parametrize(
    ("typed", "meant", "count"),
    [
        ("port", "port", 0),
        ("prot", "port", 1),
        ("por", "port", 1),
        ("ports", "port", 1),
        ("part", "port", 1),
        ("", "port", 4),
        ("trop", "port", 3),
    ],
)
def test_slips_are_counted(typed: str, meant: str, count: int) -> None:
    assert slips(typed, meant) == slips(meant, typed) == count


@pytest.mark.parametrize(
    ("typed", "found"),
    [("prot", "port"), ("hots", "host"), ("HOST", "host"), ("qqq", None), ("x" * 65, None)],
)
def test_exchanged_neighbours_are_one_slip(typed: str, found: str | None) -> None:
    assert nearest(typed, ["host", "protocol", "port", "root"]) == found


def test_a_clause_or_nothing() -> None:
    assert did_you_mean("prot", ["port"]) == ', did you mean "port"?'
    assert did_you_mean("zzzz", ["port"]) == ""
