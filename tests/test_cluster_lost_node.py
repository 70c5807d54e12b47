"""A node that is killed holds no place for longer than its lease, and no run of who was on it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from cluster import Node, cluster
from live_server import Talk, fresh_key
from patience import WAIT_S
from postgres_server import NEWEST, PostgresServer, PostgresServers

LEASE_S = 1.5
SETTINGS = {
    "NODE_LEASE_S": str(LEASE_S),
    "LEASE_S": "1.0",
    "HEAD_POLL_S": "0.1",
    "DISCONNECT_GRACE_S": "0.1",
    "MAX_CONNECTIONS_PER_USER": "3",
    "LOG_LEVEL": "error",
}


async def greeted(node: Node, token: str) -> Talk | None:
    """A connection that was let in, or None."""
    client = await Talk.open_websocket(node.port, headers=[("Authorization", f"Bearer {token}")])
    event = await client.event()
    if event["event_type"] == "connection_ready":
        return client
    assert event["data"]["error"] == "too_many_connections"
    await client.leave()
    return None


async def rows(database: PostgresServer, url: str, sql: str) -> list[tuple[object, ...]]:
    """What the database says, in the cluster's schema."""
    schema = url.rpartition("=")[2]
    found = await database.run(f"SELECT * FROM ({sql.format(schema)}) AS f WHERE $1", True)
    return [tuple(row) for row in found]


async def test_places_and_runs_of_a_killed_node_are_let_go(
    tmp_path: Path, postgres_servers: PostgresServers
) -> None:
    database = postgres_servers.of(NEWEST)
    async with cluster(
        tmp_path, database, nodes=2, agents="promise_agents:asking", settings=SETTINGS
    ) as running:
        lost, kept = running.nodes
        token = running.token("ann")
        there = [await greeted(lost, token) for _ in range(3)]
        client = there[0]
        assert client is not None
        sent = await client.ask(
            "send_message", content="Well?", client_message_id=fresh_key(), on_disconnect="cancel"
        )
        assert await greeted(kept, token) is None
        await lost.kill()
        killed_at = time.monotonic()
        async with asyncio.timeout(WAIT_S):
            while (back := await greeted(kept, token)) is None:
                pass
        assert time.monotonic() - killed_at < LEASE_S + 5.0
        await back.leave()
        async with asyncio.timeout(WAIT_S):
            while await rows(database, running.database_url, "SELECT status FROM {}.runs") != [
                (6,)
            ]:
                pass
        async with asyncio.timeout(WAIT_S):
            while (
                await rows(database, running.database_url, "SELECT node_id FROM {}.connections")
                or len(await rows(database, running.database_url, "SELECT role FROM {}.nodes")) > 1
            ):
                pass
        again = await greeted(kept, token)
        assert again is not None
        await again.ask("attach", after=0)
        ended = await again.until_run("agent_cancelled", sent["run_id"])
        assert ended["data"] == {"reason": "disconnected"}
        for one in (*there, again):
            assert one is not None
            await one.leave()
