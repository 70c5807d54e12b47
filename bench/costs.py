"""The cost of a cluster by part: CPU time and memory of node, PostgreSQL and NATS.

Capacity plans are made from these figures (docs/explanation/scaling.md). Processor time is
measured, not wall time, so that they hold on a busy machine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nats_server import NatsServer
from postgres_server import PostgresServer

from .figures import Figure
from .scenarios import Stream, attached, attached_and_gone, streaming
from .server import Server
from .stores import Run, Start, metrics_of

_IDLE_CONNECTIONS = 2_000
_IDLE_S = 20.0
_STREAM_S = 8.0
_LOADS = ((200, 1.0), (200, 5.0), (200, 25.0))
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Spent:
    """Processor time used by the parts, in seconds."""

    node: float
    postgres: float
    nats: float

    def since(self, before: Spent) -> Spent:
        """What was used since an earlier reading."""
        return Spent(
            self.node - before.node, self.postgres - before.postgres, self.nats - before.nats
        )

    def each(self, count: float) -> str:
        """As microseconds per item."""
        parts = (("node", self.node), ("PostgreSQL", self.postgres), ("NATS", self.nats))
        return ", ".join(f"{name} {seconds / count * 1e6:.0f} us" for name, seconds in parts)

    @property
    def total(self) -> float:
        """The sum of all parts."""
        return self.node + self.postgres + self.nats


class Parts:
    """One node with a PostgreSQL and a NATS of its own."""

    def __init__(self, server: Server, postgres: PostgresServer, nats: NatsServer) -> None:
        self.server = server
        self._postgres = postgres
        self.nats = nats

    def spent(self) -> Spent:
        """Processor time used until now."""
        return Spent(self.server.cpu_s(), _family_cpu_s(self._postgres.pid), _cpu_s(self.nats.pid))

    async def stored_bytes(self, schema: str) -> tuple[int, int]:
        """The number of stored events, and the size of their table with its indexes."""
        [row] = await self._postgres.run(
            f"SELECT count(*), pg_total_relation_size($1::regclass) FROM {schema}.events",
            f"{schema}.events",
        )
        return row[0], row[1]


def costs(start: Start, run: Run) -> list[Figure]:
    """Idle connections, streams at three rates, and the bytes stored for them.

    Args:
        start: starts a server with further settings.
        run: runs a coroutine to its end.
    """
    figures: list[Figure] = []
    with _parts(start, run) as (parts, _):
        figures += run(_idle(parts))
    for users, per_second in _LOADS:
        with _parts(start, run) as (parts, schema):
            figures += run(_stream(parts, users, per_second))
            events, size_bytes = run(parts.stored_bytes(schema))
    note = f"{events:,} events, most of them short pieces of text, with the index"
    return [*figures, Figure("stored for each event", size_bytes / events, "bytes", note=note)]


@contextmanager
def _parts(start: Start, run: Run) -> Iterator[tuple[Parts, str]]:
    with ExitStack() as stack:
        postgres, nats = PostgresServer(settings={"shared_buffers": "512MB"}), NatsServer()
        stack.callback(postgres.close)
        stack.callback(nats.close)
        postgres.start()
        nats.start()
        url = str(run(postgres.new_schema()))
        settings = {"database_url": url, "bus_url": nats.url(), "max_runs": "2000"}
        server = stack.enter_context(start(**settings))
        yield Parts(server, postgres, nats), url.rpartition("=")[2]


async def _idle(parts: Parts) -> list[Figure]:
    """One idle, attached connection for each user."""
    await attached_and_gone(parts.server, 100)
    node_bytes, nats_bytes = parts.server.resident_bytes(), _resident_bytes(parts.nats.pid)
    users = [f"idle-{number}" for number in range(_IDLE_CONNECTIONS)]
    wires = await attached(parts.server, users, Stream())
    await asyncio.sleep(1.0)
    node_bytes = parts.server.resident_bytes() - node_bytes
    nats_bytes = _resident_bytes(parts.nats.pid) - nats_bytes
    before = parts.spent()
    await asyncio.sleep(_IDLE_S)
    spent = parts.spent().since(before)
    for wire in wires:
        wire.transport.close()
    await asyncio.gather(*(wire.closed for wire in wires))
    note = f"{_IDLE_CONNECTIONS:,} connections of as many users"
    return [
        Figure(
            "memory of a node, each idle connection", node_bytes / len(wires), "bytes", note=note
        ),
        Figure("memory of NATS, each user of a node", nats_bytes / len(wires), "bytes", note=note),
        Figure(
            "processor time of an idle connection, each second",
            *(spent.total / len(wires) / _IDLE_S * 1e6, "us"),
            note=f"{spent.each(len(wires) * _IDLE_S)}; pings and the head poll",
        ),
    ]


async def _stream(parts: Parts, users: int, per_second: float) -> list[Figure]:
    """Streaming runs, each with one reader."""
    before, counted = parts.spent(), await asyncio.to_thread(metrics_of, parts.server.port)
    await streaming(parts.server, users=users, per_second=per_second, seconds=_STREAM_S)
    after = await asyncio.to_thread(metrics_of, parts.server.port)
    spent = parts.spent().since(before)
    events = after["threadcast_events_total"] - counted["threadcast_events_total"]
    name = "threadcast_commit_seconds_count"
    commits = after[name] - counted[name]
    load = f"{users * per_second:,.0f} events/s"
    note = f"{events:,.0f} events in {commits:,.0f} commits, {events / commits:.1f} in each"
    return [
        Figure(
            f"processor time of an event at {load}",
            *(spent.total / events * 1e6, "us"),
            note=f"{spent.each(events)}; stored and delivered to one reader; {note}",
        ),
        Figure(
            f"processor time of a commit at {load}",
            *(spent.total / commits * 1e6, "us"),
            note=spent.each(commits),
        ),
    ]


def _cpu_s(pid: int, *, with_ended_children: bool = False) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if with_ended_children else 13])) / _TICKS_PER_S


def _family_cpu_s(pid: int) -> float:
    """Processor time of a process and its children, including ended ones."""
    total = _cpu_s(pid, with_ended_children=True)
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            total += _cpu_s(int(child))
        except FileNotFoundError:  # it has just ended and is counted with its parent
            continue
    return total


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
