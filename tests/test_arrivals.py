"""Arriving clients: a bounded number, and a retry time for each of the others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from delivery_scene import delivering
from threadcast.delivery.arrivals import Arrival, Arrivals, Postponed
from threadcast.errors import ThreadcastError
from threadcast.metrics import Metrics
from threadcast.testing.clock import ManualClock

CROWD = 5_000


def waits_s(arrivals: Arrivals, count: int) -> list[float]:
    """What so many clients are told."""
    told = []
    for _ in range(count):
        with pytest.raises(Postponed) as caught:
            arrivals.begin()
        assert caught.value.retry_after_ms is not None
        told.append(caught.value.retry_after_ms / 1_000)
    return told


def full(at_once: int = 3) -> tuple[Arrivals, ManualClock, list[Arrival], Metrics]:
    clock, metrics = ManualClock(), Metrics()
    arrivals = Arrivals(clock, metrics, at_once=at_once)
    return arrivals, clock, [arrivals.begin() for _ in range(at_once)], metrics


def test_clients_beyond_the_limit_are_postponed_without_a_failure() -> None:
    arrivals, _, under_way, metrics = full()
    assert arrivals.full
    with pytest.raises(ThreadcastError) as caught:
        arrivals.begin()
    assert (caught.value.code, caught.value.is_failure) == ("overloaded", False)
    under_way[0].over()
    under_way[0].over()
    with arrivals.begin():
        assert arrivals.full
    assert metrics.registry.get_sample_value("threadcast_arrivals") == 2
    assert metrics.registry.get_sample_value("threadcast_arrivals_postponed_total") == 1


def test_a_crowd_is_spread_over_the_time_that_serving_it_takes() -> None:
    arrivals, clock, under_way, _ = full()
    waits_s(arrivals, 1)
    for _ in range(100):  # 100 arrivals a second, and so 50 clients
        clock.advance(0.01)
        under_way.pop(0).over()
        under_way.append(arrivals.begin())
    told = waits_s(arrivals, 1_000)
    assert 16.0 <= sorted(told)[-1] <= 25.0
    seconds = [sum(at <= wait < at + 4 for wait in told) for at in range(0, 16, 4)]
    assert all(120 <= one <= 320 for one in seconds), seconds
    assert len(set(told)) > 900, "no two together"


def test_retry_times_are_bounded() -> None:
    arrivals, _, _, _ = full()
    told = waits_s(arrivals, CROWD)
    assert min(told) >= 0.25
    assert max(told) <= 40.0


def test_a_quiet_hour_says_nothing_about_how_fast_a_crowd_is_served() -> None:
    arrivals, clock, under_way, _ = full()
    clock.advance(3_600.0)
    under_way[0].over()
    arrivals.begin()
    assert max(waits_s(arrivals, 100)) <= 2.0


async def test_of_many_who_come_back_so_many_catch_up_and_the_others_are_refused(
    tmp_path: Path,
) -> None:
    async with delivering(tmp_path, arrivals=8) as delivery:
        await delivery.grow(5)
        delivery.store.reads.close()
        readers = [delivery.reader() for _ in range(50)]
        attaching = [asyncio.create_task(reader.attach(0)) for reader in readers]
        await delivery.store.reads.next_arrival()
        delivery.store.reads.open()
        outcomes = await asyncio.gather(*attaching, return_exceptions=True)
        refused = [one for one in outcomes if isinstance(one, Postponed)]
        assert len(refused) == 42
        let_in = [
            reader
            for reader, outcome in zip(readers, outcomes, strict=True)
            if not isinstance(outcome, BaseException)
        ]
        for reader in let_in:
            await reader.live()
            assert reader.sink.seqs == [1, 2, 3, 4, 5]
        assert not delivery.arrivals.full
        late = readers[-1]
        await late.attach(0)
        await late.live()


async def test_a_reader_that_was_live_is_never_refused(tmp_path: Path) -> None:
    async with delivering(tmp_path, arrivals=1) as delivery:
        reader = delivery.reader()
        await reader.attach()
        with delivery.arrivals.begin():
            reader.sink.room_events = 0
            await delivery.grow(3)
            assert not reader.cursor.live
            reader.drain()
            await reader.live()
            assert reader.sink.seqs == [1, 2, 3]


@pytest.mark.parametrize("how", ["congested", "gone", "failed"])
async def test_clients_that_stop_arriving_give_up_their_slot(tmp_path: Path, how: str) -> None:
    async with delivering(tmp_path, arrivals=1) as delivery:
        await delivery.grow(3)
        reader = delivery.reader()
        if how == "congested":
            reader.sink.room_events = 0
            await reader.attach(0)
        elif how == "gone":
            delivery.store.reads.close()
            attaching = asyncio.create_task(reader.attach(0))
            await delivery.store.reads.next_arrival()
            attaching.cancel()
            await asyncio.wait([attaching])
            delivery.store.reads.open()
        else:
            delivery.store.read_faults = [ThreadcastError("unavailable")]
            with pytest.raises(ThreadcastError, match="unavailable"):
                await reader.attach(0)
        await asyncio.sleep(0)
        other = delivery.reader()
        await other.attach(0)
        await other.live()
        assert other.sink.seqs == [1, 2, 3]
