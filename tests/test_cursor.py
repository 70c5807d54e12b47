"""A cursor gets to the head and stays there: nothing lost, nothing doubled, whatever happens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from delivery_scene import Delivery, delivering
from store_scene import NOW, types_of
from threadcast.delivery.resume import Position, ResumePoint, judge
from threadcast.errors import ThreadcastError
from threadcast.store.records import JournalHead
from threadcast.store.units import Sweep

HEAD = JournalHead("feed_1", head=10, trimmed=4)
STAMP = b"1763629200.000001"


@pytest.mark.parametrize(
    ("wanted", "stamp", "after", "reason"),
    [
        pytest.param(Position(), None, 10, None, id="head"),
        pytest.param(Position(7), None, 7, None, id="continued"),
        pytest.param(Position(7, "feed_1", STAMP), STAMP, 7, None, id="all-fits"),
        pytest.param(Position(10, "feed_1"), None, 10, None, id="I4-at-the-head"),
        pytest.param(Position(11), None, 10, "cursor_ahead", id="I5-ahead"),
        pytest.param(Position(2**53 - 1, "feed_1"), None, 10, "cursor_ahead", id="far-ahead"),
        pytest.param(Position(7, "feed_2"), None, 10, "new_feed", id="I7-other-feed"),
        pytest.param(Position(None, "feed_2"), None, 10, "new_feed", id="other-feed-at-head"),
        pytest.param(Position(11, "feed_2"), None, 10, "new_feed", id="feed-goes-first"),
        pytest.param(Position(7, "feed_1", b"9.000000"), STAMP, 10, "diverged", id="I7-diverged"),
        pytest.param(Position(7, None, b"9.000000"), STAMP, 10, "diverged", id="diverged-no-feed"),
        pytest.param(Position(7, "feed_1", b"9.000000"), None, 7, None, id="event-compacted"),
        pytest.param(Position(3), None, 4, "trimmed", id="I9-trimmed"),
        pytest.param(Position(0), None, 4, "trimmed", id="trimmed-from-the-beginning"),
        pytest.param(Position(3, "feed_1", STAMP), None, 4, "trimmed", id="trimmed-with-at"),
        pytest.param(Position(4), None, 4, None, id="last-trimmed-is-enough"),
    ],
)
def test_judge(wanted: Position, stamp: bytes | None, after: int, reason: str | None) -> None:
    attached = judge(wanted, HEAD, stamp)
    assert (attached.after, attached.head, attached.feed) == (after, 10, "feed_1")
    assert (attached.reason, attached.reset) == (reason, reason is not None)


def test_a_cursor_of_a_journal_that_does_not_exist() -> None:
    assert judge(Position(), JournalHead(None), None) == ResumePoint(0, 0, None, None)
    assert judge(Position(0), JournalHead(None), None).reason is None
    assert judge(Position(1), JournalHead(None), None).reason == "cursor_ahead"
    assert judge(Position(0, "feed_1"), JournalHead(None), None).reason == "new_feed"


async def test_at_the_head_it_is_live_at_once_and_pushed_to(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        await delivery.grow(3)
        reader = delivery.reader()
        assert (await reader.attach()).after == 3
        assert reader.lived == [3]
        await delivery.grow(2)
        assert reader.sink.seqs == [4, 5]


async def test_from_the_beginning_it_reads_and_then_is_pushed_to(tmp_path: Path) -> None:
    async with delivering(tmp_path, page_bytes=40) as delivery:
        await delivery.grow(20)
        reader = delivery.reader()
        await reader.attach(0)
        await reader.live()
        await delivery.grow(2)
        assert reader.sink.seqs == list(range(1, 23))
        assert len(reader.sink.writes) > 5, "page by page"


async def test_nothing_is_delivered_before_start(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        await delivery.grow(2)
        reader = delivery.reader()
        await reader.cursor.attach(Position(1))
        await delivery.grow(2)
        assert reader.sink.seqs == []
        reader.cursor.start()
        await reader.live()
        assert reader.sink.seqs == [2, 3, 4]


async def test_no_gap_at_the_join(tmp_path: Path) -> None:
    """What is committed between the last read and going live is delivered, without more events."""
    async with delivering(tmp_path) as delivery:
        await delivery.grow(3)
        reader = delivery.reader()
        delivery.store.reads.close()
        attaching = asyncio.create_task(reader.attach(0))
        await delivery.store.reads.next_arrival()  # everything is read, and it is not live yet
        await delivery.grow(2)
        delivery.store.reads.open()
        assert (await attaching).head == 3
        await reader.live()
        assert reader.sink.seqs == [1, 2, 3, 4, 5]


async def test_no_gap_at_the_join_after_several_pages(tmp_path: Path) -> None:
    async with delivering(tmp_path, page_bytes=40) as delivery:
        await delivery.grow(3)
        reader = delivery.reader()
        await reader.cursor.attach(Position(0))
        delivery.store.reads.close()
        reader.cursor.start()
        assert reader.sink.seqs == [1, 2]
        await delivery.store.reads.next_arrival()
        await delivery.grow(2)
        delivery.store.reads.open()
        await reader.live()
        assert reader.sink.seqs == [1, 2, 3, 4, 5]


async def test_no_duplicate_at_the_join(tmp_path: Path) -> None:
    """A hint that says again what the cursor has already read adds only what is new."""
    async with delivering(tmp_path) as delivery:
        await delivery.grow(5)
        reader = delivery.reader()
        await reader.attach(0)
        await reader.live()
        stored = await delivery.stored()
        reader.stop_listening()
        await delivery.grow(2)
        late = (await delivery.stored())[3:]
        assert [event.seq for event in late] == [4, 5, 6, 7]
        assert reader.cursor.offer(late) == 2
        assert reader.cursor.offer(late) == 0
        assert reader.cursor.offer(stored) == 0
        assert reader.sink.seqs == [1, 2, 3, 4, 5, 6, 7]


async def test_a_resumed_cursor_goes_on_with_the_next_event(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        await delivery.grow(6)
        reader = delivery.reader()
        await reader.attach(4)
        await reader.live()
        assert reader.sink.seqs == [5, 6]


async def test_after_a_hole_the_journal_is_read(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        await delivery.grow(1)
        reader = delivery.reader()
        await reader.attach()
        reader.stop_listening()
        await delivery.grow(2)
        last = (await delivery.stored())[2:]
        assert reader.cursor.offer(last) == 0
        await reader.sink.until(2)
        assert reader.sink.seqs == [2, 3]
        assert (reader.fell, reader.lived) == (0, [1]), "a small gap is nobody's business"


async def test_a_lost_hint_is_made_good_by_the_poll(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        reader = delivery.reader()
        await reader.attach()
        reader.stop_listening()
        await delivery.grow(3)
        assert reader.sink.seqs == []
        reader.cursor.notice(3)
        await reader.sink.until(3)
        assert reader.sink.seqs == [1, 2, 3]


async def test_a_false_head_makes_it_look_once_and_no_more(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        await delivery.grow(2)
        reader = delivery.reader()
        await reader.attach()
        before = delivery.store.reads.arrived
        reader.cursor.notice(100)
        await reader.live()
        assert delivery.store.reads.arrived <= before + 2
        await delivery.grow(1)
        assert reader.sink.seqs == [3]
        assert reader.cursor.live


async def test_an_old_head_changes_nothing(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        await delivery.grow(2)
        reader = delivery.reader()
        await reader.attach()
        await delivery.grow(1)
        reader.cursor.notice(2)
        reader.cursor.notice(3)
        assert (reader.fell, reader.cursor.live) == (0, True)


async def test_a_filter_leaves_out_other_threads_and_no_seq_is_missed(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        one = await delivery.run(key="k1")
        other = await delivery.run(key="k2")
        thread_id = one.lease.address.thread_id
        reader = delivery.reader()
        await reader.attach(0, thread_id=thread_id)
        await reader.live()
        await delivery.append(one, "a")
        await delivery.append(other, "b")
        await delivery.append(one, "c")
        assert {event.address.thread_id for event in reader.sink.events} == {thread_id}
        assert [seq for seq in reader.sink.seqs if seq > 4] == [5, 7]
        assert reader.cursor.position == 7
        assert reader.fell == 0


async def test_deltas_that_were_missed_come_as_one(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        run = await delivery.run()
        await delivery.append(run, "Hel", "lo", ' "')
        reader = delivery.reader()
        await reader.attach(2)
        await reader.live()
        (merged,) = reader.sink.events
        assert (merged.first_seq, merged.seq, merged.data) == (3, 5, b'{"text":"Hello \\""}')
        assert b'"seq":5,"first_seq":3,' in merged.payload


async def test_a_congested_reader_is_not_pushed_to_and_catches_up(tmp_path: Path) -> None:
    async with delivering(tmp_path, page_bytes=40) as delivery:
        reader = delivery.reader()
        await reader.attach()
        reader.sink.room_events = 2
        for _ in range(10):
            await delivery.grow(1)
        assert reader.sink.seqs == [1, 2]
        assert (reader.fell, lagging(delivery)) == (1, 1.0)
        delivery.clock.advance(7.0)
        [lag] = delivery.catch_ups.lagging(20)
        assert (lag.context, lag.events, lag.lasts_s) == (reader.cursor.context, 8, 7.0)
        reader.drain(room_events=3)
        await reader.sink.until(5)
        await delivery.grow(1)
        reader.drain()
        await reader.live()
        assert reader.sink.seqs == list(range(1, 12))
        assert not reader.sink.refused
        assert (lagging(delivery), delivery.catch_ups.lagging(20)) == (0.0, [])


async def test_one_large_commit_costs_a_slow_reader_a_page(tmp_path: Path) -> None:
    async with delivering(tmp_path, page_bytes=1_000) as delivery:
        run = await delivery.run()
        reader = delivery.reader()
        await reader.attach()
        reader.sink.room_events = 1
        await delivery.append(run, *["x" * 300] * 40)
        assert max(reader.sink.writes) <= 1_000
        assert len(reader.sink.seqs) <= 4
        reader.drain()
        await reader.live()
        assert reader.sink.seqs == list(range(3, 43))


async def test_a_reader_that_keeps_up_takes_a_large_commit_without_reading(tmp_path: Path) -> None:
    async with delivering(tmp_path, page_bytes=1_000) as delivery:
        run = await delivery.run()
        reader = delivery.reader()
        await reader.attach()
        await delivery.append(run, *["x" * 300] * 40)
        assert reader.sink.seqs == list(range(3, 43))
        assert (reader.fell, max(reader.sink.writes) <= 1_000) == (0, True)


async def test_a_store_that_cannot_be_read_is_asked_again(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        await delivery.grow(2)
        reader = delivery.reader()
        await reader.cursor.attach(Position(0))
        delivery.store.read_faults = [ThreadcastError("unavailable")]
        reader.cursor.start()
        await reader.live()
        assert reader.sink.seqs == [1, 2]


async def test_an_attach_that_cannot_be_judged_says_so(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        reader = delivery.reader()
        delivery.store.read_faults = [ThreadcastError("unavailable")]
        with pytest.raises(ThreadcastError, match="unavailable"):
            await reader.attach(0)
        await delivery.grow(1)
        assert reader.sink.seqs == []


async def test_an_attach_that_fails_leaves_the_reader_where_it_was(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        reader = delivery.reader()
        await reader.attach()
        delivery.store.read_faults = [ThreadcastError("unavailable")]
        with pytest.raises(ThreadcastError, match="unavailable"):
            await reader.attach(1)
        await delivery.grow(2)
        assert reader.sink.seqs == [1, 2]


async def test_a_stopped_cursor_writes_nothing_more(tmp_path: Path) -> None:
    async with delivering(tmp_path, page_bytes=1) as delivery:
        await delivery.grow(2)
        reader = delivery.reader()
        await reader.cursor.attach(Position(0))
        delivery.store.reads.close()
        reader.cursor.start()
        await delivery.store.reads.next_arrival()
        written = list(reader.sink.seqs)
        reader.cursor.stop()
        delivery.store.reads.open()
        await delivery.grow(2)
        reader.cursor.drained()
        reader.cursor.notice(4)
        await asyncio.sleep(0)
        assert reader.sink.seqs == written


async def test_a_reader_on_its_way_is_told_of_what_was_trimmed_before_it_came_there(
    tmp_path: Path,
) -> None:
    async with delivering(tmp_path, page_bytes=1) as delivery:
        reader = delivery.reader()
        await delivery.grow(5)
        assert not (await reader.cursor.attach(Position(1))).reset  # reads the event after it
        await delivery.journal.append(Sweep("trim", NOW + 1, 100))
        await delivery.grow(1)
        reader.cursor.start()
        await reader.live()
        assert [(reset.after, reset.reason) for reset in reader.resets] == [(5, "trimmed")]
        assert reader.sink.seqs == [2, 6]


async def test_a_second_attach_moves_the_cursor(tmp_path: Path) -> None:
    """I14: what is behind the new place comes again, once, and then what is live."""
    async with delivering(tmp_path) as delivery:
        await delivery.grow(4)
        reader = delivery.reader()
        await reader.attach(0)
        await reader.live()
        await reader.attach(2)
        await reader.live()
        await delivery.grow(1)
        assert reader.sink.seqs == [1, 2, 3, 4, 3, 4, 5]


async def test_the_timestamp_decides_whether_it_is_the_same_journal(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        await delivery.grow(3)
        stored = await delivery.stored()
        reader = delivery.reader()
        assert (await reader.attach(2, at=stored[1].stamp)).reason is None
        assert (await reader.attach(2, at=b"1.000000")).reason == "diverged"


async def test_readers_share_the_bytes_of_an_event(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        readers = [delivery.reader() for _ in range(3)]
        for reader in readers:
            await reader.attach()
        await delivery.grow(1)
        events = [reader.sink.events[0] for reader in readers]
        assert len({id(event.payload) for event in events}) == 1
        assert types_of(events[:1]) == ["thread_created"]


def lagging(delivery: Delivery) -> float | None:
    """How many readers the metrics say are behind."""
    return delivery.metrics.registry.get_sample_value("threadcast_lagging_readers")


async def test_how_long_the_server_lets_a_reader_wait_is_known(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        read = delivery.metrics.registry.get_sample_value
        name = "threadcast_oldest_catch_up_seconds"
        await delivery.grow(3)
        first, second = delivery.reader(), delivery.reader()
        delivery.store.reads.close()
        first.cursor.know(JournalHead("feed_1", head=3))
        first.cursor.start()
        await delivery.store.reads.next_arrival()
        delivery.clock.advance(30.0)
        second.cursor.know(JournalHead("feed_1", head=3))
        second.cursor.start()
        delivery.clock.advance(5.0)
        assert read(name) == 35.0
        delivery.store.reads.open()
        await asyncio.gather(first.live(), second.live())
        await asyncio.sleep(0)  # a task is over a moment after its last step
        assert read(name) == 0.0


# --- a database that went back in time ------------------------------------------------------------


async def test_a_head_that_fell_below_the_cursor_resets_it(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        reader = delivery.reader()
        await reader.attach()
        await delivery.grow(5)
        delivery.lose_tail(after=3)
        reader.cursor.notice(3)  # may have been read before the last event was delivered
        assert reader.cursor.live
        reader.cursor.notice(3)
        await reader.live()
        assert reader.resets == [ResumePoint(3, 3, await delivery.feed(), "diverged")]
        await delivery.grow(2)
        assert reader.sink.seqs == [1, 2, 3, 4, 5, 4, 5]


async def test_an_append_at_a_seq_that_the_cursor_has_resets_it(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        reader = delivery.reader()
        await reader.attach()
        await delivery.grow(5)
        delivery.lose_tail(after=3)
        delivery.clock.advance(1.0)
        await delivery.grow(1)
        await reader.live()
        assert [reset.reason for reset in reader.resets] == ["diverged"]
        await delivery.grow(1)
        assert reader.sink.seqs == [1, 2, 3, 4, 5, 5]


async def test_a_head_that_has_caught_up_in_another_past_resets_it(tmp_path: Path) -> None:
    """No hint was heard of what was appended instead, and it is more than was lost."""
    async with delivering(tmp_path) as delivery:
        reader = delivery.reader()
        await reader.attach()
        await delivery.grow(5)
        reader.stop_listening()
        delivery.lose_tail(after=3)
        delivery.clock.advance(1.0)
        await delivery.grow(4)
        reader.cursor.notice(7)
        await reader.behind()
        await reader.live()
        assert [(reset.after, reset.reason) for reset in reader.resets] == [(7, "diverged")]
        assert reader.sink.seqs == [1, 2, 3, 4, 5]


async def test_a_loss_that_was_made_good_to_the_very_seq_is_found_by_a_doubt(
    tmp_path: Path,
) -> None:
    async with delivering(tmp_path) as delivery:
        reader = delivery.reader()
        await reader.attach()
        await delivery.grow(5)
        reader.stop_listening()
        delivery.lose_tail(after=3)
        delivery.clock.advance(1.0)
        await delivery.grow(2)
        reader.cursor.notice(5)
        assert reader.cursor.live
        reader.cursor.doubt()
        await reader.live()
        assert [(reset.after, reset.reason) for reset in reader.resets] == [(5, "diverged")]
        reader.cursor.doubt()
        await reader.live()
        assert len(reader.resets) == 1


async def test_a_reader_that_lagged_meanwhile_is_reset(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        reader = delivery.reader()
        await reader.attach()
        await delivery.grow(3)
        reader.sink.room_events = 0
        await delivery.grow(1)
        assert not reader.cursor.live
        delivery.lose_tail(after=2)
        reader.drain()
        await reader.live()
        assert [(reset.after, reset.reason) for reset in reader.resets] == [(2, "diverged")]


async def test_what_is_not_touched_by_the_loss_goes_on(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        reader, other = delivery.reader(), delivery.reader("bob")
        await reader.attach()
        await other.attach()
        await delivery.grow(3)
        await delivery.grow(3, "bob")
        delivery.lose_tail(after=2, user_id="bob")
        for _ in range(2):
            reader.cursor.notice(3)
            other.cursor.notice(2)
        await other.live()
        await delivery.grow(1)
        assert (reader.resets, len(other.resets)) == ([], 1)
        assert (reader.fell, reader.sink.seqs) == (0, [1, 2, 3, 4])


async def test_a_late_hint_costs_no_read(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        reader = delivery.reader()
        await reader.attach()
        await delivery.grow(5)
        reads = delivery.store.reads.arrived
        stored = await delivery.stored()
        for late in (stored[:2], stored[3:], stored):
            assert reader.cursor.offer(late) == 0
        assert (reader.fell, delivery.store.reads.arrived) == (0, reads)
