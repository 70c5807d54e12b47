"""Legacy ids at every entrance of a running server: for their owner they name the thread, as ever.

For anybody else they are what never existed, and each use is counted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from http_world import token
from live_server import LiveServer, Talk, fresh_key
from patience import WAIT_S
from program import COMMAND, environment
from store_contract_migration import LEGACY, THEN, dumped, imported
from store_scene import NOW, Scene, context_of
from threadcast import migrate_legacy_thread_id
from threadcast.client import CommandRejected, Event, Snapshots, connect
from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.errors import ThreadcastError
from threadcast.store.records import ThreadRow
from threadcast.store.session import RequestScopedSessionFactory
from threadcast.store.sqlite import SqliteStore
from threadcast.store.sqlite.sessions import SqliteSession
from threadcast.store.units import AliasThread
from threadcast.testing.clock import ManualClock

MAIL = "ann@example.org_req_9fc55c948877_8bfbba09"
OLDER = (LEGACY, "42", "C024BE91L:1757361062.151", MAIL)
FOREIGN = ("websocket_factory_1757361062999", "bobs-thread")
NEVER = ("websocket_factory_1757361062998", "nobodys-thread")
CODES = ("legacy_id", "bad_id")


async def _fill(path: Path) -> None:
    store = SqliteStore(path, clock=ManualClock(NOW))
    await store.open()
    scene = Scene(store)
    await imported(scene, *(dumped(legacy_id) for legacy_id in OLDER))
    await imported(scene, *(dumped(legacy_id, "bob") for legacy_id in FOREIGN))
    await store.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("live")
    asyncio.run(_fill(folder / "events.db"))
    with LiveServer(folder, max_runs_per_user=1_000) as server:
        yield server


@pytest.fixture
async def talk(live: LiveServer) -> AsyncIterator[Talk]:
    async with live.talk("ann") as client:
        yield client


def uses(live: LiveServer, entrance: str) -> float:
    return (
        live.node.metrics.registry.get_sample_value(
            "threadcast_legacy_id_uses_total", {"entrance": entrance}
        )
        or 0.0
    )


def present(legacy_id: str) -> str:
    return migrate_legacy_thread_id(legacy_id, "ann")


# --- the owner ------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy_id", OLDER)
async def test_http(live: LiveServer, legacy_id: str) -> None:
    before = uses(live, "http")
    path = f"/v1/threads/{legacy_id}"
    async with live.http("ann") as client:
        thread = (await client.get(path)).json()["thread"]
        messages = (await client.get(f"{path}/messages")).json()["messages"]
        events = (await client.get(f"{path}/events")).json()["events"]
        changed = await client.patch(path, json={"metadata": {"seen": True}})
        body = {"content": "hi", "client_message_id": fresh_key()}
        sent = await client.post(f"{path}/messages", json=body)
        again = await client.post(f"/v1/threads/{present(legacy_id)}/messages", json=body)
    assert {thread["thread_id"], changed.json()["thread_id"], sent.json()["thread_id"]} == {
        present(legacy_id)
    }
    assert [message["timestamp"] for message in messages[:3]] == [THEN, THEN + 2, THEN + 60]
    assert {event["thread_id"] for event in events} == {present(legacy_id)}
    assert again.json() == sent.json() | {"duplicate": True}
    assert uses(live, "http") == before + 5


@pytest.mark.parametrize("legacy_id", OLDER)
async def test_websocket(live: LiveServer, talk: Talk, legacy_id: str) -> None:
    before = uses(live, "websocket")
    await talk.ask("attach", after=0, thread_id=legacy_id)
    attached = await talk.until("attached")
    assert attached["data"]["thread_id"] == present(legacy_id)
    assert (await talk.event())["thread_id"] == present(legacy_id)
    key = fresh_key()
    sent = await talk.ask("send_message", content="x", client_message_id=key, thread_id=legacy_id)
    assert sent["thread_id"] == present(legacy_id)
    again = await talk.ask(
        "send_message", content="x", client_message_id=key, thread_id=present(legacy_id)
    )
    assert again["duplicate"]
    assert uses(live, "websocket") == before + 2


async def test_commands_keep_their_order_whatever_ids_they_name(talk: Talk) -> None:
    named = [LEGACY, present("42"), "42", None, MAIL, present(LEGACY), LEGACY, None] * 5
    asked = []
    for thread_id in named:
        more = {} if thread_id is None else {"thread_id": thread_id}
        asked.append(
            await talk.say("send_message", content="x", client_message_id=fresh_key(), **more)
        )
    seqs = [(await talk.accepted(command_id))["seq"] for command_id in asked]
    assert seqs == sorted(seqs)


async def test_a_stream_of_one_thread(live: LiveServer) -> None:
    before = uses(live, "sse")
    seen = []
    query = {"thread_id": LEGACY, "after": "0"}
    async with live.http("ann") as client, client.stream("GET", "/v1/events", params=query) as got:
        async for line in got.aiter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))
            if seen and seen[-1]["event_type"] == "message_created":
                break
    (attached,) = [event for event in seen if event["event_type"] == "attached"]
    assert attached["data"]["thread_id"] == present(LEGACY)
    assert seen[-1]["thread_id"] == present(LEGACY)
    assert uses(live, "sse") == before + 1


@pytest.mark.parametrize("legacy_id", OLDER)
async def test_the_client(live: LiveServer, legacy_id: str) -> None:
    async with connect(live.url, token("ann"), thread_id=legacy_id) as client:
        sent = await client.send_message("hello", thread_id=legacy_id)
        assert sent.thread_id == present(legacy_id)
        async with asyncio.timeout(WAIT_S):
            async for item in client:
                if isinstance(item, Event) and item.event_type == "agent_completed":
                    assert item.thread_id == present(legacy_id)
                    break
    async with Snapshots(live.url, token("ann")) as snapshots:
        page = await snapshots.messages(legacy_id, limit=1)
    assert len(page.messages) == 1


@pytest.mark.parametrize("legacy_id", OLDER)
async def test_tail(live: LiveServer, legacy_id: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "tail", "--url", live.url, "--after", "0", "--thread", legacy_id),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(THREADCAST_TOKEN=token("ann")),
    )
    assert process.stdout is not None
    async with asyncio.timeout(WAIT_S):
        line = json.loads(await process.stdout.readline())
    process.terminate()
    await process.communicate()
    assert (line["event_type"], line["thread_id"]) == ("thread_created", present(legacy_id))


async def test_chat(live: LiveServer) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "chat", "--url", live.url, "--thread", "42"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(THREADCAST_TOKEN=token("ann")),
    )
    async with asyncio.timeout(WAIT_S):
        out, errors = await process.communicate(b"good morning\n")
    assert process.returncode == 0, errors
    assert b"heard good morning" in out
    async with live.http("ann") as client:
        page = (await client.get("/v1/threads/42/messages")).json()
    assert page["messages"][-1]["content"] == "heard good morning"


# --- anybody else ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("foreign", "never", "code"), list(zip(FOREIGN, NEVER, CODES, strict=True))
)
async def test_another_users_older_id_is_one_that_never_was(
    live: LiveServer, talk: Talk, foreign: str, never: str, code: str
) -> None:
    async with live.http("ann") as client:
        for method, path, body in _ways():
            theirs = await client.request(method, path.format(foreign), json=body)
            nobodys = await client.request(method, path.format(never), json=body)
            assert theirs.json()["code"] == code
            assert theirs.status_code == (404 if code == "legacy_id" else 400)
            assert _same_length(theirs.json(), foreign) == _same_length(nobodys.json(), never)
    for command, fields in (
        ("attach", {"after": 0}),
        ("send_message", {"content": "x", "client_message_id": "k"}),
    ):
        answers = [
            await talk.refused(await talk.say(command, thread_id=legacy_id, **fields))
            for legacy_id in (foreign, never)
        ]
        assert [answer["code"] for answer in answers] == [code, code]
    async with Snapshots(live.url, token("ann")) as snapshots:
        with pytest.raises(CommandRejected) as caught:
            await snapshots.messages(foreign)
    assert caught.value.server_code == code


def _ways() -> list[tuple[str, str, Any]]:
    message = {"content": "x", "client_message_id": "k"}
    return [
        ("GET", "/v1/threads/{}", None),
        ("GET", "/v1/threads/{}/messages", None),
        ("GET", "/v1/threads/{}/events", None),
        ("GET", "/v1/events?thread_id={}", None),
        ("PATCH", "/v1/threads/{}", {"title": "x"}),
        ("DELETE", "/v1/threads/{}", None),
        ("POST", "/v1/threads/{}/messages", message),
    ]


def _same_length(problem: dict[str, Any], legacy_id: str) -> dict[str, Any]:
    """A problem without what differs by request, and without the length of the id."""
    text = problem["detail"].replace(f"of {len(legacy_id)} characters", "of so many characters")
    return {**{key: problem[key] for key in ("code", "status", "title")}, "detail": text}


async def test_a_known_shape_names_the_migration(live: LiveServer, talk: Talk) -> None:
    command_id = await talk.say("attach", thread_id=NEVER[0])
    assert (
        "migrate the thread first (threadcast migrate-ids)"
        in ((await talk.refused(command_id))["message"])
    )


class _SlowSession(SqliteSession):
    def __init__(self, store: SlowStore, user_id: str) -> None:
        super().__init__(store._readers, user_id, store._clock)
        self._store = store

    async def thread(self, thread_id: str) -> ThreadRow | None:
        if thread_id == LEGACY:
            self._store.asked.set()
            await self._store.go_on.wait()
        return await super().thread(thread_id)


class SlowStore(SqliteStore):
    """A store that finds a legacy id only when it is let go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, clock=SystemClock())
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    def session(self, context: UserExecutionContext) -> _SlowSession:
        return _SlowSession(self, context.user_id)


async def test_a_connection_that_ends_during_the_look_up_sends_nothing(tmp_path: Path) -> None:
    await _fill(tmp_path / "events.db")
    store = SlowStore(tmp_path / "events.db")
    with LiveServer(tmp_path, store=store) as server:
        head = (await server.on_loop(lambda: store.heads(["ann"])))["ann"]
        async with server.talk("ann") as talk, server.http("ann") as client:
            key = fresh_key()
            await talk.say("send_message", content="x", client_message_id=key, thread_id=LEGACY)
            await server.on_loop(store.asked.wait)
            (connection,) = (await client.get("/v1/connections")).json()["connections"]
            await client.delete(f"/v1/connections/{connection['connection_id']}")
            await talk.ending()

            async def let_go_on() -> None:
                store.go_on.set()

            await server.on_loop(let_go_on)
            created = await client.post("/v1/threads", json={})
        assert created.json()["seq"] == head + 1
        await server.settled(0)


# --- what is asked of the store -------------------------------------------------------------------


class WatchedStore(SqliteStore):
    """A store that notes each statement of a reader."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, clock=ManualClock(NOW))
        self.statements: list[str] = []

    def _connect_reader(self) -> apsw.Connection:
        connection = super()._connect_reader()
        connection.exec_trace = self._note
        return connection

    def _note(self, _cursor: object, sql: str, _bindings: object) -> bool:
        self.statements.append(sql)
        return True


@pytest.mark.parametrize(
    "text",
    [
        "", "..", "../etc", "%2e%2e%2f", "a\0b", "x" * 10_240, "🦆", "' OR 1=1 --", "a b",
        "thread_x", "THREAD_CHAT_1763629200001_7_90C65FE4", "run_chat_1763629200001_7_90c65fe4",
        "feed_1763629200000_1_0c5e21aa", "req_chat_1763629200001_7_90c65fe4",
    ],
)  # fmt: skip
async def test_i3_what_is_no_id_is_no_statement_even_beside_plain_aliases(
    tmp_path: Path, text: str
) -> None:
    store = WatchedStore(tmp_path / "a.db")
    await store.open()
    context = await Scene(store).thread("ann")
    await Scene(store).committed(AliasThread(context, "42"))
    async with RequestScopedSessionFactory(store).open(context) as session:
        with pytest.raises(ThreadcastError) as caught:
            await session.threads.get_by_id(text)
        assert (caught.value.code, store.statements) == ("bad_id", [])
        assert (await session.threads.get_by_id("42")).thread_id == context.thread_id
        assert store.statements != []
    await store.close()


async def test_without_plain_aliases_nobody_is_asked_for_a_plain_text(tmp_path: Path) -> None:
    store = WatchedStore(tmp_path / "a.db")
    await store.open()
    context = await Scene(store).thread("ann")
    await Scene(store).committed(AliasThread(context, LEGACY))
    async with RequestScopedSessionFactory(store).open(context_of("ann")) as session:
        with pytest.raises(ThreadcastError, match="bad_id"):
            await session.threads.get_by_id("42")
        assert store.statements == []
        assert (await session.threads.get_by_id(LEGACY)).thread_id == context.thread_id
    await store.close()


# --- what is remembered ---------------------------------------------------------------------------


async def test_uses_outlive_the_server(tmp_path: Path) -> None:
    await _fill(tmp_path / "events.db")
    with LiveServer(tmp_path) as server:
        async with server.http("ann") as client:
            for _ in range(3):
                assert (await client.get("/v1/threads/42")).status_code == 200
        async with server.http("bob") as client:
            assert (await client.get("/v1/threads/42")).status_code == 400
    store = SqliteStore(tmp_path / "events.db", clock=ManualClock(NOW))
    facts = await store.alias_facts(now=NOW)
    await store.close()
    assert (facts.total, facts.used, facts.uses) == (len(OLDER) + len(FOREIGN), 1, 3)
