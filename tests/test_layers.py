"""The shape of the program, held against its source: who may import whom, and what belongs where.

A new module fails here until it is given a place in `LAYERS` or `BESIDE`. Read the tables first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import threadcast

SOURCE = Path(threadcast.__file__).parent

# From the bottom to the top. A module imports from layers below its own, and from its own package.
# A pattern names one module, or with `.*` a package and everything in it; the first match counts.
LAYERS: tuple[tuple[str, str], ...] = (
    ("words", "ids.* errors events context clock metrics suggestions"),
    ("words", "tasks settings.* check_modes correlation tracing"),
    ("words", "alerts alerts.measures alerts.rules"),
    ("rules", "runs rates origins connections.state wire.* schemas.* server_checks"),
    ("rules", "validation validation.id_locations validation.examination validation.statistics"),
    ("rules", "consistency consistency.html_report consistency.html_style consistency.judge"),
    ("rules", "consistency.kinds consistency.masking consistency.outline consistency.report"),
    ("rules", "consistency.snapshots consistency.text_report consistency.timeline"),
    ("rules", "consistency.trace"),
    ("rules", "auth auth.credentials auth.identity auth.token_format auth.token_keys"),
    ("rules", "alerts.judging alerts.notification alerts.samples"),
    ("rules", "alerts.grafana alerts.panels alerts.prometheus"),
    ("seams", "agent bus store store.records store.schema_steps store.session store.units"),
    ("seams", "store.migration_judging store.migration_units store.operator_units"),
    ("seams", "store.place_units store.reader_pool store.stored_runs"),
    ("seams", "consistency.recording consistency.tracker"),
    ("adapters", "bus.nats.* edge.* store.postgres.* store.sqlite.*"),
    ("adapters", "alerts.courier alerts.sinks"),
    ("adapters", "auth.authenticator auth.dev_tokens auth.jwks auth.sign_in"),
    ("delivery", "delivery.*"),
    ("work", "runner.* agents.* migration.* upkeep.* intake ingestion"),
    ("work", "alerts.watch"),
    ("operators", "draining operators.*"),
    ("connections", "connections connections.connection connections.command_handler"),
    ("connections", "connections.gateway connections.visit"),
    ("composition", "bus.choice store.choice node"),
    ("entrance", "http.* page.* app cli.* validation.middleware"),
)

# Beside the layers: which layers each may import from, and who may import it.
BESIDE: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "client.*": (frozenset({"words", "rules"}), frozenset({"cli", "check", "pytest_plugin"})),
    "testing.server": (frozenset(one for one, _ in LAYERS), frozenset({"pytest_plugin"})),
    "testing.*": (
        frozenset({"words", "rules", "seams"}),
        frozenset({"cli", "check", "pytest_plugin"}),
    ),
    "check.*": (frozenset({"words", "rules"}), frozenset({"cli", "pytest_plugin"})),
    "pytest_plugin": (frozenset({"words", "seams"}), frozenset()),
    "audit.*": (frozenset({"words"}), frozenset({"cli"})),
}

# Packages whose modules are not all in one layer: their modules, too, import downward only.
IN_SEVERAL_LAYERS = frozenset({"alerts", "auth", "bus", "connections", "store", "validation"})

# Implementations of a contract that share its package; they may not import each other.
INNER_ROOMS = ("bus.nats", "store.postgres", "store.sqlite")

# Between two packages of one layer, only these; each has its reason.
SIDEWAYS: dict[tuple[str, str], str] = {
    ("context", "errors"): "a context that does not fit together is an error of the table",
    ("context", "ids"): "a context is made of validated ids",
    ("check_modes", "clock"): "a check that warns is bounded in time",
    ("check_modes", "errors"): "a check refuses with an error of the table",
    ("correlation", "ids"): "a request is named by its id",
    ("tracing", "context"): "a span names the ids of a context",
    ("tracing", "errors"): "a span that fails has the error's code",
    ("settings", "check_modes"): "a check's mode is a setting",
    ("settings", "alerts"): "a threshold is named after its rule",
    ("settings", "errors"): "an unusable setting is a ConfigurationError",
    ("settings", "ids"): "how user ids may begin is held to the rule of user ids",
    ("settings", "suggestions"): "a misspelt key is answered with the right one",
    ("wire", "runs"): "a run's status and policies are words on the wire",
    ("schemas", "consistency"): "an answer for operators is a report as it is",
    ("schemas", "wire"): "schemas are drawn from the wire's own definitions",
    ("store", "agent"): "messages and hits are what stores give to agents",
    ("store", "bus"): "a commit may give hints",
    ("agents", "runner"): "the assistant checks a model's data as the runner will",
    ("node", "bus"): "a node hears others where its settings say",
    ("node", "store"): "a node keeps its journals where its settings say",
    ("app", "http"): "the application has the routes",
    ("app", "page"): "the application has the pages",
    ("app", "validation"): "the application's requests are checked first",
    ("cli", "app"): "`serve` runs the application",
    ("cli", "page"): "`serve` and `doctor` say when there are no pages to serve",
}

RULES_MAY_NOT_IMPORT = (
    "apsw asyncio fcntl glob http httpx2 io mmap multiprocessing os pathlib random secrets select"
    " selectors shutil signal socket sqlite3 ssl starlette subprocess sys tempfile threading time"
    " uvicorn uvloop websockets"
)
CLOCK_CALLS = frozenset({"now", "utcnow", "today", "time", "monotonic", "perf_counter"})

RANDOM_MODULES = frozenset({"random", "secrets", "uuid"})
MAY_BE_RANDOM: dict[str, str] = {
    "ids": "makes every id",
    "delivery.arrivals": "spreads the reconnects of clients that are told to retry",
    "edge.admission": "spreads the reconnects of clients that are told to retry",
    "connections.gateway": "spreads the reconnects of clients that find the node full",
    "delivery.head_poll": "keeps nodes from asking in step",
    "draining": "spreads the reconnects of clients that are sent away",
    "client.client": "spreads reconnects",
    "bus.nats": "spreads the reconnects of nodes, and chooses among servers",
    "check.scene": "chooses cursors to resume from",
    "store.postgres.feeds": "reads the key of a user that it is given; makes none",
    "runner.claims": "spreads the looks of nodes for runs that wait",
    "agents.model_endpoint": "spreads repeated requests to a model",
}
MAY_TAKE_ENTROPY: dict[str, str] = {
    "ids": "makes every id",
    "auth.dev_tokens": "makes the development secret",
    "edge.self_check": "the key of its own WebSocket handshake",
}
CAUGHT_BY_ALL = frozenset({"BaseException", "Exception"})
BROAD_HANDLERS: dict[str, str] = {
    "agents": "the edge of a module that is imported for its agent",
    "bus.nats.link": "the edge of nats-py: whatever it raises, the link is over",
    "connections.visit": "the connection edge",
    "edge.admission": "the connection edge: one failure must not stop the queue",
    "http.entrance": "the request edge",
    "runner.execution": "the run edge: what an agent raises",
    "runner.runner": "the run edge: what the execution raises",
    "cli": "the process edge",
    "testing.server": "the edge of a test server's thread: raised again where it was started",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One module imports another of ours, at a line of its file."""

    source: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module by its name below `threadcast`; the package itself has the name ``."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


@cache
def imports() -> tuple[Import, ...]:
    """Every import of one of our modules by another, wherever in the file it stands."""
    return tuple(
        Import(name, target, node.lineno)
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for target in _targets(name, node)
    )


def _targets(name: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == "threadcast":
                yield alias.name.removeprefix("threadcast").removeprefix(".")
    elif (base := _base(name, node)) is not None:
        for alias in node.names:
            inner = f"{base}.{alias.name}".removeprefix(".")
            yield inner if inner in modules() else base


def _base(name: str, node: ast.ImportFrom) -> str | None:
    """The module after `from`, below `threadcast`; None for one that is not ours."""
    module = node.module or ""
    if not node.level:
        return _below(module)
    is_package = (SOURCE / name.replace(".", "/") / "__init__.py").is_file()
    parts = [part for part in name.split(".") if part]
    up = node.level - 1 if is_package else node.level
    return ".".join([*parts[: len(parts) - up], *([module] if module else [])])


def _below(module: str) -> str | None:
    first, _, rest = module.partition(".")
    return rest if first == "threadcast" else None


def _matches(name: str, pattern: str) -> bool:
    return name == pattern.removesuffix(".*") or fnmatchcase(name, pattern)


def places(name: str) -> list[str]:
    """The layers that list a module."""
    layers = [layer for layer, names in LAYERS if any(_matches(name, one) for one in names.split())]
    return layers + ["beside" for pattern in BESIDE if _matches(name, pattern)][:1]


def package_of(name: str) -> str:
    """The room that a module is in: its package, or itself when it is flat."""
    inner = [room for room in INNER_ROOMS if _matches(name, f"{room}.*")]
    return inner[0] if inner else name.split(".")[0]


HEIGHT = {layer: height for height, layer in enumerate(dict.fromkeys(one for one, _ in LAYERS))}


def test_every_module_has_exactly_one_place() -> None:
    wrong = {name: found for name in modules() if name and len(found := places(name)) != 1}

    assert wrong == {}, "give each of these modules one place in LAYERS or BESIDE"


def test_every_entry_of_the_tables_names_something_that_exists() -> None:
    patterns = [one for _, names in LAYERS for one in names.split()] + list(BESIDE)
    unused = [one for one in patterns if not any(_matches(name, one) for name in modules())]
    pairs = {(package_of(one.source), package_of(one.target)) for one in imports()}
    named = {*MAY_BE_RANDOM, *MAY_TAKE_ENTROPY, *BROAD_HANDLERS}

    assert unused == []
    assert sorted(set(SIDEWAYS) - pairs) == []
    assert sorted(named - set(modules())) == []


def test_imports_go_down() -> None:
    assert [str(one) for one in imports() if one.source and not _allowed(one)] == []


def _allowed(one: Import) -> bool:
    same_room = package_of(one.source) == package_of(one.target)
    if same_room and package_of(one.source) not in IN_SEVERAL_LAYERS:
        return True
    if not one.target:
        return False  # only programs import from the top of the package
    above, below = places(one.source)[0], places(one.target)[0]
    if below == "beside":
        return any(
            _matches(one.target, pattern) and package_of(one.source) in importers
            for pattern, (_, importers) in BESIDE.items()
        )
    if above == "beside":
        return any(
            _matches(one.source, pattern) and below in allowed
            for pattern, (allowed, _) in BESIDE.items()
        )
    if above == below:
        pair = package_of(one.source), package_of(one.target)
        return pair[0] == pair[1] or pair in SIDEWAYS
    return HEIGHT[above] > HEIGHT[below]


def test_no_module_imports_itself_by_a_detour() -> None:
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for one in imports():
        graph[one.source].add(one.target)
    finished: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in finished:
            for target in sorted(graph[name]):
                visit(target, (*way, name))
            finished.add(name)

    for name in graph:
        visit(name, ())


def _rules() -> Iterator[tuple[str, ast.AST]]:
    for name, tree in modules().items():
        if name and places(name) == ["rules"]:
            for node in ast.walk(tree):
                yield name, node


def test_rules_import_nothing_that_waits_or_reaches_out() -> None:
    reached = [
        f"{name}:{node.lineno} imports {module}"
        for name, node in _rules()
        for module in _foreign(node)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and module.split(".")[0] in RULES_MAY_NOT_IMPORT.split()
        and module != "http.HTTPStatus"  # a table of words
    ]

    assert reached == []


def test_rules_read_no_clock_and_open_nothing() -> None:
    calls = [
        f"{name}:{node.lineno} calls {called}"
        for name, node in _rules()
        if isinstance(node, ast.Call) and (called := _read_from_outside(node.func))
    ]
    waits = [name for name, node in _rules() if isinstance(node, ast.AsyncFunctionDef | ast.Await)]

    assert calls == []
    assert waits == []


def _read_from_outside(function: ast.expr) -> str | None:
    if isinstance(function, ast.Name):
        return function.id if function.id in ("open", "input", "print") else None
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        is_clock = function.value.id in ("datetime", "date", "time")
        return ast.unparse(function) if is_clock and function.attr in CLOCK_CALLS else None
    return None


def _foreign(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_chance_is_used_only_where_it_has_a_reason() -> None:
    users = {
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        for module in _foreign(node)
        if module.split(".")[0] in RANDOM_MODULES
    }
    takers = {
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "urandom"
    }

    assert sorted(users - set(MAY_BE_RANDOM)) == []
    assert sorted(takers - set(MAY_TAKE_ENTROPY)) == []


def test_events_have_one_way_to_a_reader_and_a_guard_stands_there() -> None:
    ways = [
        (name, function.name, ast.unparse(function).count(".guard.passes("))
        for name, tree in modules().items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "deliver"
    ]

    assert ways == [("delivery.cursor", "_deliver", 1)]


def test_everything_is_caught_only_at_the_edges() -> None:
    broad = {
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _passes_on(node)
    }

    assert broad == set(BROAD_HANDLERS)


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(one, ast.Name) and one.id in CAUGHT_BY_ALL for one in caught)


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether it only tidies up and raises the same exception again."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None
