"""A run's events for operators: without texts of users and agents, unless allowed.

Shown fields are listed here; of everything else in an event's data only the size is shown. So a
field added to events later is not shown by accident. Names and ids are shown only if they look like
names, because models and other services may put any text there. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from ..events import JournalEvent
from ..wire.look_up_models import TimelineEvent

_NUMBERS = frozenset(
    {
        *("attempt", "position", "created_at"),
        *("is_error", "duration_ms", "expires_at", "retryable"),
    }
)
_NAMES = frozenset({"agent", "tool", "tool_call_id", "input_id", "code", "role"})
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_MODEL_NAME = re.compile(r"[A-Za-z0-9_.:/@-]{1,64}")
_USAGE = "usage"
_USAGE_NUMBERS = frozenset(
    {
        *("input_tokens", "output_tokens", "total_tokens"),
        *("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"),
        *("cache_creation_input_tokens", "cache_read_input_tokens"),
        *("requests", "cost", "cost_usd"),
    }
)


def timeline_events(events: Iterable[JournalEvent], *, content: bool) -> list[TimelineEvent]:
    """Events for an operator.

    Args:
        events: of one run, in order.
        content: whether to show texts.
    """
    return [_event(event, content=content) for event in events]


def agent_name(name: str) -> str:
    """The name of a run's agent, or `?` if another service used an unusable name."""
    return name if _is_name(name, _NAME) else "?"


def _event(event: JournalEvent, *, content: bool) -> TimelineEvent:
    data: dict[str, Any] = msgspec.json.decode(event.data)
    shown = data if content else _shown(data)
    return TimelineEvent(
        seq=event.seq,
        timestamp=float(event.stamp),
        event_type=event.event_type.value,
        data=shown,
        left_out={
            name: len(msgspec.json.encode(_without(value, shown.get(name))))
            for name, value in data.items()
            if name not in shown or shown[name] != value
        },
    )


def _without(value: Any, shown: Any) -> Any:
    """The hidden part of a field."""
    if not isinstance(value, dict) or not isinstance(shown, dict):
        return value
    return {name: one for name, one in value.items() if name not in shown}


def _shown(data: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in data.items() if _may_show(name, value)}
    if isinstance(usage := data.get(_USAGE), dict):
        shown[_USAGE] = {name: one for name, one in usage.items() if _may_show_usage(name, one)}
    return {name: value for name, value in shown.items() if value != {}}


def _may_show(name: str, value: object) -> bool:
    if name in _NUMBERS:
        return _is_number(value)
    return name in _NAMES and _is_name(value, _NAME)


def _may_show_usage(name: str, value: object) -> bool:
    if name == "model":
        return _is_name(value, _MODEL_NAME)
    return name in _USAGE_NUMBERS and _is_number(value)


def _is_name(value: object, names: re.Pattern[str]) -> bool:
    return isinstance(value, str) and names.fullmatch(value) is not None


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float)
