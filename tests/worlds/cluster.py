"""A cluster on this machine: PostgreSQL, NATS, real `threadcast serve` processes, a front.

For tests, `scripts/prove`, `scripts/bench` and `scripts/cluster`. Every part is a process of its
own, with a known pid, that can be killed, stopped, paused and restarted. With links, each node
reaches the database and the bus through relays of its own, which can be cut or frozen one by one.
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
    """The running NATS server of a cluster."""

    @property
    def port(self) -> int:
        """Its port on this machine."""
        ...

    def url(self) -> str:
        """The value for THREADCAST_BUS_URL."""
        ...


class Node(ServerProcess):
    """One server of a cluster.

    Attributes:
        name: `node-1`, `node-2`, ...
        database_link: its relay to PostgreSQL, if the cluster has links.
        bus_link: its relay to NATS, if the cluster has links and a bus.
    """

    name = ""
    database_link: Link | None = None
    bus_link: Link | None = None


class Cluster:
    """Nodes that share a database, a bus and a secret; see `cluster`.

    Args:
        folder: parent of a folder for each node.
        database_url: of an otherwise unused schema.
        bus: None: the nodes learn of commits only by head polls.
        agents: `module:name` of the agents of all nodes.
        links: whether each node reaches database and bus through relays of its own.
        settings: of all nodes, THREADCAST_... variables without the prefix.
        kind: the class of the nodes.

    Attributes:
        nodes: in the order of their names, including dead ones.
        front: distributes connections round-robin over the nodes that listen.
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
        self._settings = {"DATABASE_MIGRATE": "true", **settings}  # they start together
        self._kind = kind
        self._relays: list[Relay] = [self.front]

    @property
    def url(self) -> str:
        """The URL of the front."""
        return f"http://127.0.0.1:{self.front.port}"

    def token(self, user_id: str, *, scopes: Iterable[str] = ()) -> str:
        """A token of this user for every node, valid for an hour."""
        return token_of(user_id, scopes=scopes)

    async def start(self, count: int, *, port: int = 0) -> None:
        """Open the front, at this port or a free one, and start `nodes` nodes together.

        Raises:
            AssertionError, OSError: a node did not start, or the port is taken.
        """
        await self.front.open(port)
        nodes = [await self.prepare() for _ in range(count)]
        starts = await asyncio.gather(*(node.start() for node in nodes), return_exceptions=True)
        for outcome in starts:
            if isinstance(outcome, BaseException):
                raise outcome

    async def add(self, **settings: str) -> Node:
        """Start one more node.

        Args:
            settings: of this node alone, ROLE="worker" for example.
        """
        node = await self.prepare(**settings)
        await node.start()
        return node

    async def prepare(self, **settings: str) -> Node:
        """One more node, not started yet: call `start` or `begin`.

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
        """The same address through a relay, if the cluster has links."""
        if not self._links:
            return url, None
        port = port_of(url)
        relay = Relay(lambda: [port])
        await relay.open()
        self._relays.append(relay)
        return url.replace(f":{port}", f":{relay.port}"), relay

    async def close(self) -> None:
        """Kill every node and close every relay, but not the database and the bus."""
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
    """A cluster whose nodes listen, in a schema of its own; all of it ends with the block.

    Args:
        folder: must exist; has each node's log.
        database: running; it and `bus` are not stopped here.
        nodes: how many to start.
        bus, agents, links, settings: see `Cluster`.
    """
    url = await database.new_schema()
    running = Cluster(folder, url, bus=bus, agents=agents, links=links, settings=settings)
    try:
        await running.start(nodes)
        yield running
    finally:
        await running.close()
