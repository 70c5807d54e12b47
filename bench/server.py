"""Starts `threadcast serve` as a separate process on a core of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from threadcast.auth.dev_tokens import mint
from threadcast.clock import SystemClock

SECRET = "benchmark-secret-that-only-this-run-uses-0000"
_READY_MAX_S = 20.0
_STOP_MAX_S = 20.0


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: on loopback.
        pid: of its process.
        database: its file.
    """

    port: int
    pid: int
    database: Path

    def token(self, user: str, *, scopes: Iterable[str] = ()) -> str:
        """A token of this user, valid for an hour."""
        return mint(SECRET, user, now=SystemClock().now(), lifetime_s=3600.0, scopes=scopes)

    def resident_bytes(self) -> int:
        """The current resident set of the process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """The processor time used by the process."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_server(cpu: int | None, **settings: str) -> Iterator[Server]:
    """Start a server with further settings; it is always stopped.

    Args:
        cpu: the core to pin it to, or None.
        settings: values of THREADCAST_... variables, by lower-case name.
    """
    with tempfile.TemporaryDirectory(prefix="threadcast-bench-") as folder:
        database = Path(folder) / "bench.db"
        environment = {
            **os.environ,
            "THREADCAST_JWT_SECRET": SECRET,
            "THREADCAST_DATABASE_URL": f"sqlite:///{database}",
            "THREADCAST_PORT": "0",
            "THREADCAST_AGENTS": "bench.agents:stream",
            "THREADCAST_RUN_STARTS_PER_S": "1000",
            "PYTHONPATH": str(Path(__file__).parent.parent),
            **{f"THREADCAST_{key.upper()}": value for key, value in settings.items()},
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "threadcast.cli", "serve"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            if cpu is not None:
                os.sched_setaffinity(process.pid, {cpu})
            yield Server(_announced_port(process), process.pid, database)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_MAX_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _announced_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    deadline = time.monotonic() + _READY_MAX_S
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended with status {process.wait()}")
        if "http://" in line:
            return int(line.rsplit(":", 1)[1].strip().rstrip("/"))
    raise RuntimeError("the server did not get ready in time")
