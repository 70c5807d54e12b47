"""The flow of one HTTP connection: what holds reading, and who is cut for not reading."""

from __future__ import annotations

import asyncio

from threadcast.edge.flow import EdgeFlow


class Wire(asyncio.Transport):
    """A transport that sends nothing by itself.

    Attributes:
        unsent: bytes in the write buffer.
        judged: set whenever somebody looks at them.
        reads: whether reading is not paused.
        aborted: set when the connection was aborted.
        closing: whether it was closed.
    """

    def __init__(self, unsent: int = 0) -> None:
        super().__init__()
        self.unsent = unsent
        self.judged = asyncio.Event()
        self.aborted = asyncio.Event()
        self.reads = True
        self.closing = False

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def get_write_buffer_size(self) -> int:
        self.judged.set()
        return self.unsent

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.aborted.set()


def flow_of(wire: Wire) -> EdgeFlow:
    return EdgeFlow(wire, asyncio.get_running_loop(), stall_max_s=0.05)


async def test_a_hold_is_not_undone_by_the_application() -> None:
    wire = Wire()
    flow = flow_of(wire)
    flow.hold()
    flow.resume_reading()
    assert not wire.reads
    flow.release()
    assert wire.reads


async def test_who_takes_too_little_is_cut() -> None:
    wire = Wire(unsent=100_000)
    flow_of(wire).pause_writing()
    wire.unsent -= 10
    await wire.aborted.wait()


async def test_who_takes_enough_is_kept_for_as_long_as_that_lasts() -> None:
    wire = Wire(unsent=100_000)
    flow_of(wire).pause_writing()
    for _ in range(3):
        wire.unsent -= 100
        wire.judged.clear()
        await wire.judged.wait()
        assert not wire.aborted.is_set()
    await wire.aborted.wait()


async def test_who_has_read_is_no_longer_watched_unless_the_connection_closes() -> None:
    wire = Wire(unsent=100_000)
    flow = flow_of(wire)
    flow.pause_writing()
    flow.resume_writing()
    wire.judged.clear()
    other = Wire(unsent=100_000)
    closing = flow_of(other)
    closing.pause_writing()
    other.closing = True
    closing.resume_writing()
    await other.aborted.wait()
    assert not wire.judged.is_set()
