"""Normalises older shapes of events to the canonical envelope.

Only the envelope is made canonical; an event's data is passed through. This module may not know
stores, connections or the present time: an event without a time is refused, not dated.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..events import ConnectionEventType, Event, EventType
from ..ids import USER_ID_MAX_CHARACTERS, user_id_problem
from ..ids.legacy import LEGACY_ID_MAX_CHARACTERS
from .fields import SEQ_MAX, TIMESTAMP_MAX_S
from .json_problems import describe

__all__ = ["EventShapeError", "epoch_seconds", "normalize_event"]

# For each field of the envelope its canonical name, then the older ones.
_NAMES: dict[str, tuple[str, ...]] = {
    "event_type": ("event_type", "type", "event"),
    "timestamp": ("timestamp", "time", "ts"),
    "user_id": ("user_id", "user"),
    "thread_id": ("thread_id", "thread"),
    "run_id": ("run_id", "run"),
    "seq": ("seq",),
    "first_seq": ("first_seq",),
    "data": ("data", "payload"),
}
_ENVELOPE = frozenset(name for names in _NAMES.values() for name in names)
_EVENT_TYPES = frozenset({*EventType, *ConnectionEventType})
# A time in seconds has fewer digits before the year 5138, one in milliseconds has more since 1973.
_MILLISECONDS_FROM = 1e11


class EventShapeError(ValueError):
    """A shape that is no event.

    Args:
        field: the canonical name of the field at fault; empty for the whole.
        problem: what was expected and what came.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(f"{field}: {problem}" if field else problem)


def normalize_event(shape: Mapping[str, Any]) -> Event:
    """Turn an event of an older shape, or a canonical one, into the canonical envelope.

    - `type` or `event` is read as `event_type`, `time` or `ts` as `timestamp`, `user` as
      `user_id`, `thread` as `thread_id`, `run` as `run_id`, `payload` as `data`; null is absent.
    - A timestamp is seconds since the epoch, milliseconds when it is 10^11 or more, or ISO 8601
      text; without an offset that is UTC.
    - Without `data` or `payload` the data is whatever else the shape holds at the top;
      beside one of them it is ignored.

    Args:
        shape: decoded JSON. Anything else that JSON can be is refused as well, not only mappings.

    Raises:
        EventShapeError: it cannot be normalised; it names the field, what was expected and what
            came. Two names for one field that disagree are refused too.
    """
    if not isinstance(shape, Mapping):
        raise EventShapeError("", f"expected an object, got {describe(shape)}")
    return Event(
        event_type=_event_type(_read(shape, "event_type")),
        timestamp=_timestamp(_read(shape, "timestamp")),
        user_id=_user_id(_read(shape, "user_id")),
        data=_data(shape),
        thread_id=_id("thread_id", _read(shape, "thread_id")),
        run_id=_id("run_id", _read(shape, "run_id")),
        seq=_seq("seq", _read(shape, "seq")),
        first_seq=_seq("first_seq", _read(shape, "first_seq")),
    )


def _read(shape: Mapping[str, Any], field: str) -> Any:
    """The field's value under whichever of its names; None when it is absent or null."""
    found = [(name, shape[name]) for name in _NAMES[field] if shape.get(name) is not None]
    if not found:
        return None
    (first, value), *others = found
    for name, other in others:
        if type(other) is not type(value) or other != value:
            raise EventShapeError(field, f"expected one value, got two in {first} and {name}")
    return value


def _came(value: Any) -> str:
    """What came for a field that must be there; null is as good as absent."""
    return "nothing" if value is None else describe(value)


def _event_type(value: Any) -> str:
    if isinstance(value, str) and value in _EVENT_TYPES:
        return str(value)
    raise EventShapeError("event_type", f"expected a known event type, got {_came(value)}")


def _timestamp(value: Any) -> float:
    seconds = epoch_seconds(value)
    if seconds is None:
        expected = "seconds since the epoch or ISO 8601 text"
        raise EventShapeError("timestamp", f"expected {expected}, got {_came(value)}")
    return seconds


def epoch_seconds(value: object) -> float | None:
    """A time in seconds since the epoch, read as `normalize_event` reads one; None if it is none.

    Args:
        value: seconds, milliseconds when it is 10^11 or more, or ISO 8601 text.
    """
    seconds = _iso_seconds(value) if isinstance(value, str) else value
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        if _MILLISECONDS_FROM <= seconds <= TIMESTAMP_MAX_S * 1000:
            return seconds / 1000
        if 0 <= seconds < _MILLISECONDS_FROM:
            return float(seconds)
    return None


def _iso_seconds(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, OverflowError):
        return None


def _user_id(value: Any) -> str:
    if isinstance(value, str) and user_id_problem(value) is None:
        return value
    expected = f"1..{USER_ID_MAX_CHARACTERS} characters without control characters"
    raise EventShapeError("user_id", f"expected {expected}, got {_came(value)}")


def _id(field: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and 1 <= len(value) <= LEGACY_ID_MAX_CHARACTERS):
        return value
    expected = f"text of 1..{LEGACY_ID_MAX_CHARACTERS} characters"
    raise EventShapeError(field, f"expected {expected}, got {describe(value)}")


def _seq(field: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= SEQ_MAX:
        return value
    raise EventShapeError(field, f"expected an integer in 1..{SEQ_MAX}, got {describe(value)}")


def _data(shape: Mapping[str, Any]) -> dict[str, Any]:
    value = _read(shape, "data")
    if value is None:
        return {name: item for name, item in shape.items() if name not in _ENVELOPE}
    if isinstance(value, Mapping):
        return dict(value)
    raise EventShapeError("data", f"expected an object, got {describe(value)}")
