"""Output of `threadcast migrate-ids`: progress, refused threads, final counts."""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import TracebackType
from typing import Any

import click

from ..store.migration_units import MigratedThread
from ..store.records import AliasFacts
from .printing import printable, table

_LINE_EVERY_THREADS = 100_000
_SHOWN_MAX = 20
_SHOWN_MAX_CHARACTERS = 80
_DAY_S = 86_400
_CLEARED_LINE = "\r\x1b[K"

_WORDS = (
    ("migrated", "migrated"),
    ("already", "migrated before"),
    ("canonical", "with a current id"),
    ("undone", "undone"),
    ("kept", "kept"),
    ("refused", "refused"),
)


class Progress:
    """Progress of a migration: a bar on a terminal, else a line every 100,000 threads.

    Args:
        total_bytes: the size of the dump; None without one, and so without a bar.
    """

    def __init__(self, total_bytes: int | None) -> None:
        self._bar: Any = None
        if total_bytes and sys.stderr is not None and sys.stderr.isatty():
            self._bar = click.progressbar(length=total_bytes, label="threads", file=sys.stderr)
        self._position_bytes = 0
        self._said_at = 0

    def __enter__(self) -> Progress:
        """Draw the empty bar."""
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)

    def show(self, done: int, position_bytes: int = 0) -> None:
        """Show how many threads are done, and how much of the dump is read."""
        if self._bar is not None:
            self._bar.label = f"{done:,} threads"
            self._bar.update(position_bytes - self._position_bytes)
            self._position_bytes = position_bytes
        elif done - self._said_at >= _LINE_EVERY_THREADS:
            self._said_at = done
            click.echo(f"{done:,} threads", err=True)


class Troubles:
    """Shows the first threads that were refused or kept, and counts the others."""

    def __init__(self) -> None:
        self._count = 0

    def tell(self, line: int | None, thread: MigratedThread) -> None:
        """One thread was refused or kept."""
        self._count += 1
        if self._count > _SHOWN_MAX:
            return
        named = thread.thread_id or thread.legacy_id or "a thread"
        where = f"line {line}" if line is not None else named[:_SHOWN_MAX_CHARACTERS]
        text = printable(f"{where}: {thread.outcome}: {thread.reason}")
        # The bar stands on the line until it is drawn anew.
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        click.echo(f"{_CLEARED_LINE}{text}" if on_terminal else text, err=True)

    def end(self) -> None:
        """Say how many were not shown."""
        if self._count > _SHOWN_MAX:
            more = self._count - _SHOWN_MAX
            click.echo(f"and {more:,} more; --report FILE has all of them", err=True)


def summary(counts: Counter[str], *, dry_run: bool, undo: bool) -> str:
    """The counts, and whether anything was written."""
    always = ("undone", "kept") if undo else ("migrated", "already", "canonical", "refused")
    rows = [
        (words, f"{counts[outcome]:,}")
        for outcome, words in _WORDS
        if outcome in always or counts[outcome]
    ]
    text = table([("threads", "number"), *rows], None)
    return f"{text}\nThis was a dry run: nothing was written." if dry_run else text


def status_text(facts: AliasFacts, now: float) -> str:
    """Use of legacy ids."""
    rows = [
        ("legacy ids that resolve", f"{facts.total:,}"),
        ("migrated last", _moment(facts.made_at, now, none="unknown")),
        ("never used", f"{facts.total - facts.used:,}"),
        *(
            (f"used within {days} day{'s' if days > 1 else ''}", f"{count:,}")
            for days, count in facts.used_within_days.items()
        ),
        ("uses", f"{facts.uses:,}"),
        ("last use", _moment(facts.last_used_at, now)),
    ]
    return table([("what", "found"), *rows], None)


def _moment(at: float | None, now: float, *, none: str = "never") -> str:
    if at is None:
        return none
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    days = round(max(0.0, now - at) / _DAY_S)
    return f"{text}, {days:,} {'day' if days == 1 else 'days'} ago"
