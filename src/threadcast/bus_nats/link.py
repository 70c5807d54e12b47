"""One connection to a NATS server, from nats-py, with what this package needs otherwise.

nats-py signs in, upgrades to TLS, parses, and answers pings; it is kept for that. Four things of it
are not used, because a node has to stay whole whatever its bus does:

- It sends through a list that it flushes in a task, and waits without bound for a server that takes
  nothing. Here a message is written at once or not at all, against a bound on what is unsent.
- It has a queue and mostly a task for each subscription. Here what arrives goes to one function.
- It connects again by itself, at even intervals, and keeps what was published meanwhile. Here a
  link ends when it is lost, and the bus makes the next one.
- It upgrades `tls://` only where the server asks for it, so a stranger in between can prevent it.

No other module touches the inside of nats-py. Tried with 2.16.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client
from nats.errors import Error, NoServersError

from .place import Place, Server

_CONNECT_MAX_S = 2
_FLUSH_MAX_S = 60  # ours is shorter
_CLOSE_MAX_S = 1
_OWN_PINGS_S = 86_400  # the bus has a heartbeat of its own

Receive = Callable[[int, bytes], None]

log = logging.getLogger(__name__)


class LinkLost(Exception):
    """A link could not be made, or is over; the text says why and holds no secret."""


class Link(Client):
    """One connection; made for one server, and over when it is lost.

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

    async def open(self, place: Place, name: str) -> None:
        """Connect and sign in, within `_CONNECT_MAX_S`.

        Args:
            place: what signs in, and how TLS is to be.
            name: by which the server's operators see this connection.

        Raises:
            LinkLost: it did not work; the link must be ended.
        """
        try:
            async with asyncio.timeout(_CONNECT_MAX_S):
                await self._connect(place, name)
            if type(self.max_payload) is not int:
                raise Error("it does not say how large a message may be")
        except Exception as error:  # whatever nats-py raises, on whatever a server sends
            known = isinstance(error, NoServersError) and self._fault
            raise LinkLost(_why(known or error)) from error

    async def answered(self, within_s: float) -> None:
        """Return when the server has taken everything that was written.

        Args:
            within_s: how long it may take, in seconds.

        Raises:
            LinkLost: it has not; the link must be ended.
        """
        if self.is_closed:
            raise LinkLost(_why(self._fault or self.last_error))
        try:
            async with asyncio.timeout(within_s):
                await self.flush(_FLUSH_MAX_S)
        except Exception as error:  # as above
            raise LinkLost(_why(error)) from error

    async def _connect(self, place: Place, name: str) -> None:
        server, path = self.server, place.credentials_path
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
            tls=place.tls,
            user=server.user,
            password=server.password,
            token=server.token,
            user_credentials=None if path is None else str(path),
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What the server said of itself when it was reached."""
        return dict(self._server_info)

    @property
    def unsent_bytes(self) -> int:
        """How much was written and not yet taken by the network."""
        writer = self._writer
        return 0 if writer is None else writer.transport.get_write_buffer_size()

    def write(self, commands: bytes) -> None:
        """Send whole protocol lines at once; the caller bounds what is unsent."""
        writer = self._writer
        if writer is not None and not writer.is_closing():
            writer.write(commands)

    async def end(self) -> None:
        """Cut the connection and wait until everything of it is over; idempotent, bounded."""
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
        if self._fault is None and "permissions" in str(error):  # all else ends the connection
            log.warning("the bus at %s does not allow all: %s", self.server.name, error)
        self._fault = error

    async def _closed(self) -> None:
        self._on_lost()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Insist on TLS where the URL does, before anything is said that signs in."""
        if initial_connection and self.server.must_encrypt and not info.get("tls_required"):
            if not info.get("tls_available"):
                raise Error("the server does not offer TLS")
            info["tls_required"] = True
        info.pop("connect_urls", None)  # only servers that the settings name are trusted
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
