"""A TCP proxy in front of a database that delays, cuts or drops traffic on demand.

It does not parse the protocol. It relies on clients sending what belongs together in one piece,
which holds for small messages on the loopback interface.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum


class Verdict(Enum):
    """What to do with a held piece."""

    PASS = "it goes on as if nothing had been"
    CUT = "the connection ends before it"
    SWALLOW_ANSWER = "it goes on, and the connection ends instead of the answer"


class Held:
    """A piece that waits for a verdict, or will."""

    def __init__(self, wanted: Callable[[bytes], bool]) -> None:
        self.wanted = wanted
        self.reached = asyncio.Event()
        self.piece = b""
        self._verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

    def decide(self, verdict: Verdict) -> None:
        """Give the verdict, possibly before the piece has arrived."""
        if not self._verdict.done():
            self._verdict.set_result(verdict)

    async def wait(self, piece: bytes) -> Verdict:
        """Wait for the verdict on the piece that has arrived."""
        self.piece = piece
        self.reached.set()
        return await self._verdict


class DatabaseProxy:
    """A TCP proxy before one server.

    Args:
        port: the server's, on this machine.

    Attributes:
        port: the proxy's.
        pieces: the number of pieces received from clients.
        kept: those pieces, if a test has put a list here.
    """

    def __init__(self, port: int) -> None:
        self._named_port = self._server_port = port
        self._open: set[asyncio.StreamWriter] = set()
        self._holds: list[Held] = []
        self.port = 0
        self.pieces = 0
        self.kept: list[bytes] | None = None

    def through(self, url: str) -> str:
        """The same database through this proxy."""
        return url.replace(f":{self._named_port}/", f":{self.port}/")

    def fail_over(self, port: int) -> None:
        """Cut every connection; new ones go to the server at this port."""
        self._server_port = port
        for side in tuple(self._open):
            side.transport.abort()

    def hold(self, text: bytes) -> Held:
        """Hold the next piece that contains this."""
        return self._hold(lambda piece: text in piece)

    def hold_piece(self, number: int) -> Held:
        """Hold the n-th piece from now, counted from 1."""
        wanted = self.pieces + number
        return self._hold(lambda _: self.pieces == wanted)

    def _hold(self, wanted: Callable[[bytes], bool]) -> Held:
        held = Held(wanted)
        self._holds.append(held)
        return held

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        try:
            down, up = await asyncio.open_connection("127.0.0.1", self._server_port)
        except BaseException:
            writer.transport.abort()
            raise
        self._open.add(writer)
        deaf = asyncio.Event()
        answered = asyncio.Event()
        tasks = {
            asyncio.create_task(self._upwards(reader, up, deaf, answered)),
            asyncio.create_task(_downwards(down, writer, deaf, answered)),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(writer)
            for side in (writer, up):  # before any await: this may be cancelled again
                side.transport.abort()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _upwards(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        deaf: asyncio.Event,
        answered: asyncio.Event,
    ) -> None:
        while piece := await reader.read(1 << 20):
            self.pieces += 1
            if self.kept is not None:
                self.kept.append(piece)
            held = next((one for one in self._holds if one.wanted(piece)), None)
            verdict = Verdict.PASS
            if held is not None:
                self._holds.remove(held)
                verdict = await held.wait(piece)
            if verdict is Verdict.CUT:
                return
            if verdict is Verdict.SWALLOW_ANSWER:
                deaf.set()
            writer.write(piece)
            await writer.drain()
            if verdict is Verdict.SWALLOW_ANSWER:
                await answered.wait()
                return


async def _downwards(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    deaf: asyncio.Event,
    answered: asyncio.Event,
) -> None:
    while piece := await reader.read(1 << 20):
        if deaf.is_set():
            answered.set()
            continue
        writer.write(piece)
        await writer.drain()


@asynccontextmanager
async def proxied(port: int) -> AsyncIterator[DatabaseProxy]:
    """A proxy before the server at this port, closed after the block."""
    proxy = DatabaseProxy(port)
    open_now: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await proxy.serve(reader, writer)
        finally:
            open_now.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tuple(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)
        await server.wait_closed()
