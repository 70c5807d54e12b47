"""The contract of nodes and of connections' places: limits, leases, marks, presence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from store_scene import LEASE_S, NOW, Scene, context_of, data_of, run_context
from threadcast.bus import ConnectionUnwanted, RunSignal
from threadcast.context import UserExecutionContext
from threadcast.ids import UnifiedIdGenerator
from threadcast.runs import RunStatus
from threadcast.store import Store
from threadcast.store.place_units import (
    CancelAbandoned,
    ClosePlaces,
    Credential,
    LeavePlace,
    NodeFacts,
    OnFull,
    PlaceTaken,
    RegisterNode,
    RemoveNode,
    RenewNode,
    SweepNode,
    TakePlace,
)
from threadcast.store.records import ConnectionRow
from threadcast.store.units import CancelRun, Committed, CreateThread, Rejected, RevokeSessions

PassTime = Callable[[float], Awaitable[None]]


def connection_of(user_id: str) -> UserExecutionContext:
    """A context for a new connection."""
    connection_id = UnifiedIdGenerator.generate_base_id("ws_conn")
    return UserExecutionContext.create(user_id, "connect", connection_id=connection_id)


def place(
    context: UserExecutionContext,
    *,
    node: str = "node-1",
    at: float = NOW,
    limit: int = 2,
    on_full: OnFull = "reject",
    credential: Credential | None = None,
) -> TakePlace:
    """A `TakePlace` with defaults for what most tests ignore."""
    return TakePlace(context, node, "websocket", at, limit, on_full, credential)


def node_of(node_id: str) -> NodeFacts:
    """A node's summary of itself."""
    return NodeFacts(node_id, "1.2.3", "all")


class Cluster(Scene):
    """A store and its nodes."""

    async def register(self, *node_ids: str) -> None:
        """Register nodes, which must be new."""
        for node_id in node_ids:
            assert await self.result(RegisterNode(node_of(node_id), LEASE_S)) is None

    async def renew(self, node_id: str, *, connections: int = 0, runs: int = 0) -> bool:
        """Renew a node's lease; whether the node was known."""
        return await self.result(RenewNode(node_of(node_id), LEASE_S, connections, runs))

    async def taken(
        self, user_id: str, *, node: str = "node-1", at: float = NOW
    ) -> UserExecutionContext:
        """A connection that has a place, whatever the limit."""
        context = connection_of(user_id)
        await self.committed(place(context, node=node, at=at, limit=1_000))
        return context

    async def places(self, user_id: str) -> list[str | None]:
        """The user's connections with a place."""
        async with self.session(user_id) as session:
            return [row.connection_id for row in await session.connections()]

    async def sweep(self, *, grace_s: float = 0.0, marks_s: float = 3_600.0) -> int:
        """Sweep to the end; the number of steps that did something."""
        steps = 0
        while await self.result(SweepNode(grace_s, marks_s, 2)):
            steps += 1
        return steps


class PlaceContract:
    """Places of connections."""

    async def test_a_place_comes_with_the_journal(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        first = await scene.result(place(connection_of("ann")))
        assert first.head.feed is not None
        assert first == PlaceTaken(first.head, beyond_limit=False)
        await scene.thread("ann")
        again = await scene.result(place(connection_of("ann")))
        assert (again.head.feed, again.head.head) == (first.head.feed, 1)

    async def test_the_head_is_the_batchs_own(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        _, taken = await scene.outcomes(
            CreateThread(context_of("ann"), None, {}), place(connection_of("ann"))
        )
        assert isinstance(taken, Committed)
        assert taken.result.head.head == 1

    async def test_connections_are_listed_oldest_first_wherever_they_are(
        self, store: Store
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        later = await scene.taken("ann", at=NOW + 1)
        first = await scene.taken("ann", node="node-2", at=NOW)
        await scene.taken("bob")
        async with scene.session("ann") as session:
            assert await session.connections() == [
                ConnectionRow(str(first.connection_id), "websocket", NOW, "node-2"),
                ConnectionRow(str(later.connection_id), "websocket", NOW + 1, "node-1"),
            ]

    async def test_one_too_many_is_rejected_whichever_node_asks(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        kept = [connection_of("ann") for _ in range(2)]
        for context, node in zip(kept, ("node-1", "node-2"), strict=True):
            await scene.committed(place(context, node=node))
        for node in ("node-1", "node-2"):
            assert await scene.refused(place(connection_of("ann"), node=node)) == (
                "too_many_connections"
            )
        await scene.committed(place(connection_of("bob")))
        await scene.committed(LeavePlace(kept[0]))
        await scene.committed(place(connection_of("ann")))
        assert len(await scene.places("ann")) == 2

    async def test_taking_a_place_again_changes_nothing(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        context = connection_of("ann")
        for _ in range(2):
            assert not (await scene.result(place(context, limit=1))).beyond_limit
        assert await scene.places("ann") == [context.connection_id]

    async def test_in_a_batch_the_order_counts(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        first, second, third = (connection_of("ann") for _ in range(3))
        outcomes = await scene.outcomes(
            place(first, limit=1),
            place(second, limit=1),
            LeavePlace(first),
            place(third, limit=1),
        )
        assert [isinstance(one, Rejected) for one in outcomes] == [False, True, False, False]
        assert await scene.places("ann") == [third.connection_id]

    async def test_the_oldest_has_to_go(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        old = [await scene.taken("ann", node="node-2", at=NOW + n) for n in range(3)]
        new = connection_of("ann")
        outcome = await scene.committed(place(new, limit=2, on_full="evict_oldest", at=NOW + 9))
        assert outcome.hints == [
            ConnectionUnwanted("ann", str(one.connection_id), "evicted") for one in old[:2]
        ]
        assert await scene.places("ann") == [old[2].connection_id, new.connection_id]
        assert (await store.notices("node-2", within_s=60)).unwanted == [
            ("ann", one.connection_id, "evicted") for one in old[:2]
        ]
        assert (await store.notices("node-1", within_s=60)).unwanted == []

    async def test_who_evicts_in_the_same_batch_may_be_evicted(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        contexts = [connection_of("ann") for _ in range(3)]
        outcomes = await scene.outcomes(
            *(
                place(one, limit=1, on_full="evict_oldest", at=NOW + n)
                for n, one in enumerate(contexts)
            )
        )
        assert all(isinstance(one, Committed) for one in outcomes)
        assert await scene.places("ann") == [contexts[2].connection_id]
        unwanted = (await store.notices("node-1", within_s=60)).unwanted
        assert {one for _, one, _ in unwanted} == {one.connection_id for one in contexts[:2]}

    async def test_a_limit_of_nobody_evicts_nobody(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        unit = place(connection_of("ann"), limit=0, on_full="evict_oldest")
        assert await scene.refused(unit) == "too_many_connections"

    async def test_beyond_the_limit_when_that_is_tolerated(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        told = [
            (await scene.result(place(connection_of("ann"), on_full="tolerate"))).beyond_limit
            for _ in range(4)
        ]
        assert told == [False, False, True, True]
        assert len(await scene.places("ann")) == 4

    async def test_a_revoked_credential_gets_no_place_and_evicts_nobody(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        kept = await scene.taken("ann")
        await scene.committed(RevokeSessions(context_of("ann"), NOW))
        await scene.committed(RevokeSessions(context_of("ann"), None, "jti-1", NOW + 60))
        for credential in (
            Credential(None, NOW - 1),
            Credential(None, 0.0),
            Credential("jti-1", NOW + 1),
        ):
            unit = place(
                connection_of("ann"), limit=1, on_full="evict_oldest", credential=credential
            )
            assert await scene.refused(unit) == "revoked"
            other = replace(unit, context=connection_of("bob"))
            await scene.committed(other)
        assert await scene.places("ann") == [kept.connection_id]
        await scene.committed(place(connection_of("ann"), credential=Credential("jti-2", NOW + 1)))

    async def test_a_connection_is_closed_by_its_user_only(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        kept, unwanted = await scene.taken("ann"), await scene.taken("ann")
        connection_id = str(unwanted.connection_id)
        assert await scene.result(ClosePlaces(context_of("bob"), connection_id, "x")) == 0
        outcome = await scene.committed(
            ClosePlaces(context_of("ann"), connection_id, "forced_close")
        )
        hint = ConnectionUnwanted("ann", connection_id, "forced_close")
        assert (outcome.result, outcome.hints) == (1, [hint])
        assert await scene.places("ann") == [kept.connection_id]
        assert await scene.result(ClosePlaces(context_of("ann"), connection_id, "x")) == 0
        notices = await store.notices("node-1", within_s=60)
        assert notices.unwanted == [("ann", connection_id, "forced_close")]
        await scene.committed(LeavePlace(unwanted))
        assert (await store.notices("node-1", within_s=60)).unwanted == []

    async def test_all_connections_of_a_user_are_closed(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        for node in ("node-1", "node-2", "node-2"):
            await scene.taken("ann", node=node)
        await scene.taken("bob", node="node-2")
        assert await scene.result(ClosePlaces(context_of("ann"), None, "forced_close")) == 3
        assert await scene.places("ann") == []
        assert len((await store.notices("node-2", within_s=60)).unwanted) == 2

    async def test_revocations_are_noticed_where_the_user_is(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        await scene.taken("ann")
        assert (await store.notices("node-1", within_s=60)).revoked == {}
        for user in ("ann", "bob"):
            await scene.committed(RevokeSessions(context_of(user), None, "jti", NOW + 60))
        first = (await store.notices("node-1", within_s=60)).revoked
        assert list(first) == ["ann"]
        assert (await store.notices("node-2", within_s=60)).revoked == {}
        await pass_time(1.0)
        await scene.committed(RevokeSessions(context_of("ann"), NOW))
        assert (await store.notices("node-1", within_s=60)).revoked["ann"] > first["ann"]
        await pass_time(100.0)
        assert (await store.notices("node-1", within_s=60)).revoked == {}


class NodeContract:
    """Nodes, and the places of lost ones."""

    async def test_nodes_are_known_with_what_they_do(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        assert await scene.renew("node-2", connections=7, runs=3)
        await pass_time(LEASE_S + 1)
        assert not await scene.renew("node-2", connections=8, runs=4)
        lost, alive = await store.nodes()
        assert (lost.node_id, lost.version, lost.role) == ("node-1", "1.2.3", "all")
        assert lost.lease_left_s < 0
        assert (alive.node_id, alive.connections, alive.runs) == ("node-2", 8, 4)
        assert LEASE_S - 5 < alive.lease_left_s <= LEASE_S
        assert alive.joined_s >= 0

    async def test_b5_a_second_node_of_an_id_that_is_alive_is_refused(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        await scene.taken("ann")
        left_s = await scene.result(RegisterNode(node_of("node-1"), LEASE_S))
        assert left_s is not None
        assert 0 < left_s <= LEASE_S
        assert len(await scene.places("ann")) == 1
        await pass_time(LEASE_S + 1)
        await scene.register("node-1")
        assert await scene.places("ann") == []

    async def test_places_of_a_lost_node_count_for_nothing(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        for _ in range(2):
            await scene.committed(place(connection_of("ann"), node="node-2"))
        assert await scene.refused(place(connection_of("ann"))) == "too_many_connections"
        await pass_time(LEASE_S + 1)
        await scene.renew("node-1")
        await scene.committed(place(connection_of("ann")))
        assert len(await scene.places("ann")) == 1

    async def test_a_node_that_comes_back_in_time_has_its_places(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        await scene.taken("ann")
        await pass_time(LEASE_S - 1)
        assert await scene.renew("node-1")
        await pass_time(LEASE_S - 1)
        assert await scene.renew("node-1")
        assert len(await scene.places("ann")) == 1

    async def test_a_node_that_comes_back_late_brings_nobody_beyond_the_limit(
        self, store: Store, pass_time: PassTime
    ) -> None:
        """Its places were not swept yet, but did not count meanwhile."""
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        late = [await scene.taken("ann", node="node-2") for _ in range(2)]
        await pass_time(LEASE_S + 1)
        await scene.renew("node-1")
        new = await scene.taken("ann")
        assert await scene.sweep(grace_s=LEASE_S) == 0
        assert not await scene.renew("node-2")
        await scene.committed(place(late[0], node="node-2"))
        refused = await scene.refused(place(late[1], node="node-2"))
        assert refused == "too_many_connections"
        kept = {late[0].connection_id, new.connection_id}
        assert set(await scene.places("ann")) == kept

    async def test_a_node_that_comes_back_while_it_is_swept_takes_all_places_again(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        lost = [await scene.taken(f"user-{number}", node="node-2") for number in range(5)]
        await pass_time(LEASE_S + 1)
        await scene.renew("node-1")
        assert await scene.result(SweepNode(0.0, 3_600.0, 2)) == 2
        assert not await scene.renew("node-2")
        for context in lost:
            await scene.committed(place(context, node="node-2"))
        assert await scene.sweep() == 0
        for context in lost:
            assert await scene.places(context.user_id) == [context.connection_id]

    async def test_what_was_to_end_still_is_when_its_node_comes_back_late(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        unwanted = await scene.taken("ann")
        await scene.committed(ClosePlaces(context_of("ann"), None, "forced_close"))
        await pass_time(LEASE_S + 1)
        assert not await scene.renew("node-1")
        await scene.committed(place(unwanted))
        notices = await store.notices("node-1", within_s=60)
        assert notices.unwanted == [("ann", unwanted.connection_id, "forced_close")]

    async def test_what_was_to_end_still_is_when_its_node_was_cut_off_for_long(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        unwanted = await scene.taken("ann", node="node-2")
        for number in range(3):
            await scene.taken(f"user-{number}", node="node-2")
        await scene.committed(ClosePlaces(context_of("ann"), None, "forced_close"))
        await pass_time(10 * LEASE_S)
        await scene.renew("node-1")
        assert await scene.sweep(grace_s=LEASE_S) == 2
        assert await scene.places("user-0") == []
        assert not await scene.renew("node-2")
        notices = await store.notices("node-2", within_s=60)
        assert notices.unwanted == [("ann", unwanted.connection_id, "forced_close")]

    async def test_what_was_to_end_is_forgotten_with_its_node_in_the_end(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        await scene.taken("ann", node="node-2")
        await scene.committed(ClosePlaces(context_of("ann"), None, "forced_close"))
        await pass_time(10 * LEASE_S)
        await scene.renew("node-1")
        assert await scene.sweep(grace_s=LEASE_S, marks_s=20 * LEASE_S) == 0
        assert await scene.sweep(grace_s=LEASE_S, marks_s=5 * LEASE_S) == 1
        assert [one.node_id for one in await store.nodes()] == ["node-1"]
        assert (await store.notices("node-2", within_s=60)).unwanted == []

    async def test_a_lost_node_is_swept_in_steps_and_has_to_come_again(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        for number in range(5):
            await scene.taken(f"user-{number}", node="node-2")
        await pass_time(LEASE_S + 1)
        await scene.renew("node-1")
        kept = await scene.taken("ann")
        assert await scene.sweep() == 3
        assert [one.node_id for one in await store.nodes()] == ["node-1"]
        assert await scene.places("ann") == [kept.connection_id]
        assert not await scene.renew("node-2")
        assert await scene.places("user-0") == []

    async def test_places_of_a_node_that_nobody_knows_are_swept(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        kept = await scene.taken("ann")
        await scene.taken("ann", node="node-0")
        await scene.taken("ann", node="node-9")
        assert await scene.places("ann") == [kept.connection_id]
        assert await scene.sweep() == 2
        assert await scene.renew("node-9") is False
        assert await scene.places("ann") == [kept.connection_id]

    async def test_a_node_that_ends_leaves_nothing(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        kept = await scene.taken("ann")
        await scene.taken("ann", node="node-2")
        for _ in range(2):
            await scene.committed(RemoveNode("node-2"))
        assert [one.node_id for one in await store.nodes()] == ["node-1"]
        assert await scene.places("ann") == [kept.connection_id]
        assert await scene.sweep() == 0


class PresenceContract:
    """Runs that end when their user leaves."""

    async def test_runs_end_when_no_place_is_left(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        here, there = await scene.taken("ann"), await scene.taken("ann", node="node-2")
        queued = context_of("ann")
        running = await scene.running("ann", key="a", on_disconnect="cancel")
        await scene.send(queued, key="b", on_disconnect="cancel")
        stays = await scene.send(context_of("ann"), key="c")
        await scene.committed(LeavePlace(here))
        assert await store.abandoned(limit=10) == []
        assert await scene.result(CancelAbandoned(context_of("ann"))) == []
        await scene.committed(LeavePlace(there))
        assert await store.abandoned(limit=10) == ["ann"]
        outcome = await scene.committed(CancelAbandoned(context_of("ann")))
        assert {one.run_id: one.status for one in outcome.result} == {
            running.lease.run_id: RunStatus.RUNNING,
            queued.run_id: RunStatus.CANCELLED,
        }
        assert [data_of(event) for event in outcome.events] == [{"reason": "disconnected"}]
        assert RunSignal(running.lease.run_id, "node-1") in outcome.hints
        assert await store.abandoned(limit=10) == []
        async with scene.session("ann") as session:
            run = await session.run(stays.run_id)
        assert run is not None
        assert run.status is RunStatus.QUEUED

    async def test_a_place_in_the_same_batch_counts(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        await scene.running("ann", on_disconnect="cancel")
        _, cancelled = await scene.outcomes(
            place(connection_of("ann")), CancelAbandoned(context_of("ann"))
        )
        assert isinstance(cancelled, Committed)
        assert cancelled.result == []

    async def test_a_lost_node_keeps_its_users_present_until_it_is_swept(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        await scene.taken("ann")
        running = await scene.running("ann", on_disconnect="cancel")
        await pass_time(LEASE_S + 1)
        assert await store.abandoned(limit=10) == []
        assert await scene.result(CancelAbandoned(context_of("ann"))) == []
        await scene.sweep()
        assert await store.abandoned(limit=10) == ["ann"]
        (state,) = await scene.result(CancelAbandoned(context_of("ann")))
        assert state.run_id == running.lease.run_id

    async def test_who_asked_for_nothing_is_not_abandoned(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.running("ann")
        ended = await scene.running("bob", on_disconnect="cancel")
        await scene.committed(CancelRun(run_context(ended), "user"))
        assert await store.abandoned(limit=10) == []
        for user in ("ann", "bob", "nobody"):
            assert (await scene.committed(CancelAbandoned(context_of(user)))).hints in ((), [])
        for number in range(3):
            await scene.running(f"user-{number}", on_disconnect="cancel")
        assert len(await store.abandoned(limit=2)) == 2
        among = ["ann", "user-1", "nobody"]
        assert await store.abandoned(limit=2, among=among) == ["user-1"]
