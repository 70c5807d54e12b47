"""Frames: what a client may send, and what happens when it sends something else."""

from __future__ import annotations

import asyncio
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from edge_server import Serving, held_connections, serving
from patience import WAIT_S
from raw_client import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawClient,
    close_payload,
    frame,
    request,
)
from threadcast.edge import EdgeLimits, FrameWriter, text_frame
from threadcast.edge.frames import Close, Fragment, FrameEvent, FrameReader, Ping, Text, Violation
from threadcast.edge.inbox import Inbox
from threadcast.edge.receive_queue import Flow, ReceiveQueue

MESSAGE_MAX = 65_536


START = frame(TEXT, b"a", final=False)
CLOSED = [
    ("F1", frame(TEXT, b"hello", masked=False), 1002),
    ("F2-rsv1", frame(TEXT, b"hello", reserved=4), 1002),
    ("F2-rsv2", frame(TEXT, b"hello", reserved=2), 1002),
    ("F2-rsv3", frame(TEXT, b"hello", reserved=1), 1002),
    *((f"F3-{opcode}", frame(opcode, b""), 1002) for opcode in (*range(3, 8), *range(11, 16))),
    ("F4-ping-126", frame(PING, b"a" * 126), 1002),
    ("F4-close-126", frame(CLOSE, b"a" * 126), 1002),
    ("F4-ping-64-bit", frame(PING, b"", length_bytes=8), 1002),
    ("F4-fragmented-ping", frame(PING, b"a", final=False), 1002),
    ("F5-continuation", frame(CONTINUATION, b"a"), 1002),
    ("F5-text-inside", START + frame(TEXT, b"b"), 1002),
    ("F5-binary-inside", START + frame(BINARY, b"b"), 1002),
    ("F7-16-bit", frame(TEXT, b"hello", length_bytes=2), 1002),
    ("F7-64-bit", frame(TEXT, b"a" * 300, length_bytes=8), 1002),
    ("F8", frame(TEXT, b"", announced=1 << 63), 1002),
    ("F9-2**62", frame(TEXT, b"", announced=1 << 62), 1009),
    ("F9-max+1", frame(TEXT, b"", announced=MESSAGE_MAX + 1), 1009),
    ("F9-continued", START + frame(CONTINUATION, b"", announced=MESSAGE_MAX), 1009),
    ("F11-1025", START + frame(CONTINUATION, b"b", final=False) * 1_024, 1009),
    ("F11-empty", START + frame(CONTINUATION, b"", final=False) * 1_000_000, 1009),
    ("F11-one-byte", START + frame(CONTINUATION, b"b", final=False) * 1_000_000, 1009),
    ("F13-one", frame(TEXT, b"a" * (MESSAGE_MAX + 1)), 1009),
    (
        "F13-many",
        START + frame(CONTINUATION, b"a" * 8_192, final=False) * 9,
        1009,
    ),
    ("F14-invalid", frame(TEXT, b"\xff"), 1007),
    ("F14-split", frame(TEXT, b"\xc3", final=False) + frame(CONTINUATION, b"\x28"), 1007),
    ("F14-cut", frame(TEXT, b"a\xc3"), 1007),
    ("F14-overlong", frame(TEXT, b"\xc0\xaf"), 1007),
    ("F14-surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
    ("F14-beyond", frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    ("F15-pings", frame(PING, b"a") * 100_000, 4429),
    ("F16", frame(BINARY, b"a"), 1003),
    ("F16-not-whole", frame(BINARY, b"", announced=1_000), 1003),
    ("F18-one-byte", frame(CLOSE, b"\x03"), 1002),
    *(
        (f"F18-{code}", frame(CLOSE, close_payload(code)), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    ),
    ("F18-reason", frame(CLOSE, close_payload(1000, b"\xff")), 1007),
    ("F18-reason-124", frame(CLOSE, close_payload(1000, b"a" * 124)), 1002),
    ("F20", START + frame(CLOSE, close_payload(1000)), 1000),
]


@pytest.mark.parametrize(
    ("data", "code"), [row[1:] for row in CLOSED], ids=[row[0] for row in CLOSED]
)
async def test_closed(server: Serving, data: bytes, code: int) -> None:
    async with held_connections(server), await RawClient.open_websocket(server.port) as client:
        sending = asyncio.ensure_future(client.send(data))
        assert await client.read_close() == code
        assert await client.read_end() == b""
        await sending
    assert (await server.app.next_end(deadline_s=1.0))["code"] == code


async def test_f6_ping_between_fragments(server: Serving) -> None:
    async with await RawClient.open_websocket(server.port) as client:
        await client.send(START + frame(PING, b"payload"))
        pong = await client.read_frame()
        assert (pong.opcode, pong.payload) == (PONG, b"payload")
        await client.send(frame(CONTINUATION, b"b"))
        assert await client.read_text() == "ab"


async def test_f10_dripping_message() -> None:
    with serving(partial_message_timeout_s=0.5, close_timeout_s=0.5) as server:
        async with await RawClient.open_websocket(server.port) as client:
            await client.send(frame(TEXT, b"", announced=60_000))
            dripping = asyncio.ensure_future(_drip(client, b"a"))
            begin = time.monotonic()
            assert await client.read_close() == 4408
            assert time.monotonic() - begin > 0.4
            dripping.cancel()
        assert (await server.app.next_end())["code"] == 4408


async def test_f10_fragments_and_pings_do_not_restart_the_clock() -> None:
    with serving(partial_message_timeout_s=0.5, close_timeout_s=0.5) as server:
        async with await RawClient.open_websocket(server.port) as client:
            await client.send(START)
            more = frame(PING, b"x") + frame(CONTINUATION, b"b", final=False)
            dripping = asyncio.ensure_future(_drip(client, more))
            assert await client.read_close(deadline_s=2.0) == 4408
            dripping.cancel()


async def test_f10_whole_messages_do() -> None:
    with serving(partial_message_timeout_s=0.5) as server:
        async with await RawClient.open_websocket(server.port) as client:
            half = frame(TEXT, b"hello")
            begin = time.monotonic()
            await client.send(half[:5])
            while time.monotonic() - begin < 1.2:
                await asyncio.sleep(0.05)
                await client.send(half[5:] + half[:5])
                assert await client.read_text() == "hello"


async def _drip(client: RawClient, data: bytes) -> None:
    while True:
        await asyncio.sleep(0.05)
        await client.send(data)


async def test_f12_one_byte_segments(server: Serving) -> None:
    async with await RawClient.open_websocket(server.port) as client:
        for byte in frame(TEXT, b"hello, world"):
            await client.send(bytes((byte,)))
        assert await client.read_text() == "hello, world"


def test_f12_memory_is_at_most_twice_the_size() -> None:
    size = 262_144
    reader = FrameReader(message_max_bytes=size, fragments_max=1_024)
    data = frame(TEXT, b"a" * size)
    pieces = [data[i : i + 64] for i in range(0, len(data), 64)]
    del data
    tracemalloc.start()
    try:
        for piece in pieces[:-1]:
            reader.feed(piece)
            assert reader.next_event() is None
        assert tracemalloc.get_traced_memory()[1] < 1.3 * size
        reader.feed(pieces[-1])
        event = reader.next_event()
        # The result itself is once the size, beside what it was made of.
        assert tracemalloc.get_traced_memory()[1] < 2.3 * size
    finally:
        tracemalloc.stop()
    assert isinstance(event, Text)
    assert len(event.text) == size


@pytest.mark.parametrize("announced", [1 << 63, 1 << 62, MESSAGE_MAX + 1])
def test_f8_f9_nothing_is_allocated(announced: int) -> None:
    reader = FrameReader(message_max_bytes=MESSAGE_MAX, fragments_max=1_024)
    tracemalloc.start()
    try:
        reader.feed(frame(TEXT, b"", announced=announced)[:10])
        assert isinstance(reader.next_event(), Violation)
        assert tracemalloc.get_traced_memory()[1] < 4_096
    finally:
        tracemalloc.stop()


async def test_f13_limit_is_raised_by_the_application_and_no_further(server: Serving) -> None:
    async with await RawClient.open_websocket(server.port) as client:
        await client.send_text("length " + "a" * (MESSAGE_MAX - 7))
        assert await client.read_text() == str(MESSAGE_MAX)
        await client.send_text("limit 262144")
        assert await client.read_text() == "raised"
        await client.send_text("length " + "a" * (262_144 - 7))
        assert await client.read_text() == "262144"
        await client.send(frame(TEXT, b"", announced=262_145))
        assert await client.read_close() == 1009
    await server.app.next_end()
    async with await RawClient.open_websocket(server.port) as client:
        await client.send_text("limit 262145")
        assert await client.read_close() == 1011


async def test_f15_pongs_are_free_and_pings_share_one_pong(server: Serving) -> None:
    async with await RawClient.open_websocket(server.port) as client:
        await client.send(frame(PONG, b"unasked") * 100_000)
        await client.send(b"".join(frame(PING, b"%d" % number) for number in range(50)))
        payloads: list[bytes] = []
        while not payloads or payloads[-1] != b"49":
            pong = await client.read_frame()
            assert pong.opcode == PONG
            payloads.append(pong.payload)
        assert len(payloads) < 50
        await client.send_text("hello")
        assert await client.read_text() == "hello"


def test_f15_a_flood_gives_way_to_others_and_holds_nothing() -> None:
    loop = asyncio.new_event_loop()
    received = ReceiveQueue(Inbox(loop, messages_max=4, bytes_max=1_000), EdgeLimits())
    received.feed(frame(PONG, b"") * 40_000)
    begin = time.process_time()
    assert received.take(0.0) is Flow.ANOTHER_TURN
    assert time.process_time() - begin < 0.25
    while received.take(0.0) is Flow.ANOTHER_TURN:
        pass
    assert not received.partial
    received.feed(frame(TEXT, b"a") * 100)
    assert received.take(0.0) is Flow.ROOM
    assert received.messages == 4
    loop.close()


async def test_f18_legal_codes_are_echoed(server: Serving) -> None:
    for code in (1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999):
        async with await RawClient.open_websocket(server.port) as client:
            await client.send(frame(CLOSE, close_payload(code, b"bye")))
            answer = await client.read_frame()
            assert answer.payload == close_payload(code)
            assert await client.read_end() == b""
        end = await server.app.next_end()
        assert (end["code"], end["reason"]) == (code, "bye")


async def test_f18_empty_close(server: Serving) -> None:
    async with await RawClient.open_websocket(server.port) as client:
        await client.send(frame(CLOSE))
        assert (await client.read_frame()).payload == b""
    assert (await server.app.next_end())["code"] == 1005


async def test_f19_data_after_close_is_ignored(server: Serving) -> None:
    async with held_connections(server), await RawClient.open_websocket(server.port) as client:
        close = frame(CLOSE, close_payload(1000))
        before, after = frame(TEXT, b"mark before"), frame(TEXT, b"mark after")
        await client.send(before + close + after + close)
        assert await client.read_close() == 1000
        await client.send_text("long after")
        assert await client.read_end(deadline_s=3.0) == b""
    assert (await server.app.next_end())["code"] == 1000
    assert list(server.app.marks.queue) == ["before"]


async def test_f19_client_that_never_closes_tcp(server: Serving) -> None:
    before = server.connections
    async with await RawClient.open_websocket(server.port) as client:
        await client.send(frame(CLOSE, close_payload(1000)))
        await server.settled(before, deadline_s=3.0)


async def test_close_by_the_application_waits_for_the_answer(server: Serving) -> None:
    async with held_connections(server), await RawClient.open_websocket(server.port) as client:
        await client.send_text("close 4401")
        assert await client.read_close() == 4401
        await client.send(frame(TEXT, b"ignored") + frame(CLOSE, close_payload(4401)))
        assert await client.read_end(deadline_s=0.9) == b""
    assert (await server.app.next_end())["code"] == 4401


async def test_application_that_fails(server: Serving) -> None:
    async with await RawClient.open_websocket(server.port, "/fails") as client:
        assert await client.read_close() == 1011


@pytest.mark.parametrize("leave", ["reset", "half_close"])
@pytest.mark.parametrize("busy", [False, True])
async def test_f21_slot_is_free_within_a_second(server: Serving, leave: str, busy: bool) -> None:
    before = server.connections
    async with await RawClient.open_websocket(server.port) as client:
        if busy:
            await client.send(frame(TEXT, b"", announced=1_000))
        getattr(client, leave)()
        assert (await server.app.next_end(deadline_s=1.0))["code"] == 1006
        await server.settled(before, deadline_s=1.0)


async def test_f22_any_byte_is_life() -> None:
    with serving(heartbeat_s=0.3) as server:
        async with await RawClient.open_websocket(server.port) as client:
            begin = time.monotonic()
            while time.monotonic() - begin < 1.5:
                await client.send_text("hello")
                got = await client.read_frame()
                assert got.opcode in (TEXT, PING)
                await asyncio.sleep(0.1)


async def test_f22_a_pong_is_enough() -> None:
    with serving(heartbeat_s=0.2) as server:
        async with await RawClient.open_websocket(server.port) as client:
            for _ in range(5):
                assert (await client.read_frame()).opcode == PING
                await client.send(frame(PONG))


async def test_f23_silence() -> None:
    with serving(heartbeat_s=0.3, close_timeout_s=0.3) as server:
        async with await RawClient.open_websocket(server.port) as client:
            begin = time.monotonic()
            assert (await client.read_frame()).opcode == PING
            assert await client.read_close() == 1011
            assert 0.5 < time.monotonic() - begin < 2.0
            assert (await server.app.next_end(deadline_s=1.0))["code"] == 1011


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_f24_client_that_never_reads(loop: str) -> None:
    with serving(loop=loop, stall_max_s=0.5, heartbeat_s=0.2) as server:
        client = await RawClient.open_websocket(server.port, receive_buffer_bytes=4_096)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport
        writer = await asyncio.to_thread(server.app.writers.get, timeout=WAIT_S)
        server.call(_fill, writer)
        end = await server.app.next_end(deadline_s=3.0)
        assert end["code"] == 4408
        await server.settled(0)
        await client.leave()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_f24_client_that_reads_late(loop: str) -> None:
    with serving(loop=loop, heartbeat_s=0.1) as server:
        async with await RawClient.open_websocket(
            server.port, receive_buffer_bytes=4_096
        ) as client:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # see above
            writer = await asyncio.to_thread(server.app.writers.get, timeout=WAIT_S)
            drained = asyncio.Event()
            loop_here = asyncio.get_running_loop()

            def on_drain() -> None:
                loop_here.call_soon_threadsafe(drained.set)

            writer.on_drain = on_drain
            server.call(_fill, writer)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(drained.wait(), 0.6)
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]  # see above
            reading = asyncio.ensure_future(_read_on(client))
            await asyncio.wait_for(drained.wait(), WAIT_S)
            assert not writer.congested
            reading.cancel()


def _fill(writer: FrameWriter) -> None:
    """Write until the connection is congested."""
    piece = text_frame(b"a" * 65_536)
    while not writer.congested:
        assert writer.write(piece)
    assert writer.buffered_bytes > 0


async def _read_on(client: RawClient) -> None:
    while True:
        await client.read_frame()


async def test_receive_queue_is_bounded() -> None:
    with serving(receive_queue_max_messages=4) as server:
        async with await RawClient.open_websocket(server.port) as client:
            await client.send_text("wait")
            flood = asyncio.ensure_future(
                client.send(frame(TEXT, b"length " + b"x" * 20_000) * 1_000)
            )
            await asyncio.wait([flood], timeout=0.3)
            assert not flood.done()
            reading = asyncio.ensure_future(_count_texts(client, 1_000))
            server.open_gate()
            await flood
            await asyncio.wait_for(reading, 60)


async def _count_texts(client: RawClient, count: int) -> None:
    while count:
        assert await client.read_text() == "20007"
        count -= 1


async def test_write_needs_an_open_connection(server: Serving) -> None:
    async with await RawClient.open_websocket(server.port) as client:
        writer = await asyncio.to_thread(server.app.writers.get, timeout=WAIT_S)
        server.call(writer.write, text_frame(b"one") + text_frame("zwei €".encode()))
        writer.closing_frame = lambda code, reason: text_frame(b"closing %d" % code)
        server.call(writer.close, 4401, "bye")
        assert [await client.read_text() for _ in range(3)] == ["one", "zwei €", "closing 4401"]
        assert await client.read_close() == 4401
        assert not await server.ask(writer.write, text_frame(b"late"))


async def test_closed_before_it_is_open(server: Serving) -> None:
    async with await RawClient.open(server.port) as client:
        response = await client.upgrade(request("/closed"))
        assert response.problem()["code"] == "forbidden"


# The reader by itself


_MESSAGE = st.one_of(
    st.text(max_size=200).map(lambda text: ("text", text.encode())),
    st.binary(max_size=125).map(lambda payload: ("ping", payload)),
    st.just(("long", b"a" * 70_000)),
)


def _bytes_of(messages: list[tuple[str, bytes]]) -> bytes:
    """The frames as the websockets library's client would send them."""
    opcodes = {"text": Opcode.TEXT, "long": Opcode.TEXT, "ping": Opcode.PING}
    return b"".join(Frame(opcodes[kind], data).serialize(mask=True) for kind, data in messages)


@given(st.lists(_MESSAGE, max_size=8), st.lists(st.integers(1, 300), min_size=1))
def test_every_segmentation_gives_the_same_events(
    messages: list[tuple[str, bytes]], sizes: list[int]
) -> None:
    data = _bytes_of(messages)
    reader = FrameReader(message_max_bytes=100_000, fragments_max=4)
    events: list[FrameEvent] = []
    position = turn = 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        reader.feed(data[position : position + size])
        position, turn = position + size, turn + 1
        while (event := reader.next_event()) is not None:
            events.append(event)
    assert events == [
        Ping(payload) if kind == "ping" else Text(payload.decode()) for kind, payload in messages
    ]
    assert not reader.partial


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_fail(data: bytes) -> None:
    reader = FrameReader(message_max_bytes=1_000, fragments_max=4)
    reader.feed(data)
    for _ in range(len(data) + 1):
        event = reader.next_event()
        if event is None or isinstance(event, Close | Violation):
            return
        assert isinstance(event, Text | Ping | Fragment | tuple)
    raise AssertionError("more events than bytes")


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_text_frame_is_what_the_library_makes(size: int) -> None:
    payload = b"a" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
