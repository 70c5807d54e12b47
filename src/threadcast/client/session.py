"""The client's I/O: connects and reconnects, driven by the rules, and feeds the reader.

`session_rules` and `in_flight` decide what to do; this module opens, reads, writes and waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from ..clock import Clock
from ..errors import OutcomeUnknown, ThreadcastError
from ..events import Event
from ..ids import UnifiedIdGenerator
from ..wire.commands import Attach, Authenticate, Command
from ..wire.connection_data import AuthenticateAccepted
from .buffer import HandOver
from .endpoint import Endpoint
from .in_flight import InFlight
from .link import ConnectionFailed, drop_of_close, open_link
from .session_rules import (
    Answered,
    Became,
    Deliver,
    Drop,
    Fail,
    Greeted,
    HangUp,
    SessionRules,
    Step,
    rejection,
)
from .token_source import TokenSource, renewal_in_s
from .wire import MESSAGE_MAX_BYTES, decode_event, encode_command, lines_of, read_answer
from .words import ClientClosed, ClientState, Cursor, Phase, Reset

log = logging.getLogger(__name__)

_COMMANDS_IN_FLIGHT_MAX = 16

Item = Event | Reset


class Session:
    """One client's connections, one at a time.

    Args:
        endpoint: the server.
        tokens: gives the credential of each connection.
        rules: decide what to do.
        buffer: takes items for the reader.
        clock: for token renewal.
        on_state: called on the event loop at every change of state; must not block.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        tokens: TokenSource,
        rules: SessionRules,
        buffer: HandOver[Item],
        *,
        clock: Clock,
        on_state: Callable[[ClientState], None],
    ) -> None:
        self._endpoint = endpoint
        self._tokens = tokens
        self._rules = rules
        self._buffer = buffer
        self._clock = clock
        self._on_state = on_state
        self.state = ClientState(Phase.CONNECTING)
        self.attached = asyncio.Event()
        self.message_max_bytes = MESSAGE_MAX_BYTES
        self._flight = InFlight()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._slots = asyncio.Semaphore(_COMMANDS_IN_FLIGHT_MAX)
        self._outgoing: deque[tuple[str | None, str]] = deque()
        self._outgoing_filled = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._greeted = False
        self._renewer: asyncio.Task[None] | None = None
        self._leaving = False
        self._ended_by: ThreadcastError | None = None

    @property
    def start(self) -> Cursor | None:
        """Where reading began, if the first attach was not a reset."""
        return self._rules.start

    async def run(self) -> None:
        """Connect and reconnect until the client leaves.

        Raises:
            ThreadcastError: why it ended; also whatever a token callable raises besides `OSError`,
                and whatever `on_state` raises.
        """
        while True:
            drop = await self._connection()
            for asked in self._flight.dropped():
                text = f"the connection ended before {asked.name} was answered"
                self._fail_answer(asked.command_id, OutcomeUnknown(text))
            if self._leaving:
                return
            verdict = self._rules.dropped(drop)
            if isinstance(verdict, ThreadcastError):
                raise verdict
            log.info("connecting again in %.1f s", verdict.delay_s)
            self._become(ClientState(Phase.WAITING, verdict.delay_s, verdict.reason))
            await asyncio.sleep(verdict.delay_s)

    async def ask(self, command: Command, *, repeatable: bool) -> dict[str, Any]:
        """Send a command, again on the next connection if it is `repeatable`; return the answer.

        Raises:
            CommandRejected: the server refused it.
            OutcomeUnknown: the connection ended before the answer, and it is not repeatable.
            ThreadcastError: it cannot be sent, or the client has ended.
        """
        text = encode_command(command)
        size_bytes = len(text.encode())
        if size_bytes > self.message_max_bytes:
            expected = f"expected at most {self.message_max_bytes} bytes"
            raise ThreadcastError("too_long", f"{command.name}: {expected}, got {size_bytes}")
        async with self._slots:
            if self._ended_by is not None:
                raise self._ended_by
            answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            self._answers[command.id] = answer
            self._flight.add(command, text, repeatable=repeatable)
            if self._greeted:
                self._push(command.id, text)
            self._buffer.nudge()
            try:
                return await answer
            finally:
                self._flight.remove(command.id)
                self._answers.pop(command.id, None)

    def drained(self) -> None:
        """The reader took an item: events discarded for lack of room can be read again."""
        if self._greeted and self._rules.discarding and self._buffer.half_empty:
            for step in self._rules.resume():
                self._take(step, 0)

    async def say_goodbye(self) -> None:
        """Do the closing handshake, if connected; `run` must be cancelled after this."""
        self._leaving = True
        if self._socket is not None:
            await self._socket.close()

    def end(self, failure: BaseException | None) -> None:
        """Wake all waiters with the end; `run` is over."""
        self._ended_by = failure if isinstance(failure, ThreadcastError) else ClientClosed()
        for command_id in list(self._answers):
            self._fail_answer(command_id, self._ended_by)
        self._buffer.end(failure)
        self.attached.set()
        self._become(ClientState(Phase.CLOSED))  # last: `on_state` may raise

    async def _connection(self) -> Drop:
        self._become(ClientState(Phase.CONNECTING))
        self._rules.opened()
        try:
            token = await self._tokens.get()
        except OSError as error:
            return Drop(f"no token: {error.strerror or type(error).__name__}")
        except ThreadcastError as error:
            if not error.kind.retryable:
                raise
            return Drop(error.message, code=error.code)
        try:
            socket = await open_link(self._endpoint, token)
        except ConnectionFailed as failed:
            return failed.drop
        self._socket = socket
        self._outgoing.clear()
        sender = asyncio.create_task(self._send_all(socket))
        try:
            return await self._read_all(socket)
        finally:
            self._socket, self._greeted = None, False
            socket.transport.abort()
            await socket.wait_closed()
            await self._end_tasks(sender)

    async def _end_tasks(self, sender: asyncio.Task[None]) -> None:
        tasks = [task for task in (sender, self._renewer) if task is not None]
        self._renewer = None
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (failure := task.exception()) is not None:
                raise failure

    async def _read_all(self, socket: ClientConnection) -> Drop:
        try:
            while True:
                for line in lines_of(await socket.recv()):
                    hung_up = await self._read_event(line)
                    if hung_up is not None:
                        await socket.close(1000, "client hangs up")
                        return Drop(hung_up.reason, retry_after_s=hung_up.retry_after_s)
        except ConnectionClosed as closed:
            return drop_of_close(closed)

    async def _read_event(self, line: str) -> HangUp | None:
        event = decode_event(line)
        if event.seq is not None:
            await self._make_room()
        for step in self._rules.received(event):
            if isinstance(step, HangUp):
                return step
            self._take(step, len(line))
        return None

    async def _make_room(self) -> None:
        """Wait for the reader to make room; but keep reading while a command awaits its answer."""
        while self._buffer.full:
            if len(self._flight):
                self._rules.discard()
                return
            await self._buffer.changed()

    def _take(self, step: Step, size_bytes: int) -> None:
        match step:
            case Deliver():
                self._buffer.push(step.item, size_bytes)
            case Answered():
                self._answer(step)
            case Attach():
                self._push(None, encode_command(step))
            case Greeted():
                self._greet(step)
            case Became():
                self._become(ClientState(step.phase))
                self.attached.set()
            case Fail():
                raise step.error

    def _greet(self, greeted: Greeted) -> None:
        self._greeted = True
        limits = greeted.data.get("limits")
        limit = limits.get("message_max_bytes") if isinstance(limits, dict) else None
        if type(limit) is int and limit > 0:
            self.message_max_bytes = limit
        for asked in self._flight.to_send():
            self._push(asked.command_id, asked.text)
        if self._tokens.renewable and self._renewer is None:
            self._renewer = asyncio.create_task(self._renew(greeted))
            self._renewer.add_done_callback(self._renewer_ended)

    def _renewer_ended(self, task: asyncio.Task[None]) -> None:
        """An unexpected error of a token callable ends the client, not just the renewal."""
        failed = not task.cancelled() and task.exception() is not None
        if failed and self._socket is not None:
            self._socket.transport.abort()

    async def _renew(self, greeted: Greeted) -> None:
        expires_at = greeted.data.get("expires_at")
        ahead_s = greeted.server_time - self._clock.monotonic()
        while True:
            delay_s = renewal_in_s(expires_at, now=self._clock.monotonic() + ahead_s)
            if delay_s is None:
                return
            await asyncio.sleep(delay_s)
            command_id = UnifiedIdGenerator.generate_base_id("command")
            try:
                token = await self._tokens.get()
                data = await self.ask(Authenticate(id=command_id, token=token), repeatable=False)
                expires_at = read_answer(data, AuthenticateAccepted).expires_at
            except ThreadcastError as error:
                log.warning("the token could not be renewed: %s", error.code)
            except OSError as error:
                log.warning("the token could not be renewed: %s", type(error).__name__)

    def _answer(self, answered: Answered) -> None:
        if not answered.accepted:
            self._fail_answer(answered.command_id, rejection(answered.data))
            return
        answer = self._answers.get(answered.command_id)
        if answer is not None and not answer.done():
            answer.set_result(answered.data)
            self._flight.remove(answered.command_id)

    def _fail_answer(self, command_id: str, error: ThreadcastError) -> None:
        answer = self._answers.get(command_id)
        if answer is not None and not answer.done():
            answer.set_exception(error)
            self._flight.remove(command_id)

    def _push(self, command_id: str | None, text: str) -> None:
        self._outgoing.append((command_id, text))
        self._outgoing_filled.set()

    async def _send_all(self, socket: ClientConnection) -> None:
        while True:
            while self._outgoing:
                command_id, text = self._outgoing.popleft()
                if command_id is not None and not self._flight.sending(command_id):
                    continue
                try:
                    await socket.send(text)
                except ConnectionClosed:
                    return  # the reading side reports how it ended
            self._outgoing_filled.clear()
            await self._outgoing_filled.wait()

    def _become(self, state: ClientState) -> None:
        if state != self.state or state.phase is Phase.WAITING:
            self.state = state
            self._on_state(state)
