"""The upgrade judged by a whole server: origins, credentials in URLs, protocols, room."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from http_world import token
from live_server import LiveServer
from raw_client import request
from threadcast.agent import Agent, Run

pytestmark = pytest.mark.usefixtures("unharmed")

GOOD = "https://good.example"
TWIN = "https://xn--good-poa.example"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("live"), allowed_origins=(GOOD,)) as server:
        yield server


REFUSED = [
    ("W6-evil", [("Origin", "https://evil.example")], 403, "origin_not_allowed"),
    ("W6-null", [("Origin", "null")], 403, "origin_not_allowed"),
    ("W6-suffix", [("Origin", "https://good.example.evil.com")], 403, "origin_not_allowed"),
    ("W6-prefix", [("Origin", "https://evilgood.example")], 403, "origin_not_allowed"),
    ("W6-port", [("Origin", "https://good.example:444")], 403, "origin_not_allowed"),
    ("W6-scheme", [("Origin", "http://good.example")], 403, "origin_not_allowed"),
    ("W6-dot", [("Origin", "https://good.example.")], 403, "origin_not_allowed"),
    ("W6-twin", [("Origin", TWIN)], 403, "origin_not_allowed"),
    ("W6-not-ascii", [("Origin", "https://g\u00f6od.example")], 403, "origin_not_allowed"),
    ("W6-user", [("Origin", "https://good.example@evil.example")], 403, "origin_not_allowed"),
    ("W6-path", [("Origin", "https://good.example/")], 403, "origin_not_allowed"),
    ("W6-empty", [("Origin", "")], 403, "origin_not_allowed"),
    ("W6-two", [("Origin", GOOD), ("Origin", "https://evil.example")], 400, "bad_request"),
    ("W9-bearers", [("Sec-WebSocket-Protocol", "bearer.a, bearer.b")], 400, "bad_subprotocol"),
    ("W9-17", [("Sec-WebSocket-Protocol", ",".join("abcdefghijklmnopq"))], 400, "bad_subprotocol"),
    ("W9-spaces", [("Sec-WebSocket-Protocol", " ," * 3_000)], 400, "bad_subprotocol"),
    ("A17-two", [("Authorization", "Bearer a"), ("Authorization", "Bearer b")], 401, ""),
    ("A17-basic", [("Authorization", "Basic dXNlcjpwYXNz")], 401, ""),
    ("A17-parts", [("Authorization", "Bearer a b")], 401, ""),
    ("A17-empty", [("Authorization", "Bearer")], 401, ""),
    ("H4", [("Host", "evil.example")], 421, "host_not_allowed"),
]


@pytest.mark.parametrize(
    ("headers", "status", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_refused(
    live: LiveServer, headers: list[tuple[str, str]], status: int, code: str
) -> None:
    response, client = await live.upgrade(*headers)
    async with client:
        problem = response.problem()
        assert response.status == problem["status"]
        assert problem["status"] == status or (status == 401 and problem["status"] == 400)
        assert not code or problem["code"] == code
        assert {"type", "title", "status", "code", "detail", "retryable"} == set(problem) - {
            "request_id"
        }
        assert await client.read_end() == b""


ACCEPTED = [
    ("W6-listed", [("Origin", GOOD)], None),
    ("W6-mixed-case", [("Origin", "https://Good.EXAMPLE")], None),
    ("W6-default-port", [("Origin", "https://good.example:443")], None),
    ("W9-none-matches", [("Sec-WebSocket-Protocol", "chat, superchat")], None),
    ("W9-ours-last", [("Sec-WebSocket-Protocol", "chat, threadcast.v1")], "threadcast.v1"),
    (
        "W9-preference",
        [("Sec-WebSocket-Protocol", "threadcast.v1.lines, threadcast.v1")],
        "threadcast.v1.lines",
    ),
]


@pytest.mark.parametrize(
    ("headers", "protocol"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED]
)
async def test_accepted(
    live: LiveServer, headers: list[tuple[str, str]], protocol: str | None
) -> None:
    response, client = await live.upgrade(*headers)
    async with client:
        assert response.status == 101
        assert response.headers.get("sec-websocket-protocol") == protocol
        await client.ask("authenticate", token=token("u-wire"))
        await client.until("connection_ready")


@pytest.mark.parametrize("path", ["/", "/v1/threads", "/v1/ws/", "/nowhere"])
async def test_there_is_no_socket_at_another_path(live: LiveServer, path: str) -> None:
    response, client = await live.upgrade(("Origin", GOOD), path=path)
    async with client:
        assert (response.status, response.problem()["code"]) == (404, "not_found")
        assert await client.read_end() == b""


async def test_w6_a_page_of_this_server_may_connect(live: LiveServer) -> None:
    host = f"127.0.0.1:{live.port}"
    response, client = await live.upgrade(("Host", host), ("Origin", f"http://{host}"))
    async with client:
        assert response.status == 101
    response, client = await live.upgrade(("Host", host), ("Origin", f"https://{host}"))
    async with client:
        assert response.status == 403


async def test_w9_a_bearer_entry_is_a_credential_and_is_not_echoed(live: LiveServer) -> None:
    offer = f"bearer.{token('u-wire')}, threadcast.v1"
    response, client = await live.upgrade(("Sec-WebSocket-Protocol", offer))
    async with client:
        assert response.headers["sec-websocket-protocol"] == "threadcast.v1"
        assert (await client.until("connection_ready"))["user_id"] == "u-wire"


@pytest.mark.parametrize("key", ["token", "access_token", "TOKEN", "jwt", "t%6Fken"])
async def test_w8_a_token_in_the_url_is_refused_and_not_logged(
    live: LiveServer, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    secret = token("u-wire")
    response, client = await live.upgrade(path=f"/v1/ws?x=1&{key}={secret}")
    async with client:
        assert (response.status, response.problem()["code"]) == (400, "token_in_url")
    assert secret[:10] not in caplog.text


async def test_w7_an_origin_or_a_credential_is_required(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with LiveServer(tmp_path, require_origin=True) as strict:
        async with strict.unharmed(caplog):
            response, client = await strict.upgrade()
            async with client:
                assert (response.status, response.problem()["code"]) == (403, "origin_not_allowed")
            own = f"127.0.0.1:{strict.port}"
            response, client = await strict.upgrade(("Host", own), ("Origin", f"http://{own}"))
            async with client:
                assert response.status == 101
            offer = f"threadcast.v1, bearer.{token('u-wire')}"
            response, client = await strict.upgrade(("Sec-WebSocket-Protocol", offer))
            async with client:
                assert response.status == 101


async def hold(_run: Run) -> str:
    """An agent that never ends."""
    await asyncio.Event().wait()
    return ""


async def test_w14_a_draining_server_sends_everybody_away(tmp_path: Path) -> None:
    with LiveServer(tmp_path, agents=[Agent("hold", hold)], drain_s=10.0) as draining:
        async with draining.talk("u-1") as talk, await draining.raw() as stranger:
            sent = await talk.ask("send_message", content="x", client_message_id="m")
            await talk.until("agent_started")
            draining.stop()
            response, client = await draining.upgrade()
            while response.status == 101:
                await client.leave()
                response, client = await draining.upgrade()
            async with client:
                assert (response.status, response.problem()["code"]) == (503, "shutting_down")
                assert response.headers["retry-after"] == "2"
            await stranger.ask("authenticate", token=token("u-2"))
            assert await stranger.ending() == (1012, "shutting_down")
            refused = await talk.refused(await talk.say("create_thread"))
            assert (refused["code"], refused["retryable"]) == ("shutting_down", True)
            await talk.ask("cancel_run", run_id=sent["run_id"])
            assert await talk.ending() == (1012, "shutting_down")


async def test_w14_clients_that_have_not_signed_in_get_the_reason_of_a_shutdown(
    tmp_path: Path,
) -> None:
    with LiveServer(tmp_path) as going:
        async with await going.raw() as stranger, going.talk("u-1") as user:
            going.stop()
            assert await stranger.ending() == (1012, "shutting_down")
            assert await user.ending() == (1012, "shutting_down")


async def test_w15_a_full_node_spreads_those_that_it_sends_away(tmp_path: Path) -> None:
    with LiveServer(tmp_path, max_connections=1, allowed_origins=(GOOD,)) as full:
        async with full.talk("u-1") as first:
            waits = set()
            for _ in range(20):
                response, client = await full.upgrade(("Authorization", f"Bearer {token('u-2')}"))
                async with client:
                    problem = response.problem()
                    assert (response.status, problem["code"]) == (503, "overloaded")
                    assert problem["retryable"] is True
                    waits.add(problem["retry_after_ms"])
                    wait_s = int(response.headers["retry-after"])
                    assert wait_s * 1000 >= problem["retry_after_ms"] > 0
            assert len(waits) > 10
            response, page = await full.upgrade(
                ("Authorization", f"Bearer {token('u-2')}"), ("Origin", GOOD)
            )
            async with page:  # a browser shows nothing of a refused request
                assert response.status == 101
                closing = json.loads(await page.read_text())["data"]
                assert (closing["error"], closing["reconnect"]) == ("overloaded", True)
                assert closing["retry_after_ms"] > 0
                assert await page.read_close() == 1013
            await first.ask("ping")
        await full.settled(0)
        async with full.talk("u-2") as second:
            await second.ask("ping")


async def test_w16_strangers_of_one_address_are_bounded_and_users_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with LiveServer(tmp_path, unauthenticated_per_address=10) as strict:
        async with strict.unharmed(caplog):
            for number in range(11):
                response, client = await strict.upgrade()
                async with client:
                    assert response.status == (429 if number == 10 else 101)
            assert response.problem()["code"] == "rate_limited"
            assert 1 <= int(response.headers["retry-after"]) <= 10
            for _ in range(12):
                async with strict.talk("u-1") as talk:
                    await talk.ask("ping")


async def test_w13_a_client_that_leaves_at_any_time_is_forgotten(live: LiveServer) -> None:
    await live.settled(1)  # the bystander
    whole = request(headers=[("Authorization", f"Bearer {token('u-wire')}")])
    for size in (1, 20, len(whole) - 1, len(whole)):
        async with await live.raw() as other:
            await other.send(whole[:size])
            other.reset()
    await live.settled(1)
