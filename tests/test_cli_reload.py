"""SIGHUP to a real server: the file is read again, what is live is taken, errors change nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import httpx2
import pytest

from patience import WAIT_S
from server_process import SECRET, ServerProcess, serving, token


class Reloadable:
    """A server process with a settings file, and its log."""

    def __init__(self, server: ServerProcess, file: Path) -> None:
        self.server = server
        self._file = file

    def write(self, text: str) -> None:
        """Change the file."""
        self._file.write_text(text)

    def hang_up(self) -> None:
        """Ask for the file to be read."""
        os.kill(self.server.pid, signal.SIGHUP)

    async def logged(self, text: str, *, times: int = 1) -> str:
        """Wait until the log has a line with this text, so often; the last of them."""
        async with asyncio.timeout(WAIT_S):
            while True:
                lines = [one for one in self.server.log.read_text().splitlines() if text in one]
                if len(lines) >= times:
                    return lines[-1]
                await asyncio.sleep(0.01)  # a file cannot be awaited

    async def status(self, path: str, **headers: str) -> int:
        """The status of one request of a user."""
        own = {"authorization": f"Bearer {token('u-1')}", **headers}
        async with httpx2.AsyncClient(base_url=self.server.url) as client:
            return (await client.get(path, headers=own)).status_code


async def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "threadcast.toml"
    file.write_text("id_validation = 'warn'\n")
    server = ServerProcess(tmp_path, agents="promise_agents:quick")
    server.stands_in = tmp_path  # where it finds the file without being told
    try:
        await server.start()
        one = Reloadable(server, file)
        assert await one.status("/v1/threads/x") == 404

        file.unlink()
        one.hang_up()
        line = await one.logged("the settings stay as they are")
        assert "threadcast.toml: no such file or directory" in line
        assert await one.status("/v1/threads/x") == 404
    finally:
        await server.close()


async def test_a_live_server_takes_what_it_can_and_names_what_waits(tmp_path: Path) -> None:
    file = tmp_path / "threadcast.toml"
    file.write_text("id_validation = 'enforce'\n")
    async with serving(
        tmp_path, agents="promise_agents:quick", CONFIG=str(file), MAX_RUNS="50"
    ) as server:
        one = Reloadable(server, file)
        assert await one.status("/v1/threads/x") == 400

        one.write("id_validation = 'warn'\nport = 1\nmax_runs = 7\nlog_level = 'debug'\n")
        one.hang_up()
        line = await one.logged("settings were read again")
        assert line.endswith("changed: log_level, id_validation")
        assert "need a restart" not in server.log.read_text(), "options and variables go before"
        await one.logged("id_validation: warn, unusable ids are not refused")
        assert await one.status("/v1/threads/x") == 404

        one.write("id_validation = 'off'\nbatch_max_events = 5\n")
        one.hang_up()
        assert (await one.logged("need a restart")).endswith("batch_max_events")
        assert await one.status("/v1/threads/x") == 404

        one.write("id_validation = 'enforce'\nlog_format = 'json'\n")
        one.hang_up()
        line = await one.logged("changed: log_format, id_validation")
        assert json.loads(line)["level"] == "info"
        assert await one.status("/v1/threads/x") == 400
        assert await server.terminate() == 0


@pytest.mark.parametrize(
    "text",
    [
        "id_validation = 'warm'",
        "id_valdation = 'warn'",
        "not toml at all",
        "max_runs_per_user = 0",
        f"jwt_secret = '{SECRET[:20]}'",
    ],
)
async def test_a_file_that_cannot_be_used_changes_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "threadcast.toml"
    file.write_text("requests_burst = 1000\n")
    async with serving(tmp_path, agents="promise_agents:quick", CONFIG=str(file)) as server:
        one = Reloadable(server, file)
        one.write(f"log_level = 'error'\n{text}\n")
        one.hang_up()
        line = await one.logged("the settings stay as they are: ")
        assert str(file.name) in line
        assert SECRET[:20] not in line
        assert "Traceback" not in server.log.read_text()
        assert await one.status("/v1/threads/x") == 400
        one.write("id_validation = 'warn'\n")
        one.hang_up()
        await one.logged("settings were read again")
        assert await one.status("/v1/threads/x") == 404


async def test_a_missing_file_and_a_storm_of_signals(tmp_path: Path) -> None:
    file = tmp_path / "threadcast.toml"
    file.write_text("")
    async with serving(tmp_path, agents="promise_agents:quick", CONFIG=str(file)) as server:
        one = Reloadable(server, file)
        file.unlink()
        for _ in range(200):
            one.hang_up()
        await one.logged("the settings stay as they are: ")
        file.write_text("id_validation = 'warn'\n")
        one.hang_up()
        await one.logged("changed: id_validation")
        assert await one.status("/v1/threads/x") == 404
        assert await server.terminate() == 0


async def test_a_signal_to_a_server_that_just_starts_does_not_end_it(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, agents="promise_agents:quick")
    try:
        await server.begin()
        async with asyncio.timeout(WAIT_S):
            while not server.database.exists():  # noqa: ASYNC110 - a file cannot be awaited
                await asyncio.sleep(0.001)
        for _ in range(20):
            os.kill(server.pid, signal.SIGHUP)
        await server.listening()
        assert await server.terminate() == 0
    finally:
        await server.close()
