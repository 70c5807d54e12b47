"""`POST /v1/ingest`: who may, what is answered, and how little is held meanwhile."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import Message

from external_scene import Service, lines_of
from http_world import World, bearer, running
from threadcast.errors import ThreadcastError
from threadcast.ingestion import CHUNK_MAX_EVENTS
from threadcast.testing.clock import ManualClock

LINES = {"content-type": "application/x-ndjson"}
NOW = 1_763_629_200.0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path) as world:
        yield world


@pytest.fixture
async def service(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    async with world.client("crm", scopes=["ingest"]) as client:
        yield client


async def send(client: httpx2.AsyncClient, shapes: list[dict[str, Any]]) -> Any:
    """Send events as lines; the answer's document."""
    answer = await client.post("/v1/ingest", content=lines_of(shapes), headers=LINES)
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(answer: Any) -> list[str]:
    return [result.get("code", result["outcome"]) for result in answer["results"]]


def ingested(world: World, outcome: str) -> float:
    return (
        world.node.metrics.registry.get_sample_value(
            "threadcast_ingested_total", {"outcome": outcome}
        )
        or 0.0
    )


# --- who may --------------------------------------------------------------------------------------


async def test_only_the_scope_lets_a_service_append(world: World) -> None:
    shapes = Service("ann").shapes("thread_created")
    for user, scopes, status in (("ann", (), 403), ("ann", ("ops", "metrics"), 403)):
        async with world.client(user, scopes=scopes) as client:
            refused = await client.post("/v1/ingest", json=shapes)
            assert (refused.status_code, refused.json()["code"]) == (status, "forbidden")
    async with world.client() as client:
        assert (await client.post("/v1/ingest", json=shapes)).status_code == 401
    assert await world.node.store.heads(["ann"]) == {}


async def test_a_server_can_say_for_whom(tmp_path: Path) -> None:
    async with (
        running(tmp_path, ingest_user_prefixes=("tenant-a:", "bob")) as world,
        world.client("crm", scopes=["ingest"]) as client,
    ):
        users = ("tenant-a:1", "bob", "tenant-b:1", "ann")
        shapes = [Service(user).shape("thread_created") for user in users]
        assert codes(await send(client, shapes)) == ["stored", "stored", "forbidden", "forbidden"]


async def test_what_a_service_calls_its_agent_is_shown_to_operators_if_it_is_a_name(
    tmp_path: Path,
) -> None:
    async with (
        running(tmp_path, console=True) as world,
        world.client("crm", scopes=["ingest"]) as client,
        world.client("olga", scopes=["ops"]) as operator,
    ):
        named, odd = Service("ann"), Service("ann")
        for service, agent in ((named, "old-bot"), (odd, "the bot of Ada, who is ill")):
            shapes = service.shapes("thread_created", "message_created")
            shapes.append(service.shape("agent_started", data={"agent": agent}))
            assert codes(await send(client, shapes)) == ["stored"] * 3
        for service, shown in ((named, "old-bot"), (odd, "?")):
            found = (await operator.get(f"/ops/runs/{service.run_id}")).json()
            assert found["run"]["agent"] == shown
        for answer in (
            await operator.post("/ops/users/find", json={"user": "ann"}),
            await operator.get("/ops/runs"),
            await operator.get("/ops/overview"),
        ):
            assert "Ada" not in answer.text


async def test_what_was_appended_for_whom_is_logged_without_content(
    service: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="threadcast")
    title = {"data": {"title": "very private"}}
    await send(service, [Service("ann").shape("thread_created", **title), {"x": "y"}])
    [line] = [record.getMessage() for record in caplog.records if "ingested" in record.getMessage()]
    expected = "service 'crm' ingested: 1 stored, 0 duplicate, 1 refused, for 1 user(s): 'ann'"
    assert line == expected
    assert "private" not in caplog.text


# --- the loop -------------------------------------------------------------------------------------


async def test_large_events_that_are_refused_let_others_have_their_turn(world: World) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    with world.node.ingestion.request("crm") as ingest:
        for _ in range(20):
            assert await ingest.take(b"x" * 70_000)
        answer = await ingest.finish()
    waiting.cancel()
    assert answer.refused == 20
    assert turns >= 20


# --- what comes -----------------------------------------------------------------------------------


async def test_each_event_is_judged_by_itself(world: World, service: httpx2.AsyncClient) -> None:
    ann, bob = Service("ann"), Service("bob")
    shapes = [
        ann.shape("thread_created"),
        {"type": "agent_danced", "user": "ann", "time": 1},
        bob.shape("agent_delta"),
        ann.shape("agent_started"),
        bob.shape("thread_created"),
    ]
    answer = await send(service, shapes)
    assert codes(answer) == ["stored", "bad_field", "not_found", "stored", "stored"]
    assert [result["index"] for result in answer["results"]] == [0, 1, 2, 3, 4]
    assert [result.get("seq") for result in answer["results"]] == [1, None, None, 2, 1]
    counts = {name: answer[name] for name in ("stored", "duplicates", "refused", "stopped")}
    assert counts == {"stored": 3, "duplicates": 0, "refused": 2, "stopped": None}
    again = await send(service, shapes)
    assert codes(again) == ["duplicate", "bad_field", "not_found", "duplicate", "duplicate"]
    assert [ingested(world, outcome) for outcome in ("stored", "duplicate", "refused")] == [3, 3, 4]


async def test_a_document_says_the_same_as_lines(service: httpx2.AsyncClient) -> None:
    shapes = Service().shapes("thread_created", "agent_started", "agent_delta")
    first = (await service.post("/v1/ingest", json={"events": shapes})).json()
    assert codes(first) == ["stored"] * 3
    for body in (shapes, {"events": shapes, "more": "is ignored"}):
        answer = await service.post("/v1/ingest", json=body)
        assert codes(answer.json()) == ["duplicate"] * 3
    assert codes(await send(service, shapes)) == ["duplicate"] * 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"{}", "bad_field"),
        (b'{"events":{}}', "bad_field"),
        (b"[", "bad_json"),
        (b'[],"x":1', "bad_json"),
        (b'[{}],"events":[]', "bad_json"),
        (b"5", "bad_message"),
    ],
)
async def test_a_document_that_is_none(service: httpx2.AsyncClient, body: bytes, code: str) -> None:
    headers = {"content-type": "application/json"}
    refused = await service.post("/v1/ingest", content=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, code)


async def test_nothing_to_append_is_no_fault(service: httpx2.AsyncClient) -> None:
    for answer in (await send(service, []), (await service.post("/v1/ingest", json=[])).json()):
        assert answer["results"] == []
        assert answer["stopped"] is None


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content-type": "text/plain"}, "unsupported_media_type"),
        ({}, "unsupported_media_type"),
        ({**LINES, "content-encoding": "gzip"}, "content_encoding_not_supported"),
    ],
    ids=["H10-text", "H10-nothing", "H11"],
)
async def test_bodies_of_another_kind(
    service: httpx2.AsyncClient, headers: dict[str, str], code: str
) -> None:
    shapes = lines_of(Service().shapes("thread_created"))
    refused = await service.post("/v1/ingest", content=shapes, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (415, code)


async def test_an_event_that_is_too_long_is_refused_and_the_next_is_not(tmp_path: Path) -> None:
    async with (
        running(tmp_path, ingest_event_max_bytes=1_024) as world,
        world.client("crm", scopes=["ingest"]) as client,
    ):
        service = Service()
        long = service.shape("thread_updated", data={"title": "x" * 199, "pad": "y" * 1_000})
        shapes = [service.shape("thread_created"), long, service.shape("thread_updated")]
        assert codes(await send(client, shapes)) == ["stored", "too_long", "stored"]
        answer = await client.post("/v1/ingest", json=shapes)
        assert codes(answer.json()) == ["duplicate", "too_long", "duplicate"]


# --- where it stops -------------------------------------------------------------------------------


async def test_too_many_events_stop_a_request_at_the_first_too_many(tmp_path: Path) -> None:
    async with (
        running(tmp_path, ingest_events_max=3) as world,
        world.client("crm", scopes=["ingest"]) as client,
    ):
        shapes = [Service().shape("thread_created") for _ in range(5)]
        body = lines_of(shapes)
        answer = await client.post("/v1/ingest", content=body, headers=LINES)
        assert answer.headers["connection"] == "close"
        assert codes(answer.json()) == ["stored"] * 3
        stopped = answer.json()["stopped"]
        assert (stopped["index"], stopped["code"]) == (3, "body_too_large")
        refused = await client.post("/v1/ingest", json=shapes)
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


async def test_a_service_has_a_rate_and_hurts_nobody_else(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    limits: dict[str, Any] = {"ingest_events_per_s": 100.0, "ingest_events_burst": 300}
    credential: dict[str, Any] = {"scopes": ["ingest"], "now": NOW}
    async with running(tmp_path, clock=clock, **limits) as world:
        shapes = [Service().shape("thread_created") for _ in range(400)]
        async with world.client("crm", **credential) as client:
            answer = await send(client, shapes)
            assert answer["stored"] == CHUNK_MAX_EVENTS
            stopped = answer["stopped"]
            assert (stopped["index"], stopped["code"]) == (CHUNK_MAX_EVENTS, "rate_limited")
            assert stopped["retryable"]
            rest = shapes[stopped["index"] :]
            refused = await client.post("/v1/ingest", content=lines_of(rest), headers=LINES)
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            while stopped is not None:
                clock.advance(stopped["retry_after_ms"] / 1_000)
                stopped = (await send(client, rest))["stopped"]
                rest = [] if stopped is None else rest[stopped["index"] :]
        async with world.client("another", **credential) as client:
            assert (await send(client, shapes[:200]))["duplicates"] == 200


async def test_only_so_many_requests_at_once(tmp_path: Path) -> None:
    async with (
        running(tmp_path, ingest_requests_max=1) as world,
        world.client("crm", scopes=["ingest"]) as client,
    ):
        with world.node.ingestion.request("another"):
            refused = await client.post("/v1/ingest", json=[])
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert (await client.post("/v1/ingest", json=[])).status_code == 200


async def test_h8_a_body_that_stalls_is_given_up_with_what_was_stored(world: World) -> None:
    lines = lines_of(Service().shapes("thread_created", "agent_delta")).splitlines()
    with world.node.ingestion.request("crm") as ingest:
        assert [await ingest.take(line) for line in lines] == [True, True]
        await ingest.stop(ThreadcastError("request_timeout"))
        answer = await ingest.finish()
    assert [result.outcome for result in answer.results] == ["stored", "refused"]
    assert answer.stopped is not None
    assert (answer.stopped.index, answer.stopped.code) == (2, "request_timeout")


async def test_a_journal_that_takes_nothing_more_says_where_to_go_on(tmp_path: Path) -> None:
    async with running(tmp_path) as world, world.client("crm", scopes=["ingest"]) as client:
        service = Service()
        stored = service.shapes("thread_created", *["thread_updated"] * (CHUNK_MAX_EVENTS - 1))
        later = service.shapes("thread_updated")

        async def body() -> AsyncIterator[bytes]:
            yield lines_of(stored)
            await world.node.store.close()
            yield lines_of(later)

        answer = (await client.post("/v1/ingest", content=body(), headers=LINES)).json()
        assert answer["stored"] == CHUNK_MAX_EVENTS
        assert answer["stopped"]["index"] == CHUNK_MAX_EVENTS
        assert answer["stopped"]["retryable"]


# --- how little is held ---------------------------------------------------------------------------


class Sender:
    """A client at the level of ASGI that hands out its body piece by piece."""

    def __init__(self, world: World, pieces: list[bytes], *, whole: bool = True) -> None:
        self._world = world
        self._pieces = pieces
        self._whole = whole
        self.handed_out_lines = 0
        self.unsettled_lines_max = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        decided = sum(ingested(self._world, outcome) for outcome in ("stored", "refused"))
        unsettled = int(self.handed_out_lines - decided)
        self.unsettled_lines_max = max(self.unsettled_lines_max, unsettled)
        if not self._pieces:
            if self._whole:
                return {"type": "http.request", "body": b"", "more_body": False}
            return {"type": "http.disconnect"}
        piece = self._pieces.pop(0)
        self.handed_out_lines += piece.count(b"\n")
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def run(self) -> None:
        headers = {"host": "127.0.0.1", **bearer("crm", scopes=["ingest"]), **LINES}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/ingest",
            "raw_path": b"/v1/ingest",
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("203.0.113.7", 50_000),
            "server": ("127.0.0.1", 80),
        }
        await self._world.app(scope, self.receive, self.send)


def pieces_of(shapes: list[dict[str, Any]], lines: int) -> list[bytes]:
    return [lines_of(shapes[start : start + lines]) for start in range(0, len(shapes), lines)]


async def test_10_000_events_are_read_no_faster_than_they_are_committed(world: World) -> None:
    service = Service()
    shapes = service.shapes("thread_created", "agent_started", *["agent_delta"] * 9_998)
    sender = Sender(world, pieces_of(shapes, 100))
    await sender.run()
    answer = json.loads(sender.sent[1]["body"])
    assert (answer["stored"], len(answer["results"])) == (10_000, 10_000)
    assert [result["seq"] for result in answer["results"]] == list(range(1, 10_001))
    assert sender.unsettled_lines_max < CHUNK_MAX_EVENTS


async def test_large_events_are_committed_before_many_have_gathered(world: World) -> None:
    service = Service()
    large = {"data": {"text": "x" * 200_000}}
    shapes = service.shapes("thread_created", "agent_started")
    shapes += [service.shape("agent_thinking", **large) for _ in range(20)]
    sender = Sender(world, pieces_of(shapes, 1))
    await sender.run()
    assert json.loads(sender.sent[1]["body"])["stored"] == 22
    assert sender.unsettled_lines_max <= 6 + 2  # 1 MiB, and the two small ones before


async def test_who_leaves_in_the_middle_may_send_it_all_again(
    world: World, service: httpx2.AsyncClient
) -> None:
    shapes = Service().shapes("thread_created", "agent_started", *["agent_delta"] * 598)
    sender = Sender(world, pieces_of(shapes[:400], 50), whole=False)
    await sender.run()
    assert sender.sent == []
    assert ingested(world, "stored") == CHUNK_MAX_EVENTS
    again = await send(service, shapes)
    assert (again["stored"], again["duplicates"]) == (600 - CHUNK_MAX_EVENTS, CHUNK_MAX_EVENTS)
    assert [result["seq"] for result in again["results"]] == list(range(1, 601))
    assert await world.node.store.heads(["ann"]) == {"ann": 600}


async def test_what_names_a_thread_by_its_older_id_is_counted(
    world: World, service: httpx2.AsyncClient
) -> None:
    theirs = Service(thread_id="session_1757361062151", run_id="run_ann_37a6f2cf")
    shapes = [theirs.shape(kind) for kind in ("thread_created", "agent_started", "agent_delta")]
    stray = Service(thread_id="session_1757361062152").shape("agent_delta")
    for _ in range(2):  # what is a duplicate has led nowhere
        await send(service, [*shapes, stray])
    uses = world.node.metrics.registry.get_sample_value(
        "threadcast_legacy_id_uses_total", {"entrance": "ingest"}
    )
    assert uses == 3
