"""The contract of sessions: one user, one snapshot, bounded pages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from store_scene import (
    Scene,
    completed,
    context_of,
    data_of,
    delta,
    question,
    run_context,
    types_of,
)
from threadcast.context import UserExecutionContext
from threadcast.events import JournalEvent
from threadcast.store import Store
from threadcast.store.records import LIVE_RUNS_GIVEN_MAX, JournalPage
from threadcast.store.units import AppendToRun


def _seqs(events: Sequence[JournalEvent]) -> list[int]:
    return [event.seq for event in events]


class ReadContract:
    """Sessions."""

    async def test_a_user_without_a_journal(self, store: Store) -> None:
        scene = Scene(store)
        async with scene.session("ann") as session:
            head = await session.journal()
            assert (head.feed, head.head, head.trimmed) == (None, 0, 0)
            page = await session.page(1, limit=10, max_bytes=1_000)
            assert page == JournalPage(1, [], head, at_head=True, stamp=None)
            assert await session.timestamp(1) is None
            assert await session.threads(limit=10, before=None) == []
            assert await session.search("anything", limit=10) == []
            assert not (await session.journal("jti")).token_revoked

    async def test_all_reads_are_of_one_snapshot(self, store: Store) -> None:
        scene = Scene(store)
        await scene.thread("ann")
        async with scene.session("ann") as session:
            assert (await session.journal()).head == 1
            await scene.thread("ann")
            assert (await session.journal()).head == 1
            assert len((await session.page(0, limit=10, max_bytes=1_000)).events) == 1
            assert len(await session.threads(limit=10, before=None)) == 1
        assert len(await scene.journal("ann")) == 2

    async def test_a_session_begins_with_its_first_read(self, store: Store) -> None:
        scene = Scene(store)
        async with scene.session("ann") as session:
            await scene.thread("ann")
            assert (await session.journal()).head == 1

    async def test_close_is_idempotent_and_final(self, store: Store) -> None:
        session = store.session(context_of("ann"))
        await session.journal()
        await session.close()
        await session.close()

    async def test_more_sessions_than_connections_take_turns(self, store: Store) -> None:
        scene = Scene(store)
        await scene.thread("ann")
        for _ in range(30):
            async with scene.session("ann") as session:
                assert (await session.journal()).head == 1

    async def test_pages_by_count(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(AppendToRun(claimed.lease, [delta(str(n)) for n in range(7)]))
        async with scene.session("ann") as session:
            assert _seqs((await session.page(0, limit=4, max_bytes=10_000)).events) == [1, 2, 3, 4]
            assert _seqs((await session.page(8, limit=4, max_bytes=10_000)).events) == [9, 10]
            assert (await session.page(10, limit=4, max_bytes=10_000)).events == []
            assert (await session.page(2**62, limit=4, max_bytes=10_000)).events == []

    async def test_a_page_says_where_it_is_of(self, store: Store) -> None:
        scene = Scene(store)
        for _ in range(3):
            await scene.thread("ann")
        async with scene.session("ann") as session:
            head = await session.journal()
            first = await session.page(0, limit=2, max_bytes=10_000)
            last = await session.page(first.upto, limit=2, max_bytes=10_000)
            beyond = await session.page(7, limit=2, max_bytes=10_000)
        assert (first.head, first.at_head, first.upto, first.stamp) == (head, False, 2, None)
        assert (last.head, last.at_head, last.upto) == (head, True, 3)
        assert last.stamp == first.events[-1].stamp
        assert (beyond.at_head, beyond.upto, beyond.stamp) == (True, 7, None)

    async def test_pages_by_bytes_hold_at_least_one(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(AppendToRun(claimed.lease, [delta("x" * 1_000)] * 5))
        async with scene.session("ann") as session:
            assert _seqs((await session.page(3, limit=10, max_bytes=1)).events) == [4]
            assert _seqs((await session.page(3, limit=10, max_bytes=2_500)).events) == [4, 5, 6]
            assert len((await session.page(3, limit=10, max_bytes=1_000_000)).events) == 5

    async def test_a_page_of_one_thread(self, store: Store) -> None:
        scene = Scene(store)
        one = await scene.thread("ann")
        two = await scene.thread("ann")
        await scene.send(context_of("ann", one.thread_id), new_thread=False)
        await scene.thread("bob")
        async with scene.session("ann") as session:
            both = (await session.page(0, limit=10, max_bytes=10_000)).events
            only = await session.page(0, limit=10, max_bytes=10_000, thread_id=one.thread_id)
            other = await session.page(1, limit=10, max_bytes=10_000, thread_id=two.thread_id)
        assert _seqs(both) == [1, 2, 3]
        assert _seqs(only.events) == [1, 3]
        assert _seqs(other.events) == [2]
        assert (other.upto, other.at_head) == (3, True)
        async with scene.session("bob") as session:
            theirs = await session.page(0, limit=10, max_bytes=10_000, thread_id=one.thread_id)
        assert theirs.events == []

    async def test_timestamps(self, store: Store) -> None:
        scene = Scene(store)
        scene.now = 1_763_629_200.000123
        context = await scene.thread("ann")
        async with scene.session("ann") as session:
            stamp = await session.timestamp(1)
            event = (await session.page(0, limit=1, max_bytes=1)).events[0]
            assert stamp == event.stamp == b"1763629200.000123"
            assert event.address.thread_id == context.thread_id
            assert await session.timestamp(2) is None
        async with scene.session("bob") as session:
            assert await session.timestamp(1) is None

    async def test_threads_by_last_seq(self, store: Store) -> None:
        scene = Scene(store)
        contexts = [await scene.thread("ann", str(number)) for number in range(4)]
        await scene.thread("bob", "bob's")
        await scene.send(context_of("ann", contexts[0].thread_id), new_thread=False)
        async with scene.session("ann") as session:
            page = await session.threads(limit=3, before=None)
            rest = await session.threads(limit=3, before=page[-1].last_seq)
        assert [thread.title for thread in (*page, *rest)] == ["0", "3", "2", "1"]

    async def test_a_thread_says_how_its_runs_stand(self, store: Store) -> None:
        scene = Scene(store)
        first = await scene.running("ann")
        context = context_of("ann", run_context(first).thread_id)
        queued = await scene.send(context, key="key-2", new_thread=False)
        await scene.running("bob")
        asking = await scene.running("ann", key="key-3")
        await scene.committed(question(asking.lease))
        async with scene.session("ann") as session:
            listed = await session.threads(limit=9, before=None)
            assert await session.thread(context.thread_id) == listed[1]
        assert [[(one.run_id, one.status) for one in row.live_runs] for row in listed] == [
            [(asking.lease.run_id, "waiting")],
            [(first.lease.run_id, "running"), (queued.run_id, "queued")],
        ]
        await scene.committed(AppendToRun(asking.lease, [completed()]))
        async with scene.session("ann") as session:
            (latest, _) = await session.threads(limit=9, before=None)
        assert latest.live_runs == []

    async def test_of_many_runs_a_thread_names_the_oldest(self, store: Store) -> None:
        scene = Scene(store)
        thread_id = (await scene.thread("ann")).thread_id
        count = LIVE_RUNS_GIVEN_MAX + 2
        sent = []
        for key in range(count):
            context = context_of("ann", thread_id)
            settings = {"key": str(key), "new_thread": False, "user_runs_max": count}
            sent.append((await scene.send(context, **settings)).run_id)
        async with scene.session("ann") as session:
            (row,) = await session.threads(limit=9, before=None)
        assert [one.run_id for one in row.live_runs] == sent[:LIVE_RUNS_GIVEN_MAX]

    async def test_a_preview_is_how_the_first_message_begins(self, store: Store) -> None:
        scene = Scene(store)
        context = await scene.thread("ann")
        other = await scene.thread("ann", "titled")
        third = await scene.thread("ann")
        await scene.send(context_of("ann", third.thread_id), content="a\0b", new_thread=False)
        first = " \n\t\r" + "🦆é" + "x" * 100
        for key, content in (("k1", first), ("k2", "second")):
            again = context_of("ann", context.thread_id)
            await scene.send(again, content=content, key=key, new_thread=False)
        async with scene.session("ann") as session:
            listed = {row.thread_id: row for row in await session.threads(limit=9, before=None)}
            assert await session.thread(context.thread_id) == listed[context.thread_id]
        assert listed[context.thread_id].preview == "🦆é" + "x" * 78
        assert listed[third.thread_id].preview == "a"
        assert listed[other.thread_id].preview is None

    async def test_history(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann", content="question")
        thread_id = run_context(claimed).thread_id
        await scene.committed(AppendToRun(claimed.lease, [delta("ans"), completed("answer")]))
        await scene.send(context_of("ann", thread_id), content="more", key="k2", new_thread=False)
        async with scene.session("ann") as session:
            rows = await session.messages(thread_id, limit=10, before=None)
            last = await session.messages(thread_id, limit=1, before=None)
            early = await session.messages(thread_id, limit=10, before=rows[1].seq)
        assert [(row.message.role, row.message.content) for row in rows] == [
            ("user", "question"),
            ("assistant", "answer"),
            ("user", "more"),
        ]
        assert rows[0].message.run_id == rows[1].message.run_id == claimed.lease.run_id
        assert [row.message.content for row in last] == ["more"]
        assert [row.message.content for row in early] == ["question"]
        async with scene.session("bob") as session:
            assert await session.messages(thread_id, limit=10, before=None) == []

    async def test_nothing_of_another_user_can_be_named(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann", content="a secret word")
        await scene.thread("bob")
        context = run_context(claimed)
        async with scene.session("bob") as session:
            assert await session.thread(context.thread_id) is None
            assert await session.run(context.run_id) is None
            assert await session.messages(context.thread_id, limit=9, before=None) == []
            assert await session.search("secret", limit=9) == []
            for event in (await session.page(0, limit=99, max_bytes=9_999)).events:
                assert event.address.user_id == "bob"

    async def test_search_finds_all_words_in_own_messages_latest_first(self, store: Store) -> None:
        scene = Scene(store)
        for number, text in enumerate(
            ("a red apple", "a green apple", "Äpfel und Birnen", "the apple is RED")
        ):
            await scene.send(context_of("ann"), content=text, key=f"k{number}")
        await scene.send(context_of("bob"), content="a red apple of bob")
        async with scene.session("ann") as session:
            assert [hit.content for hit in await session.search("red apple", limit=9)] == [
                "the apple is RED",
                "a red apple",
            ]
            assert len(await session.search("apple", limit=2)) == 2
            assert [hit.content for hit in await session.search("äpfel", limit=9)] == [
                "Äpfel und Birnen"
            ]
            assert await session.search("pear", limit=9) == []
            assert await session.search("  ", limit=9) == []

    @pytest.mark.parametrize(
        "text",
        [
            "100%", "snake_case", "back\\slash", '"quoted"', "it's", "C++", "a OR b", "NEAR(a b)",
            "content:x", "owner:user1", "-minus", "star*", "(", "%", "😀", "a AND NOT b", "^a",
        ],
    )  # fmt: skip
    async def test_search_takes_text_literally(self, store: Store, text: str) -> None:
        scene = Scene(store)
        await scene.send(context_of("ann"), content=f"so {text} it says", key="k1")
        await scene.send(context_of("ann"), content="so x a 100 it says slash snake c", key="k2")
        await scene.send(context_of("bob"), content=f"so {text} it says", key="k1")
        async with scene.session("ann") as session:
            hits = await session.search(text, limit=9)
        assert [hit.content for hit in hits] == [f"so {text} it says"]

    @pytest.mark.parametrize("text", ["user1", "user2", "owner", 'x" OR owner:"user1', "\0", "'"])
    async def test_search_cannot_reach_other_users(self, store: Store, text: str) -> None:
        scene = Scene(store)
        await scene.send(context_of("ann"), content="one")
        await scene.send(context_of("bob"), content="two")
        for user in ("ann", "bob"):
            async with scene.session(user) as session:
                assert await session.search(text, limit=9) == []

    async def test_facts_name_the_product_and_no_secret(self, store: Store) -> None:
        facts = await store.facts()
        assert facts["store"]
        assert all(isinstance(value, str) for value in facts.values())

    async def test_payloads_survive(self, store: Store) -> None:
        scene = Scene(store)
        context = context_of("ann ✓ \"quoted\" 'x' %_")
        await scene.send(context, content="tab\t nul-free \u2028 text 😀")
        events = await scene.journal(context.user_id)
        assert types_of(events) == ["thread_created", "message_created"]
        assert data_of(events[1])["content"] == "tab\t nul-free \u2028 text 😀"
        assert isinstance(context, UserExecutionContext)
