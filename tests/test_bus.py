"""The buses of one process and of many: one contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bus_contract import BusContract
from bus_scene import End, nats_buses
from nats_server import NatsServer
from threadcast.bus import LocalBus


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
