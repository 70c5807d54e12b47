"""A fork server: loads the server's modules once, then forks `threadcast serve` processes.

For tests that kill and restart a server hundreds of times: each server is a process of its own that
runs all of `threadcast serve`, except the half second of imports, done once. Each line on standard
input starts one, with this program's arguments. Standard output has `pid N` and `ended`, besides
the server's own lines. At the end of its input it kills remaining servers.
"""

from __future__ import annotations

import os
import select
import signal
import sys

from threadcast.cli import main
from threadcast.cli.serve import command


def _say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def _serve() -> None:
    """Run a server until this process ends."""
    _say(f"pid {os.getpid()}")
    os._exit(main(sys.argv[1:]))


def _watch(pid: int) -> bool:
    """Wait for the child's end or the end of input; whether to go on."""
    handle = os.pidfd_open(pid)
    try:
        ready, _, _ = select.select([handle, 0], [], [])
        if handle not in ready:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return handle in ready
    finally:
        os.close(handle)


def _run() -> None:
    assert command.name == "serve"
    while os.read(0, 1):
        pid = os.fork()
        if pid == 0:
            _serve()
        if not _watch(pid):
            return
        _say("ended")


if __name__ == "__main__":
    _run()
