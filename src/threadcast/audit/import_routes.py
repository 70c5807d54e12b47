"""TC202 and TC203: names imported from modules that do not define them, across the tree.

It works on collected facts. A package's `__init__` that publishes a name is a proper place to
import it from; a module that merely uses the name is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from .facts import ImportFact, ModuleFacts
from .findings import Finding
from .source import last

_STEPS_MAX = 10

Modules = Mapping[str, ModuleFacts]


def find_import_routes(facts: Sequence[ModuleFacts]) -> Iterator[Finding]:
    """TC202 and TC203 over the tree."""
    modules = _by_name(facts)
    routes = _routes(facts, modules)
    for one in facts:
        for imported in one.imports:
            passing = modules.get(imported.module)
            if imported.name and passing is not None and passing is not one:
                yield from _judge(one, imported, passing, modules, routes)


def _by_name(facts: Sequence[ModuleFacts]) -> Modules:
    """Modules by their dotted names, in namespace packages by their paths.

    A name of two modules resolves to neither.
    """
    by_path = {
        one.path.removeprefix("src/")
        .removesuffix(".py")
        .removesuffix("/__init__")
        .replace("/", "."): one
        for one in facts
    }
    times = Counter(one.module for one in facts)
    return {**by_path, **{one.module: one for one in facts if times[one.module] == 1}}


def _judge(
    importer: ModuleFacts,
    imported: ImportFact,
    passing: ModuleFacts,
    modules: Modules,
    routes: Counter[tuple[str, str]],
) -> Iterator[Finding]:
    if passing.is_package or importer.is_package or imported.name in passing.defined:
        return
    home = _home(passing, imported.name, modules)
    if home is None or last(home) != imported.name or importer.module == home.rpartition(".")[0]:
        return
    location = imported.location
    straight, around = routes[home, home.rpartition(".")[0]], routes[home, passing.module]
    if passing.is_shim and not importer.is_shim:
        message = f"`{passing.module}` only passes `{imported.name}` on; it is `{home}`"
        yield Finding("TC202", location, message)
    elif (
        straight > around
        and imported.name not in passing.published
        and not _is_public_way(passing.module, home)
    ):
        message = f"`{imported.name}` is imported from `{passing.module}`; others import `{home}`"
        yield Finding("TC203", location, message)


def _is_public_way(passing: str, home: str) -> bool:
    """Whether the name is defined in a private module and re-exported by a public one."""
    return last(home.rpartition(".")[0]).startswith("_") and not last(passing).startswith("_")


def _home(facts: ModuleFacts, name: str, modules: Modules) -> str | None:
    """Where in the tree a class or function is defined that a module imports."""
    for _ in range(_STEPS_MAX):
        if name in facts.defined:
            return f"{facts.module}.{name}"
        found = next((one for one in facts.imports if one.local == name and one.name), None)
        if found is None or found.module not in modules:
            return None
        facts, name = modules[found.module], found.name
    return None


def _routes(facts: Sequence[ModuleFacts], modules: Modules) -> Counter[tuple[str, str]]:
    """How many modules import each name that is defined in the tree, by source module."""
    count: Counter[tuple[str, str]] = Counter()
    for one in facts:
        for imported in one.imports:
            passing = modules.get(imported.module)
            if passing is None or passing is one or not imported.name:
                continue
            if (home := _home(passing, imported.name, modules)) is not None:
                count[home, passing.module] += 1
    return count
