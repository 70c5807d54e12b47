"""The event stream: a cursor on the journal, over plain HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from http_world import NAMED, Block, Stream, World, bearer, fresh_id, running
from patience import WAIT_S
from threadcast.edge import EdgeLimits, build_server
from threadcast.http.sse import read_event_id
from threadcast.ids import UnifiedIdGenerator


async def attached(stream: Stream) -> Block:
    """The `attached` event of a stream that began as it should."""
    ready = await stream.block()
    assert ready.event == "connection_ready"
    block = await stream.block()
    assert (block.event, block.id) == ("attached", None)
    return block


async def test_a_stream_greets_attaches_and_delivers(world: World) -> None:
    stream = Stream(world.app, bearer("u-1"))
    ready = await stream.block()
    assert (ready.event, ready.id) == ("connection_ready", None)
    feed = ready.data["data"]["feed"]
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["cache-control"] == "no-store"
    assert "x-request-id" in stream.headers
    assert (await stream.block()).data["data"]["after"] == 0
    assert await stream.block() == Block(id=f"{feed}:0")
    assert (await stream.block()).event == "caught_up"

    thread_id = await world.thread("u-1", title="é\n")
    event = await stream.block()
    assert (event.event, event.id) == ("thread_created", f"{feed}:1")
    assert event.data["seq"] == 1
    assert (event.data["user_id"], event.data["thread_id"]) == ("u-1", thread_id)
    assert event.data["data"]["title"] == "é\n"
    await stream.leave()


async def test_last_event_id_resumes_without_a_hole_or_a_double(world: World) -> None:
    stream = Stream(world.app, bearer("u-1"))
    await stream.until("caught_up")
    for number in range(3):
        await world.thread("u-1", title=str(number))
    first = await stream.block()
    assert first.id is not None
    await stream.leave()
    for number in range(3, 6):
        await world.thread("u-1", title=str(number))

    again = Stream(world.app, {**bearer("u-1"), "last-event-id": first.id}, "after=5")
    assert (await attached(again)).data["data"]["after"] == 1
    seen = [await again.until("thread_created") for _ in range(5)]
    assert [event.data["seq"] for event in seen] == [2, 3, 4, 5, 6]
    assert (await again.block()).event == "caught_up"
    await again.leave()


async def test_a_reader_that_saw_no_event_resumes_too(world: World) -> None:
    stream = Stream(world.app, bearer("u-1"))
    await attached(stream)
    place = (await stream.block()).id
    assert place is not None
    await stream.leave()
    await world.thread("u-1")
    again = Stream(world.app, {**bearer("u-1"), "last-event-id": place})
    assert (await again.until("thread_created")).data["seq"] == 1
    await again.leave()


@pytest.mark.parametrize(
    ("query", "reason", "after"),
    [
        ("after=0", None, 0),
        ("after=2", None, 2),
        ("", None, 2),
        ("after=3", "cursor_ahead", 2),
        ("after=1&feed=feed_1763629200000_1_0c5e21aa", "new_feed", 2),
    ],
)
async def test_the_query_is_a_cursor(
    world: World, query: str, reason: str | None, after: int
) -> None:
    await world.thread("u-1")
    await world.thread("u-1")
    stream = Stream(world.app, bearer("u-1"), query)
    data = (await attached(stream)).data["data"]
    assert (data["reset"], data.get("reason"), data["after"]) == (reason is not None, reason, after)
    await stream.leave()


async def test_i8_a_cursor_of_another_user_is_judged_by_ones_own_journal(world: World) -> None:
    await world.thread("u-1", title="secret")
    theirs = Stream(world.app, bearer("u-1"), "after=0")
    place = (await theirs.until("thread_created")).id
    assert place is not None
    await theirs.leave()
    stream = Stream(world.app, {**bearer("u-2"), "last-event-id": place})
    assert (await attached(stream)).data["data"]["reason"] == "new_feed"
    await stream.leave()


async def test_one_thread_alone_can_be_followed(world: World) -> None:
    mine, other = await world.thread("u-1"), await world.thread("u-1")
    stream = Stream(world.app, bearer("u-1"), f"after=0&thread_id={mine}")
    assert (await stream.until("thread_created")).data["thread_id"] == mine
    assert (await stream.block()).event == "caught_up"
    async with world.client("u-1") as client:
        for thread_id in (other, mine):
            await client.patch(f"/v1/threads/{thread_id}", json={"title": "x"})
    assert (await stream.block()).data["thread_id"] == mine
    await stream.leave()


@pytest.mark.parametrize(
    ("headers", "query", "status", "code"),
    [
        ({}, "after=-1", 400, "bad_cursor"),
        ({}, "after=9007199254740992", 400, "bad_cursor"),
        ({}, "after=1.0", 400, "bad_cursor"),
        ({}, "feed=x", 400, "bad_id"),
        ({}, "after=1&after=2", 400, "bad_query"),
        ({}, "cursor=1", 400, "bad_query"),
        ({}, "thread_id=thread_chat_1763629200000_1_0c5e21aa", 404, "not_found"),
        ({}, "thread_id=run_chat_1763629200000_1_0c5e21aa", 400, "bad_id"),
        ({}, "thread_id=websocket_factory_1757361062151", 404, "legacy_id"),
        ({"last-event-id": "x"}, "", 400, "bad_cursor"),
        ({"last-event-id": "x:1"}, "", 400, "bad_cursor"),
        ({"last-event-id": "feed_1763629200000_1_0c5e21aa:"}, "", 400, "bad_cursor"),
        ({"last-event-id": "feed_1763629200000_1_0c5e21aa:-1"}, "", 400, "bad_cursor"),
        ({"authorization": "Bearer x"}, "", 401, "token_invalid"),
    ],
)
async def test_a_stream_that_cannot_begin_is_a_problem(
    world: World, headers: dict[str, str], query: str, status: int, code: str
) -> None:
    stream = Stream(world.app, {**bearer("u-1"), **headers}, query)
    problem = await stream.body()
    assert (stream.status, problem["code"]) == (status, code)
    assert len(world.node.manager) == 0


def test_an_event_id_is_a_feed_and_a_seq() -> None:
    feed = UnifiedIdGenerator.generate_base_id("feed")
    assert read_event_id(f"{feed}:17") == (feed, 17)


async def test_no_event_crosses_users(world: World) -> None:
    stream = Stream(world.app, bearer("u-2"), "after=0")
    await stream.until("caught_up")
    await world.thread("u-1", title="canary")
    await world.thread("u-2")
    event = await stream.block()
    assert (event.data["user_id"], event.data["seq"]) == ("u-2", 1)
    await stream.leave()


async def test_a_stream_is_a_connection_and_its_place_is_free_again(world: World) -> None:
    stream = Stream(world.app, bearer("u-1"))
    ready = await stream.block()
    connection_id = ready.data["data"]["connection_id"]
    async with world.client("u-1") as client:
        listed = (await client.get("/v1/connections")).json()["connections"]
        assert [(one["connection_id"], one["kind"]) for one in listed] == [(connection_id, "sse")]
        assert abs(listed[0]["opened_at"] - time.time()) < 60
    async with world.client("u-2") as client:
        assert (await client.get("/v1/connections")).json() == {"connections": []}
    await stream.leave()
    assert len(world.node.manager) == 0


async def test_i1_a_connection_is_closed_by_its_user_only(world: World) -> None:
    stream = Stream(world.app, bearer("u-1"))
    ready = await stream.block()
    path = f"/v1/connections/{ready.data['data']['connection_id']}"
    missing = f"/v1/connections/{UnifiedIdGenerator.generate_base_id('ws_conn')}"
    async with world.client("u-2") as client:
        answers = [await client.delete(one, headers=NAMED) for one in (path, missing)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
        refused = await client.delete(f"/v1/connections/{fresh_id('thread')}")
        assert refused.json()["code"] == "bad_id"
    async with world.client("u-1") as client:
        assert (await client.delete(path)).status_code == 204
    closing = await stream.until("connection_closing")
    assert (closing.data["data"]["code"], closing.data["data"]["error"]) == (4403, "forced_close")
    await stream.finished()
    assert stream.ended
    assert len(world.node.manager) == 0


async def test_a_stream_that_cannot_be_written_to_ends_there(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Stream(world.app, bearer("u-1"))
    await stream.until("caught_up")
    stream.fault = RuntimeError("this server has a fault")
    for _ in range(2):
        await world.thread("u-1")
    await stream.finished()
    assert (stream.rest, stream.ended) == (b"", False)
    assert "this server has a fault" in caplog.text
    assert len(world.node.manager) == 0


async def test_a_user_has_a_limit_of_connections(tmp_path: Path) -> None:
    async with running(tmp_path, max_connections_per_user=1) as world:
        stream = Stream(world.app, bearer("u-1"))
        await attached(stream)
        second = Stream(world.app, bearer("u-1"))
        assert (await second.body())["code"] == "too_many_connections"
        assert second.status == 429
        await stream.leave()
        third = Stream(world.app, bearer("u-1"))
        await attached(third)
        await third.leave()


async def test_an_idle_stream_has_a_heart_beat(tmp_path: Path) -> None:
    async with running(tmp_path, heartbeat_s=0.05) as world:
        stream = Stream(world.app, bearer("u-1"))
        await stream.until("caught_up")
        assert await stream.block() == Block(comment="")
        assert await stream.block() == Block(comment="")
        await stream.leave()


async def test_a18_an_expired_token_ends_its_stream(tmp_path: Path) -> None:
    async with running(tmp_path, jwt_leeway_s=0.0) as world:
        headers = bearer("u-1", now=time.time() - 1, lifetime_s=1.3)
        stream = Stream(world.app, headers)
        closing = await stream.until("connection_closing")
        assert closing.data["data"]["error"] == "token_expired"
        assert closing.data["data"]["code"] == 4401
        await stream.finished()


async def test_a24_signing_out_everywhere_ends_streams_and_refuses_the_token(world: World) -> None:
    headers = bearer("u-1")
    mine, theirs = Stream(world.app, headers), Stream(world.app, bearer("u-2"))
    await attached(mine)
    await attached(theirs)
    async with world.client() as client:
        assert (await client.post("/v1/sessions/revoke", headers=headers)).status_code == 204
        closing = (await mine.until("connection_closing")).data["data"]
        assert (closing["code"], closing["error"]) == (4401, "revoked")
        await mine.finished()
        refused = await client.get("/v1/threads", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "revoked")
        assert "www-authenticate" in refused.headers
        later = bearer("u-1", now=time.time() + 1)
        assert (await client.get("/v1/threads", headers=later)).status_code == 200
    await world.thread("u-2")
    await theirs.until("thread_created")
    await theirs.leave()


async def test_a24_one_token_can_be_signed_out_alone(world: World) -> None:
    one, other = bearer("u-1", token_id="token-1"), bearer("u-1", token_id="token-2")
    stream = Stream(world.app, one)
    await attached(stream)
    async with world.client() as client:
        body = {"token_id": "token-1"}
        done = await client.post("/v1/sessions/revoke", json=body, headers=other)
        assert done.status_code == 204
        await stream.until("connection_closing")
        await stream.finished()
        assert (await client.get("/v1/threads", headers=one)).status_code == 401
        assert (await client.get("/v1/threads", headers=other)).status_code == 200


async def test_a_draining_server_sends_readers_away_with_a_time_to_wait(world: World) -> None:
    stream = Stream(world.app, bearer("u-1"))
    await stream.until("caught_up")
    await world.node.drain()
    retry = (await stream.block()).retry
    assert retry is not None
    assert int(retry) >= 0
    closing = (await stream.block()).data["data"]
    assert (closing["error"], closing["reconnect"]) == ("shutting_down", True)
    await stream.finished()
    refused = Stream(world.app, bearer("u-1"))
    assert (await refused.body())["code"] == "shutting_down"
    assert (refused.status, refused.headers["retry-after"]) == (503, "2")


async def test_a_slow_reader_lags_within_bounds_and_catches_up(tmp_path: Path) -> None:
    sizes: dict[str, Any] = {"send_buffer_max_bytes": 8_192, "event_max_bytes": 16_384}
    sizes |= {"catch_up_page_bytes": 8_192, "message_max_bytes": 16_384}
    sizes |= {"message_before_authentication_max_bytes": 16_384}
    async with running(tmp_path, **sizes) as world:
        slow, quick = (Stream(world.app, bearer("u-1")) for _ in range(2))
        for stream in (slow, quick):  # each begins at the head that it finds
            await stream.until("caught_up")
        slow.reading.clear()
        async with world.client("u-1") as client:
            for number in range(40):
                body = {"metadata": {"n": number, "text": "x" * 1_000}}
                assert (await client.post("/v1/threads", json=body)).status_code == 201
        quicks = [(await quick.until("thread_created")).data["seq"] for _ in range(40)]
        assert world.node.metrics.registry.get_sample_value("threadcast_lags_total") == 1
        slow.reading.set()
        slows = [(await slow.until("thread_created")).data["seq"] for _ in range(40)]
        assert slows == quicks == list(range(1, 41))
        await slow.leave()
        await quick.leave()


async def test_a_stream_over_a_real_socket(world: World) -> None:
    server = build_server(world.app, host="127.0.0.1", port=0, limits=EdgeLimits())
    serving = asyncio.ensure_future(server.serve())
    await server.wait_ready()
    base_url = f"http://127.0.0.1:{server.bound_port}"
    try:
        async with asyncio.timeout(WAIT_S), httpx2.AsyncClient(base_url=base_url) as client:
            headers = bearer("u-1")
            async with client.stream("GET", "/v1/events", headers=headers) as answer:
                assert answer.headers["content-type"] == "text/event-stream"
                lines = answer.aiter_lines()
                await _until_line(lines, "event: caught_up")
                made = await client.post("/v1/threads", json={}, headers=headers)
                await _until_line(lines, "event: thread_created")
                assert made.json()["thread_id"] in await anext(lines)
                await world.node.drain()
                await _until_line(lines, "event: connection_closing")
                assert [line async for line in lines][-1] == ""
    finally:
        server.stop()
        await serving


async def _until_line(lines: AsyncIterator[str], wanted: str) -> None:
    async for line in lines:
        if line == wanted:
            return
    raise AssertionError(f"the stream ended without {wanted!r}")
