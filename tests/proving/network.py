"""Lossy networks: each node is in a network namespace of its own, behind a router.

A relay ends connections, or delays data and delivers it eventually. A real network loses packets
silently, until the kernels of both sides retransmit or time out. So here faults tell a router which
packets to drop. PostgreSQL and NATS are in this process's network, which nothing else on the
machine can reach.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from cluster import Cluster
from proving.namespaces import Namespace, ip
from proving.nodes import ProvedNode
from tcp_relay import Link

NETWORK = "10.77.0.0/16"
DATABASE, BUS, HOME = "10.77.0.2", "10.77.0.3", "10.77.0.4"  # the last one is of the nodes' hosts
_ROUTER = "10.77.0.1"


class PacketLink:
    """The route of one node to one server through the router; see `Link`.

    Args:
        router: where its packets are dropped or rejected.
        node, server: addresses.
    """

    def __init__(self, router: Namespace, node: str, server: str) -> None:
        self._router = router
        self._requests = f"from {node} to {server}"
        self._answers = f"from {server} to {node}"
        self._rules: list[str] = []

    async def cut(self) -> None:
        """Let the router reject each packet, so that new connections fail."""
        await asyncio.to_thread(
            self._rule, [f"{self._requests} prohibit", f"{self._answers} prohibit"]
        )

    def freeze(self, *, requests: bool = True, answers: bool = True) -> None:
        """Drop packets silently, in one direction or both."""
        lost = [(self._requests, requests), (self._answers, answers)]
        self._rule([f"{packets} blackhole" for packets, chosen in lost if chosen])

    def mend(self) -> None:
        """Forward packets again; each side retransmits what it has not given up."""
        rules, self._rules = self._rules, []
        self._router.ip(f"rule del {rule}" for rule in rules)

    def _rule(self, rules: Sequence[str]) -> None:
        self._rules += rules
        self._router.ip(f"rule add {rule}" for rule in rules)


class Network:
    """The router and a network for each node; requires `leave_network`."""

    def __init__(self) -> None:
        self._router = Namespace()
        self._router.forward()
        ip(
            None,
            (
                f"link add services type veth peer name services netns {self._router.pid}",
                *(f"address add {one}/24 dev services" for one in (DATABASE, BUS, HOME)),
                "link set services up",
            ),
        )
        self._router.ip((f"address add {_ROUTER}/24 dev services", "link set services up"))
        ip(None, (f"route add {NETWORK} via {_ROUTER}",))
        self._of_nodes: list[Namespace] = []

    def add_node(self) -> tuple[Path, Link, Link]:
        """A network for one more node, with its links to the database and the bus."""
        own = Namespace()
        self._of_nodes.append(own)
        number = len(self._of_nodes)
        name, gateway, address = f"node{number}", f"10.77.{number}.1", f"10.77.{number}.2"
        self._router.ip(
            (
                f"link add {name} type veth peer name gate netns {own.pid}",
                f"address add {gateway}/24 dev {name}",
                f"link set {name} up",
            )
        )
        own.ip((f"address add {address}/24 dev gate", "link set gate up"))
        own.ip((f"route add default via {gateway}",))
        database, bus = (PacketLink(self._router, address, one) for one in (DATABASE, BUS))
        return own.path, database, bus

    def close(self) -> None:
        """Release all networks."""
        ip(None, ("link del services",))
        for one in (*self._of_nodes, self._router):
            one.close()


class NetworkedCluster(Cluster):
    """A cluster whose nodes are in networks of their own; see `moved` for URLs."""

    network: Network

    async def prepare(self, **settings: str) -> ProvedNode:
        """See `Cluster.prepare`."""
        node = await super().prepare(HOST=HOME, **settings)
        assert isinstance(node, ProvedNode)
        node.namespace, node.database_link, node.bus_link = self.network.add_node()
        return node


def moved(url: str, address: str) -> str:
    """The URL of a server on this machine, with another of its addresses."""
    return url.replace("@127.0.0.1:", f"@{address}:")
