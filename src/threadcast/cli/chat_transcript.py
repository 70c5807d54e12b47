"""Renders the events of a thread. It knows events and a screen, but no connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ..client import Event, Sent, typed
from ..events import (
    AgentCancelled,
    AgentCompleted,
    AgentDelta,
    AgentFailed,
    AgentStarted,
    AgentThinking,
    InputReceived,
    InputRequested,
    MessageCreated,
    RunQueued,
    ThreadDeleted,
    ToolCompleted,
    ToolExecuting,
)
from ..wire.http_models import Message
from .chat_screen import DIM, RED, Screen

_VALUE_MAX_CHARACTERS = 400


@dataclass(slots=True)
class Question:
    """An agent's open question; one that is to be shown again is another object."""

    run_id: str
    input_id: str
    prompt: str
    schema: Any


@dataclass(slots=True)
class ShownRun:
    """A live run, and the part of its answer that is on the screen.

    Attributes:
        attempt: the attempt that the text belongs to.
        pieces: the streamed deltas.
        whole: whether they are the whole answer so far; false after a reset.
    """

    attempt: int = 0
    pieces: list[str] = field(default_factory=list)
    whole: bool = True


class Transcript:
    """One thread on a screen.

    Args:
        screen: the output.
        thread_id: the thread; None until the first message has created one.

    Attributes:
        questions: open questions of this thread.
        failed: whether the last ended run failed.
    """

    def __init__(self, screen: Screen, thread_id: str | None) -> None:
        self._screen = screen
        self.thread_id = thread_id
        self.questions: deque[Question] = deque()
        self.failed = False
        self._runs: dict[str, ShownRun] = {}
        self._own: dict[str, Sent | None] = {}
        self._answered: set[str] = set()

    @property
    def runs(self) -> list[str]:
        """The runs that have not ended, the oldest first."""
        return list(self._runs)

    @property
    def busy(self) -> bool:
        """Whether a run, or an own message on its way, is unfinished."""
        return bool(self._runs or self._own)

    def expect(self, client_message_id: str) -> None:
        """An own message is about to be sent."""
        self._own[client_message_id] = None

    def accepted(self, sent: Sent) -> None:
        """An own message was stored; its event may have come before."""
        if self.thread_id is None:
            self.thread_id = sent.thread_id
        if sent.client_message_id in self._own:
            self._own[sent.client_message_id] = sent

    def refused(self, client_message_id: str) -> None:
        """An own message was not stored."""
        self._own.pop(client_message_id, None)

    def missed(self, until_seq: int) -> list[str]:
        """The runs of own messages whose events a reset skipped."""
        return [sent.run_id for sent in self._own.values() if sent and sent.seq <= until_seq]

    def pass_over(self, until_seq: int) -> None:
        """Note that the events up to `until_seq` were skipped."""
        self._own = {
            name: sent for name, sent in self._own.items() if not sent or sent.seq > until_seq
        }

    def answered(self, input_id: str) -> None:
        """The question needs no answer any more."""
        self._answered.add(input_id)
        self._drop_question(input_id)

    def restart(self, unfinished: list[str]) -> None:
        """Start over after a reset; of these runs only the final answer can be shown completely."""
        self.questions.clear()
        self._runs = {run_id: ShownRun(whole=False) for run_id in unfinished}

    def history(self, messages: Sequence[Message]) -> None:
        """Show messages and answers of a snapshot."""
        for message in messages:
            if message.role == "user":
                self._screen.aside(f"> {message.content}", DIM)
            else:
                self._screen.aside(message.content)

    def show(self, event: Event) -> None:
        """Show one event; other threads and unknown types are ignored.

        Raises:
            ProtocolViolation: the event's data does not fit its type.
        """
        data = typed(event)
        if isinstance(data, MessageCreated):
            self._message(event, data)
        if data is None or event.thread_id != self.thread_id:
            return
        run_id = event.run_id or ""
        match data:
            case ThreadDeleted():
                self._screen.notice("this thread was deleted")
            case RunQueued():
                self._screen.notice(f"waiting; {data.position} before this one")
            case AgentStarted():
                self._started(run_id, data)
            case AgentThinking():
                self._screen.aside(data.text, DIM)
            case AgentDelta():
                self._delta(self._run(run_id), data)
            case ToolExecuting():
                self._screen.aside(f"> {data.tool} {compact(data.arguments)}", DIM)
            case ToolCompleted():
                self._tool_completed(data)
            case InputRequested():
                question = Question(run_id, data.input_id, data.prompt, data.schema)
                self.questions.append(question)
            case InputReceived():
                self._input_received(data)
            case AgentCompleted() | AgentFailed() | AgentCancelled():
                self._ended(run_id, data)

    def _run(self, run_id: str) -> ShownRun:
        return self._runs.setdefault(run_id, ShownRun())

    def _message(self, event: Event, data: MessageCreated) -> None:
        own = data.client_message_id in self._own
        self._own.pop(data.client_message_id, None)
        if own and self.thread_id is None:
            self.thread_id = event.thread_id
        if event.thread_id != self.thread_id or event.run_id is None:
            return
        self._runs.setdefault(event.run_id, ShownRun())
        if not own:
            self._screen.aside(f"(elsewhere) {data.content}", DIM)

    def _started(self, run_id: str, data: AgentStarted) -> None:
        run = self._run(run_id)
        if data.attempt > max(run.attempt, 1) and (run.attempt or run.pieces):
            text = "[interrupted; the answer starts again below]"
            if run.pieces:
                self._screen.line(text)  # the text above it in the same stream is void
            else:
                self._screen.aside(text)
            self.questions = deque(  # still open, and asked above the void text
                replace(one) if one.run_id == run_id else one for one in self.questions
            )
        run.attempt = data.attempt
        run.pieces.clear()
        run.whole = True

    def _delta(self, run: ShownRun, data: AgentDelta) -> None:
        if run.whole:
            run.pieces.append(data.text)
            self._screen.stream(data.text)

    def _tool_completed(self, data: ToolCompleted) -> None:
        failed = "failed: " if data.is_error else ""
        line = f"< {data.tool} {failed}{compact(data.result)} ({data.duration_ms} ms)"
        self._screen.aside(line, DIM)

    def _input_received(self, data: InputReceived) -> None:
        if data.input_id in self._answered:
            self._answered.discard(data.input_id)  # the person just typed it
        else:
            self._screen.aside(f"answered: {compact(data.value)}", DIM)
        self._drop_question(data.input_id)

    def _drop_question(self, input_id: str) -> None:
        self.questions = deque(one for one in self.questions if one.input_id != input_id)

    def _ended(self, run_id: str, data: AgentCompleted | AgentFailed | AgentCancelled) -> None:
        run = self._runs.pop(run_id, ShownRun(whole=False))
        self.questions = deque(one for one in self.questions if one.run_id != run_id)
        self.failed = isinstance(data, AgentFailed)
        match data:
            case AgentCompleted():
                self._complete(run, data.content)
            case AgentFailed():
                self._screen.aside(f"[failed: {data.message} ({data.code})]", RED)
            case AgentCancelled():
                self._screen.aside(f"[cancelled: {data.reason}]")

    def _complete(self, run: ShownRun, content: str) -> None:
        shown = "".join(run.pieces)
        if content.startswith(shown):
            self._screen.stream(content[len(shown) :])
        elif content.strip() != shown.strip():
            self._screen.line("[the whole answer:]")
            self._screen.stream(content)
        self._screen.end_line()


def compact(value: Any) -> str:
    """A value as short JSON."""
    text = msgspec.json.encode(value).decode()
    if len(text) <= _VALUE_MAX_CHARACTERS:
        return text
    return f"{text[:_VALUE_MAX_CHARACTERS]}... ({len(text)} characters)"
