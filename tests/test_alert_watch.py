"""Alerts of a whole server: firing rules, notified sinks, and what operators read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from http_world import Stream, World, bearer, running
from live_server import LiveServer
from patience import WAIT_S
from raw_client import BINARY, frame
from threadcast.agent import Agent, Run
from threadcast.alerts.rules import RULES, thresholds
from threadcast.clock import SystemClock
from threadcast.errors import ThreadcastError
from threadcast.metrics import CLOSED_SETS
from threadcast.node import Node
from threadcast.store.sqlite import SqliteStore
from threadcast.testing.clock import ManualClock
from webhook_server import SECRET_PATH, webhook_server

RARELY_S = 300.0  # the tests look by hand
# a commit or a catch-up that is under way while time is moved took all of that time
PATIENT = {"commit_latency": 10.0, "catch_up_lag": 3_600.0}
_TURNS_MAX = 1_000


class Scene:
    """A server whose agent fails when it is told to, and whose time is moved by hand.

    Attributes:
        world: the server.
        fails: whether the agent fails.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.world: World
        self.fails = True
        self._clock = clock

    async def answer(self, run: Run) -> str:
        """The agent."""
        if self.fails:
            raise RuntimeError("a bad mood")
        return "fine"

    async def runs(self, count: int) -> None:
        """So many runs, one after the other, each to its end."""
        thread_id = await self.world.thread("u-1")
        stream = Stream(self.world.app, bearer("u-1"))
        await stream.until("caught_up")
        for number in range(count):
            await self.world.message("u-1", thread_id, str(number))
            await stream.until("agent_failed" if self.fails else "agent_completed")
        await stream.leave()
        for _ in range(_TURNS_MAX):  # an end is counted a moment after it was delivered
            await asyncio.sleep(0)
        assert self.world.node.runner.active == 0

    def look(self, seconds: float = 10.0) -> None:
        """Let time pass, and look."""
        self._clock.advance(seconds)
        self.world.node.alerts.step()

    def firing(self) -> list[str]:
        """The rules that fire, as the metric says."""
        registry = self.world.node.metrics.registry
        name = "threadcast_alerts_firing"
        return [
            rule.name
            for rule in RULES
            if registry.get_sample_value(name, {"rule": rule.name, "severity": rule.severity})
        ]

    async def read(self) -> dict[str, Any]:
        """What an operator reads."""
        async with self.world.client("operator", scopes=("ops",)) as client:
            answer = await client.get("/ops/alerts")
            assert answer.status_code == 200, answer.text
            document: dict[str, Any] = answer.json()
            return document


@asynccontextmanager
async def watching(tmp_path: Path, **settings: Any) -> AsyncIterator[Scene]:
    clock = ManualClock(time.time())
    scene = Scene(clock)
    agents = [Agent("moody", scene.answer)]
    asked = settings.pop("alert_thresholds", {})
    chosen = {"alert_sample_s": RARELY_S, "alert_thresholds": {**PATIENT, **asked}, **settings}
    async with running(tmp_path, agents=agents, clock=clock, **chosen) as world:
        scene.world = world
        yield scene


async def test_an_agent_that_always_fails_is_told_of_and_so_is_its_recovery(
    tmp_path: Path,
) -> None:
    async with (
        webhook_server() as server,
        watching(tmp_path, alert_webhook_url=server.url) as scene,
    ):
        await scene.runs(19)
        for _ in range(10):
            scene.look()
        assert scene.firing() == []  # all failed, but of too few
        await scene.runs(1)
        scene.look()
        assert scene.firing() == []  # pending: it may go by
        scene.look(60)
        assert scene.firing() == ["run_success"]
        (told,) = await server.received(1)
        first = told.json()
        assert (first["kind"], first["rule"], first["value"]) == ("firing", "run_success", 0.0)

        scene.fails = False
        await scene.runs(5)
        for _ in range(60):
            scene.look()
        assert scene.firing() == []
        last = (await server.received(2))[1].json()
        assert (last["kind"], last["rule"]) == ("recovered", "run_success")
        assert last["since"] == first["since"]
        assert len(server.requests) == 2  # each state once, however often it was looked


async def test_one_failure_of_two_is_no_alert(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        await scene.runs(1)
        scene.fails = False
        await scene.runs(1)
        for _ in range(60):
            scene.look()
        document = await scene.read()
        assert (scene.firing(), document["history"]) == ([], [])


async def test_an_operator_reads_how_it_stands(tmp_path: Path) -> None:
    async with webhook_server() as server, watching(tmp_path, alert_slack_url=server.url) as scene:
        await scene.runs(20)
        scene.look()
        scene.look(60)
        await server.received(1)
        assert await scene.world.node.alerts.couriers[1].delivered(WAIT_S)
        document = await scene.read()
        (rule,) = [one for one in document["rules"] if one["rule"] == "run_success"]
        expected = {"state": "firing", "value": 0.0, "threshold": 0.99, "sample": 20.0}
        assert expected.items() <= rule.items()
        assert (rule["good"], rule["faults"], rule["unit"]) == ("at_least", 20.0, "share")
        assert rule["since"] == document["sampled_at"]
        (shown,) = scene.world.node.operators.summaries.now().firing
        assert shown.since == rule["since"] - 60  # the console says since when it is wrong
        (told,) = document["history"]
        assert (told["rule"], told["change"]) == ("run_success", "firing")
        log, slack = document["sinks"]
        assert (log["sink"], log["arrived"]) == ("log", 1)
        assert (slack["sink"], slack["arrived"], slack["failed"]) == ("slack", 1, 0)
        assert slack["last_detail"] == "HTTP status 200"
        assert document["node"] == scene.world.node.node_id
        assert SECRET_PATH not in repr(document)


@pytest.mark.parametrize(("scopes", "status"), [((), 403), (("metrics",), 403), (("ops",), 200)])
async def test_only_operators_read_it(tmp_path: Path, scopes: tuple[str, ...], status: int) -> None:
    async with watching(tmp_path) as scene:
        async with scene.world.client("u-1", scopes=scopes) as client:
            assert (await client.get("/ops/alerts")).status_code == status
        async with scene.world.client(address="127.0.0.1") as client:
            assert (await client.get("/ops/alerts")).status_code == 401


async def test_it_can_be_switched_off_and_on_while_it_runs(tmp_path: Path) -> None:
    async with watching(tmp_path) as scene:
        alerts = scene.world.node.alerts
        await scene.runs(20)
        scene.look()
        scene.look(60)
        assert scene.firing() == ["run_success"]
        alerts.enabled = False
        scene.look()
        document = await scene.read()
        assert (scene.firing(), document["enabled"], document["sampled_at"]) == ([], False, None)
        alerts.enabled = True
        for _ in range(10):
            scene.look()
        assert scene.firing() == []  # what was before is forgotten


async def test_a_threshold_can_be_changed_while_it_runs(tmp_path: Path) -> None:
    async with watching(tmp_path, alert_thresholds={"run_success": 0.0}) as scene:
        await scene.runs(20)
        scene.look()
        scene.look(60)
        assert scene.firing() == []
        scene.world.node.alerts.thresholds = thresholds(PATIENT)
        scene.look()
        scene.look(60)
        assert scene.firing() == ["run_success"]


async def test_off_from_the_start_nothing_is_sampled(tmp_path: Path) -> None:
    async with watching(tmp_path, alerts=False) as scene:
        await scene.runs(20)
        for _ in range(10):
            scene.look()
        assert (scene.firing(), (await scene.read())["sampled_at"]) == ([], None)


async def test_the_watch_looks_by_itself(tmp_path: Path) -> None:
    async with (
        webhook_server() as server,
        running(tmp_path, alert_sample_s=0.05, alert_webhook_url=server.url) as world,
    ):
        world.node.metrics.foreign_deliveries.inc()
        (told,) = await server.received(1)
    assert told.json()["rule"] == "foreign_delivery"


class Unreadable(SqliteStore):
    """A store that cannot be read while `broken` is set."""

    broken = False

    def session(self, context: Any) -> Any:
        """A session, or none."""
        if self.broken:
            raise ThreadcastError("unavailable")
        return super().session(context)


def outcomes(node: Node, name: str) -> dict[str, float]:
    """What was counted of connects or resumes."""
    read = node.metrics.registry.get_sample_value
    found = {one: read(f"threadcast_{name}_total", {"outcome": one}) for one in CLOSED_SETS[name]}
    return {outcome: count for outcome, count in found.items() if count}


async def test_a_stream_that_we_cannot_open_is_a_failed_connect(tmp_path: Path) -> None:
    store = Unreadable(tmp_path / "events.db", clock=SystemClock())
    async with running(tmp_path, store=store) as world:
        stream = Stream(world.app, bearer("u-1"), "after=0")
        await stream.until("caught_up")
        await stream.leave()
        assert outcomes(world.node, "connects") == {"accepted": 1}
        assert outcomes(world.node, "resumes") == {"continued": 1}
        async with world.client() as client:
            assert (await client.get("/v1/events")).status_code == 401
        assert outcomes(world.node, "connects") == {"accepted": 1, "refused": 1}
        store.broken = True
        assert (await Stream(world.app, bearer("u-1")).body())["code"] == "unavailable"
        assert outcomes(world.node, "connects") == {"accepted": 1, "refused": 1, "failed": 1}


async def test_a_websocket_is_counted_once_whatever_ends_it(tmp_path: Path) -> None:
    store = Unreadable(tmp_path / "events.db", clock=SystemClock())
    with LiveServer(tmp_path, store=store) as server:
        async with server.talk("u-1", after=0) as talk:
            store.broken = True
            refused = await talk.refused(await talk.say("attach", after=1))
            assert refused["code"] == "unavailable"
            store.broken = False
            await talk.send(frame(BINARY, b"{}"))
            assert (await talk.ending())[0] == 1003
        assert outcomes(server.node, "connects") == {"accepted": 1}
        assert outcomes(server.node, "resumes") == {"continued": 1, "failed": 1}
        async with await server.raw("u-1", token="no.to.ken") as talk:
            assert (await talk.ending())[0] == 4401
        async with await server.raw(headers=[("Origin", "http://127.0.0.1")]) as talk:
            await talk.refused(await talk.say("authenticate", token="no.to.ken"))
            assert (await talk.ending())[0] == 4401
        store.broken = True
        async with await server.raw("u-1") as talk:
            assert (await talk.ending())[1] == "unavailable"
        store.broken = False
        await server.settled(0)
        assert outcomes(server.node, "connects") == {"accepted": 1, "refused": 2, "failed": 1}
        assert outcomes(server.node, "credentials") == {"accepted": 2, "refused": 2}
        read = server.node.metrics.registry.get_sample_value
        for code, count in (("token_invalid", 2), ("unavailable", 2)):
            assert read("threadcast_refusals_total", {"code": code}) == count
