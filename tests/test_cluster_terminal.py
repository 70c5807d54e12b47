"""`scripts/cluster`: what a person sees of it, and that the chat goes on whatever they kill."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cluster_terminal import signal_family
from patience import WAIT_S
from program import environment
from server_process import alive
from threadcast import Event, connect
from threadcast.client import Client
from threadcast.client.snapshots import development_token

PROGRAM = Path(__file__).parent / "tools" / "cluster_run.py"
ARGUMENTS = ("--port", "0", "--nodes", "2")


class ClusterProgram:
    """`scripts/cluster` as a process: what it says, and what is typed.

    Attributes:
        said: everything until now.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def hears(self, pattern: str) -> re.Match[str]:
        """Wait until it says this in what it has not said yet."""
        assert self.process.stdout is not None
        begun = len(self.said)
        async with asyncio.timeout(WAIT_S):
            while not (found := re.compile(pattern).search(self.said, begun)):
                line = await self.process.stdout.readline()
                assert line, self.said
                self.said += line.decode()
        return found

    async def type(self, text: str) -> None:
        """Give it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        await self.process.stdin.drain()

    async def gone(self) -> int:
        """Wait until it has ended; its exit status."""
        async with asyncio.timeout(WAIT_S):
            while line := await self.process.stdout.readline() if self.process.stdout else b"":
                self.said += line.decode()
            return await self.process.wait()

    def pids(self) -> dict[str, int]:
        """The last known process of each part."""
        found = re.findall(
            r"^  (\S+) +\S+ +kill -\S+ (\d+)(?:  \(node_\S+\))?$", self.said, re.MULTILINE
        )
        return {name: int(pid) for name, pid in found}


@asynccontextmanager
async def cluster_program(*arguments: str) -> AsyncIterator[ClusterProgram]:
    """It runs; nothing of it is left after the block."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), *arguments),
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
    )
    program = ClusterProgram(process)
    try:
        yield program
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await program.gone()


async def answered(client: Client, text: str) -> str:
    """Say this, and wait for the whole answer."""
    sent = await client.send_message(text)
    async with asyncio.timeout(WAIT_S):
        async for item in client:
            if not isinstance(item, Event) or item.run_id != sent.run_id:
                continue
            if item.event_type == "agent_completed":
                return str(item.data["content"])
    raise AssertionError("the client ended")


async def test_a_chat_goes_on_when_a_node_is_killed_and_ctrl_c_leaves_nothing() -> None:
    async with cluster_program(*ARGUMENTS) as program:
        url = (await program.hears(r"open (http://127\.0\.0\.1:\d+)"))[1]
        await program.hears("Ctrl-C ends everything")
        assert f"The operator's console: {url}/console" in program.said
        pids = program.pids()
        assert list(pids) == ["postgres", "nats", "node-1", "node-2"]
        assert all(map(alive, pids.values()))
        async with connect(url, lambda: development_token(url, "ann")) as client:
            assert "12" in await answered(client, "what is 3 * 4?")
            await program.type("kill node-1")
            await program.hears(rf"node-1 \(process {pids['node-1']}\) is gone.*: start node-1")
            assert not alive(pids["node-1"])
            assert "12" in await answered(client, "what is 3 * 4?")
            await program.type("start node-1")
            await program.hears(r"node-1 runs again; kill -9 \d+")
        await program.type("list")
        await program.hears("node-2 .*kill")
        pids = program.pids()
        ids = re.findall(r"^  (node-\d) .*  \((node_\S+)\)$", program.said, re.MULTILINE)
        assert [name for name, _ in ids] == ["node-1", "node-2"] * 2
        first, second, again, still = (node_id for _, node_id in ids)
        assert again not in (first, second), "a node that comes again is another one"
        assert still == second
        assert program.process.pid
        os.kill(program.process.pid, signal.SIGINT)
        assert await program.gone() == 0
        assert not any(map(alive, pids.values()))


async def test_a_wrong_word_is_answered_with_the_right_ones() -> None:
    async with cluster_program("--port", "0", "--nodes", "1", "--no-bus") as program:
        await program.hears("Ctrl-C ends everything")
        await program.type("start node-9")
        await program.hears("expected one of postgres, node-1, got 'node-9'")
        await program.type("start node-1")
        await program.hears("node-1 runs already")
        await program.type("murder node-1")
        await program.hears("expected one of these, got 'murder node-1'")
        await program.type("quit")
        assert await program.gone() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--nodes", "0"), "expected 1..9, got '0'"),
        (("--nodes", "1", "--no-bus", "--data", "/dev/null/x"), "error: "),
    ],
)
async def test_what_cannot_be_started_is_said_in_a_line(
    arguments: tuple[str, ...], said: str
) -> None:
    async with cluster_program(*arguments) as program:
        assert await program.gone() != 0
    assert said in program.said
    assert "Traceback" not in program.said


async def test_a_port_that_cannot_be_used_is_said_before_anything_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port in (taken.getsockname()[1], 65_536):
            async with cluster_program("--port", str(port)) as program:
                assert await program.gone() == 1
                assert re.fullmatch(rf"error: .*{port}.* with --port\n", program.said), program.said


async def test_pausing_a_process_pauses_its_children() -> None:
    began = 'sleep 60 & echo "$!"; wait'
    pipe = asyncio.subprocess.PIPE
    first = await asyncio.create_subprocess_exec("sh", "-c", began, stdout=pipe)
    assert first.stdout is not None
    both = (first.pid, int(await first.stdout.readline()))
    try:
        for number, states in ((signal.SIGSTOP, "T"), (signal.SIGCONT, "RS")):
            signal_family(first.pid, number)
            async with asyncio.timeout(WAIT_S):
                for pid in both:
                    while state_of(pid) not in states:  # noqa: ASYNC110 - nothing tells of it
                        await asyncio.sleep(0.01)
    finally:
        for pid in both:  # the shell first: it ends by itself when what it waits for is gone
            os.kill(pid, signal.SIGKILL)
        await first.wait()


def state_of(pid: int) -> str:
    """The letter that `ps` shows."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2][0]
