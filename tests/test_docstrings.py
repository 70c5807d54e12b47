"""What docstrings refer to is there: a name that moved is noticed."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadcast

_SOURCE = Path(threadcast.__file__).parent
_REFERENCE = re.compile(r"(?<!`)`([A-Za-z_]+(?:\.[A-Za-z_]+)+)`")
# These have a dot and name no module: ASGI's messages and what a function is given.
_OTHERS = frozenset({"limits.drain_max_s", "wanted.after", "websocket.disconnect"})

_TREES = {path: ast.parse(path.read_text()) for path in sorted(_SOURCE.rglob("*.py"))}


def _definitions() -> dict[str, set[str]]:
    """By the names of modules, packages and classes: what is said in all that are called so."""
    found: dict[str, set[str]] = defaultdict(set)
    for path, tree in _TREES.items():
        for owner in (path.stem, path.parent.name):
            found[owner] |= {path.stem, *_names_in(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name] |= set(_names_in(node))
    return found


def _names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.Name(id=name) | ast.Attribute(attr=name):
                yield name


def _references() -> Iterator[tuple[str, str]]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path, tree in _TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, documented):
                for name in _REFERENCE.findall(ast.get_docstring(node) or ""):
                    yield name, str(path.relative_to(_SOURCE))


_DEFINED = _definitions()


@pytest.mark.parametrize(("name", "where"), sorted(set(_references())))
def test_what_a_docstring_names_is_there(name: str, where: str) -> None:
    owner, _, last = name.removeprefix("threadcast.").rpartition(".")
    if name not in _OTHERS and owner not in sys.stdlib_module_names:
        assert last in _DEFINED[owner.rpartition(".")[2]], f"{where}: `{name}`"
