"""One parsed file and its queries for rules: what a name resolves to, what encloses a node.

Results that need a walk over every node are computed on first use and cached. Nothing here may
import or run audited code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from typing import TypeVar

from .findings import Edit, Finding, Location, Related

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.ClassDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef
_CLOSED = (*SCOPES, ast.Lambda)
_SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop)

_LINE_END = re.compile(r"\r\n|\r|\n")  # `splitlines` knows more ends than Python does

_Node = TypeVar("_Node", bound=ast.AST)


class Source:
    """A file's text and tree.

    Args:
        path: relative to the root of the audit, with `/`.
        module: its dotted name for imports.
        text: the decoded text.
        tree: the text, parsed.
    """

    def __init__(self, path: str, module: str, text: str, tree: ast.Module) -> None:
        self.path = path
        self.module = module
        self.text = text
        self.tree = tree
        self.lines = _LINE_END.split(text)
        self.count = len(self.lines) - (not self.lines[-1])

    @cached_property
    def _index(self) -> tuple[dict[type[ast.AST], list[ast.AST]], dict[ast.AST, ast.AST]]:
        by_kind: dict[type[ast.AST], list[ast.AST]] = {}
        parents: dict[ast.AST, ast.AST] = {}
        waiting: list[ast.AST] = [self.tree]
        for node in waiting:
            by_kind.setdefault(type(node), []).append(node)
            inner = children(node)
            parents.update(dict.fromkeys(inner, node))
            waiting += inner
        return by_kind, parents

    def nodes(self, *kinds: type[_Node]) -> Iterator[_Node]:
        """Every node of these kinds, in breadth-first order."""
        by_kind = self._index[0]
        for kind in kinds:
            for node in by_kind.get(kind, ()):
                if isinstance(node, kind):  # the type checker cannot know
                    yield node

    def functions(self) -> Iterator[Function]:
        """Every function, in breadth-first order."""
        yield from self.nodes(ast.FunctionDef)
        yield from self.nodes(ast.AsyncFunctionDef)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The parent of a node."""
        return self._index[1].get(node)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The ancestors of a node, innermost first."""
        parents = self._index[1]
        while (found := parents.get(node)) is not None:
            yield found
            node = found

    def scope(self, node: ast.AST) -> str:
        """The dotted name of the classes and functions around a node, including itself."""
        around = [one.name for one in (node, *self.above(node)) if isinstance(one, SCOPES)]
        return ".".join(reversed(around))

    def function(self, node: ast.AST) -> Function | ast.Lambda | None:
        """The innermost function around a node."""
        for one in self.above(node):
            if isinstance(one, (*FUNCTIONS, ast.Lambda)):
                return one
        return None

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What imported names resolve to: `u4` to `uuid.uuid4`, if imported under that name."""
        found: dict[str, str] = {}
        for plain in self.nodes(ast.Import):
            for name in plain.names:
                first = name.name.split(".")[0]
                found[name.asname or first] = name.name if name.asname else first
        for one in self.nodes(ast.ImportFrom):
            base = imported_from(self, one)
            for name in one.names:
                found[name.asname or name.name] = f"{base}.{name.name}"
        return found

    def dotted(self, node: ast.AST | None) -> str:
        """What a dotted name resolves to by the imports; empty for anything else."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        parts.append(self.aliases.get(node.id, node.id))
        return ".".join(reversed(parts))

    def line(self, number: int) -> str:
        """A line's text, from 1; empty past the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def column(self, line: int, offset: int) -> int:
        """The column in characters, from 1, of an offset in bytes, from 0."""
        text = self.line(line)
        if text.isascii():
            return offset + 1
        return len(text.encode("utf-8", "replace")[:offset].decode("utf-8", "replace")) + 1

    def location(self, node: ast.stmt | ast.expr | ast.arg | ast.keyword | ast.alias) -> Location:
        """The location of a node; for a class, a function or another block, only its first line."""
        line, end_line = node.lineno, node.end_lineno or node.lineno
        column, end = self.column(line, node.col_offset), node.end_col_offset
        if isinstance(node, ast.stmt) and hasattr(node, "body"):
            return Location(self.path, line, column, line, len(self.line(line)) + 1)
        return Location(self.path, line, column, end_line, self.column(end_line, end or 0))

    def edit(self, node: ast.expr | ast.alias, text: str) -> Edit:
        """The edit that replaces a node by a text."""
        return Edit(*self.location(node)[1:], text)

    def finding(
        self,
        code: str,
        node: ast.stmt | ast.expr | ast.arg | ast.alias,
        message: str,
        *,
        edits: tuple[Edit, ...] = (),
        related: tuple[Related, ...] = (),
        unfixed: str = "",
    ) -> Finding:
        """A finding at a node."""
        location = self.location(node)
        scope = self.scope(node)
        return Finding(code, location, message, scope, edits, related, unfixed)


def imported_from(source: Source, node: ast.ImportFrom) -> str:
    """The dotted module after `from`, a relative one made absolute."""
    if not node.level:
        return node.module or ""
    parts = source.module.split(".")
    is_package = source.path.endswith("__init__.py")
    kept = parts[: max(0, len(parts) - node.level + is_package)]
    return ".".join([*kept, *([node.module] if node.module else [])])


def last(dotted: str) -> str:
    """The part after the last dot."""
    return dotted.rpartition(".")[2]


def text_of(node: ast.AST | None) -> str | None:
    """The text of a constant string, or None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def children(node: ast.AST) -> list[ast.AST]:
    """The direct children of a node, without contexts and operators, which trees share.

    The audit spends most of its time here; `ast.iter_child_nodes` takes twice as long.
    """
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [one for one in value if isinstance(one, ast.AST)]
        elif isinstance(value, ast.AST) and not isinstance(value, _SHARED):
            found.append(value)
    return found


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, without those of functions and classes inside it."""
    waiting = children(function)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _CLOSED):
            waiting += children(node)
