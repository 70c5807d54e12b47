"""No function has more than 60 lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES_MAX = 60


def _long_functions() -> Iterator[tuple[str, int]]:
    for folder in ("src", "tests", "bench"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    count = (node.end_lineno or node.lineno) - node.lineno + 1
                    if count > LINES_MAX:
                        yield f"{path.relative_to(ROOT)}::{node.name}", count


def test_no_function_grows_beyond_its_bound() -> None:
    assert list(_long_functions()) == []
