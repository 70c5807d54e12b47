"""The contract of ingested events: idempotency keys, threads, the life of their runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from external_scene import AT, SILENCE_S, Service
from store_scene import NOW, Scene, context_of, data_of, delta, message, run_context, types_of
from threadcast.bus import RunsWaiting
from threadcast.context import UserExecutionContext
from threadcast.errors import ThreadcastError
from threadcast.events import EventType
from threadcast.ids.migrated import migrate_legacy_thread_id
from threadcast.store import Store
from threadcast.store.units import (
    AnswerInput,
    AppendToRun,
    CancelRun,
    DeleteThread,
    Ingested,
    IngestEvents,
    Sweep,
)
from vector_files import vectors

LEGACY_THREAD = "session_1757361062151"
LEGACY_RUN = "req_9fc55c948877"
LIFE = (
    *("message_created", "run_queued", "agent_started", "agent_thinking"),
    *("tool_executing", "tool_completed", "agent_delta", "agent_delta"),
    *("input_requested", "input_received", "agent_completed"),
)


def told(results: Sequence[Ingested | ThreadcastError]) -> list[int | str]:
    """For each event its seq, or the code of its refusal."""
    return [one.code if isinstance(one, ThreadcastError) else one.seq for one in results]


async def ingest(store: Store, unit: IngestEvents) -> list[int | str]:
    return told(await Scene(store).result(unit))


class IngestContract:
    """Events of other services."""

    async def test_ingest_tells_the_store_of_a_plain_legacy_id(self, store: Store) -> None:
        await ingest(store, Service(thread_id=LEGACY_THREAD).unit("thread_created"))
        await ingest(store, Service().unit("thread_created"))
        assert not store.has_plain_aliases
        await ingest(store, Service(thread_id="conv:42").unit("thread_created"))
        assert store.has_plain_aliases

    async def test_ingest_a_whole_life(self, store: Store) -> None:
        scene, service = Scene(store), Service()
        outcome = await scene.committed(service.unit("thread_created", *LIFE))
        assert told(outcome.result) == list(range(1, 13))
        assert types_of(outcome.events) == ["thread_created", *LIFE]
        stored = await scene.journal("ann")
        assert [event.payload for event in stored] == [event.payload for event in outcome.events]
        assert {event.address.run_id for event in stored[1:]} == {service.run_id}
        dated = [data_of(event).get("created_at") for event in stored]
        assert dated == [None if kind == "agent_delta" else AT for kind in types_of(stored)]
        async with scene.session("ann") as session:
            run = await session.run(service.run_id)
            thread = await session.thread(service.thread_id)
            history = await session.messages(service.thread_id, limit=9, before=None)
            hits = await session.search("hello", limit=9)
        assert run is not None
        assert (run.status, run.agent, run.attempt, run.message_seq) == (
            "completed", "theirs", 1, 2,
        )  # fmt: skip
        assert thread is not None
        assert (thread.title, thread.preview) == ("A title", "hello there")
        assert [row.message.content for row in history] == ["hello there", "a"]
        assert [hit.content for hit in hits] == ["hello there"]

    async def test_ingest_the_same_again(self, store: Store) -> None:
        scene, service = Scene(store), Service()
        unit = service.unit("thread_created", *LIFE)
        first = await scene.result(unit)
        scene.now += 1
        again = await scene.committed(unit)
        assert told(again.result) == told(first)
        assert {one.duplicate for one in again.result} == {True}
        assert again.events == []
        assert len(await scene.journal("ann")) == 12

    async def test_ingest_the_same_twice_in_one_unit(self, store: Store) -> None:
        service = Service()
        created = service.event("thread_created")
        results = await Scene(store).result(service.unit(created, created))
        assert results == [Ingested(1, duplicate=False), Ingested(1, duplicate=True)]

    async def test_ingest_something_else_under_the_same_name(self, store: Store) -> None:
        service = Service()
        other = {"client_message_id": "k", "data": {"title": "other"}}
        unit = service.unit(
            service.event("thread_created", client_message_id="k"),
            service.event("thread_created", **other),
            service.event("thread_updated"),
        )
        assert await ingest(store, unit) == [1, "idempotency_conflict", 2]

    async def test_ingest_names_are_of_one_user(self, store: Store) -> None:
        for user in ("ann", "bob"):
            service = Service(user)
            unit = service.unit(service.event("thread_created", client_message_id="k"))
            assert await ingest(store, unit) == [1]

    async def test_ingest_a_name_outlives_its_thread(self, store: Store) -> None:
        scene, service = Scene(store), Service()
        unit = service.unit("thread_created", "agent_started", "thread_deleted")
        assert await ingest(store, unit) == [1, 2, 4]
        while await scene.result(Sweep("purge", NOW + 1, 100)):
            pass
        again = await scene.result(unit)
        assert told(again) == [1, 2, 4]
        assert types_of(await scene.journal("ann")) == ["thread_deleted"]

    async def test_ingest_what_is_refused_changes_nothing(self, store: Store) -> None:
        scene, service = Scene(store), Service()
        assert await ingest(store, service.unit("thread_updated")) == ["not_found"]
        assert await store.heads(["ann"]) == {}
        refused = service.event("agent_delta")
        unit = service.unit("thread_created", refused, "agent_started", refused)
        assert await ingest(store, unit) == [1, "not_found", 2, 3]
        assert types_of(await scene.journal("ann"))[-1] == "agent_delta"

    async def test_ingest_into_a_thread_of_another_user(self, store: Store) -> None:
        await Scene(store).thread("bob")
        theirs = Service("ann")
        await ingest(store, theirs.unit("thread_created", "agent_started"))
        for user in ("bob", "nobody"):
            foreign = Service(user, thread_id=theirs.thread_id, run_id=theirs.run_id)
            kinds = ("thread_updated", "thread_deleted", "agent_started", "agent_delta")
            assert set(await ingest(store, foreign.unit(*kinds))) == {"not_found"}
            lone = foreign.event("agent_delta", thread_id=None)
            assert await ingest(store, foreign.unit(lone)) == ["not_found"]
        assert len(await Scene(store).journal("ann")) == 2

    async def test_ingest_a_thread_id_in_use(self, store: Store) -> None:
        scene = Scene(store)
        context = await scene.thread("ann")
        service = Service(thread_id=context.thread_id)
        assert await ingest(store, service.unit("thread_created", "thread_updated")) == [
            "bad_id",
            2,
        ]
        async with scene.session("ann") as session:
            thread = await session.thread(context.thread_id)
        assert thread is not None
        assert thread.title == "Another"

    async def test_ingest_by_older_ids(self, store: Store) -> None:
        scene = Scene(store)
        service = Service(thread_id=LEGACY_THREAD, run_id=LEGACY_RUN)
        unit = service.unit("thread_created", "message_created", "agent_started")
        assert await ingest(store, unit) == [1, 2, 3]
        later = service.unit("agent_delta", "agent_completed", "thread_created")
        assert await ingest(store, later) == [4, 5, "bad_id"]
        addresses = {event.address for event in await scene.journal("ann")}
        ids = {(one.thread_id, one.run_id) for one in addresses}
        assert LEGACY_THREAD not in {thread_id for thread_id, _ in ids}
        assert LEGACY_RUN not in {run_id for _, run_id in ids}
        assert len(ids) == 2  # the thread, and the run in it
        async with scene.session("ann") as session:
            thread = await session.thread(LEGACY_THREAD)
        assert thread is not None
        assert {thread.thread_id} == {thread_id for thread_id, _ in ids}
        assert thread.thread_id == migrate_legacy_thread_id(LEGACY_THREAD, "ann")
        stranger = Service("bob", thread_id=LEGACY_THREAD, run_id=LEGACY_RUN)
        assert await ingest(store, stranger.unit("agent_delta")) == ["not_found"]

    @pytest.mark.parametrize(
        ("kinds", "expected"),
        [
            ("agent_delta", ["not_found"]),
            ("agent_completed", ["not_found"]),
            ("message_created message_created", [2, "out_of_order"]),
            ("message_created agent_delta", [2, "out_of_order"]),
            ("message_created agent_completed", [2, "out_of_order"]),
            ("message_created agent_cancelled", [2, 3]),
            ("run_queued run_queued agent_started run_queued", [2, 3, 4, "out_of_order"]),
            ("agent_started agent_started", [2, "out_of_order"]),
            ("agent_started agent_completed agent_delta", [2, 3, "run_finished"]),
            ("agent_started agent_failed agent_completed", [2, 3, "run_finished"]),
            ("agent_started input_requested agent_delta agent_cancelled", [2, 3, 4, 5]),
        ],
    )
    async def test_ingest_keeps_a_run_to_its_life(
        self, store: Store, kinds: str, expected: list[int | str]
    ) -> None:
        service = Service()
        await ingest(store, service.unit("thread_created"))
        assert await ingest(store, service.unit(*kinds.split())) == expected

    async def test_ingest_another_attempt(self, store: Store) -> None:
        service = Service()
        second = service.event("agent_started", data={"attempt": 2})
        unit = service.unit("thread_created", "agent_started", "agent_delta", second)
        assert await ingest(store, unit) == [1, 2, 3, 4]
        async with Scene(store).session("ann") as session:
            run = await session.run(service.run_id)
        assert run is not None
        assert run.attempt == 2

    async def test_ingest_a_run_needs_its_thread(self, store: Store) -> None:
        service = Service()
        first = service.event("agent_started", thread_id=None)
        later = service.event("agent_delta", thread_id=None)
        unit = service.unit("thread_created", first, "agent_started", later)
        assert await ingest(store, unit) == [1, "bad_field", 2, 3]
        elsewhere = Service(run_id=service.run_id)
        assert await ingest(store, elsewhere.unit("thread_created", "agent_delta")) == [4, "bad_id"]

    async def test_ingest_into_a_run_of_a_node(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        queued = context_of("ann", run_context(claimed).thread_id)
        await scene.send(queued, key="key-2", new_thread=False)
        for context in (run_context(claimed), queued):
            service = Service(thread_id=context.thread_id, run_id=context.run_id)
            kinds = ("message_created", "agent_started", "agent_delta", "agent_cancelled")
            assert set(await ingest(store, service.unit(*kinds))) == {"forbidden"}
        assert await scene.result(AppendToRun(claimed.lease, [delta("mine")])) == 6

    async def test_ingest_no_second_run_at_once(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        service = Service(thread_id=run_context(claimed).thread_id)
        assert await ingest(store, service.unit("agent_started")) == ["run_active"]
        assert await ingest(store, service.unit("message_created")) == [4]
        await scene.committed(CancelRun(run_context(claimed), "x"))
        assert await ingest(store, service.unit("agent_started")) == ["run_active"]

    async def test_nodes_do_not_touch_what_others_execute(
        self, store: Store, pass_time: Callable[[float], Awaitable[None]]
    ) -> None:
        scene, service = Scene(store), Service()
        queued = service.event("run_queued", data={"agent": "demo"})
        await ingest(store, service.unit("thread_created", queued))
        await scene.send(context_of("ann", service.thread_id), new_thread=False)
        assert await scene.claim() == []  # the first is not ours, and the second waits behind it
        await ingest(store, service.unit("agent_started"))
        await pass_time(SILENCE_S / 2)
        assert await scene.claim() == []
        assert (await scene.take_over()).ended == []
        outcome = await scene.committed(service.unit("agent_completed"))
        assert RunsWaiting(user_ids=("ann",)) in outcome.hints
        assert len(await scene.claim()) == 1

    async def test_a_silent_service_loses_its_run(
        self, store: Store, pass_time: Callable[[float], Awaitable[None]]
    ) -> None:
        scene, service = Scene(store), Service()
        await ingest(store, service.unit("thread_created", "agent_started"))
        await pass_time(SILENCE_S - 1)
        await ingest(store, service.unit("agent_delta"))
        await pass_time(SILENCE_S - 1)
        assert (await scene.take_over()).ended == []
        await pass_time(1)
        assert (await scene.take_over()).ended == [service.run_id]
        last = (await scene.journal("ann"))[-1]
        assert (last.event_type, data_of(last)["code"]) == (EventType.AGENT_FAILED, "node_lost")
        assert await ingest(store, service.unit("agent_completed")) == ["run_finished"]

    async def test_a_person_ends_what_others_execute(self, store: Store) -> None:
        scene = Scene(store)
        for kinds in (("run_queued",), ("agent_started",), ("agent_started", "input_requested")):
            service = Service()
            await ingest(store, service.unit("thread_created", *kinds))
            context = UserExecutionContext.for_run("ann", service.thread_id, service.run_id)
            outcome = await scene.committed(CancelRun(context, "enough"))
            assert types_of(outcome.events) == ["agent_cancelled"]
            assert await ingest(store, service.unit("agent_completed")) == ["run_finished"]

    async def test_an_interrupting_message_ends_what_others_execute(self, store: Store) -> None:
        scene, service = Scene(store), Service()
        await ingest(store, service.unit("thread_created", "agent_started"))
        context = context_of("ann", service.thread_id)
        unit = message(context, new_thread=False, on_busy="interrupt", user_runs_max=1)
        outcome = await scene.committed(unit)
        assert types_of(outcome.events) == ["agent_cancelled", "message_created"]
        assert [claimed.lease.run_id for claimed in await scene.claim()] == [context.run_id]

    async def test_questions_of_others_are_answered_by_them(self, store: Store) -> None:
        scene, service = Scene(store), Service()
        await ingest(store, service.unit("thread_created", "agent_started", "input_requested"))
        context = UserExecutionContext.for_run("ann", service.thread_id, service.run_id)
        assert await scene.refused(AnswerInput(context, "i-1", True)) == "not_found"
        assert await ingest(store, service.unit("input_received")) == [4]

    @pytest.mark.parametrize("vector", vectors("run_statuses"))
    async def test_what_others_execute_waits_while_one_of_its_questions_is_open(
        self, store: Store, pass_time: Callable[[float], Awaitable[None]], vector: dict[str, Any]
    ) -> None:
        scene, service = Scene(store), Service()
        await ingest(store, service.unit("thread_created"))
        for attempt, step in enumerate(vector["steps"], start=1):
            data = {name: step[name] for name in ("input_id", "expires_at") if name in step}
            if "expires_at" in data:
                data["expires_at"] += NOW
            if step["event_type"] == "agent_started":
                data["attempt"] = attempt
            await pass_time(NOW + step["at"] - scene.now)
            scene.now = NOW + step["at"]
            await scene.committed(service.unit(service.event(step["event_type"], data=data)))
            async with scene.session("ann") as session:
                run = await session.run(service.run_id)
            assert run is not None
            assert run.status == step["status"], step

    async def test_deleting_a_thread_ends_what_others_execute(self, store: Store) -> None:
        scene, service = Scene(store), Service()
        await ingest(store, service.unit("thread_created", "agent_started"))
        context = UserExecutionContext.for_run("ann", service.thread_id, service.run_id)
        await scene.committed(DeleteThread(context))
        assert await ingest(store, service.unit("agent_delta")) == ["not_found"]
        lone = service.event("agent_delta", thread_id=None)
        assert await ingest(store, service.unit(lone)) == ["run_finished"]

    async def test_retention_does_not_wait_for_what_others_execute(self, store: Store) -> None:
        scene, service = Scene(store), Service()
        await ingest(store, service.unit("thread_created", "agent_started", "agent_delta"))
        assert await scene.result(Sweep("trim", NOW + 1, 100)) == 3
