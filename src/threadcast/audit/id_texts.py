"""Composed texts (f-strings, `+`, `%` and `format`) as lists of parts.

It knows nothing of ids: other modules decide what a part means.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .source import Source, text_of

_FIELD = re.compile(r"\{[^{}]*\}|%[-#0-9.]*[sdrxf]")
_PARTS_MAX = 40

Parts = list[str | ast.expr]


def composed_texts(source: Source) -> Iterator[tuple[ast.expr, Parts]]:
    """Every text that is composed of at least one constant and one other part."""
    for node in source.nodes(ast.JoinedStr, ast.BinOp, ast.Call):
        above = source.parent(node)
        if isinstance(above, ast.BinOp | ast.FormattedValue) and _is_text(above):
            continue  # a part of a larger text
        parts = parts_of(node)
        if any(isinstance(one, str) for one in parts) and len(parts) > 1:
            yield node, parts


def parts_of(node: ast.AST) -> Parts:
    """The parts of a composed text in order, constant ones as `str`; empty for anything else."""
    match node:
        case ast.JoinedStr(values=values):
            found = [
                one.value if isinstance(one, ast.FormattedValue) else (text_of(one) or "")
                for one in values
            ]
        case ast.BinOp(op=ast.Add()):
            found = _sum(node)
        case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str(text)), right=right):
            found = _filled(text, right.elts if isinstance(right, ast.Tuple) else [right])
        case ast.Call(
            func=ast.Attribute(attr="format", value=ast.Constant(value=str(text))), args=arguments
        ):
            found = _filled(text, arguments)
        case ast.Call(
            func=ast.Attribute(attr="join", value=ast.Constant(value=str(text))),
            args=[ast.List(elts=elements) | ast.Tuple(elts=elements)],
        ):
            found = _joined(text, elements)
        case _:
            return []
    return [one for one in found if one != ""] if any(map(_is_expression, found)) else []


def _is_expression(part: str | ast.expr) -> bool:
    return not isinstance(part, str)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.FormattedValue) or bool(parts_of(node))


def _sum(node: ast.BinOp) -> Parts:
    """The parts of `a + "b" + c`; empty if no part is surely a text."""
    parts: Parts = []
    rest: ast.expr = node
    while isinstance(rest, ast.BinOp) and isinstance(rest.op, ast.Add) and len(parts) < _PARTS_MAX:
        parts.append(_leaf(rest.right))
        rest = rest.left
    parts.append(_leaf(rest))
    parts.reverse()
    return parts if any(isinstance(one, str) for one in parts) else []


def _leaf(node: ast.expr) -> str | ast.expr:
    text = text_of(node)
    return node if text is None else text


def _filled(text: str, values: list[ast.expr]) -> Parts:
    fixed = _FIELD.split(text)
    if len(fixed) != len(values) + 1:
        return []
    parts: Parts = [fixed[0]]
    for value, after in zip(values, fixed[1:], strict=True):
        parts += [value, after]
    return parts


def _joined(separator: str, elements: list[ast.expr]) -> Parts:
    parts: Parts = []
    for number, element in enumerate(elements):
        parts += [separator, _leaf(element)] if number else [_leaf(element)]
    return parts
