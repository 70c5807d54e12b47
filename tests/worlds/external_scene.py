"""Builds ingested events concisely: as shapes, as JSON, and as store units."""

from __future__ import annotations

import json
from typing import Any

from store_scene import context_of
from threadcast.ids import UnifiedIdGenerator
from threadcast.store.units import IngestEvents
from threadcast.wire.external_event import ExternalEvent, read_external_event

SILENCE_S = 60.0
AT = 1_700_000_000.25

DATA: dict[str, dict[str, Any]] = {
    "thread_created": {"title": "A title", "metadata": {"a": 1}},
    "thread_updated": {"title": "Another"},
    "thread_deleted": {},
    "message_created": {"content": "hello there"},
    "run_queued": {"agent": "theirs", "position": 1},
    "agent_started": {"agent": "theirs", "attempt": 1},
    "agent_thinking": {"text": "hm"},
    "agent_delta": {"text": "a"},
    "tool_executing": {"tool_call_id": "t-1", "tool": "clock", "arguments": {"zone": "UTC"}},
    "tool_completed": {
        "tool_call_id": "t-1", "tool": "clock", "result": 12, "is_error": False, "duration_ms": 3,
    },
    "input_requested": {"input_id": "i-1", "prompt": "Sure?", "expires_at": AT + 60},
    "input_received": {"input_id": "i-1", "value": True},
    "agent_completed": {"content": "a", "duration_ms": 5},
    "agent_failed": {"code": "model_error", "message": "no model", "retryable": True},
    "agent_cancelled": {"reason": "enough"},
}  # fmt: skip


class Service:
    """Another service that ingests events of one user, thread and run.

    Attributes:
        thread_id, run_id: named in the events, where they are of a thread or of a run.
    """

    def __init__(self, user_id: str = "ann", **ids: str) -> None:
        fresh = UnifiedIdGenerator.generate_user_context_ids(user_id, "theirs")
        self.user_id = user_id
        self.thread_id = ids.get("thread_id", fresh.thread_id)
        self.run_id = ids.get("run_id", fresh.run_id)
        self._count = 0

    def shape(self, event_type: str, /, **changes: Any) -> dict[str, Any]:
        """An event with a new idempotency key; None omits a field, `data` is merged."""
        self._count += 1
        shape = {
            "client_message_id": f"{self.thread_id}-{self.run_id}-{self._count}",
            "event_type": event_type,
            "timestamp": AT,
            "user_id": self.user_id,
            "thread_id": self.thread_id,
            "run_id": None if event_type.startswith("thread_") else self.run_id,
            **changes,
            "data": {**DATA.get(event_type, {}), **changes.get("data", {})},
        }
        return {name: value for name, value in shape.items() if value is not None}

    def shapes(self, *event_types: str) -> list[dict[str, Any]]:
        """Events of these types."""
        return [self.shape(event_type) for event_type in event_types]

    def event(self, event_type: str, **changes: Any) -> ExternalEvent:
        """An event in the store's form."""
        return external(self.shape(event_type, **changes))

    def unit(self, *events: ExternalEvent | str) -> IngestEvents:
        """A unit of these events, or of events of these types."""
        made = [self.event(event) if isinstance(event, str) else event for event in events]
        return IngestEvents(context_of(self.user_id), made, SILENCE_S)


def external(shape: dict[str, Any]) -> ExternalEvent:
    """A shape in the store's form."""
    return read_external_event(json.dumps(shape).encode(), data_max_bytes=262_144)


def lines_of(shapes: list[dict[str, Any]]) -> bytes:
    """Shapes as JSON Lines."""
    return b"".join(json.dumps(shape).encode() + b"\n" for shape in shapes)
