"""Connections of one user on several nodes: one limit, one list, one sign-out, one presence.

What has to reach other nodes is tested with a bus and without one, where nodes find out by their
own looks. The nodes are whole servers on one PostgreSQL database, each in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from http_world import AGENTS, bearer, token
from live_server import LiveServer, Talk, fresh_key
from nats_server import NatsServer
from patience import WAIT_S
from postgres_server import NEWEST, PostgresServer, PostgresServers
from tcp_relay import relaying
from threadcast.agent import Agent, Run
from threadcast.errors import StoreInUse
from threadcast.store.records import NodeRow

REACH_MAX_S = 5.0  # two are promised; a machine that tests may be busy


async def wait(run: Run) -> str:
    """An agent that asks, and is never answered."""
    return str(await run.ask("Well?"))


class Nodes:
    """Servers that share one database, and perhaps a bus.

    Args:
        folder: where each may keep something.
        database: runs.
        url: a schema on it.

    Attributes:
        url: as it was given.
        bus_url: of the bus, if there is one.
        all: those that were started.
    """

    def __init__(self, folder: Path, database: PostgresServer, url: str) -> None:
        self._folder = folder
        self._database = database
        self.url = url
        self.bus_url: str | None = None
        self._stack = contextlib.ExitStack()
        self.all: list[LiveServer] = []

    def start(self, count: int = 1, **settings: Any) -> list[LiveServer]:
        """Start so many more; each is stopped after the test."""
        chosen = {
            "database_url": self.url,
            "bus_url": self.bus_url,
            "disconnect_grace_s": 0.1,
            "node_lease_s": 2.0,
            **settings,
        }
        begun = []
        for _ in range(count):
            server = LiveServer(self._folder, agents=[*AGENTS, Agent("wait", wait)], **chosen)
            begun.append(self._stack.enter_context(server))
        self.all += begun
        return begun

    async def sql(self, sql: str) -> list[Any]:
        """Run SQL in the schema, as the superuser."""
        schema = self.url.rpartition("=")[2]
        return await self._database.run(sql, search_path=schema)

    async def count_places(self) -> int:
        """How many places there are, whoever has them."""
        schema = self.url.rpartition("=")[2]
        sql = f"SELECT count(*)::int FROM {schema}.connections WHERE $1"
        return int((await self._database.run(sql, True))[0][0])

    async def until_places(self, count: int, *, within_s: float = WAIT_S) -> None:
        """Return when there are so many places."""
        async with asyncio.timeout(within_s):
            while await self.count_places() != count:
                pass

    async def known(self) -> list[NodeRow]:
        """What the store knows of nodes."""
        node = self.all[0].node
        return await self.all[0].on_loop(node.store.nodes)

    def close(self) -> None:
        """Stop all of them."""
        self._stack.close()


@pytest.fixture
async def nodes(tmp_path: Path, postgres_servers: PostgresServers) -> AsyncIterator[Nodes]:
    """Nodes without a bus."""
    database = postgres_servers.of(NEWEST)
    nodes = Nodes(tmp_path, database, await database.new_schema())
    yield nodes
    await asyncio.to_thread(nodes.close)


@pytest.fixture(params=["bus", "no bus"])
def reaching(request: pytest.FixtureRequest, nodes: Nodes, nats_server: NatsServer) -> Nodes:
    """The same nodes, with a bus and without one."""
    nodes.bus_url = nats_server.url() if request.param == "bus" else None
    return nodes


async def listed(server: LiveServer, user_id: str = "ann") -> list[dict[str, Any]]:
    """What `GET /v1/connections` says."""
    async with server.http(user_id) as client:
        answer = await client.get("/v1/connections")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["connections"]
        return found


async def until_listed(server: LiveServer, *connection_ids: str) -> None:
    """Return when exactly these are ann's; a lease may just be between two renewals."""
    async with asyncio.timeout(WAIT_S):
        while {one["connection_id"] for one in await listed(server)} != set(connection_ids):
            pass


async def live_on(server: LiveServer, user_id: str = "ann", **more: Any) -> tuple[Talk, str]:
    """A greeted connection, and its id."""
    client = await server.raw(user_id, **more)
    ready = await client.until("connection_ready")
    return client, str(ready["data"]["connection_id"])


async def test_the_limit_and_the_list_are_of_all_nodes(nodes: Nodes) -> None:
    first, second = nodes.start(2, max_connections_per_user=2)
    one, one_id = await live_on(first)
    other, other_id = await live_on(second)
    for server in (first, second):
        async with await server.raw("ann") as refused:
            assert await refused.ending() == (4429, "too_many_connections")
        assert [(c["connection_id"], c["node_id"]) for c in await listed(server)] == [
            (one_id, first.node.node_id),
            (other_id, second.node.node_id),
        ]
        assert await listed(server, "bob") == []
    async with second.http("ann") as client:
        assert (await client.get("/v1/events")).json()["code"] == "too_many_connections"
    await one.leave()
    await nodes.until_places(1)
    third, _ = await live_on(second)
    for left in (other, third):
        await left.leave()
    await nodes.until_places(0)


async def test_the_oldest_goes_wherever_it_is(reaching: Nodes) -> None:
    first, second = reaching.start(
        2, max_connections_per_user=1, connection_limit_policy="evict_oldest"
    )
    old, _ = await live_on(first)
    begun = time.monotonic()
    new, new_id = await live_on(second)
    assert await old.ending() == (4429, "evicted")
    assert time.monotonic() - begun < REACH_MAX_S
    assert [one["connection_id"] for one in await listed(first)] == [new_id]
    await old.leave()
    await new.leave()
    await reaching.until_places(0)


async def test_a_limit_that_is_only_warned_of_refuses_nobody(nodes: Nodes) -> None:
    servers = nodes.start(2, max_connections_per_user=1, connection_limit_mode="warn")
    clients = [(await live_on(server))[0] for server in servers]
    tolerated = [
        server.node.metrics.tolerated.labels("connection_limit_mode") for server in servers
    ]
    assert [one._value.get() for one in tolerated] == [0, 1]
    for client in clients:
        await client.leave()


async def test_a_connection_is_closed_from_any_node(reaching: Nodes) -> None:
    first, second = reaching.start(2)
    far, far_id = await live_on(first)
    kept, kept_id = await live_on(first)
    begun = time.monotonic()
    async with second.http("bob") as client:
        assert (await client.delete(f"/v1/connections/{far_id}")).status_code == 404
    async with second.http("ann") as client:
        assert (await client.delete(f"/v1/connections/{far_id}")).status_code == 204
        assert await far.ending() == (4403, "forced_close")
        assert time.monotonic() - begun < REACH_MAX_S
        assert (await client.delete(f"/v1/connections/{far_id}")).status_code == 404
    assert [one["connection_id"] for one in await listed(second)] == [kept_id]
    for left in (far, kept):
        await left.leave()


async def test_an_operator_closes_all_that_a_user_has(
    nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    servers = nodes.start(2)
    clients = [(await live_on(server))[0] for server in servers]
    bystander, _ = await live_on(servers[1], "bob")
    body = {"user": "ann"}
    async with servers[0].http("ann") as client:
        answer = await client.post("/ops/connections/close", json=body)
        assert answer.json()["code"] == "forbidden"
    async with servers[0].http("olga", scopes=["ops"]) as client:
        answer = await client.post("/ops/connections/close", json=body)
        assert answer.json() == {"closed": 2}
    for one in clients:
        assert await one.ending() == (4403, "forced_close")
    assert "operator 'olga' begins disconnect of 'ann'" in caplog.text
    assert "disconnect of 'ann': done, 2 connection(s)" in caplog.text
    assert await bystander.ask("ping")
    for one in (*clients, bystander):
        await one.leave()


async def test_signing_out_reaches_every_node_within_two_seconds(reaching: Nodes) -> None:
    """P12, in small: three nodes, 60 connections, and nobody gets in again."""
    servers = reaching.start(3, max_connections_per_user=100)
    of_ann = token("ann")
    clients = [(await live_on(servers[n % 3], token=of_ann))[0] for n in range(60)]
    single = token("bob", token_id="jti-of-bob")
    bob, _ = await live_on(servers[1], "bob", token=single)
    other, _ = await live_on(servers[2], "bob")

    async def ended(client: Talk) -> float:
        assert await client.ending() == (4401, "revoked")
        return time.monotonic() - begun

    begun = time.monotonic()
    async with servers[0].http("ann") as client:
        assert (await client.post("/v1/sessions/revoke")).status_code == 204
    async with servers[0].http("bob") as client:
        answer = await client.post("/v1/sessions/revoke", json={"token_id": "jti-of-bob"})
        assert answer.status_code == 204
    times_s = await asyncio.gather(*map(ended, [*clients, bob]))
    assert max(times_s) < REACH_MAX_S
    for server in servers:
        async with await server.raw("ann", token=of_ann) as refused:
            assert await refused.ending() == (4401, "revoked")
    assert await other.ask("ping")
    for one in (*clients, bob, other):
        await one.leave()
    await reaching.until_places(0)


async def test_signing_out_reaches_a_node_soon_after_the_database_has_crashed(nodes: Nodes) -> None:
    """A crash leaves no places and no nodes, so the database does not know whom to tell of it."""
    here, there = nodes.start(2, node_lease_s=90.0, head_poll_s=0.2)  # they renew every 30 s
    client, _ = await live_on(there)
    await nodes.sql(
        "DELETE FROM connections; DELETE FROM nodes; SELECT pg_terminate_backend(pid)"
        " FROM pg_stat_activity WHERE application_name = 'threadcast'"
    )
    begun = time.monotonic()
    async with here.http("ann") as user:
        while (await user.post("/v1/sessions/revoke")).status_code != 204:
            assert time.monotonic() - begun < WAIT_S

    assert await client.ending() == (4401, "revoked")
    assert time.monotonic() - begun < WAIT_S
    await client.leave()


async def test_signing_out_reaches_a_node_whose_name_another_took_while_it_stood_still(
    nodes: Nodes,
) -> None:
    """The other began without its places, and renews the lease that both are known by."""
    settings: dict[str, Any] = {"node_id": "pod-0", "node_lease_s": 1.0, "head_poll_s": 0.1}
    (still,) = nodes.start(**settings)
    client, _ = await live_on(still)
    go_on = threading.Event()

    async def stand_still() -> None:
        go_on.wait(WAIT_S)

    standing = asyncio.create_task(still.on_loop(stand_still))
    (other,) = await asyncio.to_thread(nodes.start, **settings)
    go_on.set()
    await standing
    await nodes.until_places(1)
    async with other.http("ann") as user:
        assert (await user.post("/v1/sessions/revoke")).status_code == 204

    assert await client.ending() == (4401, "revoked")
    await client.leave()


async def _begin_run(client: Talk, agent: str = "wait") -> str:
    sent = await client.ask(
        "send_message",
        content="hi",
        agent=agent,
        on_disconnect="cancel",
        client_message_id=fresh_key(),
    )
    return str(sent["run_id"])


async def _status(server: LiveServer, run_id: str) -> str:
    async with server.http("ann") as client:
        answer = await client.get(f"/v1/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["run"]["status"])


async def test_a_run_ends_when_its_user_is_on_no_node_any_more(reaching: Nodes) -> None:
    _, first, second = reaching.start(role="worker") + reaching.start(2, role="gateway")
    one, _ = await live_on(first)
    other, _ = await live_on(second)
    await other.ask("attach")
    run_id = await _begin_run(one)
    await other.until_run("input_requested", run_id)
    await one.leave()
    await reaching.until_places(1)
    await asyncio.wait_for(_left(first, "ann"), WAIT_S)
    assert await _status(second, run_id) == "waiting"
    await other.leave()
    async with asyncio.timeout(WAIT_S):
        while await _status(first, run_id) != "cancelled":
            pass


async def _left(server: LiveServer, user_id: str) -> None:
    async def present() -> bool:
        return server.node.manager.present(user_id)

    while await server.on_loop(present):
        pass


async def test_a_run_that_begins_while_its_user_is_away_ends(nodes: Nodes) -> None:
    (server,) = nodes.start(node_lease_s=0.6, head_poll_s=0.1)
    async with server.http("ann") as client:
        answer = await client.post("/v1/threads", json={})
        thread_id = answer.json()["thread_id"]
        body = {"content": "hi", "agent": "wait", "on_disconnect": "cancel"}
        answer = await client.post(
            f"/v1/threads/{thread_id}/messages",
            json=body,
            headers={**bearer("ann"), "idempotency-key": fresh_key()},
        )
        assert answer.status_code == 202, answer.text
        run_id = answer.json()["run_id"]
    async with asyncio.timeout(WAIT_S):
        while await _status(server, run_id) != "cancelled":
            pass


async def test_what_the_store_forgot_is_put_there_again_within_the_limit(nodes: Nodes) -> None:
    """As after a crash of the database, which keeps neither nodes nor places."""
    first, second = nodes.start(2, max_connections_per_user=3, node_lease_s=1.5, head_poll_s=0.05)
    clients, ids = zip(*[await live_on(one) for one in (first, second, second)], strict=True)
    await nodes.sql("DELETE FROM connections; DELETE FROM nodes")
    await until_listed(first, *ids)
    async with await first.raw("ann") as refused:
        assert await refused.ending() == (4429, "too_many_connections")
    for client in clients:
        assert await client.ask("ping")
        await client.leave()
    await nodes.until_places(0)


async def test_a_node_that_was_cut_off_keeps_its_connections_and_takes_their_places_again(
    nodes: Nodes, postgres_servers: PostgresServers
) -> None:
    quick: dict[str, Any] = {"node_lease_s": 1.0, "head_poll_s": 0.05}
    (kept,) = nodes.start(max_connections_per_user=2, **quick)
    port = postgres_servers.of(NEWEST).port
    async with relaying(lambda: [port]) as link:
        url = nodes.url.replace(f":{port}/", f":{link.port}/")
        (cut_off,) = await asyncio.to_thread(
            nodes.start, max_connections_per_user=2, database_url=url, **quick
        )
        client, connection_id = await live_on(cut_off)
        await link.cut()
        await nodes.until_places(0)  # lapsed, and swept by the other
        assert await client.ask("ping")
        other, other_id = await live_on(kept)
        link.mend()
        await until_listed(kept, connection_id, other_id)
        assert await client.ask("ping")
        for one in (client, other):
            await one.leave()
        await asyncio.to_thread(cut_off.stop)
        await nodes.until_places(0)


async def test_places_are_exactly_the_sockets_after_a_storm(nodes: Nodes) -> None:
    servers = nodes.start(2, max_connections_per_user=4, connection_limit_policy="evict_oldest")
    dice = random.Random(20260)

    async def come_and_go(number: int) -> Talk | None:
        client = None
        for _ in range(dice.randrange(2, 5)):
            if client is not None:
                await client.leave()
            client = await dice.choice(servers).raw(f"user-{number % 5}")
            if dice.random() < 0.6:
                await client.read_frame()
        return client

    clients = await asyncio.gather(*map(come_and_go, range(40)))
    async with asyncio.timeout(WAIT_S):
        while True:
            sockets = [len(server.node.manager) for server in servers]
            if await nodes.count_places() == sum(sockets) <= 20:
                break
    for client in clients:
        if client is not None:
            await client.leave()
    await nodes.until_places(0)
    assert [len(server.node.places or ()) for server in servers] == [0, 0]


async def test_operators_see_the_nodes(nodes: Nodes) -> None:
    first, _ = nodes.start(head_poll_s=0.05, node_lease_s=0.6) + nodes.start(
        role="worker", node_id="worker-a"
    )
    client, _ = await live_on(first)
    async with first.http("olga", scopes=["ops"]) as operator, asyncio.timeout(WAIT_S):
        while True:
            found = (await operator.get("/ops/nodes")).json()["nodes"]
            by_id = {one["node_id"]: one for one in found}
            if by_id[first.node.node_id]["connections"] == 1:
                break
    assert by_id["worker-a"]["role"] == "worker"
    assert all(one["alive"] and one["lease_left_s"] > 0 for one in found)
    await client.leave()


async def test_b5_a_second_node_of_the_same_id_is_refused(nodes: Nodes) -> None:
    nodes.start(node_id="node-a", head_poll_s=0.05)
    with pytest.raises(StoreInUse, match='another node is called "node-a" and is alive'):
        await asyncio.to_thread(nodes.start, node_id="node-a")
    assert [row.lease_left_s > 0 for row in await nodes.known()] == [True]


async def test_a_lease_that_is_shorter_than_the_looks_is_renewed_in_time(nodes: Nodes) -> None:
    nodes.start(node_lease_s=0.6, head_poll_s=3.0)
    async with asyncio.timeout(WAIT_S):
        while (await nodes.known())[0].joined_s < 1.2:
            pass
    assert (await nodes.known())[0].lease_left_s > 0


async def test_a_node_that_ends_leaves_nothing_behind(nodes: Nodes) -> None:
    first, second = nodes.start(2)
    client, _ = await live_on(second)
    await asyncio.to_thread(second.stop)
    code, error = await client.ending()
    assert (code, error) == (1012, "shutting_down")
    await client.leave()
    async with asyncio.timeout(WAIT_S):
        while [row.node_id for row in await nodes.known()] != [first.node.node_id]:
            pass
    assert await nodes.count_places() == 0
