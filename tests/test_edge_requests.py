"""One request at a time: what is behind an unfinished request, answer or event stream."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

import pytest

from edge_server import LARGE_BYTES, Serving, held_connections, serving
from patience import WAIT_S
from raw_client import RawClient, Response, request

EVENTS = b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"


def plain(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", *headers, "", ""]).encode()


async def tasks(server: Serving, *, some: bool) -> None:
    """Wait until the application has some tasks, or none is left."""
    async with asyncio.timeout(WAIT_S):
        while (server.tasks > 0) != some:
            await server.turn()


@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "later"])
@pytest.mark.parametrize(
    "behind", [plain("/b"), request(), b"\r\n", b"x"], ids=["request", "upgrade", "line", "byte"]
)
async def test_bytes_behind_an_event_stream_end_it(
    server: Serving, behind: bytes, *, at_once: bool
) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        if at_once:
            await client.send(EVENTS + behind)
            assert (await client.read_end()).count(b"HTTP/1.1") <= 1
        else:
            assert (await client.upgrade(EVENTS)).status == 200
            await client.send(behind)
            assert await client.read_end() == b""
        assert (await server.app.next_end())["type"] == "http.disconnect"
        await tasks(server, some=False)
        assert server.readers == 0


async def test_a_stream_whose_client_goes_ends(server: Serving) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        assert (await client.upgrade(EVENTS)).status == 200
        assert server.readers == 1
        client.half_close()
        assert (await server.app.next_end())["type"] == "http.disconnect"
        assert await client.read_end() == b""
    assert server.readers == 0


async def test_a_request_for_events_without_a_stream_is_a_request(server: Serving) -> None:
    async with await RawClient.open(server.port) as client:
        assert (await client.upgrade(plain("/v1/events", method="POST"))).status == 200
        assert (await client.upgrade(plain("/b"))).body == b"/b 0"
        assert server.readers == 0


async def test_nothing_is_read_behind_an_answer_under_way(server: Serving) -> None:
    """The application's `receive`, which waits for the client to go, does not resume it."""
    async with await RawClient.open(server.port) as client:
        await client.send(plain("/watched") + plain("/b") * 40)
        assert await asyncio.to_thread(server.app.begun.get, timeout=WAIT_S) == "/watched"
        sent = await _flood(server, client, plain("/c"))
        assert sent < 33_554_432
        server.open_gate()
        assert (await client.read_response()).body == b"watched"
        for _ in range(40):
            assert (await client.read_response()).body == b"/b 0"


async def _flood(server: Serving, client: RawClient, data: bytes) -> int:
    """Send until nothing more is taken; how many bytes that were, at most 32 MiB."""
    sock: socket.socket = client.writer.get_extra_info("socket")
    chunk, sent, refusals = data * 1_000, 0, 0
    with socket.socket(fileno=socket.dup(sock.fileno())) as own:
        own.setblocking(False)
        while refusals < 100 and sent < 33_554_432:
            try:
                sent += own.send(chunk)
                refusals = 0
            except BlockingIOError:
                refusals += 1
                await server.turn()
    return sent


async def test_an_upgrade_waits_until_the_answer_before_it_was_read(server: Serving) -> None:
    async with await RawClient.open(server.port, receive_buffer_bytes=4_096) as client:
        await client.send(plain("/a") + LARGE + request())
        assert (await client.read_response()).body == b"/a 0"
        assert server.app.begun.empty()
        assert len((await client.read_response()).body) == LARGE_BYTES
        assert (await client.read_response()).status == 101
        await client.send_text("hello")
        assert await client.read_text() == "hello"


@pytest.mark.parametrize("leave", [RawClient.reset, RawClient.half_close])
async def test_a_client_that_goes_without_its_answers_leaves_nothing(
    server: Serving, leave: Callable[[RawClient], None]
) -> None:
    async with await RawClient.open(server.port, receive_buffer_bytes=4_096) as client:
        await client.send(LARGE * 15)
        async with asyncio.timeout(WAIT_S):
            while not await server.ask(server.unsent_bytes):
                await server.turn()
        await client.send(request())
        await server.turn()
        leave(client)
    await server.settled(0)
    await tasks(server, some=False)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize(
    "data",
    [LARGE, LARGE * 3, plain("/large", "Connection: close")],
    ids=["one", "three", "last"],
)
async def test_an_answer_that_is_not_read_is_cut(loop: str, data: bytes) -> None:
    with serving(loop=loop, stall_max_s=0.2) as server:
        async with await RawClient.open(server.port, receive_buffer_bytes=4_096) as client:
            await client.send(data)
            await tasks(server, some=True)
            await server.settled(0)
            await tasks(server, some=False)


async def test_a_stream_that_is_not_read_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    with serving(stall_max_s=0.1, close_timeout_s=0.1) as server:
        async with await RawClient.open(server.port, receive_buffer_bytes=4_096) as client:
            await client.send(plain("/v1/events?endless"))
            assert (await server.app.next_end())["type"] == "http.disconnect"
            await server.settled(0)
    assert "Traceback" not in caplog.text


async def test_an_answer_that_the_application_leaves_incomplete_is_cut(
    server: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        assert (await client.upgrade(plain("/incomplete"))).status == 200
        assert not (await client.read_end()).endswith(b"0\r\n\r\n")
    assert not [one for one in caplog.records if one.levelno > logging.INFO]


async def test_the_rest_of_a_body_does_not_hold_a_connection() -> None:
    with serving(keep_alive_s=0.3) as server:
        async with await RawClient.open(server.port) as client:
            await client.send(plain("/early", "Content-Length: 1000000", method="POST"))
            assert (await client.read_response()).body == b"early"
            dripping = asyncio.ensure_future(_drip(client))
            await server.settled(0)
            dripping.cancel()


async def _drip(client: RawClient) -> None:
    while True:
        await client.send(b"x")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("head", "body"),
    [("Content-Length: 5", b"hello"), ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n")],
)
async def test_the_rest_of_a_body_may_come_after_the_answer(
    server: Serving, head: str, body: bytes
) -> None:
    async with await RawClient.open(server.port) as client:
        await client.send(plain("/early", head, method="POST"))
        assert (await client.read_response()).body == b"early"
        await client.send(body + plain("/b"))
        assert (await client.read_response()).body == b"/b 0"
        await client.send(plain("/c"))
        assert (await client.read_response()).body == b"/c 0"


async def test_a_broken_rest_of_a_body_ends_without_a_second_answer(server: Serving) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        await client.send(plain("/early", "Transfer-Encoding: chunked", method="POST"))
        assert (await client.read_response()).body == b"early"
        await client.send(b"zzz\r\n")
        assert await client.read_end() == b""


async def test_a_request_right_behind_a_chunked_body_is_not_taken(server: Serving) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        head = plain("/a", "Transfer-Encoding: chunked", method="POST")
        await client.send(head + b"1\r\nx\r\n0\r\n\r\n" + plain("/b"))
        answer: Response = await client.read_response()
        assert (answer.body, answer.headers["connection"]) == (b"/a 1", "close")
        assert await client.read_end() == b""


@pytest.mark.parametrize("cut", range(1, 5))
async def test_a_head_cut_anywhere_ends_where_it_ends(server: Serving, cut: int) -> None:
    """The four bytes between two requests come in two parts."""
    first, second = plain("/a"), plain("/b")
    async with await RawClient.open(server.port) as client:
        await client.send(first[:-cut])
        await server.turn()
        await client.send(first[len(first) - cut :] + second + second)
        for body in (b"/a 0", b"/b 0", b"/b 0"):
            assert (await client.read_response()).body == body


@pytest.mark.parametrize(
    "unread", [LARGE, plain("/v1/events?endless"), EVENTS], ids=["answer", "full-stream", "stream"]
)
async def test_who_does_not_read_is_not_waited_for_at_the_end(
    unread: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(shutdown_grace_s=2) as server:
        async with await RawClient.open(server.port, receive_buffer_bytes=4_096) as client:
            await client.send(unread)
            await tasks(server, some=True)
            await asyncio.to_thread(server.stop)
    assert not [one for one in caplog.records if one.levelno > logging.INFO]


async def test_another_protocol_is_not_switched_to(server: Serving) -> None:
    """The request is answered, and what was meant for the other protocol is dropped."""
    async with held_connections(server), await RawClient.open(server.port) as client:
        await client.send(plain("/a", "Connection: upgrade", "Upgrade: h2c") + plain("/b"))
        answer = await client.read_response()
        assert (answer.body, answer.headers["connection"]) == (b"/a 0", "close")
        assert await client.read_end() == b""


async def test_a_body_that_waits_for_100_continue_is_followed_by_a_request(server: Serving) -> None:
    async with await RawClient.open(server.port) as client:
        head = plain("/a", "Expect: 100-continue", "Content-Length: 2", method="POST")
        assert (await client.upgrade(head)).status == 100
        await client.send(b"ab" + plain("/b"))
        assert (await client.read_response()).body == b"/a 2"
        assert (await client.read_response()).body == b"/b 0"
