"""What operators do over HTTP: confirmed, carried out, and written down."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from http_world import Stream, World, bearer, fresh_id, running
from threadcast.clock import SystemClock
from threadcast.errors import OutcomeUnknown, ThreadcastError
from threadcast.store.operator_units import ACTIONS_MAX, ACTIONS_PER_DAY, BeginAction, EndAction
from threadcast.store.sqlite import SqliteStore
from threadcast.store.units import Outcome, RevokeSessions, Unit
from threadcast.testing.clock import ManualClock


def operator(world: World, name: str = "olga") -> httpx2.AsyncClient:
    """A client of an operator."""
    return world.client(name, scopes=("ops",))


async def trail(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """What operators did, latest first."""
    found: list[dict[str, Any]] = (await client.get("/ops/actions")).json()["actions"]
    return found


async def attached(world: World, user_id: str, **more: Any) -> Stream:
    """A reader of a user."""
    stream = Stream(world.app, bearer(user_id, **more))
    await stream.until("caught_up")
    return stream


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("disconnect", {"user": "ann"}),
        ("sign_out", {"user": "ann"}),
        ("cancel_run", {"run_id": fresh_id("run")}),
        ("drain_node", {"node_id": "node-1"}),
    ],
)
async def test_what_is_not_confirmed_is_not_done(
    tmp_path: Path, action: str, body: dict[str, str]
) -> None:
    async with running(tmp_path, console=True, node_id="node-1") as world:
        stream = await attached(world, "ann")
        async with operator(world) as client:
            for confirm in ({}, {"confirm": ""}, {"confirm": "ann "}, {"confirm": 5}):
                refused = await client.post(f"/ops/actions/{action}", json={**body, **confirm})
                assert (refused.status_code, refused.json()["code"]) == (400, "bad_field")
            assert await trail(client) == []
        assert not world.node.draining
        assert len(world.node.manager) == 1
        await stream.leave()


async def test_a_users_connections_are_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, console=True) as world, operator(world) as client:
        first, second = await attached(world, "ann"), await attached(world, "ann")
        other = await attached(world, "bob")
        found = (await client.post("/ops/users/find", json={"user": "ann"})).json()
        one = found["devices"][0]["connection_id"]
        body = {"user": "ann", "connection_id": one, "confirm": one, "reason": "it hangs"}
        with caplog.at_level(logging.WARNING):
            closed = await client.post("/ops/actions/disconnect", json=body)
        assert (closed.status_code, closed.json()["outcome"]) == (200, "done")
        assert (await first.until("connection_closing")).data["data"]["error"] == "forced_close"
        again = await client.post("/ops/actions/disconnect", json=body)
        assert (again.status_code, again.json()["code"]) == (404, "not_found")
        every = {"user": "ann", "confirm": "ann"}
        assert (await client.post("/ops/actions/disconnect", json=every)).json()["detail"] == (
            "1 connection(s)"
        )
        assert (await second.until("connection_closing")).data["data"]["error"] == "forced_close"
        latest, failed, earlier = await trail(client)
        await other.leave()
    assert (latest["target"], latest["outcome"]) == ("ann", "done")
    assert (failed["outcome"], failed["detail"]) == ("failed", "not_found")
    assert earlier == closed.json()
    assert (earlier["operator"], earlier["action"]) == ("olga", "disconnect")
    assert (earlier["target"], earlier["user"], earlier["reason"]) == (one, "ann", "it hangs")
    assert earlier["request_id"] == closed.headers["x-request-id"]
    assert f"operator 'olga' begins disconnect of '{one}'" in caplog.text


async def test_a_user_is_signed_out_everywhere(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as world, operator(world) as client:
        stream = await attached(world, "ann")
        done = await client.post("/ops/actions/sign_out", json={"user": "ann", "confirm": "ann"})
        assert (done.status_code, done.json()["outcome"]) == (200, "done")
        assert (await stream.until("connection_closing")).data["data"]["error"] == "revoked"
        async with world.client("ann") as ann:
            assert (await ann.get("/v1/threads")).json()["code"] == "revoked"
        found = (await client.post("/ops/users/find", json={"user": "ann"})).json()
        assert found["signed_out_at"] is not None
        unknown = {"user": "nobody", "confirm": "nobody"}
        refused = await client.post("/ops/actions/sign_out", json=unknown)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        assert (await client.post("/ops/users/find", json={"user": "nobody"})).status_code == 404


async def test_a_run_is_cancelled_whoevers_it_is(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as world, operator(world) as client:
        stream = await attached(world, "ann")
        run_id = (await world.message("ann", await world.thread("ann"), "?", agent="ask"))["run_id"]
        await stream.until("input_requested")
        done = await client.post(
            "/ops/actions/cancel_run", json={"run_id": run_id, "confirm": run_id}
        )
        assert (done.status_code, done.json()["outcome"]) == (200, "done")
        event = await stream.until("agent_cancelled")
        assert event.data["data"]["reason"] == "cancelled by an operator"
        entry = (await trail(client))[0]
        assert (entry["target"], entry["user"]) == (run_id, "ann")
        nowhere = fresh_id("run")
        refused = await client.post(
            "/ops/actions/cancel_run", json={"run_id": nowhere, "confirm": nowhere}
        )
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        entry = (await trail(client))[0]
        assert (entry["target"], entry["user"], entry["outcome"]) == (nowhere, None, "failed")
        await stream.leave()


async def test_a_node_drains_and_goes_on_answering_operators(tmp_path: Path) -> None:
    async with running(tmp_path, console=True, node_id="node-1") as world:
        await world.thread("ann")
        stream = await attached(world, "ann")
        async with operator(world) as client:
            nowhere = {"node_id": "node-9", "confirm": "node-9"}
            assert (await client.post("/ops/actions/drain_node", json=nowhere)).status_code == 404
            body = {"node_id": "node-1", "confirm": "node-1"}
            done = await client.post("/ops/actions/drain_node", json=body)
            assert (done.status_code, done.json()["detail"]) == (
                200,
                "the node drains; no other takes new work: messages are refused until one does",
            )
            assert (await stream.until("connection_closing")).data["data"]["code"] == 1012
            assert (await client.get("/readyz")).status_code == 503
            refused = Stream(world.app, bearer("ann"))
            assert (await refused.body())["code"] == "shutting_down"
            await _nothing_begins(world)
            await stream.leave()
            await world.node.drain()
            said = (await client.get("/ops/overview")).json()["nodes"][0]["summary"]
            assert (said["draining"], said["drained"], said["connections"]) == (True, True, 0)
            assert [one["outcome"] for one in await trail(client)] == ["done", "failed"]


async def _nothing_begins(world: World) -> None:
    """What would wait for a node that may never come is refused, and can be sent again."""
    async with world.client("ann") as ann:
        (thread,) = (await ann.get("/v1/threads")).json()["threads"]
        sent = {"content": "hello", "client_message_id": "late"}
        for path, body in (
            ("/v1/messages", sent),
            (f"/v1/threads/{thread['thread_id']}/messages", sent),
            ("/v1/threads", {}),
        ):
            refused = await ann.post(path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (503, "shutting_down"), path
            assert refused.json()["retryable"]
            assert int(refused.headers["retry-after"]) > 0
        assert len((await ann.get("/v1/threads")).json()["threads"]) == 1


async def test_the_trail_is_paged_and_kept(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as world, operator(world) as client:
        await world.thread("ann")
        for name in ("olga", "oleg", "otto"):
            async with operator(world, name) as other:
                await other.post("/ops/actions/disconnect", json={"user": "ann", "confirm": "ann"})
        first = (await client.get("/ops/actions?limit=2")).json()
        rest = (await client.get(f"/ops/actions?limit=2&before={first['next']}")).json()
        pages = [*first["actions"], *rest["actions"]]
        assert [one["operator"] for one in pages] == ["otto", "oleg", "olga"]
        assert rest["next"] is None
        foreign = await client.get("/ops/actions?before=x")
        assert foreign.json()["code"] == "bad_page_token"
    async with running(tmp_path, console=True) as world, operator(world) as client:
        assert [one["operator"] for one in await trail(client)] == ["otto", "oleg", "olga"]


class ForgetfulStore(SqliteStore):
    """A store that cannot commit one kind of unit."""

    def __init__(self, path: Path, refused: type[Unit[Any]], error: ThreadcastError) -> None:
        super().__init__(path, clock=SystemClock())
        self._refused = refused
        self._error = error

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        if any(isinstance(one, self._refused) for one in units):
            raise self._error
        return await super().commit(units, now=now)


@pytest.mark.parametrize(
    ("refused", "error", "status", "stays", "outcomes"),
    [
        (BeginAction, ThreadcastError("unavailable"), 503, True, []),
        (RevokeSessions, ThreadcastError("storage_full"), 507, True, ["failed"]),
        (RevokeSessions, OutcomeUnknown(), 503, True, ["begun"]),
        (EndAction, ThreadcastError("unavailable"), 200, False, ["begun"]),
    ],
)
async def test_nothing_is_done_that_is_not_written_down_and_nothing_is_guessed(
    tmp_path: Path,
    refused: type[Unit[Any]],
    error: ThreadcastError,
    status: int,
    stays: bool,
    outcomes: list[str],
) -> None:
    store = ForgetfulStore(tmp_path / "events.db", refused, error)
    async with running(tmp_path, console=True, store=store) as world, operator(world) as client:
        stream = await attached(world, "ann")
        done = await client.post("/ops/actions/sign_out", json={"user": "ann", "confirm": "ann"})
        assert done.status_code == status, done.text
        if stays:
            assert len(world.node.manager) == 1
        else:
            await stream.until("connection_closing")
        assert [one["outcome"] for one in await trail(client)] == outcomes
        await stream.leave()


async def test_the_older_way_to_close_connections_needs_no_console(tmp_path: Path) -> None:
    async with running(tmp_path) as world, operator(world) as client:
        stream = await attached(world, "ann")
        closed = await client.post("/ops/connections/close", json={"user": "ann"})
        assert closed.json() == {"closed": 1}
        assert (await stream.until("connection_closing")).data["data"]["error"] == "forced_close"
        nobody = await client.post("/ops/connections/close", json={"user": "nobody"})
        assert nobody.json() == {"closed": 0}
    async with running(tmp_path, console=True) as world, operator(world) as client:
        of_nobody, entry = await trail(client)
    assert (entry["operator"], entry["action"], entry["target"]) == ("olga", "disconnect", "ann")
    assert (entry["outcome"], entry["detail"]) == ("done", "1 connection(s)")
    assert entry["request_id"] == closed.headers["x-request-id"]
    assert (of_nobody["target"], of_nobody["detail"]) == ("nobody", "0 connection(s)")


async def test_no_operator_can_push_an_entry_out_of_the_trail(tmp_path: Path) -> None:
    clock = ManualClock(time.time())  # it stands, so that no place is earned meanwhile
    async with running(tmp_path, console=True, node_id="node-1", clock=clock) as world:
        await world.thread("ann")
        async with operator(world) as client:
            harm = {"user": "ann", "confirm": "ann", "reason": "harm"}
            assert (await client.post("/ops/actions/sign_out", json=harm)).status_code == 200
            nowhere = {"node_id": "node-9", "confirm": "node-9"}
            for _ in range(199):
                await client.post("/ops/actions/drain_node", json=nowhere)
            for path, body in (
                ("/ops/actions/drain_node", nowhere),
                ("/ops/actions/sign_out", harm),
                ("/ops/connections/close", {"user": "ann"}),
            ):
                refused = await client.post(path, json=body)
                assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
                assert int(refused.headers["retry-after"]) == 44
        async with operator(world, "oleg") as other:
            await other.post("/ops/actions/disconnect", json={"user": "ann", "confirm": "ann"})
            pages = [(await other.get("/ops/actions?limit=200")).json()]
            pages.append((await other.get(f"/ops/actions?before={pages[0]['next']}")).json())
    entries = [one for page in pages for one in page["actions"]]
    assert [entries[0]["operator"], entries[-1]["reason"]] == ["oleg", "harm"]
    assert len(entries) == 201
    assert 400 * ACTIONS_PER_DAY < ACTIONS_MAX


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("disconnect", {"user": "a\nb", "confirm": "a\nb"}, "bad_field"),
        ("disconnect", {"user": "", "confirm": ""}, "empty"),
        ("disconnect", {"user": "u", "connection_id": "x", "confirm": "x"}, "bad_id"),
        ("disconnect", {"user": "u", "connection_id": fresh_id("run"), "confirm": "x"}, "bad_id"),
        ("sign_out", {"user": "u" * 256, "confirm": "u"}, "too_long"),
        ("sign_out", {"user": "u", "confirm": "u", "reason": "r" * 201}, "too_long"),
        ("sign_out", {"user": ["u"], "confirm": "u"}, "bad_field"),
        ("cancel_run", {"run_id": "run_1", "confirm": "run_1"}, "bad_id"),
        ("cancel_run", {"confirm": "x"}, "bad_field"),
        ("drain_node", {"node_id": "", "confirm": ""}, "empty"),
    ],
)
async def test_bad_bodies_are_named(
    tmp_path: Path, path: str, body: dict[str, Any], code: str
) -> None:
    async with running(tmp_path, console=True) as world, operator(world) as client:
        refused = await client.post(f"/ops/actions/{path}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (400, code), refused.text
        assert await trail(client) == []
