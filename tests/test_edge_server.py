"""The server around the edge: binding, stopping in order, and asking itself about its limits."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

import pytest

from edge_server import SteeredApp, serving
from raw_client import RawClient, request
from threadcast.edge import (
    EdgeLimits,
    EffectiveLimitError,
    ServeOptions,
    StartupError,
    build_server,
    check_effective_limits,
)

_PROGRAM = """
import asyncio, sys
from threadcast.edge import EdgeLimits, ServeOptions, build_server

async def app(scope, receive, send):
    pass

async def before_shutdown():
    print("draining", flush=True)
    await asyncio.sleep(float(sys.argv[1]))
    print("drained", flush=True)

async def main():
    server = build_server(
        app, host="127.0.0.1", port=0, limits=EdgeLimits(),
        before_shutdown=before_shutdown, options=ServeOptions(lifespan="off"),
    )
    serving = asyncio.ensure_future(server.serve())
    await server.wait_ready()
    print("ready", flush=True)
    await serving
    print("forced" if server.force_exit else "orderly", flush=True)

asyncio.run(main())
"""


async def test_w14_upgrade_during_shutdown() -> None:
    release: list[asyncio.Event] = []

    async def before_shutdown() -> None:
        release.append(asyncio.Event())
        await release[0].wait()

    with serving(before_shutdown=before_shutdown) as server:
        async with await RawClient.open_websocket(server.port) as live:
            server.server.stop()
            while not release:
                await live.send_text("still here")
                assert await live.read_text() == "still here"
            async with await RawClient.open(server.port) as late:
                response = await late.upgrade(request())
                assert response.problem()["code"] == "shutting_down"
                assert (response.status, response.headers["retry-after"]) == (503, "2")
            server.call(release[0].set)
            assert await live.read_close() == 1012
        assert (await server.app.next_end())["code"] == 1012


async def test_drain_that_takes_too_long_is_cut() -> None:
    async def before_shutdown() -> None:
        await asyncio.Event().wait()

    with serving(before_shutdown=before_shutdown, drain_max_s=0.2) as server:
        async with await RawClient.open_websocket(server.port) as client:
            server.server.stop()
            assert await client.read_close() == 1012


async def test_held_upgrade_is_refused_at_shutdown() -> None:
    with serving() as server:
        async with await RawClient.open(server.port) as client:
            await client.send(request("/held"))
            assert await asyncio.to_thread(server.app.begun.get, timeout=5) == "/held"
            server.server.stop()
            assert (await client.read_response()).problem()["code"] == "shutting_down"
            server.open_gate()


async def test_c8_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = build_server(
            SteeredApp(), host="127.0.0.1", port=taken.getsockname()[1], limits=EdgeLimits()
        )
        with pytest.raises(OSError, match="in use"):
            await server.serve()
        with pytest.raises(RuntimeError):
            _ = server.bound_port


async def test_application_that_does_not_start() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        raise LookupError("nothing here")

    options = ServeOptions(lifespan="on")
    server = build_server(app, host="127.0.0.1", port=0, limits=EdgeLimits(), options=options)
    with pytest.raises(StartupError):
        await server.serve()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_orderly(number: signal.Signals) -> None:
    output, status = await _signalled([number], drain_s=0.1)
    assert output == ["ready", "draining", "drained", "orderly"]
    assert status == 0


async def test_a_second_signal_skips_the_rest() -> None:
    output, status = await _signalled([signal.SIGTERM, signal.SIGTERM], drain_s=60)
    assert output == ["ready", "draining", "forced"]
    assert status == 0


async def _signalled(signals: list[signal.Signals], *, drain_s: float) -> tuple[list[str], int]:
    """Run a server process; send one signal at each line that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, str(drain_s), stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(20):
        async for line in process.stdout:
            lines.append(line.decode().strip())
            if signals:
                process.send_signal(signals.pop(0))
        return lines, await process.wait()


@pytest.mark.parametrize("limit_bytes", [100, 1_000, 65_536])
async def test_c12_limit_in_effect(limit_bytes: int) -> None:
    with serving(message_before_authentication_max_bytes=limit_bytes) as server:
        limits = EdgeLimits(message_before_authentication_max_bytes=limit_bytes)
        await check_effective_limits(server.port, limits)


async def test_c12_limit_not_in_effect() -> None:
    smaller = EdgeLimits(message_before_authentication_max_bytes=1_000)
    with serving() as server:
        with pytest.raises(EffectiveLimitError, match="1009 expected"):
            await check_effective_limits(server.port, smaller, timeout_s=0.5)
        with pytest.raises(EffectiveLimitError, match="status 101 expected"):
            await check_effective_limits(server.port, EdgeLimits(), path="/refused")
        unused = server.port
    with pytest.raises(EffectiveLimitError, match="no answer"):
        await check_effective_limits(unused, EdgeLimits())


@pytest.mark.parametrize(
    "wrong",
    [
        {"heartbeat_s": 0},
        {"fragments_max": -1},
        {"message_before_authentication_max_bytes": 2, "message_max_bytes": 1},
    ],
)
def test_contradictory_limits(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must"):
        EdgeLimits(**wrong)
