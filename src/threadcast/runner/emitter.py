"""One attempt's output: checked, counted and handed to the outbox.

Unusable output ends the run: the fault is kept, so that an agent that swallows the exception has
failed all the same. The emitter is closed before its run ends. An agent that goes on emitting is
refused, and slowed down, so that a loop which ignores the refusal cannot block the event loop.
"""

from __future__ import annotations

import asyncio

from ..errors import ThreadcastError
from ..events import EventData, EventDraft, EventType
from .outbox import RunOutbox
from .output import (
    TEXT_PIECE_MAX_CHARACTERS,
    checked_draft,
    checked_json,
    checked_text,
    pieces,
    text_draft,
)

__all__ = ["RunEmitter"]

_REFUSALS_AT_ONCE = 16
_REFUSAL_PAUSE_S = 1.0
_TEXT_FRAME_BYTES = len(b'{"text":""}')


class RunEmitter:
    """Takes one attempt's output.

    Args:
        outbox: carries it to the journal.
        event_max_bytes: bound on one event's data, on the whole answer and on a checkpoint.

    Methods that check raise `ThreadcastError` `bad_agent_output`; methods that wait raise
    `asyncio.CancelledError` once the attempt is lost or closed.
    """

    __slots__ = ("_answer_bytes", "_closed", "_event_max_bytes", "_outbox", "_refusals", "_texts",
                 "fault")  # fmt: skip

    def __init__(self, outbox: RunOutbox, event_max_bytes: int) -> None:
        self._outbox = outbox
        self._event_max_bytes = event_max_bytes
        self._texts: list[str] = []
        self._answer_bytes = 0
        self._closed = False
        self._refusals = 0
        self.fault: ThreadcastError | None = None

    @property
    def is_open(self) -> bool:
        """Whether anything may still be emitted."""
        return not self._closed and self.fault is None

    @property
    def streamed(self) -> str:
        """All deltas, joined."""
        return "".join(self._texts)

    def close(self) -> None:
        """Refuse everything from now on; idempotent."""
        self._closed = True

    async def delta(self, text: str) -> None:
        """Emit a piece of the answer; long text is split, an empty one is ignored."""
        if self._closed or self.fault is not None:
            await self._refuse()
        if type(text) is str and 0 < len(text) <= TEXT_PIECE_MAX_CHARACTERS:
            self._add_delta(text)
            if self._outbox.full:
                await self.admitted()
        else:
            await self._long_delta(text)

    async def thinking(self, text: str) -> None:
        """Emit a thought; long text is split, an empty one is ignored."""
        await self.admitted()
        for piece in pieces(self.text(text, "thinking")):
            self._outbox.add(self._piece(EventType.AGENT_THINKING, piece))
            await self.admitted()

    async def admitted(self) -> None:
        """Wait for room in the outbox; refuses an attempt that may not emit (any more)."""
        if not self.is_open:
            await self._refuse()
        if self._outbox.full:
            await self._outbox.room()
            if self._closed:
                await self._refuse()

    def emit(self, event_type: EventType, data: EventData) -> None:
        """Emit an event of checked data without waiting; ignored when closed."""
        if self.is_open:
            self._outbox.add(EventDraft.of(event_type, data))

    def text(self, value: object, name: str) -> str:
        """Check text; see `output.checked_text`."""
        try:
            return checked_text(value, name)
        except ThreadcastError as error:
            raise self.noted(error) from None

    def json(self, value: object) -> bytes:
        """Check and encode data; see `output.checked_json`."""
        try:
            return checked_json(value, max_bytes=self._event_max_bytes)
        except ThreadcastError as error:
            raise self.noted(error) from None

    def draft(self, event_type: EventType, data: EventData, *, untrusted: object) -> EventDraft:
        """Check and encode an event; see `output.checked_draft`."""
        try:
            return checked_draft(
                event_type, data, untrusted=untrusted, max_bytes=self._event_max_bytes
            )
        except ThreadcastError as error:
            raise self.noted(error) from None

    def noted(self, error: ThreadcastError) -> ThreadcastError:
        """Keep the first fault: from then on the run has failed."""
        if self.fault is None and error.code == "bad_agent_output":
            self.fault = error
        return error

    async def _long_delta(self, text: object) -> None:
        checked = self.text(text, "delta")
        if not checked:
            await asyncio.sleep(0)  # yields the loop even where nothing has to wait
        for piece in pieces(checked):
            self._add_delta(piece)
            await self.admitted()

    def _add_delta(self, text: str) -> None:
        draft = self._piece(EventType.AGENT_DELTA, text)
        self._answer_bytes += len(draft.data) - _TEXT_FRAME_BYTES
        if self._answer_bytes > self._event_max_bytes:
            expected = f"expected an answer of at most {self._event_max_bytes} bytes of JSON"
            raise self.noted(ThreadcastError("bad_agent_output", f"{expected}, got more"))
        self._texts.append(text)
        self._outbox.add(draft)

    def _piece(self, event_type: EventType, text: str) -> EventDraft:
        try:
            return text_draft(event_type, text)
        except ThreadcastError as error:
            raise self.noted(error) from None

    async def _refuse(self) -> None:
        self._refusals += 1
        if self._refusals > _REFUSALS_AT_ONCE:
            await asyncio.sleep(_REFUSAL_PAUSE_S)
        if self.fault is not None:
            raise ThreadcastError(self.fault.code, self.fault.message)
        raise asyncio.CancelledError("the run has ended for this agent")
