"""Assembles one streamed reply of a chat model.

Pure: decoded JSON in, text and tool calls out. Compatible servers differ in what they omit or
repeat, and a broken one may send anything; unreadable chunks are a `MalformedReply`. This module
may not know HTTP, runs or tools.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from ..ids import UnifiedIdGenerator

__all__ = ["MalformedReply", "ModelCall", "ModelReply", "Piece", "ThinkingBuffer"]

TEXT_MAX_CHARACTERS = 200_000
CALLS_MAX = 16
CALL_MAX_CHARACTERS = 32_768
NAME_MAX_CHARACTERS = 64
PIECE_MIN_CHARACTERS = 80
PIECE_MAX_CHARACTERS = 400

_UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufffe]")
_SENTENCE_END = re.compile(r"(?:[.!?:;]\s+|\n+)(?!.*(?:[.!?:;]\s+|\n+))", re.DOTALL)


class MalformedReply(ValueError):
    """Not a (complete) streamed chat completion; the message quotes none of it."""


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _CallDelta(msgspec.Struct, frozen=True):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_CallDelta] | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class _Chunk(msgspec.Struct, frozen=True):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None


class Piece(NamedTuple):
    """The visible part of one chunk."""

    text: str
    thinking: str


@dataclass(slots=True)
class ModelCall:
    """A requested tool call; `arguments` is JSON, if the model got it right."""

    index: int | None
    id: str
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class ModelReply:
    """One reply, growing with each chunk.

    Attributes:
        text: the answer so far.
        calls: the tool calls so far, in the model's order.
        finish_reason: why the model stopped; None until it did.
        usage: the tokens used, by the endpoint's names; empty where it tells none.
        thinking_characters: how much reasoning there was; the reasoning itself is not kept.
    """

    text: str = ""
    calls: list[ModelCall] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    thinking_characters: int = 0

    def add(self, payload: object) -> Piece:
        """Take the next chunk, decoded from JSON.

        Raises:
            MalformedReply: it is not a chunk of a chat completion, or the reply exceeds its bounds
                (200,000 characters; 16 calls of 32,768 characters).
        """
        try:
            chunk = msgspec.convert(payload, _Chunk)
        except (ValueError, RecursionError):
            raise MalformedReply("a chunk is no chat completion chunk") from None
        if chunk.usage is not None:
            fields = msgspec.structs.asdict(chunk.usage)
            self.usage = {name: count for name, count in fields.items() if count is not None}
        choice = chunk.choices[0] if chunk.choices else _Choice()
        self.finish_reason = choice.finish_reason or self.finish_reason
        delta = choice.delta or _Delta()
        for call in delta.tool_calls or ():
            self._add_call(call)
        return self._add_text(delta)

    def end(self) -> None:
        """Note the end of the stream.

        Raises:
            MalformedReply: the model had not finished.
        """
        if self.finish_reason is None:
            raise MalformedReply("the stream ended before the model had finished")

    def _add_text(self, delta: _Delta) -> Piece:
        text = _storable((delta.content or "") + (delta.refusal or ""))
        thinking = _storable(delta.reasoning_content or delta.reasoning or "")
        self.text += text
        self.thinking_characters += len(thinking)
        if max(len(self.text), self.thinking_characters) > TEXT_MAX_CHARACTERS:
            raise MalformedReply(f"the answer exceeds {TEXT_MAX_CHARACTERS:,} characters")
        return Piece(text, thinking)

    def _add_call(self, delta: _CallDelta) -> None:
        call = self._call_of(delta)
        if delta.function is not None:
            call.name += _storable(delta.function.name or "")
            call.arguments += _storable(delta.function.arguments or "")
        if len(call.arguments) > CALL_MAX_CHARACTERS or len(call.name) > NAME_MAX_CHARACTERS:
            raise MalformedReply(f"a tool call exceeds {CALL_MAX_CHARACTERS:,} characters")

    def _call_of(self, delta: _CallDelta) -> ModelCall:
        """The call that a fragment belongs to; a new index or id begins a new call."""
        for call in reversed(self.calls):
            if call.index == delta.index and delta.id in (None, "", call.id):
                return call
        if len(self.calls) == CALLS_MAX:
            raise MalformedReply(f"the model asks for more than {CALLS_MAX} tool calls at once")
        call_id = delta.id or UnifiedIdGenerator.generate_base_id("call")
        self.calls.append(ModelCall(delta.index, call_id))
        return self.calls[-1]


class ThinkingBuffer:
    """Buffers reasoning that comes token by token into pieces of some sentences."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, text: str) -> str:
        """Add text; returns a piece if one is ready, else an empty text."""
        self._text += text
        if len(self._text) >= PIECE_MAX_CHARACTERS:
            return self.flush()
        end = _SENTENCE_END.search(self._text)
        if end is None or end.start() < PIECE_MIN_CHARACTERS:
            return ""
        ready, self._text = self._text[: end.end()], self._text[end.end() :]
        return ready.strip()

    def flush(self) -> str:
        """The rest."""
        ready, self._text = self._text.strip(), ""
        return ready


def _storable(text: str) -> str:
    """The text without U+0000, U+FFFE and lone surrogates, which a journal cannot store."""
    return _UNSTORABLE.sub("\ufffd", text)
