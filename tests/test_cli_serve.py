"""`threadcast serve` starts under every setting that its own check at start has to get past."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from server_process import ServerProcess


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({"ALLOWED_HOSTS": "chat.example.com"}, "chat.example.com"),
        ({"ALLOWED_HOSTS": "chat.example.com:8443"}, "chat.example.com:8443"),
        ({"REQUIRE_ORIGIN": "true"}, "localhost"),
        ({"HOST": "0.0.0.0"}, "anything.example.com"),
    ],
    ids=["host", "host-with-port", "origin", "every-address"],
)
async def test_it_starts_and_answers(tmp_path: Path, settings: dict[str, str], host: str) -> None:
    server = ServerProcess(tmp_path, agents="promise_agents:quick", **settings)
    try:
        await server.start()
        async with httpx2.AsyncClient() as client:
            answer = await client.get(f"{server.url}/readyz", headers={"host": host})
        assert answer.status_code == 200
        assert await server.terminate() == 0
    finally:
        await server.close()


async def test_a_trusted_proxy_says_who_the_client_is(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, agents="promise_agents:quick", TRUSTED_PROXIES="127.0.0.1")
    try:
        await server.start()
        async with httpx2.AsyncClient() as client:
            near = await client.get(f"{server.url}/metrics")
            far = await client.get(
                f"{server.url}/metrics", headers={"x-forwarded-for": "203.0.113.9"}
            )
        assert (near.status_code, far.status_code) == (200, 401)
    finally:
        await server.close()
