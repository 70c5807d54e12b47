"""The interactive commands of `scripts/cluster`.

It knows only parts: processes with names that can be killed and restarted. `cluster_run` knows that
they are a database, a bus and nodes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_INPUT_MAX_BYTES = 4_096
_COMMANDS_WAITING_MAX = 100
_HELP = """\
list           what runs, where, how to kill it, and the ids that the console shows of nodes
kill NAME      end it at once, as kill -9 does (PostgreSQL: in immediate mode)
stop NAME      ask it to end in order, as a deployment does
pause NAME     take the processor away from it (SIGSTOP); resume NAME gives it back
start NAME     start it again, at the same address
quit           end everything, as Ctrl-C does"""


class Refused(Exception):
    """A command cannot be carried out; the message says why."""


@dataclass(frozen=True)
class Part:
    """A process that can be killed and restarted.

    Attributes:
        name: one word.
        address: its host and port or URL.
        pid: of its process, or of its last one.
        start: start it; raises `Refused` if it does not start.
        stop: end it in order.
        kill_signal: the signal that ends it at once.
        chat: whether its address serves the chat.
        node_id: its id in the operator's console and logs; "" if it is no node.
    """

    name: str
    address: Callable[[], str]
    pid: Callable[[], int]
    start: Callable[[], Awaitable[object]]
    stop: Callable[[], Awaitable[object]]
    kill_signal: signal.Signals = signal.SIGKILL
    chat: bool = False
    node_id: Callable[[], str] = str

    @property
    def kill_command(self) -> str:
        """The command that kills it from another terminal."""
        option = "9" if self.kill_signal is signal.SIGKILL else self.kill_signal.name[3:]
        return f"kill -{option} {self.pid()}"


class Terminal:
    """Lists parts, reports deaths, and starts, kills and pauses parts on request.

    Args:
        parts: all parts, running.
        front_url: URL of the front.
        exports: the shell's command for the settings of other programs.
        enough: set to end everything.
    """

    def __init__(
        self, parts: Iterable[Part], front_url: str, exports: str, enough: asyncio.Event
    ) -> None:
        self._parts = {part.name: part for part in parts}
        self._front_url = front_url
        self._exports = exports
        self._enough = enough
        self._alive: dict[str, int] = {}
        self._commands = asyncio.Queue[list[str]](_COMMANDS_WAITING_MAX)
        self._unread = b""

    async def run(self) -> None:
        """Serve until `enough` is set; then continue all paused parts."""
        for part in self._parts.values():
            self._watch(part)
        say(self._greeting())
        loop = asyncio.get_running_loop()
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)  # in the background: go on without input
        with suppress(OSError):  # no standard input, or one that is a file
            loop.add_reader(sys.stdin.fileno(), self._read)
        obeying = asyncio.create_task(self._obey_all())
        await self._enough.wait()
        loop.remove_reader(sys.stdin.fileno())
        obeying.cancel()
        await asyncio.gather(obeying, return_exceptions=True)
        for name in self._alive:
            signal_family(self._parts[name].pid(), signal.SIGCONT)

    # --- what is said -----------------------------------------------------------------------

    def _greeting(self) -> str:
        urls = [part.address() for part in self._parts.values() if part.chat]
        chats = "\n".join(f"  .venv/bin/threadcast chat --url {url} --user ann" for url in urls)
        return (
            f"\n{len(urls)} nodes serve; a front passes each connection to the next of them.\n\n"
            f"In browsers: open {self._front_url} in two windows and sign in to both as ann.\n"
            f"To choose their nodes, open these addresses instead: {', '.join(urls)}\n"
            "A window at a node's own address waits for that node; one at the front moves on.\n"
            f"The operator's console: {self._front_url}/console (sign in under any name)\n"
            f"In terminals, each at a node of its own:\n{chats}\n"
            "Each begins a thread; to follow one in both, give the second the --thread that the\n"
            "first names when it leaves, or that .venv/bin/threadcast tail shows.\n"
            f"For threadcast doctor, token, tail and others:\n  {self._exports}\n\n"
            f"What there is, and how to kill it:\n{self._list()}\n\n"
            "Kill what you like while you chat. What is gone is said here, and how to start it\n"
            "again. Type help for what else can be done; Ctrl-C ends everything."
        )

    def _list(self) -> str:
        rows = [f"  {'front':9} {self._front_url:24} stays"]
        rows += [
            f"  {part.name:9} {part.address():24} "
            + (part.kill_command if part.name in self._alive else f"gone; start {part.name}")
            + (f"  ({part.node_id()})" if part.name in self._alive and part.node_id() else "")
            for part in self._parts.values()
        ]
        return "\n".join(rows)

    # --- life and death ---------------------------------------------------------------------

    def _watch(self, part: Part) -> None:
        """Report the end of this process."""
        handle = os.pidfd_open(part.pid())
        self._alive[part.name] = part.pid()
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(handle)
            os.close(handle)
            pid = self._alive.pop(part.name)
            if not self._enough.is_set():
                say(f"{part.name} (process {pid}) is gone. To start it again: start {part.name}")

        loop.add_reader(handle, gone)

    # --- what a person asks for ---------------------------------------------------------------

    def _read(self) -> None:
        """Read typed commands; after the end of input, go on without them."""
        try:
            typed = os.read(sys.stdin.fileno(), _INPUT_MAX_BYTES)
        except OSError:
            typed = b""
        if not typed:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            return
        *lines, self._unread = (self._unread + typed).split(b"\n")
        self._unread = self._unread[-_INPUT_MAX_BYTES:]
        for line in lines:
            words = line.decode(errors="replace").split()
            if words and not self._commands.full():
                self._commands.put_nowait(words)

    async def _obey_all(self) -> None:
        while True:
            try:
                await self._obey(await self._commands.get())
            except Refused as problem:
                say(str(problem))

    async def _obey(self, words: list[str]) -> None:
        match words:
            case ["help"]:
                say(_HELP)
            case ["list"]:
                say(self._list())
            case ["quit" | "exit"]:
                self._enough.set()
            case ["start", name]:
                await self._start(self._part(name, alive=False))
            case ["stop", name]:
                await self._part(name, alive=True).stop()
            case ["kill", name]:
                part = self._part(name, alive=True)
                os.kill(part.pid(), part.kill_signal)
            case ["pause" | "resume" as verb, name]:
                number = signal.SIGSTOP if verb == "pause" else signal.SIGCONT
                signal_family(self._part(name, alive=True).pid(), number)
                say(f"{name} {'is paused' if verb == 'pause' else 'goes on'}")
            case _:
                raise Refused(f"expected one of these, got {' '.join(words)!r}:\n{_HELP}")

    async def _start(self, part: Part) -> None:
        await part.start()
        self._watch(part)
        say(f"{part.name} runs again; {part.kill_command} kills it")

    def _part(self, name: str, *, alive: bool) -> Part:
        if name not in self._parts:
            raise Refused(f"expected one of {', '.join(self._parts)}, got {name!r}")
        if alive is not (name in self._alive):
            raise Refused(f"{name} {'is gone' if alive else 'runs already'}")
        return self._parts[name]


def signal_family(pid: int, number: signal.Signals) -> None:
    """Signal a process first, so that it starts no others, and then its children.

    PostgreSQL's children, the backends, would go on without their parent.
    """
    os.kill(pid, number)
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
        with suppress(ProcessLookupError):
            os.kill(int(child), number)


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)
