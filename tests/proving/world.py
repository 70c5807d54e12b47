"""One cluster with people on it, and what they saw: where faults are injected and judged.

The clusters' parts are real processes. Everything that chance decides comes from one seed: which
fault, when, for how long, who says what. How the machine schedules the processes is not repeated.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import Cluster
from history_client import History, at_rest
from nats_proxy import NatsProxy
from nats_server import NatsServer
from postgres_server import PostgresServer
from proving.devices import Device
from proving.library_device import LibraryDevice
from proving.network import BUS, DATABASE, Network, NetworkedCluster, moved
from proving.nodes import ProvedNode
from threadcast.clock import SystemClock
from threadcast.store.postgres import PostgresStore
from threadcast.store.stored_runs import LAST_LIVE
from threadcast.testing.history import Receive, decode_history

AGENTS = ",".join(f"proving.agents:{name}" for name in ("stream", "question", "fragile"))
LEASE_S = 2.0
NODES_MAX = 5
_LOOK_EVERY_S, _DELIVERY_MAX_S = 0.1, 1.0
_SETTINGS = {
    "LEASE_S": str(LEASE_S),
    "HEAD_POLL_S": "0.2",
    "ATTEMPTS_MAX": "100",
    "DRAIN_S": "1",
    "COMPACT_AFTER_S": "86400",  # the checker wants whole journals
    "LOG_LEVEL": "warning",
}


class Bus:
    """A NATS of a world's own, and the proxy through which all nodes reach it.

    Args:
        seed: of what the proxy does to which message.
        networked: whether nodes are in other networks; they pass the proxy by then.
    """

    def __init__(self, seed: int, *, networked: bool = False) -> None:
        self._networked = networked
        self.server = NatsServer(host="0.0.0.0" if networked else "127.0.0.1")
        self.proxy = NatsProxy(self.server.port, seed)

    @property
    def port(self) -> int:
        """Of the proxy."""
        return self.proxy.port

    def url(self) -> str:
        """As nodes reach it."""
        if self._networked:
            return moved(self.server.url(), BUS)
        return self.server.url(port=self.port)

    async def open(self) -> None:
        """Start both."""
        await asyncio.to_thread(self.server.start)
        await self.proxy.open()

    async def close(self) -> None:
        """End both."""
        await self.proxy.close()
        await asyncio.to_thread(self.server.close)


@dataclass(frozen=True)
class Sizes:
    """How large a world is, and how long its faults last.

    Attributes:
        nodes: how many it has in the beginning.
        users: how many people.
        senders: devices of each that send, beside one that only reads and one that is a program.
        away_max_s: the longest time that a part stays away, seconds.
        rest_max_s: the longest time until all is quiet after the last fault healed, seconds.
        work_max_s: the longest time between two faults, seconds.
    """

    nodes: int = 3
    users: int = 3
    senders: int = 2
    away_max_s: float = 30.0
    rest_max_s: float = 180.0  # on a machine that does much else
    work_max_s: float = 1.0


class World:
    """See the module.

    Args:
        folder: for the nodes and the history.
        postgres: runs, and is nobody else's; faults stop it.
        bus: runs, and is nobody else's.
        dice: decide everything.
        sizes: how large it is.
        network: the nodes' networks; None: they reach everything through relays.
        older: the source that nodes run at first; None: the current one.

    Attributes:
        struck: how often each fault was injected.
        healed_s: how long it took until all was quiet.
    """

    def __init__(
        self,
        folder: Path,
        postgres: PostgresServer,
        bus: Bus,
        dice: random.Random,
        sizes: Sizes,
        network: Network | None = None,
        older: Path | None = None,
    ) -> None:
        self._network = network
        self.older = older
        self.folder = folder
        self.postgres = postgres
        self.bus = bus
        self.dice = dice
        self.sizes = sizes
        self.history = History()
        self.struck: Counter[str] = Counter()
        self.healed_s = 0.0
        self.users = [f"user-{number}" for number in range(sizes.users)]
        self.programs = [self._program(user) for user in self.users]
        self.devices = [device for user in self.users for device in self._devices(user)]
        self.cluster: Cluster = None  # type: ignore[assignment]  # until `inhabited`

    def _program(self, user: str) -> LibraryDevice:
        return LibraryDevice(self.history, user, f"{user}-program", self.own_dice())

    def _devices(self, user: str) -> list[Device]:
        names = [f"{user}-{number}" for number in range(self.sizes.senders)]
        of_user = [Device(self.history, user, name, self.own_dice(), sends=True) for name in names]
        of_user.append(Device(self.history, user, f"{user}-reader", self.own_dice(), sends=False))
        return of_user

    def own_dice(self) -> random.Random:
        """Dice for one part, so that its throws do not depend on when others throw theirs."""
        return random.Random(self.dice.randrange(2**32))

    # --- for faults ----------------------------------------------------------------------------

    @asynccontextmanager
    async def troubled_node(self) -> AsyncIterator[ProvedNode]:
        """One running node that no other fault has, for the time of the block."""
        free = [node for node in self.nodes if not node.troubled]
        node = self.dice.choice(free)
        node.troubled = True
        try:
            yield node
        finally:
            node.troubled = False

    async def start_node(self) -> None:
        """One node more; no fault has it before it listens."""
        await self._started(await self._prepared())

    async def _prepared(self) -> ProvedNode:
        node = await self.cluster.prepare()
        assert isinstance(node, ProvedNode)
        node.source = self.older
        return node

    async def _started(self, node: ProvedNode) -> None:
        node.troubled = True
        await node.start_again()
        node.troubled = False

    @property
    def nodes(self) -> list[ProvedNode]:
        """Those that run, or will again."""
        return [node for node in self.cluster.nodes if isinstance(node, ProvedNode) and node.port]

    async def last(self, least_s: float, most_s: float) -> None:
        """Let a fault last for a time between these, as the dice say."""
        await asyncio.sleep(self.dice.uniform(least_s, min(most_s, self.sizes.away_max_s)))

    async def at_work(self) -> None:
        """Return when each person has had a message accepted; faults before show nothing."""
        senders = [one for one in self.devices if one.eager]
        await self.history.until(
            lambda: all(one.accepted_seq for one in senders), max_s=self.sizes.rest_max_s
        )

    async def some_work(self, dice: random.Random) -> None:
        """Return when so much more has been done, or when it is time for a fault."""
        enough = len(self.history.records) + dice.randrange(50, 1_500)
        with suppress(TimeoutError):
            await self.history.until(
                lambda: len(self.history.records) >= enough, max_s=self.sizes.work_max_s
            )

    # --- its life ------------------------------------------------------------------------------

    @asynccontextmanager
    async def inhabited(self) -> AsyncIterator[None]:
        """Nodes listen, and people are at work; after the block no process is left."""
        self.cluster = self._cluster(await self.postgres.new_schema())
        tasks: list[asyncio.Task[None]] = []
        try:
            await self.cluster.start(0)
            nodes = [await self._prepared() for _ in range(self.sizes.nodes)]
            await asyncio.gather(*(self._started(node) for node in nodes))
            up = asyncio.Event()
            up.set()
            tasks += [asyncio.create_task(one.run(self._any_port, up)) for one in self.devices]
            tasks += [asyncio.create_task(one.run(self.cluster.url)) for one in self.programs]
            yield
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await self.cluster.close()
        faults = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
        assert not faults, faults

    def _cluster(self, url: str) -> Cluster:
        if self._network is None:
            return Cluster(self.folder, url, links=True, **self._nodes_are)
        networked = NetworkedCluster(self.folder, moved(url, DATABASE), **self._nodes_are)
        networked.network = self._network
        return networked

    @property
    def _nodes_are(self) -> dict[str, Any]:
        return {"bus": self.bus, "agents": AGENTS, "settings": _SETTINGS, "kind": ProvedNode}

    def _any_port(self) -> int:
        return self.dice.choice(self.nodes).port

    async def come_to_rest(self) -> None:
        """Let nobody begin anything new, and wait until all have all; for a bounded time."""
        people: list[Device | LibraryDevice] = [*self.devices, *self.programs]
        for one in people:
            one.eager = False
        started = asyncio.get_running_loop().time()
        with suppress(TimeoutError):  # the checker says who did not get there
            async with asyncio.timeout(self.sizes.rest_max_s):
                await self._all_runs_ended()
                await self.history.until(
                    lambda: at_rest(people) and all(one.settled for one in people),
                    max_s=self.sizes.rest_max_s,
                )
        self.healed_s = asyncio.get_running_loop().time() - started

    async def _all_runs_ended(self) -> None:
        """Wait until no run is live; people who were reset do not know of all."""
        while True:
            rows = await self.sql("SELECT count(*) FROM runs WHERE status <= $1", LAST_LIVE)
            if not rows[0][0]:
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def all_delivered(self) -> None:
        """Return when no event has come to anybody for a while; no database may run."""
        before = -1
        while True:
            now = self.history.count(Receive)
            if now == before:
                return
            before = now
            await asyncio.sleep(_DELIVERY_MAX_S)

    async def sql(self, statement: str, *arguments: Any) -> list[Any]:
        """Run SQL on the nodes' schema, past row-level security."""
        schema = self.cluster.database_url.rpartition("=")[2]
        return await self.postgres.run(statement, *arguments, search_path=schema)

    async def add_what_was_stored(self) -> None:
        """Add to the history what agents wrote down and what the journals have."""
        for path in sorted(self.folder.glob("node-*/emissions-*.jsonl")):
            for record in decode_history(path.read_bytes().splitlines()):
                self.history.add(record)
        store = PostgresStore(self.cluster.database_url, clock=SystemClock())
        await self.history.add_journals_of(store, self.users)
