"""Runs the `threadcast` program as a process of its own: with pipes, or in a terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from patience import WAIT_S

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
_CHANGING = ("THREADCAST_", "COLUMNS", "LINES")
COMMAND = (sys.executable, "-m", "threadcast.cli")


def environment(**variables: str) -> dict[str, str]:
    """Ours, without what would change the program (some test runners set the width)."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(_CHANGING)}
    return kept | {"PYTHONPATH": SOURCE, "PYTHONUTF8": "1"} | variables


async def run(
    *arguments: str, stdin: str = "", env: dict[str, str] | None = None, cwd: Path | None = None
) -> tuple[int, str, str]:
    """Run it with pipes to its end: exit status, output, errors."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=env or environment(),
        cwd=cwd,
    )
    try:
        async with asyncio.timeout(WAIT_S):
            out, errors = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(), errors.decode()


class Terminal:
    """The program in a pseudo-terminal: what it shows, and what is typed."""

    def __init__(self, process: asyncio.subprocess.Process, controller: int) -> None:
        self.process = process
        self.shown = ""
        self._controller = controller
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(controller, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._controller, 65_536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._controller)
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        self._changed.set()

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._controller, text.encode())

    async def until(self, text: str) -> None:
        """Wait until this is shown."""
        try:
            async with asyncio.timeout(WAIT_S):
                while text not in self.shown:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"expected {text!r}, the terminal shows {self.shown!r}") from None

    async def ended(self) -> int:
        """Wait for the end: the exit status."""
        async with asyncio.timeout(WAIT_S):
            return await self.process.wait()

    def settings(self) -> list[object]:
        """How the terminal is set up."""
        return termios.tcgetattr(self._controller)


@asynccontextmanager
async def in_terminal(
    *arguments: str, columns: int = 80, env: dict[str, str] | None = None
) -> AsyncIterator[Terminal]:
    """Start it in a terminal of its own, as its session's leader, so that Ctrl-C reaches it."""
    controller, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "os.execv(sys.argv[1], sys.argv[1:])",
        *COMMAND,
        *arguments,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=env or environment(TERM="xterm"),
        start_new_session=True,
    )
    os.close(inside)
    terminal = Terminal(process, controller)
    try:
        yield terminal
    finally:
        asyncio.get_running_loop().remove_reader(controller)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(controller)
