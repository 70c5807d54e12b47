"""`threadcast doctor`: what an operator should know before running a server on a machine."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import apsw
import click

from ..bus.choice import bus_endpoint
from ..clock import SystemClock
from ..errors import ConfigurationError, StoreInUse, ThreadcastError
from ..page import NOT_BUILT, pages_are_built
from ..settings import Settings, is_postgres, risks, sqlite_path
from ..settings.sources import read_settings
from ..store.choice import postgres_store
from ..store.sqlite import check_early, examine
from . import exits
from .options import settings_options
from .printing import printable, table, width_columns

_sync = getattr(os, "fdatasync", os.fsync)  # not every system has the first
_SQLITE_FIRST_GOOD = (3, 51, 3)
_SYNCS = 50
_SYNC_SLOW_MS = 20.0


@click.command("doctor")
@settings_options
def command(overrides: dict[str, object], config_path: Path | None) -> None:
    """Check this machine, the settings, database and bus; exit 1 if something is wrong."""
    settings = read_settings(overrides, os.environ, config_path).settings
    facts: dict[str, str] = {}
    problems: list[str] = []
    for more_facts, more_problems in (*_store(settings), _clock()):
        facts |= more_facts
        problems += more_problems
    facts |= {"role": settings.role, "web pages": _pages()} | _limits(settings)
    problems += risks(settings)
    click.echo(table([("what", "found"), *facts.items()], width_columns()))
    if settings.dev:
        click.echo("note: in development mode anybody on this machine can be any user", err=True)
    for problem in problems:
        click.echo(f"problem: {printable(problem)}", err=True)
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        raise exits.CommandFailed(f"{len(problems)} {noun} found", 1)
    click.echo("No problem found.")


def _store(settings: Settings) -> Iterator[tuple[dict[str, str], list[str]]]:
    if is_postgres(settings.database_url):
        yield _postgres(settings)
        yield _bus(settings)
    else:
        yield _sqlite_version()
        yield _storage(sqlite_path(settings.database_url))


def _postgres(settings: Settings) -> tuple[dict[str, str], list[str]]:
    try:
        store = postgres_store(settings, SystemClock())
        facts, problems = asyncio.run(store.examine())
    except (ConfigurationError, ThreadcastError) as error:
        return {"database": "PostgreSQL (not looked at)"}, [exits.message_of(error)]
    return {"database": store.name} | facts, problems


def _bus(settings: Settings) -> tuple[dict[str, str], list[str]]:
    if settings.bus_url is None:
        found = f"none; other nodes' events are found within {settings.head_poll_s:g} s"
        return {"bus": found}, []
    try:
        place = bus_endpoint(settings)
    except ConfigurationError as error:
        return {"bus": "NATS (not looked at)"}, [str(error)]
    from ..bus.nats import look  # with the package that `bus_endpoint` has asked for

    return asyncio.run(look(place))


def _sqlite_version() -> tuple[dict[str, str], list[str]]:
    version = apsw.sqlite_lib_version()
    if tuple(int(part) for part in version.split(".")) >= _SQLITE_FIRST_GOOD:
        return {"SQLite": version}, []
    needed = ".".join(map(str, _SQLITE_FIRST_GOOD))
    return {"SQLite": version}, [
        f"SQLite {version} can corrupt a database in WAL mode; {needed} or later is needed: "
        "upgrade apsw"
    ]


def _storage(database: Path) -> tuple[dict[str, str], list[str]]:
    """The database and the disk under it."""
    folder = database.absolute().parent
    try:
        facts, problems = _sync_speed(folder)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        problem = f"cannot write in the folder {folder}: {reason}; the server keeps its files there"
        return {"database": f"{database} (not looked at)"}, [problem]
    more_facts, more_problems = _database(database)
    return facts | more_facts, problems + more_problems


def _database(path: Path) -> tuple[dict[str, str], list[str]]:
    try:
        check_early(path)
        if not path.exists():
            return {"database": f"{path} (will be made)"}, []
        facts = examine(path, clock=SystemClock())
    except StoreInUse as error:
        return {"database": str(error)}, []
    except ConfigurationError as error:
        return {"database": str(path)}, [str(error)]
    return {"database": str(path)} | facts, []


def _sync_speed(folder: Path) -> tuple[dict[str, str], list[str]]:
    times_ms = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            file.write(b"x" * 4096)
            file.flush()
            started = time.perf_counter()
            _sync(file.fileno())
            times_ms.append((time.perf_counter() - started) * 1000)
    typical_ms = median(times_ms)
    facts = {"fdatasync": f"{typical_ms:.2f} ms (median of {_SYNCS}), {max(times_ms):.2f} ms worst"}
    if typical_ms > _SYNC_SLOW_MS:
        return facts, [f"a commit will take about {typical_ms:.0f} ms: use a faster disk"]
    return facts, []


def _clock() -> tuple[dict[str, str], list[str]]:
    year = time.gmtime().tm_year
    facts = {"clock": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    return facts, [] if year >= 2026 else [f"the clock says {year}: tokens will be refused"]


def _pages() -> str:
    return "built" if pages_are_built() else f"none: {NOT_BUILT}"


def _limits(settings: Settings) -> dict[str, str]:
    names = (
        "max_connections", "max_connections_per_user", "message_max_bytes", "max_runs",
        "max_runs_per_user", "lease_s", "run_timeout_s", "send_buffer_max_bytes",
    )  # fmt: skip
    files = os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else "unknown"
    return {"open files allowed": str(files)} | {
        name: str(getattr(settings, name)) for name in names
    }
