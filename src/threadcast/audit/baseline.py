"""The baseline: accepted existing findings. It can only become smaller.

A finding is identified by its rule, file, scope and message, not by its line: code above it may
move, and the line itself may be fixed in part (`--fix` does so). Equal findings are counted.
Rewording a message makes its findings new, so it is a change that users notice.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError
from .audit import Report
from .findings import Finding
from .rules import RULES

BASELINE_MAX_BYTES = 64 * 1024 * 1024
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """Equal findings of one file: their rule and number."""

    code: str
    path: str
    count: int


Baseline = Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Trend:
    """A report compared with a baseline.

    Attributes:
        before: how many findings the baseline has.
        fixed: how many of those are gone.
        new: findings that are not in it.
        remaining: the baseline without what is gone.
    """

    before: int
    fixed: int
    new: tuple[Finding, ...]
    remaining: dict[str, Entry]

    @property
    def after(self) -> int:
        """How many findings there are now."""
        return self.before - self.fixed + len(self.new)

    def __str__(self) -> str:
        change = f"({self.fixed:,} fixed, {len(self.new):,} new)"
        return f"{self.before:,} -> {self.after:,} {change}"


def fingerprint(finding: Finding) -> str:
    """What identifies a finding, wherever in its file it moves."""
    parts = (finding.code, finding.location.path, finding.scope, finding.message)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:24]


def baseline_of(findings: Iterable[Finding]) -> dict[str, Entry]:
    """The baseline of exactly these findings."""
    found: dict[str, Entry] = {}
    for one in findings:
        key = fingerprint(one)
        count = found[key].count + 1 if key in found else 1
        found[key] = Entry(one.code, one.location.path, count)
    return found


def compare(
    report: Report,
    baseline: Baseline,
    under: Iterable[str],
    rules: Collection[str] = tuple(RULES),
) -> Trend:
    """Compare a report with a baseline.

    Args:
        report: the current findings.
        baseline: the accepted findings.
        under: the audited paths, relative to the root; entries of other paths are kept.
        rules: the codes of the rules that ran; entries of other rules are kept, too.

    Entries of a file that could not be read this time are kept as well.
    """
    folders = tuple(under)
    unread = {one.location.path for one in report.findings if one.code == "TC001"}
    new = []
    seen: Counter[str] = Counter()
    for one in report.findings:
        key = fingerprint(one)
        if key in baseline and seen[key] < baseline[key].count:
            seen[key] += 1
        else:
            new.append(one)
    remaining = {}
    for key, entry in baseline.items():
        is_judged = entry.code in rules and entry.path not in unread
        is_judged = is_judged and _is_under(entry.path, folders)
        count = seen[key] if is_judged else entry.count
        if count:
            remaining[key] = Entry(entry.code, entry.path, count)
    before, left = total(baseline), total(remaining)
    return Trend(before, before - left, tuple(new), remaining)


def total(baseline: Baseline) -> int:
    """The number of findings in a baseline."""
    return sum(entry.count for entry in baseline.values())


def read_baseline(path: Path) -> dict[str, Entry]:
    """Read a baseline.

    Raises:
        ConfigurationError: the file cannot be read, or is no baseline.
        FileNotFoundError: there is no such file.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= BASELINE_MAX_BYTES else b""
        document = json.loads(data)
        if document["version"] != _VERSION:
            raise ValueError(f"expected version {_VERSION}, got {document['version']!r}")
        return {str(key): _entry(value) for key, value in document["findings"].items()}
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigurationError(f"cannot read the baseline {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        hint = "expected a file that --write-baseline has made"
        raise ConfigurationError(f"{path} is no baseline of an audit: {hint}") from None


def _entry(value: Mapping[str, object]) -> Entry:
    code, path, count = value["code"], value["path"], value["count"]
    if not (isinstance(code, str) and isinstance(path, str) and type(count) is int and count > 0):
        raise ValueError("an entry has a code, a path and a count from 1")
    return Entry(code, path, count)


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline, atomically and in a stable order, so that diffs are small.

    Raises:
        OSError: it cannot be written.
    """
    entries = {
        key: {"code": entry.code, "path": entry.path, "count": entry.count}
        for key, entry in sorted(baseline.items(), key=lambda one: (one[1].path, one[0]))
    }
    document = {"version": _VERSION, "total": total(baseline), "findings": entries}
    replace_file(path, (json.dumps(document, indent=1) + "\n").encode())


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file's content atomically, with the same permissions.

    Raises:
        OSError: it cannot be written; the old file is unchanged.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _is_under(path: str, folders: tuple[str, ...]) -> bool:
    return any(
        folder in ("", ".") or path == folder or path.startswith(f"{folder}/") for folder in folders
    )
