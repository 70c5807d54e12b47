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


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("databse_url", "database_url"),
        ("database", "database_url"),
        ("connections-max", "max_connections"),
        ("retention_s", None),
        ("max_size", None),
    ],
)
def test_what_takes_more_slips_must_have_the_same_words(typed: str, found: str | None) -> None:
    assert nearest(typed, ["database_url", "max_connections", "bus_ca_file"]) == found


def test_a_prefix_that_all_have_tells_nothing() -> None:
    assert nearest("THREADCAST_FOO", ["THREADCAST_PORT"], prefix="THREADCAST_") is None
    assert nearest("THREADCAST_PROT", ["THREADCAST_PORT"], prefix="THREADCAST_")


def test_a_clause_or_nothing() -> None:
    assert did_you_mean("prot", ["port"]) == ', did you mean "port"?'
    assert did_you_mean("zzzz", ["port"]) == ""
