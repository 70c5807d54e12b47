"""A migration's report: counts, and one line of JSON per thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

from ..store.migration_units import MigratedThread

_encode = msgspec.json.Encoder().encode


class Report:
    """Counts and records results as they come, without buffering.

    Args:
        file: takes JSON Lines: one object for each thread, and a last one with the counts; None
            for counts only.
        on_trouble: called for each refused or kept thread, with its line number in the dump, or
            None.
    """

    def __init__(
        self,
        file: BinaryIO | None = None,
        on_trouble: Callable[[int | None, MigratedThread], None] | None = None,
    ) -> None:
        self._file = file
        self._on_trouble = on_trouble
        self.counts: Counter[str] = Counter()

    @property
    def troubles(self) -> int:
        """How many threads were refused or kept."""
        return self.counts["refused"] + self.counts["kept"]

    def add(self, thread: MigratedThread, line: int | None = None) -> None:
        """Add the result for one thread."""
        self.counts[thread.outcome] += 1
        if thread.outcome in ("refused", "kept") and self._on_trouble is not None:
            self._on_trouble(line, thread)
        if self._file is None:
            return
        told: dict[str, Any] = {"outcome": thread.outcome, "line": line} | {
            "user_id": thread.user_id or None,
            "legacy_id": thread.legacy_id,
            "thread_id": thread.thread_id,
            "reason": thread.reason or None,
        }
        self._write({name: value for name, value in told.items() if value is not None})

    def add_unchanged(self, count: int) -> None:
        """Count threads that already have current ids."""
        if count:
            self.counts["canonical"] += count

    def close(self, *, dry_run: bool) -> None:
        """Write the counts."""
        if self._file is not None:
            self._write({"summary": dict(sorted(self.counts.items())), "dry_run": dry_run})
            self._file.flush()

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(_encode(line) + b"\n")
