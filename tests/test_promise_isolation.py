"""No byte crosses users: fifty users with canaries try each other's ids at every entrance."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hostile_person import Answer, Person, person
from server_process import serving
from threadcast.ids import UnifiedIdGenerator

USERS = 50
VICTIMS = 2
HOSTILE = 8
AGENTS = "promise_agents:quick,promise_agents:asking"
_ID = re.compile(r"[a-z_]+?_(?:[a-z]+_)?\d{13}_\d+_[0-9a-f]{8}")


def canary() -> str:
    return UnifiedIdGenerator.generate_base_id("canary")


def unknown_ids() -> tuple[str, str, str]:
    """A thread, a run and a question that never existed."""
    ids = UnifiedIdGenerator.generate_user_context_ids("nobody", "chat")
    return ids.thread_id, ids.run_id, UnifiedIdGenerator.generate_base_id("input")


def ids_of(victim: Person) -> tuple[str, str, str]:
    return victim.thread_id, victim.waiting_run_id, victim.input_id


def without_ids(answers: list[Answer]) -> str:
    """Answers as text, the ids in them replaced."""
    return _ID.sub("an-id", json.dumps(answers))


async def attack_some(attacker: Person, victims: list[Person]) -> None:
    """Nothing is found, and a stranger's thing looks exactly like one that never was."""
    nothing = await attacker.attack(*unknown_ids())
    assert {answer["status"] for answer in nothing} == {404, "command_rejected"}
    assert {_code(answer) for answer in nothing} == {"not_found"}
    for victim in victims:
        found = await attacker.attack(*ids_of(victim))
        assert without_ids(found) == without_ids(nothing)
        await attacker.swap_cursors(victim)


def _code(answer: Answer) -> str:
    body = answer["body"]
    return str((json.loads(body) if isinstance(body, str) else body)["code"])


async def is_unharmed(one: Person) -> None:
    """Everything is as its owner left it, and goes on."""
    thread = await one.http("GET", f"/threads/{one.thread_id}")
    assert thread["body"]["thread"]["title"] == one.canary
    messages = await one.http("GET", f"/threads/{one.thread_id}/messages")
    assert [message["content"] for message in messages["body"]["messages"]] == [
        one.canary,
        f"heard {one.canary}",
        one.canary,
    ]
    run = await one.http("GET", f"/runs/{one.waiting_run_id}")
    assert run["body"]["run"]["status"] == "waiting"
    answered = await one.ask(
        "respond", run_id=one.waiting_run_id, input_id=one.input_id, value=one.canary
    )
    assert answered["event_type"] == "command_accepted"
    await one.until("agent_completed", content=f"got {one.canary}")


async def test_no_canary_ever_reaches_another_user(tmp_path: Path) -> None:
    async with serving(tmp_path, agents=AGENTS) as server, AsyncExitStack() as stack:
        people = [
            await stack.enter_async_context(person(server.port, canary())) for _ in range(USERS)
        ]
        await asyncio.gather(*(one.settle_in() for one in people))
        await asyncio.gather(
            *(
                attack_some(one, [people[(index + step) % USERS] for step in range(1, VICTIMS + 1)])
                for index, one in enumerate(people)
            )
        )
        await asyncio.gather(*(is_unharmed(one) for one in people))
        metrics = await people[0].metrics()
    assert "threadcast_foreign_deliveries_total 0.0" in metrics
    marks = re.compile(b"|".join(one.canary.encode() for one in people))
    for one in people:
        assert set(marks.findall(b"\n".join(one.heard))) == {one.canary.encode()}
        assert {event["user_id"] for event in one.events if "seq" in event} == {one.user_id}
    log = server.log.read_text()
    assert not any(one.canary in log for one in people)


async def transcript(folder: Path, *, hostile: int) -> list[str]:
    """All that one user receives while they use the server, beside so many hostile others."""
    async with serving(folder, agents=AGENTS) as server, AsyncExitStack() as stack:
        others = [
            await stack.enter_async_context(person(server.port, canary())) for _ in range(hostile)
        ]
        await asyncio.gather(*(other.settle_in() for other in others))
        ann = await (await stack.enter_async_context(person(server.port, "ann"))).settle_in()
        attacks = [asyncio.create_task(attack_some(other, [ann])) for other in others]
        documents: list[Any] = []
        for path in ("/threads", f"/threads/{ann.thread_id}", f"/runs/{ann.run_id}"):
            documents.append(await ann.http("GET", path))
        documents.append(await ann.attack(*unknown_ids()))
        await is_unharmed(ann)
        await asyncio.gather(*attacks)
        documents.append(await ann.http("GET", f"/threads/{ann.thread_id}/events?after=0"))
        return normalised([*ann.events, *documents])


def normalised(lines: list[Any]) -> list[str]:
    """Without what differs between two runs of one program: ids, times and durations."""
    names: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        return names.setdefault(found[0], f"id-{len(names) + 1}")

    texts = [_ID.sub(name, json.dumps(line)) for line in lines]
    times = r'"(timestamp|[a-z]+_at|duration_ms|retry_after_ms)": [0-9.e+]+'
    return [re.sub(times, r'"\1": 0', text) for text in texts]


async def test_one_users_transcript_is_the_same_beside_hostile_others(tmp_path: Path) -> None:
    folders = [Path(tempfile.mkdtemp(dir=tmp_path)) for _ in range(2)]
    alone, beside = await asyncio.gather(
        transcript(folders[0], hostile=0), transcript(folders[1], hostile=HOSTILE)
    )
    assert beside == alone
