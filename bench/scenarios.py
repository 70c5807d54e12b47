"""What is measured against a server process, one function each; every load is bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .server import Server
from .wire import Seen, Wire, ignore, open_wire

_CONNECT_AT_ONCE = 50


@dataclass
class Stream:
    """What the readers of a streaming scenario received."""

    latencies_ms: list[float] = field(default_factory=list)
    received: int = 0
    holes: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    seqs: dict[int, int] = field(default_factory=dict)

    def on_event(self, wire: Wire, event: Seen, now: float) -> None:
        """Count one event; keep the latency of deltas."""
        if event.event_type == "connection_closing":
            print(f"a connection ended: {bytes(event.data).decode()}")
        if not event.seq:
            return
        last_seq = self.seqs.get(id(wire), event.seq - 1)
        self.holes += event.seq != last_seq + 1
        self.seqs[id(wire)] = event.seq
        if event.event_type == "agent_delta":
            self.first_at = self.first_at or now
            self.last_at = now
            self.received += 1
            self.latencies_ms.append((now - event.timestamp) * 1000)


async def attached(server: Server, users: Sequence[str], stream: Stream) -> list[Wire]:
    """One attached connection for each user."""
    slots = asyncio.Semaphore(_CONNECT_AT_ONCE)

    async def one(user: str) -> Wire:
        async with slots:
            wire = await open_wire(server.port, server.token(user), stream.on_event)
            await wire.ready
            caught_up = wire.expect("caught_up")
            wire.command({"command": "attach", "id": "a"})
            await caught_up
            return wire

    return list(await asyncio.gather(*(one(user) for user in users)))


async def streaming(server: Server, *, users: int, per_second: float, seconds: float) -> Stream:
    """Every user runs an agent that streams `per_second` deltas and reads its own stream."""
    stream = Stream()
    wires = await attached(server, [f"streamer-{number}" for number in range(users)], stream)
    ends = [wire.expect("agent_completed") for wire in wires]
    count = int(per_second * seconds)
    for wire in wires:
        wire.command(
            {
                "command": "send_message",
                "id": "m",
                "content": f"{per_second} {count}",
                "client_message_id": "only",
            }
        )
        await asyncio.sleep(1 / per_second / users)
    await asyncio.wait_for(asyncio.gather(*ends), seconds * 4 + 30)
    for wire in wires:
        wire.transport.close()
    await asyncio.gather(*(wire.closed for wire in wires))
    expected = users * count
    if stream.received != expected or stream.holes:
        raise RuntimeError(f"{stream.received} of {expected} deltas, {stream.holes} holes")
    return stream


async def connects(server: Server, *, at_once: int) -> list[float]:
    """Connect, authenticate, attach and catch up, all at once; the milliseconds of each client."""
    tokens = [server.token(f"caller-{number}") for number in range(at_once)]

    async def one(token: str) -> tuple[float, Wire]:
        started = time.perf_counter()
        wire = await open_wire(server.port, token, ignore)
        caught_up = wire.expect("caught_up")
        wire.command({"command": "attach", "id": "a"})
        await caught_up
        return (time.perf_counter() - started) * 1000, wire

    timed = await asyncio.gather(*(one(token) for token in tokens))
    for _, wire in timed:
        wire.transport.close()
    await asyncio.gather(*(wire.closed for _, wire in timed))
    return [elapsed_ms for elapsed_ms, _ in timed]


async def idle_memory(server: Server, *, connections: int) -> float:
    """KiB of the server's resident set per idle attached connection."""
    await attached_and_gone(server, 50)
    before = server.resident_bytes()
    wires = await attached(server, [f"idle-{number}" for number in range(connections)], Stream())
    await asyncio.sleep(1.0)
    after = server.resident_bytes()
    for wire in wires:
        wire.transport.close()
    await asyncio.gather(*(wire.closed for wire in wires))
    return (after - before) / connections / 1024


async def attached_and_gone(server: Server, connections: int) -> None:
    """Warm up the server."""
    wires = await attached(server, [f"warm-{number}" for number in range(connections)], Stream())
    for wire in wires:
        wire.transport.close()
    await asyncio.gather(*(wire.closed for wire in wires))


async def resume(server: Server, *, missed: int) -> float:
    """Milliseconds from attach to `caught_up` for a reader that missed some events."""
    writer_stream = Stream()
    (writer,) = await attached(server, ["sleeper"], writer_stream)
    done = writer.expect("agent_completed")
    writer.command(
        {
            "command": "send_message",
            "id": "m",
            "content": f"4000 {missed}",
            "client_message_id": f"missed-{missed}",
        }
    )
    await asyncio.wait_for(done, 60)
    times_ms = []
    for _ in range(5):
        wire = await open_wire(server.port, server.token("sleeper"), ignore)
        await wire.ready
        caught_up = wire.expect("caught_up")
        started = time.perf_counter()
        wire.command({"command": "attach", "id": "a", "after": 0})
        await caught_up
        times_ms.append((time.perf_counter() - started) * 1000)
        wire.transport.close()
    writer.transport.close()
    return sorted(times_ms)[len(times_ms) // 2]
