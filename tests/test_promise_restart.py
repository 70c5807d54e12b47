"""A restart is invisible: SIGTERM under load loses and duplicates nothing, and ends soon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from history_client import History, HistoryClient, at_rest, at_work
from server_process import ServerProcess
from threadcast.testing.history import Ok

RESTARTS = 4
STOP_MAX_S = 10.0
BACK_MAX_S = 15.0
USERS = ("ann", "bob", "cid")


def all_clients(history: History) -> list[HistoryClient]:
    """Of each user: one who sends short messages, one whose runs are long, and three who read."""
    clients = []
    for user in USERS:
        clients.append(HistoryClient(history, user, f"{user}-quick", in_flight_max=3))
        clients.append(
            HistoryClient(history, user, f"{user}-long", in_flight_max=2, agent="lasting")
        )
        clients += [HistoryClient(history, user, f"{user}-reads-{number}") for number in range(3)]
    return clients


def busy(
    history: History, clients: list[HistoryClient], accepted: int, times: int
) -> Callable[[], bool]:
    """So much is accepted, and every client is there for that time and knows of runs under way."""
    return lambda: (
        history.count(Ok) >= accepted
        and all(one.connections >= times and one.open_runs for one in clients)
    )


def sent_away(clients: list[HistoryClient]) -> Callable[[], bool]:
    """Every client was told from now on that the server goes; twice if it came back too early."""
    told = [(client, len(client.farewells)) for client in clients]
    return lambda: all(len(client.farewells) > before for client, before in told)


async def test_restarts_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    history = History()
    clients = all_clients(history)
    server = ServerProcess(
        tmp_path,
        agents="promise_agents:quick,promise_agents:lasting",
        DRAIN_S="0.2",
        ATTEMPTS_MAX="100",
    )
    async with at_work(server, clients) as up:
        for number in range(1, RESTARTS + 1):
            await server.start()
            for client in clients:
                if not client.reads_only and client.unsettled < 20:
                    client.send_more(20)
            up.set()
            await history.until(busy(history, clients, history.count(Ok) + 20, number))
            up.clear()
            all_told = sent_away(clients)
            async with asyncio.timeout(STOP_MAX_S):
                assert await server.terminate() == 0
            await history.until(all_told)
        await server.start()
        up.set()
        await history.until(lambda: at_rest(clients), max_s=BACK_MAX_S)
    for client in clients:
        assert {one["code"] for one in client.farewells} == {1012}
        assert all(one["reconnect"] and "retry_after_ms" in one for one in client.farewells)
    await history.add_journals(server.database, list(USERS))
    assert history.judge(tmp_path / "history.jsonl") == []
