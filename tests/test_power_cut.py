"""Committed, then delivered: a power cut loses nothing that was acknowledged.

One run of the store is recorded, with many checkpoints. Then the power is cut at random syncs of
it, and what may be left on the disk is opened with a stock SQLite.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest

from power_cut_vfs import Cut, PowerCutVfs, cuts
from store_scene import NOW, Scene, completed, context_of, delta, message, started
from threadcast.events import EVENT_CODE
from threadcast.store.sqlite import SqliteStore
from threadcast.store.units import AppendToRun, Committed, DeleteThread, Sweep, Unit
from threadcast.testing.clock import ManualClock

CUTS = 2_000
BATCHES = 150
USERS = 6
ROWS = (
    "SELECT u.user_id, e.seq, e.type, e.data FROM events e JOIN users u ON u.user = e.user"
    " ORDER BY e.id"
)
CLAIMED = "SELECT count(*) FROM runs WHERE fence > 0"
TABLES = "SELECT count(*) FROM sqlite_schema WHERE name = 'events'"

Row = tuple[str, int, int, bytes]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit stored: these events, and a fence for so many claimed runs."""

    rows: list[Row]
    claimed: int = 0


class CarelessStore(SqliteStore):
    """What the embedded store would be if it did not wait for the disk."""

    SYNCHRONOUS = "NORMAL"


@pytest.fixture
def vfs() -> Iterator[PowerCutVfs]:
    vfs = PowerCutVfs("power-cut")
    yield vfs
    vfs.unregister()


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Where the files of a cut are put, for looking at them."""
    return tmp_path / "disk"


async def record(store: SqliteStore, vfs: PowerCutVfs, dice: random.Random) -> list[Batch]:
    """Use the store for a while; what each commit stored."""
    await store.open()
    scene = Scene(store)
    batches: list[Batch] = []
    leases: list[Any] = []
    vfs.mark(0)
    for number in range(BATCHES):
        outcomes = await scene.outcomes(*_units(number, leases, dice))
        batches.append(Batch(_rows(outcomes)))
        vfs.mark(len(batches))
        claimed = await scene.claim(3)
        leases += [run.lease for run in claimed]
        batches.append(Batch([], len(claimed)))
        vfs.mark(len(batches))
    length = len(vfs.log)
    await store.close()
    del vfs.log[length:]
    return batches


def _units(number: int, leases: list[Any], dice: random.Random) -> list[Unit[Any]]:
    units: list[Unit[Any]] = [
        message(
            context_of(f"user-{dice.randrange(USERS)}"),
            f"message {number} " + "x" * dice.randrange(3_000),
            key=f"k{number}",
            user_runs_max=1_000,
        )
    ]
    for lease in dice.sample(leases, min(len(leases), dice.randrange(1, 8))):
        drafts = [delta(f"{number} " + "y" * dice.randrange(300)) for _ in range(3)]
        if dice.random() < 0.1:
            leases.remove(lease)
            drafts.append(completed(f"{number} done"))
        units.append(AppendToRun(lease, [started(), *drafts]))
    return units


def _rows(outcomes: Sequence[object]) -> list[Row]:
    rows = []
    for outcome in outcomes:
        assert isinstance(outcome, Committed), outcome
        for event in outcome.events:
            code = EVENT_CODE[event.event_type]
            rows.append((event.address.user_id, event.seq, code, event.data))
    return rows


def put(cut: Cut, folder: Path) -> Path:
    """Put the files of a cut on a disk."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in cut.files.items():
        (folder / name).write_bytes(content)
    return folder / "a.db"


def problem_of(cut: Cut, batches: Sequence[Batch], disk: Path) -> str | None:
    """What a stock SQLite finds wrong with what is left, if anything."""
    path = put(cut, disk)
    try:
        with closing(sqlite3.connect(path)) as connection:
            integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
            if integrity != "ok":
                return f"integrity: {integrity}"
            if not connection.execute(TABLES).fetchone()[0]:
                return "lost: everything" if cut.answered else None
            rows = connection.execute(ROWS).fetchall()
            claimed = connection.execute(CLAIMED).fetchone()[0]
    except sqlite3.DatabaseError as error:
        return f"cannot be read: {error}"
    answered = Batch([], 0)
    for batch in batches[: cut.answered]:
        answered = Batch(answered.rows + batch.rows, answered.claimed + batch.claimed)
    under_way = batches[cut.answered] if cut.answered < len(batches) else Batch([])
    return _difference(Batch(rows, claimed), answered, under_way)


def _difference(found: Batch, answered: Batch, under_way: Batch) -> str | None:
    """Found must be what was answered, or that and all of the batch that was under way."""
    count = len(answered.rows)
    if found.rows[:count] != answered.rows or found.claimed < answered.claimed:
        return f"lost: {count} events and {answered.claimed} claims, found {len(found.rows)}"
    more = Batch(found.rows[count:], found.claimed - answered.claimed)
    if more not in (Batch([]), under_way):
        return f"phantom: {len(more.rows)} events and {more.claimed} claims that nobody asked for"
    return None


@pytest.mark.timeout(600)
async def test_nothing_answered_is_lost_in_2000_power_cuts(
    tmp_path: Path, disk: Path, vfs: PowerCutVfs, seed: int
) -> None:
    dice = random.Random(seed)
    store = SqliteStore(
        tmp_path / "a.db", clock=ManualClock(NOW), vfs="power-cut", checkpoint_pages=60
    )
    batches = await record(store, vfs, dice)
    for number, cut in enumerate(cuts(vfs.log, CUTS, dice)):
        problem = problem_of(cut, batches, disk)
        assert problem is None, f"seed {seed}, cut {number}: {problem}"


async def test_a_store_that_does_not_wait_for_the_disk_is_caught_within_3_cuts(
    tmp_path: Path, disk: Path, vfs: PowerCutVfs, seed: int
) -> None:
    dice = random.Random(seed)
    store = CarelessStore(
        tmp_path / "a.db", clock=ManualClock(NOW), vfs="power-cut", checkpoint_pages=1_000
    )
    batches = await record(store, vfs, dice)
    some = cuts(vfs.log, 3, dice, survival=(0.0,), at_syncs=False)
    found = [problem_of(cut, batches, disk) for cut in some]
    assert any(problem and problem.startswith("lost") for problem in found), f"seed {seed}: {found}"


async def test_the_store_goes_on_after_a_power_cut(
    tmp_path: Path, disk: Path, vfs: PowerCutVfs, seed: int
) -> None:
    """Reopened by the store itself: whole, searchable, and ready for the next message."""
    dice = random.Random(seed)
    store = SqliteStore(
        tmp_path / "a.db", clock=ManualClock(NOW), vfs="power-cut", checkpoint_pages=60
    )
    batches = await record(store, vfs, dice)
    for cut in cuts(vfs.log, 20, dice):
        if not cut.answered:
            continue
        reopened = SqliteStore(put(cut, disk), clock=ManualClock(NOW))
        await reopened.open()
        scene = Scene(reopened)
        last = [row for batch in batches[: cut.answered] for row in batch.rows][-1]
        assert (await reopened.heads([last[0]]))[last[0]] >= last[1], f"seed {seed}"
        context = context_of("after")
        await scene.send(context, content="after the cut", key="after")
        async with scene.session("after") as session:
            assert len(await session.search("cut", limit=5)) == 1, f"seed {seed}"
        await scene.committed(DeleteThread(context))
        await scene.result(Sweep("purge", NOW + 1, 100))
        await reopened.close()
        with closing(apsw.Connection(str(disk / "a.db"))) as connection:
            assert connection.pragma("integrity_check") == "ok", f"seed {seed}"
