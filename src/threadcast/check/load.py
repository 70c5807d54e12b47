"""Load in several threads, watched by two devices: both must see the same order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

from ..client.wire import read_answer
from ..errors import ThreadcastError
from ..events import TERMINAL_EVENTS, Event, EventType
from ..wire.connection_data import CommandRejectedData, SendMessageAccepted
from .options import CheckOptions
from .reading import Reading, reading_of
from .scene import Scene
from .verdict import Broken, Finding, NotTried
from .wire import Wire

_TERMINAL = frozenset(kind.value for kind in TERMINAL_EVENTS)
_BOTH_MAX_S = 5.0
_TRIES = 10
_PAUSE_MS = 500
_PAUSE_MAX_S = 5.0


@dataclass(frozen=True, slots=True)
class Sent:
    """An accepted message: its id, its run, its seq."""

    name: str
    run_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class Load:
    """The recorded load.

    Attributes:
        feed: of the journal.
        base: the seq that the first device was attached at.
        sent: the messages.
        second_base: the same for the second device, which attached a moment later.
        first, second: the events that each device received from there on, in order.
    """

    feed: str | None
    base: int
    second_base: int
    sent: tuple[Sent, ...]
    first: tuple[Event, ...]
    second: tuple[Event, ...]

    @property
    def head(self) -> int:
        """The last seq that the first device saw."""
        return max((event.seq or 0 for event in self.first), default=self.base)


async def play_load(scene: Scene) -> Load:
    """Send all messages concurrently as the first user, until both devices saw every run end.

    Raises:
        Broken: a message was refused, or a run did not end in time.
    """
    person, options = scene.first, scene.options
    async with AsyncExitStack() as stack:
        wires = []
        for _ in range(3):
            wires.append(await person.wire())
            stack.push_async_callback(wires[-1].close)
        first, second, sender = wires
        attached, start = await first.attach()
        other, other_start = await second.attach()
        threads = [await person.make_thread() for _ in range(options.threads)]
        base = int(attached.data["after"])
        sent = await asyncio.gather(
            *(
                _send(sender, options, thread_id, f"{person.mark}-{place}-{number}")
                for place, thread_id in enumerate(threads)
                for number in range(options.messages)
            )
        )
        waiting = {one.run_id for one in sent}
        scene.runs.update(dict.fromkeys(waiting, person))
        await _all_ended(first, start, waiting, options.run_max_s)
        received = tuple(journal_events(first.events[start:]))
        if not received:
            raise Broken("every run ended, and no event of them has a seq")
        head = max(event.seq or 0 for event in received)
        with suppress(Broken):  # the second device has a promise of its own
            await second.until(lambda event: (event.seq or 0) >= head, "head", max_s=_BOTH_MAX_S)
        return Load(
            attached.data.get("feed"),
            base,
            int(other.data["after"]),
            tuple(sent),
            received,
            tuple(journal_events(second.events[other_start:])),
        )


async def _send(wire: Wire, options: CheckOptions, thread_id: str, name: str) -> Sent:
    """Send one message, retrying while the server is overloaded."""
    fields = {"content": options.message, "thread_id": thread_id, "client_message_id": name}
    if options.agent is not None:
        fields["agent"] = options.agent
    for _ in range(_TRIES):
        answer = await wire.ask("send_message", **fields)
        data = answer.data
        if answer.event_type == "command_accepted":
            accepted = read_answer(data, SendMessageAccepted)
            return Sent(name, accepted.run_id, accepted.seq)
        refused = read_answer(data, CommandRejectedData)
        if not refused.retryable:
            break
        pause_s = (refused.retry_after_ms or _PAUSE_MS) / 1_000
        await asyncio.sleep(min(pause_s, _PAUSE_MAX_S))
    raise Broken(f"a message was refused: {refused.code}")


async def _all_ended(wire: Wire, start: int, waiting: set[str], max_s: float) -> None:
    ended: set[str] = set()

    def last_end(event: Event) -> bool:
        if event.event_type in _TERMINAL and event.run_id is not None:
            ended.add(event.run_id)
        return waiting <= ended

    try:
        await wire.until(last_end, "end of every run", since=start, max_s=max_s)
    except Broken as broken:
        raise Broken(f"{broken}; {len(waiting - ended)} of {len(waiting)} had none") from None


def journal_events(events: Iterable[Event]) -> list[Event]:
    """Those with a seq."""
    return [event for event in events if event.seq is not None]


async def load_of(scene: Scene) -> Load:
    """The check's one time of load.

    Raises:
        Broken: as `play_load`.
    """
    return await scene.once("load", lambda: play_load(scene))


async def needed_load(scene: Scene) -> Load:
    """As `load_of`, for promises that build on it.

    Raises:
        NotTried: it failed, which is reported under the promise of order.
    """
    try:
        return await load_of(scene)
    except (Broken, ThreadcastError) as error:
        raise NotTried(f"the threads did not come to their end: {error}") from None


async def judge_order(scene: Scene) -> Finding:
    """Whether the first device saw everything once, in order, without a gap."""
    load = await load_of(scene)
    faults = [*sequence_faults(load.base, load.first), *_placement_faults(load)]
    threads = f"{scene.options.threads} threads at once"
    return Finding.judged(f"{len(load.first)} events of {threads}, once each", faults)


def sequence_faults(base: int, events: Sequence[Event]) -> list[str]:
    """Faults in the seqs that one device received live after `base`. Pure."""
    faults, last, seen = [], base, set[int]()
    for event in events:
        seq = event.seq or 0
        first = event.first_seq or seq
        if seq in seen:
            faults.append(f"seq {seq} came twice")
        elif first <= last:
            faults.append(f"seq {seq} came behind {last}")
        elif first > last + 1:
            faults.append(f"seq {last + 1} is missing: {first} came behind {last}")
        seen.update(range(first, seq + 1))
        last = max(last, seq)
    return faults


def _placement_faults(load: Load) -> list[str]:
    """Accepted messages that are not at the seq of their acceptance."""
    found = {
        event.data.get("client_message_id"): event.seq
        for event in load.first
        if event.event_type == EventType.MESSAGE_CREATED
    }
    return [
        f"a message was accepted at seq {one.seq} and is at {found[one.name]}"
        for one in load.sent
        if one.name in found and found[one.name] != one.seq
    ]


async def judge_second_device(scene: Scene) -> Finding:
    """Whether the second device saw what the first one saw, in the same order."""
    load = await needed_load(scene)
    first, second = (
        reading_of(events, after=load.second_base, up_to=load.head)
        for events in (load.first, load.second)
    )
    measured = f"{len(load.second)} events on the second device"
    return Finding.judged(measured, difference_faults(first, second))


def difference_faults(first: Reading, second: Reading) -> list[str]:
    """What the second device missed or saw differently than the first.

    Pure. Events that only the second device saw are the first one's fault, and not reported here.
    """
    seqs, others = dict.fromkeys(first.seqs), dict.fromkeys(second.seqs)
    faults = [f"seq {seq} did not come to the second device" for seq in seqs if seq not in others]
    if [seq for seq in seqs if seq in others] != [seq for seq in others if seq in seqs]:
        faults.append("events came to the second device in another order")
    for seq, what in first.others.items():
        if seq in others and second.others.get(seq) != what:
            faults.append(f"seq {seq} was another event on the second device")
    if not faults and seqs == others and first.texts != second.texts:
        faults.append("a streamed text was another one on the second device")
    return faults
