"""What one file contributes to rules about the whole tree: its classes and its imports.

Only statements are visited, not expressions, so that it is cheap for every file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from .findings import Location
from .source import FUNCTIONS, Function, Source, imported_from, last

ROLES = (
    "Manager", "Factory", "Registry", "Generator", "Tracker", "Coordinator", "Dispatcher",
    "Broadcaster", "Bridge", "Emitter", "Notifier", "Supervisor", "Orchestrator", "Hub",
)  # fmt: skip
_ROLE_CALL = re.compile(rf"(?<!class )\b(\w*(?:{'|'.join(ROLES)})\w*)\(")
_INTERFACES = frozenset({"ABC", "ABCMeta", "Protocol", "Interface"})
_SHIM = re.compile(
    r"deprecat|backwards?[- ]compat|(?:legacy|old) import|moved to|shim", re.IGNORECASE
)


class ClassFact(NamedTuple):
    """A class at the top level of a module.

    Attributes:
        name, module: its name and where it is.
        location: of its first line.
        bases: those bases that are dotted names.
        methods: its public methods, of any kind.
        awaited: those of them that are `async`.
        is_interface: it is not meant to be instantiated: a protocol, abstract, or all
            unimplemented.
    """

    name: str
    module: str
    location: Location
    bases: tuple[str, ...]
    methods: frozenset[str]
    awaited: frozenset[str]
    is_interface: bool


class ImportFact(NamedTuple):
    """One imported name: `from module import name as alias`, or `import module`.

    Attributes:
        module: dotted and absolute.
        name: empty for `import module`.
        local: its name in the importing module.
        alias: the name after `as`, or None.
        location: of the name.
    """

    module: str
    name: str
    local: str
    alias: str | None
    location: Location


class ModuleFacts(NamedTuple):
    """The facts of one file.

    Attributes:
        defined: names of the classes and functions at its top level.
        published: names in `__all__`, and those imported as themselves (`X as X`).
        is_shim: it only re-exports names, and says that it is deprecated.
        role_calls: names of managers and other roles that are called in it.
    """

    path: str
    module: str
    is_package: bool
    classes: tuple[ClassFact, ...]
    imports: tuple[ImportFact, ...]
    defined: frozenset[str]
    published: frozenset[str]
    is_shim: bool
    role_calls: frozenset[str]


def facts_of(source: Source) -> ModuleFacts:
    """Collect the facts of a file."""
    body = source.tree.body
    imports = tuple(_imports(source))
    defined = {one.name for one in body if isinstance(one, (*FUNCTIONS, ast.ClassDef))}
    published = {one.local for one in imports if one.alias == one.name} | set(_listed(body))
    return ModuleFacts(
        source.path,
        source.module,
        source.path.endswith("__init__.py"),
        tuple(_class(source, one) for one in body if isinstance(one, ast.ClassDef)),
        imports,
        frozenset(defined),
        frozenset(published),
        _is_shim(source, imports),
        frozenset(_ROLE_CALL.findall(source.text)),
    )


def _imports(source: Source) -> Iterator[ImportFact]:
    for node in _statements(source.tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            base = imported_from(source, node) if isinstance(node, ast.ImportFrom) else None
            for one in node.names:
                location = source.location(one)
                first = one.name if base is not None else one.name.partition(".")[0]
                yield ImportFact(
                    one.name if base is None else base,
                    "" if base is None else one.name,
                    one.asname or first,
                    one.asname,
                    location,
                )


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement, at any depth."""
    waiting = list(reversed(body))
    while waiting:
        node = waiting.pop()
        yield node
        for name in ("body", "orelse", "finalbody"):
            waiting += getattr(node, name, ())
        for block in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            waiting += block.body


def _listed(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
                | ast.AugAssign(target=ast.Name(id="__all__"), value=value)
            ):
                for one in ast.walk(value):
                    if isinstance(one, ast.Constant) and isinstance(one.value, str):
                        yield one.value


def _is_shim(source: Source, imports: tuple[ImportFact, ...]) -> bool:
    if source.path.endswith("__init__.py") or not imports:
        return False
    return all(map(_passes_on, source.tree.body)) and bool(_SHIM.search(source.text))


def _passes_on(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="warn") | ast.Name(id="warn"))):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Assign(targets=[ast.Name()], value=ast.Name() | ast.Attribute()):
            return True
    return False


def _class(source: Source, node: ast.ClassDef) -> ClassFact:
    methods = [one for one in node.body if isinstance(one, FUNCTIONS)]
    public = [one for one in methods if not one.name.startswith("_")]
    location = source.location(node)
    bases = tuple(_dotted(one) for one in node.bases)
    return ClassFact(
        node.name,
        source.module,
        location,
        bases,
        frozenset(one.name for one in public),
        frozenset(one.name for one in public if isinstance(one, ast.AsyncFunctionDef)),
        _is_interface(node, bases, methods),
    )


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        node = node.value
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


def _is_interface(node: ast.ClassDef, bases: tuple[str, ...], methods: list[Function]) -> bool:
    named = {last(one) for one in bases} | {last(_dotted(one.value)) for one in node.keywords}
    if named & _INTERFACES or any(map(_is_abstract, methods)):
        return True
    return any(map(_is_unimplemented, methods))


def _is_abstract(method: Function) -> bool:
    return any("abstract" in last(_dotted(one)) for one in method.decorator_list)


def _is_unimplemented(method: Function) -> bool:
    final = method.body[-1]
    if isinstance(final, ast.Raise) and final.exc is not None and len(method.body) <= 2:
        raised = final.exc.func if isinstance(final.exc, ast.Call) else final.exc
        return last(_dotted(raised)) == "NotImplementedError"
    return False
