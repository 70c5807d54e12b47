"""The closed vocabulary of events, their data, and their common envelope.

An event is one immutable fact about a user's threads. Its bytes are encoded once, here, and shared
by all cursors. This module knows nothing of stores, connections or time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec


class EventType(StrEnum):
    """Types of journal events. The order is the storage code: only ever append."""

    THREAD_CREATED = "thread_created"
    THREAD_UPDATED = "thread_updated"
    THREAD_DELETED = "thread_deleted"
    MESSAGE_CREATED = "message_created"
    RUN_QUEUED = "run_queued"
    AGENT_STARTED = "agent_started"
    AGENT_THINKING = "agent_thinking"
    AGENT_DELTA = "agent_delta"
    TOOL_EXECUTING = "tool_executing"
    TOOL_COMPLETED = "tool_completed"
    INPUT_REQUESTED = "input_requested"
    INPUT_RECEIVED = "input_received"
    AGENT_COMPLETED = "agent_completed"
    AGENT_FAILED = "agent_failed"
    AGENT_CANCELLED = "agent_cancelled"


EVENT_CODE: dict[EventType, int] = {kind: code for code, kind in enumerate(EventType, start=1)}
EVENT_OF_CODE: dict[int, EventType] = {code: kind for kind, code in EVENT_CODE.items()}
TERMINAL_EVENTS = frozenset(
    {EventType.AGENT_COMPLETED, EventType.AGENT_FAILED, EventType.AGENT_CANCELLED}
)
MOVES_THREAD = TERMINAL_EVENTS | {
    EventType.THREAD_CREATED,
    EventType.THREAD_DELETED,
    EventType.MESSAGE_CREATED,
    EventType.INPUT_REQUESTED,
}
"""Events that move a thread to the top of its user's list."""


class ConnectionEventType(StrEnum):
    """Types of events about the connection itself; never in a journal, never with a seq."""

    CONNECTION_READY = "connection_ready"
    ATTACHED = "attached"
    CAUGHT_UP = "caught_up"
    COMMAND_ACCEPTED = "command_accepted"
    COMMAND_REJECTED = "command_rejected"
    CONNECTION_CLOSING = "connection_closing"


class Dated(msgspec.Struct, frozen=True, kw_only=True):
    """Data that may carry the original time of an imported or ingested event.

    Attributes:
        created_at: seconds since the epoch; absent on events of this server.
    """

    created_at: float | msgspec.UnsetType = msgspec.UNSET


class ThreadData(Dated, frozen=True, omit_defaults=False):
    """Data of `thread_created` and `thread_updated`."""

    title: str | None = None
    metadata: dict[str, Any] = {}


class ThreadDeleted(msgspec.Struct, frozen=True):
    """The thread was deleted; empty, because deleted content is not repeated."""


class MessageCreated(Dated, frozen=True):
    """A person's message was accepted."""

    role: str
    content: str
    client_message_id: str


class RunQueued(Dated, frozen=True):
    """The run waits behind others; `position` counts those ahead of it, from 1."""

    agent: str
    position: int


class AgentStarted(Dated, frozen=True):
    """An attempt began; what an earlier attempt streamed is void from here. Attempts start at 1."""

    agent: str
    attempt: int


class AgentThinking(Dated, frozen=True):
    """A piece of the agent's reasoning."""

    text: str


class AgentDelta(msgspec.Struct, frozen=True):
    """The next piece of the answer; it has no other field, because pieces are joined."""

    text: str


class ToolExecuting(Dated, frozen=True):
    """A tool call began."""

    tool_call_id: str
    tool: str
    arguments: Any


class ToolCompleted(Dated, frozen=True):
    """A tool call ended, well or badly."""

    tool_call_id: str
    tool: str
    result: Any
    is_error: bool
    duration_ms: int


class InputRequested(Dated, frozen=True, omit_defaults=True):
    """The agent waits for a person; `schema` is a JSON Schema of the expected value."""

    input_id: str
    prompt: str
    expires_at: float
    schema: Any = None


class InputReceived(Dated, frozen=True):
    """A person answered."""

    input_id: str
    value: Any


class AgentCompleted(Dated, frozen=True, omit_defaults=True):
    """The run ended with this whole answer."""

    content: str
    duration_ms: int
    usage: Any = None


class AgentFailed(Dated, frozen=True):
    """The run ended without an answer; `code` is a row of the error table."""

    code: str
    message: str
    retryable: bool


class AgentCancelled(Dated, frozen=True):
    """The run was ended on purpose."""

    reason: str


EventData = (
    ThreadData
    | ThreadDeleted
    | MessageCreated
    | RunQueued
    | AgentStarted
    | AgentThinking
    | AgentDelta
    | ToolExecuting
    | ToolCompleted
    | InputRequested
    | InputReceived
    | AgentCompleted
    | AgentFailed
    | AgentCancelled
)

DATA_OF_EVENT: dict[EventType, type[EventData]] = {
    EventType.THREAD_CREATED: ThreadData,
    EventType.THREAD_UPDATED: ThreadData,
    EventType.THREAD_DELETED: ThreadDeleted,
    EventType.MESSAGE_CREATED: MessageCreated,
    EventType.RUN_QUEUED: RunQueued,
    EventType.AGENT_STARTED: AgentStarted,
    EventType.AGENT_THINKING: AgentThinking,
    EventType.AGENT_DELTA: AgentDelta,
    EventType.TOOL_EXECUTING: ToolExecuting,
    EventType.TOOL_COMPLETED: ToolCompleted,
    EventType.INPUT_REQUESTED: InputRequested,
    EventType.INPUT_RECEIVED: InputReceived,
    EventType.AGENT_COMPLETED: AgentCompleted,
    EventType.AGENT_FAILED: AgentFailed,
    EventType.AGENT_CANCELLED: AgentCancelled,
}

_encoder = msgspec.json.Encoder()


class EventDraft(msgspec.Struct, frozen=True):
    """An event to be committed: its type and its data, already encoded as JSON."""

    event_type: EventType
    data: bytes

    @classmethod
    def of(cls, event_type: EventType, data: EventData) -> EventDraft:
        """Encode `data`, which must be of the type that `DATA_OF_EVENT` names.

        Raises:
            TypeError, ValueError: the data holds something that JSON cannot carry.
        """
        return cls(event_type, _encoder.encode(data))


class Address:
    """An event's user, thread and run; this part of the envelope is encoded once.

    Args:
        user_id: the journal's user.
        thread_id: the thread, or None.
        run_id: the run, or None.
    """

    __slots__ = ("middle", "run_id", "thread_id", "user_id")

    def __init__(self, user_id: str, thread_id: str | None, run_id: str | None) -> None:
        self.user_id = user_id
        self.thread_id = thread_id
        self.run_id = run_id
        parts = [b',"user_id":', _encoder.encode(user_id)]
        if thread_id is not None:
            parts += [b',"thread_id":', _encoder.encode(thread_id)]
        if run_id is not None:
            parts += [b',"run_id":', _encoder.encode(run_id)]
        self.middle = b"".join([*parts, b',"seq":'])


_HEAD: dict[EventType, bytes] = {
    kind: b'{"event_type":"%b","timestamp":' % kind.value.encode() for kind in EventType
}


def timestamp_text(at_us: int) -> bytes:
    """Microseconds since the epoch as the JSON number of seconds that the envelope carries."""
    return b"%d.%06d" % divmod(at_us, 1_000_000)


class JournalEvent:
    """One committed event. `payload` is the whole envelope; it is built once and then shared.

    Args:
        event_type: its type.
        stamp: `timestamp_text` of its commit.
        address: its user, thread and run.
        seq: its place in its user's journal, >= 1.
        data: its data as JSON.
        first_seq: the first seq of the deltas merged into it, when there are several.
    """

    __slots__ = ("_payload", "address", "data", "event_type", "first_seq", "frame", "seq", "stamp")

    def __init__(
        self,
        event_type: EventType,
        stamp: bytes,
        address: Address,
        seq: int,
        data: bytes,
        first_seq: int | None = None,
    ) -> None:
        self.event_type = event_type
        self.stamp = stamp
        self.address = address
        self.seq = seq
        self.data = data
        self.first_seq = first_seq
        self._payload: bytes | None = None
        self.frame: bytes | None = None  # the WebSocket text frame, when one was built

    @property
    def payload(self) -> bytes:
        """The envelope as UTF-8 JSON."""
        if self._payload is None:
            first = b"" if self.first_seq is None else b',"first_seq":%d' % self.first_seq
            self._payload = b'%b%b%b%d%b,"data":%b}' % (
                _HEAD[self.event_type],
                self.stamp,
                self.address.middle,
                self.seq,
                first,
                self.data,
            )
        return self._payload


_DELTA_START, _DELTA_END = b'{"text":"', b'"}'


def merge_deltas(events: Iterable[JournalEvent]) -> list[JournalEvent]:
    """Join neighbouring `agent_delta` events of one run into one that says `first_seq`.

    The texts are joined without decoding: two JSON strings become one by removing the quotes
    between them.
    """
    merged: list[JournalEvent] = []
    texts: list[bytes] = []
    for event in events:
        last = merged[-1] if merged else None
        if last is not None and _continues(last, event):
            texts.append(event.data[len(_DELTA_START) : -len(_DELTA_END)])
            first = last.seq if last.first_seq is None else last.first_seq
            merged[-1] = JournalEvent(
                event.event_type, event.stamp, event.address, event.seq, last.data, first
            )
            continue
        _seal(merged, texts)
        merged.append(event)
    _seal(merged, texts)
    return merged


def _continues(last: JournalEvent, event: JournalEvent) -> bool:
    return (
        event.event_type is EventType.AGENT_DELTA
        and last.event_type is EventType.AGENT_DELTA
        and last.address.run_id == event.address.run_id
    )


def _seal(merged: list[JournalEvent], texts: list[bytes]) -> None:
    if texts:
        last = merged[-1]
        last.data = last.data[: -len(_DELTA_END)] + b"".join(texts) + _DELTA_END
        texts.clear()


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event as a client sees it, journal and connection events alike.

    Attributes:
        event_type: a value of `EventType` or `ConnectionEventType`; unknown ones are to be ignored.
        timestamp: seconds since the epoch.
        user_id: the connection's own user.
        data: see `DATA_OF_EVENT` for the fields of each type.
        thread_id, run_id: absent where there is none.
        seq: present on journal events, >= 1.
        first_seq: on merged deltas, the first seq that this event stands for.
    """

    event_type: str
    timestamp: float
    user_id: str
    data: dict[str, Any]
    thread_id: str | None = None
    run_id: str | None = None
    seq: int | None = None
    first_seq: int | None = None


class _Said(msgspec.Struct, frozen=True):
    event_type: str
    timestamp: float
    user_id: str
    data: msgspec.Struct | dict[str, Any]


def connection_event(
    event_type: ConnectionEventType,
    *,
    now: float,
    user_id: str,
    data: msgspec.Struct | dict[str, Any],
) -> bytes:
    """Encode one connection event.

    Args:
        event_type: its type.
        now: wall time, seconds since the epoch.
        user_id: the connection's user; empty before authentication.
        data: its data; `wire.connection_data` has the struct of each type.
    """
    return _encoder.encode(_Said(event_type.value, round(now, 6), user_id, data))


def encode_json(value: object) -> bytes:
    """Encode plain data as JSON; NaN and infinities, which JSON cannot express, become null.

    Raises:
        TypeError: a value that JSON cannot carry.
    """
    return _encoder.encode(value)


def highest_seq(events: Sequence[JournalEvent]) -> int:
    """The seq of the last event, or 0 when there is none."""
    return events[-1].seq if events else 0
