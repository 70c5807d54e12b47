"""Runs a migration in batches, each one commit of the store.

Committed batches survive a kill, and a second run skips them. Memory is bounded by one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

from ..clock import Clock
from ..store import Store
from ..store.migration_units import (
    ImportedThread,
    ImportThreads,
    MigratedThread,
    MigrationStep,
    RenameThreads,
    UndoMigration,
)
from ..store.units import Rejected, Unit
from .dump import DumpedThread, Refused, Row
from .first_lines import FirstLines
from .history import plan
from .report import Report

__all__ = ["BATCH_MAX_THREADS", "Migration"]

BATCH_MAX_THREADS = 10_000
_BATCH_MAX_EVENTS = 20_000
_BATCH_MAX_BYTES = 16 * 1024 * 1024

_SECOND = "duplicate of line {line}: expected one row for each thread of a user"

T = TypeVar("T")
Planned = tuple[int, ImportedThread]


class Migration:
    """Migrates through a store.

    Args:
        store: open, and used by nobody else.
        clock: wall time for the events.
        report: takes what became of each thread.
        batch_threads: how many threads one commit stores, 1..`BATCH_MAX_THREADS`; fewer large ones.
        on_progress: is called after every batch with the number of threads so far.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        report: Report,
        *,
        batch_threads: int,
        on_progress: Callable[[int], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._report = report
        self._batch_threads = batch_threads
        self._on_progress = on_progress
        self._done = 0

    async def import_rows(self, rows: Iterable[Row]) -> None:
        """Import the threads of a dump.

        Raises:
            ThreadcastError: the store cannot commit; what was committed before stays.
        """
        with FirstLines() as first_lines:
            for batch in self._batches(rows, first_lines):
                threads = [thread for _, thread in batch]
                results = await self._commit(ImportThreads(threads))
                for (line, _), result in zip(batch, results, strict=True):
                    self._report.add(result, line)
                self._progress(len(batch))

    async def rename(self) -> None:
        """Rename the threads of the store that have legacy ids.

        Raises:
            ThreadcastError: as in `import_rows`.
        """
        await self._walk(lambda after: RenameThreads(after, self._batch_threads))

    async def undo(self) -> None:
        """Undo earlier migrations.

        Raises:
            ThreadcastError: as in `import_rows`.
        """
        await self._walk(lambda after: UndoMigration(after, self._batch_threads))

    async def _walk(self, unit_after: Callable[[int], Unit[MigrationStep]]) -> None:
        after: int | None = 0
        while after is not None:
            step = await self._commit(unit_after(after))
            for thread in step.threads:
                self._report.add(thread)
            self._report.add_unchanged(step.unchanged)
            self._progress(len(step.threads) + step.unchanged)
            after = step.next

    def _batches(self, rows: Iterable[Row], first_lines: FirstLines) -> Iterator[list[Planned]]:
        batch: list[Planned] = []
        events = size_bytes = 0
        for line, row in rows:
            thread = self._planned(line, row, first_lines)
            if thread is None:
                continue
            batch.append((line, thread))
            drafts = [draft for run in thread.runs for draft in run.drafts]
            events += 1 + len(drafts)
            size_bytes += sum(len(draft.data) for draft in drafts)
            full = len(batch) >= self._batch_threads
            if full or events >= _BATCH_MAX_EVENTS or size_bytes >= _BATCH_MAX_BYTES:
                yield batch
                batch, events, size_bytes = [], 0, 0
        if batch:
            yield batch

    def _planned(
        self, line: int, row: DumpedThread | Refused, first_lines: FirstLines
    ) -> ImportedThread | None:
        """What is to be stored for a row; None for one that is refused and told of."""
        if isinstance(row, Refused):
            refused = row
        else:
            user_id, thread_id = str(row.user_id), str(row.thread_id)
            try:
                thread = plan(row)
                if (first := first_lines.take(user_id, thread_id, line)) is None:
                    return thread
                refused = Refused(_SECOND.format(line=first), user_id, thread_id)
            except ValueError as error:
                refused = Refused(str(error), user_id, thread_id)
        result = MigratedThread(
            refused.user_id or "", refused.legacy_id, None, "refused", refused.reason
        )
        self._report.add(result, line)
        self._progress(1)
        return None

    async def _commit(self, unit: Unit[T]) -> T:
        (outcome,) = await self._store.commit([unit], now=self._clock.now())
        if isinstance(outcome, Rejected):
            raise outcome.error
        return cast("T", outcome.result)

    def _progress(self, count: int) -> None:
        self._done += count
        self._on_progress(self._done)
