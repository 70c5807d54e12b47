"""The golden path: a message, the agent's five events, the answer in the history.

It uses the public client, as a user's program would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ..client import Reset
from ..errors import ThreadcastError
from ..events import TERMINAL_EVENTS, Event, EventType
from .scene import Scene
from .verdict import Broken, Finding, NotTried, Outcome

_PAGE = 50
_TERMINAL = frozenset(kind.value for kind in TERMINAL_EVENTS)
FIVE = (
    EventType.AGENT_STARTED,
    EventType.AGENT_THINKING,
    EventType.TOOL_EXECUTING,
    EventType.TOOL_COMPLETED,
    EventType.AGENT_COMPLETED,
)
_BY_THE_AGENT = frozenset(
    {EventType.AGENT_THINKING, EventType.TOOL_EXECUTING, EventType.TOOL_COMPLETED}
)


@dataclass(frozen=True, slots=True)
class Golden:
    """One message and its run.

    Attributes:
        thread_id: where.
        run_id: the run that answered.
        seq: of the message's event.
        message: what was sent.
        name: the `client_message_id` under which it was sent.
        events: of the run, in the order in which they came.
    """

    thread_id: str
    run_id: str
    seq: int
    message: str
    name: str
    events: tuple[Event, ...]

    @property
    def answer(self) -> str | None:
        """The whole answer; None if the run did not complete."""
        last = self.events[-1]
        completed = last.event_type == EventType.AGENT_COMPLETED
        return str(last.data.get("content")) if completed else None


async def play_golden(scene: Scene) -> Golden:
    """Send the message as the first user, and read to the run's end.

    Raises:
        Broken: the run did not end in time, or the client was reset.
        ThreadcastError: the message was refused.
    """
    person, options = scene.first, scene.options
    thread_id = await person.make_thread()
    name, events = f"{person.mark}-golden", []
    try:
        async with asyncio.timeout(options.run_max_s), person.client() as client:
            sent = await client.send_message(
                options.message, thread_id, client_message_id=name, agent=options.agent
            )
            scene.runs[sent.run_id] = person
            async for item in client:
                if isinstance(item, Reset):
                    raise Broken(f"the cursor was reset ({item.reason}) while the run went on")
                person.saw(item)
                if item.run_id == sent.run_id:
                    events.append(item)
                    if item.event_type in _TERMINAL:
                        break
    except TimeoutError:
        seen = ", ".join(dict.fromkeys(event.event_type for event in events)) or "nothing"
        raise Broken(f"no end of the run within {options.run_max_s:g} s; it had {seen}") from None
    if not events or events[-1].event_type not in _TERMINAL:
        raise Broken("the client ended before the run did")
    return Golden(thread_id, sent.run_id, sent.seq, options.message, name, tuple(events))


async def golden_of(scene: Scene) -> Golden:
    """The check's one golden path.

    Raises:
        Broken: as `play_golden`.
    """
    return await scene.once("golden", lambda: play_golden(scene))


async def needed_golden(scene: Scene) -> Golden:
    """As `golden_of`, for promises that build on it.

    Raises:
        NotTried: it failed, which is reported under its own promise.
    """
    try:
        return await golden_of(scene)
    except (Broken, ThreadcastError) as error:
        raise NotTried(f"the golden path did not come to its end: {error}") from None


async def judge_golden(scene: Scene) -> Finding:
    """Whether the five events came, in order."""
    return judge_five((await golden_of(scene)).events)


def judge_five(events: Sequence[Event]) -> Finding:
    """Whether a run's events are those of the golden path, in their order. Pure."""
    kinds = [event.event_type for event in events]
    seen = [kind for kind in FIVE if kind in kinds]
    measured = f"{len(seen)} of {len(FIVE)} agent events"
    faults = [*_missing(kinds), *_disorder(events)]
    if faults:
        return Finding.judged(measured, faults)
    if unseen := [kind for kind in FIVE if kind not in kinds]:
        text = f"the agent did not show {', '.join(unseen)}; --message may ask for it"
        return Finding(Outcome.NOT_SHOWN, measured, (text,))
    return Finding.judged(f"{measured}, in order", ())


def _missing(kinds: Sequence[str]) -> list[str]:
    """Missing events that the server itself emits, so no agent is to blame."""
    faults = [
        f"there is no {kind}" for kind in FIVE if kind not in kinds and kind not in _BY_THE_AGENT
    ]
    executing, completed = kinds.count(FIVE[2]), kinds.count(FIVE[3])
    if executing != completed:
        faults.append(f"{executing} tool_executing and {completed} tool_completed came")
    return faults


def _disorder(events: Sequence[Event]) -> list[str]:
    agents = [event for event in events if event.event_type in FIVE]
    faults = []
    if agents and agents[0].event_type != EventType.AGENT_STARTED:
        faults.append(f"{agents[0].event_type} came before agent_started")
    ends = [event.event_type for event in events if event.event_type in _TERMINAL]
    if len(ends) != 1 or events[-1].event_type not in _TERMINAL:
        faults.append(f"expected one end behind all else, got {', '.join(ends) or 'none'}")
    under_way: set[object] = set()
    for event in agents:
        call = event.data.get("tool_call_id")
        if event.event_type == EventType.TOOL_EXECUTING:
            under_way.add(call)
        elif event.event_type == EventType.TOOL_COMPLETED and call not in under_way:
            faults.append(f"at seq {event.seq}, tool_completed came before its tool_executing")
    return faults


async def judge_history(scene: Scene) -> Finding:
    """Whether the message and its answer can be read again."""
    golden = await needed_golden(scene)
    answer = await scene.first.ask("GET", f"/v1/threads/{golden.thread_id}/messages?limit={_PAGE}")
    document = answer.json()
    rows = document.get("messages") if isinstance(document, dict) else None
    if answer.status != 200 or not isinstance(rows, list):
        return Finding.judged("", [f"expected messages, got HTTP {answer.status} {answer.code}"])
    said = [(row.get("role"), row.get("content")) for row in rows if isinstance(row, dict)]
    wanted = [("user", golden.message)]
    if golden.answer is not None:
        wanted.append(("assistant", golden.answer))
    faults = [
        f"the {role}'s text is not in it" for role, text in wanted if (role, text) not in said
    ]
    return Finding.judged(f"{len(said)} messages", faults)


async def judge_retry(scene: Scene) -> Finding:
    """Whether resending a message with its `client_message_id` stores it once."""
    golden, faults = await needed_golden(scene), []
    async with scene.first.client() as client:
        again = await client.send_message(
            golden.message,
            golden.thread_id,
            client_message_id=golden.name,
            agent=scene.options.agent,
        )
    if (again.run_id, again.seq) != (golden.run_id, golden.seq):
        faults.append(f"it became another message: seq {again.seq}, not {golden.seq}")
    if not again.duplicate:
        faults.append("the answer does not say duplicate")
    wire = await scene.first.wire()
    try:
        other = await wire.ask(
            "send_message",
            content=f"{golden.message} (another one)",
            thread_id=golden.thread_id,
            client_message_id=golden.name,
            **({} if scene.options.agent is None else {"agent": scene.options.agent}),
        )
    finally:
        await wire.close()
    if other.data.get("code") != "idempotency_conflict":
        code = other.data.get("code", "an acceptance")
        faults.append(f"another text under its name: expected idempotency_conflict, got {code}")
    return Finding.judged("sent twice, stored once" if not faults else "", faults)
