"""A TCP relay: a load balancer for several nodes, or a link that can be cut or frozen.

It does not parse what it carries. It skips ports that refuse connections, so that clients of a
front do not notice dead servers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol

CONNECT_MAX_S = 2.0
_PIECE_MAX_BYTES = 65_536


class Link(Protocol):
    """A connection to a server, with faults: a relay, or a router of packets."""

    async def cut(self) -> None:
        """Refuse everything until `mend`."""
        ...

    def freeze(self, *, requests: bool = True, answers: bool = True) -> None:
        """Silently deliver nothing until `mend`.

        Args:
            requests: whether towards the server.
            answers: whether from the server.
        """
        ...

    def mend(self) -> None:
        """Pass everything on again."""
        ...


class Relay:
    """Passes each connection on to the next port, round-robin, that accepts it.

    Args:
        ports: returns the ports; called for each connection.

    Attributes:
        port: where it listens.
        served: the number of connections by port.
    """

    def __init__(self, ports: Callable[[], Sequence[int]]) -> None:
        self.port = 0
        self.served: dict[int, int] = {}
        self._ports = ports
        self._turn = 0
        self._cut = False
        self._requests_flow, self._answers_flow = asyncio.Event(), asyncio.Event()
        self.mend()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self, port: int = 0) -> None:
        """Listen; 0 takes a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End every connection and stop listening."""
        self._closed = True
        if self._server is not None:
            self._server.close()
            await self._end_connections()
            await self._server.wait_closed()

    # --- what can happen to a network -------------------------------------------------------

    async def cut(self) -> None:
        """End every connection, and new ones at once, until `mend`."""
        self._cut = True
        await self._end_connections()

    def freeze(self, *, requests: bool = True, answers: bool = True) -> None:
        """Hold data to the server, from it or both, until `mend`."""
        if answers:
            self._answers_flow.clear()
        if requests:
            self._requests_flow.clear()

    def mend(self) -> None:
        """Pass everything on again, held data first."""
        self._cut = False
        self._answers_flow.set()
        self._requests_flow.set()

    # --- a connection ------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Called synchronously for each connection, so that each is tracked, however it ends."""
        if self._closed:
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._open.add(task)

        def ended(_task: asyncio.Task[None]) -> None:
            self._open.discard(task)
            writer.transport.abort()

        task.add_done_callback(ended)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._requests_flow.wait()
        if self._cut or (behind := await self._connect()) is None:
            return
        answers, requests = behind
        tasks = [
            asyncio.create_task(self._pass(reader, requests, self._requests_flow)),
            asyncio.create_task(self._pass(answers, writer, self._answers_flow)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            try:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await _flush(writer, requests)
            finally:  # even when it is cut again meanwhile
                requests.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        ports = self._ports()
        for _ in ports:
            port = ports[self._turn % len(ports)]
            self._turn += 1
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_MAX_S):
                    streams = await asyncio.open_connection("127.0.0.1", port)
                self.served[port] = self.served.get(port, 0) + 1
                return streams
        return None

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: asyncio.Event
    ) -> None:
        while piece := await reader.read(_PIECE_MAX_BYTES):
            await flow.wait()
            writer.write(piece)
            await writer.drain()

    async def _end_connections(self) -> None:
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


async def _flush(*writers: asyncio.StreamWriter) -> None:
    """After one side ended, deliver what it sent before, if the other side reads."""
    for writer in writers:
        writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_MAX_S):
            await asyncio.gather(*(writer.wait_closed() for writer in writers))


@asynccontextmanager
async def relaying(ports: Callable[[], Sequence[int]]) -> AsyncIterator[Relay]:
    """A listening relay, closed after the block."""
    relay = Relay(ports)
    await relay.open()
    try:
        yield relay
    finally:
        await relay.close()
