"""`threadcast serve`: it starts wherever it can, and where it cannot it leaves nothing behind."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from program import run
from server_process import ServerProcess, serving, token
from threadcast import Event, Threadcast, connect
from threadcast.agents import load_agent
from threadcast.cli import exits
from threadcast.cli.listening import holder_of, listen
from threadcast.cli.serve import edge_limits
from threadcast.client import Client
from threadcast.settings import Settings


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


# --- starts that are refused ----------------------------------------------------------------------


async def refused(database: Path, *more: str, port: int = 0) -> tuple[int, str]:
    """Exit status and the last line of a start in development mode, with nothing before it."""
    arguments = ["--dev", "--port", str(port), "--database", f"sqlite:///{database}", *more]
    status, out, errors = await run("serve", *arguments)
    assert out == ""
    assert errors.count("\n") == 1, errors
    return status, errors


@pytest.mark.parametrize("folder", ["nowhere", "file"])
async def test_d1_a_folder_that_cannot_be_used(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    database = tmp_path / folder / "a.db"
    status, line = await refused(database)
    assert status == exits.CONFIGURATION
    assert line.startswith(f"threadcast: cannot open {database}: the folder {database.parent}: ")
    assert "set database_url (--database)" in line
    assert os.listdir(tmp_path) == ["file"]


async def test_d1_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    status, line = await refused(tmp_path / "a.db")
    assert status == exits.CONFIGURATION
    assert "a.db: is a directory; set database_url" in line
    assert os.listdir(tmp_path) == ["a.db"]


async def test_d2_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("hello, this is a text file\n" * 50)
    status, line = await refused(tmp_path / "a.db")
    assert status == exits.CONFIGURATION
    assert "is not a SQLite database; nothing was changed" in line
    assert os.listdir(tmp_path) == ["a.db"]


async def test_d2_a_database_of_another_program(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a #?.db")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    (tmp_path / "a #?.db").rename(tmp_path / "a%41.db")
    status, line = await refused(tmp_path / "a%41.db")
    assert status == exits.CONFIGURATION
    assert "is a database of another program" in line
    assert os.listdir(tmp_path) == ["a%41.db"]


async def test_c8_a_port_in_use_is_named_with_its_holder(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, line = await refused(tmp_path / "a.db", port=port)
        by = f" by pid {os.getpid()}" if holder_of(port) else ""
    assert status == exits.CANNOT_CREATE
    assert line.startswith(f"threadcast: port {port} on 127.0.0.1 is in use{by}; ")
    assert os.listdir(tmp_path) == []


async def test_an_agent_that_is_not_there(tmp_path: Path) -> None:
    status, _ = await refused(tmp_path / "a.db", "--agent", "no_such_module:agent")
    assert status == exits.CONFIGURATION
    assert os.listdir(tmp_path) == []


async def test_a_second_server_of_one_file_does_not_speak_of_draining(tmp_path: Path) -> None:
    async with serving(tmp_path, agents="promise_agents:quick") as server:
        status, line = await refused(server.database)
    assert status == exits.CANNOT_CREATE
    assert f"is in use by pid {server.pid}" in line


# --- ends -----------------------------------------------------------------------------------------


async def test_what_a_drain_waits_for_is_said_when_it_begins(tmp_path: Path) -> None:
    async with serving(tmp_path, agents="promise_agents:asking", DRAIN_S="0.2") as server:
        async with connect(server.url, token("ann")) as client:
            sent = await client.send_message("how many?")
            await asked(client, sent.run_id)
            assert await server.terminate() == 0
        log = server.log.read_text()
    assert "takes no new work, and waits up to 0.2 s for 1 run to end" in log


async def asked(client: Client, run_id: str) -> None:
    """Wait until the run has asked its person."""
    async for item in client:
        if not isinstance(item, Event) or item.run_id != run_id:
            continue
        if item.event_type == "input_requested":
            return


def test_c8_an_address_that_is_not_ours() -> None:
    with pytest.raises(exits.CommandFailed, match=r"^host: 203\.0\.113\.1 is no address") as caught:
        listen("203.0.113.1", 0)
    assert caught.value.status == exits.CANNOT_CREATE


def test_a_free_port_has_no_holder() -> None:
    with closing(listen("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert holder_of(port) is None


def test_a_stop_takes_so_long_at_most(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'a.db'}", jwt_secret="s" * 32)
    node = Threadcast(settings, [load_agent("promise_agents:quick")]).node
    limits = edge_limits(settings, drain_max_s=node.drain_max_s)
    assert settings.drain_s < node.drain_max_s == limits.drain_max_s
    assert limits.drain_max_s + limits.shutdown_grace_s <= 12


# --- what a start says ----------------------------------------------------------------------------


async def test_it_warns_of_development_mode_once_and_logs_nothing_of_its_own_check(
    tmp_path: Path,
) -> None:
    server = ServerProcess(tmp_path, agents="promise_agents:quick", DEV="true")
    try:
        await server.start()
        assert await server.terminate() == 0
    finally:
        await server.close()
    said = server.log.read_text()
    assert len(re.findall("development", said, re.IGNORECASE)) == 1
    assert "1009" not in said
