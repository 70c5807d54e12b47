"""Both stores side by side, in one run: what a commit costs, and what one node carries on each.

With a real server process and a real PostgreSQL, which share the machine's cores with the clients.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from postgres_server import PostgresServer

from . import scenarios
from .commits import commits
from .cores import every_core
from .figures import Figure, percentile
from .server import Server

Run = Callable[[Coroutine[Any, Any, Any]], Any]
Start = Callable[..., AbstractContextManager[Server]]

_LOADS = ((125, 80.0), (300, 80.0))
_STREAM_S = 8.0


@dataclass(frozen=True)
class Carried:
    """The result of one run of a load.

    Attributes:
        per_s: committed and delivered events per second.
        commit_events: mean events per commit.
        commit_ms: mean time of a commit.
    """

    per_s: float
    commit_events: float
    commit_ms: float
    latencies_ms: list[float]


def stores(rounds: int, start: Start, run: Run) -> list[Figure]:
    """The same loads on SQLite and on PostgreSQL.

    Args:
        rounds: runs of each load; the medians are reported.
        start: starts a server with further settings.
        run: runs a coroutine to its end.
    """
    figures: list[Figure] = []
    with _server() as server:
        new_schema = _schemas_of(server, run)
        for prepared in (False, True):
            figures += run(commits(new_schema(), server.pid, prepared=prepared))
        makers: dict[str, Callable[[], dict[str, str]]] = {
            "SQLite": dict,
            "PostgreSQL": lambda: {"database_url": new_schema()},
            "PostgreSQL, prepared": lambda: {
                "database_url": new_schema(),
                "database_prepared_statements": "true",
            },
        }
        for name, settings in makers.items():
            quiet = [
                _carry(start(**settings()), run, users=200, per_second=5.0, seconds=10.0)
                for _ in range(rounds)
            ]
            targets = (3.0, 15.0) if "PostgreSQL" in name else (2.0, 10.0)
            for share, target in zip((0.5, 0.99), targets, strict=True):
                value = median(percentile(one.latencies_ms, share) for one in quiet)
                told = f"{name}: commit to receive at 1,000 events/s, p{share * 100:.0f}"
                figures.append(Figure(told, value, "ms", target, note=_told(quiet)))
            for users, per_second in _LOADS:
                busy = [
                    _carry(
                        start(max_runs="2000", **settings()),
                        run,
                        users=users,
                        per_second=per_second,
                        seconds=_STREAM_S,
                    )
                    for _ in range(rounds)
                ]
                p99 = median(percentile(one.latencies_ms, 0.99) for one in busy)
                told = f"{name}: durable and delivered, of {users * per_second:,.0f} offered"
                note = f"{_told(busy)}; commit to receive p99 {p99:.0f} ms"
                value = median(one.per_s for one in busy)
                figures.append(Figure(told, value, "events/s", note=note))
    return figures


def _told(runs: list[Carried]) -> str:
    size = median(one.commit_events for one in runs)
    cost = median(one.commit_ms for one in runs)
    return f"{size:.0f} events a commit, {cost:.1f} ms a commit"


@contextmanager
def postgres(run: Run) -> Iterator[Callable[[], str]]:
    """A server that may use every core; returns the URLs of new schemas."""
    with _server() as server:
        yield _schemas_of(server, run)


def _schemas_of(server: PostgresServer, run: Run) -> Callable[[], str]:
    return lambda: str(run(server.new_schema()))


@contextmanager
def _server() -> Iterator[PostgresServer]:
    server = PostgresServer(settings={"shared_buffers": "512MB", "max_wal_size": "4GB"})
    try:
        with every_core():
            server.start()
        yield server
    finally:
        server.close()


def _carry(
    starting: AbstractContextManager[Server], run: Run, *, users: int, per_second: float,
    seconds: float,
) -> Carried:  # fmt: skip
    with starting as server:
        stream = run(
            scenarios.streaming(server, users=users, per_second=per_second, seconds=seconds)
        )
        wall_s = stream.last_at - stream.first_at
        counts = metrics_of(server.port)
        commits = counts["threadcast_commit_seconds_count"]
        return Carried(
            stream.received / wall_s,
            counts["threadcast_commit_events_sum"] / counts["threadcast_commit_events_count"],
            counts["threadcast_commit_seconds_sum"] / commits * 1000,
            stream.latencies_ms,
        )


def metrics_of(port: int) -> dict[str, float]:
    """The server's counters, by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.M)}
