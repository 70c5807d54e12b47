"""A reconnect storm against a whole server: who is admitted, and the others' retry times."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from http_world import token
from live_server import LiveServer
from patience import WAIT_S
from threadcast.connections.connection import Connection
from threadcast.delivery.arrivals import Arrival
from threadcast.http.sse import StreamConnection
from threadcast.runner.execution import RunExecution


@asynccontextmanager
async def crowded(server: LiveServer) -> AsyncIterator[None]:
    """Meanwhile, nobody else is let in."""

    async def begin() -> Arrival:
        return server.node.arrivals.begin()

    async def end() -> None:
        under_way.over()

    under_way = await server.on_loop(begin)
    try:
        yield
    finally:
        await server.on_loop(end)


async def test_a_program_gets_a_retry_time_before_the_upgrade(tmp_path: Path) -> None:
    waits = set()
    with LiveServer(tmp_path, arrivals_max=1) as server:
        async with server.talk("u-1") as there:
            async with crowded(server):
                for _ in range(10):
                    bearer = ("Authorization", f"Bearer {token('u-2')}")
                    response, client = await server.upgrade(bearer)
                    async with client:
                        problem = response.problem()
                        assert (response.status, problem["code"]) == (503, "overloaded")
                        assert int(response.headers["retry-after"]) >= 1
                        waits.add(problem["retry_after_ms"])
                await there.ask("ping")
            async with server.talk("u-2") as late:
                await late.ask("ping")
    assert len(waits) >= 5, "each has a time of its own, which two may share by chance"


async def test_a_browser_gets_a_retry_time_after_the_upgrade(tmp_path: Path) -> None:
    origin = "https://good.example"
    with LiveServer(tmp_path, arrivals_max=1, allowed_origins=(origin,)) as server:
        async with crowded(server):
            headers = (("Authorization", f"Bearer {token('u-2')}"), ("Origin", origin))
            response, client = await server.upgrade(*headers)
            async with client:
                assert response.status == 101
                closing = await client.read_text()
                assert '"error":"overloaded"' in closing
                assert '"reconnect":true,"retry_after_ms":' in closing
                assert await client.read_close() == 1013


async def test_a_postponed_attach_keeps_the_connection(tmp_path: Path) -> None:
    with LiveServer(tmp_path, arrivals_max=1) as server:
        async with server.talk("u-1") as talk:
            async with crowded(server):
                rejected = await talk.refused(await talk.say("attach", after=0, at=1.5))
                assert rejected["code"] == "overloaded"
                assert rejected["retryable"] is True
                assert rejected["retry_after_ms"] > 0
            await talk.ask("attach", after=0, at=1.5)


async def test_readers_of_event_streams_count_for_admission(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:
        async with server.http("u-1") as client:
            async with client.stream("GET", "/v1/events") as answer:
                lines = answer.aiter_lines()  # held: a stream whose lines nobody has is closed
                await anext(lines)
                assert await server.readers() == 1
            assert (await client.get("/v1/events?after=x")).status_code == 400
            assert (await client.get("/v1/threads")).status_code == 200
        await server.settled(0)
        assert await server.readers() == 0


async def test_nothing_of_a_connection_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:
        async with server.talk("u-0") as talk, server.http("u-0") as client:
            await talk.ask("attach")
            await client.get("/v1/threads")
        await server.settled(0)
        gc.collect()
        known = _held()  # what other tests left running, which stays here: `known` holds it
        gc.disable()
        try:
            for user_id in ("u-1", "u-2", "u-3"):
                async with server.talk(user_id) as talk:
                    await talk.ask("attach")
                    await talk.refused(await talk.say("cancel_run", run_id=7))
                    await talk.ask("send_message", content="hello", client_message_id="m-1")
                    await talk.until("agent_completed")
                async with (
                    server.http(user_id) as client,
                    client.stream("GET", "/v1/events") as answer,
                ):
                    lines = answer.aiter_lines()
                    await anext(lines)
            await server.settled(0)
            async with asyncio.timeout(WAIT_S):
                while len(_held()) > len(known):  # its task ends a moment after it is counted out
                    await server.settled(0)
        finally:
            gc.enable()


def _held() -> list[object]:
    kinds = (Connection, StreamConnection, RunExecution)
    return [one for one in gc.get_objects() if type(one) in kinds]
