"""Every failure that this project was begun to end, each in one sentence and one test.

The tests are made over real sockets to a whole server where the failure was one of sockets.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

import threadcast
from http_world import AGENTS, fresh_id, token
from journal_reading import events_after, streamed
from live_server import Event, LiveServer, Talk, fresh_key
from raw_client import TEXT, frame
from threadcast.agent import Agent, Run
from threadcast.bus import JournalGrew
from threadcast.context import UserExecutionContext
from threadcast.errors import InvalidContextError
from threadcast.ids import derive_thread_id_from_run_id
from threadcast.wire.normalize import normalize_event

pytestmark = pytest.mark.usefixtures("unharmed")

ENVELOPE = {"event_type", "timestamp", "user_id", "thread_id", "run_id", "seq", "data"}
LIMIT = 20
CHUNKS, PIECES = 5, 20


async def recite(run: Run) -> str:
    """An agent that streams numbers, and waits to be told to go on."""
    for chunk in range(CHUNKS):
        for number in range(PIECES):
            await run.delta(f"{chunk * PIECES + number} ")
        await run.ask("go on?")
    return all_numbers()


def all_numbers() -> str:
    return "".join(f"{number} " for number in range(CHUNKS * PIECES))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("live")
    with LiveServer(folder, agents=[*AGENTS, Agent("recite", recite)]) as server:
        assert server.settings.max_connections_per_user == LIMIT
        yield server


async def send(talk: Talk, content: str = "hi", **fields: Any) -> dict[str, Any]:
    fields = {"client_message_id": fresh_key(), **fields}
    return await talk.ask("send_message", content=content, **fields)


# --- ids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["create_thread", "send_message", "POST"])
async def test_404_thread_not_found_because_two_components_made_two_ids(
    live: LiveServer, way: str
) -> None:
    """A client is told the id of its new thread, asks for that thread, and gets a 404."""
    user_id = f"u-404-{way}"
    async with live.talk(user_id) as talk, live.http(user_id) as http:
        if way == "POST":
            told = (await http.post("/v1/threads", json={})).json()["thread_id"]
        elif way == "create_thread":
            told = (await talk.ask("create_thread"))["thread_id"]
        else:
            told = (await send(talk))["thread_id"]
        announced = (await talk.until("thread_created"))["thread_id"]
        listed = [one["thread_id"] for one in (await http.get("/v1/threads")).json()["threads"]]
        assert listed == [announced] == [told]
        for below in ("", "/messages", "/events"):
            assert (await http.get(f"/v1/threads/{told}{below}")).status_code == 200
        assert (await send(talk, thread_id=told))["thread_id"] == told
        await talk.ask("attach", thread_id=told, after=0)
        assert (await http.patch(f"/v1/threads/{told}", json={"title": "x"})).status_code == 200


async def test_run_and_thread_ids_that_disagree(live: LiveServer) -> None:
    """A later run's id is of another set than its thread's, and some part takes the wrong one."""
    async with live.talk("u-disagree") as talk, live.http("u-disagree") as http:
        first = await send(talk)
        later = await send(talk, thread_id=first["thread_id"])
        thread_id, run_id = first["thread_id"], later["run_id"]
        assert derive_thread_id_from_run_id(first["run_id"]) == thread_id
        assert derive_thread_id_from_run_id(run_id) != thread_id
        done = await talk.until_run("agent_completed", run_id)
        assert done["thread_id"] == thread_id
        assert (await http.get(f"/v1/runs/{run_id}")).json()["run"]["thread_id"] == thread_id
        guessed = f"/v1/threads/{derive_thread_id_from_run_id(run_id)}"
        assert (await http.get(guessed)).status_code == 404
    request_id = fresh_id("request")
    with pytest.raises(InvalidContextError, match="thread_id and run_id are not of one set"):
        UserExecutionContext("u-disagree", thread_id, run_id, request_id)
    stored = UserExecutionContext.for_run("u-disagree", thread_id, run_id)
    assert stored.isolation_key == ("u-disagree", thread_id, run_id)


# --- sending at the wrong time --------------------------------------------------------------------


async def test_websocket_is_not_connected_need_to_call_accept_first(live: LiveServer) -> None:
    """An event happens before its reader's connection is ready, and sending it raises."""
    async with (
        live.talk("u-accept") as writer,
        await live.raw() as early,
        await live.raw("u-accept") as unattached,
    ):
        await unattached.until("connection_ready")
        for _ in range(5):
            await writer.ask("create_thread")
        await early.ask("authenticate", token=token("u-accept"))
        assert (await early.event())["event_type"] == "connection_ready"
        for reader in (early, unattached):
            await reader.ask("attach", after=0)
            assert reader.held == []  # nothing was sent before it was asked for
            assert (await reader.event())["event_type"] == "attached"
            assert [(await reader.event())["seq"] for _ in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("step", ["upgrade", "accepted", "ready", "attached", "closing"])
async def test_sending_to_a_client_that_has_gone(live: LiveServer, step: str) -> None:
    """A client goes at any step of its life while events are sent to it, and sending raises."""
    user_id = f"u-gone-{step}"
    async with live.talk(user_id) as writer:
        for _ in range(5):
            if step == "upgrade":
                client = await Talk.open(live.port)
                await client.send(b"GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: webso")
            else:
                client = await live.raw(None if step == "accepted" else user_id)
            if step in ("ready", "attached", "closing"):
                await client.until("connection_ready")
            if step in ("attached", "closing"):
                await client.ask("attach", after=0)
            if step == "closing":
                await client.send(frame(TEXT, b"unmasked", masked=False))
            client.reset()
            await writer.ask("create_thread")
        await live.settled(2)  # the writer, and the one who watches
        assert len(await events_after(writer, 0)) == 5


async def test_two_tasks_send_at_once_and_their_frames_mix(live: LiveServer) -> None:
    """Answers and events are written to one socket by different tasks at the same moment."""
    async with live.talk("u-mix") as talk, live.talk("u-mix", attach=False) as writer:
        asked = [await talk.say("ping") for _ in range(100)]
        creating = [await writer.say("create_thread") for _ in range(100)]
        for command_id in asked:
            await talk.accepted(command_id)
        for command_id in creating:
            await writer.accepted(command_id)
        seqs: list[int] = []
        while len(seqs) < 100:
            seqs += [event["seq"] for event in [await talk.event()] if "seq" in event]
        assert seqs == list(range(1, 101))


# --- managers -------------------------------------------------------------------------------------


async def end_badly(live: LiveServer, user_id: str, number: int) -> None:
    """Open a tab and lose it in one of the ways in which tabs are lost."""
    async with await live.raw(user_id) as tab:
        match number % 6:
            case 0:
                tab.reset()
            case 1:
                await tab.until("connection_ready")
                tab.reset()
            case 2:
                await tab.until("connection_ready")
                tab.half_close()
            case 3:
                await tab.until("connection_ready")
                await tab.send(frame(TEXT, b"unmasked", masked=False))
            case 4:
                await tab.until("connection_ready")
                await tab.refused(await tab.say("no_such_command"))
            case _:
                await tab.until("connection_ready")
                await tab.say("authenticate", token=token("somebody else"))


async def test_one_manager_leaks_per_closed_tab_until_the_user_hits_the_limit(
    live: LiveServer,
) -> None:
    """A user opens and loses tabs, each leaves something behind, and at last none can be opened."""
    users = ("u-tabs", "u-tabs-2", "u-tabs-3")
    for _ in range(3):
        await asyncio.gather(
            *(end_badly(live, user_id, number) for number in range(LIMIT) for user_id in users)
        )
        await live.settled(1)  # the one who watches
    tabs = [await live.raw("u-tabs") for _ in range(LIMIT)]
    for tab in tabs:
        await tab.until("connection_ready")
    async with await live.raw("u-tabs") as one_more:
        assert await one_more.ending() == (4429, "too_many_connections")
    for tab in tabs:
        await tab.leave()
    await live.settled(1)


async def test_cleanup_that_misses_its_manager(live: LiveServer) -> None:
    """What a connection is about changes half-way, and its cleanup looks under the old id."""
    async with live.talk("u-cleanup") as talk:
        for _ in range(3):
            sent = await send(talk)  # each is a context of its own
            await talk.ask("attach", thread_id=sent["thread_id"])
            await talk.ask("authenticate", token=token("u-cleanup"))
        (found,) = await live.on_loop(lambda: connections_of(live, "u-cleanup"))
        async with live.http("u-cleanup") as http:
            assert (await http.delete(f"/v1/connections/{found}")).status_code == 204
        assert await talk.ending() == (4403, "forced_close")
    await live.settled(1)
    assert await live.on_loop(lambda: connections_of(live, "u-cleanup")) == []


async def connections_of(live: LiveServer, user_id: str) -> list[str | None]:
    """Looked up by a context that no connection was made with."""
    context = UserExecutionContext.create(user_id, "cleanup")
    return [one.context.connection_id for one in live.node.manager.connections_of(context)]


PAIRS = ({"add", "remove"}, {"connect", "disconnect"}, {"register", "unregister"})
NAMES = re.compile(r"(?i)(socket|connection|session)s?(manager|registry|hub|pool)$")


def test_two_managers() -> None:
    """There are two connection managers, and each part of the program knows another one."""
    sources = {
        path: path.read_text(encoding="utf-8")
        for path in Path(threadcast.__file__).parent.rglob("*.py")
    }
    managers = {
        node.name
        for source in sources.values()
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and manages_users(node)
    }
    made = [
        path.name for path, text in sources.items() for _ in re.findall(r"WebSocketManager\(", text)
    ]
    assert managers == {"WebSocketManager"}
    assert made == ["node.py"]


def manages_users(one: ast.ClassDef) -> bool:
    """Whether a class is named like a connection manager, extends it, or does what it does."""
    methods = {part.name for part in one.body if isinstance(part, ast.FunctionDef)}
    keeps_users = any(pair <= methods for pair in PAIRS) and "user_id" in ast.unparse(one)
    extends = any(ast.unparse(base).endswith("WebSocketManager") for base in one.bases)
    return keeps_users or extends or NAMES.search(one.name) is not None


# --- events ---------------------------------------------------------------------------------------


async def test_events_in_two_shapes(live: LiveServer) -> None:
    """One entrance says `type` and `time`, another `event_type` and `timestamp`."""
    lines = ("Sec-WebSocket-Protocol", "threadcast.v1.lines")
    async with live.talk("u-shapes") as talk, live.http("u-shapes") as http:
        sent = await send(talk)
        await talk.until_run("agent_completed", sent["run_id"])
        by_frames = await events_after(talk, 0)
        async with await live.raw("u-shapes", headers=[lines]) as other:
            await other.say("attach", after=0)
            frames = b""
            while b"caught_up" not in frames:
                frames += (await other.read_frame()).payload + b"\n"
        by_lines = [event for event in map(json.loads, frames.splitlines()) if "seq" in event]
        path = f"/v1/threads/{sent['thread_id']}/events"
        by_page = (await http.get(path)).json()["events"]
    by_stream = await streamed(live, "u-shapes")
    assert by_frames == by_lines == by_page == by_stream
    for event in by_frames:
        assert event.keys() | {"thread_id", "run_id"} == ENVELOPE
        assert msgspec.to_builtins(normalize_event(event)) == event


async def test_tokens_lost_on_reconnect(live: LiveServer) -> None:
    """The connection is cut in the middle of an answer, and words of it are missing afterwards."""
    reading = Reading()
    async with live.talk("u-cut", attach=False) as talk:
        run_id = (await send(talk, agent="recite"))["run_id"]
    for chunk in range(CHUNKS):
        async with live.talk("u-cut", after=reading.cursor) as reader:
            while reading.words < chunk * PIECES + PIECES // 3:
                reading.take(await reader.event())
            reader.reset()  # half-way
        async with live.talk("u-cut", after=reading.cursor) as reader:
            while (event := reading.take(await reader.event()))["event_type"] != "input_requested":
                pass
            reader.reset()
        body = {"input_id": event["data"]["input_id"], "value": True}
        async with live.http("u-cut") as http:  # while no connection listens
            answered = await http.post(f"/v1/runs/{run_id}/respond", json=body)
            assert answered.status_code == 200
    async with live.talk("u-cut", after=reading.cursor) as reader:
        while (done := reading.take(await reader.event()))["event_type"] != "agent_completed":
            pass
    assert reading.text == done["data"]["content"] == all_numbers()
    assert reading.seqs == list(range(1, reading.cursor + 1))


@dataclass
class Reading:
    """What one reader has, over all its connections."""

    cursor: int = 0
    seqs: list[int] = field(default_factory=list)
    text: str = ""

    @property
    def words(self) -> int:
        """How many words of the answer."""
        return len(self.text.split())

    def take(self, event: Event) -> Event:
        """Read one event."""
        if "seq" in event:
            self.cursor = event["seq"]
            self.seqs += range(event.get("first_seq", self.cursor), self.cursor + 1)
        if event["event_type"] == "agent_delta":
            self.text += event["data"]["text"]
        return event


# --- users ----------------------------------------------------------------------------------------


async def test_one_users_answer_shown_to_another(live: LiveServer) -> None:
    """Two users say the same at the same moment, under the same name, and one gets both answers."""
    same = {"client_message_id": "the-same", "content": "what did I just earn?"}
    async with live.talk("u-one") as one, live.talk("u-two") as two:
        for talk in (one, two):
            await talk.say("send_message", id="same", **same)
        runs = [(await talk.accepted("same"))["run_id"] for talk in (one, two)]
        for talk, run_id, other_run_id in zip((one, two), runs, runs[::-1], strict=True):
            await talk.until_run("agent_completed", run_id)
            await talk.ask("attach", after=0)
            await talk.until("caught_up")
            assert other_run_id.encode() not in talk.seen
    assert runs[0] != runs[1]


async def test_anothers_events_handed_to_a_connection_by_mistake(tmp_path: Path) -> None:
    """A part hands one user's events to another user's connection, and they are sent."""
    with LiveServer(tmp_path) as server:
        async with server.talk("ann") as ann, server.talk("bob") as bob:
            await ann.ask("create_thread", title="ann's secret")

            async def mistake() -> None:
                context = UserExecutionContext.create("ann", "mistake")
                async with server.node.sessions.open(context) as session:
                    events = (await session.journal.page(0, limit=9, max_bytes=9_999)).events
                server.node.bus.publish(JournalGrew("bob", events))

            await server.on_loop(mistake)
            assert await bob.ending() == (1011, "internal")
            assert b"secret" not in bob.seen
            async with server.http() as http:
                metrics = (await http.get("/metrics")).text
            assert "threadcast_foreign_deliveries_total 1.0" in metrics
            await ann.ask("ping")


@pytest.mark.parametrize("joint", [":", "_", "|", "/", ".", ", "])
async def test_crafted_user_ids_that_collide_in_isolation_keys(
    live: LiveServer, joint: str
) -> None:
    """Keys are joined texts, so a user who is called like another's key is taken for that one."""
    victim = "u-victim"
    async with live.talk(victim, attach=False) as talk:
        sent = await send(talk, agent="ask")
    key = (victim, sent["thread_id"], sent["run_id"])
    for crafted in (joint.join(key), joint.join(key[:2]), f"{victim}{joint}"):
        async with live.talk(crafted, attach=False) as talk, live.http(crafted) as http:
            assert await events_after(talk, 0) == []
            assert (await http.get("/v1/threads")).json()["threads"] == []
            assert (await http.get(f"/v1/threads/{key[1]}")).status_code == 404
            refused = await talk.refused(await talk.say("cancel_run", run_id=key[2]))
            assert refused["code"] == "not_found"
            assert len((await http.get("/v1/connections")).json()["connections"]) == 1
        own = UserExecutionContext.for_run(crafted, *key[1:])
        assert own.isolation_key == (crafted, *key[1:]) != key
