"""HTTP requests to a whole server over TCP: what its log shows, and requests that come in parts."""

from __future__ import annotations

import asyncio

import pytest

from http_world import token
from live_server import LiveServer, Talk

pytestmark = pytest.mark.usefixtures("unharmed")

_LOG_CONTROLS = ("\x1b", "\u202e", "\r", "\x07")


ODD = [
    ("H9-path-escape", "/v1/threads/%1b%5b2J", ""),
    ("H9-path-line", "/v1/threads/%0d%0aSet-Cookie:%20x", ""),
    ("H9-path-bidi", "/v1/%e2%80%ae/threads", ""),
    ("H9-agent", "/v1/nothing", "User-Agent: \x1b]0;title\x07\r\n"),
    ("H9-header", "/v1/nothing", "X-Name: \x1b[2J\r\n"),
    ("H13-nul", "/v1/threads/%00", ""),
    ("H13-not-utf-8", "/v1/threads/%ff", ""),
    ("H13-double-slash", "//v1/threads", ""),
    ("H13-dots", "/v1/threads/%2e%2e/x", ""),
]


@pytest.mark.parametrize(("path", "more"), [row[1:] for row in ODD], ids=[row[0] for row in ODD])
async def test_odd_characters_are_answered_and_never_obeyed(
    live: LiveServer, caplog: pytest.LogCaptureFixture, path: str, more: str
) -> None:
    async with await Talk.open(live.port) as client:
        lines = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}"
        authorization = f"Authorization: Bearer {token('u-wire')}\r\n\r\n"
        await client.send((lines + authorization).encode("latin-1"))
        response = await client.read_response()
        assert response.status in (400, 404)
        assert "set-cookie" not in response.headers
        assert response.problem()["code"] in ("bad_request", "bad_id", "not_found")
    for record in caplog.records:
        assert not any(mark in record.getMessage() for mark in _LOG_CONTROLS)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_h12_what_writes_to_a_page_is_not_allowed(
    live: LiveServer, path: str, method: str
) -> None:
    async with live.http("u-wire") as client:
        refused = await client.request(method, path)
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert refused.headers["allow"] == "GET, HEAD"
    assert refused.headers["x-content-type-options"] == "nosniff"


async def test_h16_a_client_that_waits_for_a_word_gets_it(live: LiveServer) -> None:
    async with await Talk.open(live.port) as client:
        head = (
            "POST /v1/threads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token('u-wire')}\r\n"
            "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        await client.send(head.encode())
        assert (await client.read_response()).status == 100
        await client.send(b"{}")
        assert (await client.read_response()).status == 201


async def test_h8_who_sends_all_of_a_body_that_is_too_large_reads_why(live: LiveServer) -> None:
    body = b'{"content":"%b"}' % (b"x" * 16_000_000)  # more than the system's buffers hold
    async with await Talk.open(live.port) as client:
        head = (
            "POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token('u-wire')}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        await client.send(head.encode() + body)
        refused = await client.read_response()
        assert (refused.status, refused.problem()["code"]) == (413, "body_too_large")
        assert await client.read_end() == b""


async def test_h22_one_key_at_once_is_one_message(live: LiveServer) -> None:
    async with live.http("u-wire") as client:
        thread_id = (await client.post("/v1/threads", json={})).json()["thread_id"]
        path, headers = f"/v1/threads/{thread_id}/messages", {"idempotency-key": "once"}
        answers = await asyncio.gather(
            *(client.post(path, json={"content": "x"}, headers=headers) for _ in range(8))
        )
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["run_id"] for answer in answers}) == 1
        assert sorted(answer.json()["duplicate"] for answer in answers) == [False] + [True] * 7
        other = await client.post(path, json={"content": "y"}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
