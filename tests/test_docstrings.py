"""What docstrings refer to is there, and their arguments are not hidden in other text."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import threadcast

_SOURCE = Path(threadcast.__file__).parent
_REFERENCE = re.compile(r"(?<!`)`([A-Za-z_]+(?:\.[A-Za-z_]+)+)`")
_NAMING = ("Args:", "Attributes:")
_INDENT = "    "
_NAMED = re.compile(r"( +)[a-z_]+(?:, [a-z_]+)*: ")
_PROSE = re.compile(r"(?! |- |.*:$).")
# These have a dot and name no module: ASGI's messages and what a function is given.
_OTHERS = frozenset({"limits.drain_max_s", "wanted.after", "websocket.disconnect"})


@cache
def _trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(_SOURCE.rglob("*.py"))}


def _definitions() -> dict[str, set[str]]:
    """By the names of modules, packages and classes: what is said in all that are called so."""
    found: dict[str, set[str]] = defaultdict(set)
    for path, tree in _trees().items():
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


def _docstrings() -> Iterator[tuple[str, str]]:
    """Each docstring, without its own indent, and where it is."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path, tree in _trees().items():
        for node in ast.walk(tree):
            if isinstance(node, documented) and (text := ast.get_docstring(node)):
                yield f"{path.relative_to(_SOURCE)} {getattr(node, 'name', '')}".rstrip(), text


def _references() -> Iterator[tuple[str, str]]:
    for where, text in _docstrings():
        for name in _REFERENCE.findall(text):
            yield name, where


def _wrong_indents(text: str) -> Iterator[str]:
    """Lines that are read as a part of what stands above them, and are none."""
    section, before = "", ""
    for line in text.split("\n"):
        if line and not line.startswith(" "):
            section = line
        named = section in _NAMING and _NAMED.match(line)
        if named and named[1] != _INDENT:
            yield line
        if line.startswith(" ") and _PROSE.match(before):
            yield line
        before = line


def test_what_docstrings_name_is_there() -> None:
    defined = _definitions()
    referred = set(_references())
    missing = []
    for name, where in sorted(referred):
        owner, _, last = name.removeprefix("threadcast.").rpartition(".")
        is_ours = name not in _OTHERS and owner not in sys.stdlib_module_names
        if is_ours and last not in defined[owner.rpartition(".")[2]]:
            missing.append(f"{where}: `{name}`")
    assert len(referred) > 100
    assert missing == []


def test_arguments_are_at_the_indent_of_their_section_and_text_is_at_none() -> None:
    wrong = [f"{where}: {line}" for where, text in _docstrings() for line in _wrong_indents(text)]
    assert wrong == []


def test_a_wrong_indent_is_seen() -> None:
    hidden = "One.\n\nArgs:\n    first: it\n        goes on.\n        second: is hidden."
    assert list(_wrong_indents(hidden)) == ["        second: is hidden."]
    assert list(_wrong_indents("Text that\n    goes on.")) == ["    goes on."]
    assert list(_wrong_indents("So:\n    code()\n\n- a point that\n  goes on.")) == []
