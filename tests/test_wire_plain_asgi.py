"""The same rules behind a server that is not ours: Threadcast as a plain ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from http_world import token
from live_server import Talk, fresh_key
from plain_server import bearer_headers, plain
from raw_client import BINARY, frame, request


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    async with plain(tmp_path) as (found, _):
        yield found


async def test_a_message_is_answered(port: int) -> None:
    async with await Talk.open_websocket(port, headers=bearer_headers()) as talk:
        await talk.until("connection_ready")
        await talk.ask("attach")
        sent = await talk.ask("send_message", content="x", client_message_id=fresh_key())
        done = await talk.until_run("agent_completed", sent["run_id"])
        assert done["data"]["content"] == "heard x"


async def test_f16_binary_is_not_spoken(port: int) -> None:
    for more in (bearer_headers(), []):
        async with await Talk.open_websocket(port, headers=more) as talk:
            await talk.send(frame(BINARY, b"{}"))
            assert await talk.ending() == (1003, "binary_not_supported")


async def test_j17_nothing_is_done_before_authentication(port: int) -> None:
    async with await Talk.open_websocket(port) as talk:
        refused = await talk.refused(await talk.say("ping"))
        assert refused["code"] == "not_authenticated"
        assert await talk.ending() == (4401, "not_authenticated")


async def test_j18_a_connection_keeps_its_user(port: int) -> None:
    async with await Talk.open_websocket(port, headers=bearer_headers()) as talk:
        await talk.until("connection_ready")
        await talk.refused(await talk.say("authenticate", token=token("u-other")))
        assert await talk.ending() == (4403, "identity_change")


async def test_a25_a_credential_comes_in_time_or_not_at_all(tmp_path: Path) -> None:
    async with (
        plain(tmp_path, authentication_timeout_s=0.2) as (port, _),
        await Talk.open_websocket(port) as talk,
    ):
        assert await talk.ending() == (4408, "authentication_timeout")


async def test_w6_an_origin_that_is_not_ours(port: int) -> None:
    async with await Talk.open(port) as client:
        response = await client.upgrade(request(headers=[("Origin", "https://evil.example")]))
        assert (response.status, response.problem()["code"]) == (403, "origin_not_allowed")
