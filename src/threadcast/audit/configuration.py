"""`[tool.threadcast.audit]`: which files are audited, by which rules, and what is canonical.

It reads one table of one file, and names every unusable key with the reason.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError
from ..events import EventType
from ..suggestions import did_you_mean
from .findings import Severity
from .rules import RULES, rule_of

FILE_NAME = "pyproject.toml"
TABLE = "tool.threadcast.audit"
CONFIGURATION_MAX_BYTES = 1024 * 1024

_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_EXCLUDE = (
    ".*/**", "**/.*/**", "**/__pycache__/**", "**/node_modules/**", "**/site-packages/**",
    "build/**", "dist/**", "venv/**",
)  # fmt: skip
_TESTS = ("**/tests/**", "**/test/**", "**/test_*.py", "**/*_test.py", "**/conftest.py")
_SENDERS = (
    "send_json", "send_event", "emit", "publish", "broadcast", "broadcast_json", "broadcast_event",
    "send_to_user", "send_to_thread", "send_personal_message", "push_event", "notify_user",
    "emit_event", "dispatch_event", "event_emitter", "__event_emitter__",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """The audit's settings. Paths are patterns relative to the root, with `*`, `**` and `?`.

    Attributes:
        include: files that are audited.
        exclude: files and folders that are not.
        tests: files that are tests; rules about the program itself skip them.
        severities: by rule code, where it differs from the rule's own.
        canonical_imports: old dotted path to new one, of a module or of a name in a module.
        id_generators: classes, functions or modules in which ids may be made.
        id_prefixes: every composed text that begins with one of these is an id.
        events: names of further events, besides the protocol's.
        event_senders: names of functions and methods whose argument is an event.
        ignores: rule codes by the paths in which they are ignored.
        baseline: path of the baseline file, or None.
    """

    include: tuple[str, ...] = ("**/*.py",)
    exclude: tuple[str, ...] = _EXCLUDE
    tests: tuple[str, ...] = _TESTS
    severities: Mapping[str, Severity] = field(default_factory=dict)
    canonical_imports: Mapping[str, str] = field(default_factory=dict)
    id_generators: tuple[str, ...] = ("UnifiedIdGenerator",)
    id_prefixes: tuple[str, ...] = ()
    events: frozenset[str] = frozenset(EventType)
    event_senders: tuple[str, ...] = _SENDERS
    ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    baseline: str | None = None

    def severity(self, code: str) -> Severity:
        """The severity of a rule's findings, as configured."""
        return self.severities.get(code, RULES[code].severity)


def find_configuration(start: Path) -> Path | None:
    """The nearest configuration file at or above a folder, or None."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def read_configuration(path: Path) -> AuditSettings:
    """The settings in a file's table, with defaults for absent keys.

    Raises:
        ConfigurationError: the file cannot be read or parsed, or a key or value in the table
            cannot be used; the message names it and says what was expected.
    """
    table: object = _parsed(path)
    for name in TABLE.split("."):
        table = table.get(name, {}) if isinstance(table, dict) else {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: {TABLE}: expected a table")
    given: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _KEYS:
            hint = did_you_mean(key.replace("_", "-"), _KEYS)
            raise ConfigurationError(f"{path}: {TABLE} has the unknown key {key!r}{hint}")
        attribute, read = _KEYS[key]
        try:
            given[attribute] = read(value)
        except ValueError as error:
            raise ConfigurationError(f"{path}: {TABLE}.{key}: {error}") from None
    return AuditSettings(**given)


def _parsed(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            data = file.read(CONFIGURATION_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > CONFIGURATION_MAX_BYTES:
        raise ConfigurationError(f"{path}: expected at most {CONFIGURATION_MAX_BYTES:,} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: expected UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no TOML: {error}") from None


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(one, str) and one for one in value):
        return tuple(value)
    raise ValueError(f"expected a list of texts, got {value!r}")


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError(f"expected a text, got {value!r}")


def _mapping(value: object, what: str) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"expected a table of {what}, got {value!r}")


def _imports(value: object) -> dict[str, str]:
    found = {}
    for old, new in _mapping(value, "old path = new path").items():
        for path in (old, new):
            if not isinstance(path, str) or not _DOTTED.fullmatch(path):
                raise ValueError(f"expected dotted paths such as app.manager, got {path!r}")
        if old == new:
            raise ValueError(f"{old!r} is replaced by itself")
        found[old] = str(new)
    if round_trip := next((old for old, new in found.items() if new in found), None):
        raise ValueError(f"{round_trip!r} leads to {found[round_trip]!r}, which is replaced, too")
    return found


def rule_code(name: object) -> str:
    """The code of the rule that a code or name stands for.

    Raises:
        ValueError: there is no such rule; the message has the nearest one.
    """
    found = rule_of(name) if isinstance(name, str) else None
    if found is None:
        known = [*RULES, *(rule.name for rule in RULES.values())]
        raise ValueError(f"unknown rule {name!r}{did_you_mean(str(name), known)}")
    return found.code


def _severities(value: object) -> dict[str, Severity]:
    found = {}
    for name, severity in _mapping(value, "rule = severity").items():
        code = rule_code(name)
        if severity not in tuple(Severity):
            allowed = ", ".join(Severity)
            raise ValueError(f"{name}: expected one of {allowed}, got {severity!r}")
        found[code] = Severity(str(severity))
    return found


def _ignores(value: object) -> dict[str, tuple[str, ...]]:
    table = _mapping(value, "path pattern = list of rules")
    return {path: tuple(map(rule_code, _texts(rules))) for path, rules in table.items()}


_KEYS: dict[str, tuple[str, Callable[[object], object]]] = {
    "include": ("include", _texts),
    "exclude": ("exclude", lambda value: (*_EXCLUDE, *_texts(value))),
    "tests": ("tests", _texts),
    "rules": ("severities", _severities),
    "canonical-imports": ("canonical_imports", _imports),
    "id-generators": ("id_generators", _texts),
    "id-prefixes": ("id_prefixes", _texts),
    "events": ("events", lambda value: frozenset({*EventType, *_texts(value)})),
    "event-senders": ("event_senders", lambda value: (*_SENDERS, *_texts(value))),
    "per-path-ignores": ("ignores", _ignores),
    "baseline": ("baseline", _text),
}
"""The keys of the table: the attribute that each sets, and how its value is read."""
