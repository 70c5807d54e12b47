"""The guide "Find and fix id drift in an existing system", followed word for word."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from socket import create_server

from doc_pages import ROOT
from followed_page import Saved, Shell, Typed, is_as_shown, steps
from patience import WAIT_S

PAGE = ROOT / "docs" / "guides" / "fixing-id-drift.md"
PORT = "8001"


async def test_following_the_guide_word_for_word_works(tmp_path: Path) -> None:
    with closing(create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    folder = tmp_path / "drifting_chat"
    followed = 0

    async with Shell(ROOT, tmp_path, {PORT: port}) as shell:
        for step in steps(PAGE):
            followed += 1
            if isinstance(step, Saved):
                _save(folder / step.path, shell.with_free_ports(step.content))
            elif "pip install" not in step.block.code:  # the tests have it installed
                await _type(shell, step, folder)

    assert followed > 30


def _save(path: Path, content: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")


def _use_free_ports(shell: Shell, folder: Path) -> None:
    for program in folder.glob("*.py"):
        _save(program, shell.with_free_ports(program.read_text(encoding="utf-8")))


async def _type(shell: Shell, step: Typed, folder: Path) -> None:
    commands, log = step.block.code, folder / "chat.log"
    begins, reloads = commands.rstrip().endswith("&"), "kill -HUP" in commands
    if begins:
        log.unlink(missing_ok=True)
    told = len(log.read_bytes()) if reloads else 0
    status, printed = await shell.run(commands)
    if commands.startswith("cp -r "):
        _use_free_ports(shell, folder)
    if begins:
        await _until_said(log, "http://127.0.0.1:", told)
    if reloads:
        await _until_said(log, "settings were read again", told)
    if step.shown is None:
        assert status == 0, f"{step.block}: {status}, {printed}"
    else:
        assert is_as_shown(step.shown, printed), f"{step.block}: {printed}"


async def _until_said(log: Path, text: str, told: int) -> None:
    """Wait until a server says something in its log, beyond what it has told already."""
    follower = await asyncio.create_subprocess_exec(
        *("tail", "-F", "-c", f"+{told + 1}", log),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert follower.stdout is not None
    said = ""
    try:
        async with asyncio.timeout(WAIT_S):
            while text not in said:
                line = await follower.stdout.readline()
                assert line, f"nobody follows {log}"
                said += line.decode()
    finally:
        follower.kill()
        await follower.wait()


def test_an_output_that_differs_is_seen() -> None:
    shown = "1 of 2\n...\n3 of ... tabs\n"

    assert is_as_shown(shown, "1  of 2 \n3 of 25 tabs\n")
    assert is_as_shown(shown, "1 of 2\nmore\nand more\n3 of 25 tabs\n")
    assert not is_as_shown(shown, "1 of 2\n3 of 25 windows\n")
    assert not is_as_shown(shown, "1 of 2\n3 of 25 tabs\nmore\n")
    assert not is_as_shown(
        "run_chat_1763629200001_7_90c65fe4", "thread_chat_1763629200001_7_90c65fe4"
    )
    assert is_as_shown("run_chat_1763629200001_7_90c65fe4", "run_chat_1763629200002_9_00c65fe4")
