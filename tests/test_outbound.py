"""Outbounds: framing, and bounded buffers for a reader that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from delivery_scene import Gate
from patience import WAIT_S
from threadcast.delivery.outbound import (
    FrameOutbound,
    QueuedOutbound,
    frames_of_lines,
    frames_of_text,
)
from threadcast.edge import text_frame
from threadcast.events import Address, ConnectionEventType, EventType, JournalEvent

ADDRESS = Address("ann", None, None)
CAUGHT_UP = ConnectionEventType.CAUGHT_UP


def events(count: int) -> list[JournalEvent]:
    return [
        JournalEvent(EventType.THREAD_UPDATED, b"1.000000", ADDRESS, seq, b'{"title":null}')
        for seq in range(1, count + 1)
    ]


class Writer:
    """A `FrameWriter` whose socket takes nothing."""

    def __init__(self) -> None:
        self.on_drain: Callable[[], None] | None = None
        self.closing_frame: Callable[[int, str], bytes] | None = None
        self.message_max_bytes = 1_000
        self.written: list[bytes] = []
        self.high_bytes = 100

    def write(self, data: bytes) -> bool:
        """Keep it."""
        self.written.append(data)
        return True

    @property
    def buffered_bytes(self) -> int:
        """All of it."""
        return sum(map(len, self.written))

    @property
    def congested(self) -> bool:
        """Whether it is too much."""
        return self.buffered_bytes > self.high_bytes

    def set_write_limits(self, *, high_bytes: int) -> None:
        """Say when it is too much."""
        self.high_bytes = high_bytes

    def close(self, code: int, reason: str = "") -> None:
        """Note that, and nothing else."""
        self.written.append(b"closed %d" % code)


def test_one_event_is_one_frame_shared_by_all_readers() -> None:
    writers = [Writer(), Writer()]
    (event,) = events(1)
    for writer in writers:
        FrameOutbound(writer, lines=False).deliver([event])
    assert writers[0].written == [text_frame(event.payload)]
    assert writers[0].written[0] is writers[1].written[0]


def test_several_events_leave_in_one_write() -> None:
    text, lines = Writer(), Writer()
    some = events(3)
    FrameOutbound(text, lines=False).deliver(some)
    FrameOutbound(lines, lines=True).deliver(some)
    payloads = [event.payload for event in some]
    assert text.written == [b"".join(map(text_frame, payloads))]
    assert lines.written == [text_frame(b"\n".join(payloads))]


def test_frames_written_together_leave_in_one_write_before_a_close() -> None:
    writer = Writer()
    outbound = FrameOutbound(writer, lines=False)
    (event,) = events(1)
    with outbound.together():
        outbound.say(CAUGHT_UP, b"{}")
        outbound.deliver([event])
        assert writer.written == []
    both = text_frame(b"{}") + text_frame(event.payload)
    assert writer.written == [both]
    with outbound.together():
        outbound.say(CAUGHT_UP, b"{}")
        outbound.close(4401, "revoked")
        assert writer.written == [both, text_frame(b"{}"), b"closed 4401"]
    outbound.say(CAUGHT_UP, b"{}")
    assert len(writer.written) == 4


def test_congestion_is_the_transports_and_so_is_its_end() -> None:
    writer = Writer()
    outbound = FrameOutbound(writer, lines=False)
    drains: list[str] = []
    assert writer.on_drain is not None
    writer.on_drain()  # nobody listens yet
    outbound.on_drain = lambda: drains.append("drained")
    outbound.say(CAUGHT_UP, b"x" * 200)
    assert outbound.congested
    assert outbound.buffered_bytes == len(text_frame(b"x" * 200))
    writer.on_drain()
    assert drains == ["drained"]


class Peer:
    """What an ASGI `send` reaches: it takes a chunk at a time, when it is let."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.taken: list[bytes] = []
        self.gone = False
        self.fault: Exception | None = None  # what the next chunk meets, once

    async def send(self, chunk: bytes) -> None:
        """Take a chunk."""
        await self.gate.passed()
        if self.gone:
            raise OSError("gone")
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        self.taken.append(chunk)


@asynccontextmanager
async def queued(
    peer: Peer, *, limit_bytes: int = 100, lines: bool = False
) -> AsyncIterator[QueuedOutbound]:
    outbound = QueuedOutbound(
        peer.send,
        form_events=frames_of_lines if lines else frames_of_text,
        form_said=lambda event_type, payload: event_type.value.encode() + payload,
        limit_bytes=limit_bytes,
    )
    try:
        yield outbound
    finally:
        await outbound.close()


@pytest.mark.parametrize("lines", [False, True])
async def test_chunks_go_out_in_order(lines: bool) -> None:
    peer = Peer()
    async with queued(peer, lines=lines) as outbound:
        outbound.put(b"first")
        outbound.deliver(events(2))
        outbound.say(CAUGHT_UP, b" last")
        await outbound.flushed()
    assert b"\n".join(peer.taken).split(b"\n") == [
        b"first",
        *[event.payload for event in events(2)],
        b"caught_up last",
    ]
    assert len(peer.taken) == (3 if lines else 4)


async def test_what_waits_is_counted_and_its_end_is_told_once() -> None:
    peer = Peer()
    drained = asyncio.Event()
    async with queued(peer, limit_bytes=100) as outbound:
        outbound.on_drain = drained.set
        peer.gate.close()
        outbound.put(b"x" * 100)
        before = outbound.congested
        outbound.put(b"y")
        assert (before, outbound.congested, outbound.buffered_bytes) == (False, True, 101)
        peer.gate.open()
        async with asyncio.timeout(WAIT_S):
            await drained.wait()
        assert (outbound.congested, outbound.buffered_bytes) == (False, 0)
        drained.clear()
        outbound.put(b"z")
        await outbound.flushed()
        assert not drained.is_set()


async def test_a_peer_that_is_gone_takes_nothing_more() -> None:
    peer = Peer()
    drains: list[str] = []
    async with queued(peer, limit_bytes=1) as outbound:
        outbound.on_drain = lambda: drains.append("drained")
        peer.gone = True
        outbound.put(b"lost")
        await outbound.flushed()
        outbound.put(b"ignored")
        assert (outbound.congested, outbound.buffered_bytes) == (False, 0)
    assert (peer.taken, drains) == ([], ["drained"])  # whoever waits for room is told


async def test_closing_drops_what_waits() -> None:
    peer = Peer()
    peer.gate.close()
    async with queued(peer) as outbound:
        outbound.put(b"never")
    peer.gate.open()
    outbound.put(b"too late")  # the answer to a command whose sender has gone
    await outbound.flushed()
    assert peer.taken == []


async def test_nothing_follows_a_chunk_that_could_not_be_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    peer = Peer()
    ends: list[str] = []
    async with queued(peer, limit_bytes=1) as outbound:
        outbound.on_failed = lambda: ends.append("ended")
        outbound.on_drain = lambda: outbound.put(b"more, as there is room")
        peer.fault = RuntimeError("not now")
        peer.gate.close()
        for chunk in (b"lost", b"taken with it"):
            outbound.put(chunk)
        await peer.gate.next_arrival()
        outbound.put(b"waits")
        peer.gate.open()
        await outbound.flushed()
        outbound.put(b"later")
        await outbound.flushed()
        assert (outbound.gone, outbound.congested, outbound.buffered_bytes) == (True, False, 0)
    assert (peer.taken, ends) == ([], ["ended"])
    assert "RuntimeError: not now" in caplog.text
