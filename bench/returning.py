"""A crowd that comes back: a process of its own, so that it does not slow the measuring one down.

`python -m bench.returning PORT CLIENTS SPREAD_S`: all connect within `SPREAD_S`, each with a cursor
at the beginning of its journal, and do as PROTOCOL.md says when they are refused. At the end one
line of JSON says how it went.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
import time
from dataclasses import dataclass, field

import msgspec
import uvloop

from threadcast.auth.dev_tokens import mint
from threadcast.clock import SystemClock

from .server import SECRET
from .wire import Seen, Wire, open_wire

_GIVE_UP_S = 120.0
_BACKOFF_FIRST_S, _BACKOFF_MAX_S = 0.5, 10.0
_RETRY_AFTER = re.compile(r'"retry_after_ms":\s*(\d+)')
_NICE = 10


@dataclass
class Crowd:
    """What became of it.

    Attributes:
        all_back_s: from the first connect to the last `caught_up`.
        caught_up_s: of each client, from its first connect on.
        refused: how often one was told to come again.
        cut: how often a connection ended without such an answer.
        events: that were delivered to them.
    """

    all_back_s: float = 0.0
    caught_up_s: list[float] = field(default_factory=list)
    refused: int = 0
    cut: int = 0
    events: int = 0


def name_of(number: int) -> str:
    """The user id of one of the crowd."""
    return f"sleeper-{number}"


async def come_back(port: int, clients: int, spread_s: float) -> Crowd:
    """Let all of them come back, and stay until the last one has caught up."""
    crowd = Crowd()
    now = SystemClock().now()
    tokens = [
        mint(SECRET, name_of(number), now=now, lifetime_s=3600.0) for number in range(clients)
    ]
    wires: list[Wire] = []
    started = time.perf_counter()

    async def one(token: str) -> None:
        await asyncio.sleep(random.random() * spread_s)
        began = time.perf_counter()
        backoff_s = _BACKOFF_FIRST_S
        while (wire := await _attempt(port, token, crowd)) is None or isinstance(wire, float):
            wait_s = backoff_s * (0.5 + 0.5 * random.random()) + (wire or 0.0)
            backoff_s = min(_BACKOFF_MAX_S, backoff_s * 2)
            await asyncio.sleep(wait_s)
        crowd.caught_up_s.append(time.perf_counter() - began)
        wires.append(wire)

    async with asyncio.timeout(_GIVE_UP_S):
        await asyncio.gather(*(one(token) for token in tokens))
    crowd.all_back_s = time.perf_counter() - started
    for wire in wires:
        wire.transport.abort()
    await asyncio.gather(*(wire.closed for wire in wires))
    return crowd


async def _attempt(port: int, token: str, crowd: Crowd) -> Wire | float | None:
    """A connection that has caught up, or the seconds to wait as the server says, or None."""

    def count(_wire: Wire, event: Seen, _now: float) -> None:
        crowd.events += bool(event.seq)

    try:
        wire = await open_wire(port, token, count)
    except OSError:
        crowd.cut += 1
        return None
    try:
        await wire.ready
        caught_up, rejected = wire.expect("caught_up"), wire.expect("command_rejected")
        wire.command({"command": "attach", "id": "a", "after": 0})
        await asyncio.wait((caught_up, rejected), return_when=asyncio.FIRST_COMPLETED)
        if caught_up.done() and not caught_up.exception():
            return wire
        answer = bytes(rejected.result().data).decode()
    except ConnectionError as error:
        answer = str(error)
    wire.transport.abort()
    told = _RETRY_AFTER.search(answer)
    crowd.refused += told is not None
    crowd.cut += told is None
    return None if told is None else int(told[1]) / 1000


def main() -> None:
    """See the module's first lines."""
    port, clients, spread_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    os.nice(_NICE)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        crowd = runner.run(come_back(port, clients, spread_s))
    sys.stdout.buffer.write(msgspec.json.encode(crowd) + b"\n")


if __name__ == "__main__":
    main()
