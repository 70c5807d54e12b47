"""The reconnecting clients of the storm: a separate process, so as not to slow down measuring.

It shares a core with the measuring process but is scheduled as idle, so the measuring process
preempts it at once; a nice value would not guarantee that.

`python -m bench.storm_clients PORT CLIENTS SPREAD_S`: all connect within `SPREAD_S`, each with a
cursor at the beginning of its journal, and retry as PROTOCOL.md says when they are refused. It
writes a line when it is ready. Each line that it reads starts the next step: all connect, all
disconnect, all reconnect. When a step is done it writes a line, for connects the results as JSON.
The clients stay connected until one more line is read.
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
class StormResult:
    """The results of one connect of all clients.

    Attributes:
        all_caught_up_s: from the first connect to the last `caught_up`.
        caught_up_s: of each client, from its first connect on.
        refused: how many attempts were refused with a retry time.
        cut: how many attempts ended without such an answer.
        events: how many were delivered.
    """

    all_caught_up_s: float = 0.0
    caught_up_s: list[float] = field(default_factory=list)
    refused: int = 0
    cut: int = 0
    events: int = 0


class Clients:
    """The clients.

    Args:
        port: of the server, on loopback.
        clients: how many; the first users of the filled database.
        spread_s: the time within which all start to connect, in seconds.
    """

    def __init__(self, port: int, clients: int, spread_s: float) -> None:
        now = SystemClock().now()
        self._port = port
        self._spread_s = spread_s
        self._tokens = [
            mint(SECRET, filler(number), now=now, lifetime_s=3600.0) for number in range(clients)
        ]
        self._wires: list[Wire] = []
        self._result = StormResult()

    async def connect(self) -> StormResult:
        """Connect all; returns when the last one has caught up."""
        result = self._result = StormResult()
        started = time.perf_counter()
        async with asyncio.timeout(_GIVE_UP_S):
            await asyncio.gather(*map(self._one, self._tokens))
        result.all_caught_up_s = time.perf_counter() - started
        return result

    async def _one(self, token: str) -> None:
        await asyncio.sleep(random.random() * self._spread_s)
        began = time.perf_counter()
        backoff_s = _BACKOFF_FIRST_S
        while isinstance(wire := await _attempt(self._port, token, self._result), float | None):
            wait_s = backoff_s * (0.5 + 0.5 * random.random()) + (wire or 0.0)
            backoff_s = min(_BACKOFF_MAX_S, backoff_s * 2)
            await asyncio.sleep(wait_s)
        self._result.caught_up_s.append(time.perf_counter() - began)
        self._wires.append(wire)

    async def disconnect(self) -> None:
        """Abort all connections."""
        for wire in self._wires:
            wire.transport.abort()
        await asyncio.gather(*(wire.closed for wire in self._wires))
        self._wires.clear()


async def _attempt(port: int, token: str, result: StormResult) -> Wire | float | None:
    """A connection that has caught up, or the retry time that the server gave, or None."""

    def count(_wire: Wire, event: Seen, _now: float) -> None:
        result.events += bool(event.seq)

    try:
        wire = await open_wire(port, token, count)
    except OSError:
        result.cut += 1
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
    retry = _RETRY_AFTER.search(answer)
    result.refused += retry is not None
    result.cut += retry is None
    return None if retry is None else int(retry[1]) / 1000


async def _serve(clients: Clients) -> None:
    """Run one step for each line from the measuring process."""
    await _exchange("ready")
    for step in (clients.connect, clients.disconnect, clients.connect):
        await _exchange(msgspec.json.encode(await step()).decode())
    await clients.disconnect()


async def _exchange(line: str) -> None:
    """Write a line, and wait for one."""
    print(line, flush=True)
    await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    """See the module's first lines."""
    port, clients, spread_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Clients(port, clients, spread_s)))


if __name__ == "__main__":
    main()
