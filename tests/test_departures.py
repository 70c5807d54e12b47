"""Users who left: only those with runs that end on disconnect cost a commit."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from delivery_scene import Delivery, delivering
from store_scene import context_of, message
from threadcast.store.place_units import CancelAbandoned
from threadcast.store.sqlite import SqliteStore
from threadcast.tasks import OwnedTasks
from threadcast.upkeep.departures import Departures

CROWD = [f"user-{number}" for number in range(1_200)]


def nobody(_user_id: str) -> bool:
    """Nobody has come back."""
    return False


async def leave(departures: Departures, tasks: OwnedTasks, *users: str) -> None:
    """These users leave; returns when everything that follows was submitted."""
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
        await delivery.journal.drained()
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
        await delivery.journal.drained()
        assert _cancelled(delivery) == {"bob"}


async def test_an_outage_of_the_store_does_not_block_later_departures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with delivering(tmp_path) as delivery:
        await delivery.journal.append(message(context_of("ann"), on_disconnect="cancel"))
        tasks = OwnedTasks("look")
        closed = SqliteStore(tmp_path / "closed.db", clock=delivery.clock)
        await closed.open()
        await closed.close()
        with caplog.at_level(logging.WARNING):
            await leave(Departures(closed, delivery.journal, tasks, nobody), tasks, "bob")
        assert "could not be looked for: unavailable" in caplog.text
        await leave(
            Departures(delivery.store, delivery.journal, tasks, nobody), tasks, "bob", "ann"
        )
        assert _cancelled(delivery) == {"ann"}


def _cancelled(delivery: Delivery) -> set[str]:
    units = [unit for batch in delivery.store.batches for unit in batch]
    return {unit.context.user_id for unit in units if isinstance(unit, CancelAbandoned)}
