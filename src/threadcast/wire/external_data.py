"""The data of ingested events by type: fields and bounds.

The fields are those of `events`; the bounds are those of the same fields in commands and HTTP
bodies. Fields without a bound of their own are bounded by the size of the whole event. This module
decodes nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from .. import events
from ..events import EventType
from .fields import SEQ_MAX, AgentName, ClientMessageId, Content, Metadata, Timestamp, Title

__all__ = ["DATA_OF_EXTERNAL", "ExternalData", "Message", "Started", "ThreadState"]

_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Code = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-z0-9_]*$(?!\n)")]
_DurationMs = Annotated[int, Meta(ge=0, le=SEQ_MAX)]
_Ordinal = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class ThreadState(events.Dated, frozen=True):
    """Data of `thread_created` and `thread_updated`; null leaves a field as it is."""

    title: Title | None = None
    metadata: Metadata | None = None


class Message(events.MessageCreated, frozen=True):
    """Data of `message_created`."""

    role: Literal["user"]
    content: Content
    client_message_id: ClientMessageId


class Queued(events.RunQueued, frozen=True):
    """Data of `run_queued`."""

    agent: AgentName
    position: _Ordinal


class Started(events.AgentStarted, frozen=True):
    """Data of `agent_started`; the attempt defaults to the first."""

    agent: AgentName
    attempt: _Ordinal = 1


class ToolCall(events.ToolExecuting, frozen=True):
    """Data of `tool_executing`."""

    tool_call_id: _Name
    tool: _Name
    arguments: Any


class ToolEnd(events.ToolCompleted, frozen=True):
    """Data of `tool_completed`."""

    tool_call_id: _Name
    tool: _Name
    result: Any
    is_error: bool
    duration_ms: _DurationMs


class Asked(events.InputRequested, frozen=True, omit_defaults=True):
    """Data of `input_requested`."""

    input_id: _Name
    prompt: Content
    expires_at: Timestamp


class Answer(events.InputReceived, frozen=True):
    """Data of `input_received`."""

    input_id: _Name
    value: Any


class Completed(events.AgentCompleted, frozen=True, omit_defaults=True):
    """Data of `agent_completed`."""

    content: str
    duration_ms: _DurationMs


class Failed(events.AgentFailed, frozen=True):
    """Data of `agent_failed`."""

    code: _Code


ExternalData = (
    ThreadState
    | events.ThreadDeleted
    | Message
    | Queued
    | Started
    | events.AgentThinking
    | events.AgentDelta
    | ToolCall
    | ToolEnd
    | Asked
    | Answer
    | Completed
    | Failed
    | events.AgentCancelled
)

DATA_OF_EXTERNAL: dict[EventType, type[ExternalData]] = {
    EventType.THREAD_CREATED: ThreadState,
    EventType.THREAD_UPDATED: ThreadState,
    EventType.THREAD_DELETED: events.ThreadDeleted,
    EventType.MESSAGE_CREATED: Message,
    EventType.RUN_QUEUED: Queued,
    EventType.AGENT_STARTED: Started,
    EventType.AGENT_THINKING: events.AgentThinking,
    EventType.AGENT_DELTA: events.AgentDelta,
    EventType.TOOL_EXECUTING: ToolCall,
    EventType.TOOL_COMPLETED: ToolEnd,
    EventType.INPUT_REQUESTED: Asked,
    EventType.INPUT_RECEIVED: Answer,
    EventType.AGENT_COMPLETED: Completed,
    EventType.AGENT_FAILED: Failed,
    EventType.AGENT_CANCELLED: events.AgentCancelled,
}
