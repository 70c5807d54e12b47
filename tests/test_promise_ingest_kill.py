"""A server killed in the middle of ingest requests: retrying stores everything once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from external_scene import Service, lines_of
from server_process import QuickServer, token
from threadcast.ingestion import CHUNK_MAX_EVENTS

EVENTS = 2_000
KILLS = 20
PIECE_LINES = 50
LINES = {"content-type": "application/x-ndjson"}


def story(service: Service) -> list[dict[str, Any]]:
    """One thread and one run whose pieces count."""
    shapes = service.shapes("thread_created", "message_created", "agent_started")
    for number in range(EVENTS - 4):
        shapes.append(service.shape("agent_thinking", data={"text": str(number)}))
    return [*shapes, *service.shapes("agent_completed")]


async def ingest(server: QuickServer, body: AsyncIterator[bytes]) -> Any:
    headers = {"authorization": f"Bearer {token('crm', scopes=['ingest'])}", **LINES}
    async with httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=30.0) as client:
        answer = await client.post("/v1/ingest", content=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def pieces(shapes: list[dict[str, Any]]) -> AsyncIterator[bytes]:
    for start in range(0, len(shapes), PIECE_LINES):
        yield lines_of(shapes[start : start + PIECE_LINES])


async def journal(server: QuickServer, service: Service) -> list[dict[str, Any]]:
    """All events of the service's thread."""
    events: list[dict[str, Any]] = []
    after: int | None = 0
    headers = {"authorization": f"Bearer {token(service.user_id)}"}
    async with httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=30.0) as client:
        while after is not None:
            query = {"after": str(after), "limit": "200"}
            page = await client.get(f"/v1/threads/{service.thread_id}/events", params=query)
            assert page.status_code == 200, page.text
            events += page.json()["events"]
            after = page.json()["next"]
    return events


async def cut(server: QuickServer, shapes: list[dict[str, Any]], killed: asyncio.Event) -> None:
    """Send a request that does not end before the server is killed."""

    async def body() -> AsyncIterator[bytes]:
        async for piece in pieces(shapes):
            yield piece
        await killed.wait()

    with pytest.raises(httpx2.TransportError):
        await ingest(server, body())


async def kill_at(server: QuickServer, user_id: str, seq: int, killed: asyncio.Event) -> None:
    """Kill the server as soon as a reader has the event at this seq."""
    headers = {"authorization": f"Bearer {token(user_id)}"}
    async with (
        httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=30.0) as client,
        client.stream("GET", "/v1/events", params={"after": "0"}) as stream,
    ):
        async for line in stream.aiter_lines():
            if line.startswith("id: ") and int(line.rsplit(":", 1)[1]) >= seq:
                break
        await server.kill()
        killed.set()


async def test_a_request_that_a_kill_cut_is_repeated_and_stored_once(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    service = Service("ann")
    shapes = story(service)
    server = QuickServer(tmp_path, agents="promise_agents:quick", LOG_LEVEL="error")

    try:
        await server.prepare()
        for _ in range(KILLS):
            await server.begin()
            await server.listening()
            seq = dice.randrange(1, EVENTS - CHUNK_MAX_EVENTS)
            killed = asyncio.Event()
            await asyncio.gather(
                cut(server, shapes, killed), kill_at(server, service.user_id, seq, killed)
            )
        await server.begin()
        await server.listening()
        answer = await ingest(server, pieces(shapes))
        assert answer["refused"] == 0, f"seed {seed}"
        assert answer["duplicates"] > 0, f"seed {seed}"
        seqs = [result["seq"] for result in answer["results"]]
        assert seqs == list(range(1, EVENTS + 1)), f"seed {seed}"
        events = await journal(server, service)
        assert [event["seq"] for event in events] == seqs, f"seed {seed}"
        told = [event["event_type"] for event in events]
        assert told == [shape["event_type"] for shape in shapes], f"seed {seed}"
        texts = [event["data"]["text"] for event in events[3:-1]]
        assert texts == [str(number) for number in range(EVENTS - 4)], f"seed {seed}"
        await server.kill()
    finally:
        await server.close()
