"""The reconnecting clients of the storm: a separate process, so as not to slow down measuring.

It has the same core, but only what is left there: when something comes for the measuring process,
that one goes on at once, which a nice value does not promise.

`python -m bench.returning PORT CLIENTS SPREAD_S`: all connect within `SPREAD_S`, each with a cursor
at the beginning of its journal, and do as PROTOCOL.md says when they are refused. It writes one
line when it is ready. For each line that it is given it does one thing, and writes a line when that
is done: all come in, all lose their connections, all come back. Who has come is told as JSON. Then
they stay until its input ends.
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

from .bulk import filler
from .server import SECRET
from .wire import Seen, Wire, open_wire

_GIVE_UP_S = 120.0
_BACKOFF_FIRST_S, _BACKOFF_MAX_S = 0.5, 10.0
_RETRY_AFTER = re.compile(r'"retry_after_ms":\s*(\d+)')


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


class Returning:
    """The crowd's clients.

    Args:
        port: of the server, on loopback.
        clients: how many; the first users of a database that was filled.
        spread_s: all connect for the first time within so many seconds.
    """

    def __init__(self, port: int, clients: int, spread_s: float) -> None:
        now = SystemClock().now()
        self._port = port
        self._spread_s = spread_s
        self._tokens = [
            mint(SECRET, filler(number), now=now, lifetime_s=3600.0) for number in range(clients)
        ]
        self._wires: list[Wire] = []
        self._crowd = Crowd()

    async def come_back(self) -> Crowd:
        """Let all of them come back; returns when the last one has caught up."""
        crowd = self._crowd = Crowd()
        started = time.perf_counter()
        async with asyncio.timeout(_GIVE_UP_S):
            await asyncio.gather(*map(self._one, self._tokens))
        crowd.all_back_s = time.perf_counter() - started
        return crowd

    async def _one(self, token: str) -> None:
        await asyncio.sleep(random.random() * self._spread_s)
        began = time.perf_counter()
        backoff_s = _BACKOFF_FIRST_S
        while isinstance(wire := await _attempt(self._port, token, self._crowd), float | None):
            wait_s = backoff_s * (0.5 + 0.5 * random.random()) + (wire or 0.0)
            backoff_s = min(_BACKOFF_MAX_S, backoff_s * 2)
            await asyncio.sleep(wait_s)
        self._crowd.caught_up_s.append(time.perf_counter() - began)
        self._wires.append(wire)

    async def leave(self) -> None:
        """End all connections."""
        for wire in self._wires:
            wire.transport.abort()
        await asyncio.gather(*(wire.closed for wire in self._wires))
        self._wires.clear()


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


async def _as_told(returning: Returning) -> None:
    """Keep step with the measuring process by lines."""
    await _told("ready")
    for step in (returning.come_back, returning.leave, returning.come_back):
        await _told(msgspec.json.encode(await step()).decode())
    await returning.leave()


async def _told(line: str) -> None:
    """Write a line, and wait for one."""
    print(line, flush=True)
    await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    """See the module's first lines."""
    port, clients, spread_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_as_told(Returning(port, clients, spread_s)))


if __name__ == "__main__":
    main()
