"""The cost of committing plain appends on PostgreSQL: time, and CPU time on either side.

It measures the store alone, without a server. In another checkout it measures that one's store.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from store_scene import Scene, context_of, delta
from threadcast.clock import SystemClock
from threadcast.store.postgres import PostgresStore
from threadcast.store.units import AppendToRun, ClaimedRun, Committed

from .figures import Figure

_SIZES = ((1, 1), (50, 4), (200, 2))
_COMMITS = 150


async def commits(url: str, database_pid: int, *, prepared: bool) -> list[Figure]:
    """One figure for each batch size.

    Args:
        url: an empty schema.
        database_pid: of the server, whose children are the backends.
        prepared: whether statements are prepared.
    """
    store = PostgresStore(url, clock=SystemClock(), prepare_statements=prepared)
    await store.open()
    try:
        scene = Scene(store)
        runs = await _running(scene, max(users for users, _ in _SIZES))
        return [
            await _measured(store, database_pid, runs[:users], events, prepared=prepared)
            for users, events in _SIZES
        ]
    finally:
        await store.close()


async def _running(scene: Scene, count: int) -> list[ClaimedRun]:
    for number in range(count):
        await scene.send(context_of(f"user-{number}"))
    runs: list[ClaimedRun] = []
    while len(runs) < count:
        runs += await scene.claim(100)
    return runs


async def _measured(
    store: PostgresStore, database_pid: int, runs: list[ClaimedRun], events: int, *, prepared: bool
) -> Figure:
    times_ms = []
    ours_s, theirs_s = time.process_time(), _children_s(database_pid)
    for _ in range(_COMMITS):
        units = [
            AppendToRun(run.lease, [delta("Hello, world") for _ in range(events)]) for run in runs
        ]
        started = time.perf_counter()
        outcomes = await store.commit(units, now=time.time())
        times_ms.append((time.perf_counter() - started) * 1000)
        if not all(isinstance(outcome, Committed) for outcome in outcomes):
            raise RuntimeError(f"not stored: {outcomes}")
    ours_ms = (time.process_time() - ours_s) / _COMMITS * 1000
    theirs_ms = (_children_s(database_pid) - theirs_s) / _COMMITS * 1000
    way = "prepared" if prepared else "not prepared"
    name = f"PostgreSQL, {way}: a commit of {len(runs)} x {events} events, p50"
    note = f"processor time {ours_ms:.2f} ms here, {theirs_ms:.2f} ms in the database"
    return Figure(name, median(times_ms), "ms", note=note)


def _children_s(pid: int) -> float:
    """Processor time of all living descendants of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_on_processor_s(child) for child in children)


def _on_processor_s(pid: str) -> float:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:
        return 0.0  # it has ended meanwhile
