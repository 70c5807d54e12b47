"""The buses of one process and of many: one contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from bus_contract import BusContract
from bus_scene import End, nats_buses
from nats_server import NatsServer
from threadcast.bus import LocalBus, RunSignal, RunsWaiting


class TestLocal(BusContract):
    """Every node is the same one."""

    @pytest.fixture
    async def ends(self) -> AsyncIterator[tuple[End, End]]:
        """One end, as both."""
        bus = LocalBus()
        await bus.open()
        end = End(bus)
        yield end, end
        await bus.close()


class TestNats(BusContract):
    """Two nodes over a real server."""

    @pytest.fixture
    async def ends(self, nats_server: NatsServer) -> AsyncIterator[tuple[End, End]]:
        """Two ends."""
        async with nats_buses() as nats:
            yield await nats.end(nats_server.url()), await nats.end(nats_server.url(), "node_b")


async def test_runs_that_a_node_has_no_room_for_are_told_to_one_other(
    nats_server: NatsServer,
) -> None:
    async with nats_buses() as nats:
        names = ("node_a", "node_b", "node_c")
        here, *others = [await nats.end(nats_server.url(), name) for name in names]
        gateway = nats.bus(nats_server.url(), "node_d", executes_runs=False)
        told = End(gateway)
        await gateway.open()
        for _ in range(40):
            here.bus.publish(RunsWaiting(2))
        for other, name in zip(others, names[1:], strict=True):
            signal = RunSignal("run", name)  # comes after all that was sent before it
            here.bus.publish(signal)
            await other.until(partial(other.heard.__contains__, signal))
        counts = [other.heard.count(RunsWaiting(2)) for other in others]
        await gateway.close()
    assert sum(counts) == 40
    assert min(counts) > 0  # NATS chooses by chance: all to one of two is one in 2**39
    assert RunsWaiting(2) not in here.heard + told.heard
