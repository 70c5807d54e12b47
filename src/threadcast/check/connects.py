"""Connecting: success rate, and time to `connection_ready`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter

from ..client import ClientRefused
from ..client.link import ConnectionFailed
from .person import Person
from .scene import Scene
from .verdict import Broken, Finding, NotTried, percentile

SUCCESS_BAR = 0.995
LATENCY_BAR_S = 0.2
_IN_USE = 4  # other connections of a user that the check holds


@dataclass(frozen=True, slots=True)
class Connects:
    """Many connects, some of them at once.

    Attributes:
        at_once: how many were under way at the same time, at most.
        took_s: seconds of each successful connect.
        refused: why the others failed.
    """

    at_once: int
    took_s: tuple[float, ...]
    refused: tuple[str, ...]

    @property
    def success(self) -> float:
        """The share of successful connects."""
        return len(self.took_s) / (len(self.took_s) + len(self.refused))


async def play_connects(scene: Scene) -> Connects:
    """Connect as both users in turn, a bounded number of them at once, and leave again."""
    options = scene.options
    at_once = min(options.connections, _room(scene.first) + _room(scene.second))
    took_s: list[float] = []
    refused: list[str] = []
    turns = iter(range(options.connects))

    async def connect_in_turn() -> None:
        for turn in turns:
            person = (scene.first, scene.second)[turn % 2]
            began = perf_counter()
            try:
                wire = await person.wire(attempts=1)
            except ConnectionFailed as failed:
                refused.append(failed.drop.text)
            except (ClientRefused, Broken) as error:
                refused.append(str(error))
            else:
                took_s.append(perf_counter() - began)
                await wire.close()

    await asyncio.gather(*(connect_in_turn() for _ in range(at_once)))
    return Connects(at_once, tuple(took_s), tuple(refused))


def _room(person: Person) -> int:
    """How many further connections the user may have; at least one is tried."""
    allowed = person.limits.get("max_connections")
    return max(1, (allowed if isinstance(allowed, int) else 1) - _IN_USE)


async def judge_connects(scene: Scene) -> Finding:
    """Whether more than 99.5 % of the connects worked."""
    connects = await scene.once("connects", lambda: play_connects(scene))
    total = len(connects.took_s) + len(connects.refused)
    measured = f"{connects.success:.1%} of {total}, {connects.at_once} at once"
    return Finding.judged(measured, connects.refused if connects.success <= SUCCESS_BAR else ())


async def judge_connect_latency(scene: Scene) -> Finding:
    """Whether 95 % of the connects took less than 200 ms."""
    connects = await scene.once("connects", lambda: play_connects(scene))
    if not connects.took_s:
        raise NotTried("no connect worked")
    bar_s = LATENCY_BAR_S * scene.options.time_factor
    p50, p95 = (percentile(connects.took_s, share) for share in (0.5, 0.95))
    measured = f"p50 {p50 * 1_000:.0f} ms, p95 {p95 * 1_000:.0f} ms"
    text = f"one in twenty took {p95 * 1_000:.0f} ms or more, {bar_s * 1_000:.0f} ms are allowed"
    return Finding.judged(measured, [text] if p95 >= bar_s else ())
