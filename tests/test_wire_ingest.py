"""Ingested events over TCP: delivered like any other, in order, to their user and nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from external_scene import Service, lines_of
from http_world import fresh_id
from live_server import LiveServer, Talk, fresh_key

LINES = {"content-type": "application/x-ndjson"}
ENDS = ("agent_completed", "agent_failed", "agent_cancelled")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("live")) as server:
        yield server


@pytest.fixture(autouse=True)
async def unharmed(live: LiveServer, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    async with live.unharmed(caplog):
        yield


async def ingest(live: LiveServer, shapes: list[dict[str, Any]], *, service: str = "crm") -> Any:
    """Send events in pieces; the answer's document."""

    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(shapes), 97):
            yield lines_of(shapes[start : start + 97])

    async with live.http(service, scopes=["ingest"]) as client:
        answer = await client.post("/v1/ingest", content=body(), headers=LINES, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def journal_events(talk: Talk, last_seq: int) -> list[dict[str, Any]]:
    """Journal events as they come, until the one at this seq."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["seq"] < last_seq:
        event = await talk.event()
        if "seq" in event:
            events.append(event)
    return events


def life(service: Service, deltas: int = 3) -> list[dict[str, Any]]:
    """A run from its message to its end."""
    kinds = ["message_created", "agent_started", *["agent_delta"] * deltas, "agent_completed"]
    return service.shapes(*kinds)


async def test_a_live_reader_sees_it_at_once_and_in_order(live: LiveServer) -> None:
    service = Service("u-live")
    shapes = [*service.shapes("thread_created"), *life(service)]
    async with live.talk("u-live") as talk, live.talk("u-live", attach=False) as second:
        await ingest(live, shapes)
        events = await journal_events(talk, 7)
        assert [event["event_type"] for event in events] == [one["event_type"] for one in shapes]
        assert [event["seq"] for event in events] == list(range(1, 8))
        assert {event["user_id"] for event in events} == {"u-live"}
        assert {event["run_id"] for event in events[1:]} == {service.run_id}
        await second.ask("attach", after=0)
        resumed = await journal_events(second, 7)
        assert resumed[-1] == events[-1]


async def test_an_event_stream_has_it_too(live: LiveServer) -> None:
    service = Service("u-sse")
    shapes = [*service.shapes("thread_created"), *life(service, deltas=1)]
    found: list[str] = []
    async with (
        live.http("u-sse") as client,
        client.stream("GET", "/v1/events", params={"after": "0"}) as stream,
    ):
        lines = stream.aiter_lines()
        async for line in lines:
            if line == "event: attached":
                break
        await ingest(live, shapes)
        async for line in lines:
            if line.startswith("event: ") and line != "event: caught_up":
                found.append(line.removeprefix("event: "))
            if found and found[-1] in ENDS:
                break
    assert found == [one["event_type"] for one in shapes]


async def test_nobody_else_sees_it(live: LiveServer) -> None:
    service = Service("u-mine")
    async with live.talk("u-others") as other, live.talk("crm") as sender:
        await ingest(live, [*service.shapes("thread_created"), *life(service)])
        for talk in (other, sender):
            await talk.ask("ping")
            assert [event for event in talk.held if "seq" in event] == []
    async with live.http("u-others") as client:
        assert (await client.get(f"/v1/threads/{service.thread_id}")).status_code == 404
        assert (await client.get(f"/v1/runs/{service.run_id}")).status_code == 404
        assert (await client.get("/v1/threads")).json()["threads"] == []


async def test_older_shapes_arrive_as_canonical_events(live: LiveServer) -> None:
    old: dict[str, Any] = {
        "user": "u-old",
        "time": "2025-11-20T09:00:00.5Z",
        "thread": "session_1757361062151",
    }
    run = {**old, "run": "req_9fc55c948877"}
    shapes = [
        {**old, "type": "thread_created", "event_id": "1", "title": "Old talk"},
        {**run, "event": "agent_started", "event_id": "2", "payload": {"agent": "old"}},
        {**run, "type": "agent_delta", "id": "3", "text": "4"},
        {**run, "type": "agent_delta", "id": "4", "text": "2"},
        {**run, "type": "agent_completed", "id": "5", "content": "42", "duration_ms": 12},
    ]
    async with live.talk("u-old") as talk:
        assert (await ingest(live, shapes))["stored"] == 5
        events = await journal_events(talk, 5)
    assert {frozenset(event) for event in events[1:]} == {
        frozenset({"event_type", "timestamp", "user_id", "thread_id", "run_id", "seq", "data"})
    }
    assert events[0]["data"] == {
        "title": "Old talk", "metadata": {}, "created_at": 1763629200.5,
    }  # fmt: skip
    assert events[-1]["data"]["content"] == "42"
    assert events[0]["timestamp"] > 1763629200.5
    async with live.http("u-old") as client:
        thread = await client.get("/v1/threads/session_1757361062151")
    assert thread.json()["thread"]["thread_id"] == events[0]["thread_id"]


async def test_10_000_events_of_one_request_arrive_once_and_in_order(live: LiveServer) -> None:
    service = Service("u-many")
    shapes = [*service.shapes("thread_created"), *life(service, deltas=9_996)]
    texts = [f"{number} " for number in range(9_996)]
    for shape, text in zip(shapes[3:-1], texts, strict=True):
        shape["data"] = {"text": text}
    async with live.talk("u-many") as talk:
        reading = asyncio.ensure_future(journal_events(talk, 10_000))
        answer = await ingest(live, shapes)
        assert (answer["stored"], answer["refused"], answer["stopped"]) == (10_000, 0, None)
        events = await reading
    seen = [
        seq for one in events for seq in range(one.get("first_seq", one["seq"]), one["seq"] + 1)
    ]
    assert seen == list(range(1, 10_001))
    streamed = [one["data"]["text"] for one in events if one["event_type"] == "agent_delta"]
    assert "".join(streamed) == "".join(texts)
    assert (await ingest(live, shapes))["duplicates"] == 10_000


async def test_two_requests_and_a_run_of_this_server_go_on_beside_each_other(
    live: LiveServer,
) -> None:
    first, second = Service("u-busy"), Service("u-busy")
    both = [[*one.shapes("thread_created"), *life(one, deltas=600)] for one in (first, second)]
    async with live.talk("u-busy") as talk:
        answers = await asyncio.gather(
            *(ingest(live, shapes, service=f"s-{at}") for at, shapes in enumerate(both)),
            talk.ask("send_message", content="and you?", client_message_id=fresh_key()),
        )
        native = answers[-1]["run_id"]
        last_seq = max(answer["results"][-1]["seq"] for answer in answers[:2])
        events = await journal_events(talk, last_seq)
        while not any(one.get("run_id") == native and one["event_type"] in ENDS for one in events):
            events.append(await talk.event())
    seqs = [event["seq"] for event in events if "seq" in event]
    assert seqs == sorted(set(seqs))
    for answer, service, shapes in zip(answers, (first, second), both, strict=False):
        placed = [result["seq"] for result in answer["results"]]
        assert placed == sorted(placed)
        assert len(placed) == len(shapes)
        own = [one for one in events if one.get("thread_id") == service.thread_id]
        kinds = [one["event_type"] for one in own if one["event_type"] != "agent_delta"]
        assert kinds == ["thread_created", "message_created", "agent_started", "agent_completed"]


async def test_a_run_of_this_server_takes_no_words_from_others(live: LiveServer) -> None:
    async with live.talk("u-native") as talk:
        content, key = "hello", fresh_key()
        sent = await talk.ask("send_message", content=content, client_message_id=key, agent="ask")
        await talk.until_run("input_requested", sent["run_id"])
        service = Service("u-native", thread_id=sent["thread_id"], run_id=sent["run_id"])
        answer = await ingest(live, service.shapes("agent_delta", "agent_completed"))
        assert [one["code"] for one in answer["results"]] == ["forbidden", "forbidden"]
        other = Service("u-native", thread_id=sent["thread_id"])
        refused = await ingest(live, other.shapes("agent_started"))
        assert refused["results"][0]["code"] == "run_active"
        await talk.ask("cancel_run", run_id=sent["run_id"])
        assert (await talk.until_run("agent_cancelled", sent["run_id"]))["data"]


async def test_a_person_can_end_a_run_of_another_service(live: LiveServer) -> None:
    service = Service("u-ends")
    await ingest(live, service.shapes("thread_created", "agent_started"))
    async with live.talk("u-ends") as talk:
        assert (await talk.ask("cancel_run", run_id=service.run_id))["status"] == "cancelled"
        await talk.until_run("agent_cancelled", service.run_id)
    answer = await ingest(live, service.shapes("agent_completed"))
    assert answer["results"][0]["code"] == "run_finished"


async def test_a_line_that_never_ends_is_refused_with_what_was_stored(live: LiveServer) -> None:
    service = Service("u-drip")
    line = lines_of(service.shapes("thread_created"))
    async with live.http("crm", scopes=["ingest"]) as client:

        async def body() -> AsyncIterator[bytes]:
            yield line
            yield b"x" * (live.settings.ingest_event_max_bytes + 1)

        answer = (await client.post("/v1/ingest", content=body(), headers=LINES)).json()
    assert [one.get("code", one["outcome"]) for one in answer["results"]] == ["stored", "too_long"]


async def test_a_thread_that_nobody_has_is_not_found(live: LiveServer) -> None:
    service = Service("u-none", thread_id=fresh_id("thread"))
    answer = await ingest(live, service.shapes("message_created"))
    assert answer["results"] == [
        {
            "index": 0,
            "outcome": "refused",
            "code": "not_found",
            "message": "thread_id: the user has no such thread",
        }
    ]
    assert json.dumps(answer).count("seq") == 0
