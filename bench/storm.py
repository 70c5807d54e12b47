"""A crowd comes back at once while others are served: what it costs those, on both stores.

The others are compared with themselves, in one server: with the crowd coming back, and with the
same crowd there but idle, before and after. So what is compared is the storm, and neither the
number of sockets nor what else the machine does. The server has a core of its own. The crowd is a
process of its own on the other one, with the measuring process, which does nothing else than read
those who are served and goes first at once (see `returning`): what the crowd's clients cost is not
the server's doing. PostgreSQL may use both cores.
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
from threadcast.stores import store_of

from .bulk import Fill, add
from .figures import Figure, percentile
from .returning import Crowd
from .scenarios import Stream, attached
from .server import Server
from .stores import Run, Start, postgres
from .wire import Wire

_CLIENTS = 5_000
_MISSED = 20
_SPREAD_S = 1.0
_HEALTHY = 100
_PER_SECOND = 5.0
_CALM_S = 6.0
_CUT_S = 2.0
_BUSY_MAX_S = 150.0
_WORSE_AT_MOST = 1.1


@dataclass(frozen=True)
class Storm:
    """One storm.

    Attributes:
        calm_ms: latencies of those who were served, with the crowd there, before it and after it.
        stormy_ms: the same, from the first that came back until the last one had caught up.
        crowd: what became of those who came back.
    """

    calm_ms: list[float]
    stormy_ms: list[float]
    crowd: Crowd


async def storm(server: Server) -> Storm:
    """Serve some clients beside a crowd, which loses its connections and comes back."""
    stream = Stream()
    async with _crowd(server) as crowd:
        await _line(crowd)
        await _next(crowd)  # it is there before anybody else, so nobody holds it back
        wires = await _streaming(server, stream)
        before_ms = await _calm_ms(stream)
        await _next(crowd)  # its connections are cut
        await asyncio.sleep(_CUT_S)
        stream.latencies_ms.clear()
        came_back = await _next(crowd)
        stormy_ms = list(stream.latencies_ms)
        after_ms = await _calm_ms(stream)
    for wire in wires:
        wire.transport.close()
    await asyncio.gather(*(wire.closed for wire in wires))
    if stream.holes:
        raise RuntimeError(f"{stream.holes} holes")
    return Storm(before_ms + after_ms, stormy_ms, msgspec.json.decode(came_back, type=Crowd))


async def _streaming(server: Server, stream: Stream) -> list[Wire]:
    """Clients that are each streamed to, evenly."""
    wires = await attached(server, [f"healthy-{number}" for number in range(_HEALTHY)], stream)
    content = f"{_PER_SECOND} {int(_PER_SECOND * _BUSY_MAX_S)}"
    for wire in wires:
        wire.command(
            {"command": "send_message", "id": "m", "content": content, "client_message_id": "only"}
        )
        await asyncio.sleep(1 / _PER_SECOND / _HEALTHY)
    return wires


async def _calm_ms(stream: Stream) -> list[float]:
    """Latencies of some seconds in which the crowd does nothing."""
    await asyncio.sleep(1.0)  # the last one has begun or come just now
    stream.latencies_ms.clear()
    await asyncio.sleep(_CALM_S)
    return list(stream.latencies_ms)


@asynccontextmanager
async def _crowd(server: Server) -> AsyncIterator[Process]:
    """The crowd's process; it is ended on every path out."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.returning", str(server.port), str(_CLIENTS), str(_SPREAD_S)),
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


async def _next(process: Process) -> bytes:
    """Have the crowd do what comes next; what it says when that is done."""
    assert process.stdin is not None
    process.stdin.write(b"\n")
    return await _line(process)


async def _line(process: Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the crowd did not come back")
    return line


def storms(start: Start, run: Run) -> list[Figure]:
    """One storm on SQLite and one on PostgreSQL; its clients are many enough to be a sample.

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
    """Give everyone of the crowd a journal."""
    store = store_of(Settings(database_url=url, jwt_secret="x" * 32), SystemClock())
    await store.open()  # makes the tables
    await store.close()
    await add(url, Fill(first=0, users=_CLIENTS, threads=_MISSED, events=1))


def _told(name: str, found: Storm) -> list[Figure]:
    calm, stormy = percentile(found.calm_ms, 0.99), percentile(found.stormy_ms, 0.99)
    half_s = percentile(found.crowd.caught_up_s, 0.5)
    crowd = f"{_CLIENTS:,} clients within {_SPREAD_S:g} s, {_MISSED} missed events each"
    halves = f"p50 {percentile(found.stormy_ms, 0.5):.1f} ms against"
    halves += f" {percentile(found.calm_ms, 0.5):.1f} ms"
    return [
        Figure(
            f"{name}: p99 of {_HEALTHY} healthy clients while a crowd comes back, against calm",
            *(stormy / calm, "x", _WORSE_AT_MOST),
            note=f"p99 {stormy:.1f} ms against {calm:.1f} ms, {halves}; {crowd}",
        ),
        Figure(
            f"{name}: until the last of the crowd has caught up",
            *(found.crowd.all_back_s, "s"),
            note=f"half of them within {half_s:.1f} s; {found.crowd.refused:,} times told to come"
            f" again, {found.crowd.cut:,} times cut",
        ),
    ]


@contextmanager
def files() -> Iterator[Callable[[], str]]:
    """Gives the URLs of new SQLite files."""
    names = count(1)
    with tempfile.TemporaryDirectory(prefix="threadcast-bench-") as folder:
        yield lambda: f"sqlite:///{folder}/{next(names)}.db"
