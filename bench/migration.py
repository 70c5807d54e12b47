"""The cost of a migration: importing a dump, relative to bare inserts of the same rows."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import msgspec

from threadcast.clock import SystemClock
from threadcast.store.sqlite import SqliteStore

_USERS = 100_000
_BATCH = 1_000
_TABLES = ("users", "threads", "thread_aliases", "migrated_threads", "events")


@dataclass(frozen=True)
class Import:
    """One import by `threadcast migrate-ids`.

    Attributes:
        threads_per_s: from its start to its exit, including the interpreter's start.
        cpu_us: processor time per thread of the dump, in microseconds.
        peak_mib: the process's peak memory.
    """

    threads_per_s: float
    cpu_us: float
    peak_mib: float


@dataclass(frozen=True)
class Comparison:
    """An import of many threads, compared with one of a tenth and with bare inserts."""

    tenth: Import
    whole: Import
    inserted_per_s: float
    insert_cpu_us: float


def compare(threads: int) -> Comparison:
    """Import `threads` threads and a tenth of them; then only insert the same rows."""
    with tempfile.TemporaryDirectory(prefix="threadcast-bench-") as name:
        folder = Path(name)
        dump = folder / "dump.jsonl"
        write_dump(dump, threads // 10)
        tenth = _import(folder / "tenth.db", dump, threads // 10)
        write_dump(dump, threads)
        whole = _import(folder / "whole.db", dump, threads)
        dump.unlink()
        wall_s, cpu_s = _insert_all(folder / "whole.db", folder / "bare.db")
    return Comparison(tenth, whole, threads / wall_s, cpu_s / threads * 1e6)


def write_dump(path: Path, threads: int) -> None:
    """A dump of threads without messages, of many users, not ordered by user."""
    with path.open("wb") as file:
        for number in range(threads):
            thread = {
                # threadcast: ignore[TC302] an older system's id, which is what is measured
                "thread_id": f"websocket_factory_{1_757_361_062_151 + number}",
                "user_id": f"user-{number * 7_919 % _USERS}",
                "title": f"Conversation {number}",
                "created_at": 1_757_361_062 + number,
            }
            file.write(msgspec.json.encode(thread) + b"\n")


def _import(database: Path, dump: Path, threads: int) -> Import:
    command = [sys.executable, "-m", "threadcast.cli", "migrate-ids"]
    options = ["--database", f"sqlite:///{database}", "--from", str(dump)]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    elapsed_s = time.perf_counter() - started
    if process.returncode != 0:
        raise RuntimeError(f"the import ended with status {process.returncode}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Import(threads / elapsed_s, cpu_s / threads * 1e6, usage.ru_maxrss / 1024)


def _insert_all(source: Path, target: Path) -> tuple[float, float]:
    """Wall and processor seconds for inserting all rows, with the same durability."""
    _make_empty(target)
    with (
        closing(apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)) as reading,
        closing(apsw.Connection(str(target))) as writing,
    ):
        writing.pragma("synchronous", SqliteStore.SYNCHRONOUS)
        wall_s = cpu_s = 0.0
        for table in _TABLES:
            rows: Iterator[tuple[Any, ...]] = iter(reading.execute(f"SELECT * FROM {table}"))
            while batch := list(islice(rows, _BATCH)):
                places = ",".join("?" * len(batch[0]))
                started, cpu_started = time.perf_counter(), time.process_time()
                with writing:
                    writing.executemany(f"INSERT INTO {table} VALUES ({places})", batch)
                wall_s += time.perf_counter() - started
                cpu_s += time.process_time() - cpu_started
    return wall_s, cpu_s


def _make_empty(path: Path) -> None:
    async def make() -> None:
        store = SqliteStore(path, clock=SystemClock())
        await store.open()
        await store.close()

    asyncio.run(make())
