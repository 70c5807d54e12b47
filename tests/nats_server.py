"""A real NATS server for tests, from the wheel that contains it.

One server per process of tests, on a free port of this machine, with a password; what a test wants
otherwise (no password, a small message, TLS) is a server of its own. A restart keeps the port.
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

USER = "threadcast"
PASSWORD = "a password with / and @"  # of a server that lives for one test run
_START_MAX_S = 30.0


def program() -> Path:
    """Where the wheel keeps the server: beside this Python."""
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
        authenticate: whether it asks for a user and a password.
        configuration: further lines of its configuration file.
        port: to listen on; by default a free one.
        host: where it listens; this machine can reach it at 127.0.0.1 in any case.

    Attributes:
        own_group: whether a Ctrl-C in the terminal is kept from it.
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
        """Return when connections are taken."""
        self._write_configuration()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program(), "-c", self.folder / "nats.conf"],
                stdout=log,
                stderr=log,
                process_group=0 if self.own_group else None,
            )
        deadline = time.monotonic() + _START_MAX_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.01)  # it says nothing to anybody before it listens
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
        """End it, in order or at once; `start` begins again on the same port."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            process.wait(_START_MAX_S)

    def close(self) -> None:
        """End it and remove its files."""
        self.stop(kill=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, *, port: int | None = None, password: str = PASSWORD) -> str:
        """The URL that a node is given; another port is that of a proxy before this server."""
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
