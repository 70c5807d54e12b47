"""A connection that ended leaves nothing for the collector of cycles, which seldom runs in full."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from http_world import bearer, fresh_id
from live_server import LiveServer, fresh_key
from raw_client import request as upgrade_request

TIMES = 5

Visit = Callable[[LiveServer], Awaitable[None]]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that lets each user connect once."""
    limits: dict[str, Any] = {"max_connections_per_user": 1, "connection_limit_policy": "reject"}
    with LiveServer(tmp_path_factory.mktemp("live"), **limits) as server:
        yield server


async def request(live: LiveServer, path: str, *, method: str = "GET", **headers: str) -> None:
    """An HTTP request, whose answer is read as far as its head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def anybody_may_read(live: LiveServer) -> None:
    await request(live, "/healthz")


async def threads(live: LiveServer) -> None:
    await request(live, "/v1/threads", **bearer("u-1"))


async def no_credential(live: LiveServer) -> None:
    await request(live, "/v1/threads")


async def a_stream(live: LiveServer) -> None:
    await request(live, "/v1/events", **bearer("u-1"))


async def a_websocket(live: LiveServer) -> None:
    async with live.talk("u-1"):
        pass


async def a_false_token(live: LiveServer) -> None:
    async with await live.raw("u-1", token="a.b.c") as talk:
        await talk.ending()


async def a_first_command_that_is_another(live: LiveServer) -> None:
    async with await live.raw(None) as talk:
        await talk.say("ping")
        await talk.ending()


async def another_origin(live: LiveServer) -> None:
    _, client = await live.upgrade(("Origin", "http://evil.example"), *bearer("u-1").items())
    await client.leave()


async def a_malformed_id(live: LiveServer) -> None:
    await request(live, "/v1/threads/thread_1", **bearer("u-1"))


async def a_thread_that_nobody_has(live: LiveServer) -> None:
    path = f"/v1/threads/{fresh_id('thread')}"
    await request(live, path, method="DELETE", **bearer("u-1"))


async def a_message_to_nowhere(live: LiveServer) -> None:
    async with live.talk("u-1") as talk:
        command: dict[str, Any] = {"content": "x", "client_message_id": fresh_key()}
        await talk.refused(await talk.say("send_message", thread_id=fresh_id("thread"), **command))


async def one_device_too_many(live: LiveServer) -> None:
    async with live.talk("u-1"), await live.raw("u-1") as other:
        await other.ending()


async def one_stream_too_many(live: LiveServer) -> None:
    async with live.talk("u-1"):
        await request(live, "/v1/events", **bearer("u-1"))


async def an_upgrade_after_a_request(live: LiveServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await reader.readuntil(b"}")
    writer.write(upgrade_request())
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def an_upgrade_of_another_path(live: LiveServer) -> None:
    _, client = await live.upgrade(path="/v1/events")
    await client.leave()


def left_behind() -> Counter[str]:
    """Our objects in cycles that nobody holds, by type."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    types = [type(one) for one in gc.garbage]
    gc.garbage.clear()
    ours = [kind for kind in types if kind.__module__.startswith("threadcast.")]
    return Counter(kind.__qualname__ for kind in ours)


@pytest.mark.parametrize(
    "visit",
    [
        anybody_may_read,
        threads,
        no_credential,
        a_stream,
        a_websocket,
        a_false_token,
        a_first_command_that_is_another,
        another_origin,
        a_malformed_id,
        a_thread_that_nobody_has,
        a_message_to_nowhere,
        one_device_too_many,
        one_stream_too_many,
        an_upgrade_after_a_request,
        an_upgrade_of_another_path,
    ],
)
async def test_what_ended_is_freed_at_once(live: LiveServer, visit: Visit) -> None:
    await visit(live)  # what is made once
    await live.emptied()
    gc.freeze()  # or each look would take in all that this process holds
    gc.disable()
    try:
        for _ in range(TIMES):
            await visit(live)
        await live.emptied()
        assert left_behind() == Counter()
    finally:
        gc.enable()
        gc.unfreeze()
    assert await live.readers() == 0
