"""The contract of users' units: threads, messages, revocations, batches."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from store_scene import (
    NOW,
    Scene,
    completed,
    context_of,
    data_of,
    delta,
    message,
    run_context,
    types_of,
)
from threadcast.bus import RunSignal, RunsWaiting, SessionsRevoked
from threadcast.runs import OnBusy
from threadcast.store import Store
from threadcast.store.units import (
    AliasThread,
    AppendToRun,
    Committed,
    CreateThread,
    DeleteThread,
    MessageAccepted,
    OpenJournal,
    Rejected,
    RevokeSessions,
    UpdateThread,
)


class ThreadContract:
    """Threads."""

    async def test_create(self, store: Store) -> None:
        scene = Scene(store)
        context = context_of("ann")
        outcome = await scene.committed(CreateThread(context, "A title", {"a": [1, "x"]}))
        assert outcome.result.seq == 1
        assert types_of(outcome.events) == ["thread_created"]
        assert data_of(outcome.events[0]) == {"title": "A title", "metadata": {"a": [1, "x"]}}
        async with scene.session("ann") as session:
            thread = await session.thread(context.thread_id)
        assert thread is not None
        assert (thread.title, thread.metadata, thread.last_seq) == ("A title", {"a": [1, "x"]}, 1)
        assert thread.created_at == thread.updated_at == NOW

    async def test_create_refuses_an_id_in_use(self, store: Store) -> None:
        scene = Scene(store)
        context = await scene.thread("ann")
        assert await scene.refused(CreateThread(context, None, {})) == "bad_id"
        assert len(await scene.journal("ann")) == 1

    async def test_two_users_may_hold_one_id_and_see_their_own(self, store: Store) -> None:
        scene = Scene(store)
        context = await scene.thread("ann", "ann's")
        other = context_of("bob", context.thread_id)
        await scene.committed(CreateThread(other, "bob's", {}))
        for user, title in (("ann", "ann's"), ("bob", "bob's")):
            async with scene.session(user) as session:
                thread = await session.thread(context.thread_id)
            assert thread is not None
            assert thread.title == title

    async def test_update_leaves_what_is_none(self, store: Store) -> None:
        scene = Scene(store)
        context = await scene.thread("ann", "old", {"a": 1})
        scene.now += 5
        await scene.committed(UpdateThread(context, None, {"b": 2}))
        outcome = await scene.committed(UpdateThread(context, "new", None))
        assert data_of(outcome.events[0]) == {"title": "new", "metadata": {"b": 2}}
        async with scene.session("ann") as session:
            thread = await session.thread(context.thread_id)
        assert thread is not None
        assert (thread.title, thread.metadata) == ("new", {"b": 2})
        # Renaming is no activity: the conversation keeps its place in the list.
        assert (thread.created_at, thread.updated_at, thread.last_seq) == (NOW, NOW, 1)

    async def test_a_foreign_thread_is_one_that_never_existed(self, store: Store) -> None:
        scene = Scene(store)
        theirs = (await scene.thread("ann")).thread_id
        await scene.thread("bob")
        for thread_id in (theirs, context_of("bob").thread_id):
            context = context_of("bob", thread_id)
            assert await scene.refused(UpdateThread(context, "x", {})) == "not_found"
            assert await scene.refused(DeleteThread(context)) == "not_found"
        assert types_of(await scene.journal("ann")) == ["thread_created"]
        assert types_of(await scene.journal("bob")) == ["thread_created"]

    async def test_delete_ends_live_runs_first_and_fences_their_owners(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        context = run_context(claimed)
        queued = context_of("ann", context.thread_id)
        await scene.send(queued, key="key-2", new_thread=False)
        outcome = await scene.committed(DeleteThread(context))
        assert types_of(outcome.events) == ["agent_cancelled", "agent_cancelled", "thread_deleted"]
        assert outcome.events[0].address.run_id == claimed.lease.run_id
        assert RunSignal(claimed.lease.run_id, "node-1") in outcome.hints
        assert await scene.refused(AppendToRun(claimed.lease, [delta("late")])) == "fenced"
        assert await scene.refused(DeleteThread(context)) == "not_found"
        assert await scene.claim() == []

    async def test_what_a_deleted_thread_leaves_to_read(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann", content="remember the milk")
        context = run_context(claimed)
        await scene.committed(DeleteThread(context))
        assert types_of(await scene.journal("ann")) == ["thread_deleted"]
        async with scene.session("ann") as session:
            assert await session.thread(context.thread_id) is None
            assert await session.threads(limit=10, before=None) == []
            assert await session.messages(context.thread_id, limit=10, before=None) == []
            assert await session.search("milk", limit=10) == []
            assert await session.run(context.run_id) is None

    async def test_an_alias_resolves_for_its_owner_only(self, store: Store) -> None:
        scene = Scene(store)
        context = await scene.thread("ann", "old one")
        other = await scene.thread("ann")
        await scene.thread("bob")
        for _ in range(2):
            await scene.committed(AliasThread(context, "different-thread-abcd1234"))
        assert await scene.refused(AliasThread(other, "different-thread-abcd1234")) == "bad_id"
        async with scene.session("ann") as session:
            thread = await session.thread("different-thread-abcd1234")
            assert thread is not None
            assert thread.thread_id == context.thread_id
        async with scene.session("bob") as session:
            assert await session.thread("different-thread-abcd1234") is None


class SendContract:
    """Messages."""

    async def test_a_message_and_its_run_are_one_commit(self, store: Store) -> None:
        scene = Scene(store)
        context = context_of("ann")
        outcome = await scene.committed(message(context, "hi", key="k"))
        assert types_of(outcome.events) == ["thread_created", "message_created"]
        assert outcome.result == MessageAccepted(
            context.thread_id, context.run_id, 2, duplicate=False
        )
        assert data_of(outcome.events[1]) == {
            "role": "user", "content": "hi", "client_message_id": "k",
        }  # fmt: skip
        assert RunsWaiting(user_ids=("ann",)) in outcome.hints
        async with scene.session("ann") as session:
            run = await session.run(context.run_id)
        assert run is not None
        assert (run.thread_id, run.agent, run.status, run.attempt) == (
            context.thread_id, "demo", "queued", 0,
        )  # fmt: skip
        assert (run.message_seq, run.created_at, run.started_at, run.ended_at) == (
            2, NOW, None, None,
        )  # fmt: skip

    async def test_the_same_key_answers_the_same_for_ever(self, store: Store) -> None:
        scene = Scene(store)
        first = await scene.send(context_of("ann"))
        await scene.running("ann", key="key-2")
        again = await scene.committed(message(context_of("ann")))
        assert again.events == ()
        assert again.result == MessageAccepted(
            first.thread_id, first.run_id, first.seq, duplicate=True
        )

    async def test_the_same_key_with_another_body_is_a_conflict(self, store: Store) -> None:
        scene = Scene(store)
        await scene.send(context_of("ann"))
        before = len(await scene.journal("ann"))
        other = message(context_of("ann"), digest=b"other")
        assert await scene.refused(other) == "idempotency_conflict"
        assert len(await scene.journal("ann")) == before

    async def test_the_same_key_twice_in_one_batch(self, store: Store) -> None:
        scene = Scene(store)
        one, two = await scene.outcomes(message(context_of("ann")), message(context_of("ann")))
        assert isinstance(one, Committed)
        assert isinstance(two, Committed)
        assert (one.result.duplicate, two.result.duplicate) == (False, True)
        assert one.result.run_id == two.result.run_id

    async def test_keys_are_of_one_user(self, store: Store) -> None:
        scene = Scene(store)
        await scene.send(context_of("ann"))
        assert not (await scene.send(context_of("bob"), digest=b"other")).duplicate

    @pytest.mark.parametrize("whose", ["ann", "nobody"])
    async def test_a_message_to_a_thread_that_is_not_there(self, store: Store, whose: str) -> None:
        scene = Scene(store)
        thread_id = (await scene.thread(whose)).thread_id if whose == "ann" else None
        context = context_of("bob", thread_id or context_of("bob").thread_id)
        assert await scene.refused(message(context, new_thread=False)) == "not_found"
        async with scene.session("bob") as session:
            assert (await session.journal()).feed is None

    async def test_a_queued_message_says_how_many_are_ahead(self, store: Store) -> None:
        scene = Scene(store)
        first = await scene.send(context_of("ann"))
        for position in (1, 2):
            outcome = await scene.committed(
                message(
                    context_of("ann", first.thread_id), key=f"more-{position}", new_thread=False
                )
            )
            assert types_of(outcome.events) == ["message_created", "run_queued"]
            assert data_of(outcome.events[1]) == {"agent": "demo", "position": position}

    async def test_reject_when_busy(self, store: Store) -> None:
        scene = Scene(store)
        first = await scene.send(context_of("ann"))
        second = message(
            context_of("ann", first.thread_id), key="k2", new_thread=False, on_busy="reject"
        )
        assert await scene.refused(second) == "run_active"
        assert len(await scene.journal("ann")) == 2

    async def test_interrupt_ends_the_queued_and_signals_the_owned(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        thread_id = run_context(claimed).thread_id
        await scene.send(context_of("ann", thread_id), key="k2", new_thread=False)
        third = message(
            context_of("ann", thread_id), key="k3", new_thread=False, on_busy="interrupt"
        )
        outcome = await scene.committed(third)
        assert types_of(outcome.events) == ["agent_cancelled", "message_created", "run_queued"]
        assert data_of(outcome.events[0]) == {"reason": "interrupted"}
        assert data_of(outcome.events[2])["position"] == 1
        assert RunSignal(claimed.lease.run_id, "node-1") in outcome.hints
        await scene.committed(AppendToRun(claimed.lease, [completed()]))
        assert [run.lease.run_id for run in await scene.claim()] == [third.context.run_id]

    @pytest.mark.parametrize("on_busy", ["queue", "interrupt"])
    async def test_a_user_has_so_many_live_runs(self, store: Store, on_busy: OnBusy) -> None:
        scene = Scene(store)
        for number in range(2):
            await scene.send(context_of("ann"), key=f"k{number}")
        await scene.send(context_of("bob"), user_runs_max=2)
        third = message(context_of("ann"), key="k3", user_runs_max=2, on_busy=on_busy)
        assert await scene.refused(third) == "too_many_runs"

    async def test_a_limit_that_is_not_enforced_is_told(self, store: Store) -> None:
        scene = Scene(store)
        first = message(context_of("ann"), key="k1", user_runs_max=1)
        second = message(context_of("ann"), key="k2", user_runs_max=1)
        for unit, beyond in ((first, False), (second, True)):
            lenient = replace(unit, user_runs_enforced=False)
            assert (await scene.result(lenient)).beyond_limit is beyond
        assert await scene.refused(message(context_of("ann"), key="k3", user_runs_max=1))


class UserContract:
    """Journals and revocations."""

    async def test_open_journal_is_idempotent(self, store: Store) -> None:
        scene = Scene(store)
        async with scene.session("ann") as session:
            assert (await session.journal()).feed is None
        first = await scene.result(OpenJournal(context_of("ann")))
        assert first.feed is not None
        assert (first.head, first.trimmed, first.revoked_before) == (0, 0, 0.0)
        await scene.thread("ann")
        second = await scene.result(OpenJournal(context_of("ann")))
        assert (second.feed, second.head) == (first.feed, 1)
        assert (await scene.result(OpenJournal(context_of("bob")))).feed != first.feed
        async with scene.session("ann") as session:
            assert await session.journal() == second

    async def test_revoke_all_never_goes_back(self, store: Store) -> None:
        scene = Scene(store)
        for before in (NOW, NOW - 100):
            outcome = await scene.committed(RevokeSessions(context_of("ann"), before))
            assert outcome.hints == (SessionsRevoked("ann"),)
        async with scene.session("ann") as session:
            assert (await session.journal()).revoked_before == NOW
        async with scene.session("bob") as session:
            assert (await session.journal()).revoked_before == 0.0

    async def test_revoke_one_token(self, store: Store) -> None:
        scene = Scene(store)
        await scene.committed(RevokeSessions(context_of("ann"), None, "jti-1", NOW + 60))
        async with scene.session("ann") as session:
            assert (await session.journal("jti-1")).token_revoked
            assert not (await session.journal("jti-2")).token_revoked
            assert (await session.journal()).revoked_before == 0.0
        async with scene.session("bob") as session:
            assert not (await session.journal("jti-1")).token_revoked


class BatchContract:
    """Batches: what units of one transaction do to each other, and commits to each other."""

    async def test_a_rejected_unit_leaves_the_others_alone(self, store: Store) -> None:
        scene = Scene(store)
        good, bad, last = await scene.outcomes(
            message(context_of("ann"), key="a"),
            message(context_of("ann"), key="b", new_thread=False),
            message(context_of("ann"), key="c"),
        )
        assert isinstance(good, Committed)
        assert isinstance(bad, Rejected)
        assert isinstance(last, Committed)
        assert [event.seq for event in await scene.journal("ann")] == [1, 2, 3, 4]
        retried = await scene.send(context_of("ann"), key="b")
        assert not retried.duplicate

    async def test_a_unit_at_fault_fails_alone(self, store: Store) -> None:
        scene = Scene(store)
        broken = message(context_of("ann"), key="b", agent="lone \ud800")
        outcomes = await scene.outcomes(
            message(context_of("ann"), key="a"), broken, message(context_of("bob"), key="c")
        )
        assert isinstance(outcomes[0], Committed)
        assert isinstance(outcomes[1], Rejected)
        assert outcomes[1].error.code == "internal"
        assert isinstance(outcomes[2], Committed)
        assert [event.seq for event in await scene.journal("ann")] == [1, 2]
        assert store.healthy

    async def test_a_unit_at_fault_leaves_no_trace_of_its_user(self, store: Store) -> None:
        scene = Scene(store)
        assert await scene.refused(message(context_of("ann"), agent="lone \ud800")) == "internal"
        await scene.running("bob")
        assert await store.heads(["ann"]) == {}
        assert not (await scene.send(context_of("ann"))).duplicate
        assert [event.seq for event in await scene.journal("ann")] == [1, 2]

    async def test_units_of_many_users_interleave(self, store: Store) -> None:
        scene = Scene(store)
        users = [f"user-{number}" for number in range(20)]
        for user in users:
            await scene.send(context_of(user))
        leases = [claimed.lease for claimed in await scene.claim(50)]
        for turn in range(3):
            units = [AppendToRun(lease, [delta(f"{turn}a"), delta(f"{turn}b")]) for lease in leases]
            outcomes = await scene.outcomes(*units)
            assert all(isinstance(outcome, Committed) for outcome in outcomes)
        assert await store.heads([*users, "nobody"]) == dict.fromkeys(users, 8)
        assert await store.heads([]) == {}
        for user in users:
            events = await scene.journal(user)
            assert [event.seq for event in events] == list(range(1, 9))
            assert {event.address.user_id for event in events} == {user}
            texts = [data_of(event)["text"] for event in events[2:]]
            assert texts == ["0a", "0b", "1a", "1b", "2a", "2b"]

    async def test_two_appends_of_one_run_in_one_batch(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        first, end, late = await scene.outcomes(
            AppendToRun(claimed.lease, [delta("a")]),
            AppendToRun(claimed.lease, [delta("b"), completed("ab")]),
            AppendToRun(claimed.lease, [delta("c")]),
        )
        assert isinstance(first, Committed)
        assert isinstance(end, Committed)
        assert (first.result, end.result) == (4, 6)
        assert isinstance(late, Rejected)
        assert late.error.code == "run_finished"

    async def test_a_large_batch(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        drafts = [delta(str(number)) for number in range(1_234)]
        assert await scene.result(AppendToRun(claimed.lease, drafts)) == 3 + 1_234
        events = await scene.journal("ann", after=3)
        assert [data_of(event)["text"] for event in events] == [str(n) for n in range(1_234)]

    async def test_what_is_read_back_is_what_was_announced(self, store: Store) -> None:
        scene = Scene(store)
        scene.now = NOW + 0.123456
        claimed = await scene.running("ann")
        outcome = await scene.committed(AppendToRun(claimed.lease, [delta('é "quoted" \n 😀')]))
        read = await scene.journal("ann", after=outcome.result - 1)
        assert [event.payload for event in read] == [event.payload for event in outcome.events]

    async def test_commits_and_sessions_at_once(self, store: Store) -> None:
        """Readers see prefixes, dense and in order, whatever is being written."""
        scene = Scene(store)
        claimed = await scene.running("ann")

        async def write() -> None:
            for number in range(40):
                await scene.committed(AppendToRun(claimed.lease, [delta(f"{number}")] * 3))

        async def read() -> None:
            for _ in range(30):
                async with scene.session("ann") as session:
                    head = (await session.journal()).head
                    events = (await session.page(0, limit=1_000, max_bytes=1_000_000)).events
                assert [event.seq for event in events] == list(range(1, head + 1))

        await asyncio.gather(write(), *(read() for _ in range(8)))
        assert len(await scene.journal("ann")) == 123
