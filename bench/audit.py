"""The audit of a large tree: copies of real source, 2,000 files and 500,000 lines of them."""

from __future__ import annotations

import resource
import shutil
import sysconfig
import tempfile
import time
from pathlib import Path

from threadcast.audit.audit import audit
from threadcast.audit.configuration import AuditSettings

from .cores import every_core
from .figures import Figure

_FILES, _LINES = 2_000, 500_000
_CORES = 2


def audit_times(rounds: int) -> list[Figure]:
    """Audit the tree several times; the fastest counts, as the machine may be busy.

    Args:
        rounds: how often, from 1.
    """
    with every_core(), tempfile.TemporaryDirectory() as name:
        lines = _copy(Path(name))
        measured = [_measure(Path(name)) for _ in range(rounds)]
    wall_s = min(wall for wall, _ in measured) * _LINES / lines
    cpu_s = min(cpu for _, cpu in measured) * _LINES / lines
    note = f"{_FILES:,} real files, {lines:,} lines; seconds for {_LINES:,} lines"
    return [
        Figure("audit, processor time over its cores", cpu_s / _CORES, "s", 10.0, note=note),
        Figure(
            "audit, by the clock", wall_s, "s", 10.0, note=f"{_CORES} processes, as busy as it is"
        ),
    ]


def _measure(root: Path) -> tuple[float, float]:
    """Wall and processor time in seconds, of this process and its children."""
    before_s, started = _cpu_s(), time.perf_counter()
    report = audit(root, [root], AuditSettings(), jobs=_CORES)
    wall_s = time.perf_counter() - started
    if report.files != _FILES:
        raise RuntimeError(f"expected {_FILES:,} files, got {report.files:,}")
    return wall_s, _cpu_s() - before_s


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _copy(root: Path) -> int:
    """Copy every n-th of the real files; their number of lines."""
    folders = [Path(sysconfig.get_path(name)) for name in ("purelib", "stdlib")]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    total = 0
    for number in range(_FILES):
        file = files[number * len(files) // _FILES]
        folder = root / f"package{number // 50}"
        folder.mkdir(exist_ok=True)
        shutil.copyfile(file, folder / f"module{number}.py")
        total += file.read_bytes().count(b"\n")
    return total
