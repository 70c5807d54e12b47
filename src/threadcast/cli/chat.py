"""`threadcast chat`: talk to an agent in a terminal, or through a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator

import click

from ..client import Client, ClientState, CommandRejected, Cursor, Phase, Snapshots, connect
from . import exits
from .chat_conversation import Conversation
from .chat_input import LineInput
from .chat_screen import Screen
from .chat_transcript import Transcript
from .credential import Access, access_options
from .output_watch import ended_with_its_reader
from .thread_option import thread_option

_COMMAND_MAX_S = 86_400.0


@click.command("chat")
@access_options
@thread_option("Go on in this thread.")
@click.option("--agent", metavar="NAME", help="The agent that is asked.  [default: the server's]")
@click.pass_context
def command(
    context: click.Context, access: Access, thread_id: str | None, agent: str | None
) -> None:
    """Talk to an agent.

    Each line is a message. Ctrl-C cancels the run, a second one leaves, as does Ctrl-D. From a
    pipe, each line is sent once the previous one was answered, and only answers go to standard
    output; thinking, questions and tools go to standard error.
    """
    screen = Screen(sys.stdout, sys.stderr, typed=_stdin_is_a_terminal())
    try:
        status = asyncio.run(_Chat(access, screen, agent).talk(thread_id))
    finally:
        screen.end_line()
    context.exit(status)


class _Chat:
    """One call of the command."""

    def __init__(self, access: Access, screen: Screen, agent: str | None) -> None:
        self._access = access
        self._screen = screen
        self._agent = agent
        self._attempts = 0
        self._left = False

    async def talk(self, thread_id: str | None) -> int:
        """Chat until the input ends or the user leaves; returns the exit status."""
        transcript = Transcript(self._screen, thread_id)
        try:
            with ended_with_its_reader(sys.stdout):
                return await self._talk(transcript)
        except asyncio.CancelledError:
            if not self._left:
                raise
            return exits.INTERRUPTED

    async def _talk(self, transcript: Transcript) -> int:
        async with Snapshots(self._access.url, self._access.token) as snapshots:
            cursor = await _history(snapshots, transcript)
            async with self._client(cursor, transcript.thread_id) as client:
                lines = LineInput(_stdin())
                talking = Conversation(
                    client, snapshots, lines, self._screen, transcript, self._agent
                )
                if self._screen.interactive:
                    self._screen.notice("Ctrl-C stops an answer, Ctrl-D leaves after it")
                with self._interrupts(talking), self._way_back(transcript):
                    return await talking.run()

    @contextlib.contextmanager
    def _way_back(self, transcript: Transcript) -> Iterator[None]:
        """At the end, print how to return to the thread."""
        try:
            yield
        finally:
            if transcript.thread_id is not None:
                self._screen.notice(f"to go on: --thread {transcript.thread_id}")

    def _client(self, cursor: Cursor, thread_id: str | None) -> Client:
        return connect(
            self._access.url,
            self._access.token,
            after=cursor.after,
            thread_id=thread_id,
            on_state=self._show_state,
            command_max_s=_COMMAND_MAX_S,
        )

    def _show_state(self, state: ClientState) -> None:
        """Report a lost connection, unless the first attempt to reconnect succeeds."""
        if state.phase is Phase.WAITING:
            self._attempts += 1
            if self._attempts == 2:
                self._screen.notice(f"connection lost ({state.reason}); trying again")
        elif state.phase is Phase.LIVE:
            if self._attempts > 1:
                self._screen.notice("connected again")
            self._attempts = 0

    @contextlib.contextmanager
    def _interrupts(self, talking: Conversation) -> Iterator[None]:
        """Ctrl-C cancels the run, and leaves if there is none or it was cancelled before."""
        task = asyncio.current_task()

        def interrupted() -> None:
            if not talking.cancel_run() and task is not None:
                self._left = True
                task.cancel()

        loop = asyncio.get_running_loop()
        try:
            loop.add_signal_handler(signal.SIGINT, interrupted)
        except NotImplementedError:  # Windows: Ctrl-C leaves at once
            yield
            return
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)


async def _history(snapshots: Snapshots, transcript: Transcript) -> Cursor:
    """Show a thread's latest messages; returns the cursor to continue from."""
    if transcript.thread_id is None:
        return Cursor()
    try:
        page = await snapshots.messages(transcript.thread_id)
    except CommandRejected as error:
        if error.server_code not in ("not_found", "bad_id", "legacy_id"):
            raise
        text = f"--thread: there is no thread {transcript.thread_id}"
        raise exits.CommandFailed(text, exits.USAGE) from None
    transcript.thread_id = page.thread_id or transcript.thread_id
    transcript.history(page.messages)
    return Cursor(page.seq)


def _stdin() -> int | None:
    """The input's descriptor, or None if it is closed and the number may be reused."""
    if sys.stdin is None or sys.stdin.closed:
        return None
    try:
        descriptor = sys.stdin.fileno()
        os.fstat(descriptor)
    except OSError:
        return None
    return descriptor


def _stdin_is_a_terminal() -> bool:
    descriptor = _stdin()
    return descriptor is not None and os.isatty(descriptor)
