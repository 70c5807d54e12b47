"""The public test server: it starts, serves, says why it cannot, and leaves nothing behind."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx2
import pytest

from threadcast import ConfigurationError, Event, connect
from threadcast.testing.server import LocalServer


async def answer(server: LocalServer, message: str) -> str:
    async with connect(server.url, server.auth.token("alice")) as client:
        sent = await client.send_message(message)
        async for item in client:
            done = isinstance(item, Event) and item.event_type == "agent_completed"
            if done and isinstance(item, Event) and item.run_id == sent.run_id:
                return str(item.data["content"])
    raise AssertionError("the client was closed")


async def test_the_demonstration_agent_answers_by_default() -> None:
    with LocalServer() as server:
        assert "**84**" in await answer(server, "what is 12 * 7?")


async def test_it_may_be_mounted_below_a_path() -> None:
    with LocalServer(prefix="/chat/") as server:
        assert server.url == f"http://127.0.0.1:{server.port}/chat"
        assert "**84**" in await answer(server, "what is 12 * 7?")


async def test_two_servers_share_nothing() -> None:
    with LocalServer() as one, LocalServer() as other:
        assert one.settings.jwt_secret != other.settings.jwt_secret
        token = one.auth.token("alice")
        url = f"{other.url}/v1/threads"
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx2.get(url, headers=headers, trust_env=False).status_code == 401


async def test_the_database_is_where_it_was_asked_for(tmp_path: Path) -> None:
    with LocalServer(folder=tmp_path) as server:
        await answer(server, "hello")
    assert (tmp_path / "events.db").exists()


def test_a_database_of_its_own_goes_with_it() -> None:
    with LocalServer() as server:
        database = Path(server.settings.database_url.removeprefix("sqlite:///"))
        assert database.exists()
    assert not database.parent.exists()


def test_what_it_cannot_start_with_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="lease_s"):
        LocalServer(lease_s=-1.0)
    missing = f"sqlite:///{tmp_path / 'missing' / 'events.db'}"
    with pytest.raises(ConfigurationError, match="missing"), LocalServer(database_url=missing):
        pass


async def test_its_parts_can_be_touched_in_its_thread() -> None:
    with LocalServer() as server:

        async def where() -> tuple[int, bool]:
            return threading.get_ident(), server.node.store.healthy

        thread, healthy = await server.on_loop(where)
    assert thread != threading.get_ident()
    assert healthy


def test_it_serves_once_and_says_so() -> None:
    server = LocalServer()
    with pytest.raises(RuntimeError, match="does not run"):
        server.url.strip()
    with server:
        pass
    with pytest.raises(RuntimeError, match="make another one"), server:
        pass
