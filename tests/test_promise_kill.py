"""A server killed at any moment loses nothing that it had acknowledged.

P2 in promise terms, and with it: the same `client_message_id` sent again after the cut is the same
message, and every reader goes on from its cursor without a hole and without a repetition.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path

from history_client import History, HistoryClient, at_rest, at_work
from server_process import QuickServer
from store_scene import NOW, Scene, context_of
from threadcast.store.sqlite import SqliteStore
from threadcast.testing.clock import ManualClock
from threadcast.testing.history import Ok

CYCLES = 200
USERS = ("ann", "bob")
SENDERS_PER_USER = 2
SETTINGS = {"LEASE_S": "0.6", "HEAD_POLL_S": "0.1", "ATTEMPTS_MAX": "100", "LOG_LEVEL": "error"}


def all_clients(history: History) -> list[HistoryClient]:
    clients = []
    for user in USERS:
        for number in range(SENDERS_PER_USER):
            clients.append(HistoryClient(history, user, f"{user}-{number}", in_flight_max=4))
        clients.append(HistoryClient(history, user, f"{user}-reader"))
    return clients


async def one_cycle(
    server: QuickServer,
    clients: list[HistoryClient],
    history: History,
    up: asyncio.Event,
    dice: random.Random,
) -> None:
    """Start, work, and die at a moment that the dice choose: while starting, or after so much."""
    await server.begin()
    if dice.random() < 0.1:
        await asyncio.sleep(dice.random() * 0.1)  # the moment of the fault, not a wait for anything
        await server.kill()
        return
    await server.listening()
    for client in clients:
        if not client.reads_only and client.unsettled < 8:
            client.send_more(8)
    up.set()
    enough = len(history.records) + dice.randrange(1, 120)
    await history.until(lambda: len(history.records) >= enough)
    up.clear()
    await server.kill()


async def test_nothing_accepted_is_lost_in_200_kills(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    history = History()
    clients = all_clients(history)
    server = QuickServer(tmp_path, agents="promise_agents:quick", **SETTINGS)
    async with at_work(server, clients) as up:
        await server.prepare()
        for _ in range(CYCLES):
            await one_cycle(server, clients, history, up, dice)
        await server.start()
        up.set()
        await history.until(lambda: at_rest(clients), max_s=60.0)
    await history.add_journals(server.database, list(USERS))
    assert history.judge(tmp_path / "history.jsonl") == [], f"seed {seed}"
    assert history.count(Ok) > CYCLES, f"seed {seed}"
    assert min(client.connections for client in clients) > CYCLES // 2, f"seed {seed}"


async def test_a_server_killed_within_a_checkpoint_starts_again(tmp_path: Path) -> None:
    """The first page is in the file and counts pages that are still in the log only."""
    path, killed = tmp_path / "journal.db", tmp_path / "killed.db"
    store = SqliteStore(path, clock=ManualClock(NOW), checkpoint_pages=1_000_000)
    await store.open()
    for number in range(50):
        context, key = context_of("ann"), f"k{number}"
        await Scene(store).send(context, content="x" * 2_000, key=key, user_runs_max=1_000)
    shutil.copy(path, killed)
    shutil.copy(f"{path}-wal", f"{killed}-wal")
    heads = await store.heads(["ann"])
    await store.close()
    with path.open("rb") as whole, killed.open("r+b") as file:
        file.write(whole.read(4_096))
    reopened = SqliteStore(killed, clock=ManualClock(NOW))
    await reopened.open()
    assert await reopened.heads(["ann"]) == heads
    await reopened.close()
