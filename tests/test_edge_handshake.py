"""Requests and upgrades: what comes, and the answer of a real server to it."""

from __future__ import annotations

import asyncio
import time

import pytest

from edge_server import Serving, held_connections, serving
from patience import WAIT_S
from raw_client import KEY, RawClient, request
from threadcast.edge import EdgeLimits
from threadcast.edge.handshake import check_upgrade
from threadcast.edge.problem import Refusal


def plain(path: str = "/", *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request without an upgrade, header lines as given."""
    return "\r\n".join([f"{method} {path} HTTP/{version}", *headers, "", ""]).encode("latin-1")


def with_header(name: str, *values: str) -> bytes:
    return request(headers=[(name, value) for value in values])


REFUSED = [
    ("H1-line", plain("/" + "a" * 8_200, "Host: a"), 414, "uri_too_long"),
    ("H1-header", plain("/", "Host: a", "X: " + "a" * 8_200), 431, "headers_too_large"),
    ("H1-total", plain("/", "Host: a", *["X: " + "a" * 4_000] * 5), 431, "headers_too_large"),
    ("H2-none", plain("/"), 400, "bad_host"),
    ("H2-two", plain("/", "Host: a", "Host: a"), 400, "bad_host"),
    ("H3-path", plain("/", "Host: a/../admin?x="), 400, "bad_host"),
    ("H3-at", plain("/", "Host: a@b"), 400, "bad_host"),
    ("H3-space", plain("/", "Host: a b"), 400, "bad_host"),
    (
        "H5-both",
        plain("/", "Host: a", "Content-Length: 1", "Transfer-Encoding: chunked", method="POST"),
        400,
        "bad_request",
    ),
    (
        "H5-two",
        plain("/", "Host: a", "Content-Length: 1", "Content-Length: 2", method="POST"),
        400,
        "bad_request",
    ),
    ("H5-plus", plain("/", "Host: a", "Content-Length: +5", method="POST"), 400, "bad_request"),
    ("H5-minus", plain("/", "Host: a", "Content-Length: -1", method="POST"), 400, "bad_request"),
    ("H5-line", plain("/", "Host: a", "Content-Length: 5_0", method="POST"), 400, "bad_request"),
    (
        "H5-coded",
        plain("/", "Host: a", "Transfer-Encoding: gzip, chunked", method="POST"),
        400,
        "bad_request",
    ),
    ("H6-headers", plain("/", "Host: a", *["X: 1"] * 101), 431, "headers_too_large"),
    ("H12-unknown", plain("/", "Host: a", method="BREW"), 405, "method_not_allowed"),
    ("H12-lower-case", plain("/", "Host: a", method="get"), 405, "method_not_allowed"),
    ("H12-star", plain("*", "Host: a", method="OPTIONS"), 400, "bad_request"),
    ("H17-0.9", b"GET /\r\n\r\n", 400, "bad_request"),
    ("H17-no-version", b"GET /\r\n", 400, "bad_request"),
    ("H17-not-http", b"BREW\r\n\r\n", 400, "bad_request"),
    ("H17-h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request"),
    ("W1", plain("/v1/ws", "Host: a"), 426, "upgrade_required"),
    ("W1-query", plain("/v1/ws?x=1", "Host: a"), 426, "upgrade_required"),
    ("W2-8", with_header("Sec-WebSocket-Version", "8"), 426, "upgrade_required"),
    ("W2-12", with_header("Sec-WebSocket-Version", "12"), 426, "upgrade_required"),
    ("W2-14", with_header("Sec-WebSocket-Version", "14"), 426, "upgrade_required"),
    ("W2-none", request(without=["sec-websocket-version"]), 426, "upgrade_required"),
    ("W3-none", request(without=["sec-websocket-key"]), 400, "bad_ws_key"),
    ("W3-text", with_header("Sec-WebSocket-Key", "not base64 at all 123456"), 400, "bad_ws_key"),
    ("W3-short", with_header("Sec-WebSocket-Key", "c2hvcnQ="), 400, "bad_ws_key"),
    ("W3-17", with_header("Sec-WebSocket-Key", "c2V2ZW50ZWVuIGJ5dGVzIG8="), 400, "bad_ws_key"),
    ("W3-twice", with_header("Sec-WebSocket-Key", KEY, KEY), 400, "bad_ws_key"),
    ("W4-not", with_header("Upgrade", "notwebsocket"), 426, "upgrade_required"),
    ("W4-2", with_header("Upgrade", "websocket2"), 426, "upgrade_required"),
    ("W4-none", with_header("Connection", "keep-alive"), 426, "upgrade_required"),
    ("W9-commas", with_header("Sec-WebSocket-Protocol", ", " * 4_000), 400, "bad_subprotocol"),
    (
        "W9-100",
        with_header("Sec-WebSocket-Protocol", *["a, b, c, d, e"] * 20),
        400,
        "bad_subprotocol",
    ),
    ("W9-illegal", with_header("Sec-WebSocket-Protocol", "a(b)"), 400, "bad_subprotocol"),
    ("W10", request(headers=[("X", "1")] * 2_000), 431, "headers_too_large"),
    ("W12-post", request(method="POST"), 405, "method_not_allowed"),
    ("W12-1.0", request(version="1.0"), 400, "bad_request"),
    ("W12-body", with_header("Content-Length", "5") + b"hello", 400, "bad_request"),
    (
        "W12-chunked",
        with_header("Transfer-Encoding", "chunked") + b"0\r\n\r\n",
        400,
        "bad_request",
    ),
]


@pytest.mark.parametrize(
    ("data", "status", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_refused(server: Serving, data: bytes, status: int, code: str) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        response = await client.upgrade(data)
        assert response.status == status
        problem = response.problem()
        assert problem["code"] == code
        assert problem["status"] == status
        assert set(problem) == {"type", "title", "status", "code", "detail", "retryable"}
        assert "close" in response.headers["connection"]
        if status == 426:
            assert response.headers["upgrade"] == "websocket"
            assert response.headers["sec-websocket-version"] == "13"
        if status == 405:
            assert "GET" in response.headers["allow"].split(", ")
        assert await client.read_end() == b""


ACCEPTED = [
    ("W5-list", with_header("Connection", "keep-alive, Upgrade")),
    ("W5-case", with_header("Connection", "UPGRADE")),
    ("W5-two", with_header("Connection", "keep-alive", "upgrade")),
    ("W5-two-reversed", with_header("Connection", "Upgrade", "keep-alive")),
    ("W5-websocket-case", with_header("Upgrade", "WebSocket")),
    ("W9-no-match", with_header("Sec-WebSocket-Protocol", "other, another")),
    ("W9-sixteen", with_header("Sec-WebSocket-Protocol", ",".join("abcdefghijklmnop"))),
    (
        "W11-bits",
        with_header("Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=99"),
    ),
    ("W11-proto", with_header("Sec-WebSocket-Extensions", "__proto__; __proto__=1")),
    (
        "W11-500",
        with_header("Sec-WebSocket-Extensions", *["permessage-deflate," * 100 + "x"] * 4),
    ),
]


@pytest.mark.parametrize("data", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
async def test_accepted(server: Serving, data: bytes) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        response = await client.upgrade(data)
        assert response.status == 101
        assert response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert "sec-websocket-extensions" not in response.headers
        assert "sec-websocket-protocol" not in response.headers
        await client.send_text("hello")
        assert await client.read_text() == "hello"


def test_w9_is_judged_within_a_millisecond() -> None:
    headers = [
        (b"connection", b"upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", KEY.encode()),
        (b"sec-websocket-protocol", b" ," * 4_000),
    ]
    taken_s = []
    for _ in range(5):
        begin = time.process_time()
        verdict = check_upgrade(
            method="GET", version="1.1", target=b"/", headers=headers, limits=EdgeLimits()
        )
        taken_s.append(time.process_time() - begin)
        assert isinstance(verdict, Refusal)
    assert min(taken_s) < 0.01


@pytest.mark.parametrize("leave", ["reset", "half_close"])
async def test_w13_client_gone_before_101(server: Serving, leave: str) -> None:
    before = server.connections
    async with await RawClient.open(server.port) as client:
        await client.send(request("/held"))
        assert await asyncio.to_thread(server.app.begun.get, timeout=WAIT_S) == "/held"
        getattr(client, leave)()
        await server.settled(before, deadline_s=1.0)
        server.open_gate()
        assert await asyncio.to_thread(server.app.gone.get, timeout=WAIT_S)
        assert await client.read_end() == b""


async def test_application_refuses_with_its_own_response(server: Serving) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        response = await client.upgrade(request("/refused"))
        assert (response.status, response.body) == (418, b"no coffee")
        assert response.headers["x"] == "y"


async def test_bytes_behind_the_upgrade_are_not_lost(server: Serving) -> None:
    async with await RawClient.open(server.port) as client:
        early = bytes.fromhex("818500000000") + b"early"
        assert (await client.upgrade(request() + early)).status == 101
        assert await client.read_text() == "early"


async def test_keep_alive_pipelining_and_bodies_still_work(server: Serving) -> None:
    async with await RawClient.open(server.port) as client:
        post = plain("/a", "Host: a", "Content-Length: 20000", method="POST") + b"x" * 20_000
        await client.send(post + plain("/b", "Host: a") * 10)
        assert (await client.read_response()).body == b"/a 20000"
        for _ in range(10):
            assert (await client.read_response()).body == b"/b 0"
        await client.send(plain("/c", "Host: [::1]:80"))
        assert (await client.read_response()).body == b"/c 0"


async def test_h18_a_thousand_requests_in_advance(server: Serving) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        await client.send(b"".join(plain(f"/{number}", "Host: a") for number in range(1_000)))
        for number in range(1_000):
            assert (await client.read_response()).body == b"/%d 0" % number
        await client.send(plain("/more", "Host: a"))
        assert (await client.read_response()).body == b"/more 0"


async def test_bad_request_behind_a_good_one_leaves_the_answer_whole(server: Serving) -> None:
    async with await RawClient.open(server.port) as client:
        await client.send(plain("/a", "Host: a") * 3 + plain("/b"))
        for _ in range(3):
            assert (await client.read_response()).body == b"/a 0"
        assert (await client.read_response()).problem()["code"] == "bad_host"
        assert await client.read_end() == b""


@pytest.mark.parametrize(("trailers", "status"), [(3, 200), (200, 431)])
async def test_h6_trailers_are_counted(server: Serving, trailers: int, status: int) -> None:
    async with await RawClient.open(server.port) as client:
        head = plain("/a", "Host: a", "Transfer-Encoding: chunked", method="POST")
        await client.send(head + b"1\r\nx\r\n0\r\n" + b"T: 1234567890\r\n" * trailers * 10)
        await client.send(b"\r\n")
        assert (await client.read_response()).status == status


@pytest.mark.parametrize(("size", "status"), [(7_000, 200), (9_000, 431)])
async def test_h6_trailers_have_a_bound_of_their_own(
    server: Serving, size: int, status: int
) -> None:
    headers = ("Host: a", "X: " + "x" * 8_000, "Y: " + "y" * 6_000)
    async with await RawClient.open(server.port) as client:
        head = plain("/a", *headers, "Transfer-Encoding: chunked", method="POST")
        trailers = [b"T: " + b"t" * (size // 2)] * 2
        await client.send(head + b"1\r\nx\r\n0\r\n" + b"\r\n".join([*trailers, b"", b""]))
        assert (await client.read_response()).status == status


async def test_h6_a_trailer_that_does_not_end_is_refused(server: Serving) -> None:
    async with await RawClient.open(server.port) as client:
        head = plain("/a", "Host: a", "Transfer-Encoding: chunked", method="POST")
        await client.send(head + b"1\r\nx\r\n0\r\nT: ")
        for _ in range(5):  # what comes together with the chunk is not counted
            await asyncio.sleep(0.2)
            await client.send(b"t" * 9_000)
        assert (await client.read_response()).status == 431


async def test_a_long_chunk_in_many_pieces_is_a_body(server: Serving) -> None:
    async with await RawClient.open(server.port) as client:
        head = plain("/a", "Host: a", "Transfer-Encoding: chunked", method="POST")
        await client.send(head + b"c350\r\n")
        for _ in range(50):
            await client.send(b"x" * 1_000)
        await client.send(b"\r\n0\r\n\r\n")
        assert (await client.read_response()).status == 200


async def test_broken_body_of_a_waiting_request_is_answered(server: Serving) -> None:
    async with await RawClient.open(server.port) as client:
        head = plain("/a", "Host: a", "Transfer-Encoding: chunked", method="POST")
        await client.send(head + b"1\r\nx\r\n")
        await client.send(b"zzz\r\n")
        assert (await client.read_response()).problem()["code"] == "bad_request"


async def test_h17_tls_hello_on_a_plain_port(
    server: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        await client.send(bytes.fromhex("16030100c8010000c40303") + bytes(200))
        assert await client.read_end(deadline_s=1.0) == b""
    assert "TLS on a plain port" in caplog.text


DRIPS = [
    ("H7-nothing", b"", None),
    ("H7-half-line", b"GET /", None),
    ("H7-line", b"GET / HTTP/1.1\r\n", 408),
    ("H7-half-header", b"GET / HTTP/1.1\r\nHost: a\r\nX: ", 408),
    ("H7-second", plain("/", "Host: a") + b"GET / HTTP/1.1\r\nHo", 408),
]


@pytest.mark.parametrize(
    ("begin", "status"), [row[1:] for row in DRIPS], ids=[row[0] for row in DRIPS]
)
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_h7_header_drip(loop: str, begin: bytes, status: int | None) -> None:
    with serving(loop=loop, header_timeout_s=0.3) as server:
        async with await RawClient.open(server.port) as client:
            started = time.monotonic()
            await client.send(begin)
            if begin.startswith(plain("/", "Host: a")):
                assert (await client.read_response()).status == 200
            dripping = asyncio.ensure_future(_drip(client, b"a" if begin else b"\r\n"))
            if status is not None:
                assert (await client.read_response()).problem()["code"] == "request_timeout"
            assert await client.read_end() == b""
            assert 0.2 < time.monotonic() - started < 2.0
            dripping.cancel()


async def _drip(client: RawClient, data: bytes) -> None:
    while True:
        await client.send(data)
        await asyncio.sleep(0.05)


async def test_endless_header_is_cut_at_the_limit(server: Serving) -> None:
    async with held_connections(server), await RawClient.open(server.port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        for _ in range(20):
            await client.send(b"a" * 1_000)
        assert (await client.read_response()).problem()["code"] == "headers_too_large"


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_the_time_for_headers_ends_with_them(loop: str) -> None:
    """A stranger beside it who says nothing is cut at that time; who was upgraded is not."""
    with serving(loop=loop, header_timeout_s=0.3) as server:
        async with await RawClient.open_websocket(server.port) as upgraded:
            async with await RawClient.open(server.port) as stranger:
                assert await stranger.read_end() == b""
            await upgraded.send_text("still here")
            assert await upgraded.read_text() == "still here"
