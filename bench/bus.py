"""The cost of hints over NATS: sending, receiving, and following thousands of users.

Everything but the NATS server is in this process, and costs are processor time, so that they hold
on a busy machine. The latency of a hint is wall time.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bus_scene import End, Nats, grew, nats_buses
from nats_server import NatsServer
from threadcast.bus import JournalGrew

from .figures import Figure, percentile

_HINTS = 20_000
_EVENTS = 50_000
_AT_ONCE = 50
_FOLLOWS = 10_000
_TURNS = 500
_TEXT = "a piece of text, as agents stream"


@dataclass(frozen=True)
class Costs:
    """One round's results; processor time in microseconds, unless a name says otherwise."""

    said_us: dict[int, float]
    heard_us: dict[int, float]
    hints_per_s: float
    way_ms: list[float]
    follow_us: float
    follow_bytes: float


async def bus(rounds: int) -> list[Figure]:
    """Measure; medians of `rounds` rounds."""
    with _server() as server:
        found = [await _round(server) for _ in range(rounds)]
    figures = []
    for events in (1, _AT_ONCE):
        said = median(one.said_us[events] for one in found)
        heard = median(one.heard_us[events] for one in found)
        name = f"a hint of {events} event{'s' if events > 1 else ''}"
        figures.append(Figure(f"{name}, said", said, "us", note="processor time of the node"))
        figures.append(Figure(f"{name}, heard", heard, "us", note="processor time of the node"))
    ways = [time_ms for one in found for time_ms in one.way_ms]
    note = "both nodes and the client of NATS in one process"
    return [
        *figures,
        Figure("hints of 1 event, node to node", median(one.hints_per_s for one in found), "/s",
               note=note),
        Figure("from one node to another, p50", percentile(ways, 0.5), "ms", note=note),
        Figure("from one node to another, p99", percentile(ways, 0.99), "ms", note=note),
        Figure("to follow a user", median(one.follow_us for one in found), "us",
               note=f"{_FOLLOWS:,} users; processor time of the node"),
        Figure("memory of a followed user", max(one.follow_bytes for one in found), "bytes",
               note=f"growth of the resident set over {_FOLLOWS:,}"),
    ]  # fmt: skip


async def _round(server: NatsServer) -> Costs:
    async with nats_buses() as nats:
        here, there = await _ends(server, nats)
        await there.follow("ann")
        began_at = time.perf_counter()
        said, heard = {}, {}
        said[1], heard[1] = await _stream(here, there, _HINTS, events=1)
        hints_per_s = _HINTS / (time.perf_counter() - began_at)
        hints = _EVENTS // _AT_ONCE
        said[_AT_ONCE], heard[_AT_ONCE] = await _stream(here, there, hints, events=_AT_ONCE)
        ways_ms = [await _one_way_ms(here, there) for _ in range(_TURNS)]
        follow_us, follow_bytes = await _follow(there)
    return Costs(said, heard, hints_per_s, ways_ms, follow_us, follow_bytes)


async def _ends(server: NatsServer, nats: Nats) -> tuple[End, End]:
    return await nats.end(server.url()), await nats.end(server.url(), "node_b")


async def _stream(here: End, there: End, count: int, *, events: int) -> tuple[float, float]:
    """Publish `count` hints and receive them all; the costs of publishing and receiving one."""
    hint = grew("ann", events, data=_TEXT)
    there.heard.clear()
    whole, saying = time.process_time(), 0.0
    for start in range(0, count, _AT_ONCE):
        began = time.process_time()
        for _ in range(min(_AT_ONCE, count - start)):
            here.bus.publish(hint)
        saying += time.process_time() - began
        here.heard.clear()
        await asyncio.sleep(0)
    await there.until(lambda: len(there.heard) >= count)
    hearing = time.process_time() - whole - saying
    return saying / count * 1e6, hearing / count * 1e6


async def _one_way_ms(here: End, there: End) -> float:
    there.heard.clear()
    began_at = time.perf_counter()
    here.bus.publish(JournalGrew("ann", grew("ann").events))
    await there.until(lambda: bool(there.heard))
    return (time.perf_counter() - began_at) * 1e3


async def _follow(end: End) -> tuple[float, float]:
    users = [f"user-{number}" for number in range(_FOLLOWS)]
    gc.collect()
    before, began = _resident_bytes(), time.process_time()
    for user_id in users:
        end.bus.follow(user_id)
    cost_us = (time.process_time() - began) / _FOLLOWS * 1e6
    await end.until(lambda: len(end.missed) >= _FOLLOWS)
    end.missed.clear()
    return cost_us, (_resident_bytes() - before) / _FOLLOWS


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096


@contextmanager
def _server() -> Iterator[NatsServer]:
    server = NatsServer()
    try:
        server.start()
        yield server
    finally:
        server.close()
