"""What a server of each role does, and what it refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from http_world import SECRET, running, token
from live_server import LiveServer
from postgres_server import NEWEST, PostgresServers
from server_process import ServerProcess
from server_process import token as process_token
from threadcast import Event, connect
from threadcast.clock import SystemClock
from threadcast.errors import ConfigurationError
from threadcast.settings import Settings
from threadcast.store.sqlite import SqliteStore

SHARED = "postgresql://threadcast@db.example/threadcast"


def role(path: Path, name: str) -> dict[str, Any]:
    """A role for a node that has a store already: the settings must name a shared one."""
    store = SqliteStore(path / "shared.db", clock=SystemClock())
    return {"role": name, "database_url": SHARED, "store": store}


@pytest.mark.parametrize("name", ["worker", "gateway"])
def test_c11_half_of_the_work_needs_a_shared_database(name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings(role=name, jwt_secret=SECRET)  # type: ignore[arg-type] # one of the two
    assert str(refused.value) == (
        f"role: got {name}, expected all with a SQLite file, which one node has for itself"
    )
    assert Settings(role=name, jwt_secret=SECRET, database_url=SHARED)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/threads"),
        ("POST", "/v1/threads"),
        ("GET", "/v1/events"),
        ("DELETE", "/v1/connections/x"),
        ("GET", "/"),
        ("GET", "/openapi.json"),
        ("GET", "/ops/alerts"),
    ],
)
async def test_a_worker_refuses_what_is_for_users(tmp_path: Path, method: str, path: str) -> None:
    async with running(tmp_path, **role(tmp_path, "worker")) as world, world.client("u") as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (421, "wrong_role")


async def test_a_worker_answers_those_who_watch_it(tmp_path: Path) -> None:
    async with (
        running(tmp_path, **role(tmp_path, "worker")) as world,
        world.client(address="127.0.0.1") as client,
    ):
        assert (await client.get("/healthz")).status_code == 200
        ready = (await client.get("/readyz")).json()
        metrics = (await client.get("/metrics")).text
    assert (ready["status"], ready["role"]) == ("ready", "worker")
    assert 'threadcast_node_info{role="worker",version=' in metrics


async def test_a_worker_refuses_sockets(tmp_path: Path) -> None:
    with LiveServer(tmp_path, **role(tmp_path, "worker")) as live:
        response, client = await live.upgrade(("Authorization", f"Bearer {token('u')}"))
        async with client:
            assert response.status == 421
        async with httpx2.AsyncClient() as http:
            page = await http.get(f"http://127.0.0.1:{live.port}/")
        assert page.json()["code"] == "wrong_role"


async def test_a_gateway_takes_messages_and_executes_none(tmp_path: Path) -> None:
    async with running(tmp_path, **role(tmp_path, "gateway")) as world:
        thread_id = await world.thread("ann")
        run_id = (await world.message("ann", thread_id, "hello"))["run_id"]
        await world.node.runner.claim()
        async with world.client("ann") as client:
            run = (await client.get(f"/v1/runs/{run_id}")).json()
            unknown = await client.post(
                f"/v1/threads/{thread_id}/messages",
                json={"content": "x", "client_message_id": "k", "agent": "nobody"},
            )
            ready = (await client.get("/readyz")).json()
    assert run["run"]["status"] == "queued"
    assert unknown.json()["code"] == "unknown_agent"
    assert ready["role"] == "gateway"


async def test_a_run_that_a_gateway_took_is_executed_by_a_worker(
    tmp_path: Path, postgres_servers: PostgresServers
) -> None:
    url = await postgres_servers.of(NEWEST).new_schema()
    servers = []
    for name in ("gateway", "worker"):
        (tmp_path / name).mkdir()
        servers.append(
            ServerProcess(
                tmp_path / name, agents="promise_agents:quick", database_url=url, ROLE=name
            )
        )
    gateway, worker = servers
    try:
        await gateway.start()
        await worker.start()
        async with asyncio.timeout(20), connect(gateway.url, process_token("ann")) as client:
            sent = await client.send_message("hello")
            async for item in client:
                if isinstance(item, Event) and item.event_type == "agent_completed":
                    assert item.run_id == sent.run_id
                    break
        assert [await server.terminate() for server in servers] == [0, 0]
    finally:
        for server in servers:
            await server.close()
