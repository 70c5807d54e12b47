"""A small real web server that publishes signing keys, like a token issuer."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from token_forge import jwk, rsa_key


def document(*entries: object) -> bytes:
    return json.dumps({"keys": entries}).encode()


class Issuer:
    """An issuer's web server with changeable answers; it counts requests."""

    def __init__(self) -> None:
        self.url = ""
        self.status = "200 OK"
        self.headers = ""
        self.body = document(jwk(rsa_key(), kid="a"))
        self.drips = False
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            self.asked.set()
            await self.may_answer.wait()
            head = f"HTTP/1.1 {self.status}\r\nConnection: close\r\n{self.headers}\r\n"
            writer.write(head.encode() + self.body)
            await writer.drain()
            while self.drips:
                await asyncio.sleep(0.05)
                writer.write(b" ")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client gave up, as some tests intend
        finally:
            writer.close()


@asynccontextmanager
async def listening(
    issuer: Issuer, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0, ssl=ssl_context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if ssl_context else 'http'}://localhost:{port}/keys.json"
    finally:
        issuer.may_answer.set()
        issuer.drips = False
        server.close()
