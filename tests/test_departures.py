"""Users who left: only those with runs that end on disconnect cost a commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery_scene import Delivery, delivering
from store_scene import context_of, message
from threadcast.errors import OutcomeUnknown, ThreadcastError
from threadcast.store.place_units import CancelAbandoned
from threadcast.tasks import OwnedTasks
from threadcast.upkeep.departures import Departures

CROWD = [f"user-{number}" for number in range(1_200)]


def nobody(_user_id: str) -> bool:
    """Nobody has come back."""
    return False


async def leave(departures: Departures, tasks: OwnedTasks, *users: str) -> None:
    """These users leave; returns when everything that follows is done."""
    for user_id in users:
        departures.left(user_id)
    assert await tasks.finished(5.0)


async def test_only_runs_that_end_on_disconnect_are_cancelled(
    tmp_path: Path,
) -> None:
    async with delivering(tmp_path) as delivery:
        for user_id in ("user-7", "user-1199", "stays"):
            unit = message(context_of(user_id), on_disconnect="cancel")
            await delivery.journal.append(unit)
        await delivery.journal.append(message(context_of("user-8")))
        del delivery.store.batches[:]
        tasks = OwnedTasks("look")
        await leave(Departures(delivery.store, delivery.journal, tasks, nobody), tasks, *CROWD)
        assert _cancelled(delivery) == {"user-7", "user-1199"}
        ends = [(await delivery.stored(user_id))[-1].event_type for user_id in ("user-7", "stays")]
        assert ends == ["agent_cancelled", "message_created"]


async def test_the_runs_of_whoever_came_back_go_on(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        for user_id in ("ann", "bob"):
            await delivery.journal.append(message(context_of(user_id), on_disconnect="cancel"))
        tasks = OwnedTasks("look")
        departures = Departures(delivery.store, delivery.journal, tasks, "ann".__eq__)
        await leave(departures, tasks, "ann", "bob")
        assert _cancelled(delivery) == {"bob"}


async def test_users_who_left_during_an_outage_are_tried_again(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        for user_id in ("ann", "bob"):
            await delivery.journal.append(message(context_of(user_id), on_disconnect="cancel"))
        delivery.store.departure_faults = [ThreadcastError("unavailable")]
        delivery.store.faults = [OutcomeUnknown()]
        pauses_s: list[float] = []

        async def pause(pause_s: float) -> None:
            pauses_s.append(pause_s)
            departures.left("bob")

        tasks = OwnedTasks("look")
        departures = Departures(delivery.store, delivery.journal, tasks, nobody, sleep=pause)
        await leave(departures, tasks, "ann")
        assert pauses_s == [1.0, 1.0]  # after the query, and after the commit
        for user_id in ("ann", "bob"):
            assert (await delivery.stored(user_id))[-1].event_type == "agent_cancelled"


async def test_what_cannot_succeed_later_is_not_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with delivering(tmp_path) as delivery:
        await delivery.journal.append(message(context_of("ann"), on_disconnect="cancel"))
        delivery.store.faults = [ThreadcastError("forbidden")]
        del delivery.store.batches[:]
        tasks = OwnedTasks("look")
        await leave(Departures(delivery.store, delivery.journal, tasks, nobody), tasks, "ann")
        assert len(delivery.store.batches) == 1
        assert "could not be cancelled: forbidden" in caplog.text


async def test_users_who_left_are_kept_up_to_a_bound(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with delivering(tmp_path) as delivery:
        for user_id in ("ann", "bob"):
            await delivery.journal.append(message(context_of(user_id), on_disconnect="cancel"))
        tasks = OwnedTasks("look")
        departures = Departures(delivery.store, delivery.journal, tasks, nobody, users_max=1)
        await leave(departures, tasks, "ann", "ann", "bob")
        assert _cancelled(delivery) == {"ann"}
        assert caplog.text.count("runs of one of them may go on") == 1


def _cancelled(delivery: Delivery) -> set[str]:
    units = [unit for batch in delivery.store.batches for unit in batch]
    return {unit.context.user_id for unit in units if isinstance(unit, CancelAbandoned)}
