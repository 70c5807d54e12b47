"""Carries out the commands of one connection: decode, rate-limit, submit, answer.

Commands that change something are submitted to the journal in order of arrival, without waiting for
each other; each is answered once its effect is committed. It knows the connection but nothing of
ASGI.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

from ..auth.identity import Identity, accept_renewal
from ..context import UserExecutionContext
from ..errors import ThreadcastError
from ..events import ConnectionEventType
from ..ids import UnifiedIdGenerator
from ..rates import TokenBucket, WindowCounter, rate_limited
from ..store.units import (
    AnswerInput,
    CancelRun,
    CreateThread,
    MessageAccepted,
    Outcome,
    Rejected,
    RunState,
    ThreadChanged,
    Unit,
)
from ..tracing import CommandSpans
from ..wire import commands
from ..wire.connection_data import (
    AttachAccepted,
    AuthenticateAccepted,
    CancelRunAccepted,
    CommandAccepted,
    CommandRejectedData,
    CreateThreadAccepted,
    PingAccepted,
    RespondAccepted,
    SendMessageAccepted,
)
from .connection import Connection, position_of

T = TypeVar("T")

_ERROR_WINDOW_S = 60.0


class CommandHandler:
    """The commands of one connection.

    Args:
        connection: an opened connection; the gateway hands each text message to `hear`.
    """

    def __init__(self, connection: Connection) -> None:
        settings = connection.services.settings
        self._connection = connection
        self._services = connection.services
        self._rate = TokenBucket(
            settings.commands_per_s,
            settings.commands_burst,
            now=self._services.clock.monotonic(),
        )
        self._errors = WindowCounter(settings.errors_per_minute_max, _ERROR_WINDOW_S)
        self._floods = WindowCounter(settings.commands_burst, _ERROR_WINDOW_S)
        self._in_flight: set[str] = set()
        self._spans = CommandSpans(self._services.tracing, connection.context.request_id)
        self._answered: asyncio.Future[None] | None = None

    def release(self) -> None:
        """Forget unanswered commands; the owner calls it when the connection is over."""
        self._spans.end_all()

    async def ready(self) -> None:
        """Wait until another command may be read: few are open, and the client reads answers."""
        await self._connection.room()
        while len(self._in_flight) >= self._services.settings.commands_in_flight_max:
            self._answered = asyncio.get_running_loop().create_future()
            await self._answered

    async def hear(self, text: str) -> None:
        """Carry out one message of the client; every error becomes an answer or the end.

        Commands that arrive after the end has begun are dropped.
        """
        if self._connection.state.ended:
            return
        command_id: str | None = None
        try:
            command = commands.decode_command(text)
            command_id = command.id
            self._admit(command.id)
            self._spans.begin(command.id, str(type(command).__struct_config__.tag))
            await self._carry_out(command)
        except commands.UnusableCommand as error:
            self._reject(error.command_id, error)
        except ThreadcastError as error:
            self._reject(command_id, error)

    def _admit(self, command_id: str) -> None:
        wait_s = self._rate.take(self._services.clock.monotonic())
        if wait_s:
            self._services.refuse_rate(rate_limited(wait_s))
        if command_id in self._in_flight:
            raise ThreadcastError("duplicate_id")

    def _admit_work(self) -> None:
        if self._services.draining():
            raise ThreadcastError("shutting_down")

    async def _carry_out(self, command: commands.Command) -> None:
        match command:
            case commands.Ping():
                now = self._services.clock.now()
                self._accept(PingAccepted(command.id, round(now, 6)))
            case commands.SendMessage():
                await self._send_message(command)
            case commands.CreateThread():
                self._create_thread(command)
            case commands.CancelRun():
                self._spawn(command.id, self._cancel_run(command))
            case commands.Respond():
                self._spawn(command.id, self._respond(command))
            case commands.Attach():
                await self._attach(command)
            case commands.Authenticate():
                await self._authenticate(command)

    async def _attach(self, command: commands.Attach) -> None:
        named = command.thread_id
        wanted = position_of(
            after=command.after,
            feed=command.feed,
            at=command.at,
            thread_id=None if named is None else await self._thread_id(named),
        )
        data = await self._connection.attach(wanted)
        with self._connection.outbound.together():
            self._accept(AttachAccepted(command.id))
            self._connection.say_attached(data)
            self._connection.flow()

    async def _authenticate(self, command: commands.Authenticate) -> None:
        connection = self._connection
        offered = await self._services.authenticator.verify(
            command.token, now=self._services.clock.now()
        )
        await connection.renew(accept_renewal(connection.identity, offered))
        self._accept(authenticated(command.id, offered))

    async def _thread_id(self, named: str) -> str:
        """The current id of a thread that exists, by that or by its legacy one."""
        context = self._connection.context
        async with self._services.sessions.open(context, entrance="websocket") as session:
            return (await session.threads.get_by_id(named)).thread_id

    async def _send_message(self, command: commands.SendMessage) -> None:
        self._admit_work()
        thread_id = command.thread_id
        # A legacy id is resolved before the next command is read, which keeps their order.
        if thread_id is not None and not UnifiedIdGenerator.is_valid_id(thread_id, "thread"):
            thread_id = await self._thread_id(thread_id)
        context = UserExecutionContext.create(
            self._connection.identity.user_id,
            "chat",
            thread_id=thread_id,
            connection_id=self._connection.context.connection_id,
        )
        tracker = self._services.consistency.active
        if tracker is not None:
            tracker.begun(context)
        unit = self._services.intake.message(
            self._connection.identity,
            context,
            content=command.content,
            client_message_id=command.client_message_id,
            thread_id=thread_id,
            agent=command.agent,
            on_busy=command.on_busy,
            on_disconnect=command.on_disconnect,
        )
        self._submit(command.id, unit, self._message_accepted)

    def _message_accepted(self, command_id: str, result: MessageAccepted) -> SendMessageAccepted:
        self._services.intake.note_accepted(result)
        self._spans.began(command_id, result.thread_id, result.run_id)
        return SendMessageAccepted(
            command_id, result.thread_id, result.run_id, result.seq, result.duplicate
        )

    def _create_thread(self, command: commands.CreateThread) -> None:
        self._admit_work()
        context = UserExecutionContext.create(
            self._connection.identity.user_id,
            "thread",
            connection_id=self._connection.context.connection_id,
        )
        unit = CreateThread(context, command.title, command.metadata)
        self._submit(command.id, unit, thread_created)

    async def _cancel_run(self, command: commands.CancelRun) -> None:
        context = await self._run_context(command.run_id)
        unit = CancelRun(context, "cancelled by the user")
        self._submit(command.id, unit, run_cancelled)

    async def _respond(self, command: commands.Respond) -> None:
        context = await self._run_context(command.run_id)
        unit = AnswerInput(context, command.input_id, command.value)
        self._submit(command.id, unit, answer_taken)

    async def _run_context(self, run_id: str) -> UserExecutionContext:
        context = self._connection.context
        async with self._services.sessions.open(context) as session:
            run = await session.runs.get_by_id(run_id)
        return UserExecutionContext.for_run(
            context.user_id, run.thread_id, run_id, connection_id=context.connection_id
        )

    def _spawn(self, command_id: str, work: Coroutine[object, None, None]) -> None:
        self._in_flight.add(command_id)

        async def guarded() -> None:
            try:
                await work
            except ThreadcastError as error:
                self._settle(command_id)
                self._reject(command_id, error)

        self._services.tasks.start(guarded())

    def _submit(
        self, command_id: str, unit: Unit[T], describe: Callable[[str, T], CommandAccepted]
    ) -> None:
        if self._connection.state.ended:  # while the store resolved an id
            self._settle(command_id)
            return
        self._in_flight.add(command_id)

        def done(outcome: Outcome) -> None:
            self._settle(command_id)
            if isinstance(outcome, Rejected):
                self._reject(command_id, outcome.error)
            else:
                self._accept(describe(command_id, outcome.result))

        self._services.journal.submit(unit, done)

    def _settle(self, command_id: str) -> None:
        self._in_flight.discard(command_id)
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def _accept(self, answer: CommandAccepted) -> None:
        self._spans.end(answer.id)
        self._connection.say(ConnectionEventType.COMMAND_ACCEPTED, answer)

    def _reject(self, command_id: str | None, error: ThreadcastError) -> None:
        self._services.metrics.refusals.labels(error.code).inc()
        if error.code != "duplicate_id":  # the earlier one is still under way
            self._spans.end(command_id, error=error.code)
        data = rejection_data(command_id, error, self._connection.context.request_id)
        self._connection.say(ConnectionEventType.COMMAND_REJECTED, data)
        if error.code in ("unsupported_version", "identity_change"):
            self._connection.end(error.code)
        elif error.code == "rate_limited":
            self._end_if(self._floods, "rate_limited")
        elif error.kind.status == 400:
            self._end_if(self._errors, "too_many_errors")

    def _end_if(self, counter: WindowCounter, code: str) -> None:
        if counter.exceeded(self._services.clock.monotonic()):
            self._connection.end(code)


def rejection_data(
    command_id: str | None, error: ThreadcastError, request_id: str
) -> CommandRejectedData:
    """What `command_rejected` says."""
    return CommandRejectedData(
        id=command_id,
        code=error.code,
        message=error.message,
        retryable=error.kind.retryable,
        retry_after_ms=error.retry_after_ms,
        request_id=request_id,
    )


def authenticated(command_id: str, identity: Identity) -> AuthenticateAccepted:
    """What `authenticate` is answered with."""
    return AuthenticateAccepted(command_id, identity.user_id, identity.expires_at)


def thread_created(command_id: str, result: ThreadChanged) -> CreateThreadAccepted:
    """What `create_thread` is answered with."""
    return CreateThreadAccepted(command_id, result.thread_id, result.seq)


def run_cancelled(command_id: str, result: RunState) -> CancelRunAccepted:
    """What `cancel_run` is answered with."""
    return CancelRunAccepted(command_id, result.run_id, result.status)


def answer_taken(command_id: str, result: RunState) -> RespondAccepted:
    """What `respond` is answered with."""
    if result.seq is None:
        raise AssertionError("an answer that was taken is an event")
    return RespondAccepted(command_id, result.run_id, result.seq)
