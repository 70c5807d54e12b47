"""A cluster on this machine: PostgreSQL, NATS, real `threadcast serve` processes, a front.

For tests, for `scripts/prove`, `scripts/bench` and `scripts/cluster`. Every part is a process of
its own, is known by its pid and can be killed, stopped, paused and started again. With links, each
node reaches the database and the bus by relays of its own, which can be cut or frozen one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from postgres_server import PostgresServer
from server_process import ServerProcess
from server_process import token as token_of
from tcp_relay import Link, Relay

AGENTS = "promise_agents:quick"


class BusServer(Protocol):
    """The NATS server of a cluster; it has been started."""

    @property
    def port(self) -> int:
        """Where it listens on this machine."""
        ...

    def url(self) -> str:
        """The same, as THREADCAST_BUS_URL has it."""
        ...


class Node(ServerProcess):
    """One server of a cluster.

    Attributes:
        name: `node-1`, `node-2`, ...
        database_link: its way to PostgreSQL, when the cluster has links.
        bus_link: its way to NATS, when the cluster has links and a bus.
    """

    name = ""
    database_link: Link | None = None
    bus_link: Link | None = None


class Cluster:
    """Nodes that share a database, a bus and a secret; see `cluster`.

    Args:
        folder: where a folder for each node is made.
        database_url: of a schema that nobody else uses.
        bus: none: the nodes find out of each other by the head poll alone.
        agents: `module:name` of the agents of all nodes.
        links: whether each node reaches database and bus by relays of its own.
        settings: of all nodes, as THREADCAST_... variables without that prefix.
        kind: what the nodes are.

    Attributes:
        nodes: in the order of their names; dead ones too.
        front: passes connections on to the nodes that listen, one after the other.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        bus: BusServer | None = None,
        agents: str = AGENTS,
        links: bool = False,
        settings: Mapping[str, str] = MappingProxyType({}),
        kind: type[Node] = Node,
    ) -> None:
        self.nodes: list[Node] = []
        self.front = Relay(lambda: [node.port for node in self.nodes if node.port])
        self.database_url = database_url
        self.bus = bus
        self._folder = folder
        self._agents = agents
        self._links = links
        self._settings = {"DATABASE_MIGRATE": "true", **settings}  # they start at once
        self._kind = kind
        self._relays: list[Relay] = [self.front]

    @property
    def url(self) -> str:
        """Of the front."""
        return f"http://127.0.0.1:{self.front.port}"

    def token(self, user_id: str, *, scopes: Iterable[str] = ()) -> str:
        """A credential of this user for every node, good for an hour."""
        return token_of(user_id, scopes=scopes)

    async def start(self, count: int, *, port: int = 0) -> None:
        """Open the front, at this port or a free one, and start so many nodes at once.

        Raises:
            AssertionError, OSError: a node has not started, the port is taken.
        """
        await self.front.open(port)
        nodes = [await self.prepare() for _ in range(count)]
        starts = await asyncio.gather(*(node.start() for node in nodes), return_exceptions=True)
        for outcome in starts:
            if isinstance(outcome, BaseException):
                raise outcome

    async def add(self, **settings: str) -> Node:
        """Start one node more.

        Args:
            settings: of this node alone, ROLE="worker" for example.
        """
        node = await self.prepare(**settings)
        await node.start()
        return node

    async def prepare(self, **settings: str) -> Node:
        """One node more, which is not started yet; `start` or `begin` does that.

        Args:
            settings: of this node alone.
        """
        name = f"node-{len(self.nodes) + 1}"
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        database_url, database_link = await self._linked(self.database_url)
        chosen = self._settings | settings
        bus_link = None
        if self.bus is not None:
            bus_url, bus_link = await self._linked(self.bus.url())
            chosen = {"BUS_URL": bus_url, **chosen}
        node = self._kind(folder, agents=self._agents, database_url=database_url, **chosen)
        node.name, node.database_link, node.bus_link = name, database_link, bus_link
        self.nodes.append(node)
        return node

    async def _linked(self, url: str) -> tuple[str, Link | None]:
        """The same place by way of a relay, where the cluster has links."""
        if not self._links:
            return url, None
        port = port_of(url)
        relay = Relay(lambda: [port])
        await relay.open()
        self._relays.append(relay)
        return url.replace(f":{port}", f":{relay.port}"), relay

    async def close(self) -> None:
        """End every node at once and every relay; database and bus belong to whoever gave them."""
        await asyncio.gather(*(node.close() for node in self.nodes))
        await asyncio.gather(*(relay.close() for relay in self._relays))


def port_of(url: str) -> int:
    """The port in the URL of a server on this machine."""
    return int(url.rpartition("127.0.0.1:")[2].partition("/")[0])


@asynccontextmanager
async def cluster(
    folder: Path,
    database: PostgresServer,
    *,
    nodes: int,
    bus: BusServer | None = None,
    agents: str = AGENTS,
    links: bool = False,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Cluster]:
    """A cluster whose nodes listen, in a schema of its own; nothing of it outlives the block.

    Args:
        folder: must exist; each node has its log in it.
        database: runs; it and `bus` are not ended here.
        nodes: how many are started.
        bus, agents, links, settings: as `Cluster` takes them.
    """
    url = await database.new_schema()
    running = Cluster(folder, url, bus=bus, agents=agents, links=links, settings=settings)
    try:
        await running.start(nodes)
        yield running
    finally:
        await running.close()
