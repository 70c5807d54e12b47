"""A reconnect storm: what it costs the readers that stay connected, on both stores.

Their latency during the storm is compared with their latency before and after it, on the same
server, while the clients of the storm are connected and idle. So neither the number of sockets nor
the speed of the machine matters. The server has one core to itself. The clients of the storm are a
process on the other core, and get only what the measuring process leaves (see `storm_clients`): the
clients' own cost is not the server's. PostgreSQL may use both cores.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec

from threadcast.clock import SystemClock
from threadcast.settings import Settings
from threadcast.store.choice import store_of

from .bulk import Fill, add
from .figures import Figure, percentile
from .scenarios import Stream, attached
from .server import Server
from .stores import Run, Start, postgres
from .storm_clients import StormResult
from .wire import Wire

_CLIENTS = 5_000
_MISSED = 20
_SPREAD_S = 1.0
_HEALTHY = 100
_PER_SECOND = 5.0
_CALM_S = 15.0  # the p99 of a shorter time varies too much to compare with
_CUT_S = 2.0
_BUSY_MAX_S = 150.0
_WORSE_AT_MOST = 1.1


@dataclass(frozen=True)
class Storm:
    """One storm.

    Attributes:
        calm_ms: latencies of the healthy readers before and after it, with all clients connected.
        stormy_ms: the same, from the first reconnect until the last client had caught up.
        result: of the reconnecting clients.
    """

    calm_ms: list[float]
    stormy_ms: list[float]
    result: StormResult


async def storm(server: Server) -> Storm:
    """Stream to healthy readers while the other clients disconnect and reconnect."""
    stream = Stream()
    async with _clients(server) as clients:
        await _line(clients)
        await _next_step(clients)  # connect; the budget does not apply without other readers
        wires = await _streaming(server, stream)
        before_ms = await _calm_ms(stream)
        await _next_step(clients)  # disconnect
        await asyncio.sleep(_CUT_S)
        stream.latencies_ms.clear()
        result = await _next_step(clients)  # reconnect
        stormy_ms = list(stream.latencies_ms)
        after_ms = await _calm_ms(stream)
    for wire in wires:
        wire.transport.close()
    await asyncio.gather(*(wire.closed for wire in wires))
    if stream.holes:
        raise RuntimeError(f"{stream.holes} holes")
    return Storm(before_ms + after_ms, stormy_ms, msgspec.json.decode(result, type=StormResult))


async def _streaming(server: Server, stream: Stream) -> list[Wire]:
    """The healthy readers; the starts of their streams are spread evenly."""
    wires = await attached(server, [f"healthy-{number}" for number in range(_HEALTHY)], stream)
    content = f"{_PER_SECOND} {int(_PER_SECOND * _BUSY_MAX_S)}"
    for wire in wires:
        wire.command(
            {"command": "send_message", "id": "m", "content": content, "client_message_id": "only"}
        )
        await asyncio.sleep(1 / _PER_SECOND / _HEALTHY)
    return wires


async def _calm_ms(stream: Stream) -> list[float]:
    """Latencies while the other clients are idle."""
    await asyncio.sleep(1.0)  # until the last stream or client has settled
    stream.latencies_ms.clear()
    await asyncio.sleep(_CALM_S)
    return list(stream.latencies_ms)


@asynccontextmanager
async def _clients(server: Server) -> AsyncIterator[Process]:
    """The process of the reconnecting clients; it always ends with the block."""
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "bench.storm_clients",
            str(server.port),
            str(_CLIENTS),
            str(_SPREAD_S),
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
        limit=2**20,
    )
    try:
        yield process
        await process.communicate(b"\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _next_step(process: Process) -> bytes:
    """Start the clients' next step; returns its line once the step is done."""
    assert process.stdin is not None
    process.stdin.write(b"\n")
    return await _line(process)


async def _line(process: Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the process of the clients ended early")
    return line


def storms(start: Start, run: Run) -> list[Figure]:
    """One storm on SQLite and one on PostgreSQL; one has enough clients to be a sample.

    Args:
        start: starts a server with further settings.
        run: runs a coroutine to its end.
    """
    figures = []
    for name, databases in (("SQLite", files()), ("PostgreSQL", postgres(run))):
        with databases as new_database:
            url = new_database()
            run(_fill(url))
            with start(database_url=url, log_level="warning", max_runs="2000") as server:
                found = run(storm(server))
        figures += _told(name, found)
    return figures


async def _fill(url: str) -> None:
    """Give every reconnecting client a journal."""
    store = store_of(Settings(database_url=url, jwt_secret="x" * 32), SystemClock())
    await store.open()  # makes the tables
    await store.close()
    await add(url, Fill(first=0, users=_CLIENTS, threads=_MISSED, events=1))


def _told(name: str, found: Storm) -> list[Figure]:
    calm, stormy = percentile(found.calm_ms, 0.99), percentile(found.stormy_ms, 0.99)
    half_s = percentile(found.result.caught_up_s, 0.5)
    load = f"{_CLIENTS:,} clients within {_SPREAD_S:g} s, {_MISSED} missed events each"
    halves = f"p50 {percentile(found.stormy_ms, 0.5):.1f} ms against"
    halves += f" {percentile(found.calm_ms, 0.5):.1f} ms"
    return [
        Figure(
            f"{name}: p99 of {_HEALTHY} healthy clients in a reconnect storm, against calm",
            *(stormy / calm, "x", _WORSE_AT_MOST),
            note=f"p99 {stormy:.1f} ms against {calm:.1f} ms, {halves}; {load}",
        ),
        Figure(
            f"{name}: until the last reconnecting client has caught up",
            *(found.result.all_caught_up_s, "s"),
            note=f"half of them within {half_s:.1f} s; {found.result.refused:,} attempts told to"
            f" retry, {found.result.cut:,} cut",
        ),
    ]


@contextmanager
def files() -> Iterator[Callable[[], str]]:
    """Returns URLs of new SQLite files."""
    names = count(1)
    with tempfile.TemporaryDirectory(prefix="threadcast-bench-") as folder:
        yield lambda: f"sqlite:///{folder}/{next(names)}.db"
