"""Every row of the list of bad input has a test that carries its name.

A row without a test fails here, and so does a test that names a row which is not in the list. What
counts is the source: the name of a test function, or the id of a parameter set.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_TESTS = Path(__file__).parent
_SECTIONS: dict[str, dict[str, str]] = tomllib.loads(
    (_TESTS / "bad_input_rows.toml").read_text(encoding="utf-8")
)
_ROWS = {row for section in _SECTIONS.values() for row in section}
_IN_FUNCTION = re.compile(r"(?<=_)[a-z][0-9]{1,2}(?=_)")
_LEADING = re.compile(r"test(?:_[a-z][0-9]{1,2})+_")
_PARAMETER_ID = re.compile(r"([A-Z][0-9]{1,2})(?:-.*)?", re.DOTALL)


def _place(row: Any) -> tuple[str, int]:
    return row[0], int(row[1:])


@cache
def named_rows() -> dict[str, set[str]]:
    """The rows that tests name, and the files that do."""
    found: dict[str, set[str]] = {}
    for pattern in ("test_*.py", "contracts/*.py"):
        for path in sorted({*_TESTS.glob(pattern)} - {Path(__file__)}):
            for row in _rows_of(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(row, set()).add(path.name)
    return found


def _rows_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if leading := _LEADING.match(node.name):
                yield from map(str.upper, _IN_FUNCTION.findall(leading[0]))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = _PARAMETER_ID.fullmatch(node.value)
            row = "" if named is None else named[1]
            if row[:1] in _SECTIONS:
                yield row


def test_rows_are_in_their_sections() -> None:
    misplaced = [
        row for letter, rows in _SECTIONS.items() for row in rows if not row.startswith(letter)
    ]
    assert misplaced == []


@pytest.mark.parametrize("row", sorted(_ROWS, key=_place))
def test_the_row_has_a_test(row: str) -> None:
    assert named_rows().get(row), f"no test has the name {row}; give one that name"


def test_no_test_names_a_row_that_is_not_in_the_list() -> None:
    unknown = {row: sorted(files) for row, files in named_rows().items() if row not in _ROWS}
    assert unknown == {}


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        ("def test_w13_gone(): ...", {"W13"}),
        ("async def test_d3_d4_two(): ...", {"D3", "D4"}),
        ("def test_a_thing_w13_in_the_middle(): ...", set()),
        ("def helper_w13_(): ...", set()),
        ("ROWS = [('W3-text', 1), ('F25', 2)]", {"W3", "F25"}),
        ("ids = [f'F3-{opcode}' for opcode in range(3)]", {"F3"}),
        ("'''Row W3 is tested elsewhere.'''", set()),
    ],
    ids=["one", "two", "middle", "no test", "parameters", "formatted", "prose"],
)
def test_how_rows_are_found(source: str, rows: set[str]) -> None:
    assert set(_rows_of(ast.parse(source))) == rows
