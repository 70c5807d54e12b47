"""One file: reads and parses it, and runs every rule that looks at single files.

It runs in worker processes, so its arguments and results are plain records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .configuration import AuditSettings
from .discovery import Target
from .event_classes import find_event_classes
from .event_literals import find_event_literals
from .facts import ModuleFacts, facts_of
from .findings import Finding, Severity
from .import_paths import find_deprecated_imports
from .made_ids import find_made_ids
from .path_patterns import matches_any
from .reading import parse_source, read_source, unreadable
from .rules import RULES
from .shared_answers import find_shared_answers
from .socket_flow import find_socket_misuse
from .source import Source
from .suppressions import Suppression, suppressions_in
from .swallowed_sends import find_swallowed_sends
from .user_state import find_user_state

_Find = Callable[[Source, AuditSettings], Iterable[Finding]]


class _Group(NamedTuple):
    """Rules that one function implements, and texts without which they find nothing."""

    codes: frozenset[str]
    mark: re.Pattern[str] | None
    find: _Find


def _group(codes: str, mark: str, find: _Find) -> _Group:
    return _Group(frozenset(codes.split()), re.compile(mark) if mark else None, find)


_GROUPS = (
    _group("TC201", "", find_deprecated_imports),
    _group("TC301 TC302 TC303", "", find_made_ids),
    _group(
        "TC401 TC402 TC404",
        r"""["'](?:type|event|eventType|event_type|event_name)["']\s*:""",
        find_event_literals,
    ),
    _group("TC403", r"\b(?:type|event|eventType|event_type|event_name)\s*:", find_event_classes),
    _group("TC501 TC502", r"\bWebSocket\b|\.accept\(", find_socket_misuse),
    _group("TC503", r"\.send(?:_\w+)?\(", find_swallowed_sends),
    _group("TC601 TC602", r"user|session|thread|conn|chat|sid|socket|_id\b", find_user_state),
    _group("TC603", r"user|customer|tenant|member|principal|account|uid", find_shared_answers),
)


@dataclass(frozen=True, slots=True)
class FileReport:
    """The result for one file.

    Attributes:
        path: relative to the root.
        lines: how many it has.
        findings: of the rules that look at single files.
        suppressions: its suppression comments.
        facts: for rules over the whole tree; None for a test or an unreadable file.
        active: codes of the rules that apply to it.
    """

    path: str
    lines: int
    findings: tuple[Finding, ...]
    suppressions: tuple[Suppression, ...]
    facts: ModuleFacts | None
    active: frozenset[str]


def inspect_files(targets: Sequence[Target], settings: AuditSettings) -> list[FileReport]:
    """Inspect files one after the other."""
    return [inspect_file(one, settings) for one in targets]


def inspect_file(target: Target, settings: AuditSettings) -> FileReport:
    """Read one file and run the rules over it. Never raises, whatever the file holds."""
    source = read_source(Path(target.file), target.path, target.module)
    return _report(source, target.path, settings)


def inspect_text(text: str, path: str, settings: AuditSettings) -> FileReport:
    """The same for a text. Never raises."""
    module = path.removesuffix(".py").replace("/", ".")
    return _report(parse_source(text, path, module), path, settings)


def active_rules(path: str, settings: AuditSettings) -> frozenset[str]:
    """The codes of the rules that apply to a file."""
    is_test = matches_any(path, settings.tests)
    ignored = {
        code
        for pattern, codes in settings.ignores.items()
        if matches_any(path, (pattern,))
        for code in codes
    }
    return frozenset(
        code
        for code, rule in RULES.items()
        if settings.severity(code) is not Severity.OFF
        and code not in ignored
        and (rule.in_tests or not is_test)
    )


def _report(source: Source | Finding, path: str, settings: AuditSettings) -> FileReport:
    active = active_rules(path, settings)
    if isinstance(source, Finding):
        return FileReport(path, 0, (source,), (), None, active)
    try:
        findings = tuple(_findings(source, settings, active))
        suppressions = suppressions_in(source)
        facts = None if matches_any(path, settings.tests) else facts_of(source)
    except RecursionError:
        found = unreadable(path, "nested too deeply")
        return FileReport(path, source.count, (found,), (), None, active)
    return FileReport(path, source.count, findings, suppressions, facts, active)


def _findings(source: Source, settings: AuditSettings, active: frozenset[str]) -> Iterator[Finding]:
    for group in _GROUPS:
        if group.codes & active and (group.mark is None or group.mark.search(source.text)):
            yield from (one for one in group.find(source, settings) if one.code in active)
