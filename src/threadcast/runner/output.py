"""What an agent may emit: checks and encoding of its text and data.

Agent output is untrusted. Text must be storable, data must survive JSON unchanged, and an event has
a size limit; anything else is `bad_agent_output`. Pure: it knows no run, store or loop. Messages
name types and sizes, never the output itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import msgspec

from ..errors import ThreadcastError
from ..events import EventData, EventDraft, EventType

__all__ = [
    "TEXT_PIECE_MAX_CHARACTERS",
    "checked_draft",
    "checked_json",
    "checked_text",
    "pieces",
    "text_draft",
]

TEXT_PIECE_MAX_CHARACTERS = 4_096
_DEPTH_MAX = 64
_SCALARS = (str, bool, int, float)
_CONTAINERS = (list, tuple, dict)
_NONCHARACTER = "\ufffe"
# JSON writes U+0000 as \u0000; the same letters after an escaped backslash are plain text.
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_encode = msgspec.json.Encoder().encode


def text_draft(event_type: EventType, text: str) -> EventDraft:
    """Encode one piece of text as `{"text":"..."}`, the data of a delta or a thought.

    The hot path of streaming: the caller has made sure that `text` is a short `str`.

    Raises:
        ThreadcastError: `bad_agent_output`, characters that cannot be stored.
    """
    if "\0" in text or _NONCHARACTER in text:
        raise _unusable_characters()
    try:
        return EventDraft(event_type, b'{"text":%b}' % _encode(text))
    except UnicodeEncodeError:
        raise _unusable_characters() from None


def checked_text(value: object, name: str) -> str:
    """Return `value` if it is a `str` (no subclass) that can be stored.

    Args:
        value: what the agent gave.
        name: what it is, for the message.

    Raises:
        ThreadcastError: `bad_agent_output`.
    """
    if type(value) is not str:
        raise _bad(f"{name}: expected a string, got {type(value).__name__}")
    if "\0" in value or _NONCHARACTER in value or not _is_encodable(value):
        raise _unusable_characters()
    return value


def pieces(text: str) -> Iterator[str]:
    """Cut text into pieces of at most `TEXT_PIECE_MAX_CHARACTERS`, in order."""
    for start in range(0, len(text), TEXT_PIECE_MAX_CHARACTERS):
        yield text[start : start + TEXT_PIECE_MAX_CHARACTERS]


def checked_json(value: object, *, max_bytes: int) -> bytes:
    """Encode plain data: None, bool, int, finite float, str, list, tuple and dict with str keys.

    Args:
        value: what the agent gave; at most 64 levels deep.
        max_bytes: how long the JSON may be.

    Raises:
        ThreadcastError: `bad_agent_output`, with what was expected and what came.
    """
    _check_plain(value, max_bytes)
    return _checked_bytes(value, max_bytes)


def checked_draft(
    event_type: EventType, data: EventData, *, untrusted: object, max_bytes: int
) -> EventDraft:
    """Encode an event whose `untrusted` fields came from an agent.

    Args:
        event_type: what the event says.
        data: its data, of the type that `DATA_OF_EVENT` names.
        untrusted: those values of `data` that have not been checked.
        max_bytes: how long the event's data may be.

    Raises:
        ThreadcastError: `bad_agent_output`.
    """
    _check_plain(untrusted, max_bytes)
    return EventDraft(event_type, _checked_bytes(data, max_bytes))


def _checked_bytes(value: object, max_bytes: int) -> bytes:
    try:
        data = _encode(value)
    except UnicodeEncodeError:
        raise _unusable_characters() from None
    except (TypeError, ValueError, RecursionError) as error:
        raise _bad(f"expected JSON data, got {type(error).__name__} in encoding it") from None
    if len(data) > max_bytes:
        raise _bad(f"expected at most {max_bytes} bytes of JSON, got {len(data)}")
    if _NONCHARACTER.encode() in data or (b"\\u0000" in data and _ESCAPED_NUL.search(data)):
        raise _unusable_characters()
    return data


def _check_plain(value: object, max_bytes: int) -> None:
    """Walk the data depth first, so that a cycle meets the depth limit soon.

    Every value costs at least one byte of JSON, so data that repeats one part many times hits the
    size limit before it is expanded.
    """
    waiting: list[tuple[object, int]] = [(value, 0)]
    least_bytes = 0
    while waiting:
        item, depth = waiting.pop()
        least_bytes += len(item) if isinstance(item, str) else 1
        if least_bytes > max_bytes:
            raise _bad(f"expected at most {max_bytes} bytes of JSON, got more")
        inner = _inner_values(item)
        if depth >= _DEPTH_MAX and type(item) in _CONTAINERS:
            raise _bad(f"expected at most {_DEPTH_MAX} levels of JSON, got more, or a cycle")
        waiting.extend((part, depth + 1) for part in inner)


def _inner_values(item: object) -> list[object]:
    """The parts of a list, tuple or dict; subclasses of plain types are not plain."""
    kind = type(item)
    if item is None or kind in _SCALARS:
        if isinstance(item, float) and not math.isfinite(item):
            raise _bad("expected a finite number, got NaN or an infinity")
        return []
    if kind in _CONTAINERS:
        if isinstance(item, dict):
            return [*map(_checked_key, item), *item.values()]
        if isinstance(item, (list, tuple)):
            return list(item)
    raise _bad(f"expected JSON data, got {kind.__name__}")


def _checked_key(key: object) -> str:
    if type(key) is not str:
        raise _bad(f"expected string keys, got {type(key).__name__}")
    return key


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unusable_characters() -> ThreadcastError:
    return _bad("expected text without U+0000, U+FFFE and lone surrogates")


def _bad(message: str) -> ThreadcastError:
    return ThreadcastError("bad_agent_output", message)
