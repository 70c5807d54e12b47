"""A command ends when nobody reads its output any more, and for no other reason."""

from __future__ import annotations

import asyncio
import os
import pty
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import pytest

from threadcast.cli.output_watch import ended_with_its_reader


async def waiting(stream: TextIO | None) -> None:
    with ended_with_its_reader(stream):
        await asyncio.Event().wait()


async def turns() -> None:
    """Let the loop look at its descriptors."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_pipe_without_a_reader_ends_it() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        task = asyncio.create_task(waiting(stream))
        await turns()
        assert not task.done()
        os.close(reading)
        async with asyncio.timeout(10):
            with pytest.raises(BrokenPipeError):
                await task
        assert task.cancelling() == 0
        with pytest.raises(BrokenPipeError):
            await asyncio.wait_for(waiting(stream), 10)


async def test_a_socket_whose_peer_has_closed_ends_it() -> None:
    ours, theirs = socket.socketpair()
    with theirs, theirs.makefile("w") as stream:
        task = asyncio.create_task(waiting(stream))
        await turns()
        ours.close()
        async with asyncio.timeout(10):
            with pytest.raises(BrokenPipeError):
                await task


@pytest.fixture(params=["none", "closed", "file", "terminal", "talking socket", "pipe"])
def read_stream(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TextIO | None]:
    """An output that is fine, or that nothing can be known of."""
    with ExitStack() as stack:
        stream: TextIO | None = None
        if request.param in ("closed", "file"):
            stream = stack.enter_context((tmp_path / "out").open("w"))
            if request.param == "closed":
                stream.close()
        elif request.param == "talking socket":
            ours, theirs = map(stack.enter_context, socket.socketpair())
            ours.send(b"nobody reads this")
            stream = stack.enter_context(theirs.makefile("w"))
        elif request.param != "none":
            reading, writing = os.pipe() if request.param == "pipe" else pty.openpty()
            stack.callback(os.close, reading)
            stream = stack.enter_context(os.fdopen(writing, "w"))
        yield stream


async def test_all_else_goes_on_and_can_be_cancelled(read_stream: TextIO | None) -> None:
    task = asyncio.create_task(waiting(read_stream))
    await turns()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_ends_by_itself_is_left_alone() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        with pytest.raises(ValueError, match="own"), ended_with_its_reader(stream):
            raise ValueError("own")
        os.close(reading)
        await turns()
