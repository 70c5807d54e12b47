"""The embedded store: the contract, and what is its own."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from store_contract import StoreContract
from store_scene import LEASE_S, NOW, Scene, context_of, delta, message
from threadcast.errors import ThreadcastError
from threadcast.runs import RunStatus
from threadcast.store import Store
from threadcast.store.schema_steps import load_steps
from threadcast.store.sqlite import SqliteStore, examine
from threadcast.store.sqlite.keys import RecentKeys
from threadcast.store.stored_runs import STATUS_CODE
from threadcast.store.units import AppendToRun, Committed
from threadcast.testing.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "threadcast.db", clock=clock)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def pass_time(clock: ManualClock) -> Callable[[float], Awaitable[None]]:
    async def pass_time(seconds: float) -> None:
        clock.advance(seconds)

    return pass_time


class TestContract(StoreContract):
    """The embedded store keeps the contract."""


async def test_what_was_committed_is_there_after_a_restart(
    tmp_path: Path, clock: ManualClock
) -> None:
    path = tmp_path / "a.db"
    for turn in range(1, 4):
        store: Store = SqliteStore(path, clock=clock)
        await store.open()
        scene = Scene(store)
        assert not (await scene.send(context_of("ann"), key=f"k{turn}")).duplicate
        assert (await store.heads(["ann"]))["ann"] == 2 * turn
        await store.close()


async def test_a_wall_clock_that_is_set_ends_no_lease_and_prolongs_none(
    store: SqliteStore, clock: ManualClock
) -> None:
    scene = Scene(store)
    held = await scene.running("ann")
    clock.set_wall_time(NOW + 3_600.0)
    assert not (await scene.take_over()).requeued
    await scene.committed(AppendToRun(held.lease, [delta("still its own")]))
    clock.set_wall_time(NOW - 3_600.0)
    clock.advance(LEASE_S + 1)
    assert list((await scene.take_over()).requeued) == [held.lease.run_id]


async def test_files_are_for_their_owner_only(tmp_path: Path, store: SqliteStore) -> None:
    await Scene(store).thread("ann")
    files = [tmp_path / name for name in sorted(os.listdir(tmp_path))]
    assert [file.suffix for file in files] == [".db", ".db-shm", ".db-wal", ".lock"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_facts(store: SqliteStore) -> None:
    facts = await store.facts()
    assert (facts["store"], facts["journal_mode"], facts["synchronous"]) == (
        "sqlite", "wal", "full",
    )  # fmt: skip
    assert facts["schema"] == str(load_steps("sqlite")[-1].version)


async def test_readers_are_bounded_and_waiting_ends(tmp_path: Path, clock: ManualClock) -> None:
    store = SqliteStore(tmp_path / "a.db", clock=clock, reader_count=2, reader_wait_max_s=0.05)
    await store.open()
    held = [store.session(context_of("ann")) for _ in range(2)]
    for session in held:
        await session.journal()
    third = store.session(context_of("ann"))
    with pytest.raises(ThreadcastError, match="no reader was free"):
        await third.journal()
    waiting = asyncio.create_task(store.session(context_of("ann")).journal())
    await asyncio.sleep(0)
    await held[0].close()
    assert (await waiting).head == 0
    await held[1].close()
    await store.close()


async def test_a_cancelled_read_costs_its_connection_and_no_more(
    tmp_path: Path, clock: ManualClock
) -> None:
    store = SqliteStore(tmp_path / "a.db", clock=clock, reader_count=1)
    await store.open()
    scene = Scene(store)
    await scene.thread("ann")
    for _ in range(5):
        session = store.session(context_of("ann"))
        read = asyncio.create_task(session.page(0, limit=1_000, max_bytes=1_000_000))
        await asyncio.sleep(0)
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
        await session.close()
    assert len(await scene.journal("ann")) == 1
    await store.close()


async def test_a_read_after_close_is_refused(store: SqliteStore) -> None:
    session = store.session(context_of("ann"))
    await session.close()
    with pytest.raises(ThreadcastError, match="the session is closed"):
        await session.journal()


async def test_a_closed_store_refuses(tmp_path: Path, clock: ManualClock) -> None:
    store = SqliteStore(tmp_path / "a.db", clock=clock)
    health = [store.healthy]
    await store.open()
    health.append(store.healthy)
    await store.close()
    await store.close()
    health.append(store.healthy)
    assert health == [False, True, False]
    with pytest.raises(ThreadcastError, match="not open"):
        await store.commit([message(context_of("ann"))], now=NOW)
    with pytest.raises(ThreadcastError, match="closed"):
        await store.heads(["ann"])


async def test_little_is_remembered_and_nothing_goes_wrong(
    tmp_path: Path, clock: ManualClock
) -> None:
    store = SqliteStore(tmp_path / "a.db", clock=clock, known_users_max=1, known_runs_max=1)
    await store.open()
    scene = Scene(store)
    runs = [await scene.running(user) for user in ("ann", "bob", "cid")]
    for _ in range(3):
        outcomes = await scene.outcomes(*(AppendToRun(run.lease, [delta("x")]) for run in runs))
        assert all(isinstance(outcome, Committed) for outcome in outcomes)
    assert await store.heads(["ann", "bob", "cid"]) == {"ann": 6, "bob": 6, "cid": 6}
    await store.close()


def test_recent_keys_forget_the_one_not_asked_for_longest() -> None:
    keys: RecentKeys[str, int] = RecentKeys(2)
    keys.put("a", 1)
    keys.put("b", 2)
    assert keys.get("a") == 1
    keys.put("c", 3)
    assert (keys.get("a"), keys.get("b"), keys.get("c")) == (1, None, 3)


def test_status_codes_are_for_ever() -> None:
    assert STATUS_CODE == {
        RunStatus.QUEUED: 1,
        RunStatus.RUNNING: 2,
        RunStatus.WAITING: 3,
        RunStatus.COMPLETED: 4,
        RunStatus.FAILED: 5,
        RunStatus.CANCELLED: 6,
    }


async def test_a_server_that_opens_the_file_takes_over_what_the_last_one_left_at_once(
    tmp_path: Path, clock: ManualClock
) -> None:
    store = SqliteStore(tmp_path / "a.db", clock=clock)
    await store.open()
    claimed = await Scene(store).running("ann")
    assert not (await Scene(store).take_over()).requeued
    await store.close()

    store = SqliteStore(tmp_path / "a.db", clock=clock)
    await store.open()
    assert tuple((await Scene(store).take_over()).requeued) == (claimed.lease.run_id,)
    await store.close()


async def test_a_look_at_a_database_changes_nothing(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "a.db"
    store = SqliteStore(path, clock=clock)
    await store.open()
    await Scene(store).running("ann")
    await store.close()
    before = path.read_bytes()

    facts = examine(path, clock=clock)

    newest = load_steps("sqlite")[-1].version
    assert (facts["structure"], facts["schema"]) == ("ok", f"version {newest}")
    assert path.read_bytes() == before
