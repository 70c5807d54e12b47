"""`threadcast migrate-ids`: threads of an older system get current ids and keep the older ones."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from ..clock import SystemClock
from ..migration.dump import DumpFormat, UnusableDump, read_dump
from ..migration.lines import BoundedLines
from ..migration.report import Report
from ..migration.steps import BATCH_MAX_THREADS, Migration
from ..settings import Settings, is_postgres, sqlite_path
from ..settings.sources import read_settings
from ..store.choice import store_of
from ..store.sqlite import check_early
from . import exits
from .migrate_output import Progress, Troubles, status_text, summary
from .migrate_report import is_report, report_file
from .options import config_option
from .own_store import opened_store

_FORMATS: dict[str, DumpFormat] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_BATCH_THREADS = 1_000


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be done.

    Attributes:
        settings: name the database.
        dump: the dump to import; None: the database's own threads.
    """

    settings: Settings
    dump: Path | None
    undo: bool
    dry_run: bool
    batch_threads: int


@click.command("migrate-ids")
@click.option("--database", metavar="TEXT", help="The database.  [default: what the settings say]")
@config_option
@click.option(
    "--from",
    "dump",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Import the threads of this dump, .csv or .jsonl.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen; the database stays as it is.")
@click.option("--undo", is_flag=True, help="Take back what earlier migrations did.")
@click.option("--status", is_flag=True, help="Say how much legacy ids are still used.")
@click.option(
    "--report",
    "report_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what became of each thread, as JSON Lines.",
)
@click.option(
    "--batch",
    "batch_threads",
    type=click.IntRange(1, BATCH_MAX_THREADS),
    default=_BATCH_THREADS,
    metavar="N",
    help=f"Threads in one commit.  [default: {_BATCH_THREADS}]",
)
def command(
    database: str | None,
    config_path: Path | None,
    dump: Path | None,
    report_path: Path | None,
    batch_threads: int,
    *,
    dry_run: bool,
    undo: bool,
    status: bool,
) -> None:
    """Replace the ids of an older system's threads; the legacy ids keep resolving.

    Without --from, threads in the database with legacy ids get current ones. With it, another
    system's threads are imported. If it is interrupted, run it again: it continues after what was
    committed. No server may use the database meanwhile, except for --status. The exit status is 1
    if a thread was refused, or kept by --undo.
    """
    _check_choice(dump=dump, dry_run=dry_run, undo=undo, status=status, report=report_path)
    loaded = read_settings({"database_url": database}, os.environ, config_path)
    path = _file_of(loaded.settings)
    if status:
        if path is not None:
            if not path.exists():
                raise exits.CommandFailed(f"{path}: there is no such database", exits.CONFIGURATION)
            check_early(path, create=False)
        asyncio.run(_show_status(loaded.settings))
        return
    if report_path is not None:
        _check_report(report_path, dump, path)
    wanted = _Wanted(loaded.settings, dump, undo, dry_run, batch_threads)
    with ExitStack() as stack:
        file = None if report_path is None else stack.enter_context(report_file(report_path))
        troubles = Troubles()
        report = Report(file, troubles.tell)
        _migrate(wanted, report)
        report.close(dry_run=dry_run)
    troubles.end()
    click.echo(summary(report.counts, dry_run=dry_run, undo=undo))
    if report.troubles:
        raise exits.CommandFailed(_left(report.troubles), 1)


def _file_of(settings: Settings) -> Path | None:
    """The database's file, or None where it has none."""
    return None if is_postgres(settings.database_url) else sqlite_path(settings.database_url)


def _left(count: int) -> str:
    return f"{count:,} threads were left as they are" if count > 1 else "1 thread was left as it is"


def _check_choice(
    *, dump: Path | None, dry_run: bool, undo: bool, status: bool, report: Path | None
) -> None:
    if status and (dump or dry_run or undo or report):
        raise click.UsageError("--status: expected no other option but --database and --config")
    if undo and dump:
        raise click.UsageError("--undo: expected no --from; it takes back every migration")
    if dump and dump.suffix not in _FORMATS:
        expected = ", ".join(_FORMATS)
        raise click.UsageError(f"--from: expected a file that ends in one of {expected}")


def _check_report(report: Path, dump: Path | None, database: Path | None) -> None:
    """Refuse to write the report over what the migration reads, by whatever name it comes.

    Raises:
        UsageError: it is one of these files.
    """
    ends = ("", "-wal", "-shm", ".lock")
    files = [] if database is None else [database.with_name(database.name + end) for end in ends]
    for taken in files if dump is None else [dump, *files]:
        there = report.exists() and taken.exists() and report.samefile(taken)
        if there or report.resolve() == taken.resolve():
            raise click.UsageError(f"--report: expected a file of its own, got {taken}")
    if report.is_file() and not is_report(report):
        raise click.UsageError(f"--report: expected a new file or an earlier report, got {report}")


async def _show_status(settings: Settings) -> None:
    now = SystemClock().now()
    store = store_of(settings, SystemClock())
    try:
        facts = await store.alias_facts(now=now)
    finally:
        await store.close()
    click.echo(status_text(facts, now))


def _migrate(wanted: _Wanted, report: Report) -> None:
    with _database(wanted) as settings:
        if wanted.dump is None:
            asyncio.run(_walk(wanted, settings, report))
            return
        try:
            with wanted.dump.open("rb") as file:
                lines = BoundedLines(file)
                with Progress(os.fstat(file.fileno()).st_size) as progress:
                    asyncio.run(_import(wanted, settings, report, lines, progress))
        except UnusableDump as error:
            raise exits.CommandFailed(f"{wanted.dump}: {error}", exits.USAGE) from None


@contextmanager
def _database(wanted: _Wanted) -> Iterator[Settings]:
    """The database to open; for a dry run without a file, one that is thrown away."""
    path = _file_of(wanted.settings)
    if not wanted.dry_run or wanted.dump is None or path is None or path.exists():
        yield wanted.settings
        return
    with tempfile.TemporaryDirectory(prefix="threadcast-dry-run-") as folder:
        yield replace(wanted.settings, database_url=f"sqlite:///{folder}/empty.db")


async def _import(
    wanted: _Wanted, settings: Settings, report: Report, lines: BoundedLines, progress: Progress
) -> None:
    if wanted.dump is None:
        raise AssertionError("an import without a dump")
    rows = read_dump(lines, _FORMATS[wanted.dump.suffix])
    show = progress.show

    def on_progress(count: int) -> None:
        show(count, lines.position_bytes)

    async with _migration(wanted, settings, report, on_progress) as work:
        await work.import_rows(rows)


async def _walk(wanted: _Wanted, settings: Settings, report: Report) -> None:
    async with _migration(wanted, settings, report, Progress(None).show) as work:
        await (work.undo() if wanted.undo else work.rename())


@asynccontextmanager
async def _migration(
    wanted: _Wanted, settings: Settings, report: Report, on_progress: Callable[[int], None]
) -> AsyncIterator[Migration]:
    """The work on an open store; the file is made only where there is something to import."""
    clock = SystemClock()
    store = await opened_store(
        settings, clock, create=wanted.dump is not None, rehearsal=wanted.dry_run
    )
    try:
        yield Migration(
            store, clock, report, batch_threads=wanted.batch_threads, on_progress=on_progress
        )
    finally:
        await store.close()
