"""Cancelling a run: while it executes, before it begins, and repeatedly."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ..client import Client, Reset
from ..events import TERMINAL_EVENTS, Event, EventType
from .person import Person
from .scene import Scene
from .verdict import Broken, Finding, Outcome

CANCEL_MAX_S = 10.0
_TERMINAL = frozenset(kind.value for kind in TERMINAL_EVENTS)
_ENDED = frozenset({"completed", "failed", "cancelled"})


@dataclass(slots=True)
class _Watch:
    """Reads a client's events and keeps the kinds of each run."""

    client: Client
    person: Person
    kinds: dict[str | None, list[str]]

    async def until(self, run_id: str, *kinds: str, max_s: float) -> str:
        """The first of these kinds that the run has.

        Raises:
            Broken: there is none in time.
        """
        try:
            async with asyncio.timeout(max_s):
                while True:
                    seen = [kind for kind in self.kinds.get(run_id, ()) if kind in kinds]
                    if seen:
                        return seen[0]
                    item = await anext(self.client)
                    if isinstance(item, Event):
                        self.person.saw(item)
                        self.kinds.setdefault(item.run_id, []).append(item.event_type)
                    elif isinstance(item, Reset):
                        raise Broken(f"the cursor was reset ({item.reason})")
        except TimeoutError:
            raise Broken(f"none of {', '.join(kinds)} within {max_s:g} s") from None


async def judge_cancel(scene: Scene) -> Finding:
    """Cancel an executing run and one that waits behind it."""
    person, options = scene.first, scene.options
    thread_id = await person.make_thread()
    async with person.client() as client:
        watch = _Watch(client, person, {})

        async def send(content: str) -> str:
            return (await client.send_message(content, thread_id, agent=options.agent)).run_id

        working = await send(options.long_message)
        await watch.until(working, EventType.AGENT_STARTED, max_s=options.run_max_s)
        waiting = await send(options.message)
        faults = await _cancel_waiting(watch, waiting)
        status = await client.cancel_run(working)
        end = await watch.until(working, *_TERMINAL, max_s=CANCEL_MAX_S)
        if status in _ENDED - {"cancelled"}:
            text = f"the run was {status} before it could be cancelled; --long-message takes longer"
            return Finding(Outcome.NOT_SHOWN, "", (text,))
        if end != EventType.AGENT_CANCELLED:
            faults.append(f"the cancel was accepted ({status}), and the run ended with {end}")
        again = await client.cancel_run(working)
        if again != "cancelled" and not faults:
            faults.append(f"cancelled again, the run is {again}, expected cancelled")
    return Finding.judged("one at work, one that waited, one again" if not faults else "", faults)


async def _cancel_waiting(watch: _Watch, run_id: str) -> list[str]:
    """Cancel a run that has not begun; returns what went wrong."""
    status = await watch.client.cancel_run(run_id)
    if status in _ENDED - {"cancelled"}:
        return []  # it was faster; the executing run is judged by itself
    end = await watch.until(run_id, *_TERMINAL, max_s=CANCEL_MAX_S)
    if end != EventType.AGENT_CANCELLED:
        return [f"the cancel was accepted ({status}), and the waiting run ended with {end}"]
    started = EventType.AGENT_STARTED in watch.kinds.get(run_id, ())
    return ["a waiting run began although it was cancelled"] if started else []
