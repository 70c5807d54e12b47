"""One connection to a NATS server: nats-py, without the parts that could hurt a node.

nats-py signs in, upgrades to TLS, parses, and answers pings. Four of its parts are replaced,
because a node has to survive whatever its bus does:

- It sends through a list that a task flushes, and waits without bound for a server that does not
  read. Here a message is written immediately or not at all, with a bound on unsent bytes.
- It has a queue and mostly a task for each subscription. Here every message goes to one function.
- It reconnects by itself, at fixed intervals, and buffers what was published meanwhile. Here a link
  ends when it is lost, and the bus makes the next one.
- It upgrades `tls://` only if the server asks for it, so a man in the middle can prevent it.

No other module touches the internals of nats-py. Tested with 2.16.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client
from nats.errors import Error, NoServersError

from .endpoint import NatsEndpoint, Server

_CONNECT_MAX_S = 2
_FLUSH_MAX_S = 60  # ours is shorter
_CLOSE_MAX_S = 1
_OWN_PINGS_S = 86_400  # the bus has a heartbeat of its own

Receive = Callable[[int, bytes], None]

log = logging.getLogger(__name__)


class LinkLost(Exception):
    """A link could not be made, or has ended; the text says why and holds no secret."""


class Link(Client):
    """One connection to one server; it ends when it is lost.

    Args:
        server: to connect to.
        receive: called with the subscription's number and the message; must not raise.
        on_lost: called when the server ended the connection; must not raise.
    """

    def __init__(self, server: Server, receive: Receive, on_lost: Callable[[], None]) -> None:
        super().__init__()
        self.server = server
        self._receive = receive
        self._on_lost = on_lost
        self._fault: Exception | None = None

    async def open(self, endpoint: NatsEndpoint, name: str) -> None:
        """Connect and sign in, within `_CONNECT_MAX_S`.

        Args:
            endpoint: the credentials and the TLS settings.
            name: the connection's name in the server's monitoring.

        Raises:
            LinkLost: it did not work; the link must be ended.
        """
        try:
            async with asyncio.timeout(_CONNECT_MAX_S):
                await self._connect(endpoint, name)
            if type(self.max_payload) is not int:
                raise Error("it does not say how large a message may be")
        except Exception as error:  # whatever nats-py raises, on whatever a server sends
            known = isinstance(error, NoServersError) and self._fault
            raise LinkLost(_why(known or error)) from error

    async def answered(self, within_s: float) -> None:
        """Return once the server has processed everything that was written.

        Args:
            within_s: how long it may take, in seconds.

        Raises:
            LinkLost: it did not; the link must be ended.
        """
        if self.is_closed:
            raise LinkLost(_why(self._fault or self.last_error))
        try:
            async with asyncio.timeout(within_s):
                await self.flush(_FLUSH_MAX_S)
        except Exception as error:  # as above
            raise LinkLost(_why(error)) from error

    async def _connect(self, endpoint: NatsEndpoint, name: str) -> None:
        server, path = self.server, endpoint.credentials_path
        await self.connect(
            [server.address],
            error_cb=self._note,
            closed_cb=self._closed,
            name=name,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=_CONNECT_MAX_S,
            ping_interval=_OWN_PINGS_S,
            no_echo=True,
            tls=endpoint.tls,
            user=server.user,
            password=server.password,
            token=server.token,
            user_credentials=None if path is None else str(path),
        )

    @property
    def facts(self) -> dict[str, Any]:
        """The server's `INFO` at connect time."""
        return dict(self._server_info)

    @property
    def unsent_bytes(self) -> int:
        """Bytes written that the network has not taken yet."""
        writer = self._writer
        return 0 if writer is None else writer.transport.get_write_buffer_size()

    def write(self, commands: bytes) -> None:
        """Send whole protocol lines; the caller bounds what is unsent."""
        writer = self._writer
        if writer is not None and not writer.is_closing():
            writer.write(commands)

    async def end(self) -> None:
        """Close the connection and wait until it is gone; idempotent, bounded."""
        writer = self._writer
        if writer is not None:
            writer.transport.abort()
        try:
            async with asyncio.timeout(_CLOSE_MAX_S):
                await self.close()
        except Exception as error:  # noqa: BLE001 - as above; there is nobody to say goodbye to
            log.debug("a link to %s ended with %r", self.server.name, error)

    @property
    def _writer(self) -> asyncio.StreamWriter | None:
        writer: asyncio.StreamWriter | None = getattr(self._transport, "_io_writer", None)
        return writer

    async def _note(self, error: Exception) -> None:
        if self._fault is None and "permissions" in str(error):  # others end the connection
            log.warning("the bus at %s does not allow all: %s", self.server.name, error)
        self._fault = error

    async def _closed(self) -> None:
        self._on_lost()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Insist on TLS where the URL does, before any credential is sent."""
        if initial_connection and self.server.must_encrypt and not info.get("tls_required"):
            if not info.get("tls_available"):
                raise Error("the server does not offer TLS")
            info["tls_required"] = True
        info.pop("connect_urls", None)  # only servers named in the settings are trusted
        await super()._process_info(info, initial_connection)

    async def _process_msg(
        self, sid: int, _subject: bytes, _reply: bytes, data: bytes, _headers: bytes
    ) -> None:
        self._receive(sid, data)


def _why(error: BaseException | None) -> str:
    """What went wrong, for people."""
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()  # asyncio's own names the address again
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if error is None:
        return "the connection was closed"
    said = str(error).removeprefix("nats: ")
    if said.strip("'").lower() == "authorization violation":
        return "the user, password or token was not accepted"
    return said
