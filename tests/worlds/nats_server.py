"""A real NATS server for tests, from the wheel that contains it.

One server per test process, on a free port of this machine, with a password; tests that need
another configuration (no password, small messages, TLS) start their own. A restart keeps the port.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

from patience import WAIT_S

USER = "threadcast"
PASSWORD = "a password with / and @"  # of a server for one test run


def program() -> Path:
    """The server's program, which the wheel installs beside this Python."""
    path = Path(sys.executable).with_name("nats-server")
    assert path.exists(), "scripts/test installs it (the extra `dev`)"
    return path


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class NatsServer:
    """One NATS server.

    Args:
        authenticate: whether it requires a user and a password.
        configuration: further lines of its configuration file.
        port: by default a free one.
        host: where it listens; 127.0.0.1 must reach it.

    Attributes:
        own_group: whether it has a process group of its own, so that a terminal's Ctrl-C does not
            reach it.
    """

    own_group = False

    def __init__(
        self,
        *,
        authenticate: bool = True,
        configuration: str = "",
        port: int | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.authenticate = authenticate
        self.host = host
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="threadcast-nats-"))
        self._configuration = configuration
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when connections are accepted."""
        self._write_configuration()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program(), "-c", self.folder / "nats.conf"],
                stdout=log,
                stderr=log,
                process_group=0 if self.own_group else None,
            )
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.01)  # it gives no other sign of readiness
        raise AssertionError((self.folder / "log").read_text()[-2_000:])

    def _write_configuration(self) -> None:
        lines = [f"listen: {self.host}:{self.port}"]
        if self.authenticate:
            lines.append(f'authorization: {{ user: "{USER}", password: "{PASSWORD}" }}')
        (self.folder / "nats.conf").write_text("\n".join([*lines, self._configuration, ""]))

    @property
    def pid(self) -> int:
        """Of the running process, for signals."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def stop(self, *, kill: bool = False) -> None:
        """Stop it, gracefully or at once; `start` restarts it on the same port."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            process.wait(WAIT_S)

    def close(self) -> None:
        """Stop it and remove its files."""
        self.stop(kill=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, *, port: int | None = None, password: str = PASSWORD) -> str:
        """The URL for a node; `port` is that of a proxy before this server."""
        sign_in = f"{USER}:{quote(password, safe='')}@" if self.authenticate else ""
        return f"nats://{sign_in}127.0.0.1:{port or self.port}"


if __name__ == "__main__":
    server = NatsServer()
    server.start()
    try:
        print(server.url(), flush=True)
        threading.Event().wait()
    finally:
        server.close()
