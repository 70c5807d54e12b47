"""A crowd comes back at once while others are served: what it costs those, on both stores."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import msgspec

from .figures import Figure, percentile
from .filling import fill
from .returning import Crowd, name_of
from .scenarios import Stream, attached
from .server import Server
from .stores import Run, Start, postgres

_CLIENTS = 5_000
_MISSED = 20
_SPREAD_S = 1.0
_HEALTHY = 100
_PER_SECOND = 5.0
_QUIET_S = 8.0
_STORM_MAX_S = 90.0
_WORSE_AT_MOST = 1.1


@dataclass(frozen=True)
class Storm:
    """One storm.

    Attributes:
        quiet_ms: latencies of those who were there, before.
        stormy_ms: the same, from the first that came back until the last one had caught up.
        crowd: what became of those who came back.
    """

    quiet_ms: list[float]
    stormy_ms: list[float]
    crowd: Crowd


async def storm(server: Server) -> Storm:
    """Serve some clients in quiet, then let the crowd come back."""
    stream = Stream()
    wires = await attached(server, [f"healthy-{number}" for number in range(_HEALTHY)], stream)
    deltas = int(_PER_SECOND * (_QUIET_S + _STORM_MAX_S))
    for wire in wires:
        content = f"{_PER_SECOND} {deltas}"
        wire.command(
            {"command": "send_message", "id": "m", "content": content, "client_message_id": "only"}
        )
        await asyncio.sleep(1 / _PER_SECOND / _HEALTHY)
    await asyncio.sleep(2.0)
    stream.latencies_ms.clear()
    await asyncio.sleep(_QUIET_S)
    quiet_ms = list(stream.latencies_ms)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.returning", str(server.port), str(_CLIENTS), str(_SPREAD_S)),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    stream.latencies_ms.clear()
    out, _ = await process.communicate()
    stormy_ms = list(stream.latencies_ms)
    if process.returncode:
        raise RuntimeError("the crowd did not come back")
    for wire in wires:
        wire.transport.close()
    await asyncio.gather(*(wire.closed for wire in wires))
    if stream.holes:
        raise RuntimeError(f"{stream.holes} holes")
    return Storm(quiet_ms, stormy_ms, msgspec.json.decode(out, type=Crowd))


def storms(rounds: int, start: Start, run: Run) -> list[Figure]:
    """The storm on SQLite and on PostgreSQL.

    Args:
        rounds: storms on each; medians are told.
        start: starts a server with further settings.
        run: runs a coroutine to its end.
    """
    figures = []
    for name, databases in (("SQLite", files()), ("PostgreSQL", postgres(run))):
        found = []
        with databases as new_database:
            for _ in range(rounds):
                url = new_database()
                run(fill(url, [name_of(one) for one in range(_CLIENTS)], events_each=_MISSED))
                with start(database_url=url, log_level="warning", max_runs="2000") as server:
                    found.append(run(storm(server)))
        figures += _told(name, found)
    return figures


def _told(name: str, found: list[Storm]) -> list[Figure]:
    quiet = median(percentile(one.quiet_ms, 0.99) for one in found)
    stormy = median(percentile(one.stormy_ms, 0.99) for one in found)
    ratio = median(
        percentile(one.stormy_ms, 0.99) / percentile(one.quiet_ms, 0.99) for one in found
    )
    refused = median(one.crowd.refused for one in found)
    caught_up = median(percentile(one.crowd.caught_up_s, 0.5) for one in found)
    crowd = f"{_CLIENTS:,} clients within {_SPREAD_S:g} s, {_MISSED} missed events each"
    return [
        Figure(
            f"{name}: p99 of {_HEALTHY} healthy clients while a crowd comes back, against before",
            *(ratio, "x", _WORSE_AT_MOST),
            note=f"p99 {stormy:.1f} ms against {quiet:.1f} ms; {crowd}",
        ),
        Figure(
            f"{name}: until the last of the crowd has caught up",
            *(median(one.crowd.all_back_s for one in found), "s"),
            note=f"half of them within {caught_up:.1f} s; {refused:,.0f} times told to come again",
        ),
    ]


@contextmanager
def files() -> Iterator[Callable[[], str]]:
    """Gives the URLs of new SQLite files."""
    names = count(1)
    with tempfile.TemporaryDirectory(prefix="threadcast-bench-") as folder:
        yield lambda: f"sqlite:///{folder}/{next(names)}.db"
