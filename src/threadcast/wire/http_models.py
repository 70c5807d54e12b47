"""The bodies of HTTP requests and answers.

The published OpenAPI document is generated from these structs. Snapshots carry `seq`, the place in
the user's journal that they reflect: events after it are not in them. This module may not know
routes, stores or how page tokens are made. Ingestion and operators have modules of their own
(`ingest_models`, `alert_models` and others).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ..errors import ThreadcastError
from ..ids import USER_ID_MAX_CHARACTERS
from ..runs import RunStatus
from .fields import (
    SEQ_MAX,
    AgentName,
    ClientMessageId,
    Content,
    ErrorCode,
    InputId,
    JsonValue,
    Metadata,
    OnBusy,
    OnDisconnect,
    Preview,
    RequestId,
    RunId,
    Seq,
    ThreadId,
    Timestamp,
    Title,
)

__all__ = [
    "PAGE_LIMIT_DEFAULT",
    "PAGE_LIMIT_MAX",
    "PAGE_TOKEN_MAX_CHARACTERS",
    "PROBLEM_TYPE",
    "Connection",
    "ConnectionList",
    "CreateThreadBody",
    "EventPage",
    "Health",
    "Input",
    "Message",
    "MessageAcceptedAnswer",
    "MessagePage",
    "PageLimit",
    "PageToken",
    "Problem",
    "Readiness",
    "RespondBody",
    "RevokeSessionsBody",
    "Run",
    "RunAnswer",
    "RunSnapshot",
    "SendMessageBody",
    "SnapshotSeq",
    "Thread",
    "ThreadAnswer",
    "ThreadPage",
    "ThreadRun",
    "ThreadSnapshot",
    "UpdateThreadBody",
    "problem_headers",
]

PAGE_LIMIT_DEFAULT = 50
PAGE_LIMIT_MAX = 200
PAGE_TOKEN_MAX_CHARACTERS = 512
PROBLEM_TYPE = "application/problem+json"
_RETRY_AFTER_DEFAULT_MS = 1_000

SnapshotSeq = Annotated[
    int, Meta(ge=0, le=SEQ_MAX, description="The journal's last seq when this was true.")
]
PageLimit = Annotated[
    int,
    Meta(
        ge=1,
        le=PAGE_LIMIT_MAX,
        description="How many items at most.",
        extra={"code": "bad_limit"},
    ),
]
PageToken = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=PAGE_TOKEN_MAX_CHARACTERS,
        description="`next` of the page before. It is opaque, and an edited one is refused.",
        extra={"code": "bad_page_token"},
    ),
]
_Next = Annotated[
    str, Meta(description="Give it as `before` for the page of older items; null on the last.")
]
_JournalEvent = Annotated[
    msgspec.Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/JournalEvent"})
]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457).

    Programs compare `code`; the rest is for people. `request_id` is the response's `X-Request-ID`,
    by which an operator finds the request.
    """

    type: str = "about:blank"
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    code: ErrorCode
    detail: str
    retryable: bool
    retry_after_ms: Annotated[int, Meta(ge=0)] | msgspec.UnsetType = msgspec.UNSET
    request_id: RequestId | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, error: ThreadcastError, *, request_id: str | None = None) -> Problem:
        """The document for an error; send it with its `status` and `problem_headers`."""
        retry_after_ms = error.retry_after_ms
        return cls(
            title=error.kind.text,
            status=error.kind.status,
            code=error.code,
            detail=error.message,
            retryable=error.kind.retryable,
            retry_after_ms=msgspec.UNSET if retry_after_ms is None else retry_after_ms,
            request_id=msgspec.UNSET if request_id is None else request_id,
        )


def problem_headers(error: ThreadcastError) -> dict[str, str]:
    """The headers that go with the problem document of an error, names in lower case."""
    headers = {"content-type": PROBLEM_TYPE, "cache-control": "no-store"}
    if error.kind.status == 401:
        headers["www-authenticate"] = 'Bearer error="invalid_token"'
    if error.kind.retryable:
        wait_ms = error.retry_after_ms
        wait_ms = _RETRY_AFTER_DEFAULT_MS if wait_ms is None else wait_ms
        headers["retry-after"] = str(max(1, -(-wait_ms // 1000)))
    return headers


# --- requests -------------------------------------------------------------------------------------


class CreateThreadBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new thread."""

    title: Title | None = None
    metadata: Metadata = {}


class UpdateThreadBody(msgspec.Struct, frozen=True, kw_only=True):
    """The changes; absent or null fields stay as they are. Metadata is replaced as a whole."""

    title: Title | None = None
    metadata: Metadata | None = None


class SendMessageBody(msgspec.Struct, frozen=True, kw_only=True):
    """A message; the `Idempotency-Key` header may stand in for `client_message_id`."""

    content: Content
    client_message_id: ClientMessageId | None = None
    agent: AgentName | None = None
    on_busy: OnBusy = "queue"
    on_disconnect: OnDisconnect = "continue"


class RespondBody(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a run's question."""

    input_id: InputId
    value: JsonValue


class RevokeSessionsBody(msgspec.Struct, frozen=True, kw_only=True):
    """What to revoke: one token, or without one all tokens issued until now."""

    token_id: (
        Annotated[str, Meta(min_length=1, max_length=256, description="One token's `jti`.")] | None
    ) = None
    token_expires_at: Timestamp | None = None


# --- answers --------------------------------------------------------------------------------------


class ThreadRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has not ended; one that is `waiting` asks the user something."""

    run_id: RunId
    status: RunStatus


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """A thread. `preview` may stand in for a title.

    Attributes:
        updated_at, last_seq: time and seq of the last event that moved it to the top of the list:
            its creation, a message, a question, the end of a run. A new title does not.
        live_runs: its runs that have not ended, the oldest first, at most 20. Absent from older
            servers.
    """

    thread_id: ThreadId
    title: str | None
    preview: Preview | None = None  # older servers do not give it
    metadata: dict[str, Any]
    created_at: Timestamp
    updated_at: Timestamp
    last_seq: Seq
    live_runs: list[ThreadRun] | msgspec.UnsetType = msgspec.UNSET


class ThreadAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A thread was created, updated or deleted by the event at `seq`."""

    thread_id: ThreadId
    seq: Seq


class ThreadSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One thread."""

    seq: SnapshotSeq
    thread: Thread


class ThreadPage(msgspec.Struct, frozen=True, kw_only=True):
    """Threads by `last_seq`, the latest first."""

    seq: SnapshotSeq
    threads: list[Thread]
    next: _Next | None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message or an answer; `seq` is that of its event."""

    seq: Seq
    role: Literal["user", "assistant"]
    content: str
    run_id: RunId
    timestamp: Timestamp


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """A thread's latest messages and answers, oldest first; `thread_id` is its current id."""

    seq: SnapshotSeq
    messages: list[Message]
    next: _Next | None
    thread_id: ThreadId | None = None


class MessageAcceptedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A message is stored and its run will answer; `seq` is that of `message_created`."""

    thread_id: ThreadId
    run_id: RunId
    seq: Seq
    duplicate: bool


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """A thread's events after a cursor, in order.

    Attributes:
        seq: the journal's last seq when it was read.
        trimmed: up to which seq retention has removed the journal's events; 0 if it has not. From
            0, a page begins with the first event that is kept.
        events: envelopes, as delivered.
        next: the `after` of the page that follows; null when this one reaches `seq`.
    """

    seq: SnapshotSeq
    trimmed: Annotated[int, Meta(ge=0, le=SEQ_MAX)]
    events: list[_JournalEvent]
    next: Annotated[int, Meta(ge=0, le=SEQ_MAX)] | None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of an agent; `message_seq` is the seq of the message that started it.

    For a run that another service executes, it is the seq of its first event.
    """

    run_id: RunId
    thread_id: ThreadId
    agent: str
    status: RunStatus
    attempt: Annotated[int, Meta(ge=0)]
    message_seq: Seq
    created_at: Timestamp
    started_at: Timestamp | None
    ended_at: Timestamp | None


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A question of a run; `value` is null until it is answered."""

    input_id: InputId
    prompt: str
    expires_at: Timestamp
    answered: bool
    value: Any


class RunSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One run, and its questions in the order of asking."""

    seq: SnapshotSeq
    run: Run
    inputs: list[Input]


class RunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A run after a command; `seq` is that of the event it caused, null if none."""

    run_id: RunId
    status: RunStatus
    seq: Seq | None


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A live connection of the user, and the node that it is on."""

    connection_id: str
    node_id: str
    kind: Literal["websocket", "sse"]
    opened_at: Timestamp


class ConnectionList(msgspec.Struct, frozen=True, kw_only=True):
    """The user's live connections, oldest first."""

    connections: list[Connection]


class CloseConnectionsBody(msgspec.Struct, frozen=True, kw_only=True):
    """Whose connections to close, on every node."""

    user: Annotated[str, Meta(min_length=1, max_length=USER_ID_MAX_CHARACTERS)]


class ClosedConnections(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections were told to end."""

    closed: Annotated[int, Meta(ge=0)]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A node as of its last lease renewal.

    Attributes:
        node_id: its id.
        version: of Threadcast.
        role: `all`, `gateway` or `worker`.
        alive: whether its lease is valid.
        age_s: how long ago its process began, as of its last lease renewal.
        joined_s: how long ago it joined the others, or joined again after it was considered lost;
            null without a shared store.
        lease_left_s: the remaining lease; below 0 for a lost node, null without a shared store.
        connections, runs: how many it has.
    """

    node_id: str
    version: str
    role: str
    alive: bool
    age_s: float
    joined_s: float | None
    lease_left_s: float | None
    connections: Annotated[int, Meta(ge=0)]
    runs: Annotated[int, Meta(ge=0)]


class NodeList(msgspec.Struct, frozen=True, kw_only=True):
    """Every known node, by id; a lost one stays for one more lease."""

    nodes: list[Node]


class Health(msgspec.Struct, frozen=True):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the node takes work:

    `degraded` still does; `checks` says what is wrong. `role`: a worker serves no users, a gateway
    executes no runs.
    """

    status: Literal["ready", "degraded", "not_ready"]
    role: Literal["all", "worker", "gateway"]
    checks: dict[str, str]
