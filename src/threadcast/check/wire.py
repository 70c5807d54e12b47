"""A WebSocket below the public client, recording everything received, duplicates included.

The public client hides what a check must see: it drops duplicates and reconnects by itself.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from ..client import ClientRefused, ProtocolViolation
from ..client.endpoint import Endpoint
from ..client.link import ConnectionFailed, open_link
from ..client.wire import decode_event, lines_of
from ..errors import ERRORS
from ..events import Event
from ..ids import UnifiedIdGenerator
from .verdict import Broken
from .witness import Witness

ANSWER_MAX_S = 10.0
_EVENTS_MAX = 200_000
_SEQS_MAX = 1_000_000
_BYTES_MAX = 268_435_456
_SEQ_MAX = 2**53
_ATTEMPTS_MAX = 4
_PAUSE_MAX_S = 5.0
ANSWERS = ("command_accepted", "command_rejected")

Wanted = Callable[[Event], bool]


class Wire:
    """An open connection. `open_wire` makes one; `close` ends it.

    Attributes:
        events: what came, in order.
        ready: the data of `connection_ready`.
        user_id: whose connection it is.
    """

    def __init__(self, socket: ClientConnection, witness: Witness) -> None:
        self.events: list[Event] = []
        self.ready: dict[str, Any] = {}
        self.user_id = ""
        self._socket = socket
        self._witness = witness
        self._came = asyncio.Event()
        self._fault = ""
        self._seqs = self._bytes = 0
        self._task = asyncio.get_running_loop().create_task(self._listen())

    @property
    def ended(self) -> bool:
        """Whether nothing more can come."""
        return self._task.done()

    @property
    def close_code(self) -> int | None:
        """The close code, once it has ended."""
        return self._socket.close_code

    async def greet(self) -> None:
        """Wait for `connection_ready`.

        Raises:
            ClientRefused: the server refused this user, with a reason.
            Broken: it sent nothing.
        """
        greetings = ("connection_ready", "connection_closing")
        first = await self.until(lambda event: event.event_type in greetings, "connection_ready")
        if first.event_type == "connection_closing":
            code = str(first.data.get("error"))
            raise ClientRefused(
                code if code in ERRORS else "forbidden",
                str(first.data.get("reason")),
                close_code=first.data.get("code"),
            )
        self.ready, self.user_id = first.data, first.user_id

    async def until(
        self, wanted: Wanted, what: str, *, since: int = 0, max_s: float = ANSWER_MAX_S
    ) -> Event:
        """The first such event from `events[since]` on.

        Raises:
            Broken: it did not come in time, or the connection ended before.
        """
        index = since
        try:
            async with asyncio.timeout(max_s):
                while True:
                    while index < len(self.events):
                        if wanted(self.events[index]):
                            return self.events[index]
                        index += 1
                    if self.ended:
                        raise Broken(f"the connection ended ({self.end_text()}), expected {what}")
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise Broken(f"no {what} within {max_s:g} s") from None

    async def say(self, command: str, **fields: Any) -> str:
        """Send a command without waiting; returns its id."""
        command_id = UnifiedIdGenerator.generate_base_id("command")
        await self.send_text(json.dumps({"command": command, "id": command_id, **fields}))
        return command_id

    async def send_text(self, text: str) -> None:
        """Send one message as it is.

        Raises:
            Broken: the connection has ended.
        """
        try:
            async with asyncio.timeout(ANSWER_MAX_S):
                await self._socket.send(text)
        except (ConnectionClosed, TimeoutError):
            raise Broken(f"the connection ended ({self.end_text()})") from None

    async def answer(self, command_id: str | None, *, since: int = 0) -> Event:
        """The answer to a command.

        Raises:
            Broken: there is none.
        """

        def answers(event: Event) -> bool:
            return event.event_type in ANSWERS and event.data.get("id") == command_id

        return await self.until(answers, "answer to a command", since=since)

    async def ask(self, command: str, **fields: Any) -> Event:
        """Send a command and wait for its answer, whatever it is.

        Raises:
            Broken: there is none.
        """
        since = len(self.events)
        return await self.answer(await self.say(command, **fields), since=since)

    async def attach(self, **cursor: Any) -> tuple[Event, int]:
        """Attach at a cursor and read until `caught_up`.

        Returns:
            The `attached` event, and where in `events` those after it begin.

        Raises:
            Broken: it was refused, or did not catch up.
        """
        since = len(self.events)
        answer = await self.ask("attach", **cursor)
        if answer.event_type != "command_accepted":
            raise Broken(f"attach was refused: {answer.data.get('code')}")
        attached = await self.until(
            lambda event: event.event_type == "attached", "attached", since=since
        )
        after = attached.data.get("after")
        if type(after) is not int or not 0 <= after <= _SEQ_MAX:
            raise Broken(f"attached does not say where: {after!r}")
        start = next(
            index for index in range(since, len(self.events)) if self.events[index] is attached
        )
        await self.until(lambda event: event.event_type == "caught_up", "caught_up", since=start)
        return attached, start + 1

    async def ending(self, *, max_s: float) -> int | None:
        """Wait for the server to end the connection; the close code, None without a close.

        Raises:
            Broken: it did not.
        """
        done, _ = await asyncio.wait([self._task], timeout=max_s)
        if not done:
            raise Broken(f"the connection was still open after {max_s:g} s")
        return self._socket.close_code

    async def ended_at_all(self) -> None:
        """Wait, however long, until nothing more can come."""
        await asyncio.wait([self._task])

    def end_text(self) -> str:
        """How the connection ended, in words."""
        return self._fault or f"close code {self._socket.close_code}"

    async def close(self) -> None:
        """End the connection, in bounded time; idempotent."""
        await self._socket.close()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _listen(self) -> None:
        try:
            async for frame in self._socket:
                for line in lines_of(frame):
                    event = decode_event(line)
                    self._measure(event, line)
                    owner = self.user_id or event.user_id
                    self._witness.saw_event(owner, event, line)
                    self.events.append(event)
                self._came.set()
        except ConnectionClosed:
            pass
        except ProtocolViolation as violation:
            self._fault = violation.message
        finally:
            asyncio.get_running_loop().call_soon(self._came.set)

    def _measure(self, event: Event, line: str) -> None:
        """Count an event, so that a faulty server cannot exhaust memory.

        Raises:
            ProtocolViolation: a seq is invalid, or there are more events than any check expects.
        """
        if event.seq is not None:
            first = event.seq if event.first_seq is None else event.first_seq
            if not 1 <= first <= event.seq <= _SEQ_MAX:
                raise ProtocolViolation(f"an event stands for the seqs {first} to {event.seq}")
            self._seqs += event.seq - first + 1
        self._bytes += len(line)
        if len(self.events) >= _EVENTS_MAX or self._seqs > _SEQS_MAX or self._bytes > _BYTES_MAX:
            raise ProtocolViolation("events came without end")


async def open_wire(
    endpoint: Endpoint,
    token: str,
    witness: Witness,
    *,
    attempts: int = _ATTEMPTS_MAX,
    tls: ssl.SSLContext | None = None,
) -> Wire:
    """Open a connection and wait for `connection_ready`.

    Args:
        endpoint: where.
        token: as whom.
        witness: sees all that comes.
        attempts: how many at most; a server may be busy for a moment.
        tls: what to trust, where TLS is used.

    Raises:
        ConnectionFailed: it was not opened.
        ClientRefused: the server does not want this user.
        Broken: it opened and sent nothing.
    """
    while True:
        attempts -= 1
        try:
            wire = Wire(await open_link(endpoint, token, tls=tls), witness)
        except ConnectionFailed as failed:
            if attempts <= 0 or failed.drop.lasting:
                raise
            await asyncio.sleep(min(failed.drop.retry_after_s or 0.1, _PAUSE_MAX_S))
            continue
        try:
            await wire.greet()
        except BaseException:
            await wire.close()
            raise
        return wire
