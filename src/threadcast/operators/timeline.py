"""A run's events as an operator may see them: without what users and agents wrote, unless allowed.

What is shown is named here, field by field; all else of an event's data is left out, and only its
size is said. So a field that is added to events later is not shown by accident. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..events import JournalEvent
from ..wire.look_up_models import TimelineEvent

_SHOWN = frozenset(
    {
        *("agent", "attempt", "position", "created_at"),
        *("tool", "tool_call_id", "is_error", "duration_ms"),
        *("input_id", "expires_at", "code", "retryable", "role"),
    }
)
_SHOWN_MAX_CHARACTERS = 200
_COUNTS = "usage"


def timeline_events(events: Iterable[JournalEvent], *, content: bool) -> list[TimelineEvent]:
    """Events for an operator.

    Args:
        events: of one run, in order.
        content: whether texts may be shown.
    """
    return [_event(event, content=content) for event in events]


def _event(event: JournalEvent, *, content: bool) -> TimelineEvent:
    data: dict[str, Any] = msgspec.json.decode(event.data)
    shown = data if content else {name: data[name] for name in data if _may_show(name, data[name])}
    return TimelineEvent(
        seq=event.seq,
        timestamp=float(event.stamp),
        event_type=event.event_type.value,
        data=shown,
        left_out={
            name: len(msgspec.json.encode(value))
            for name, value in data.items()
            if name not in shown
        },
    )


def _may_show(name: str, value: object) -> bool:
    if name == _COUNTS:
        return isinstance(value, dict) and all(_is_number(one) for one in value.values())
    if isinstance(value, str):
        return name in _SHOWN and len(value) <= _SHOWN_MAX_CHARACTERS
    return name in _SHOWN and _is_number(value)


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float)
