"""The contract of maintenance: compaction, retention, purging, forgetting."""

from __future__ import annotations

from itertools import pairwise

from store_scene import (
    NOW,
    Scene,
    completed,
    context_of,
    data_of,
    delta,
    question,
    run_context,
    types_of,
)
from threadcast.store import Store
from threadcast.store.units import AppendToRun, DeleteThread, RevokeSessions, Sweep


class SweepContract:
    """Sweeps."""

    async def test_compact_removes_deltas_of_ended_runs_only(self, store: Store) -> None:
        scene = Scene(store)
        ended = await scene.running("ann", key="k1")
        live = await scene.running("ann", key="k2")
        await scene.committed(AppendToRun(ended.lease, [delta("a"), delta("b")]))
        await scene.committed(AppendToRun(live.lease, [delta("c")]))
        await scene.committed(AppendToRun(ended.lease, [completed("ab")]))
        assert await scene.result(Sweep("compact", NOW, 100)) == 0
        assert 0 < await scene.result(Sweep("compact", NOW + 1, 100)) < 100
        assert await scene.result(Sweep("compact", NOW + 1, 100)) == 0
        events = await scene.journal("ann")
        assert [data_of(e)["text"] for e in events if e.event_type == "agent_delta"] == ["c"]
        assert (await store.heads(["ann"]))["ann"] == 10
        seq = await scene.result(AppendToRun(live.lease, [delta("d")]))
        assert seq == 11

    async def test_compact_in_small_steps(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(AppendToRun(claimed.lease, [delta("x")] * 10))
        await scene.committed(AppendToRun(claimed.lease, [completed()]))
        steps = 0
        while await scene.result(Sweep("compact", NOW + 1, 3)) == 3:
            steps += 1
        assert steps >= 3
        assert "agent_delta" not in types_of(await scene.journal("ann"))

    async def test_compact_looks_at_few_of_the_events_between_a_runs_own(
        self, store: Store
    ) -> None:
        scene = Scene(store)
        ended = await scene.running("ann", key="k1")
        busy = await scene.running("ann", key="k2")
        await scene.committed(AppendToRun(ended.lease, [delta("first")]))
        await scene.committed(AppendToRun(busy.lease, [delta("x")] * 300))
        await scene.committed(AppendToRun(ended.lease, [delta("last"), completed()]))
        steps = 0
        while await scene.result(Sweep("compact", NOW + 1, 3)) == 3:
            steps += 1
        assert steps >= 300 // (20 * 3)
        left = [data_of(event) for event in await scene.journal("ann")]
        assert [data["text"] for data in left if "text" in data] == ["x"] * 300

    async def test_trim_says_how_far(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann", content="old words")
        await scene.committed(AppendToRun(claimed.lease, [completed()]))
        await scene.thread("bob")
        scene.now = NOW + 100
        await scene.thread("ann")
        assert await scene.result(Sweep("trim", NOW + 50, 2)) == 2
        while await scene.result(Sweep("trim", NOW + 50, 2)) == 2:
            pass
        async with scene.session("ann") as session:
            head = await session.journal()
            assert (head.head, head.trimmed) == (5, 4)
            assert [e.seq for e in (await session.page(0, limit=9, max_bytes=999)).events] == [5]
            assert await session.search("words", limit=9) == []
            assert await session.thread(run_context(claimed).thread_id) is not None
        async with scene.session("bob") as session:
            assert (await session.journal()).trimmed == 1
        assert (await scene.send(context_of("ann"), content="x")).duplicate

    async def test_trim_leaves_what_a_live_run_needs(self, store: Store) -> None:
        scene = Scene(store)
        await scene.send(context_of("ann"), content="still to do")
        scene.now = NOW + 100
        await scene.thread("ann")
        await scene.result(Sweep("trim", NOW + 50, 100))
        assert [run.message for run in await scene.claim()] == ["still to do"]

    async def test_a_run_that_nobody_executes_keeps_the_events_of_its_user_only(
        self, store: Store
    ) -> None:
        scene = Scene(store)
        await scene.send(context_of("ann"), content="for an agent that is gone", agent="gone")
        for number in range(100):  # more than a step looks at
            await scene.thread("ann", f"{number}")
        for user in ("bob", "eve"):
            claimed = await scene.running(user)
            await scene.committed(AppendToRun(claimed.lease, [completed()]))
        left = len(await scene.journal("ann"))
        scene.now = NOW + 100
        await scene.thread("bob")
        while await scene.result(Sweep("trim", NOW + 50, 3)) == 3:
            pass
        assert types_of(await scene.journal("bob")) == ["thread_created"]
        assert await scene.journal("eve") == []
        assert len(await scene.journal("ann")) == left - 1  # its `thread_created` is before the run

    async def test_purge_removes_what_a_deleted_thread_left(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann", key="k1")
        kept = await scene.thread("ann", "kept")
        await scene.committed(AppendToRun(claimed.lease, [delta("x")] * 5, state=b"{}"))
        await scene.committed(DeleteThread(run_context(claimed)))
        assert await scene.result(Sweep("purge", NOW, 100)) == 0
        while await scene.result(Sweep("purge", NOW + 1, 3)) == 3:
            pass
        assert types_of(await scene.journal("ann")) == ["thread_created", "thread_deleted"]
        async with scene.session("ann") as session:
            assert await session.thread(kept.thread_id) is not None
            assert await session.timestamp(2) is None
        assert (await scene.send(context_of("ann"), key="k1")).duplicate

    async def test_purge_looks_at_few_of_the_events_between_a_threads_own(
        self, store: Store
    ) -> None:
        scene = Scene(store)
        deleted = await scene.running("ann", key="k1")
        busy = await scene.running("ann", key="k2")
        await scene.committed(AppendToRun(busy.lease, [delta("x")] * 300))
        await scene.committed(AppendToRun(deleted.lease, [delta("last")]))
        await scene.committed(DeleteThread(run_context(deleted)))
        steps = 0
        while await scene.result(Sweep("purge", NOW + 1, 3)) == 3:
            steps += 1
        assert steps >= 300 // (20 * 3)
        left = [data_of(event) for event in await scene.journal("ann")]
        assert len([data for data in left if data.get("text") == "x"]) == 300
        assert not [data for data in left if data.get("text") == "last"]

    async def test_a_thread_with_many_runs_is_purged_in_small_steps(self, store: Store) -> None:
        scene = Scene(store)
        thread = await scene.thread("ann")
        runs: list[str] = []
        for number in range(10):
            context = context_of("ann", thread.thread_id)
            await scene.send(context, key=f"k{number}", new_thread=False)
            (claimed,) = await scene.claim()
            await scene.committed(question(claimed.lease))
            await scene.committed(AppendToRun(claimed.lease, [completed()]))
            runs.append(context.run_id)
        await scene.committed(DeleteThread(thread))
        left, done = [len(runs)], 4
        while done == 4:
            done = await scene.result(Sweep("purge", NOW + 1, 4))
            async with scene.session("ann") as session:
                left.append(sum([len(await session.inputs(run_id)) for run_id in runs]))
        assert left[-1] == 0
        assert max(before - after for before, after in pairwise(left)) <= 4

    async def test_a_long_journal_keeps_no_other_from_being_trimmed(self, store: Store) -> None:
        scene = Scene(store)
        for user, count in (("long", 500), ("short", 5), ("brief", 5)):
            claimed = await scene.running(user)
            await scene.committed(AppendToRun(claimed.lease, [delta("x")] * count))
            await scene.committed(AppendToRun(claimed.lease, [completed()]))
        left = len(await scene.journal("long"))
        assert await scene.result(Sweep("trim", NOW + 1, 60)) == 60
        assert await scene.journal("short") == await scene.journal("brief") == []
        assert len(await scene.journal("long")) == left - 20
        while await scene.result(Sweep("trim", NOW + 1, 60)) == 60:
            pass
        assert await scene.journal("long") == []

    async def test_forget_expired_revocations(self, store: Store) -> None:
        scene = Scene(store)
        for token, expires_at in (("old", NOW + 1), ("new", NOW + 100)):
            await scene.committed(RevokeSessions(context_of("ann"), None, token, expires_at))
        assert await scene.result(Sweep("forget", NOW + 50, 10)) == 1
        async with scene.session("ann") as session:
            assert not (await session.journal("old")).token_revoked
            assert (await session.journal("new")).token_revoked
