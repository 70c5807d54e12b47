"""TC201: imports by a path that the configuration declares replaced.

The configuration maps a module, or a name in a module, to its new path. An edit is offered only
where the surrounding text cannot change its meaning.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from .configuration import AuditSettings
from .findings import Edit, Finding
from .source import Source, imported_from, last

_FROM = re.compile(r"from(\s+)([.\w]+)(\s+)import\b")


def find_deprecated_imports(source: Source, settings: AuditSettings) -> Iterator[Finding]:
    """TC201 in one file."""
    canonical = settings.canonical_imports
    if not any(last(old) in source.text for old in canonical):
        return
    for plain in source.nodes(ast.Import):
        for name in plain.names:
            if (new := _replaced(name.name, canonical)) is not None:
                edits = (_import_edit(source, name, new),) if name.asname else ()
                unfixed = "" if edits else f"every use of `{name.name}` has to change with it"
                yield _finding(source, name, name.name, new, edits, unfixed)
    for node in source.nodes(ast.ImportFrom):
        yield from _from(source, node, canonical)


def _replaced(dotted: str, canonical: Mapping[str, str]) -> str | None:
    """The canonical path of a dotted path that is one of the replaced ones or lies in one."""
    prefix = dotted
    while prefix:
        if prefix in canonical:
            return canonical[prefix] + dotted[len(prefix) :]
        prefix = prefix.rpartition(".")[0]
    return None


def _finding(
    source: Source, node: ast.alias, old: str, new: str, edits: tuple[Edit, ...], unfixed: str
) -> Finding:
    message = f"`{old}` is now `{new}`"
    return source.finding("TC201", node, message, edits=edits, unfixed=unfixed)


def _from(source: Source, node: ast.ImportFrom, canonical: Mapping[str, str]) -> Iterator[Finding]:
    base = imported_from(source, node)
    new_base = _replaced(base, canonical)
    for alias in node.names:
        old = base if alias.name == "*" else f"{base}.{alias.name}"
        new = new_base if alias.name == "*" else _replaced(old, canonical)
        if new is None:
            continue
        edits: tuple[Edit, ...] = ()
        unfixed = "the names of this statement part"
        if (
            new_base is not None
            and new == f"{new_base}.{alias.name}"
            and _moves_whole(node, base, canonical)
        ):
            edits = _module_edit(source, node, new_base)
            unfixed = "the statement is not on one line"
        elif alias.name == "*":
            edits = _module_edit(source, node, new)
        elif len(node.names) == 1:
            edits = _one_name(source, node, alias, new)
        yield _finding(source, alias, old, new, edits, "" if edits else unfixed)


def _moves_whole(node: ast.ImportFrom, base: str, canonical: Mapping[str, str]) -> bool:
    """Whether every name of the statement moves to the same new module."""
    new = _replaced(base, canonical)
    return all(
        _replaced(f"{base}.{alias.name}", canonical) == f"{new}.{alias.name}"
        for alias in node.names
    )


def _one_name(source: Source, node: ast.ImportFrom, alias: ast.alias, new: str) -> tuple[Edit, ...]:
    module, _, name = new.rpartition(".")
    edits = _module_edit(source, node, module) if module else ()
    if edits and name != alias.name:
        local = alias.asname or alias.name
        edits += (source.edit(alias, f"{name} as {local}"),)
    return edits


def _module_edit(source: Source, node: ast.ImportFrom, new: str) -> tuple[Edit, ...]:
    """The edit of the module between `from` and `import`, if both are on one line."""
    location = source.location(node)
    found = _FROM.match(source.line(location.line), location.column - 1)
    if found is None:
        return ()
    return (Edit(location.line, found.start(2) + 1, location.line, found.end(2) + 1, new),)


def _import_edit(source: Source, alias: ast.alias, new: str) -> Edit:
    return source.edit(alias, f"{new} as {alias.asname}")
