"""Several nodes on one PostgreSQL and one NATS: latency across nodes, take-over, work per node.

Every part is a process of its own on this one machine, including the database and the bus.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cluster import Cluster, Node, cluster
from nats_server import NatsServer
from postgres_server import PostgresServer
from server_process import token

from .cores import every_core
from .figures import Figure, percentile
from .scenarios import Stream
from .stores import Run
from .wire import Seen, Wire, open_wire

_AGENTS = "bench.agents:stream"
_LEASE_S = 10.0
_TAKE_OVER_RUNS = 50
_USERS = 200
_PER_SECOND = 5.0
_SECONDS = 8.0
_BUSY_USERS, _BUSY_PER_SECOND = 400, 100.0
_FIRST_EVENTS = 200
_CONNECT_AT_ONCE = 50
_FLAT_AT_MOST = 1.15
_SETTINGS = {"LOG_LEVEL": "warning", "MAX_RUNS": "5000", "LEASE_S": str(_LEASE_S)}


@dataclass(frozen=True)
class Machine:
    """What the nodes share: a database and a bus."""

    database: PostgresServer
    bus: NatsServer


def clusters(rounds: int, run: Run) -> list[Figure]:
    """All figures of clusters; medians of `rounds` for figures that take only seconds."""
    with _machine() as machine:
        figures = run(_across(machine, rounds))
        figures += run(_take_over(machine))
        figures += run(_flat(machine))
        figures += run(_busy(machine))
    return list(figures)


@contextmanager
def _machine() -> Iterator[Machine]:
    """Database and bus, which may use every core, as may nodes started meanwhile."""
    database = PostgresServer(settings={"shared_buffers": "512MB", "max_wal_size": "4GB"})
    bus = NatsServer()
    with ExitStack() as stack:
        stack.enter_context(every_core())
        stack.callback(database.close)
        stack.callback(bus.close)
        database.start()
        bus.start()
        yield Machine(database, bus)


@asynccontextmanager
async def _nodes(machine: Machine, count: int, **settings: str) -> AsyncIterator[Cluster]:
    """Start nodes; the first one alone at first, because it migrates the database."""
    with tempfile.TemporaryDirectory(prefix="threadcast-bench-") as folder:
        async with cluster(
            Path(folder),
            machine.database,
            nodes=1,
            bus=machine.bus,
            agents=_AGENTS,
            settings={**_SETTINGS, **settings},
        ) as running:
            for _ in range(count - 1):
                await running.add()
            yield running


async def _attached(node: Node, users: Sequence[str], stream: Stream) -> list[Wire]:
    """One attached connection to this node for each user."""
    slots = asyncio.Semaphore(_CONNECT_AT_ONCE)

    async def one(user: str) -> Wire:
        async with slots:
            wire = await open_wire(node.port, token(user), stream.on_event)
            await wire.ready
            caught_up = wire.expect("caught_up")
            wire.command({"command": "attach", "id": "a"})
            await caught_up
            return wire

    return list(await asyncio.gather(*(one(user) for user in users)))


def _send(wire: Wire, content: str, name: str = "only") -> None:
    wire.command(
        {"command": "send_message", "id": name, "content": content, "client_message_id": name}
    )


async def _closed(wires: Sequence[Wire]) -> None:
    for wire in wires:
        wire.transport.close()
    await asyncio.gather(*(wire.closed for wire in wires))


async def _streamed(
    senders: Sequence[Wire], readers: Sequence[Wire], *, per_second: float, seconds: float
) -> None:
    """Have every sender's agent stream until the readers have seen the end."""
    ends = [wire.expect("agent_completed") for wire in readers]
    for wire in senders:
        _send(wire, f"{per_second} {int(per_second * seconds)}")
        await asyncio.sleep(1 / per_second / len(senders))
    await asyncio.wait_for(asyncio.gather(*ends), seconds * 4 + 60)


async def _across(machine: Machine, rounds: int) -> list[Figure]:
    """Runs executed on one node and read on the other: 1,000 events/s, and single messages."""
    stream_ms: list[list[float]] = []
    first_ms: list[list[float]] = []
    for _ in range(rounds):
        async with _nodes(machine, 2) as running:
            a, b = running.nodes
            users = [f"user-{number}" for number in range(_USERS)]
            seen, ignored = Stream(), Stream()
            readers = await _attached(b, users, seen)
            senders = await _attached(a, users, ignored)
            await _streamed(senders, readers, per_second=_PER_SECOND, seconds=_SECONDS)
            _whole(seen, _USERS * int(_PER_SECOND * _SECONDS))
            stream_ms.append(seen.latencies_ms)
            first_ms.append(await _first_events(senders, readers))
            await _closed([*senders, *readers])
    note = f"from the commit on one node to a reader on the other; median of {rounds} runs"
    p50, p99 = (median(percentile(one, share) for one in stream_ms) for share in (0.5, 0.99))
    first = median(percentile(one, 0.99) for one in first_ms)
    return [
        Figure("two nodes: append to receive at 1,000 events/s, p50", p50, "ms", 3.0, note=note),
        Figure("two nodes: append to receive at 1,000 events/s, p99", p99, "ms", 15.0, note=note),
        Figure(
            "two nodes: message on A to its first event on B, p99",
            *(first, "ms", 20.0),
            note=f"from the client's send to the other client's receive, {_FIRST_EVENTS} messages",
        ),
    ]


async def _first_events(senders: Sequence[Wire], readers: Sequence[Wire]) -> list[float]:
    """Milliseconds from a message on one node to its event on the other, sequentially."""
    found = []
    for number in range(_FIRST_EVENTS):
        sender, reader = senders[number % len(senders)], readers[number % len(readers)]
        created, end = reader.expect("message_created"), reader.expect("agent_completed")
        began = time.perf_counter()
        _send(sender, "1000 1", f"first-{number}")
        await asyncio.wait_for(created, 10)
        found.append((time.perf_counter() - began) * 1000)
        await asyncio.wait_for(end, 10)
    return found


def _whole(stream: Stream, expected: int) -> None:
    if stream.received != expected or stream.holes:
        raise RuntimeError(f"{stream.received} of {expected} deltas, {stream.holes} holes")


async def _take_over(machine: Machine) -> list[Figure]:
    """Kill the node that executes the runs; the time until each of them continues."""
    async with _nodes(machine, 1, AGENTS="bench.agents:retried") as running:
        stream = Stream()
        victim = running.nodes[0]
        users = [f"user-{number}" for number in range(_TAKE_OVER_RUNS)]
        senders = await _attached(victim, users, Stream())
        for wire in senders:
            started = wire.expect("agent_started")
            _send(wire, "1 600")
            await asyncio.wait_for(started, 20)
        other = await running.add()
        readers = await _attached(other, users, stream)
        again = [wire.expect("agent_started") for wire in readers]
        began = time.perf_counter()
        await victim.kill()
        took = []

        async def one(started: asyncio.Future[Seen]) -> None:
            await asyncio.wait_for(started, _LEASE_S + 30)
            took.append(time.perf_counter() - began)

        await asyncio.gather(*map(one, again))
        await _closed(readers)
    note = f"{_TAKE_OVER_RUNS} runs, lease {_LEASE_S:g} s, from kill -9 to agent_started"
    limit = _LEASE_S + 5
    return [Figure("take-over after kill -9, p100", max(took), "s", limit, note=note)]


async def _flat(machine: Machine) -> list[Figure]:
    """The same load per node, with 1, 2 and 4 nodes: processor time per delivery."""
    costs_us = {}
    for count in (1, 2, 4):
        async with _nodes(machine, count) as running:
            costs_us[count] = await _cost_us(running)
    note = ", ".join(f"{count}: {cost:.0f} us" for count, cost in costs_us.items())
    return [
        Figure(
            f"a node's processor time for each delivered event, {count} nodes against 1",
            *(costs_us[count] / costs_us[1], "x", _FLAT_AT_MOST),
            note=f"nodes: {note}; each user reads on two devices, on neighbouring nodes",
        )
        for count in (2, 4)
    ]


async def _cost_us(running: Cluster) -> float:
    nodes = running.nodes
    streams = [Stream() for _ in nodes]
    senders: list[Wire] = []
    readers: list[Wire] = []
    for number, node in enumerate(nodes):
        users = [f"user-{number}-{one}" for one in range(100)]
        neighbour = (number + 1) % len(nodes)
        senders += await _attached(node, users, streams[number])
        readers += await _attached(nodes[neighbour], users, streams[neighbour])
    before_s = [cpu_s(node.pid) for node in nodes]
    await _streamed(senders, readers, per_second=2.0, seconds=_SECONDS)
    spent_s = sum(cpu_s(node.pid) - before for node, before in zip(nodes, before_s, strict=True))
    received = sum(stream.received for stream in streams)
    await _closed([*senders, *readers])
    return spent_s / received * 1e6


async def _busy(machine: Machine) -> list[Figure]:
    """The most that two nodes, database and bus sustain on this machine."""
    async with _nodes(machine, 2) as running:
        a, b = running.nodes
        seen = Stream()
        users = [f"user-{number}" for number in range(_BUSY_USERS)]
        half = _BUSY_USERS // 2
        wires = await _attached(a, users[:half], seen) + await _attached(b, users[half:], seen)
        await _streamed(wires, wires, per_second=_BUSY_PER_SECOND, seconds=_SECONDS)
        _whole(seen, _BUSY_USERS * int(_BUSY_PER_SECOND * _SECONDS))
        rate = seen.received / (seen.last_at - seen.first_at)
        await _closed(wires)
    offered = _BUSY_USERS * _BUSY_PER_SECOND
    return [
        Figure(
            "two nodes: durable and delivered, at least 30,000",
            *(rate, "events/s"),
            note=f"of {offered:,.0f} offered; nodes, PostgreSQL, NATS and clients share the cores",
        )
    ]


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
