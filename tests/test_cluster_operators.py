"""Operators of several nodes: any of them answers for all, and reaches all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx2

from cluster import Node, cluster
from live_server import Talk, fresh_key
from nats_server import NatsServer
from postgres_server import NEWEST, PostgresServers

SETTINGS = {
    "NODE_LEASE_S": "1.5",
    "LEASE_S": "1.0",
    "HEAD_POLL_S": "0.1",
    "DRAIN_S": "0.1",
    "CONSOLE": "true",
    "REQUESTS_PER_S": "10000",
    "REQUESTS_BURST": "10000",
    "LOG_LEVEL": "error",
}
WAIT_S = 30.0


class Desk:
    """An operator at one node."""

    def __init__(self, node: Node, token: str) -> None:
        self._client = httpx2.AsyncClient(
            base_url=node.url, headers={"authorization": f"Bearer {token}"}
        )

    async def read(self, path: str, **body: Any) -> Any:
        """A look: GET, or POST with a body."""
        if not body:
            answer = await self._client.get(path)
        else:
            answer = await self._client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def until(self, met: Callable[[Any], bool], path: str, **body: Any) -> Any:
        """Look until it is so; what was seen then."""
        async with asyncio.timeout(WAIT_S):
            while not met(found := await self.read(path, **body)):
                pass
        return found

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()


def all_said(overview: Any) -> bool:
    """Whether each of three nodes has said something of itself."""
    return [one["summary"] is not None for one in overview["nodes"]] == [True] * 3


async def greeted(node: Node, token: str, agent: str) -> Talk:
    """A live connection of ann's."""
    headers = [("Authorization", f"Bearer {token}"), ("User-Agent", agent)]
    client = await Talk.open_websocket(node.port, headers=headers)
    await client.until("connection_ready")
    await client.ask("attach")
    return client


async def test_any_node_answers_for_all_and_drains_any(
    tmp_path: Path, postgres_servers: PostgresServers, nats_server: NatsServer
) -> None:
    async with (
        cluster(
            tmp_path,
            postgres_servers.of(NEWEST),
            nodes=3,
            bus=nats_server,
            agents="promise_agents:retried",
            settings=SETTINGS,
        ) as running,
        Desk(running.nodes[0], running.token("olga", scopes=["ops"])) as here,
        Desk(running.nodes[2], running.token("oleg", scopes=["ops"])) as there,
    ):
        second, token = running.nodes[1], running.token("ann")
        phone = await greeted(second, token, "phone/1")
        pad = await greeted(running.nodes[2], token, "pad/2")
        sent = await phone.ask("send_message", content="go on", client_message_id=fresh_key())
        run_id = sent["run_id"]

        on_second = await finds_both_devices(here)
        body = {"node_id": on_second, "confirm": on_second, "reason": "a new kernel"}
        assert (await here.read("/ops/actions/drain_node", **body))["outcome"] == "done"
        assert (await phone.ending())[0] == 1012
        await phone.leave()
        await sees_it_drained(there, on_second, run_id)
        async with httpx2.AsyncClient(base_url=second.url) as probe:
            assert (await probe.get("/readyz")).status_code == 503
            assert (await probe.get("/healthz")).status_code == 200

        await second.kill()
        lost = await here.until(lambda found: found["totals"]["nodes_lost"] == 1, "/ops/overview")
        assert lost["totals"]["connections"] == 1
        await there.read("/ops/actions/cancel_run", run_id=run_id, confirm=run_id)
        await pad.until("agent_cancelled")
        await pad.leave()
        await reads_what_was_done(here)


async def reads_what_was_done(desk: Desk) -> None:
    """The trail has what both operators did, the latest first."""
    trail = (await desk.read("/ops/actions"))["actions"]
    assert [(one["operator"], one["action"], one["reason"]) for one in trail] == [
        ("oleg", "cancel_run", None),
        ("olga", "drain_node", "a new kernel"),
    ]


async def finds_both_devices(desk: Desk) -> str:
    """The node that asks knows of all three and of ann's two devices; the node of the phone."""
    seen = await desk.until(
        lambda found: (
            all_said(found) and (found["totals"]["connections"], found["totals"]["users"]) == (2, 1)
        ),
        "/ops/overview",
    )
    assert (seen["totals"]["nodes_alive"], seen["totals"]["users_once"]) == (3, True)
    assert seen["bus"]["ok"]
    assert seen["versions"]["bus"].startswith("NATS ")
    assert seen["versions"]["database"].startswith("PostgreSQL ")
    found = await desk.until(
        lambda found: all(one["cursor"] for one in found["devices"]), "/ops/users/find", user="ann"
    )
    assert [(one["agent"], one["live"]) for one in found["devices"]] == [
        ("phone/1", True),
        ("pad/2", True),
    ]
    on_second, on_third = (str(one["node_id"]) for one in found["devices"])
    assert len({on_second, on_third, seen["node_id"]}) == 3
    return on_second


async def sees_it_drained(desk: Desk, node_id: str, run_id: str) -> None:
    """The node takes no work any more, and another one goes on with its run."""
    drained = await desk.until(
        lambda found: any(
            one["node_id"] == node_id and one["summary"]["drained"] for one in found["nodes"]
        ),
        "/ops/overview",
    )
    assert drained["totals"]["nodes_alive"] == 3
    run = await desk.until(
        lambda found: found["run"]["owner"] not in (None, node_id), f"/ops/runs/{run_id}"
    )
    assert (run["run"]["attempt"], run["handed_over"]) == (2, 1)
