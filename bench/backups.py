"""The p99 of appends during a backup, relative to without one.

Windows with and without a backup alternate in one run, so that other load on the machine affects
both. A window with one lasts from the start of its command to its end. Appends start on a fixed
schedule, whether the previous one has ended or not.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path
from statistics import median

from postgres_server import PostgresServer, programs_of
from store_scene import Scene, context_of, delta
from threadcast.bus import LocalBus
from threadcast.clock import SystemClock
from threadcast.delivery.journal import Journal
from threadcast.metrics import Metrics
from threadcast.store import Store
from threadcast.store.postgres import PostgresStore
from threadcast.store.sqlite import SqliteStore
from threadcast.store.units import AppendToRun, Lease

from .bulk import Fill, add
from .cores import every_core
from .figures import Figure, percentile

APPENDS_PER_S = 500
_FILL = Fill(0, 1_000, 10, 50)
_RUNS, _CALM_S, _BACKUP_MAX_S = 20, 8.0, 240.0
_TARGET = 1.2

Backup = Callable[[Path], Sequence[str]]


async def backups(rounds: int) -> list[Figure]:
    """One figure for each kind of backup: p99 with it, as a multiple of p99 without.

    Args:
        rounds: pairs of windows; the medians are reported.
    """
    with tempfile.TemporaryDirectory(prefix="threadcast-backups-") as folder:
        return [await _of_file(Path(folder), rounds), *await _of_postgres(rounds)]


async def _of_file(folder: Path, rounds: int) -> Figure:
    await _make(SqliteStore(folder / "journal.db", clock=SystemClock()))
    store = SqliteStore(folder / "journal.db", clock=SystemClock())
    url = f"sqlite:///{folder / 'journal.db'}"

    def command(target: Path) -> Sequence[str]:
        program = (sys.executable, "-m", "threadcast.cli", "backup")
        return (*program, str(target / "copy.db"), "--database", url)

    return await _figure("threadcast backup", store, url, command, rounds)


async def _of_postgres(rounds: int) -> list[Figure]:
    # A base backup begins with a checkpoint, which takes most of this time.
    settings = {"max_wal_size": "4GB", "checkpoint_timeout": "30s", "wal_keep_size": "2GB"}
    server = PostgresServer(settings=settings)
    await asyncio.to_thread(server.start)
    programs = programs_of(server.major)

    def dump(target: Path) -> Sequence[str]:
        whole = ("--format=custom", f"--file={target / 'dump'}")
        return (str(programs / "pg_dump"), *whole, server.url())

    def base(target: Path) -> Sequence[str]:
        # To standard output, which nobody keeps: it belongs on another machine.
        whole = ("--format=tar", "--pgdata=-", "--wal-method=fetch", "--max-rate=4M")
        return (str(programs / "pg_basebackup"), *whole, f"--dbname={server.url()}")

    try:
        figures = []
        for name, command in (("pg_dump", dump), ("pg_basebackup --max-rate=4M", base)):
            url = await server.new_schema()
            await _make(PostgresStore(url, clock=SystemClock()))
            store = PostgresStore(url, clock=SystemClock())
            figures.append(await _figure(name, store, url, command, rounds))
        return figures
    finally:
        server.close()


async def _figure(name: str, store: Store, url: str, command: Backup, rounds: int) -> Figure:
    await add(url, _FILL)
    await store.open()
    journal = Journal(
        *(store, LocalBus(), SystemClock(), Metrics()),
        batch_max_events=1_000,
        queue_max_units=10_000,
    )
    task = asyncio.create_task(journal.run())
    try:
        leases = await _leases(Scene(store))
        without, during = [], []
        for _ in range(rounds):
            without.append(percentile(await _window_ms(journal, leases), 0.99))
            during.append(percentile(await _window_ms(journal, leases, command), 0.99))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()
    ratio = median(there / here for here, there in zip(without, during, strict=True))
    note = f"p99 {median(during):.1f} ms with it, {median(without):.1f} ms without"
    return Figure(f"{name} at {APPENDS_PER_S} appends/s", ratio, "x", _TARGET, note=note)


async def _make(store: Store) -> None:
    await store.open()
    await store.close()


async def _leases(scene: Scene) -> list[Lease]:
    for number in range(_RUNS):
        await scene.send(context_of(f"writer-{number}"))
    return [run.lease for run in await scene.claim(_RUNS)]


async def _window_ms(
    journal: Journal, leases: Sequence[Lease], command: Backup | None = None
) -> list[float]:
    """The time of each append while a backup is made, or of a few seconds without one."""
    until = asyncio.create_task(asyncio.sleep(_CALM_S) if command is None else _make_one(command))
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    times_ms: list[float] = []
    async with asyncio.TaskGroup() as appends:
        for number in count():
            await asyncio.sleep(began_at + number / APPENDS_PER_S - loop.time())
            if until.done():
                break
            unit = AppendToRun(leases[number % len(leases)], [delta("a piece")])
            appends.create_task(_timed(journal.append(unit), times_ms))
    await until
    return times_ms


async def _timed(append: Awaitable[object], times_ms: list[float]) -> None:
    started = time.perf_counter()
    await append
    times_ms.append((time.perf_counter() - started) * 1000)


async def _make_one(command: Backup) -> None:
    target = Path(tempfile.mkdtemp(prefix="threadcast-backup-"))
    with every_core():  # not the one that the appends are pinned to
        making = await asyncio.create_subprocess_exec(
            *command(target), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    try:
        _, said = await asyncio.wait_for(making.communicate(), _BACKUP_MAX_S)
        if making.returncode:
            raise RuntimeError(f"no backup: {said.decode()[-500:]}")
    finally:
        if making.returncode is None:
            making.kill()
            await making.wait()
        shutil.rmtree(target, ignore_errors=True)
