"""A real PgBouncer in transaction mode: each transaction may get another database session.

It is a program of the system, not a wheel. PgBouncer refuses to be run by root, so where the tests
are run by root it is run by nobody.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from patience import WAIT_S
from postgres_server import PASSWORD, PostgresServer, free_port

_SCHEMAS_MAX = 400
SESSIONS = 3
# How PgBouncer would have to know of prepared statements in order to carry them over.
PREPARED_SINCE = (1, 21)


def pooler_program() -> str | None:
    """Where PgBouncer is, if it is installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def version_of(program: str) -> tuple[int, int]:
    """Which PgBouncer it is."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)", said)
    assert found is not None, said
    return int(found[1]), int(found[2])


class Pooler:
    """PgBouncer before a server; a client's database is the schema of that name.

    Args:
        program: what is run.
        server: runs.
    """

    def __init__(self, program: str, server: PostgresServer) -> None:
        self._program = program
        self._server = server
        self._user = "nobody" if os.geteuid() == 0 else None
        self.knows_prepared = version_of(program) >= PREPARED_SINCE
        self.folder = Path(tempfile.mkdtemp(prefix="threadcast-pooler-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when connections are taken."""
        (self.folder / "users").write_text(f'"threadcast" "{PASSWORD}"\n')
        (self.folder / "ini").write_text(self._configuration())
        if self._user is not None:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, pwd.getpwnam(self._user).pw_uid, -1)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, self.folder / "ini"],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
            )
        self._wait_until_ready(self._process)

    def _configuration(self) -> str:
        """A pool of few sessions for each schema, used in turn, so that transactions do move."""
        schemas = [
            f"test_{number} = host=127.0.0.1 port={self._server.port} dbname=postgres"
            f" connect_query='SET search_path TO test_{number}'"
            for number in range(1, _SCHEMAS_MAX)
        ]
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(self.folder / "users"),
            "pool_mode": "transaction",
            "default_pool_size": str(SESSIONS),
            "min_pool_size": str(SESSIONS),
            "server_round_robin": "1",
            "server_idle_timeout": "2",
        }
        if self.knows_prepared:
            settings["max_prepared_statements"] = "200"
        lines = [f"{name} = {value}" for name, value in settings.items()]
        return "\n".join(["[databases]", *schemas, "[pgbouncer]", *lines, ""])

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """PgBouncer says it nowhere; there is nothing to be awaited."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError((self.folder / "log").read_text()[-2_000:])

    def through(self, url: str) -> str:
        """The same schema, by way of the pooler."""
        schema = url.rpartition("search_path=")[2]
        account = url.partition("@127")[0]
        return f"{account}@127.0.0.1:{self.port}/{schema}"

    def close(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it holds nothing; a shutdown can wait for its clients
            process.wait(WAIT_S)
        shutil.rmtree(self.folder, ignore_errors=True)
