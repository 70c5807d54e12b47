"""Ids at the entrances of a running server: what clients see, and what operators see of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from http_world import AGENTS, BASE_URL, NAMED, SECRET, bearer, fresh_id
from live_server import LiveServer
from threadcast import Settings, Threadcast
from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.ids import id_kind
from threadcast.store.sqlite import SqliteStore
from threadcast.store.sqlite.sessions import SqliteSession

PAGE = "https://chat.example"
REQUEST = NAMED["x-request-id"]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path, allowed_origins=(PAGE,)) as live:
        yield live


class WatchedStore(SqliteStore):
    """A real store that remembers for which requests it was asked for a session."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, clock=SystemClock())
        self.asked: list[str] = []

    def session(self, context: UserExecutionContext) -> SqliteSession:
        self.asked.append(context.request_id)
        return super().session(context)


@pytest.mark.parametrize(
    ("method", "path", "headers", "detail"),
    [
        ("GET", "/v1/threads/nonsense", {}, "path thread_id: expected a thread id, got a text"),
        ("DELETE", "/v1/runs/x/cancel", {}, "path run_id: expected a run id, got a text"),
        ("DELETE", "/v1/connections/x", {}, "path connection_id: expected a ws_conn id"),
        ("GET", "/v1/events?thread_id=x", {}, "query thread_id: expected a thread id"),
        ("GET", "/v1/threads", {"x-run-id": "x"}, "header x-run-id: expected a run id"),
        ("GET", "/", {"x-request-id": "x"}, "header x-request-id: expected a request id"),
        ("GET", "/v1/threads", {"x-thread-id": "\xff" * 900}, "header x-thread-id: expected"),
    ],
)
async def test_http_is_refused_before_the_store_is_asked(
    tmp_path: Path, method: str, path: str, headers: dict[str, str], detail: str
) -> None:
    store = WatchedStore(tmp_path / "events.db")
    threadcast = Threadcast(Settings(jwt_secret=SECRET), AGENTS, store=store)
    transport = httpx2.ASGITransport(app=threadcast.asgi())
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    known = [(name.encode(), value.encode()) for name, value in bearer("u-1").items()]
    async with (
        threadcast.lifespan(),
        httpx2.AsyncClient(transport=transport, base_url=BASE_URL) as client,
    ):
        answer = await client.request(method, path, headers=[*known, *raw])
        served = await client.get("/v1/threads", headers=known)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "bad_id")
    assert problem["detail"].startswith(detail)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert set(store.asked) == {served.headers["x-request-id"]}


async def test_a_page_of_an_allowed_origin_can_read_why(live: LiveServer) -> None:
    async with live.http() as client:
        allowed = await client.get("/v1/threads/x", headers={"origin": PAGE})
        other = await client.get("/v1/threads/x", headers={"origin": "https://evil.example"})
        preflight = await client.options(
            "/v1/threads/x",
            headers={"origin": PAGE, "access-control-request-method": "GET"},
        )
    assert allowed.json()["code"] == "bad_id"
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert other.json()["code"] == "origin_not_allowed"
    assert preflight.status_code == 204
    assert "x-request-id" in preflight.headers["access-control-allow-headers"]


async def test_a_socket_hears_why_and_is_closed(live: LiveServer) -> None:
    path = f"/v1/ws?thread_id={fresh_id('run')}"
    async with await live.raw("u-1", path=path, headers=[("X-Request-ID", REQUEST)]) as client:
        closing = await client.until("connection_closing")
        assert closing["data"]["code"] == 4400
        assert closing["data"]["error"] == "bad_id"
        reason = "query thread_id: expected a thread id, got a run id"
        assert closing["data"]["reason"] == reason
        assert closing["data"]["request_id"] == REQUEST
        assert closing["data"]["reconnect"] is False
        frame = await client.read_frame()
        assert (frame.code, frame.payload[2:].decode()) == (4400, reason)
    await live.settled(0)


async def test_a_socket_of_another_origin_hears_nothing(live: LiveServer) -> None:
    headers = [("Origin", "https://evil.example")]
    response, client = await live.upgrade(*headers, path="/v1/ws?thread_id=x")
    async with client:
        assert (response.status, response.problem()["code"]) == (403, "origin_not_allowed")


async def test_what_a_request_brings_is_its_name_everywhere(
    live: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with live.http("u-1") as client:
        made = await client.post("/v1/threads", json={}, headers=NAMED)
        assert (made.status_code, made.headers["x-request-id"]) == (201, REQUEST)
        # The thread has a stem of its own: nobody can choose the id of a thread.
        assert made.json()["thread_id"].removeprefix("thread_") not in REQUEST
        missing = await client.get(f"/v1/threads/{fresh_id('thread')}", headers=NAMED)
        assert missing.json()["request_id"] == REQUEST
    async with await live.raw("u-1", headers=[("X-Request-ID", REQUEST)]) as client:
        await client.until("connection_ready")
        refused = await client.refused(await client.say("cancel_run", run_id=fresh_id("run")))
        assert (refused["code"], refused["request_id"]) == ("not_found", REQUEST)
    async with live.talk("u-1", attach=False) as client:
        refused = await client.refused(await client.say("nothing"))
        assert id_kind(refused["request_id"]) == "request"
        assert refused["request_id"] != REQUEST


async def test_warn_serves_counts_and_is_seen_by_operators(tmp_path: Path) -> None:
    with LiveServer(tmp_path, id_validation="warn") as live:
        async with live.http("u-1") as client:
            assert (await client.get("/v1/threads/x")).json()["code"] == "not_found"
            legacy = await client.get("/v1/threads/ann_req_9fc55c948877_8bfbba09")
            assert legacy.json()["code"] == "legacy_id"
            assert (await client.get("/ops/validation")).json()["code"] == "forbidden"
        async with live.http("operator", scopes=["ops"]) as client:
            report = (await client.get("/ops/validation")).json()
            metrics = (await client.get("/metrics")).text
    assert report["mode"] == "warn"
    assert (report["requests"], report["violating"], report["refused"]) == (4, 1, 0)
    assert report["violation_rate"] == 0.25
    assert {(one["kind"], one["place"], one["count"]) for one in report["violations"]} == {
        ("malformed", "path", 1),
        ("legacy", "path", 1),
    }
    assert [one["shown"] for one in report["examples"]] == [
        "a text of 1 characters that is no id",
        "***_req_9fc55c948877_8bfbba09",
    ]
    assert "threadcast_id_checks_total 5.0" in metrics
    assert 'threadcast_id_violations_total{kind="legacy",place="path"} 1.0' in metrics
    assert 'threadcast_tolerated_total{check="id_validation"} 1.0' in metrics


async def test_nobody_reads_the_report_without_a_credential(live: LiveServer) -> None:
    async with live.http() as client:
        assert (await client.get("/ops/validation")).status_code == 401
