"""The one connection manager: limits, identity, leaving, delivery, and the poll for lost hints."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from delivery_scene import Delivery, delivering
from patience import WAIT_S
from store_scene import NOW
from threadcast.bus import ConnectionUnwanted, JournalGrew, SessionsRevoked
from threadcast.consistency.trace import ConsistencyTrace
from threadcast.context import UserExecutionContext
from threadcast.delivery.websocket_manager import WebSocketManager
from threadcast.errors import ThreadcastError
from threadcast.events import JournalEvent
from threadcast.ids import UnifiedIdGenerator


class Plain:
    """A `LiveConnection` that remembers what it was told."""

    kind: Literal["websocket", "sse"] = "websocket"
    opened_at = NOW
    agent: str | None = "plain/1"
    position = 0
    live = True
    trace: ConsistencyTrace | None = None

    def __init__(self, user_id: str) -> None:
        self.context = UserExecutionContext.create(
            user_id, "connect", connection_id=UnifiedIdGenerator.generate_base_id("ws_conn")
        )
        self.offered: list[int] = []
        self.noticed: list[int] = []
        self.rechecks = 0
        self.doubts = 0
        self.ends: list[tuple[str, int | None]] = []

    def offer(self, events: Sequence[JournalEvent]) -> int:
        """Remember the seqs."""
        self.offered += [event.seq for event in events]
        return len(events)

    def notice(self, head: int) -> None:
        """Remember the head."""
        self.noticed.append(head)

    def doubt(self) -> None:
        """Count."""
        self.doubts += 1

    def recheck(self) -> None:
        """Count."""
        self.rechecks += 1

    def end(self, code: str, *, retry_after_ms: int | None = None) -> None:
        """Remember the code."""
        self.ends.append((code, retry_after_ms))


class World:
    """A manager over a real store."""

    def __init__(self, delivery: Delivery, **settings: Any) -> None:
        self.delivery = delivery
        self.left: list[str] = []
        self.someone_left = asyncio.Event()
        chosen: dict[str, Any] = {
            "policy": "reject",
            "max_connections": 1_000,
            "disconnect_grace_s": 0.0,
            **settings,
        }
        self.manager = WebSocketManager(
            delivery.metrics,
            delivery.guard,
            on_user_left=self._user_left,
            losses=lambda: delivery.store.losses,
            **chosen,
        )
        delivery.bus.listen(self.manager.receive)

    def _user_left(self, user_id: str) -> None:
        self.left.append(user_id)
        self.someone_left.set()

    def add(self, user_id: str = "ann", limit: int = 20) -> Plain:
        """A new connection."""
        connection = Plain(user_id)
        self.manager.add(connection, limit=limit)
        return connection

    def metric(self, name: str) -> float | None:
        """A metric's value."""
        return self.delivery.metrics.registry.get_sample_value(f"threadcast_{name}")


@asynccontextmanager
async def managing(tmp_path: Path, **settings: Any) -> AsyncIterator[World]:
    async with delivering(tmp_path) as delivery:
        yield World(delivery, **settings)


def refused(world: World, user_id: str = "ann", limit: int = 20) -> str:
    """Add one connection too many; the code."""
    with pytest.raises(ThreadcastError) as caught:
        world.add(user_id, limit)
    return caught.value.code


async def test_one_too_many_is_rejected_and_counts_for_nothing(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        kept = [world.add(limit=2) for _ in range(2)]
        assert refused(world, limit=2) == "too_many_connections"
        assert len(world.manager) == 2
        world.add("bob", limit=2)
        world.manager.remove(kept[0])
        world.add(limit=2)
        assert all(connection.ends == [] for connection in kept)


async def test_a_connection_is_let_go_whatever_has_become_of_its_context(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        connection = world.add("ann", limit=1)
        connection.context = Plain("bob").context
        world.manager.remove(connection)
        assert len(world.manager) == 0
        world.add("ann", limit=1)


async def test_or_the_oldest_gives_way(tmp_path: Path) -> None:
    async with managing(tmp_path, policy="evict_oldest") as world:
        first, second = world.add(limit=2), world.add(limit=2)
        third = world.add(limit=2)
        assert (first.ends, second.ends, third.ends) == ([("evicted", None)], [], [])
        assert world.manager.connections_of(third.context) == [second, third]
        assert len(world.manager) == 2
        world.manager.remove(first)  # its own way out comes later
        assert len(world.manager) == 2


async def test_a_limit_of_zero_evicts_nobody(tmp_path: Path) -> None:
    async with managing(tmp_path, policy="evict_oldest") as world:
        assert refused(world, limit=0) == "too_many_connections"


async def test_a_full_node_takes_nobody(tmp_path: Path) -> None:
    async with managing(tmp_path, max_connections=2) as world:
        world.add()
        kept = world.add("bob")
        assert refused(world, "cid") == "overloaded"
        world.manager.remove(kept)
        world.add("cid")


async def test_removing_is_by_identity_and_idempotent(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        one, other = world.add(), world.add()
        stranger = Plain("ann")
        world.manager.remove(stranger)
        world.manager.remove(Plain("nobody"))
        world.manager.remove(one)
        world.manager.remove(one)
        assert list(world.manager) == [other]
        assert len(world.manager) == 1


async def test_a_storm_leaves_the_count_exact(tmp_path: Path) -> None:
    async with managing(tmp_path, policy="evict_oldest", max_connections=150) as world:
        dice = random.Random(7)
        live: list[Plain] = []
        for _ in range(5_000):
            if live and dice.random() < 0.5:
                world.manager.remove(live.pop(dice.randrange(len(live))))
                continue
            user_id, limit = f"user-{dice.randrange(30)}", dice.randrange(1, 9)
            if world.manager.full:
                assert refused(world, user_id, limit) == "overloaded"
            else:
                live.append(world.add(user_id, limit))
            live = [connection for connection in live if not connection.ends]
        assert len(world.manager) == len(live) == world.metric("connections")
        assert set(world.manager) == set(live)
        for connection in live:
            world.manager.remove(connection)
        assert (len(world.manager), list(world.manager)) == (0, [])
        await asyncio.wait_for(world.manager.emptied(), WAIT_S)


async def test_a_user_has_left_when_the_last_connection_has(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        one, other = world.add(), world.add()
        world.manager.remove(one)
        assert world.manager.present("ann")
        world.manager.remove(other)
        assert world.manager.present("ann")  # for as long as the grace lasts
        await asyncio.wait_for(world.someone_left.wait(), WAIT_S)
        assert world.left == ["ann"]
        assert not world.manager.present("ann")


async def test_a_user_who_comes_back_in_time_has_not_left(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        world.manager.remove(world.add("ann"))
        world.add("ann")
        world.manager.remove(world.add("bob"))
        await asyncio.wait_for(world.someone_left.wait(), WAIT_S)
        assert world.left == ["bob"]


async def test_an_earlier_leave_does_not_shorten_the_grace_of_a_later_one(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        for user_id in ("ann", "ann", "bob"):  # the timer of ann's first leave must not count
            world.manager.remove(world.add(user_id))
        while "bob" not in world.left:
            world.someone_left.clear()
            await asyncio.wait_for(world.someone_left.wait(), WAIT_S)
        assert world.left == ["ann", "bob"]


async def test_events_reach_every_connection_of_their_user_and_no_other(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        anns = [world.add("ann") for _ in range(3)]
        bob = world.add("bob")
        await world.delivery.grow(2, "ann")
        assert [connection.offered for connection in anns] == [[1, 2]] * 3
        assert bob.offered == []
        assert world.metric("deliveries_total") == 6


async def test_a_foreign_delivery_is_stopped_counted_and_ends_the_connection(
    tmp_path: Path,
) -> None:
    """A hint that names one user and carries another's events, as a forged one could."""
    async with managing(tmp_path) as world:
        bob = world.add("bob")
        await world.delivery.grow(1, "ann")
        world.manager.receive(JournalGrew("bob", await world.delivery.stored("ann")))
        assert bob.offered == []
        assert bob.ends == [("internal", None)]
        assert world.metric("foreign_deliveries_total") == 1


async def test_a_head_is_told_to_its_users_connections(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        ann, other, bob = world.add("ann"), world.add("ann"), world.add("bob")
        world.manager.notice("ann", 3)
        world.manager.notice("nobody", 5)
        assert (ann.noticed, other.noticed, bob.noticed) == ([3], [3], [])
        assert world.manager.attached_users() == ("ann", "bob")


async def test_after_a_loss_of_the_database_everybody_looks_once(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        ann, bob = world.add("ann"), world.add("bob")
        world.delivery.store.lost = 1
        assert (ann.doubts, bob.doubts) == (0, 0), "it is not there again yet"
        await world.delivery.grow(1, "ann")
        world.manager.notice("bob", 0)
        assert (ann.doubts, bob.doubts) == (1, 1)
        world.delivery.store.lost = 2
        world.manager.notice("bob", 0)
        assert (ann.doubts, bob.doubts) == (2, 2)


async def test_a_revocation_makes_only_its_users_connections_look(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        ann, bob = world.add("ann"), world.add("bob")
        world.delivery.bus.publish(SessionsRevoked("ann"))
        assert (ann.rechecks, bob.rechecks) == (1, 0)


async def test_force_close_is_for_ones_own_connections(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        ann, bob = world.add("ann"), world.add("bob")
        assert ann.context.connection_id
        assert not world.manager.force_close(bob.context, ann.context.connection_id)
        assert ann.ends == []
        assert world.manager.force_close(ann.context, ann.context.connection_id)
        assert ann.ends == [("forced_close", None)]


async def test_every_connection_that_is_closed_by_force_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with managing(tmp_path) as world:
        told, unknown, both, bob = (world.add(name) for name in ("ann", "ann", "ann", "bob"))
        for connection, code in ((told, "forced_close"), (unknown, "of_a_newer_node")):
            assert connection.context.connection_id
            hint = ConnectionUnwanted("ann", connection.context.connection_id, code)
            world.delivery.bus.publish(hint)
            assert connection.ends == [("forced_close", None)]
        assert world.manager.force_close_all(told.context) == 3
        assert both.ends == [("forced_close", None)]
        assert bob.ends == []
        for connection in (told, unknown, both):
            assert f"{connection.context.connection_id} is closed by force" in caplog.text


async def test_everybody_is_sent_away_each_with_a_time_of_its_own(tmp_path: Path) -> None:
    async with managing(tmp_path) as world:
        live = [world.add(f"user-{number}") for number in range(3)]
        waits = iter((10, 20, 30))
        world.manager.end_all("shutting_down", retry_after_ms=lambda: next(waits))
        told = [connection.ends for connection in live]
        assert told == [[("shutting_down", wait)] for wait in (10, 20, 30)]
