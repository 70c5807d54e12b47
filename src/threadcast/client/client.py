"""The client as a program uses it: typed commands, and one iterator over everything that happens.

Connecting and reconnecting is the work of `session`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Literal

import msgspec

from ..clock import Clock, SystemClock
from ..errors import OutcomeUnknown, ThreadcastError
from ..events import Event
from ..ids import UnifiedIdGenerator
from ..wire.commands import Attach, CancelRun, Command, CreateThread, Ping, Respond, SendMessage
from ..wire.connection_data import (
    CancelRunAccepted,
    CreateThreadAccepted,
    PingAccepted,
    RespondAccepted,
)
from .arguments import check_callables, check_counts, check_waits
from .backoff import Backoff
from .buffer import HandOver
from .endpoint import endpoint_of
from .session import Session
from .session_rules import SessionRules
from .token_source import TokenCall, TokenSource
from .wire import encode_command, read_answer
from .words import ClientClosed, ClientState, CommandRejected, Cursor, Reset

_JITTER = random.random  # spreads reconnects in time; no secret, no id
_REJECTIONS_MAX = 8
_PASSING_CODES = frozenset(
    {"unknown_outcome", "unavailable", "overloaded", "shutting_down", "rate_limited"}
)


class Sent(msgspec.Struct, frozen=True):
    """A message was stored.

    Attributes:
        thread_id: the thread it is in.
        run_id: the run that answers it.
        seq: of its `message_created` event.
        duplicate: whether a message with this `client_message_id` was stored before; also true when
            this client itself had to retry the command.
        client_message_id: the idempotency key that it was sent with.
    """

    thread_id: str
    run_id: str
    seq: int
    duplicate: bool
    client_message_id: str = ""


def ignore_state(_state: ClientState) -> None:
    """The default `on_state`: does nothing."""


class Client:
    """A resuming reader of one user's events, and the way to send commands. See `connect`."""

    def __init__(
        self,
        session: Callable[[HandOver[Event | Reset]], Session],
        cursor: Cursor,
        buffer: HandOver[Event | Reset],
        *,
        backoff: Callable[[], Backoff],
        command_max_s: float,
    ) -> None:
        self._buffer = buffer
        self._session = session(self._buffer)
        self._cursor = cursor
        self._backoff = backoff
        self._command_max_s = command_max_s
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> ClientState:
        """The client's present state."""
        return self._session.state

    @property
    def cursor(self) -> Cursor:
        """The reader's place: pass its parts to `connect` later to resume from there."""
        return self._cursor

    async def __aenter__(self) -> Client:
        """Connect, and return once the cursor is attached.

        Raises:
            ServerUnreachable: not within `first_attempts`.
            ClientRefused: the server refuses this client.
            Exception: whatever the token callable or `on_state` raised.
        """
        if self._task is not None:
            raise RuntimeError("a client is opened once; make another with connect()")
        self._task = asyncio.create_task(self._session.run())
        self._task.add_done_callback(self._ended)
        try:
            await self._session.attached.wait()
        except BaseException:
            await self.close(goodbye=False)
            raise
        if self._task.done() and not self._task.cancelled():
            self._task.result()
        self._cursor = self._session.start or self._cursor
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close; without a closing handshake when the task was cancelled or interrupted."""
        await self.close(goodbye=kind is None or issubclass(kind, Exception))

    async def close(self, *, goodbye: bool = True) -> None:
        """Close; what was received can still be read, then the iterator stops. Idempotent.

        Args:
            goodbye: do the closing handshake, which takes up to 2 s with a silent server.
        """
        if self._task is None:
            return
        try:
            if goodbye:
                await self._session.say_goodbye()
        finally:  # the caller may be cancelled meanwhile
            self._task.cancel()
            await asyncio.wait([self._task])

    def __aiter__(self) -> AsyncIterator[Event | Reset]:
        """Every event after the cursor, in order, each exactly once; and every `Reset`."""
        return self

    async def __anext__(self) -> Event | Reset:
        """The next item; one task at a time may wait for it.

        Raises:
            StopAsyncIteration: the client was closed.
            ClientClosed: it was never opened.
            ThreadcastError: what ended the client; also what a callable of the caller raised.
        """
        self._require_open()
        item = await self._buffer.pull()
        self._session.drained()
        if isinstance(item, Reset):
            self._cursor = Cursor(item.after, item.feed)
        elif item.seq is not None:
            self._cursor = replace(self._cursor, after=item.seq, at=item.timestamp)
        return item

    async def send_message(
        self,
        content: str,
        thread_id: str | None = None,
        *,
        client_message_id: str | None = None,
        agent: str | None = None,
        on_busy: Literal["queue", "reject", "interrupt"] = "queue",
        on_disconnect: Literal["continue", "cancel"] = "continue",
    ) -> Sent:
        """Store a message and start a run that answers it, exactly once.

        If the connection ends before the answer, the command is retried under the same
        `client_message_id`.

        Args:
            content: 1..65,536 characters.
            thread_id: where; None makes a new thread.
            client_message_id: the idempotency key, 1..128 characters, so that the caller may retry,
                too; None makes one.
            agent: the agent that answers; None is the default one.
            on_busy: what to do if a run of the thread has not ended.
            on_disconnect: what happens to the run when the user's last connection ends.

        Raises:
            UnusableArgument: an argument has the wrong type or is out of its bounds.
            CommandRejected: the server refused it.
            OutcomeUnknown: no answer within `command_max_s`; its message has the
                `client_message_id` to retry with.
        """
        name = client_message_id
        if name is None:
            name = UnifiedIdGenerator.generate_base_id("message")

        def command(command_id: str) -> Command:
            return SendMessage(
                id=command_id,
                content=content,
                client_message_id=name,
                thread_id=thread_id,
                agent=agent,
                on_busy=on_busy,
                on_disconnect=on_disconnect,
            )

        data = await self._ask(command, repeatable=True, hint=f"client_message_id {name}")
        return msgspec.structs.replace(read_answer(data, Sent), client_message_id=name)

    async def create_thread(
        self, title: str | None = None, metadata: dict[str, Any] | None = None
    ) -> str:
        """Create an empty thread and return its id.

        Args:
            title: for people, at most 200 characters.
            metadata: data of your own, at most 64 keys and 16 KiB as JSON.

        Raises:
            UnusableArgument: an argument has the wrong type or is out of its bounds.
            CommandRejected: the server refused it.
            OutcomeUnknown: the answer was lost. It is not retried, because that could make two; a
                `thread_created` event tells whether it was made.
        """
        data = await self._ask(
            lambda command_id: CreateThread(
                id=command_id, title=title, metadata={} if metadata is None else metadata
            ),
            repeatable=False,
            hint="a thread_created event tells whether it was made",
        )
        return read_answer(data, CreateThreadAccepted).thread_id

    async def cancel_run(self, run_id: str) -> str:
        """Cancel a run and return its status; idempotent.

        Raises:
            UnusableArgument: it is no run id.
            CommandRejected: the server refused it.
            OutcomeUnknown: no answer within `command_max_s`.
        """
        data = await self._ask(
            lambda command_id: CancelRun(id=command_id, run_id=run_id), repeatable=True
        )
        return read_answer(data, CancelRunAccepted).status

    async def respond(self, run_id: str, input_id: str, value: Any) -> int:
        """Answer a run's question; return the seq of the `input_received` event.

        Args:
            run_id, input_id: of the `input_requested` event.
            value: the answer, any JSON of at most 64 KiB.

        Raises:
            UnusableArgument: an argument has the wrong type or is out of its bounds.
            CommandRejected: `already_answered`, `expired` and others.
            OutcomeUnknown: the answer was lost. It is not retried, because `already_answered` would
                not tell whose answer counted; the `input_received` event does.
        """
        data = await self._ask(
            lambda command_id: Respond(
                id=command_id, run_id=run_id, input_id=input_id, value=value
            ),
            repeatable=False,
            hint="an input_received event tells whether it was taken",
        )
        return read_answer(data, RespondAccepted).seq

    async def ping(self) -> float:
        """The server's wall time, in seconds since the epoch."""
        data = await self._ask(lambda command_id: Ping(id=command_id), repeatable=True)
        return read_answer(data, PingAccepted).timestamp

    async def _ask(
        self, command: Callable[[str], Command], *, repeatable: bool, hint: str = ""
    ) -> dict[str, Any]:
        self._require_open()
        try:
            async with asyncio.timeout(self._command_max_s):
                return await self._ask_until_settled(command, repeatable=repeatable)
        except TimeoutError:
            text = f"no answer within {self._command_max_s:g} s"
        except OutcomeUnknown as error:
            text = error.message
        raise OutcomeUnknown(f"{text}; {hint}" if hint else text)

    async def _ask_until_settled(
        self, command: Callable[[str], Command], *, repeatable: bool
    ) -> dict[str, Any]:
        backoff = self._backoff()
        now_s = asyncio.get_running_loop().time
        ends_s = now_s() + self._command_max_s
        while True:
            command_id = UnifiedIdGenerator.generate_base_id("command")
            try:
                return await self._session.ask(command(command_id), repeatable=repeatable)
            except CommandRejected as rejected:
                if not _passes(rejected, repeatable) or backoff.attempts >= _REJECTIONS_MAX:
                    raise _honest(rejected) from None
                wait_ms = rejected.retry_after_ms
                wait_s = backoff.next_s(None if wait_ms is None else wait_ms / 1000)
                if now_s() + wait_s >= ends_s:  # what is known is more than a timeout would tell
                    raise _honest(rejected) from None
            await asyncio.sleep(wait_s)

    def _require_open(self) -> None:
        if self._task is None:
            raise ClientClosed("the client is not open; use it in `async with connect(...)`")

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._session.end(None if task.cancelled() else task.exception())


def _passes(rejected: CommandRejected, repeatable: bool) -> bool:
    """Whether retrying the command after a while is safe and may succeed."""
    known = rejected.server_code
    return (
        rejected.retryable
        and known in _PASSING_CODES
        and (repeatable or known != "unknown_outcome")
    )


def _honest(rejected: CommandRejected) -> ThreadcastError:
    if rejected.server_code == "unknown_outcome":
        return OutcomeUnknown(rejected.message)
    return rejected


def connect(
    url: str,
    token: str | TokenCall,
    *,
    after: int | None = None,
    feed: str | None = None,
    at: float | None = None,
    thread_id: str | None = None,
    on_state: Callable[[ClientState], None] = ignore_state,
    first_attempts: int | None = 1,
    retry_first_s: float = 0.5,
    retry_max_s: float = 30.0,
    command_max_s: float = 60.0,
    buffer_max_events: int = 1_000,
    buffer_max_bytes: int = 4_194_304,
    clock: Clock | None = None,
) -> Client:
    """A client for one user, to be used as `async with connect(url, token) as client`.

    It stays connected until it is closed, and always resumes exactly where it was. While its caller
    does not read, it does not either: memory stays bounded, and the journal keeps the rest.

    Args:
        url: `http(s)://host:port[/prefix]` or the same with `ws(s)`.
        token: the credential, and the client ends when it does; or a function, sync or async, that
            gives a fresh one: its `OSError` or retryable `ThreadcastError` is a failed connection.
        after, feed, at: a saved `Client.cursor`. `after` 0 is the beginning, without it the head.
        thread_id: only this thread's events; None means all. May be its id from an older system.
        on_state: told of every change of `Client.state`, on the loop; raising ends the client.
        first_attempts: how many attempts the first connection gets; None means any number.
        retry_first_s, retry_max_s: bounds on the first and every wait between attempts, seconds.
        command_max_s: how long a command may take, repetitions included, in seconds.
        buffer_max_events, buffer_max_bytes: how much is held for a reader that does not read.
        clock: for token renewal; None is the machine's.

    Raises:
        UnusableUrl, UnusableArgument: an argument has the wrong type or is out of its bounds.
    """
    check_callables(token, on_state)
    check_counts(first_attempts, buffer_max_events, buffer_max_bytes)
    check_waits(retry_first_s, retry_max_s, command_max_s)
    encode_command(Attach(id="check", after=after, feed=feed, at=at, thread_id=thread_id))
    cursor, tokens = Cursor(after, feed, at), TokenSource(token)
    backoff = partial(Backoff, first_s=retry_first_s, max_s=retry_max_s, jitter=_JITTER)
    session = partial(Session, endpoint_of(url), tokens, clock=clock or SystemClock())
    rules = SessionRules(
        cursor,
        thread_id=thread_id,
        backoff=backoff(),
        first_attempts=first_attempts,
        renewable=tokens.renewable,
        make_id=partial(UnifiedIdGenerator.generate_base_id, "attach"),
    )
    return Client(
        partial(session, rules, on_state=on_state),
        cursor,
        HandOver(max_items=buffer_max_events, max_bytes=buffer_max_bytes),
        backoff=backoff,
        command_max_s=command_max_s,
    )
