"""`threadcast serve` as a process: what stops its start, in one line, and what it never shows."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx2
import pytest

from live_server import Talk
from program import environment, run
from server_process import SECRET, ServerProcess, serving, token

AGENT = "promise_agents:quick"
CONFIGURATION, IN_USE = 78, 73


async def serve(database: object, *arguments: str, **variables: str) -> tuple[int, str]:
    """Try to start a server: its exit status and what it said on standard error."""
    env = environment(THREADCAST_JWT_SECRET=SECRET, **variables)
    status, out, errors = await run(
        "serve", "--port", "0", "--database", f"sqlite:///{database}", *arguments, env=env
    )
    assert "listening" not in out
    return status, errors


def one_line(errors: str) -> str:
    """The last line; there is no stack trace and no secret above it."""
    assert "Traceback" not in errors
    assert SECRET not in errors
    assert errors.count("\n") == 1, errors
    return errors.strip()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_d1_a_folder_that_is_not_there(tmp_path: Path) -> None:
    status, errors = await serve(tmp_path / "nowhere" / "a.db")
    assert status == CONFIGURATION
    assert "cannot open" in one_line(errors)
    assert not (tmp_path / "nowhere").exists()


async def test_d1_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    status, errors = await serve(tmp_path)
    assert status == CONFIGURATION
    assert "is a directory" in one_line(errors)


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"x" * 99]
)
async def test_d2_what_is_not_a_database_is_left_as_it_is(database: Path, content: bytes) -> None:
    await asyncio.to_thread(database.write_bytes, content)
    status, errors = await serve(database)
    assert status == CONFIGURATION
    assert str(database) in one_line(errors)
    assert await asyncio.to_thread(database.read_bytes) == content


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[ServerProcess]:
    async with serving(folder, agents=AGENT) as running:
        yield running


async def test_d3_d4_a_database_has_one_server(tmp_path: Path) -> None:
    """No other command of ours opens a database for writing, so this is the whole of it."""
    async with server(tmp_path) as first:
        status, errors = await serve(first.database)
        assert status == IN_USE
        line = one_line(errors)
        assert f"pid {first.pid}" in line
        assert "since" in line
        async with httpx2.AsyncClient(base_url=first.url) as http:
            assert (await http.get("/readyz")).json()["status"] == "ready"


async def test_d5_a_database_of_a_later_program(tmp_path: Path) -> None:
    async with server(tmp_path) as first:
        assert await first.terminate() == 0
    with closing(sqlite3.connect(first.database)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {version + 1}")
    status, errors = await serve(first.database)
    assert status == CONFIGURATION
    assert f"version {version + 1}" in one_line(errors)


async def test_c8_a_port_that_is_in_use(database: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, errors = await serve(database, "--port", str(taken.getsockname()[1]))
    assert status == IN_USE
    assert "in use" in one_line(errors)


async def test_c1_an_unknown_key_names_the_near_one(tmp_path: Path, database: Path) -> None:
    (tmp_path / "threadcast.toml").write_text("ws_max_szie = 5\nmax_conections = 7\n")
    status, errors = await serve(database, "--config", str(tmp_path / "threadcast.toml"))
    assert status == CONFIGURATION
    assert "threadcast.toml:1" in one_line(errors)


async def test_c7_strangers_meet_no_server_without_a_credential(database: Path) -> None:
    status, out, errors = await run(
        "serve", "--host", "0.0.0.0", "--port", "0", "--database", f"sqlite:///{database}"
    )
    assert (status, out) == (CONFIGURATION, "")
    assert "host" in one_line(errors)


async def test_c3_a_short_secret_is_not_shown(database: Path) -> None:
    secret = "hunter2hunter2"
    status, _, errors = await run(
        "serve", "--database", f"sqlite:///{database}",
        env=environment(THREADCAST_JWT_SECRET=secret),
    )  # fmt: skip
    assert status == CONFIGURATION
    assert "32" in one_line(errors)
    assert secret not in errors


async def test_a_stop_that_is_asked_for_tells_clients_and_ends_well(tmp_path: Path) -> None:
    async with server(tmp_path) as running:
        headers = [("Authorization", f"Bearer {token('u-1')}")]
        async with await Talk.open_websocket(running.port, headers=headers) as talk:
            await talk.until("connection_ready")
            ending = asyncio.ensure_future(running.terminate())
            assert await talk.ending() == (1012, "shutting_down")
        assert await ending == 0
        log = running.log.read_text()
        assert "Traceback" not in log
        assert "eyJ" not in log
        assert SECRET not in log


async def test_the_log_of_a_process_shows_no_token_and_no_control_character(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, agents=AGENT, LOG_LEVEL="debug") as running:
        secret = token("u-1")
        async with await Talk.open(running.port) as talk:
            head = f"GET /v1/ws?token={secret}&x=%1b[2J HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            more = f"Authorization: Bearer {secret}\r\nUser-Agent: \x1b[31mred\r\n"
            wanted = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            await talk.send((head + more + wanted + key).encode())
            assert (await talk.read_response()).status == 400
        assert await running.terminate() == 0
        log = running.log.read_text()
        assert secret not in log
        assert "\x1b" not in log
