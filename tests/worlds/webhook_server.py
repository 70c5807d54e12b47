"""A real HTTP server on loopback that takes webhooks and answers from a script."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from patience import WAIT_S


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with; `silent` never answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """One request: its path, its headers in lower case, its body."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body."""
        decoded: dict[str, object] = msgspec.json.decode(self.body)
        return decoded


class WebhookServer:
    """The server; use `webhook_server`.

    Attributes:
        url: with a path that must stay secret.
        requests: in the order of their arrival.
    """

    def __init__(self, script: Sequence[Answer]) -> None:
        self.url = ""
        self.requests: list[Received] = []
        self._script = list(script)
        self._arrived = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()

    async def received(self, count: int) -> list[Received]:
        """Wait for so many requests."""
        async with asyncio.timeout(WAIT_S):
            while len(self.requests) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.requests

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._open.discard(task)

    async def close(self) -> None:
        """End what is held open."""
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        kept = dict(line.split(": ", 1) for line in head[1:] if line)
        exact = {name.lower(): value for name, value in kept.items()}
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append(Received(head[0].split()[1], exact, body))
        answer = self._script.pop(0) if self._script else Answer()
        self._arrived.set()
        if answer.silent:
            await reader.read()  # until the client goes
            return
        more = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        line = f"HTTP/1.1 {answer.status} Answer\r\n{more}content-length: 2\r\n\r\nok"
        writer.write(line.encode())
        await writer.drain()


SECRET_PATH = "/services/T000/B000/very-secret-path"


@asynccontextmanager
async def webhook_server(*script: Answer) -> AsyncIterator[WebhookServer]:
    """Listen on a free port; when the script is at its end, everything is taken."""
    server = WebhookServer(script)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}{SECRET_PATH}"
    try:
        yield server
    finally:
        listener.close()
        await server.close()
        await listener.wait_closed()
