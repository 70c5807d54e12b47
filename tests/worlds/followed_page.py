"""Follows a guide as its reader does: saves files, runs commands, compares outputs.

One shell runs the page's `sh` blocks in order. A block whose first line is a comment with a path is
saved there. A `text` block after commands is their expected output; `...` in it matches anything.
Nothing here may be specific to a page.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from doc_pages import Block, all_blocks
from program import environment

BLOCK_MAX_S = 60.0

_SAVED_AS = re.compile(r"# ([\w./-]+\.\w+)\n")
_ANY = "..."
_TYPED = "-- typed --"
# What differs each time: ids, masked users, durations, and the column widths that follow.
_CHANGING = (
    (re.compile(r"\b([a-z_]+?)_\d{13}_\d+_[0-9a-f]{8}\b"), r"\1_<id>"),
    (re.compile(r"\b(session|websocket_factory)_\d{13}\b"), r"\1_<id>"),
    (re.compile(r"#[0-9a-f]{8}(_[0-9a-f]{8})?"), "#<mask>"),
    (re.compile(r"\+\d+\.\d+ ms"), "<time>"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True, slots=True)
class Saved:
    """A file that the reader saves.

    Attributes:
        path: relative to the reader's working directory.
        content: the whole file.
    """

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Typed:
    """Commands that the reader types.

    Attributes:
        block: the commands and their place on the page.
        shown: their output on the page, or None.
    """

    block: Block
    shown: str | None


def steps(page: Path) -> Iterator[Saved | Typed]:
    """The steps of the page in order."""
    found = list(all_blocks(page))
    for block, after in zip(found, [*found[1:], None], strict=True):
        if block.language == "sh":
            shows = after is not None and after.language == "text"
            yield Typed(block, after.code if after is not None and shows else None)
        elif named := _SAVED_AS.match(block.code):
            yield Saved(named[1], block.code)


def is_as_shown(shown: str, printed: str) -> bool:
    """Whether an output matches the page's, except for what differs each time."""
    pattern = ""
    for line in _plain(shown):
        if line == _ANY:
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split(_ANY)) + r"\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _plain(printed))) is not None


def _plain(text: str) -> list[str]:
    for changing, instead in _CHANGING:
        text = changing.sub(instead, text)
    return [line.rstrip() for line in text.strip().splitlines()]


class Shell:
    """A reader's shell; leaving `async with` also ends what was started in it.

    Args:
        start: its first working directory.
        home: the reader's home directory.
        ports: the page's ports with the free ones used instead.
    """

    def __init__(self, start: Path, home: Path, ports: dict[str, int]) -> None:
        self._start = start
        self._home = home
        self._ports = ports
        self._script = home / ".typed.sh"

    async def __aenter__(self) -> Self:
        """Open it."""
        kept = environment(HOME=str(self._home))
        variables = {name: text for name, text in kept.items() if not name.startswith("PYTEST_")}
        variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{variables['PATH']}"
        self._process = await asyncio.create_subprocess_exec(
            "bash",
            cwd=self._start,
            env=variables,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it and the servers that run in it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def run(self, commands: str) -> tuple[int, str]:
        """Run commands; the last exit status and the output."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._script.write_text(self.with_free_ports(commands), encoding="utf-8")
        type_it = f'. {self._script} < /dev/null; typed=$?; echo; echo "{_TYPED} $typed"\n'
        self._process.stdin.write(type_it.encode())
        said: list[str] = []
        async with asyncio.timeout(BLOCK_MAX_S):
            while not (said and said[-1].startswith(_TYPED)):
                line = await self._process.stdout.readline()
                assert line, f"the shell has ended: {said}"
                said.append(line.decode())
        return int(said.pop().removeprefix(_TYPED)), self.with_ports_of_page("".join(said))

    def with_ports_of_page(self, text: str) -> str:
        """An output with the page's ports."""
        for told, free in self._ports.items():
            text = re.sub(rf"\b{free}\b", told, text)
        return text

    def with_free_ports(self, text: str) -> str:
        """A text of the page with the free ports."""
        for told, free in self._ports.items():
            text = re.sub(rf"\b{told}\b", str(free), text)
        return text
