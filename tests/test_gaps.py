"""A gap in what hints say: a late hint fills it for nothing, a lost one costs one read for all."""

from __future__ import annotations

from pathlib import Path

from delivery_scene import Delivery, Reader, delivering
from threadcast.errors import ThreadcastError
from threadcast.events import JournalEvent

NEVER_S = 60.0  # a grace that no test waits for


async def deaf_readers(delivery: Delivery, count: int, user_id: str = "ann") -> list[Reader]:
    """Readers at the head, to whom only the test gives hints."""
    readers = [delivery.reader(user_id) for _ in range(count)]
    for reader in readers:
        await reader.attach()
        reader.stop_listening()
    return readers


async def hints(delivery: Delivery, count: int, user_id: str = "ann") -> list[list[JournalEvent]]:
    """So many hints of one event each."""
    await delivery.grow(count, user_id)
    return [[event] for event in await delivery.stored(user_id)]


def filled_by(delivery: Delivery, what: str) -> float | None:
    """How many gaps were filled by this."""
    labels = {"filled_by": what}
    return delivery.metrics.registry.get_sample_value("threadcast_hint_gaps_total", labels)


async def test_hints_in_any_order_within_the_grace_cost_no_read(tmp_path: Path) -> None:
    async with delivering(tmp_path, gap_grace_s=NEVER_S) as delivery:
        readers = await deaf_readers(delivery, 3)
        made = await hints(delivery, 6)
        reads = delivery.store.reads.arrived
        for number in (1, 3, 2, 5, 4):
            for reader in readers:
                assert reader.cursor.offer(made[number]) == 0
        written = [reader.cursor.offer(made[0]) for reader in readers]
        assert written == [6, 6, 6]
        assert [reader.sink.seqs for reader in readers] == [[1, 2, 3, 4, 5, 6]] * 3
        assert delivery.store.reads.arrived == reads
        assert all(reader.fell == 0 for reader in readers)


async def test_a_late_hint_is_counted_as_one(tmp_path: Path) -> None:
    async with delivering(tmp_path, gap_grace_s=NEVER_S) as delivery:
        (reader,) = await deaf_readers(delivery, 1)
        made = await hints(delivery, 2)
        reader.cursor.offer(made[1])
        reader.cursor.offer(made[0])
        await delivery.grow(1, "bob")  # some turns of the loop
        assert (filled_by(delivery, "hint"), filled_by(delivery, "read")) == (1, 0)


async def test_a_lost_hint_costs_one_read_for_all_devices_of_a_user(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        readers = await deaf_readers(delivery, 20)
        made = await hints(delivery, 3)
        delivery.store.reads.arrived = 0
        for reader in readers:
            reader.cursor.offer(made[2])
        for reader in readers:
            await reader.sink.until(3)
        assert [reader.sink.seqs for reader in readers] == [[1, 2, 3]] * 20
        assert delivery.store.reads.arrived == 1
        assert filled_by(delivery, "read") == 1
        assert all(reader.fell == 0 for reader in readers), "none of them had to catch up"


async def test_the_poll_costs_one_read_for_all_devices_of_a_user(tmp_path: Path) -> None:
    async with delivering(tmp_path, gap_grace_s=NEVER_S) as delivery:
        readers = await deaf_readers(delivery, 20)
        await delivery.grow(3)
        delivery.store.reads.arrived = 0
        for reader in readers:
            reader.cursor.notice(3)
        for reader in readers:
            await reader.sink.until(3)
        assert delivery.store.reads.arrived == 1


async def test_devices_at_different_places_share_the_read_and_get_what_each_misses(
    tmp_path: Path,
) -> None:
    async with delivering(tmp_path) as delivery:
        ahead, behind = await deaf_readers(delivery, 2)
        made = await hints(delivery, 4)
        ahead.cursor.offer(made[0])
        ahead.cursor.offer(made[1])
        for reader in (ahead, behind):
            reader.cursor.offer(made[3])
        for reader in (ahead, behind):
            await reader.sink.until(4)
        assert ahead.sink.seqs == behind.sink.seqs == [1, 2, 3, 4]


async def test_holes_of_two_users_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        (ann,) = await deaf_readers(delivery, 1)
        (bob,) = await deaf_readers(delivery, 1, "bob")
        for reader in (ann, bob):
            made = await hints(delivery, 3, reader.user_id)
            reader.cursor.offer(made[2])
        for reader in (ann, bob):
            await reader.sink.until(3)
            assert {event.address.user_id for event in reader.sink.events} == {reader.user_id}
        assert delivery.alarms == 0


async def test_what_is_committed_and_said_during_the_read_comes_too(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        (reader,) = await deaf_readers(delivery, 1)
        made = await hints(delivery, 3)
        delivery.store.reads.close()
        reader.cursor.offer(made[2])
        await delivery.store.reads.next_arrival()  # read, and not yet taken
        await delivery.grow(4)
        reader.cursor.offer(hints_after(made, 2)[1])  # 5, while 4 is lost
        delivery.store.reads.open()
        await reader.sink.until(5)
        assert reader.sink.seqs[:5] == [1, 2, 3, 4, 5]


def hints_after(made: list[list[JournalEvent]], count: int) -> list[list[JournalEvent]]:
    """What the hints after these would be, made of their last one."""
    last = made[-1][0]
    return [
        [JournalEvent(last.event_type, last.stamp, last.address, last.seq + number, last.data)]
        for number in range(1, count + 1)
    ]


async def test_a_hint_beyond_the_head_was_not_true_and_costs_one_read(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        (reader,) = await deaf_readers(delivery, 1)
        made = await hints(delivery, 1)
        reader.cursor.offer(made[0])
        delivery.store.reads.arrived = 0
        reader.cursor.offer(hints_after(made, 9)[8])
        await delivery.store.reads.next_arrival()
        await delivery.grow(1)
        reader.cursor.offer((await delivery.stored())[1:])
        assert (reader.sink.seqs, reader.fell) == ([1, 2], 0)
        assert delivery.store.reads.arrived == 1


async def test_a_hole_larger_than_a_page_is_read_page_by_page(tmp_path: Path) -> None:
    async with delivering(tmp_path, page_bytes=40) as delivery:
        readers = await deaf_readers(delivery, 2)
        await delivery.grow(20)
        for reader in readers:
            reader.cursor.notice(20)
        for reader in readers:
            await reader.sink.until(20)
            assert reader.sink.seqs == list(range(1, 21))
            assert reader.fell == 1


async def test_a_hole_that_cannot_be_read_is_read_later(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        (reader,) = await deaf_readers(delivery, 1)
        made = await hints(delivery, 3)
        delivery.store.read_faults = [ThreadcastError("unavailable")]
        reader.cursor.offer(made[2])
        await reader.sink.until(3)
        assert reader.sink.seqs == [1, 2, 3]


async def test_more_than_is_held_is_read(tmp_path: Path) -> None:
    """What waits behind a gap is bounded; what was not kept is read."""
    async with delivering(tmp_path, gap_grace_s=0.05) as delivery:
        (reader,) = await deaf_readers(delivery, 1)
        made = await hints(delivery, 1_200)
        for hint in made[1:]:
            reader.cursor.offer(hint)
        await reader.sink.until(1_200)
        assert reader.sink.seqs == list(range(1, 1_201))


async def test_a_reader_that_stops_in_a_hole_gets_nothing_more(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        gone, there = await deaf_readers(delivery, 2)
        made = await hints(delivery, 3)
        for reader in (gone, there):
            reader.cursor.offer(made[2])
        gone.cursor.stop()
        await there.sink.until(3)
        assert gone.sink.seqs == []


async def test_a_reader_that_is_full_catches_up_when_it_has_room(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        (reader,) = await deaf_readers(delivery, 1)
        made = await hints(delivery, 3)
        reader.sink.room_events = 0
        reader.cursor.offer(made[2])
        await reader.behind()
        assert reader.sink.seqs == []
        reader.drain()
        await reader.sink.until(3)
        assert (reader.sink.seqs, reader.sink.refused) == ([1, 2, 3], False)
