"""Uses of legacy ids: counted in bounded memory, flushed, not lost when the store fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from http_world import World
from patience import WAIT_S
from runner_world import running
from store_contract_migration import dumped, imported
from store_scene import NOW, Scene, context_of
from threadcast.bus import LocalBus
from threadcast.delivery.journal import Journal
from threadcast.errors import ThreadcastError
from threadcast.metrics import Metrics
from threadcast.store.sqlite import SqliteStore
from threadcast.testing.clock import ManualClock
from threadcast.upkeep.alias_uses import AliasUses

ANN = context_of("ann")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "a.db", clock=clock)
    await store.open()
    await imported(Scene(store), *(dumped(str(number)) for number in range(600)))
    yield store
    await store.close()


@pytest.fixture
async def uses(store: SqliteStore, clock: ManualClock) -> AsyncIterator[AliasUses]:
    bus = LocalBus()
    await bus.open()
    metrics = Metrics()
    journal = Journal(store, bus, clock, metrics, batch_max_events=100, queue_max_units=100)
    writing = asyncio.create_task(journal.run())
    yield AliasUses(journal, clock, metrics, gathered_max=550)
    writing.cancel()
    await asyncio.wait([writing])
    await bus.close()


async def test_uses_are_stored_at_a_flush_and_only_once(
    store: SqliteStore, clock: ManualClock, uses: AliasUses
) -> None:
    uses.used(ANN, "1", "http")
    clock.advance(5)
    uses.used(ANN, "1", "websocket")
    uses.used(ANN, "2", "sse")
    assert (await store.alias_facts(now=NOW)).uses == 0
    for _ in range(2):
        await uses.flush()
        facts = await store.alias_facts(now=NOW + 5)
        assert (facts.used, facts.uses, facts.last_used_at) == (2, 3, NOW + 5)


async def test_more_than_one_commit_holds_is_stored_and_more_than_is_gathered_is_not(
    store: SqliteStore, uses: AliasUses
) -> None:
    for number in range(600):
        uses.used(ANN, str(number), "http")
    uses.used(ANN, "0", "http")
    await uses.flush()
    facts = await store.alias_facts(now=NOW)
    assert (facts.used, facts.uses) == (550, 551)


async def test_what_could_not_be_stored_is_stored_later(
    tmp_path: Path, store: SqliteStore, clock: ManualClock, uses: AliasUses
) -> None:
    uses.used(ANN, "1", "http")
    uses.used(ANN, "2", "http")
    away = tmp_path / "a.db"
    away.rename(tmp_path / "b.db")
    clock.advance(10)
    flushing = asyncio.create_task(uses.flush())
    await asyncio.sleep(0)
    uses.used(ANN, "1", "http")
    with pytest.raises(ThreadcastError, match="unavailable"):
        await flushing
    (tmp_path / "b.db").rename(away)
    clock.advance(10)
    await uses.flush()
    facts = await store.alias_facts(now=NOW + 20)
    assert (facts.used, facts.uses, facts.last_used_at) == (2, 3, NOW + 10)


async def test_a_node_stores_the_uses_by_itself(world: World) -> None:
    assert "alias uses" in {task.get_name() for task in asyncio.all_tasks()}


async def test_what_was_gathered_is_stored_while_it_runs(
    store: SqliteStore, uses: AliasUses
) -> None:
    uses.used(ANN, "1", "http")
    async with running(uses.run()):
        async with asyncio.timeout(WAIT_S):
            while not (await store.alias_facts(now=NOW)).used:
                pass
