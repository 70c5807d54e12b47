"""`threadcast tail`: every event once, as a JSON line, whatever the connection does."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from program import COMMAND, environment, in_terminal
from threadcast.cli.tail import safe_json
from threadcast.client import Event
from wire_server import FEED, OTHER_FEED, THREAD, Plan, WireServer


async def lines_of(server: WireServer, count: int, *arguments: str) -> tuple[list[str], str]:
    """The first lines of a tail, and what it said beside them."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "tail",
        "--url",
        server.url,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        env=environment(THREADCAST_TOKEN="a.b.c"),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(20):
            lines = [(await process.stdout.readline()).decode() for _ in range(count)]
    finally:
        process.terminate()
        errors = (await process.stderr.read()).decode()
        await process.wait()
    return lines, errors


async def test_envelopes_come_once_as_they_are() -> None:
    server = WireServer([Plan(cut_after_frames=6, cut_bytes=20)])
    for index in range(8):
        server.append("agent_delta", text=f"piece {index} é\n")
    server.append("thread_updated", None, title=None, metadata={})
    async with server.running():
        lines, errors = await lines_of(server, 9, "--after", "0", "--thread", THREAD)
    assert [json.loads(line) for line in lines] == server.journal
    assert "é" in lines[0]
    assert errors.startswith("[the connection was lost; trying again in ")
    assert errors.count("\n") == 1


async def test_without_after_only_what_comes_is_shown() -> None:
    server = WireServer()
    server.append("agent_delta", text="old")
    async with server.running():
        reading = asyncio.create_task(lines_of(server, 1))
        await server.until(lambda: bool(server.attaches()))
        server.append("agent_delta", text="new")
        (line,), _ = await reading
    assert json.loads(line)["data"] == {"text": "new"}


async def test_l7_a_reset_is_said() -> None:
    server = WireServer()
    server.append("agent_delta", text="x")
    async with server.running():
        reading = asyncio.create_task(lines_of(server, 1, "--after", "1", "--feed", OTHER_FEED))
        await server.until(lambda: bool(server.attaches()))
        server.append("agent_delta", text="y")
        lines, errors = await reading
    assert server.feed == FEED
    assert json.loads(lines[0])["seq"] == 2
    assert errors == "[reset: new_feed; what follows begins after 1]\n"


async def test_l3_a_reader_that_ends_is_quiet() -> None:
    server = WireServer()
    for index in range(20_000):
        server.append("agent_delta", text=f"{index}")
    async with server.running():
        program = " ".join(COMMAND)
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            f"({program} tail --url {server.url} --after 0; echo status $? >&2) | head -2",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(THREADCAST_TOKEN="a.b.c"),
        )
        async with asyncio.timeout(30):
            out, errors = await process.communicate()
    assert out.count(b"\n") == 2
    assert errors == b"status 141\n"


async def test_l3_a_reader_that_goes_while_nothing_happens() -> None:
    server = WireServer()
    server.append("agent_delta", text="x")
    async with server.running():
        reading, writing = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "tail", "--url", server.url, "--after", "0"),
            stdout=writing,
            stderr=asyncio.subprocess.PIPE,
            env=environment(THREADCAST_TOKEN="a.b.c"),
        )
        os.close(writing)
        with os.fdopen(reading) as reader:
            line = await asyncio.to_thread(reader.readline)
        async with asyncio.timeout(20):
            _, errors = await process.communicate()
    assert json.loads(line)["seq"] == 1
    assert (process.returncode, errors) == (141, b"")


async def test_l4_ctrl_c_is_130() -> None:
    server = WireServer()
    environ = environment(THREADCAST_TOKEN="a.b.c", TERM="xterm")
    async with server.running(), in_terminal("tail", "--url", server.url, env=environ) as terminal:
        await server.until(lambda: bool(server.attaches()))
        terminal.type("\x03")
        assert await terminal.ended() == 130
    assert "Traceback" not in terminal.shown


@pytest.mark.parametrize("text", ["\x1b[31m", "\x9b2J", "\u202e", "\U000e0001", "plain é 😀"])
def test_l6_no_character_steers_a_terminal_and_none_is_lost(text: str) -> None:
    line = safe_json(Event("agent_delta", 1.5, "u", {"text": text}, seq=1))
    assert json.loads(line)["data"]["text"] == text
    assert all(character.isprintable() for character in line)
