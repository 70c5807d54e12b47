"""`SSOTValidationMiddleware` before applications that have nothing else of Threadcast."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, WebSocket
from starlette.testclient import TestClient

from threadcast import SSOTValidationMiddleware
from threadcast.check_modes import Check
from threadcast.correlation import CorrelationFilter, correlation
from threadcast.ids import id_kind
from threadcast.testing import ManualClock
from threadcast.validation.middleware import Message, Receive, Scope, Send
from threadcast.validation.statistics import ValidationStatistics

STEM = "chat_1763629200001_7_90c65fe4"
THREAD, RUN, REQUEST = f"thread_{STEM}", f"run_{STEM}", f"req_{STEM}"
PATHS = ["/threads/{thread_id}", "/talk/{thread_id}"]


def application() -> FastAPI:
    """An application that knows nothing of us."""
    app = FastAPI()

    @app.get("/threads/{thread_id}")
    async def read(thread_id: str) -> dict[str, str]:
        return {"thread_id": thread_id, "request_id": correlation().request_id}

    @app.websocket("/talk/{thread_id}")
    async def talk(socket: WebSocket, thread_id: str) -> None:
        await socket.accept()
        await socket.send_text(f"{thread_id} {correlation().request_id}")
        await socket.close()

    return app


def checked(**options: Any) -> SSOTValidationMiddleware:
    return SSOTValidationMiddleware(application(), paths=PATHS, **options)


async def never() -> Message:
    """A client that sends nothing."""
    raise AssertionError("nobody reads")


async def swallow(_message: Message) -> None:
    """A client that hears nothing."""


def client(app: Any) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


async def test_a_good_request_is_served_and_named() -> None:
    app = checked()
    async with client(app) as http:
        answer = await http.get(f"/threads/{THREAD}")
    assert answer.json()["thread_id"] == THREAD
    assert id_kind(answer.headers["x-request-id"]) == "request"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert (app.statistics.requests, app.statistics.violating) == (1, 0)
    assert correlation().request_id == "-"


async def test_enforce_answers_with_a_problem() -> None:
    app = checked()
    async with client(app) as http:
        answer = await http.get(f"/threads/{RUN}", headers={"x-request-id": REQUEST})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == REQUEST
    problem = answer.json()
    assert (problem["code"], problem["request_id"]) == ("bad_id", REQUEST)
    assert problem["detail"] == "path thread_id: expected a thread id, got a run id"
    assert (app.statistics.refused, app.statistics.violation_rate) == (1, 1.0)


async def test_warn_serves_counts_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    app, named = checked(mode="warn"), CorrelationFilter()
    caplog.handler.addFilter(named)
    try:
        async with client(app) as http:
            answer = await http.get("/threads/ann-secret", headers={"x-request-id": REQUEST})
    finally:
        caplog.handler.removeFilter(named)
    assert vars(caplog.records[-1])["request_id"] == REQUEST
    assert answer.json()["thread_id"] == "ann-secret"
    assert app.statistics.violations() == {("malformed", "path"): 1}
    assert (app.statistics.violating, app.statistics.refused) == (1, 0)
    assert "id_validation would refuse: bad_id: path thread_id" in caplog.text
    assert "ann-secret" not in caplog.text
    assert "ann-secret" not in str(app.statistics.examples)


async def test_off_serves_and_still_names_the_request() -> None:
    app = checked(mode="off")
    async with client(app) as http:
        answer = await http.get("/threads/x", headers={"x-request-id": REQUEST})
    assert answer.json() == {"thread_id": "x", "request_id": REQUEST}
    assert app.statistics.requests == 0


async def test_the_mode_is_changed_while_it_serves() -> None:
    app = checked(mode="off")
    async with client(app) as http:
        assert (await http.get("/threads/x")).status_code == 200
        app.check.mode = "enforce"
        assert (await http.get("/threads/x")).status_code == 400
        app.check.mode = "warn"
        assert (await http.get("/threads/x")).status_code == 200


async def test_added_to_an_application_its_check_is_the_handle() -> None:
    app, clock = application(), ManualClock()
    statistics = ValidationStatistics()
    check = Check("ids", "warn", clock=clock, on_tolerated=list[str]().append)
    app.add_middleware(
        SSOTValidationMiddleware,
        mode=check,
        paths=PATHS,
        statistics=statistics,
    )
    async with client(app) as http:
        assert (await http.get("/threads/x")).status_code == 200
        check.mode = "enforce"
        assert (await http.get("/threads/x")).status_code == 400
    assert (statistics.requests, statistics.violating, statistics.refused) == (2, 2, 1)


@pytest.mark.parametrize(("allow", "status"), [(True, 200), (False, 400)])
async def test_a_legacy_id_is_counted_and_passes_unless_it_may_not(
    allow: bool, status: int
) -> None:
    app = checked(allow_legacy=allow)
    async with client(app) as http:
        answer = await http.get("/threads/websocket_factory_1757361062151")
    assert answer.status_code == status
    assert app.statistics.violations() == {("legacy", "path"): 1}
    assert app.statistics.violating == (not allow)


async def test_a_foreign_request_id_is_replaced_and_no_violation() -> None:
    app = checked()
    foreign = "0b9af7d0-7a4b-4a7e-9d52-0c5e21aa90c6"
    async with client(app) as http:
        answer = await http.get(f"/threads/{THREAD}", headers={"x-request-id": foreign})
    assert answer.status_code == 200
    assert answer.headers["x-request-id"] != foreign
    assert app.statistics.violating == 0


async def test_a_preflight_is_never_refused() -> None:
    async with client(checked()) as http:
        assert (await http.options("/threads/x")).status_code == 405  # FastAPI's own answer


async def test_the_applications_own_request_id_stays() -> None:
    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"x-request-id", b"its-own")]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with client(SSOTValidationMiddleware(answers)) as http:
        assert (await http.get("/")).headers.get_list("x-request-id") == ["its-own"]


async def test_other_scopes_pass_untouched() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    scope: Scope = {"type": "lifespan"}
    await SSOTValidationMiddleware(app)(scope, never, swallow)
    assert seen[0] is scope


async def test_the_scope_that_was_given_is_not_changed() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert id_kind(scope["threadcast.request_id"]) == "request"

    scope = {"type": "http", "path": "/", "query_string": b"", "headers": [], "method": "GET"}
    before = dict(scope)
    await SSOTValidationMiddleware(app)(scope, never, swallow)
    assert scope == before


async def test_requests_at_once_keep_their_names() -> None:
    app = checked()
    async with client(app) as http:
        paths = [f"/threads/thread_chat_{1763629200000 + n}_{n}_90c65fe4" for n in range(60)]
        answers = await asyncio.gather(*(http.get(path) for path in paths))
    named = [answer.json()["request_id"] for answer in answers]
    assert named == [answer.headers["x-request-id"] for answer in answers]
    assert len(set(named)) == len(paths)


def test_a_socket_is_accepted_and_closed_with_the_reason() -> None:
    app = checked()
    offered = ["bearer.eyJ-a-token", "chat.v1"]
    with TestClient(app) as http:
        socket = http.websocket_connect(f"/talk/{RUN}", subprotocols=offered)
        with socket:
            assert str(socket.accepted_subprotocol) == "chat.v1"
            message = socket.receive()
            assert (message["type"], message["code"]) == ("websocket.close", 4400)
            assert message["reason"] == "path thread_id: expected a thread id, got a run id"
            assert app.statistics.refused == 1


def test_a_socket_is_served_and_named() -> None:
    with (
        TestClient(checked()) as http,
        http.websocket_connect(f"/talk/{THREAD}", headers={"x-request-id": REQUEST}) as socket,
    ):
        assert socket.receive_text() == f"{THREAD} {REQUEST}"


@pytest.mark.parametrize("mode", ["on", "", None, True])
def test_an_unknown_mode_is_refused(mode: Any) -> None:
    with pytest.raises(ValueError, match="mode: expected one of enforce, warn, off"):
        checked(mode=mode)


@pytest.mark.parametrize("query", [{}, {"query_string": None}, {"query_string": b""}])
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_a_scope_without_a_query_is_served(kind: str, query: dict[str, Any]) -> None:
    """ASGI allows a server to leave it out for WebSockets, and test clients do so for both."""
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    async def send(_message: Message) -> None:
        raise AssertionError("nothing was to be answered")

    scope = {"type": kind, "method": "GET", "path": f"/threads/{THREAD}", "headers": [], **query}
    await SSOTValidationMiddleware(app)(scope, never, send)
    assert len(seen) == 1
