"""The data of connection events.

The published schema is generated from these structs. Like `events`, this module knows nothing of
stores, connections or time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..events import ConnectionEventType
from ..runs import RunStatus
from .fields import SEQ_MAX, Cursor, ErrorCode, FeedId, RequestId, RunId, Seq, ThreadId, Timestamp

__all__ = [
    "ANSWER_OF_COMMAND",
    "DATA_OF_CONNECTION_EVENT",
    "AttachAccepted",
    "Attached",
    "AuthenticateAccepted",
    "CancelRunAccepted",
    "CaughtUp",
    "CommandAccepted",
    "CommandRejectedData",
    "ConnectionClosing",
    "ConnectionReady",
    "CreateThreadAccepted",
    "Limits",
    "PingAccepted",
    "ResetReason",
    "RespondAccepted",
    "SendMessageAccepted",
    "Server",
]

ResetReason = Literal["new_feed", "cursor_ahead", "diverged", "trimmed"]
_Head = Annotated[int, Meta(ge=0, le=SEQ_MAX, description="The last seq; 0 for an empty journal.")]
_Milliseconds = Annotated[int, Meta(ge=0, description="Milliseconds to wait.")]


class Limits(msgspec.Struct, frozen=True):
    """The limits of this connection."""

    message_max_bytes: int
    commands_per_s: float
    commands_burst: int
    commands_in_flight_max: int
    max_connections: int


class Server(msgspec.Struct, frozen=True):
    """The server's version and the node's id."""

    name: str
    version: str
    node: str


class ConnectionReady(msgspec.Struct, frozen=True):
    """Authentication succeeded; `feed` is null while the user has no journal yet."""

    connection_id: str
    feed: FeedId | None
    head: _Head
    heartbeat_s: float
    expires_at: Timestamp | None
    limits: Limits
    server: Server


class Attached(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where events now start; with `reset`, the reader must read its snapshots again.

    `thread_id` is present under a thread filter, and is the thread's current id.
    """

    after: Cursor
    head: _Head
    reset: bool
    feed: FeedId | None
    reason: ResetReason | None = None
    thread_id: ThreadId | None = None


class CaughtUp(msgspec.Struct, frozen=True):
    """All events up to `seq` were sent; what follows is live."""

    seq: _Head


class AuthenticateAccepted(msgspec.Struct, frozen=True, tag_field="command", tag="authenticate"):
    """The credential is in force from now on."""

    id: str
    user_id: str
    expires_at: Timestamp | None


class AttachAccepted(msgspec.Struct, frozen=True, tag_field="command", tag="attach"):
    """`attached` follows."""

    id: str


class CreateThreadAccepted(msgspec.Struct, frozen=True, tag_field="command", tag="create_thread"):
    """The thread exists; `seq` is that of `thread_created`."""

    id: str
    thread_id: ThreadId
    seq: Seq


class SendMessageAccepted(msgspec.Struct, frozen=True, tag_field="command", tag="send_message"):
    """The message is stored; `seq` is that of `message_created`."""

    id: str
    thread_id: ThreadId
    run_id: RunId
    seq: Seq
    duplicate: bool


class CancelRunAccepted(msgspec.Struct, frozen=True, tag_field="command", tag="cancel_run"):
    """The run has ended or will; `status` is where it is now."""

    id: str
    run_id: RunId
    status: RunStatus


class RespondAccepted(msgspec.Struct, frozen=True, tag_field="command", tag="respond"):
    """The answer is stored; `seq` is that of `input_received`."""

    id: str
    run_id: RunId
    seq: Seq


class PingAccepted(msgspec.Struct, frozen=True, tag_field="command", tag="ping"):
    """The server's time."""

    id: str
    timestamp: Timestamp


CommandAccepted = (
    AuthenticateAccepted
    | AttachAccepted
    | CreateThreadAccepted
    | SendMessageAccepted
    | CancelRunAccepted
    | RespondAccepted
    | PingAccepted
)

ANSWER_OF_COMMAND: Mapping[str, type[CommandAccepted]] = {
    "authenticate": AuthenticateAccepted,
    "attach": AttachAccepted,
    "create_thread": CreateThreadAccepted,
    "send_message": SendMessageAccepted,
    "cancel_run": CancelRunAccepted,
    "respond": RespondAccepted,
    "ping": PingAccepted,
}


class CommandRejectedData(msgspec.Struct, frozen=True, omit_defaults=True):
    """The command had no effect, unless the code is `unknown_outcome`.

    `id` is null if none could be read; `code` is a row of the error table; `request_id` is the
    connection's, by which an operator finds it.
    """

    id: str | None
    code: ErrorCode
    message: str
    retryable: bool
    retry_after_ms: _Milliseconds | None = None
    request_id: RequestId | None = None


class ConnectionClosing(msgspec.Struct, frozen=True, omit_defaults=True):
    """The connection ends with close code `code`; `error` is a row of the error table.

    `request_id` is the connection's, by which an operator finds it.
    """

    code: Annotated[int, Meta(ge=1000, le=4999)]
    reason: str
    error: ErrorCode
    reconnect: bool
    retry_after_ms: _Milliseconds | None = None
    request_id: RequestId | None = None


DATA_OF_CONNECTION_EVENT: Mapping[ConnectionEventType, object] = {
    ConnectionEventType.CONNECTION_READY: ConnectionReady,
    ConnectionEventType.ATTACHED: Attached,
    ConnectionEventType.CAUGHT_UP: CaughtUp,
    ConnectionEventType.COMMAND_ACCEPTED: CommandAccepted,
    ConnectionEventType.COMMAND_REJECTED: CommandRejectedData,
    ConnectionEventType.CONNECTION_CLOSING: ConnectionClosing,
}
