"""The contract of operators' queries: devices, runs of any user, nodes' summaries, the trail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from store_contract_places import Cluster, connection_of, node_of, place
from store_scene import LEASE_S, NOW, completed, context_of, question
from threadcast.ids import UnifiedIdGenerator
from threadcast.runs import RunStatus
from threadcast.store import Store
from threadcast.store.operator_units import (
    AskPositions,
    AskToDrain,
    BeginAction,
    EndAction,
    Standing,
    TellPositions,
)
from threadcast.store.place_units import ClosePlaces, RegisterNode, RenewNode
from threadcast.store.records import ActionRow, UserCounts
from threadcast.store.units import AppendToRun, CancelRun, DeleteThread

PassTime = Callable[[float], Awaitable[None]]
DAY_S = 86_400


def action(operator: str = "olga", *, target: str = "ann") -> ActionRow:
    """The start of an operator's action."""
    return ActionRow(
        UnifiedIdGenerator.generate_base_id("action"),
        NOW,
        operator,
        "disconnect",
        target,
        user_id="ann",
        reason=None,
        node_id="node-1",
        request_id=UnifiedIdGenerator.generate_base_id("req_ops"),
    )


class OperatorContract:
    """What operators read, and the trail of their actions."""

    async def test_a_node_is_known_with_what_it_says_of_itself(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        assert [one.summary for one in await store.nodes()] == [None]
        await scene.result(RenewNode(node_of("node-1"), LEASE_S, 1, 2, '{"at":1}'))
        assert [one.summary for one in await store.nodes()] == ['{"at":1}']
        await pass_time(LEASE_S + 1)
        await scene.register("node-1")
        assert [one.summary for one in await store.nodes()] == [None]

    async def test_a_node_that_is_to_drain_finds_it_until_it_begins_again(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        assert await scene.result(AskToDrain("node-1"))
        assert not await scene.result(AskToDrain("node-9"))
        assert (await store.notices("node-1", within_s=60)).drain
        assert not (await store.notices("node-2", within_s=60)).drain
        await pass_time(LEASE_S + 1)
        assert not await scene.result(AskToDrain("node-2"))
        await scene.renew("node-1")
        assert (await store.notices("node-1", within_s=60)).drain
        await pass_time(LEASE_S + 1)
        await scene.result(RegisterNode(node_of("node-1"), LEASE_S))
        assert not (await store.notices("node-1", within_s=60)).drain

    async def test_connections_that_are_asked_for_are_told(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1", "node-2")
        first = await scene.taken("ann")
        second = await scene.taken("ann", node="node-2", at=NOW + 1)
        await scene.taken("bob")
        await scene.committed(AskPositions(context_of("ann")))
        await scene.committed(AskPositions(context_of("nobody")))
        assert (await store.notices("node-1", within_s=60)).asked == ["ann"]
        await scene.committed(
            TellPositions(
                [
                    Standing("ann", str(first.connection_id), 7, live=True),
                    Standing("ann", str(connection_of("ann").connection_id), 1, live=True),
                    Standing("bob", str(second.connection_id), 9, live=True),
                ]
            )
        )
        async with scene.session("ann") as session:
            told, waiting = await session.connections()
        assert (told.cursor, told.live, waiting.cursor, waiting.live) == (7, True, None, None)
        assert told.said_at is not None
        assert (await store.notices("node-1", within_s=60)).asked == []
        assert (await store.notices("node-2", within_s=60)).asked == ["ann"]

    async def test_a_place_keeps_how_its_client_names_itself(self, store: Store) -> None:
        scene = Cluster(store)
        await scene.register("node-1")
        await scene.committed(replace(place(connection_of("ann")), agent="x/1"))
        async with scene.session("ann") as session:
            assert [one.agent for one in await session.connections()] == ["x/1"]

    async def test_a_run_is_found_whoevers_it_is(self, store: Store) -> None:
        scene = Cluster(store)
        claimed = await scene.running("ann")
        await scene.running("bob", key="other")
        found = await store.find_run(claimed.lease.run_id)
        assert found is not None
        assert (found.user_id, found.run.run_id) == ("ann", claimed.lease.run_id)
        assert (found.fence, found.run.status, found.run.attempt) == (1, RunStatus.RUNNING, 1)
        assert found.lease_left_s is not None
        assert 0 < found.lease_left_s <= LEASE_S
        assert (found.on_crash, found.on_disconnect, found.handed_over) == ("retry", "continue", 0)
        await scene.committed(AppendToRun(claimed.lease, [completed()]))
        ended = await store.find_run(claimed.lease.run_id)
        assert ended is not None
        assert (ended.owner, ended.lease_left_s, ended.run.status) == (None, None, "completed")
        assert await store.find_run("run_chat_1_1_00000000") is None

    async def test_a_connected_user_counts_once_on_however_many_nodes(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Cluster(store)
        assert await store.count_connected_users() == 0
        await scene.register("node-1", "node-2")
        for user, node in (("ann", "node-1"), ("ann", "node-2"), ("bob", "node-2")):
            await scene.taken(user, node=node)
        await scene.committed(ClosePlaces(context_of("bob"), None, "forced_close"))
        assert await store.count_connected_users() == 1  # bob's is to end
        await scene.taken("cid", node="node-2")
        assert await store.count_connected_users() == 2
        await pass_time(LEASE_S - 1)
        await scene.renew("node-1")
        await pass_time(LEASE_S - 1)
        assert await store.count_connected_users() == 1  # node-2 is lost

    async def test_live_runs_are_counted_and_listed_oldest_first(self, store: Store) -> None:
        scene = Cluster(store)
        assert await store.count_live_runs() == []
        running = await scene.running("ann")
        scene.now = NOW + 5
        queued = await scene.send(context_of("bob"))
        scene.now = NOW + 6
        later = await scene.send(context_of("cid"))
        counted = {one.status: one for one in await store.count_live_runs()}
        assert {status: one.count for status, one in counted.items()} == {"queued": 2, "running": 1}
        oldest = counted[RunStatus.QUEUED]
        assert (oldest.oldest_run_id, oldest.oldest_user_id) == (queued.run_id, "bob")
        assert oldest.oldest_created_at == NOW + 5
        every = await store.live_runs(None, limit=10)
        assert [one.run.run_id for one in every] == [
            running.lease.run_id, queued.run_id, later.run_id,
        ]  # fmt: skip
        assert [one.user_id for one in await store.live_runs(RunStatus.QUEUED, limit=1)] == ["bob"]

    async def test_runs_in_the_queue_are_told_apart_by_what_they_are_behind(
        self, store: Store
    ) -> None:
        scene = Cluster(store)
        asking = await scene.running("ann")
        await scene.committed(question(asking.lease))
        busy = await scene.running("bob", key="busy")
        behind = {
            one: await scene.send(
                context_of(user, claimed.lease.address.thread_id), key="next", new_thread=False
            )
            for one, user, claimed in (("waiting", "ann", asking), ("running", "bob", busy))
        }
        free = await scene.send(context_of("cid"))
        counted = {
            one.behind: (one.count, one.oldest_run_id)
            for one in await store.count_live_runs()
            if one.status == RunStatus.QUEUED
        }
        assert counted == {
            RunStatus.WAITING: (1, behind["waiting"].run_id),
            RunStatus.RUNNING: (1, behind["running"].run_id),
            None: (1, free.run_id),
        }

    async def test_a_users_runs_and_counts(self, store: Store) -> None:
        scene = Cluster(store)
        context = context_of("ann")
        first = await scene.send(context, key="k1")
        second = await scene.send(context_of("ann"), key="k2")
        await scene.send(context_of("bob"), key="k3")
        async with scene.session("ann") as session:
            assert [one.run.run_id for one in await session.runs(live=True, limit=9)] == [
                first.run_id, second.run_id,
            ]  # fmt: skip
            assert await session.runs(live=False, limit=9) == []
            assert await session.counts() == UserCounts(2, 2)
        await scene.committed(CancelRun(context, "operator"))
        await scene.committed(DeleteThread(context))
        async with scene.session("ann") as session:
            (ended,) = await session.runs(live=False, limit=9)
            (live,) = await session.runs(live=True, limit=1)
            assert (ended.run.status, live.run.run_id) == ("cancelled", second.run_id)
            assert await session.counts() == UserCounts(1, 2)
        async with scene.session("nobody") as session:
            assert await session.counts() == UserCounts(0, 0)

    async def test_the_trail_is_kept_latest_first(self, store: Store) -> None:
        scene = Cluster(store)
        first, second = action("olga"), action("oleg", target="bob")
        for one in (first, second):
            await scene.committed(BeginAction(one))
        await scene.committed(EndAction(first.action_id, "done", "2 connections"))
        latest, earlier = await store.actions(limit=10, before=None)
        assert (latest.operator, latest.target, latest.outcome) == ("oleg", "bob", "begun")
        assert (earlier.operator, earlier.outcome) == ("olga", "done")
        assert (earlier.detail, earlier.at) == ("2 connections", NOW)
        assert await store.actions(limit=1, before=None) == [latest]
        assert await store.actions(limit=9, before=latest.ordinal) == [earlier]

    async def test_the_trail_is_bounded(self, store: Store) -> None:
        scene = Cluster(store)
        for number in range(7):
            await scene.committed(BeginAction(action(target=f"u{number}"), kept_max=3))
        kept = await store.actions(limit=10, before=None)
        assert [one.target for one in kept] == ["u6", "u5", "u4"]
        await scene.committed(BeginAction(action(target="u7")))
        assert len(await store.actions(limit=10, before=None)) == 4

    async def test_the_trail_is_kept_for_a_time_and_not_until_others_come(
        self, store: Store
    ) -> None:
        scene = Cluster(store)
        old, late = action(target="old"), action(target="late")
        await scene.committed(BeginAction(replace(old, at=NOW - 401 * DAY_S)))
        assert [one.target for one in await store.actions(limit=9, before=None)] == ["old"]
        await scene.committed(BeginAction(replace(late, at=NOW - 399 * DAY_S)))
        for number in range(150):
            await scene.committed(BeginAction(action(target=f"u{number}")))
        kept = await store.actions(limit=1_000, before=None)
        assert [one.target for one in kept[-2:]] == ["u0", "late"]
