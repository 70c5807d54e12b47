"""A dead node's runs are taken over, or ended, within the lease plus five seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from history_client import History, HistoryClient, at_rest, at_work
from server_process import ServerProcess
from threadcast.testing.history import Receive, Record

LEASE_S = 1.0
RUNS = 12
AGENTS = "promise_agents:retried,promise_agents:failed"


def streaming(history: History) -> int:
    """How many runs have streamed something."""
    return len({one.run_id for one in received(history.records) if one.event_type == "agent_delta"})


def received(records: list[Record]) -> list[Receive]:
    return [record for record in records if isinstance(record, Receive)]


async def test_runs_of_a_killed_server_are_taken_over_or_ended(tmp_path: Path) -> None:
    history = History()
    clients = [
        HistoryClient(history, user, user, in_flight_max=RUNS, agent=agent, content="short")
        for user, agent in (("ann", "retried"), ("bob", "failed"))
    ]
    server = ServerProcess(tmp_path, agents=AGENTS, LEASE_S=str(LEASE_S), HEAD_POLL_S="0.2")
    async with at_work(server, clients) as up:
        await server.start()
        for client in clients:
            client.send_more(RUNS)
        up.set()
        await history.until(lambda: streaming(history) == 2 * RUNS)
        up.clear()
        await server.kill()
        await server.start()
        up.set()
        await history.until(lambda: at_rest(clients), max_s=LEASE_S + 5.0)
    await history.add_journals(server.database, ["ann", "bob"])
    assert history.judge(tmp_path / "history.jsonl") == []
    ends = Counter(
        (one.user, one.event_type, one.data.get("code"))
        for one in received(history.records)
        if one.event_type in ("agent_completed", "agent_failed", "agent_cancelled")
    )
    assert ends == {
        ("ann", "agent_completed", None): RUNS,
        ("bob", "agent_failed", "node_lost"): RUNS,
    }
    attempts = Counter(
        (one.user, one.data["attempt"])
        for one in received(history.records)
        if one.event_type == "agent_started"
    )
    assert attempts == {("ann", 1): RUNS, ("ann", 2): RUNS, ("bob", 1): RUNS}


async def test_a_run_is_not_tried_for_ever(tmp_path: Path) -> None:
    """Each life of the server is lost in the run; after so many attempts the run has failed."""
    history = History()
    client = HistoryClient(history, "ann", "ann", messages=1, in_flight_max=1, agent="retried")
    server = ServerProcess(
        tmp_path, agents=AGENTS, LEASE_S="0.3", HEAD_POLL_S="0.05", ATTEMPTS_MAX="2"
    )
    async with at_work(server, [client]) as up:
        for attempt in (1, 2):
            await server.start()
            up.set()
            await history.until(attempted(history, attempt))
            up.clear()
            await server.kill()
        await server.start()
        up.set()
        await history.until(lambda: at_rest([client]), max_s=0.3 + 5.0)
    await history.add_journals(server.database, ["ann"])
    assert history.judge(tmp_path / "history.jsonl") == []
    last = received(history.records)[-1]
    assert (last.event_type, last.data["code"]) == ("agent_failed", "node_lost")
    assert attempts_of(history) == {1, 2}


def attempts_of(history: History) -> set[int]:
    begun = [one for one in received(history.records) if one.event_type == "agent_started"]
    return {one.data["attempt"] for one in begun}


def attempted(history: History, attempt: int) -> Callable[[], bool]:
    return lambda: attempt in attempts_of(history)
