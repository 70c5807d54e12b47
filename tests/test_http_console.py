"""What the operator's console asks over HTTP: who may, what is in it, and what never is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from http_world import NAMED, Stream, World, bearer, fresh_id, running
from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.errors import ThreadcastError
from threadcast.operators.figures import STEP_S
from threadcast.operators.ring import STEPS_MAX
from threadcast.schemas.operations import OPERATIONS
from threadcast.store.records import LiveRunCount, NodeRow, RunFailure
from threadcast.store.sqlite import SqliteStore
from threadcast.store.sqlite.sessions import SqliteSession

SECRET_TEXT = "the-plan-of-ann"
CONSOLE = tuple(one for one in OPERATIONS if "console to be on" in one.summary)


def operator(world: World, *more: str) -> httpx2.AsyncClient:
    """A client of an operator, with more scopes than `ops` where they are named."""
    return world.client("olga", scopes=("ops", *more))


async def ask(client: httpx2.AsyncClient, method: str, path: str) -> httpx2.Response:
    """Any operation, with something for its path and nothing in its body."""
    named = path.replace("{run_id}", fresh_id("run"))
    return await client.request(method.upper(), named, headers=NAMED)


async def answered(world: World, user_id: str = "ann") -> tuple[str, str]:
    """A thread of a user with one answered message; its id and the run's."""
    stream = Stream(world.app, bearer(user_id))
    await stream.until("caught_up")
    thread_id = await world.thread(user_id, title=SECRET_TEXT)
    sent = await world.message(user_id, thread_id, SECRET_TEXT)
    await stream.until("agent_completed")
    await stream.leave()
    return thread_id, sent["run_id"]


def test_the_console_has_eleven_operations() -> None:
    assert len(CONSOLE) == 11


@pytest.mark.parametrize("operation", CONSOLE, ids=lambda one: one.operation_id)
async def test_off_there_is_no_such_thing_and_on_it_is_for_operators(
    tmp_path: Path, operation: Any
) -> None:
    async with running(tmp_path) as world, operator(world) as client:
        off = await ask(client, operation.method, operation.path)
        assert (off.status_code, off.json()["code"]) == (404, "not_found")
        assert off.json()["detail"] == "expected the setting console to be on"
    async with running(tmp_path, console=True) as world:
        async with world.client() as client:
            assert (await ask(client, operation.method, operation.path)).status_code == 401
        async with world.client("ann", scopes=("content", "metrics")) as client:
            refused = await ask(client, operation.method, operation.path)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_it_can_be_switched_while_the_server_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as world, operator(world) as client:
        assert (await client.get("/ops/overview")).status_code == 404
        settings = type(world.node.settings)(
            database_url=world.node.settings.database_url,
            jwt_secret=world.node.settings.jwt_secret,
            console=True,
        )
        assert "console" in world.node.take_settings(settings).applied
        assert (await client.get("/ops/overview")).status_code == 200


async def test_the_overview_says_how_this_server_is(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as world, operator(world) as client:
        _, run_id = await answered(world)
        waiting = await world.message("ann", await world.thread("ann"), "?", agent="ask")
        stream = Stream(world.app, bearer("ann"))
        await stream.until("caught_up")
        await client.get("/ops/runs/no-id")
        await world.node.operators.view.step()
        found = (await client.get("/ops/overview")).json()
        await stream.leave()
    (node,) = found["nodes"]
    said = node["summary"]
    assert (node["node_id"], node["alive"], node["lease_left_s"]) == (found["node_id"], True, None)
    assert (said["connections"], said["users"], said["draining"]) == (1, 1, False)
    assert (said["database"]["ok"], said["bus"]) == (True, None)
    assert found["totals"]["nodes_alive"] == 1
    assert found["totals"]["take_overs"] == {"requeued": 0, "ended": 0, "last_at": None}
    states = {one["status"]: one for one in found["runs"]["states"]}
    live = states["waiting"]["count"] + states["running"]["count"] + states["queued"]["count"]
    assert live == 1
    oldest = next(one["oldest"] for one in states.values() if one["count"])
    assert (oldest["run_id"], oldest["user"]) == (waiting["run_id"], "ann")
    assert (found["safety"]["foreign_deliveries"], found["firing"]) == (0, [])
    assert [one["code"] for one in found["refusals"]] == ["bad_id"]
    assert found["refusals"][0]["recent"] == 1
    assert found["versions"]["database"].startswith("SQLite 3.")
    assert found["database"]["ping_ms"] > 0
    assert run_id not in json.dumps(found)


async def test_the_series_has_columns_of_one_length(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as world, operator(world) as client:
        await answered(world)
        for _ in range(2):
            await world.node.operators.view.step()
        whole = (await client.get("/ops/series")).json()
        lengths = {len(one) for part in ("node", "cluster") for one in whole[part].values()}
        assert lengths == {len(whole["at"])}
        assert whole["step_s"] == STEP_S
        assert whole["at"] == sorted(whole["at"])
        assert sum(one or 0 for one in whole["node"]["events_in_per_s"]) > 0
        assert max(one or 0 for one in whole["node"]["commit_ms_p99"]) > 0
        assert whole["cluster"]["nodes"][-1] == 1
        assert whole["cluster"]["runs_waiting"][-1] == 0
        later = (await client.get(f"/ops/series?since={whole['at'][-1]!r}")).json()
        assert later["at"] == []
        rest = (await client.get(f"/ops/series?since={whole['at'][0]!r}")).json()
        assert rest["at"] == whole["at"][1:]
        assert len(rest["node"]["runs"]) == len(rest["cluster"]["runs"]) == len(rest["at"])
        named = (await client.get(f"/ops/series?node_id={whole['node_id']}")).json()
        assert (named["of_node_id"], named["node"]) == (whole["node_id"], whole["node"])
        unknown = await client.get("/ops/series?node_id=node-7")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
        for text in ("x", "-1", "1e3", "", "1" * 30, "١"):
            refused = await client.get("/ops/series", params={"since": text})
            assert (refused.status_code, refused.json()["code"]) == (400, "bad_query"), text


class Two(SqliteStore):
    """A store in which another node says what this one said."""

    said: str | None = None

    async def nodes(self) -> list[NodeRow]:
        return [NodeRow("node-2", "1.2.3", "all", 60.0, 5.0, 0, 0, self.said)]


async def test_a_node_answers_for_the_hour_of_another_and_of_both(tmp_path: Path) -> None:
    store = Two(tmp_path / "events.db", clock=SystemClock())
    async with running(tmp_path, console=True, store=store) as world, operator(world) as client:
        await answered(world)
        await world.node.operators.view.step()
        store.said = world.node.operators.summaries.encoded()
        await answered(world)
        await world.node.operators.view.step()
        own = (await client.get("/ops/series")).json()
        other = (await client.get("/ops/series?node_id=node-2")).json()
    assert (other["of_node_id"], other["at"]) == ("node-2", own["at"])
    for column, values in other["node"].items():
        assert values[-1] == own["node"][column][-2], column
    both, one = own["cluster"], own["node"]
    assert both["nodes"][-1] == 2
    assert both["events_in_per_s"][-1] == pytest.approx(sum(one["events_in_per_s"][-2:]), abs=0.01)
    assert min(one["send_ms_p99"][-2:]) * 0.95 < both["send_ms_p99"][-1]
    assert both["send_ms_p99"][-1] < max(one["send_ms_p99"][-2:]) * 1.05


def test_the_last_hour_is_an_hour() -> None:
    assert STEPS_MAX * STEP_S == 3_600


class Away(SqliteStore):
    """A store that cannot be read while `away` is set."""

    away = False

    def _there(self) -> None:
        if self.away:
            raise ThreadcastError("unavailable")

    def session(self, context: UserExecutionContext) -> SqliteSession:
        self._there()
        return super().session(context)

    async def nodes(self) -> list[NodeRow]:
        self._there()
        return await super().nodes()

    async def count_live_runs(self) -> list[LiveRunCount]:
        self._there()
        return await super().count_live_runs()


@dataclass(frozen=True)
class Slow:
    """A cursor whose reader does not read."""

    context: UserExecutionContext
    behind: int


async def test_figures_are_there_while_the_database_is_away_and_nothing_else(
    tmp_path: Path,
) -> None:
    store = Away(tmp_path / "events.db", clock=SystemClock())
    async with running(tmp_path, console=True, store=store) as world, operator(world) as client:
        _, run_id = await answered(world)
        await world.node.operators.view.step()
        world.node.catch_ups.lags(Slow(UserExecutionContext.create("ann", "test"), behind=7))
        world.node.operators.failed_runs.add(RunFailure(run_id, "ann", "not a name", "model_error"))
        there = (await client.get("/ops/overview")).json()
        before, [slow] = there["database"], there["lagging_readers"]
        assert (slow["user"], slow["node_id"], slow["lag_events"]) == ("ann", there["node_id"], 7)
        [failed] = there["failed_runs"]
        assert (failed["run_id"], failed["user"], failed["agent"]) == (run_id, "ann", "?")
        assert (failed["code"], failed["node_id"]) == ("model_error", there["node_id"])
        store.away = True
        await world.node.operators.view.step()
        found = (await client.get("/ops/overview")).json()
        assert (found["database"]["ok"], found["database"]["ping_ms"]) == (False, None)
        assert found["database"]["since"] > before["since"]
        assert (found["runs"], found["database_facts"]) == (None, {})
        assert [(one["code"], one["recent"]) for one in found["failures"]] == [("model_error", 1)]
        assert '"ann"' not in json.dumps(found)
        series = (await client.get("/ops/series")).json()
        assert series["node"]["database_ping_ms"][-1] is None
        # A server that shares its store with nobody knows all nodes: itself.
        assert series["cluster"]["nodes"][-2:] == [1, 1]
        assert series["cluster"]["runs_waiting"][-2:] == [0, None]
        for path in (f"/ops/runs/{run_id}", f"/ops/runs/{run_id}/timeline", "/ops/actions"):
            assert (await client.get(path)).json()["code"] == "unavailable"
        async with world.client("ann") as ann:
            assert (await ann.get("/ops/overview")).status_code == 403
        store.away = False
        await world.node.operators.view.step()
        again = (await client.get("/ops/overview")).json()
        assert again["database"]["ok"]
        assert again["database"]["since"] > found["database"]["since"]
        assert again["runs"] is not None


async def test_a_user_is_found_with_devices_and_runs(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as world, operator(world) as client:
        _, run_id = await answered(world)
        stream = Stream(world.app, bearer("ann") | {"user-agent": "pad/2\x7f"})
        await stream.until("caught_up")
        waiting = await world.message("ann", await world.thread("ann"), "?", agent="ask")
        await stream.until("input_requested")
        found = (await client.post("/ops/users/find", json={"user": "ann"})).json()
        unknown = await client.post("/ops/users/find", json={"user": "nobody"})
        await stream.leave()
    (device,) = found["devices"]
    assert (device["kind"], device["agent"], device["live"]) == ("sse", "pad/2?", True)
    assert device["cursor"] + device["lag_events"] == found["head"]
    assert (found["threads"], found["runs"], found["signed_out_at"]) == (2, 2, None)
    assert [one["run_id"] for one in found["active"]] == [waiting["run_id"]]
    assert [(one["run_id"], one["status"]) for one in found["ended"]] == [(run_id, "completed")]
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


async def test_live_runs_are_listed_whoevers_they_are(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as world, operator(world) as client:
        for user in ("ann", "bob"):
            await world.message(user, await world.thread(user), "?", agent="ask")
        found = (await client.get("/ops/runs?limit=1")).json()["runs"]
        assert [one["user"] for one in found] == ["ann"]
        every = (await client.get("/ops/runs")).json()["runs"]
        assert [one["user"] for one in every] == ["ann", "bob"]
        assert (await client.get("/ops/runs?status=completed")).json()["code"] == "bad_query"


async def test_a_run_is_found_without_its_user(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as world, operator(world) as client:
        thread_id, run_id = await answered(world)
        found = (await client.get(f"/ops/runs/{run_id}")).json()
        assert (found["user"], found["run"]["thread_id"]) == ("ann", thread_id)
        assert (found["run"]["attempt"], found["fence"], found["lease_left_s"]) == (1, 1, None)
        missing = await client.get(f"/ops/runs/{fresh_id('run')}")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_a_timeline_has_no_text_without_the_scope_content(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as world:
        _, run_id = await answered(world)
        path = f"/ops/runs/{run_id}/timeline"
        async with operator(world) as client:
            dark = await client.get(path)
        async with operator(world, "content") as client:
            bright = await client.get(path)
            first = (await client.get(f"{path}?limit=1")).json()
            second = (await client.get(f"{path}?limit=1&after={first['next']}")).json()
    assert SECRET_TEXT not in dark.text
    assert SECRET_TEXT in bright.text
    events = dark.json()["events"]
    assert [one["event_type"] for one in events][:2] == ["message_created", "agent_started"]
    assert events[-1]["event_type"] == "agent_completed"
    assert events[0]["left_out"]["content"] == len(json.dumps(SECRET_TEXT))
    assert events[1]["data"]["attempt"] == 1
    assert (dark.json()["ended"], dark.json()["next"], dark.json()["content"]) == (
        True,
        None,
        False,
    )
    assert [one["left_out"] for one in bright.json()["events"]] == [{}] * len(events)
    assert [one["seq"] for one in (first["events"] + second["events"])] == [
        one["seq"] for one in events[:2]
    ]


async def test_nothing_for_operators_holds_what_was_written(tmp_path: Path) -> None:
    """Every answer that an operator without `content` can get, over a user with a secret."""
    async with running(tmp_path, console=True) as world, operator(world) as client:
        _, run_id = await answered(world)
        await world.message("ann", await world.thread("ann"), SECRET_TEXT, agent="ask")
        await world.node.operators.view.step()
        for path in (
            *("/ops/overview", "/ops/series", "/ops/runs", "/ops/actions", "/ops/alerts"),
            *("/ops/nodes", "/ops/validation", "/ops/consistency"),
            *(f"/ops/runs/{run_id}", f"/ops/runs/{run_id}/timeline?limit=1000"),
        ):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert SECRET_TEXT not in answer.text, path
        found = await client.post("/ops/users/find", json={"user": "ann"})
        assert SECRET_TEXT not in found.text
