"""A store that reads from a replica that lags is caught: nobody may be told of an older head.

Nothing here reads from replicas. Whoever lets catch-ups do so has to keep this test true.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from history_client import History, HistoryClient, at_rest, at_work
from http_world import token
from live_server import LiveServer
from lying_parts import LateStore
from promise_agents import quick
from threadcast.clock import SystemClock
from threadcast.store.sqlite import SqliteStore
from threadcast.testing.history import Attach, Left


class _Running:
    """A live server, as clients that write histories know servers."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def close(self) -> None:
        """The test ends it."""


def is_attached(history: History, reader: str) -> bool:
    return any(isinstance(one, Attach) and one.reader == reader for one in history.records)


@pytest.mark.parametrize("behind", [0, 3])
async def test_a_reader_that_is_told_of_an_old_head_is_noticed(tmp_path: Path, behind: int) -> None:
    history = History()
    sender = HistoryClient(
        *(history, "ann", "sender"), messages=3, in_flight_max=1, credential=token
    )
    late = HistoryClient(history, "ann", "late", credential=token)
    store = LateStore(tmp_path, behind=behind)
    with LiveServer(tmp_path, store=store, agents=[quick], head_poll_s=0.05) as live:
        async with at_work(_Running(live.port), [sender]) as up:
            up.set()
            await history.until(lambda: at_rest([sender]))
            async with at_work(_Running(live.port), [late]) as late_up:
                late_up.set()
                await history.until(lambda: is_attached(history, "late"))
    history.add(Left("ann", "late"))  # it is not waited for: a replica may lag for ever
    await history.add_journals_of(
        SqliteStore(tmp_path / "events.db", clock=SystemClock(), create=False), ["ann"]
    )
    found = {anomaly.kind for anomaly in history.judge(tmp_path / "history.jsonl")}
    assert found == ({"stale_read"} if behind else set())
