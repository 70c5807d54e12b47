"""What HTTP clients can get wrong, and whom the edge lets in."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.types import Message, Scope

from http_world import SECRET, World, bearer, fresh_id, running, token
from threadcast.auth.dev_tokens import mint
from threadcast.errors import ThreadcastError
from threadcast.http.calls import Call
from threadcast.http.entrance import ForAnyone, HttpEntrance, Resource
from threadcast.http.requests import body_pieces, read_body
from threadcast.testing.clock import ManualClock


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path, allowed_origins=("https://app.example",)) as world:
        yield world


def is_problem(answer: httpx2.Response, status: int, code: str) -> bool:
    """Whether an answer is this problem document, whole."""
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["status"] == answer.status_code
    assert {"type", "title", "detail", "retryable"} <= document.keys()
    return (answer.status_code, document["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "bad_json"),
        (b"[1,]", "bad_json"),
        (b"{'a':1}", "bad_json"),
        (b'{"title":"a"} x', "bad_json"),
        (b'{"metadata":{"a":NaN}}', "bad_json"),
        (b'{"metadata":{"a":1e400}}', "bad_json"),
        (b'{"ignored":[1e400]}', "bad_json"),
        (b'{"title":"\xff"}', "bad_json"),
        (b"", "bad_json"),
        (b'{"metadata":' + b'{"a":' * 65 + b"1" + b"}" * 66, "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b'{"title":"\\ud800"}', "bad_string"),
        (b'{"title":"\\u0000"}', "bad_string"),
        (b"\xef\xbb\xbf{}", "bad_string"),
        (b"1", "bad_message"),
        (b"null", "bad_message"),
        (b'"x"', "bad_message"),
        (b"[]", "bad_message"),
        (b'{"title":1}', "bad_field"),
        (b'{"title":true}', "bad_field"),
        (b'{"title":"' + b"a" * 201 + b'"}', "too_long"),
        (b'{"metadata":[]}', "bad_field"),
        (b'{"metadata":{"":1}}', "bad_metadata"),
        (b'{"metadata":{"__proto__":1}}', "bad_metadata"),
        (b'{"metadata":{"' + b"k" * 65 + b'":1}}', "bad_metadata"),
    ],
)
async def test_j_bodies_are_strict_json(world: World, body: bytes, code: str) -> None:
    headers = {"content-type": "application/json"}
    async with world.client("u-1") as client:
        refused = await client.post("/v1/threads", content=body, headers=headers)
    assert is_problem(refused, 400, code)


@pytest.mark.parametrize(
    ("content", "code"),
    [("", "empty"), ("a" * 65_537, "too_long"), (5, "bad_field"), (None, "bad_field")],
)
async def test_j13_the_text_of_a_message_has_bounds(
    world: World, content: object, code: str
) -> None:
    thread_id = await world.thread("u-1")
    async with world.client("u-1") as client:
        path = f"/v1/threads/{thread_id}/messages"
        body = {"content": content, "client_message_id": "k"}
        assert is_problem(await client.post(path, json=body), 400, code)
        for good in ("a", "a" * 65_536):
            key = {"idempotency-key": str(len(good))}
            assert (await client.post(path, json={"content": good}, headers=key)).status_code == 202


async def test_j9_fields_that_are_not_known_are_ignored(world: World) -> None:
    async with world.client("u-1") as client:
        body = {"title": "a", "user_id": "u-2", "role": "admin"}
        created = await client.post("/v1/threads", json=body)
        path = created.headers["location"]
        assert (await client.get(path)).status_code == 200
    async with world.client("u-2") as client:
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", None]
)
async def test_h10_a_body_must_say_that_it_is_json(world: World, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    async with world.client("u-1") as client:
        for path in ("/v1/threads", "/v1/sessions/revoke"):
            refused = await client.post(path, content=b"{}", headers=headers)
            assert is_problem(refused, 415, "unsupported_media_type")
        headers = {"content-type": "Application/JSON; charset=utf-8"}
        created = await client.post("/v1/threads", content=b"{}", headers=headers)
    assert created.status_code == 201


@pytest.mark.parametrize("encoding", ["gzip", "gzip,gzip,gzip", "br"])
async def test_h11_a_body_must_not_be_encoded(world: World, encoding: str) -> None:
    async with world.client("u-1") as client:
        headers = {"content-encoding": encoding}
        refused = await client.post("/v1/threads", json={}, headers=headers)
    assert is_problem(refused, 415, "content_encoding_not_supported")


async def test_h8_a_body_is_bounded_while_it_comes(tmp_path: Path) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 1_024

    small: dict[str, Any] = {"body_max_bytes": 4_096, "message_max_bytes": 4_096}
    small["message_before_authentication_max_bytes"] = 4_096
    async with running(tmp_path, **small) as world, world.client("u-1") as client:
        headers = {"content-type": "application/json"}
        refused = await client.post("/v1/threads", content=b" " * 4_097, headers=headers)
        assert is_problem(refused, 413, "body_too_large")
        refused = await client.post("/v1/threads", content=endless(), headers=headers)
        assert is_problem(refused, 413, "body_too_large")
        assert refused.headers["connection"] == "close"
    assert taken <= 6


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/threads", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/v1/sessions/revoke", {"POST", "OPTIONS"}),
        ("/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_h12_a_wrong_method_hears_of_the_right_ones(
    world: World, path: str, allow: set[str]
) -> None:
    async with world.client("u-1") as client:
        for method in {"PUT", "DELETE", "BREW"} - allow:
            refused = await client.request(method, path)
            assert is_problem(refused, 405, "method_not_allowed")
            assert set(refused.headers["allow"].split(", ")) == allow


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/v1", "//v1/threads", "/v1/threads/%2e%2e/x", "/x%00", "/%ff", "/v1/threads/"],
)
async def test_h13_unknown_paths_are_one_problem(world: World, path: str) -> None:
    transport = httpx2.ASGITransport(app=world.app)
    async with httpx2.AsyncClient(transport=transport) as client:
        answers = [
            await client.request(
                method, httpx2.URL("http://127.0.0.1" + path), headers=bearer("u-1")
            )
            for method in ("GET", "POST", "OPTIONS")
        ]
    for answer in answers:
        assert is_problem(answer, 404, "not_found")


@pytest.mark.parametrize(
    "query",
    [
        "limit=1&limit=2",
        "cursor=1",
        "limit=1&x=",
        "x",
        "before=%ff",
        "&".join("abcdefghijklmnopqrs"),
    ],
)
async def test_h14_queries_are_strict(world: World, query: str) -> None:
    async with world.client("u-1") as client:
        assert is_problem(await client.get(f"/v1/threads?{query}"), 400, "bad_query")


async def test_h15_accept_is_not_asked(world: World) -> None:
    async with world.client("u-1") as client:
        answer = await client.get("/v1/threads", headers={"accept": "image/png"})
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/v1/threads", "/healthz", "/nothing"])
@pytest.mark.parametrize("name", ["token", "access_token", "JWT"])
async def test_w8_a_token_in_the_url_is_refused_everywhere(
    world: World, path: str, name: str
) -> None:
    async with world.client("u-1") as client:
        refused = await client.get(path, params={name: "canary"})
    assert is_problem(refused, 400, "token_in_url")
    assert "canary" not in refused.text


@pytest.mark.parametrize(
    ("host", "status", "code"),
    [
        ("evil.example", 421, "host_not_allowed"),
        ("a/../admin?x=", 400, "bad_host"),
        ("a b", 400, "bad_host"),
        ("u@127.0.0.1", 400, "bad_host"),
    ],
)
async def test_h3_h4_only_our_hosts_are_served(
    world: World, host: str, status: int, code: str
) -> None:
    async with world.client("u-1") as client:
        for path in ("/v1/threads", "/healthz", "/nothing", "/", "/docs", "/assets/app.js"):
            refused = await client.get(path, headers={"host": host})
            assert is_problem(refused, status, code)


async def test_w6_pages_of_other_origins_are_refused_and_learn_nothing(world: World) -> None:
    async with world.client("u-1") as client:
        for origin in ("https://evil.example", "null", "https://app.example.evil.com"):
            refused = await client.get("/v1/threads", headers={"origin": origin})
            assert is_problem(refused, 403, "origin_not_allowed")
            assert "access-control-allow-origin" not in refused.headers
        for origin in ("https://app.example", "http://127.0.0.1"):
            answer = await client.get("/v1/threads", headers={"origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin
            assert "origin" in answer.headers["vary"]
        unknown = await client.get("/nothing", headers={"origin": "https://app.example"})
        assert unknown.headers["access-control-allow-origin"] == "https://app.example"


async def test_h19_a_preflight_is_answered_for_listed_origins_only(world: World) -> None:
    asked = {"access-control-request-method": "PATCH"}
    path = f"/v1/threads/{fresh_id('thread')}"
    async with world.client() as client:
        good = await client.options(path, headers={"origin": "https://app.example", **asked})
        assert good.status_code == 204
        assert "PATCH" in good.headers["access-control-allow-methods"]
        assert "authorization" in good.headers["access-control-allow-headers"]
        bad = await client.options(path, headers={"origin": "https://evil.example", **asked})
    assert bad.status_code == 403
    assert not [name for name in bad.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "not_authenticated"),
        ("Bearer", 401, "token_invalid"),
        ("Bearer a b", 401, "token_invalid"),
        ("Basic dTpw", 401, "not_authenticated"),
        ("Bearer x", 401, "token_invalid"),
        ("Bearer " + "x" * 9_216, 401, "token_too_large"),
    ],
)
async def test_a17_a_credential_is_bearer_and_one_token(
    world: World, authorization: str | None, status: int, code: str
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    async with world.client() as client:
        for path in ("/v1/threads", f"/v1/runs/{fresh_id('run')}", "/v1/events"):
            refused = await client.get(path, headers=headers)
            assert is_problem(refused, status, code)
            assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a17_the_scheme_is_known_in_any_case_and_comes_once(world: World) -> None:
    async with world.client() as client:
        headers = [("authorization", f"bEARER {token('u-1')}")]
        assert (await client.get("/v1/threads", headers=headers)).status_code == 200
        refused = await client.get("/v1/threads", headers=headers * 2)
        assert is_problem(refused, 400, "bad_request")


async def test_a9_an_expired_token_is_refused(world: World) -> None:
    old = mint(SECRET, "u-1", now=time.time() - 1_000, lifetime_s=500)
    async with world.client() as client:
        headers = {"authorization": f"Bearer {old}"}
        assert is_problem(await client.get("/v1/threads", headers=headers), 401, "token_expired")


async def test_a27_strangers_are_bounded_by_address_and_users_are_not(tmp_path: Path) -> None:
    async with running(tmp_path, clock=ManualClock(), unauthenticated_per_address=3) as world:
        good: dict[str, Any] = {"now": world.node.clock.now() - 1}
        async with world.client() as client:
            for number in range(3):
                headers = {"authorization": f"Bearer wrong{number}"}
                assert (await client.get("/v1/threads", headers=headers)).status_code == 401
            limited = await client.get("/v1/threads", headers={"authorization": "Bearer wrong"})
            assert is_problem(limited, 429, "rate_limited")
            assert is_problem(await client.get("/v1/threads"), 429, "rate_limited")
            assert int(limited.headers["retry-after"]) >= 1
        async with world.client("u-1", **good) as client:
            assert (await client.get("/v1/threads")).status_code == 200
        async with world.client(address="203.0.113.8") as client:
            assert (await client.get("/v1/threads")).status_code == 401


async def test_a_user_has_a_rate_and_hurts_nobody_else(tmp_path: Path) -> None:
    clock = ManualClock()
    async with running(tmp_path, clock=clock, requests_per_s=1.0, requests_burst=2) as world:
        good: dict[str, Any] = {"now": clock.now() - 1}
        async with world.client("u-1", **good) as client:
            statuses = [(await client.get("/v1/threads")).status_code for _ in range(3)]
            assert statuses == [200, 200, 429]
        async with world.client("u-2", **good) as other:
            assert (await other.get("/v1/threads")).status_code == 200


async def test_an_error_of_ours_is_one_problem_and_one_log_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(call: Call) -> Resource:
        raise ZeroDivisionError("canary")

    app = Resource(HttpEntrance(world.node), {"GET": ForAnyone(broken)})
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        with caplog.at_level(logging.ERROR, logger="threadcast.http"):
            refused = await client.get("/")
    assert is_problem(refused, 500, "internal")
    assert "canary" not in refused.text
    assert len(caplog.records) == 1
    assert refused.headers["x-request-id"] in caplog.text


async def test_a_client_that_leaves_during_its_body_gets_no_answer(world: World) -> None:
    sent: list[Message] = []
    messages: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = {**bearer("u-1"), "content-type": "application/json"}
    await world.app(_post_scope("/v1/threads", headers), receive, send)
    assert (sent, messages) == ([], [])


async def test_h8_a_body_that_does_not_come_is_given_up() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    request = Request(_post_scope("/v1/threads", {}), receive)
    with pytest.raises(ThreadcastError, match="request_timeout"):
        await read_body(request, 1_024, slow_after_s=0.01)


async def test_h8_only_the_time_of_waiting_for_a_body_counts() -> None:
    pieces: list[Message] = [{"type": "http.request", "body": b"x", "more_body": True}] * 3

    async def receive() -> Message:
        if not pieces:
            await asyncio.Event().wait()
        return pieces.pop()

    request = Request(_post_scope("/v1/ingest", {}), receive)
    came = []

    async def read_at_leisure() -> None:
        async for piece in body_pieces(request, slow_after_s=0.02):
            came.append(piece)
            until = time.monotonic() + 0.03
            while time.monotonic() < until:
                pass  # the reader's own time

    with pytest.raises(ThreadcastError, match="request_timeout"):
        await read_at_leisure()
    assert came == [b"x"] * 3


def _post_scope(path: str, headers: dict[str, str]) -> Scope:
    pairs = {"host": "127.0.0.1", **headers}.items()
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in pairs],
        "client": ("203.0.113.7", 50_000),
        "server": ("127.0.0.1", 80),
    }
