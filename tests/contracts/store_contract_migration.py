"""The contract of migrating legacy ids: import, rename, undo, count uses."""

from __future__ import annotations

from typing import Any

import pytest

from external_scene import Service
from store_scene import NOW, Scene, completed, context_of, data_of, message, started, types_of
from threadcast.ids.migrated import migrated_context_ids, run_ids_after
from threadcast.migration.dump import DumpedMessage, DumpedThread
from threadcast.migration.history import plan
from threadcast.store import Store
from threadcast.store.migration_units import (
    AliasUse,
    CountAliasUses,
    ImportThreads,
    MigratedThread,
    MigrationStep,
    RenameThreads,
    RenewFeeds,
    UndoMigration,
)
from threadcast.store.records import JournalHead
from threadcast.store.units import (
    AliasThread,
    AppendToRun,
    CreateThread,
    DeleteThread,
    RevokeSessions,
    Sweep,
    UpdateThread,
)

LEGACY = "websocket_factory_1757361062151"
THEN = 1_757_361_062.5


def dumped(legacy_id: str = LEGACY, user_id: str = "ann", **more: Any) -> DumpedThread:
    """A thread of a dump with one message, its answer, and a message without one."""
    messages = [
        DumpedMessage("user", "remember the milk", THEN),
        DumpedMessage("assistant", "I do", THEN + 2),
        DumpedMessage("user", "still there?", THEN + 60),
    ]
    return DumpedThread(legacy_id, user_id, **{"title": "old", "messages": messages, **more})


async def imported(scene: Scene, *threads: DumpedThread) -> list[MigratedThread]:
    """Import threads; the outcome of each."""
    return list(await scene.result(ImportThreads([plan(thread) for thread in threads])))


async def undone(scene: Scene) -> list[tuple[str | None, str]]:
    """Undo everything; legacy ids with their outcomes."""
    step: MigrationStep = await scene.result(UndoMigration(0, 100))
    assert step.next is None
    return [(thread.legacy_id, thread.outcome) for thread in step.threads]


class ImportContract:
    """Threads of another system."""

    async def test_an_imported_thread_is_one_like_any_other(self, store: Store) -> None:
        scene = Scene(store)
        own = await scene.thread("ann", "own")
        (result,) = await imported(scene, dumped())
        assert (result.outcome, result.legacy_id) == ("migrated", LEGACY)
        async with scene.session("ann") as session:
            thread = await session.thread(LEGACY)
            assert thread is not None
            assert thread == await session.thread(str(result.thread_id))
            assert (thread.title, thread.preview, thread.last_seq) == (
                "old",
                "remember the milk",
                7,
            )
            assert (thread.created_at, thread.updated_at) == (THEN, THEN + 60)
            rows = await session.messages(thread.thread_id, limit=10, before=None)
            found = [(row.message.role, row.message.content, row.message.timestamp) for row in rows]
            listed = [row.thread_id for row in await session.threads(limit=9, before=None)]
            run = await session.run(rows[0].message.run_id)
            (hit,) = await session.search("milk", limit=9)
        assert found == [
            ("user", "remember the milk", THEN),
            ("assistant", "I do", THEN + 2),
            ("user", "still there?", THEN + 60),
        ]
        assert listed == [thread.thread_id, own.thread_id]
        assert run is not None
        assert (run.status, run.attempt, run.created_at, run.ended_at) == (
            "completed", 1, THEN, THEN + 2,
        )  # fmt: skip
        assert (hit.thread_id, hit.timestamp) == (thread.thread_id, THEN)

    async def test_its_events_are_legal_and_dated_by_their_commit(self, store: Store) -> None:
        scene = Scene(store)
        await imported(scene, dumped())
        events = await scene.journal("ann")
        assert types_of(events) == [
            "thread_created", "message_created", "agent_started", "agent_completed",
            "message_created", "agent_cancelled",
        ]  # fmt: skip
        assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
        assert {float(event.stamp) for event in events} == {NOW}
        assert (data_of(events[1])["created_at"], data_of(events[3])["created_at"]) == (
            THEN, THEN + 2,
        )  # fmt: skip
        assert data_of(events[3])["duration_ms"] == 2_000
        assert (await store.heads(["ann"]))["ann"] == 6

    async def test_an_imported_thread_goes_on(self, store: Store) -> None:
        scene = Scene(store)
        (result,) = await imported(scene, dumped())
        context = context_of("ann", result.thread_id)
        accepted = await scene.send(context, new_thread=False)
        (claimed,) = await scene.claim()
        await scene.committed(AppendToRun(claimed.lease, [started(), completed()]))
        assert accepted.seq == 7

    async def test_importing_again_changes_nothing(self, store: Store) -> None:
        scene = Scene(store)
        first = await imported(scene, dumped(), dumped("42"), dumped("42", title="twice"))
        again = await imported(scene, dumped(), dumped("42"))
        assert [result.outcome for result in first] == ["migrated", "migrated", "already"]
        assert [result.outcome for result in again] == ["already", "already"]
        assert [result.thread_id for result in again] == [result.thread_id for result in first[:2]]
        assert (await store.heads(["ann"]))["ann"] == 12

    async def test_names_that_a_user_gave_to_messages_stop_no_import(self, store: Store) -> None:
        scene, first = Scene(store), migrated_context_ids(LEGACY, "ann")
        own = await scene.thread("ann")
        for run_id in (first.run_id, run_ids_after(first, 1).run_id):
            context = context_of("ann", own.thread_id)
            await scene.send(context, new_thread=False, key=run_id)
        results = await imported(scene, dumped(), dumped(user_id="bob"))
        assert [result.outcome for result in results] == ["migrated", "migrated"]
        assert [outcome for _, outcome in await undone(scene)] == ["undone", "undone"]
        again = message(context_of("ann", own.thread_id), new_thread=False, key=first.run_id)
        assert (await scene.result(again)).duplicate

    async def test_a_run_id_in_use_refuses_its_thread_alone(self, store: Store) -> None:
        scene, first = Scene(store), migrated_context_ids(LEGACY, "ann")
        service = Service("ann", run_id=run_ids_after(first, 1).run_id)
        await scene.result(service.unit("thread_created", "agent_started", "agent_completed"))
        results = await imported(scene, dumped(), dumped("42"), dumped(user_id="bob"))
        assert [result.outcome for result in results] == ["refused", "migrated", "migrated"]
        assert "a run of another thread" in results[0].reason
        async with scene.session("ann") as session:
            assert await session.thread(LEGACY) is None

    async def test_a_thread_that_was_deleted_since_does_not_come_back(self, store: Store) -> None:
        scene = Scene(store)
        (result,) = await imported(scene, dumped())
        await scene.committed(DeleteThread(context_of("ann", result.thread_id)))
        await scene.result(Sweep("purge", NOW + 1, 100))
        assert [one.outcome for one in await imported(scene, dumped())] == ["already"]
        async with scene.session("ann") as session:
            assert await session.thread(LEGACY) is None

    async def test_the_same_older_id_of_two_users_is_two_threads(self, store: Store) -> None:
        scene = Scene(store)
        ann, bob = await imported(scene, dumped(), dumped(user_id="bob", title="bob's"))
        assert ann.thread_id != bob.thread_id
        for user, thread_id in (("ann", ann.thread_id), ("bob", bob.thread_id)):
            async with scene.session(user) as session:
                thread = await session.thread(LEGACY)
                assert thread is not None
                assert thread.thread_id == thread_id
        async with scene.session("cid") as session:
            assert await session.thread(LEGACY) is None

    async def test_a_present_id_is_kept(self, store: Store) -> None:
        scene = Scene(store)
        thread_id = context_of("ann").thread_id
        for _ in range(2):
            (result,) = await imported(scene, dumped(thread_id))
            assert (result.outcome, result.thread_id) == ("canonical", thread_id)
        async with scene.session("ann") as session:
            assert len(await session.threads(limit=9, before=None)) == 1

    async def test_an_older_id_that_is_an_alias_names_the_thread_it_did(self, store: Store) -> None:
        scene = Scene(store)
        raw = context_of("ann")
        await scene.committed(CreateThread(raw, None, {}))
        await scene.committed(AliasThread(raw, "42"))
        (result,) = await imported(scene, dumped("42"))
        assert (result.outcome, result.thread_id) == ("already", raw.thread_id)

    async def test_a_store_says_whether_plain_ids_are_among_its_aliases(self, store: Store) -> None:
        scene = Scene(store)
        context = await scene.thread("ann")
        await scene.committed(AliasThread(context, LEGACY))
        assert not store.has_plain_aliases
        await scene.committed(AliasThread(context, "42"))
        assert store.has_plain_aliases


class UndoContract:
    """Undoing a migration."""

    async def test_an_undone_import_has_left_nothing(self, store: Store) -> None:
        scene = Scene(store)
        own = await scene.thread("ann", "own")
        await imported(scene, dumped(), dumped("42", "bob"))
        assert await undone(scene) == [(LEGACY, "undone"), ("42", "undone")]
        assert await undone(scene) == []
        async with scene.session("ann") as session:
            assert await session.thread(LEGACY) is None
            assert await session.search("milk", limit=9) == []
            listed = await session.threads(limit=9, before=None)
        assert [row.thread_id for row in listed] == [own.thread_id]
        assert types_of(await scene.journal("ann")) == ["thread_created"]
        async with scene.session("bob") as session:
            assert (await session.journal()).feed is None
        assert (await store.alias_facts(now=NOW)).total == 0

    async def test_readers_are_told_to_read_again_and_no_seq_comes_twice(
        self, store: Store
    ) -> None:
        scene = Scene(store)
        await scene.thread("ann")
        await imported(scene, dumped())
        async with scene.session("ann") as session:
            before = await session.journal()
        await undone(scene)
        async with scene.session("ann") as session:
            after = await session.journal()
        assert after.feed != before.feed
        assert after.head == before.head

    @pytest.mark.parametrize("what", ["message", "title", "deleted", "running", "external"])
    async def test_what_a_user_has_touched_is_kept(self, store: Store, what: str) -> None:
        scene = Scene(store)
        results = await imported(scene, dumped(), dumped("42"))
        context = context_of("ann", results[0].thread_id)
        match what:
            case "title":
                await scene.committed(UpdateThread(context, "mine", None))
            case "deleted":
                await scene.committed(DeleteThread(context))
            case "external":
                await scene.result(
                    Service("ann", thread_id=context.thread_id).unit("agent_started")
                )
            case _:
                await scene.send(context, new_thread=False)
        if what == "running":
            (claimed,) = await scene.claim()
            await scene.committed(AppendToRun(claimed.lease, [started()]))
        for _ in range(2):
            step = await scene.result(UndoMigration(0, 100))
            kept = [one for one in step.threads if one.outcome == "kept"]
            assert [(one.thread_id, bool(one.reason)) for one in kept] == [
                (context.thread_id, True)
            ]
        async with scene.session("ann") as session:
            assert (await session.thread(LEGACY) is None) == (what == "deleted")
            assert await session.thread("42") is None

    async def test_a_user_that_has_more_stays(self, store: Store) -> None:
        scene = Scene(store)
        await imported(scene, dumped(), dumped("42", "bob"))
        await scene.thread("ann", "own")
        bob = context_of("bob")
        await scene.committed(RevokeSessions(bob, NOW))
        await undone(scene)
        async with scene.session("ann") as session:
            assert len(await session.threads(limit=9, before=None)) == 1
        async with scene.session("bob") as session:
            assert (await session.journal()).revoked_before == NOW

    async def test_undo_goes_step_by_step(self, store: Store) -> None:
        scene = Scene(store)
        await imported(scene, *(dumped(str(number)) for number in range(5)))
        first = await scene.result(UndoMigration(0, 2))
        assert ([one.legacy_id for one in first.threads], first.next is None) == (
            ["0", "1"], False,
        )  # fmt: skip
        assert len(await undone(scene)) == 3

    async def test_what_was_undone_can_be_imported_again(self, store: Store) -> None:
        scene = Scene(store)
        first = await imported(scene, dumped())
        await undone(scene)
        assert await imported(scene, dumped()) == first


class AliasUseContract:
    """Uses of legacy ids."""

    async def test_uses_are_summed_and_dated(self, store: Store) -> None:
        scene = Scene(store)
        await imported(scene, dumped(), dumped("42"), dumped("43"))
        context = context_of("ann")
        day_s = 86_400
        await scene.committed(
            CountAliasUses(
                [
                    AliasUse(context, LEGACY, 3, NOW),
                    AliasUse(context, "42", 1, NOW - 10 * day_s),
                    AliasUse(context, "unknown", 1, NOW),
                    AliasUse(context_of("bob"), "43", 1, NOW),
                ]
            )
        )
        await scene.committed(CountAliasUses([AliasUse(context, LEGACY, 2, NOW - 5)]))
        facts = await store.alias_facts(now=NOW + 1)
        assert (facts.total, facts.used, facts.uses, facts.last_used_at) == (3, 2, 6, NOW)
        assert facts.used_within_days == {1: 1, 7: 1, 30: 2, 90: 2}

    async def test_renaming_finds_nothing_where_all_ids_are_present(self, store: Store) -> None:
        scene = Scene(store)
        await scene.thread("ann")
        await imported(scene, dumped())
        step = await scene.result(RenameThreads(0, 100))
        assert (step.threads, step.unchanged, step.next) == ([], 2, None)


class FeedRenewalContract:
    """A new feed id for journals, in bounded steps."""

    async def test_every_journal_gets_another_feed_and_keeps_all_else(self, store: Store) -> None:
        scene = Scene(store)
        users = [f"user-{number}" for number in range(5)]
        for user in users:
            await scene.thread(user)
        before = [await _journal_of(scene, user) for user in users]
        after, steps = "", []
        while True:
            step = await scene.result(RenewFeeds(after, 2))
            steps.append(step.renewed)
            if step.next is None:
                break
            after = step.next
        now = [await _journal_of(scene, user) for user in users]
        assert steps == [2, 2, 1]
        assert len({one.feed for one in [*before, *now]}) == 10
        assert [one.head for one in now] == [one.head for one in before]

    async def test_one_journal_gets_another_feed_and_no_other(self, store: Store) -> None:
        scene = Scene(store)
        for user in ("ann", "bob"):
            await scene.thread(user)
        ann, bob = await _journal_of(scene, "ann"), await _journal_of(scene, "bob")
        assert (await scene.result(RenewFeeds("", 1, "ann"))).renewed == 1
        assert (await scene.result(RenewFeeds("", 1, "nobody"))).renewed == 0
        assert (await _journal_of(scene, "ann")).feed != ann.feed
        assert await _journal_of(scene, "bob") == bob

    async def test_a_place_that_is_none_is_refused(self, store: Store) -> None:
        assert await Scene(store).refused(RenewFeeds("nowhere", 1)) == "bad_request"


async def _journal_of(scene: Scene, user_id: str) -> JournalHead:
    async with scene.session(user_id) as session:
        return await session.journal()
