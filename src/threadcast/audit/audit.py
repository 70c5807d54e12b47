"""The whole audit: rules over each file, rules over the tree, suppressions, one report.

Several processes inspect the files when there are many; the report is the same either way.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.process import BaseProcess
from pathlib import Path, PurePosixPath

from .configuration import AuditSettings
from .discovery import Target, find_targets
from .duplicates import find_duplicates
from .findings import Finding, Severity
from .import_routes import find_import_routes
from .inspection import FileReport, inspect_files
from .suppressions import apply_suppressions

JOBS_MAX = 16
_BATCH = 40
_ALONE_MAX = 150
"""One process inspects this many files in the time that a second one takes to start."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found.

    Attributes:
        root: the folder that paths are relative to.
        findings: sorted by location, without suppressed ones.
        severities: by rule code.
        files, lines: how many were audited.
        suppressed: how many findings were suppressed by comments.
        audited: the paths of the files.
    """

    root: Path
    findings: tuple[Finding, ...]
    severities: dict[str, Severity]
    files: int
    lines: int
    suppressed: int
    audited: frozenset[str] = field(default=frozenset())

    def fails(self, shown: Sequence[Finding]) -> bool:
        """Whether one of these findings is more severe than a note."""
        return any(self.severities[one.code] is not Severity.NOTE for one in shown)

    def by_rule(self) -> list[tuple[str, int]]:
        """The number of findings by rule, the most first."""
        return _counted(one.code for one in self.findings)

    def by_folder(self) -> list[tuple[str, int]]:
        """The number of findings by folder, the most first."""
        return _counted(str(PurePosixPath(one.location.path).parent) for one in self.findings)


def audit(
    root: Path, paths: Sequence[Path], settings: AuditSettings, *, jobs: int | None = None
) -> Report:
    """Audit files and folders.

    Args:
        root: the folder that paths are relative to.
        paths: what to audit.
        settings: the rules and what they go by.
        jobs: worker processes, 1..16; None: one for each usable processor, at most 16.

    Raises:
        TooManyFiles: more than `audit.discovery.FILES_MAX` files.
    """
    root = root.resolve()
    targets = find_targets(root, [path.absolute() for path in paths], settings)
    reports = _inspected(targets, settings, jobs or _processors())
    return judge(root, reports, settings)


def judge(root: Path, reports: Sequence[FileReport], settings: AuditSettings) -> Report:
    """Run the rules over the tree and put all findings into one report."""
    facts = [one.facts for one in reports if one.facts is not None]
    of_tree: dict[str, list[Finding]] = {}
    for found in (*find_duplicates(facts), *find_import_routes(facts)):
        of_tree.setdefault(found.location.path, []).append(found)
    findings: list[Finding] = []
    suppressed = 0
    for one in reports:
        more = [found for found in of_tree.get(one.path, ()) if found.code in one.active]
        left, hidden = apply_suppressions([*one.findings, *more], one.suppressions, one.active)
        findings += [found for found in left if found.code in one.active]
        suppressed += hidden
    ordered = tuple(sorted(findings, key=lambda found: (found.location, found.code)))
    return Report(
        root,
        ordered,
        {one.code: settings.severity(one.code) for one in ordered},
        len(reports),
        sum(one.lines for one in reports),
        suppressed,
        frozenset(one.path for one in reports),
    )


def _processors() -> int:
    """How many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def end_with_parent() -> None:
    """Let a worker end when its parent is killed; it would wait for work for ever."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _inspected(targets: Sequence[Target], settings: AuditSettings, jobs: int) -> list[FileReport]:
    jobs = max(1, min(jobs, JOBS_MAX))
    if jobs == 1 or len(targets) <= _ALONE_MAX:
        return inspect_files(targets, settings)
    batches = _batches(targets)
    spawning = multiprocessing.get_context("spawn")  # a fork would copy our threads and locks
    with ProcessPoolExecutor(
        min(jobs, len(batches)), mp_context=spawning, initializer=end_with_parent
    ) as pool:
        found = pool.map(inspect_files, batches, [settings] * len(batches))
        return [report for batch in found for report in batch]


def _batches(targets: Sequence[Target]) -> list[list[Target]]:
    rest = iter(targets)
    return list(iter(lambda: list(islice(rest, _BATCH)), []))


def _counted(names: object) -> list[tuple[str, int]]:
    counts = Counter(names)  # type: ignore[call-overload]
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
