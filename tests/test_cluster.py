"""The harness of clusters itself: what tests of many nodes rely on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cluster import cluster
from history_client import History, HistoryClient, at_rest, at_work
from postgres_server import NEWEST, PostgresServers
from server_process import alive
from tcp_relay import relaying
from threadcast.clock import SystemClock
from threadcast.store.postgres import PostgresStore

SETTINGS = {"LEASE_S": "1.0", "HEAD_POLL_S": "0.1", "LOG_LEVEL": "error"}


async def test_clients_at_a_front_do_not_notice_which_node_is_dead(
    tmp_path: Path, postgres_servers: PostgresServers
) -> None:
    history = History()
    clients = [
        HistoryClient(history, user, f"{user}-{number}", messages=20, in_flight_max=2)
        for user in ("ann", "bob")
        for number in range(2)
    ]
    database = postgres_servers.of(NEWEST)
    async with cluster(tmp_path, database, nodes=2, settings=SETTINGS) as running:
        pids = [node.pid for node in running.nodes]
        async with at_work(running.front, clients) as up:
            up.set()
            await history.until(lambda: len(history.records) > 50)
            await running.nodes[0].kill()
            await history.until(lambda: at_rest(clients), max_s=60.0)
            assert set(running.front.served) == {node.port for node in running.nodes}
        third = await running.add()
        pids.append(third.pid)
        assert [alive(pid) for pid in pids] == [False, True, True]
    assert not any(map(alive, pids))
    store = PostgresStore(running.database_url, clock=SystemClock())
    await history.add_journals_of(store, ["ann", "bob"])
    assert history.judge(tmp_path / "history.jsonl") == []


async def test_a_link_is_cut_frozen_and_mended() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, relaying(lambda: [port]) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"passed on\n")
        assert await reader.readline() == b"passed on\n"
        link.freeze()
        writer.write(b"held\n")
        answer = asyncio.create_task(reader.readline())
        other_reader, other = await asyncio.open_connection("127.0.0.1", link.port)
        assert not answer.done()
        link.mend()
        assert await answer == b"held\n"
        await link.cut()
        assert await reader.read() == b""
        assert await other_reader.read() == b""
        refused, third = await asyncio.open_connection("127.0.0.1", link.port)
        assert await refused.read() == b""
        for one in (writer, other, third):
            one.close()
