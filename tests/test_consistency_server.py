"""The tracker on a live server: what it follows, what it costs nobody, and who may read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from http_world import Stream, World, bearer, fresh_id, running
from live_server import LiveServer
from patience import WAIT_S
from threadcast.connections.connection import Connection
from threadcast.context import UserExecutionContext
from threadcast.http.requests import prefers_html

LIFE = ["context_creation", "manager_creation", "isolation_key", "cleanup_lookup"]
PATH = "/ops/consistency"


async def report_of(server: LiveServer, **query: Any) -> dict[str, Any]:
    """What an operator reads."""
    async with server.http("operator", scopes=("ops",)) as client:
        answer = await client.get(PATH, params=query)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


def lives(report: dict[str, Any]) -> list[list[str]]:
    """The operations of each trace of a report."""
    traces: dict[str, list[str]] = {}
    for one in report["snapshots"]:
        traces.setdefault(one["trace_id"], []).append(one["operation"])
    return list(traces.values())


# --- the old failure, on purpose ------------------------------------------------------------------


def _other_thread(context: UserExecutionContext) -> UserExecutionContext:
    return replace(context, thread_id=fresh_id("thread"), thread_origin="stored")


def _other_user(context: UserExecutionContext) -> UserExecutionContext:
    return replace(context, user_id="somebody-else")


@pytest.mark.parametrize(
    ("drift", "kinds"),
    [
        (_other_thread, {"cleanup_would_miss"}),
        (_other_user, {"user_changed", "cleanup_would_miss"}),
    ],
)
async def test_a_context_that_drifts_half_way_is_seen_and_its_connection_is_freed(
    tmp_path: Path,
    drift: Callable[[UserExecutionContext], UserExecutionContext],
    kinds: set[str],
) -> None:
    with LiveServer(tmp_path, track_consistency=True, max_connections_per_user=20) as server:

        async def drift_all() -> None:
            for connection in server.node.manager:
                assert isinstance(connection, Connection)
                connection.context = drift(connection.context)

        for _ in range(2):
            clients = [await server.raw("ann") for _ in range(20)]
            for client in clients:
                await client.until("connection_ready")
            await server.on_loop(drift_all)
            for client in clients:
                await client.leave()
            await server.settled(0)
        async with server.talk("ann") as talk:  # the 41st connection of a user who may have 20
            assert (await talk.ask("ping"))["timestamp"] > 0
        await server.settled(0)
        report = await report_of(server, limit=200)
        metrics = await metrics_of(server)

    analysis = report["analysis"]
    assert {one["severity"] for one in report["violations"]} == {"critical"}
    assert {one["kind"] for one in report["violations"]} == kinds
    assert {one["operation"] for one in report["violations"]} == {"cleanup_lookup"}
    assert analysis["by_kind"] == dict.fromkeys(kinds, 40)
    snapshots, violations = analysis["snapshots"], analysis["violations"]
    assert analysis["score"] == 100 * (snapshots - violations) / snapshots
    assert metrics['threadcast_consistency_violations_total{severity="critical"}'] == violations
    assert metrics["threadcast_consistency_snapshots_total"] == snapshots


async def metrics_of(server: LiveServer) -> dict[str, float]:
    """All metrics by name and labels."""
    async with server.http() as client:
        text = (await client.get("/metrics")).text
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


# --- what is followed -----------------------------------------------------------------------------


async def test_a_life_in_order_scores_100(tmp_path: Path) -> None:
    with LiveServer(tmp_path, track_consistency=True) as server:
        async with server.talk("ann") as talk:
            connection_id = await _connection_id(server)
            sent = await talk.ask("send_message", content="hi", client_message_id="m1")
            await talk.until_run("agent_completed", sent["run_id"])
        await server.settled(0)
        await server.on_loop(lambda: server.node.runner.drain(WAIT_S))
        connection = await report_of(server, trace=connection_id)
        run = await report_of(server, trace=sent["run_id"])
        whole = await report_of(server)

    assert lives(connection) == [["context_creation", *LIFE], LIFE]  # the message knows it, too
    assert lives(run) == [["context_creation", *LIFE]]
    assert {one["thread_id"] for one in run["snapshots"]} == {sent["thread_id"]}
    assert (whole["analysis"]["score"], whole["violations"]) == (100.0, [])
    assert whole["analysis"]["open"] == 0
    assert "ann" not in {one.get("user") for one in whole["snapshots"]}


async def _connection_id(server: LiveServer) -> str:
    async with server.http("ann") as client:
        (connection,) = (await client.get("/v1/connections")).json()["connections"]
        return str(connection["connection_id"])


async def test_a_message_over_http_turns_to_its_thread_and_is_followed_into_its_run(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, track_consistency=True) as world:
        thread_id = await world.thread("ann")
        stream = Stream(world.app, bearer("ann"))
        await stream.until("attached")
        sent = await world.message("ann", thread_id, "hi")
        await stream.until("agent_completed")
        await stream.leave()
        await world.node.runner.drain(WAIT_S)
        report = world.node.consistency.report(sent["run_id"])

    seen = [one.operation for one in report.snapshots]
    assert seen == ["context_creation", "thread_lookup", *LIFE]
    assert {one.thread_id for one in report.snapshots[1:]} == {thread_id}
    assert report.violations == []


async def test_an_event_stream_is_followed(tmp_path: Path) -> None:
    async with running(tmp_path, track_consistency=True) as world:
        stream = Stream(world.app, bearer("ann"))
        ready = await stream.until("connection_ready")
        await stream.leave()
        report = world.node.consistency.report(ready.data["data"]["connection_id"])

    assert [one.operation for one in report.snapshots] == LIFE
    assert report.analysis.open == 0


async def test_an_evicted_connection_is_no_violation(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "max_connections_per_user": 1,
        "connection_limit_policy": "evict_oldest",
    }
    with LiveServer(tmp_path, track_consistency=True, **settings) as server:
        async with server.talk("ann") as first, server.talk("ann"):
            assert (await first.ending())[1] == "evicted"
        await server.settled(0)
        report = await report_of(server)

    assert report["violations"] == []
    assert report["analysis"]["open"] == 0


# --- off, on, sampled -----------------------------------------------------------------------------


async def test_off_means_that_nothing_is_followed_and_the_report_says_so(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:
        async with server.talk("ann") as talk:
            await talk.ask("ping")
        await server.settled(0)
        report = await report_of(server)

    assert report["analysis"]["recording"] is False
    assert (report["analysis"]["traces"], report["analysis"]["snapshots"]) == (0, 0)
    assert report["analysis"]["score"] == 100.0


async def test_it_is_switched_on_a_running_server_by_one_call(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:

        async def switch(*, on: bool) -> None:
            server.node.consistency.switch(on=on, sample=1.0)

        async with server.talk("ann"):  # begun while it is off: not followed
            await server.on_loop(lambda: switch(on=True))
            async with server.talk("bob") as followed:
                await server.on_loop(lambda: switch(on=False))
                async with server.talk("eve"):
                    pass
                await followed.ask("ping")
        await server.settled(0)
        report = await report_of(server)

    assert lives(report) == [LIFE]  # a trace goes on to its end
    assert report["analysis"]["recording"] is False


async def test_a_sample_of_nothing_is_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, track_consistency=True, track_consistency_sample=0) as world:
        await world.thread("ann")

    assert world.node.consistency.report().analysis.traces == 0


async def test_memory_is_bounded_by_a_setting(tmp_path: Path) -> None:
    async with running(tmp_path, track_consistency=True, track_consistency_max_traces=3) as world:
        for _ in range(8):
            await world.thread("ann")
        analysis = world.node.consistency.report().analysis

    assert (analysis.traces, analysis.traces_kept) == (8, 3)


# --- reading --------------------------------------------------------------------------------------


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    async with running(tmp_path, track_consistency=True) as world:
        yield world


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "not_authenticated"),
        (bearer("ann"), 403, "forbidden"),
        (bearer("ann", scopes=("metrics",)), 403, "forbidden"),
    ],
)
async def test_only_operators_read_it(
    world: World, headers: dict[str, str], status: int, code: str
) -> None:
    async with world.client(address="127.0.0.1") as client:
        refused = await client.get(PATH, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_reading_it_is_not_followed(world: World) -> None:
    async with world.client("operator", scopes=("ops",)) as client:
        for _ in range(3):
            analysis = (await client.get(PATH)).json()["analysis"]

    assert (analysis["recording"], analysis["traces"]) == (True, 0)


async def test_a_page_for_who_prefers_one(world: World) -> None:
    async with world.client("operator", scopes=("ops",)) as client:
        page = await client.get(PATH, headers={"accept": "text/html"})
        plain = await client.get(PATH)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!doctype html>")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert plain.headers["content-type"] == "application/json"
    for answer in (page, plain):
        assert "accept" in answer.headers["vary"]
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("TEXT/HTML ; q=0.5", True),
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
        (",;,", False),
    ],
)
def test_what_an_accept_header_prefers(accept: str | None, html: bool) -> None:
    assert prefers_html(accept) is html


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?trace=trace_1795684555250_1_2b71938b", 404, "not_found"),
        ("?trace=", 404, "not_found"),
        (f"?trace={'x' * 2_000}", 404, "not_found"),
        ("?limit=0", 400, "bad_limit"),
        ("?limit=201", 400, "bad_limit"),
        ("?user=ann", 400, "bad_query"),
    ],
)
async def test_bad_questions_get_clear_answers(
    world: World, query: str, status: int, code: str
) -> None:
    async with world.client("operator", scopes=("ops",)) as client:
        refused = await client.get(f"{PATH}{query}")

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert "expected" in refused.json()["detail"] or status == 404
