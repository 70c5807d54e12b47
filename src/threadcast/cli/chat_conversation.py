"""The flow of a chat: turns, the meaning of lines, and resets.

It knows the client and the input; the transcript renders events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..client import Client, CommandRejected, Reset, Snapshots
from ..client.backoff import Backoff
from ..errors import OutcomeUnknown, ThreadcastError
from ..ids import UnifiedIdGenerator
from . import exits
from .chat_answers import UnusableAnswer, answer_of, hint_of
from .chat_input import LineInput
from .chat_quiet import QuietWatch
from .chat_screen import Screen
from .chat_transcript import Question, Transcript

Answer = TypeVar("Answer")

_ENDED = frozenset({"completed", "failed", "cancelled"})
_READS_MAX = 12
_PROMPT = "> "
_WORDS = {
    "new_feed": "the server's journal is a new one",
    "cursor_ahead": "the server has less than was shown here",
    "diverged": "the server's journal is not the one that was shown here",
    "trimmed": "the server no longer keeps all that came meanwhile",
}


class Conversation:
    """One chat.

    Args:
        client: open.
        snapshots: of the same user.
        lines: the input.
        screen: the output.
        transcript: shows the thread.
        agent: is asked; None for the server's first.
    """

    def __init__(
        self,
        client: Client,
        snapshots: Snapshots,
        lines: LineInput,
        screen: Screen,
        transcript: Transcript,
        agent: str | None = None,
    ) -> None:
        self._client = client
        self._snapshots = snapshots
        self._lines = lines
        self._screen = screen
        self._transcript = transcript
        self._agent = agent
        self._changed = asyncio.Event()
        self._line: asyncio.Task[str | None] | None = None
        self._asked: Question | None = None
        self._cancelling: asyncio.Task[None] | None = None
        self._cancelled_run: str | None = None
        self._shown_until = 0
        self._reloading = asyncio.Lock()
        self._input_ended = False
        self._fault: ThreadcastError | None = None
        self._quiet = QuietWatch(
            lambda: snapshots.threads(limit=1), screen.notice, lambda: transcript.busy
        )

    async def run(self) -> int:
        """Chat until the input ends and nothing runs; returns the exit status.

        Raises:
            ThreadcastError: the client ended, or a piped message was refused.
        """
        following = asyncio.create_task(self._follow())
        following.add_done_callback(self._wake)
        watching = asyncio.create_task(self._quiet.run())
        try:
            while not following.done():
                self._changed.clear()
                if self._may_speak() and await self._turn():
                    return self._status()
                await self._changed.wait()
            following.result()
            return exits.OK
        finally:
            own = (following, watching, self._line, self._cancelling)
            tasks = [one for one in own if one is not None]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def cancel_run(self) -> bool:
        """Cancel the current run; False if there is none, or it was cancelled before."""
        runs = self._transcript.runs
        if not runs or runs[0] == self._cancelled_run:
            return False
        self._cancelled_run = runs[0]
        self._screen.notice("asking to cancel; Ctrl-C again leaves")
        self._cancelling = asyncio.create_task(self._cancel(runs[0]))
        return True

    async def _cancel(self, run_id: str) -> None:
        try:
            await self._client.cancel_run(run_id)
        except ThreadcastError as error:
            self._screen.notice(f"cannot cancel: {error.message}")

    # --- events -------------------------------------------------------------------------------

    async def _follow(self) -> None:
        async for item in self._client:
            self._quiet.heard()
            if isinstance(item, Reset):
                await self._reload(item)
            elif item.seq is not None and item.seq > self._shown_until:
                self._transcript.show(item)
            self._changed.set()

    async def _reload(self, reset: Reset) -> None:
        """Read the thread again after a reset, separately from what was shown before."""
        words = _WORDS.get(reset.reason, reset.reason)
        self._screen.aside(f"[reset: {words}; reading the thread again]")
        async with self._reloading:
            self._shown_until = reset.after
            if self._transcript.thread_id is not None:
                await self._reread(self._transcript.thread_id)

    async def _reread(self, thread_id: str) -> None:
        unfinished = self._transcript.runs
        try:
            while True:
                page = await self._patiently(lambda: self._snapshots.messages(thread_id))
                missed = self._transcript.missed(page.seq)
                unfinished = list(dict.fromkeys([*unfinished, *missed]))
                before, unfinished = (
                    unfinished,
                    [run_id for run_id in unfinished if not await self._is_over(run_id)],
                )
                if len(unfinished) == len(before):
                    break  # ended runs are in the page; the others end after it
        except CommandRejected as error:
            if error.server_code != "not_found":
                raise
            self._screen.notice("the thread is not there any more; the next message begins another")
            self._transcript.thread_id = None
            self._transcript.pass_over(self._shown_until)
            self._transcript.restart([])
            return
        self._shown_until = page.seq
        self._transcript.pass_over(page.seq)
        self._transcript.restart(unfinished)
        self._transcript.history(page.messages)

    async def _is_over(self, run_id: str) -> bool:
        try:
            snapshot = await self._patiently(lambda: self._snapshots.run(run_id))
        except CommandRejected as error:
            if error.server_code != "not_found":
                raise
            return True
        return snapshot.run.status.value in _ENDED

    async def _patiently(self, read: Callable[[], Awaitable[Answer]]) -> Answer:
        """Read, retrying a bounded number of times while the server is away."""
        waits = Backoff(first_s=0.5, max_s=10.0, jitter=lambda: 1.0)
        while True:
            try:
                return await read()
            except ThreadcastError as error:
                if not error.kind.retryable or waits.attempts >= _READS_MAX:
                    raise
                retry_after_ms = error.retry_after_ms or 0
            await asyncio.sleep(waits.next_s(retry_after_ms / 1000))

    # --- input -----------------------------------------------------------------------------

    def _may_speak(self) -> bool:
        return bool(self._transcript.questions) or not self._transcript.busy

    async def _turn(self) -> bool:
        """Take the next line, waiting for it if necessary; True at the end of the chat."""
        question = self._transcript.questions[0] if self._transcript.questions else None
        if self._input_ended:
            if question is not None:
                await self._cancel(question.run_id)
                self._fault = ThreadcastError("empty", "the agent asks, but the input has ended")
            return True
        if self._line is None:
            self._ask(question)
            self._line = asyncio.create_task(self._lines.next_line())
            self._line.add_done_callback(self._wake)
        elif self._line.done():
            text, self._line = self._line.result(), None
            await self._use(text, question)
        elif question is not None and question is not self._asked:
            self._ask(question)
        elif not self._screen.prompted:
            self._screen.prompt(_PROMPT)
        return False

    def _ask(self, question: Question | None) -> None:
        self._asked = question
        if question is not None:
            self._screen.aside(f"? {question.prompt}{hint_of(question.schema)}")
        self._screen.prompt(_PROMPT)

    async def _use(self, text: str | None, question: Question | None) -> None:
        self._screen.entered()
        self._changed.set()
        if text is None:
            self._input_ended = True
        elif question is not None:
            await self._respond(question, text)
        elif text.strip():
            await self._send(text)

    async def _send(self, text: str) -> None:
        name = UnifiedIdGenerator.generate_base_id("message")
        self._transcript.expect(name)
        try:
            sent = await self._client.send_message(
                text, self._transcript.thread_id, client_message_id=name, agent=self._agent
            )
        except ThreadcastError as error:
            self._transcript.refused(name)
            self._complain(error)
            return
        self._transcript.accepted(sent)
        async with self._reloading:
            if self._transcript.missed(self._shown_until):
                await self._reread(sent.thread_id)

    async def _respond(self, question: Question, text: str) -> None:
        try:
            value = answer_of(text, question.schema)
        except UnusableAnswer as error:
            self._screen.notice(str(error))
            self._asked = None
            return
        try:
            await self._answer(question, value)
        except CommandRejected as error:
            self._complain(error)
            if error.kind.status == 400 or error.retryable:
                self._asked = None
                return
        self._transcript.answered(question.input_id)

    async def _answer(self, question: Question, value: object) -> None:
        """Answer; retried if the outcome is unknown, because the first answer counts."""
        try:
            await self._client.respond(question.run_id, question.input_id, value)
        except OutcomeUnknown:
            try:
                await self._client.respond(question.run_id, question.input_id, value)
            except CommandRejected as error:
                if error.server_code not in ("already_answered", "run_finished"):
                    raise

    def _complain(self, error: ThreadcastError) -> None:
        """Report a refused line to a person, who can rephrase; raise it for a pipe."""
        if not isinstance(error, CommandRejected) and error.kind.status >= 500:
            raise error
        self._screen.notice(error.message)
        if not self._screen.interactive:
            self._fault = error

    def _status(self) -> int:
        if self._fault is not None:
            return exits.status_of(self._fault)
        failed = self._transcript.failed and not self._screen.interactive
        return exits.SOFTWARE if failed else exits.OK

    def _wake(self, _task: asyncio.Task[None] | asyncio.Task[str | None]) -> None:
        self._changed.set()
