"""A real edge server in a thread of its own, with a small application that tests can steer."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import uvloop
from starlette.types import Message, Receive, Scope, Send

from patience import WAIT_S
from threadcast.edge import (
    FRAMES_EXTENSION,
    EdgeLimits,
    EdgeServer,
    FrameWriter,
    ServeOptions,
    build_server,
)
from threadcast.edge.config import EdgeConfig

T = TypeVar("T")

LARGE_BYTES = 16_777_216  # more than the kernel takes for a client that does not read
_PIECE = bytes(65_536)


class SteeredApp:
    """An echo server, with a few commands.

    Attributes:
        ends: the message with which every WebSocket and event stream ended.
        gone: every OSError that `send` raised before `accept`.
        begun: the path of every upgrade, and of requests to `/watched`.
        marks: the text after each command `mark`.
        writers: the frame writer of every accepted connection.
        gate: set to let waiting connections (`/held`, `wait`) continue.
    """

    def __init__(self) -> None:
        self.ends: queue.Queue[Message] = queue.Queue()
        self.gone: queue.Queue[OSError] = queue.Queue()
        self.begun: queue.Queue[str] = queue.Queue()
        self.marks: queue.Queue[str] = queue.Queue()
        self.writers: queue.Queue[FrameWriter] = queue.Queue()
        self.gate: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["path"]:
            case "/v1/events" if scope["method"] == "GET":
                await _begin(send)
                await _stream(scope, receive, send)
                self.ends.put(await receive())
            case "/watched":
                self.gate = asyncio.Event()
                gone = asyncio.ensure_future(_next_after_body(receive))
                self.begun.put(scope["path"])
                await self.gate.wait()
                gone.cancel()
                await _say(b"watched", send)
            case "/early":
                await _say(b"early", send)
            case "/large":
                await receive()
                await _begin(send, LARGE_BYTES)
                for _ in range(LARGE_BYTES // len(_PIECE)):
                    await send({"type": "http.response.body", "body": _PIECE, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            case "/incomplete":
                await _begin(send)
                await send({"type": "http.response.body", "body": _PIECE, "more_body": True})
            case _:
                await _answer(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        path = scope["path"]
        self.begun.put(path)
        if path == "/refused":
            await _refuse(send)
            return
        if path == "/closed":
            await send({"type": "websocket.close"})
            return
        if path == "/held":
            self.gate = asyncio.Event()
            await self.gate.wait()
        try:
            await send({"type": "websocket.accept"})
        except OSError as error:
            self.gone.put(error)
            return
        if path == "/fails":
            raise LookupError("the application's own fault")
        writer: FrameWriter = scope["extensions"][FRAMES_EXTENSION]
        self.writers.put(writer)
        await self._talk(writer, receive, send)

    async def _talk(self, writer: FrameWriter, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "websocket.receive":
            word, _, rest = message["text"].partition(" ")
            if word == "limit":
                writer.message_max_bytes = int(rest)
                await send({"type": "websocket.send", "text": "raised"})
            elif word == "mark":
                self.marks.put(rest)
            elif word == "close":
                await send({"type": "websocket.close", "code": int(rest), "reason": "asked"})
            elif word == "length":
                await send({"type": "websocket.send", "text": str(len(message["text"]))})
            elif word == "wait":
                self.gate = asyncio.Event()
                await self.gate.wait()
            else:
                await send({"type": "websocket.send", "text": message["text"]})
        self.ends.put(message)

    def forget(self) -> None:
        """Empty all queues, between two tests."""
        for events in (self.ends, self.gone, self.begun, self.marks, self.writers):
            with events.mutex:
                events.queue.clear()

    async def next_end(self, *, deadline_s: float = WAIT_S) -> Message:
        """The next connection to end."""
        return await asyncio.to_thread(self.ends.get, timeout=deadline_s)


async def _begin(send: Send, length: int | None = None) -> None:
    headers = [] if length is None else [(b"content-length", b"%d" % length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _say(body: bytes, send: Send) -> None:
    await _begin(send, len(body))
    await send({"type": "http.response.body", "body": body})


async def _stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait until the client has gone; in the meantime send as much as it takes, if it asks so."""
    gone = asyncio.ensure_future(_next_after_body(receive))
    while scope["query_string"] == b"endless" and not gone.done():
        await send({"type": "http.response.body", "body": _PIECE, "more_body": True})
    await gone


async def _next_after_body(receive: Receive) -> Message:
    """The first message that is not a part of the body."""
    while (message := await receive())["type"] == "http.request":
        pass
    return message


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    await _say(b"%s %d" % (scope["path"].encode(), len(body)), send)


async def _refuse(send: Send) -> None:
    start = {"type": "websocket.http.response.start", "status": 418, "headers": [(b"x", b"y")]}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": b"no ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"coffee"})


class Serving:
    """A running server.

    Attributes:
        app: the application.
        server: the server; only its thread-safe parts may be used.
        loop: the server's event loop.
    """

    def __init__(
        self,
        limits: EdgeLimits,
        loop_factory: Callable[[], asyncio.AbstractEventLoop],
        before_shutdown: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self.app = SteeredApp()
        self.server: EdgeServer
        self.loop = loop_factory()
        self._limits = limits
        self._before_shutdown = before_shutdown
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.server.bound_port

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self.server.server_state.connections)

    @property
    def readers(self) -> int:
        """The number of event streams and WebSockets."""
        config = self.server.config
        assert isinstance(config, EdgeConfig)
        return config.admission.readers

    @property
    def tasks(self) -> int:
        """The number of tasks of the application."""
        return len(self.server.server_state.tasks)

    def unsent_bytes(self) -> int:
        """What waits in user space for clients to read; only in the server's thread."""
        connections = self.server.server_state.connections
        return sum(one.transport.get_write_buffer_size() for one in connections)

    def start(self) -> None:
        """Start, and return when requests are accepted."""
        self._thread.start()
        assert self._ready.wait(WAIT_S)

    def stop(self) -> None:
        """Stop, and wait for the thread to end."""
        self.server.stop()
        self._thread.join(15)
        assert not self._thread.is_alive()

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function in the server's thread."""
        self.loop.call_soon_threadsafe(function, *arguments)

    async def ask(self, function: Callable[..., T], *arguments: Any) -> T:
        """The result of a function in the server's thread, after earlier calls."""

        async def answer() -> T:
            return function(*arguments)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(answer(), self.loop))

    async def settled(self, connections: int, *, deadline_s: float = WAIT_S) -> None:
        """Wait until the server has this many connections."""
        async with asyncio.timeout(deadline_s):
            while self.connections != connections:
                await self.turn()

    async def turn(self) -> None:
        """Wait for one iteration of the server's event loop."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_turn(), self.loop))

    def open_gate(self) -> None:
        """Let a held connection continue."""
        assert self.app.gate is not None
        self.call(self.app.gate.set)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self.server = build_server(
            self.app,
            host="127.0.0.1",
            port=0,
            limits=self._limits,
            before_shutdown=self._before_shutdown,
            options=ServeOptions(lifespan="off"),
        )
        serving = asyncio.ensure_future(self.server.serve())
        await self.server.wait_ready()
        self._ready.set()
        await serving


@contextlib.contextmanager
def serving(
    *,
    loop: str = "uvloop",
    before_shutdown: Callable[[], Awaitable[None]] | None = None,
    **limits: Any,
) -> Iterator[Serving]:
    """A server with these limits on this kind of event loop."""
    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    server = Serving(EdgeLimits(**limits), factory, before_shutdown)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.asynccontextmanager
async def held_connections(server: Serving) -> AsyncIterator[None]:
    """Check that afterwards the server has as many connections as before."""
    before = server.connections
    yield
    await server.settled(before)


async def _turn() -> None:
    """One iteration of the server's event loop."""
    await asyncio.sleep(0)
