"""Encodes commands and decodes events, both strictly.

It knows the envelope and the commands, and nothing of connections.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from ..errors import ThreadcastError
from ..events import DATA_OF_EVENT, Event, EventData, EventType
from ..wire import commands
from .arguments import UnusableArgument, check_json
from .words import ProtocolViolation

MESSAGE_MAX_BYTES = 262_144
"""The largest message that a server accepts unless it says otherwise."""

Answer = TypeVar("Answer", bound=msgspec.Struct)

_decoder = msgspec.json.Decoder(Event)


def encode_command(command: commands.Command) -> str:
    """Encode a command as JSON, without default fields.

    Raises:
        UnusableArgument: the server would refuse a field.
    """
    fields = msgspec.structs.fields(type(command))
    silent = {field.name for field in fields if getattr(command, field.name) == field.default}
    known = {name: value for name, value in _plain(command).items() if name not in silent}
    check_json(known)
    try:
        text = msgspec.json.encode(known, enc_hook=_plain_text)
        commands.decode_command(text)
    except ThreadcastError as error:
        raise UnusableArgument(error.code, error.message) from None
    except (TypeError, ValueError) as error:  # a lone surrogate, an integer beyond 64 bits
        raise UnusableArgument("bad_field", f"{command.name}: expected JSON ({error})") from None
    return text.decode()


def _plain_text(value: object) -> str:
    """Text of a subclass of `str`, as frameworks mark it safe for HTML."""
    if not isinstance(value, str):
        raise TypeError(f"got a {type(value).__name__}")
    return str.__str__(value)


def _plain(command: commands.Command) -> dict[str, object]:
    named: dict[str, object] = {"command": command.name}
    return named | msgspec.structs.asdict(command)


def lines_of(frame: str | bytes) -> Iterator[str]:
    """The texts of the events in one frame.

    Raises:
        ProtocolViolation: a binary frame.
    """
    if isinstance(frame, bytes):
        raise ProtocolViolation("it sent a binary frame")
    return (line for line in frame.split("\n") if line)


def decode_event(line: str) -> Event:
    """Decode one envelope.

    Raises:
        ProtocolViolation: it is not one.
    """
    try:
        return _decoder.decode(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation(f"it sent an unreadable event ({error})") from None


def read_answer(data: dict[str, object], kind: type[Answer]) -> Answer:
    """The answer to a command as a typed value.

    Raises:
        ProtocolViolation: a field is missing or has another type.
    """
    try:
        return msgspec.convert(data, kind)
    except ValueError as error:
        raise ProtocolViolation(f"an answer is unreadable ({error})") from None


def typed(event: Event) -> EventData | None:
    """The event's data as a typed struct; None for a type that this version does not know.

    Raises:
        ProtocolViolation: the data does not fit the type.
    """
    try:
        kind = EventType(event.event_type)
    except ValueError:
        return None
    try:
        return msgspec.convert(event.data, DATA_OF_EVENT[kind])
    except ValueError as error:
        raise ProtocolViolation(f"the data of {kind} is unreadable ({error})") from None
