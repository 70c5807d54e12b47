"""A real `threadcast serve` in a process of its own, to be killed, stopped and started again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from patience import WAIT_S
from threadcast.auth.dev_tokens import mint

SECRET = "promise-tests-4c1d9a7be0f2486593d0"
LIMITLESS = {
    "COMMANDS_PER_S": "100000",
    "COMMANDS_BURST": "1000000",
    "REQUESTS_PER_S": "100000",
    "REQUESTS_BURST": "1000000",
    "RUN_STARTS_PER_S": "100000",
    "RUN_STARTS_BURST": "1000000",
    "MAX_RUNS_PER_USER": "100000",
    "MAX_EXECUTING_RUNS_PER_USER": "100000",
    "UNAUTHENTICATED_PER_ADDRESS": "100000",
}
_PUBLIC_KEYS = {"JWT_PUBLIC_KEY", "JWT_JWKS_URL"}
_WORLDS = Path(__file__).resolve().parent
_LISTENING = re.compile(rb"listening\. Open http://[\d.]+:(\d+)/")
_ENDED = re.compile(rb"^ended$")
_PID = re.compile(rb"^pid (\d+)$")


def token(user_id: str, *, scopes: Iterable[str] = ()) -> str:
    """A credential of this user, good for an hour."""
    return mint(SECRET, user_id, now=time.time() - 1, lifetime_s=3_600.0, scopes=scopes)


def alive(pid: int) -> bool:
    """Whether there is a process with this pid, one that has ended and is not waited for apart."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # the latter if it vanishes while it is read
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


class ServerProcess:
    """One server on one database file; it keeps its port when it is started again.

    Args:
        folder: where the database and the log are; must exist.
        agents: `module:name` of the agents, also in modules of `tests`; None: the demo agents.
        database_url: another database than the file in the folder.
        settings: further settings, as THREADCAST_... variables without that prefix. Tokens are
            verified by a public key or a key set if it has one, else by `SECRET`.

    Attributes:
        port: where it listens, once it has been started.
        pid: of the server's process.
        database: its file.
        stands_in: the folder that it is started in; None: this process's own.
        limitless: whether rates and numbers are bounded so high that no test meets the bounds.
        has_secret: whether tokens are verified by `SECRET` unless other keys are set.
        own_group: whether a Ctrl-C in the terminal is kept from it.
        start_max_s, stop_max_s: how long it may take to listen, and to end when asked, seconds.
    """

    limitless = True
    has_secret = True
    own_group = False
    start_max_s = WAIT_S
    stop_max_s = WAIT_S

    def __init__(
        self,
        folder: Path,
        *,
        agents: str | None = None,
        database_url: str | None = None,
        **settings: str,
    ) -> None:
        self.database = folder / "journal.db"
        self._database_url = database_url or f"sqlite:///{self.database}"
        self.port: int = 0
        self.pid = 0
        self.stands_in: Path | None = None
        self.log = folder / "log"
        kept = {name: text for name, text in os.environ.items() if name[:11] != "THREADCAST_"}
        paths = [str(_WORLDS.parents[1] / "src"), str(_WORLDS), str(_WORLDS.parent)]
        uses_secret = self.has_secret and not _PUBLIC_KEYS & settings.keys()
        shared = {"JWT_SECRET": SECRET} if uses_secret else {}
        bounds = LIMITLESS if self.limitless else {}
        named = {} if agents is None else {"AGENTS": agents}
        chosen = {**shared, **named, **bounds, **settings}
        self._environment = {
            **kept,
            "PYTHONPATH": os.pathsep.join(paths),
            **{f"THREADCAST_{name}": text for name, text in chosen.items()},
        }
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether its process has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        await self.begin()
        await self.listening()

    async def begin(self) -> None:
        """Start it without waiting."""
        self._process = await self._execute("-m", "threadcast.cli", *self._arguments())
        self.pid = self._process.pid

    async def listening(self) -> None:
        """Wait until it listens."""
        self.port = int((await self._line(_LISTENING))[1])

    async def kill(self) -> None:
        """End it at once: `kill -9`."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def terminate(self) -> int:
        """Ask it to end, and wait; the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(self.stop_max_s):
            return await self._process.wait()

    def pause(self) -> None:
        """Take the processor away from it: SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    async def close(self) -> None:
        """See to it that nothing is left of it."""
        if self.running:
            await self.kill()

    def resident_bytes(self) -> int:
        """The resident set of the process now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _arguments(self) -> list[str]:
        return ["serve", "--port", str(self.port), "--database", self._database_url]

    async def _execute(self, *arguments: str) -> asyncio.subprocess.Process:
        group: dict[str, Any] = {"process_group": 0} if self.own_group else {}  # not for uvloop
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                env=self._environment,
                cwd=self.stands_in,
                **group,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )

    async def _line(self, wanted: re.Pattern[bytes]) -> re.Match[bytes]:
        """The next line that matches."""
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(self.start_max_s):
            async for line in self._process.stdout:
                if found := wanted.search(line.rstrip()):
                    return found
                if _ENDED.search(line.rstrip()):
                    break
        raise AssertionError(f"the server ended; its log: {self.log.read_text()[-4_000:]}")


class QuickServer(ServerProcess):
    """The same, forked from a process that has its modules loaded; see `server_nursery`.

    It listens on another port each time.
    """

    async def prepare(self) -> None:
        """Load the modules."""
        self._process = await self._execute(str(_WORLDS / "server_nursery.py"), *self._arguments())

    async def begin(self) -> None:
        """Start it without waiting for it to listen."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self.pid = int((await self._line(_PID))[1])

    async def kill(self) -> None:
        """End it at once: `kill -9`."""
        os.kill(self.pid, signal.SIGKILL)
        await self._line(_ENDED)

    async def close(self) -> None:
        """See to it that nothing is left of it, nor of the process that forks it."""
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            with suppress(ConnectionError):
                await self._process.stdin.wait_closed()
            await self._process.wait()


@asynccontextmanager
async def serving(folder: Path, *, agents: str, **settings: Any) -> AsyncIterator[ServerProcess]:
    """A server that listens, and is gone after the block."""
    server = ServerProcess(folder, agents=agents, **settings)
    try:
        await server.start()
        yield server
    finally:
        await server.close()
