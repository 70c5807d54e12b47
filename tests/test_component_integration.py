"""Suite: component integration.

Context, session, manager, journal and runner agree on the ids of a message through its whole life,
also when many users write in many threads at once; every reader sees one order; and what older
services would have sent for the same events means the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal_reading import streamed
from live_server import Event, LiveServer, Talk, fresh_key
from recording_store import RecordingStore
from threadcast.agent import Agent, Run
from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.ids import (
    derive_thread_id_from_run_id,
    validate_cross_component_id_compatibility,
)
from threadcast.store.sqlite import SqliteStore
from threadcast.wire.normalize import normalize_event

Key = tuple[str, str, str]
"""User, thread and run: a context's isolation key."""


class Scene:
    """A server, what was asked of its store, and the contexts that its agent was run in."""

    def __init__(self, folder: Path) -> None:
        self.store = RecordingStore(SqliteStore(folder / "events.db", clock=SystemClock()))
        self.contexts: list[UserExecutionContext] = []
        self.live = LiveServer(
            folder,
            agents=[Agent("witness", self.answer)],
            store=self.store,
            max_runs_per_user=1_000,
        )

    async def answer(self, run: Run) -> str:
        """Take down the context, and do a little of everything that agents do.

        No two pieces of text are neighbours, so that none are merged when they are caught up on.
        """
        self.contexts.append(run.context)
        await run.thinking("hm")
        await run.delta("heard ")
        async with run.tool("look", {"for": run.message}) as call:
            call.result("found")
        await run.delta(run.message)
        return f"heard {run.message}"

    def asked(self, user_id: str, name: str) -> set[Key]:
        """For which threads and runs the store was asked this."""
        return {
            (one.place.user_id, one.place.thread_id or "", one.place.run_id or "")
            for one in self.store.of(user_id)
            if one.name == name
        }


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    made = Scene(folder)
    with made.live:
        yield made


async def send(talk: Talk, user_id: str, content: str, **fields: Any) -> Key:
    """Send a message: whose it is, its thread and its run."""
    fields = {"content": content, "client_message_id": fresh_key(), **fields}
    sent = await talk.ask("send_message", **fields)
    return user_id, sent["thread_id"], sent["run_id"]


def key_of(event: Event) -> Key:
    return event["user_id"], event["thread_id"], event["run_id"]


async def ended(talk: Talk, runs: int) -> list[Event]:
    """What comes on a connection until so many runs have ended, connection events left out."""
    found: list[Event] = []
    while sum(event["event_type"] == "agent_completed" for event in found) < runs:
        event = await talk.event()
        found += [event] if "seq" in event else []
    return found


# --- one life -------------------------------------------------------------------------------------


async def test_one_messages_ids_are_the_same_at_every_station(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        live, user_id = made.live, "ann"
        async with live.talk(user_id) as talk:
            connection_id = await only_connection(live, user_id)
            key = await send(talk, user_id, "what is 12 * 7?")
            events = await ended(talk, 1)
        await live.settled(0)
        assert await connections(live, user_id) == []

        (sent,) = [one for one in made.store.of(user_id) if one.name == "SendMessage"]
        assert isinstance(sent.place, UserExecutionContext)
        assert sent.place.connection_id == connection_id
        assert validate_cross_component_id_compatibility(
            sent.place.thread_id, sent.place.run_id, sent.place.request_id
        ) == (True, [])
        stations: dict[str, set[Key]] = {
            "the context that the gateway made": {sent.place.isolation_key},
            "the run's own id": {(user_id, derive_thread_id_from_run_id(key[2]), key[2])},
            "the agent": {context.isolation_key for context in made.contexts},
            "the runner's appends": made.asked(user_id, "AppendToRun"),
            "the live events": {key_of(event) for event in events if "run_id" in event},
            "the stream": {key_of(e) for e in await streamed(live, user_id) if "run_id" in e},
            "the session": await in_session(live, made.contexts[0]),
            "HTTP": await over_http(live, key),
        }
        assert {name: keys for name, keys in stations.items() if keys != {key}} == {}
        assert {event["thread_id"] for event in events} == {key[1]}


async def connections(live: LiveServer, user_id: str) -> list[str | None]:
    """The ids of a user's connections, by a context that no connection was made with."""

    async def look() -> list[str | None]:
        context = UserExecutionContext.create(user_id, "look")
        return [one.context.connection_id for one in live.node.manager.connections_of(context)]

    return await live.on_loop(look)


async def only_connection(live: LiveServer, user_id: str) -> str:
    (connection_id,) = await connections(live, user_id)
    assert connection_id is not None
    return connection_id


async def in_session(live: LiveServer, context: UserExecutionContext) -> set[Key]:
    """What the rows say, whichever id they are looked up by."""

    async def read() -> set[Key]:
        async with live.node.sessions.open(context) as session:
            thread = await session.threads.get_by_id(context.thread_id)
            same = await session.threads.get_by_run_id(context.run_id)
            run = await session.runs.get_by_id(context.run_id)
            rows = await session.messages.list(thread.thread_id, limit=9)
        assert same == thread
        assert len(rows) == 2
        return {
            (context.user_id, run.thread_id, run.run_id),
            *((context.user_id, thread.thread_id, row.message.run_id) for row in rows),
        }

    return await live.on_loop(read)


async def over_http(live: LiveServer, key: Key) -> set[Key]:
    """What every snapshot says."""
    user_id, thread_id, run_id = key
    async with live.http(user_id) as client:
        thread = (await client.get(f"/v1/threads/{thread_id}")).json()["thread"]
        run = (await client.get(f"/v1/runs/{run_id}")).json()["run"]
        messages = (await client.get(f"/v1/threads/{thread_id}/messages")).json()["messages"]
        events = (await client.get(f"/v1/threads/{thread_id}/events")).json()["events"]
    return {
        (user_id, run["thread_id"], run["run_id"]),
        *((user_id, thread["thread_id"], message["run_id"]) for message in messages),
        *(key_of(event) for event in events if "run_id" in event),
    }


# --- many at once ---------------------------------------------------------------------------------

USERS, THREADS, MESSAGES = 10, 3, 3


async def test_many_users_and_threads_at_once_and_every_id_in_its_place(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        users = [f"user-{number}" for number in range(USERS)]
        lives = await asyncio.gather(*(busy_life(made.live, user_id) for user_id in users))
        for user_id, (sent, events) in zip(users, lives, strict=True):
            assert {key_of(event) for event in events if "run_id" in event} == sent
            assert made.asked(user_id, "AppendToRun") == sent
            assert made.asked(user_id, "SendMessage") == sent
            assert await streamed(made.live, user_id) == events
        await made.live.settled(0)
        assert [await connections(made.live, user_id) for user_id in users] == [[]] * USERS
        every = set().union(*(sent for sent, _ in lives))
        assert {context.isolation_key for context in made.contexts} == every
        assert len({run_id for _, _, run_id in every}) == USERS * THREADS * MESSAGES
        assert len({thread_id for _, thread_id, _ in every}) == USERS * THREADS


async def busy_life(live: LiveServer, user_id: str) -> tuple[set[Key], list[Event]]:
    """Several threads written to at once on one connection while another one reads."""
    async with live.talk(user_id) as reader, live.talk(user_id, attach=False) as writer:

        async def conversation(number: int) -> list[Key]:
            first = await send_at(writer, f"{user_id} {number}")
            more = [
                await send_at(writer, f"{user_id} {number} {count}", thread_id=first[1])
                for count in range(1, MESSAGES)
            ]
            return [first, *more]

        async def send_at(talk: Talk, content: str, **fields: Any) -> Key:
            async with turn:  # answers are read by whoever asked
                return await send(talk, user_id, content, **fields)

        turn = asyncio.Lock()
        sent = await asyncio.gather(*(conversation(number) for number in range(THREADS)))
        events = await ended(reader, THREADS * MESSAGES)
    return {key for keys in sent for key in keys}, events


# --- order ----------------------------------------------------------------------------------------


async def test_messages_keep_their_order_for_every_reader(tmp_path: Path) -> None:
    count = 15
    with scene(tmp_path) as made:
        live = made.live
        async with live.talk("ann") as writer, live.talk("ann") as phone:
            thread_id = (await writer.ask("create_thread"))["thread_id"]
            fields = {"thread_id": thread_id}
            asked = [
                await writer.say(
                    "send_message", content=str(number), client_message_id=str(number), **fields
                )
                for number in range(count)
            ]
            answers = [await writer.accepted(command_id) for command_id in asked]
            on_laptop, on_phone = await ended(writer, count), await ended(phone, count)
        seqs = [answer["seq"] for answer in answers]
        assert seqs == sorted(seqs)
        assert [event["seq"] for event in on_phone] == list(range(1, len(on_phone) + 1))
        assert on_laptop == on_phone == await streamed(live, "ann")
        assert contents(on_phone, "message_created") == [str(number) for number in range(count)]
        assert contents(on_phone, "agent_completed") == [f"heard {n}" for n in range(count)]
        created = [event for event in on_phone if event["event_type"] == "message_created"]
        assert [event["seq"] for event in created] == seqs
        async with live.http("ann") as client:
            page = (await client.get(f"/v1/threads/{thread_id}/events?limit=200")).json()
            history = (await client.get(f"/v1/threads/{thread_id}/messages?limit=100")).json()
        assert page["events"] == on_phone
        assert [message["seq"] for message in history["messages"]] == [
            event["seq"]
            for event in on_phone
            if event["event_type"] in ("message_created", "agent_completed")
        ]


def contents(events: list[Event], event_type: str) -> list[str]:
    return [event["data"]["content"] for event in events if event["event_type"] == event_type]


# --- older shapes ---------------------------------------------------------------------------------


def renamed(event: Event) -> Event:
    """As services write it that say `type`, `time` and `user`."""
    names = {"event_type": "type", "timestamp": "time", "user_id": "user", "thread_id": "thread"}
    names |= {"run_id": "run", "data": "payload"}
    return {names.get(name, name): value for name, value in event.items()}


def with_data_at_the_top(event: Event) -> Event:
    """The same, with the time as text and the data among the envelope's fields."""
    older = renamed(event)
    moment = datetime.fromtimestamp(event["timestamp"], UTC).isoformat()
    return {**older.pop("payload"), **older, "time": moment}


OLDER: dict[str, Callable[[Event], Event]] = {
    "canonical": dict,
    "renamed": renamed,
    "flat": with_data_at_the_top,
}


@pytest.mark.parametrize("shape", OLDER)
async def test_what_older_services_send_is_the_event_that_the_server_delivers(
    tmp_path: Path, shape: str
) -> None:
    with scene(tmp_path) as made:
        async with made.live.talk("ann") as talk:
            await send(talk, "ann", "hi")
            events = await ended(talk, 1)
    golden_path = ["agent_started", "agent_thinking", "tool_executing", "tool_completed"]
    assert {*golden_path, "agent_completed"} <= {event["event_type"] for event in events}
    for event in events:
        older = OLDER[shape](event)
        assert older == event if shape == "canonical" else set(event) != set(older)
        assert msgspec.to_builtins(normalize_event(older)) == event
