"""Runs `threadcast serve` as a process of its own, to be killed and started again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from patience import WAIT_S

_LISTENING = re.compile(rb"listening\. Open (http://127\.0\.0\.1:(\d+)/)")
_TESTS = Path(__file__).resolve().parent


class ServerProcess:
    """One server on one database file; it keeps its port when it is started again.

    Args:
        folder: where the database is; must exist.
        settings: `THREADCAST_...` variables; without `THREADCAST_DEV`, a name is enough to sign in.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        kept = {name: text for name, text in os.environ.items() if name[:11] != "THREADCAST_"}
        path = os.pathsep.join([str(_TESTS.parent / "src"), str(_TESTS)])
        self._environment = {**kept, "PYTHONPATH": path, **settings}
        self._options = () if "THREADCAST_DEV" in settings else ("--dev",)
        self._database = folder / "threadcast.db"
        self._log = folder / "log"
        self._process: asyncio.subprocess.Process | None = None
        self._port = 0
        self.url = ""

    async def start(self) -> None:
        """Start it and wait until it listens."""
        arguments = ("-m", "threadcast.cli", "serve", *self._options, "--port", str(self._port))
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                "--database",
                f"sqlite:///{self._database}",
                env=self._environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        async with asyncio.timeout(WAIT_S):
            found = await self._listening(self._process)
        self.url, self._port = found[1].decode(), int(found[2])

    async def kill(self) -> None:
        """End it at once, as a power cut of the process would."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(WAIT_S):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def _listening(self, process: asyncio.subprocess.Process) -> re.Match[bytes]:
        assert process.stdout is not None
        async for line in process.stdout:
            if found := _LISTENING.search(line):
                return found
        raise AssertionError(f"the server did not start: {self._log.read_text()}")


@asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[ServerProcess]:
    """A server that listens, and ends with the block."""
    server = ServerProcess(folder, settings)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
