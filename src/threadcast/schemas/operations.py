"""The HTTP surface as a table: what each operation takes, answers and can be refused with.

Routes are written against this table and a document is drawn from it. This module may not know how
either is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from ..consistency.report import ConsistencyReport
from ..wire.action_models import (
    Action,
    ActionPage,
    CancelRunBody,
    DisconnectBody,
    DrainNodeBody,
    SignOutBody,
)
from ..wire.alert_models import Alerts
from ..wire.fields import ClientMessageId, Cursor, FeedId, RunId, ThreadName
from ..wire.http_models import (
    PAGE_LIMIT_DEFAULT,
    CloseConnectionsBody,
    ClosedConnections,
    ConnectionList,
    CreateThreadBody,
    EventPage,
    Health,
    MessageAcceptedAnswer,
    MessagePage,
    NodeList,
    PageLimit,
    PageToken,
    Readiness,
    RespondBody,
    RevokeSessionsBody,
    RunAnswer,
    RunSnapshot,
    SendMessageBody,
    ThreadAnswer,
    ThreadPage,
    ThreadSnapshot,
    UpdateThreadBody,
)
from ..wire.ingest_models import IngestAnswer, IngestBody
from ..wire.look_up_models import (
    TIMELINE_LIMIT_DEFAULT,
    FindUserBody,
    FoundRun,
    FoundUser,
    LiveRuns,
    Timeline,
    TimelineLimit,
)
from ..wire.overview_models import LiveStatus, Overview
from ..wire.series_models import Series
from ..wire.validation_report import ValidationReport

__all__ = ["ANYWHERE", "OPERATIONS", "PARAMETERS", "SECURED", "Operation", "Parameter"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter beside the body; `default` is what its absence means."""

    name: str
    place: Literal["path", "query", "header"]
    type: Any
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        method, path: as in HTTP; parameters in braces.
        operation_id: its name for programs, `[a-z_]+`.
        summary: one sentence.
        parameters: names in `PARAMETERS`, those of the path too.
        body: the struct of the request's body; None for no body.
        lines: whether the body's items may also come as JSON Lines.
        body_required: whether it must come; left out, it is an empty object.
        answer: the struct of the answer; None for an empty one, a media type for one that is text.
        status: of the answer.
        also_as: another media type in which the same answer comes, for who prefers it.
        also: statuses that come with the same answer, or with a problem.
        errors: codes beside those of `SECURED` (if `security` is `required`) and `ANYWHERE`.
        security: whether a credential is needed.
    """

    method: Literal["get", "post", "patch", "delete"]
    path: str
    operation_id: str
    summary: str
    parameters: tuple[str, ...] = ()
    body: type | None = None
    lines: bool = False
    body_required: bool = True
    answer: type | str | None = None
    also_as: str | None = None
    status: int = 200
    also: tuple[int, ...] = ()
    errors: tuple[str, ...] = ()
    security: Literal["required", "optional", "none"] = "required"


PARAMETERS: dict[str, Parameter] = {
    "thread_id": Parameter("thread_id", "path", ThreadName),
    "run_id": Parameter("run_id", "path", RunId),
    "connection_id": Parameter(
        "connection_id",
        "path",
        Annotated[str, Meta(description="A connection id, `ws_conn_<ms>_<counter>_<hex8>`.")],
    ),
    "limit": Parameter("limit", "query", PageLimit, PAGE_LIMIT_DEFAULT),
    "timeline_limit": Parameter("limit", "query", TimelineLimit, TIMELINE_LIMIT_DEFAULT),
    "before": Parameter("before", "query", PageToken),
    "after": Parameter("after", "query", Cursor, 0),
    "stream_after": Parameter("after", "query", Cursor),
    "feed": Parameter("feed", "query", FeedId),
    "in_thread": Parameter("thread_id", "query", ThreadName),
    "trace": Parameter(
        "trace",
        "query",
        Annotated[
            str,
            Meta(
                description="A trace, thread, run, request or connection id: only traces with it."
            ),
        ],
    ),
    "status": Parameter(
        "status",
        "query",
        Annotated[
            LiveStatus,
            Meta(description="Only runs of this status; all that have not ended without it."),
        ],
    ),
    "since": Parameter(
        "since",
        "query",
        Annotated[
            float,
            Meta(ge=0, description="Only steps that ended after this; seconds since the epoch."),
        ],
        0,
    ),
    "node_id": Parameter(
        "node_id",
        "query",
        Annotated[
            str,
            Meta(description="Whose columns `node` has; those of the server that answers without."),
        ],
    ),
    "idempotency_key": Parameter("Idempotency-Key", "header", ClientMessageId),
    "last_event_id": Parameter(
        "Last-Event-ID",
        "header",
        Annotated[
            str,
            Meta(
                description="The cursor `<feed>:<seq>` of the last event that the reader has;"
                " it goes before `after` and `feed`, and without any, events start at the head."
            ),
        ],
    ),
}

ANYWHERE = ("bad_host", "host_not_allowed", "bad_query", "overloaded", "internal")
SECURED = (
    "not_authenticated",
    "token_invalid",
    "token_expired",
    "token_not_yet_valid",
    "token_too_large",
    "token_in_url",
    "revoked",
    "keys_unavailable",
    "origin_not_allowed",
    "forbidden",
    "rate_limited",
    "unavailable",
    "shutting_down",
)
_BODY = (
    "bad_json",
    "too_deep",
    "bad_message",
    "bad_field",
    "bad_string",
    "unsupported_media_type",
    "content_encoding_not_supported",
    "body_too_large",
    "request_timeout",
)
_LOOK_UP = ("bad_id", "legacy_id", "not_found")
_PAGE = ("bad_limit", "bad_page_token")
_WRITE = ("storage_full", "unknown_outcome")
_CONSOLE = ("not_found",)
_ACTION = (*_BODY, *_WRITE, "empty", "too_long")
_THREAD_FIELDS = ("too_long", "bad_metadata")
_SEND = (
    *_BODY,
    *_WRITE,
    "empty",
    "too_long",
    "unknown_agent",
    "bad_idempotency_key",
    "idempotency_conflict",
    "run_active",
    "too_many_runs",
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="post",
        path="/v1/threads",
        operation_id="create_thread",
        summary="Create an empty thread.",
        body=CreateThreadBody,
        answer=ThreadAnswer,
        status=201,
        errors=(*_BODY, *_THREAD_FIELDS, *_WRITE),
    ),
    Operation(
        method="get",
        path="/v1/threads",
        operation_id="list_threads",
        summary="List threads, the one with the latest event first.",
        parameters=("limit", "before"),
        answer=ThreadPage,
        errors=_PAGE,
    ),
    Operation(
        method="get",
        path="/v1/threads/{thread_id}",
        operation_id="get_thread",
        summary="Read one thread.",
        parameters=("thread_id",),
        answer=ThreadSnapshot,
        errors=_LOOK_UP,
    ),
    Operation(
        method="patch",
        path="/v1/threads/{thread_id}",
        operation_id="update_thread",
        summary="Change a thread's title or metadata.",
        parameters=("thread_id",),
        body=UpdateThreadBody,
        answer=ThreadAnswer,
        errors=(*_LOOK_UP, *_BODY, *_THREAD_FIELDS, *_WRITE),
    ),
    Operation(
        method="delete",
        path="/v1/threads/{thread_id}",
        operation_id="delete_thread",
        summary="Delete a thread; its runs are cancelled first.",
        parameters=("thread_id",),
        answer=ThreadAnswer,
        errors=(*_LOOK_UP, *_WRITE),
    ),
    Operation(
        method="get",
        path="/v1/threads/{thread_id}/messages",
        operation_id="list_messages",
        summary="Read a thread's latest messages and answers.",
        parameters=("thread_id", "limit", "before"),
        answer=MessagePage,
        errors=(*_LOOK_UP, *_PAGE),
    ),
    Operation(
        method="post",
        path="/v1/threads/{thread_id}/messages",
        operation_id="send_message",
        summary="Store a message and start a run that answers it; it needs client_message_id or"
        " Idempotency-Key.",
        parameters=("thread_id", "idempotency_key"),
        body=SendMessageBody,
        answer=MessageAcceptedAnswer,
        status=202,
        errors=(*_LOOK_UP, *_SEND),
    ),
    Operation(
        method="post",
        path="/v1/messages",
        operation_id="send_first_message",
        summary="Store a message in a new thread and start a run that answers it; it needs"
        " client_message_id or Idempotency-Key.",
        parameters=("idempotency_key",),
        body=SendMessageBody,
        answer=MessageAcceptedAnswer,
        status=202,
        errors=_SEND,
    ),
    Operation(
        method="get",
        path="/v1/threads/{thread_id}/events",
        operation_id="list_events",
        summary="Read a thread's events after a cursor.",
        parameters=("thread_id", "after", "limit"),
        answer=EventPage,
        errors=(*_LOOK_UP, "bad_cursor", "bad_limit", "trimmed"),
    ),
    Operation(
        method="get",
        path="/v1/runs/{run_id}",
        operation_id="get_run",
        summary="Read one run and its questions.",
        parameters=("run_id",),
        answer=RunSnapshot,
        errors=_LOOK_UP,
    ),
    Operation(
        method="post",
        path="/v1/runs/{run_id}/cancel",
        operation_id="cancel_run",
        summary="Ask for the end of a run; safe to repeat.",
        parameters=("run_id",),
        answer=RunAnswer,
        errors=(*_LOOK_UP, *_WRITE),
    ),
    Operation(
        method="post",
        path="/v1/runs/{run_id}/respond",
        operation_id="respond",
        summary="Answer a run's question.",
        parameters=("run_id",),
        body=RespondBody,
        answer=RunAnswer,
        errors=(
            *_LOOK_UP,
            *_BODY,
            *_WRITE,
            "too_long",
            "already_answered",
            "expired",
            "run_finished",
        ),
    ),
    Operation(
        method="get",
        path="/v1/events",
        operation_id="stream_events",
        summary="Receive events as Server-Sent Events; `id:` is the cursor `<feed>:<seq>`.",
        parameters=("stream_after", "feed", "in_thread", "last_event_id"),
        answer="text/event-stream",
        errors=(*_LOOK_UP, "bad_cursor", "too_many_connections"),
    ),
    Operation(
        method="post",
        path="/v1/ingest",
        operation_id="ingest_events",
        summary="Append events of another service for users; needs the scope `ingest`.",
        body=IngestBody,
        lines=True,
        answer=IngestAnswer,
        errors=(*_BODY, *_WRITE),
    ),
    Operation(
        method="get",
        path="/v1/connections",
        operation_id="list_connections",
        summary="List the user's live connections.",
        answer=ConnectionList,
    ),
    Operation(
        method="delete",
        path="/v1/connections/{connection_id}",
        operation_id="close_connection",
        summary="Close one of the user's connections.",
        parameters=("connection_id",),
        status=204,
        errors=("bad_id", "not_found"),
    ),
    Operation(
        method="post",
        path="/v1/sessions/revoke",
        operation_id="revoke_sessions",
        summary="Sign out: one token, or everywhere.",
        body=RevokeSessionsBody,
        body_required=False,
        status=204,
        errors=(*_BODY, "empty", "too_long", *_WRITE),
    ),
    Operation(
        method="get",
        path="/ops/nodes",
        operation_id="list_nodes",
        summary="List the nodes that share the store; needs the scope `ops`.",
        answer=NodeList,
        errors=("unavailable",),
    ),
    Operation(
        method="post",
        path="/ops/connections/close",
        operation_id="close_connections",
        summary="Close a user's connections on every node; needs the scope `ops`.",
        body=CloseConnectionsBody,
        answer=ClosedConnections,
        errors=(*_BODY, "too_long", *_WRITE),
    ),
    Operation(
        method="get",
        path="/ops/validation",
        operation_id="get_validation",
        summary="What came of looking at the ids of requests; for credentials with the scope ops.",
        answer=ValidationReport,
    ),
    Operation(
        method="get",
        path="/healthz",
        operation_id="health",
        summary="Whether the process lives.",
        answer=Health,
        security="none",
    ),
    Operation(
        method="get",
        path="/readyz",
        operation_id="readiness",
        summary="Whether work can be taken; 503 with the same body when it cannot.",
        answer=Readiness,
        also=(503,),
        security="none",
    ),
    Operation(
        method="get",
        path="/metrics",
        operation_id="metrics",
        summary="Metrics for Prometheus; from elsewhere than this machine with a credential.",
        answer="text/plain",
        errors=("not_authenticated", "token_invalid", "forbidden"),
        security="optional",
    ),
    Operation(
        method="get",
        path="/ops/alerts",
        operation_id="get_alerts",
        summary="Read the rules of alerts as they stand; needs the scope `ops`.",
        answer=Alerts,
    ),
    Operation(
        method="get",
        path="/ops/consistency",
        operation_id="consistency",
        summary="Read whether ids stayed the same from contexts' creation to their cleanup, as JSON"
        " or, for `Accept: text/html`, as a page; needs the scope `ops`.",
        parameters=("trace", "limit"),
        answer=ConsistencyReport,
        also_as="text/html",
        errors=("bad_limit", "not_found"),
    ),
    Operation(
        method="get",
        path="/ops/overview",
        operation_id="get_overview",
        summary="How every node is now, and what is wrong; needs the scope `ops`, and the"
        " console to be on.",
        answer=Overview,
        errors=_CONSOLE,
    ),
    Operation(
        method="get",
        path="/ops/series",
        operation_id="get_series",
        summary="The last hour in steps of a few seconds; needs the scope `ops`, and the console"
        " to be on.",
        parameters=("since", "node_id"),
        answer=Series,
        errors=_CONSOLE,
    ),
    Operation(
        method="post",
        path="/ops/users/find",
        operation_id="find_user",
        summary="Look up a user: devices, cursors, runs; needs the scope `ops`, and the console to"
        " be on.",
        body=FindUserBody,
        answer=FoundUser,
        errors=(*_CONSOLE, *_BODY, "too_long", "empty"),
    ),
    Operation(
        method="get",
        path="/ops/runs",
        operation_id="list_live_runs",
        summary="List runs that have not ended, oldest first, whoever's they are; needs the scope"
        " `ops`, and the console to be on.",
        parameters=("status", "limit"),
        answer=LiveRuns,
        errors=(*_CONSOLE, "bad_limit"),
    ),
    Operation(
        method="get",
        path="/ops/runs/{run_id}",
        operation_id="find_run",
        summary="Look up a run, whoever's it is; needs the scope `ops`, and the console to be on.",
        parameters=("run_id",),
        answer=FoundRun,
        errors=(*_CONSOLE, "bad_id", "legacy_id"),
    ),
    Operation(
        method="get",
        path="/ops/runs/{run_id}/timeline",
        operation_id="get_timeline",
        summary="Read a run's events, without texts unless the credential has the scope `content`;"
        " needs the scope `ops`, and the console to be on.",
        parameters=("run_id", "after", "timeline_limit"),
        answer=Timeline,
        errors=(*_CONSOLE, "bad_id", "legacy_id", "bad_cursor", "bad_limit"),
    ),
    Operation(
        method="get",
        path="/ops/actions",
        operation_id="list_actions",
        summary="Read what operators did; needs the scope `ops`, and the console to be on.",
        parameters=("limit", "before"),
        answer=ActionPage,
        errors=(*_CONSOLE, *_PAGE),
    ),
    Operation(
        method="post",
        path="/ops/actions/disconnect",
        operation_id="disconnect",
        summary="Close a user's connections, or one of them, on whichever server; needs the scope"
        " `ops`, and the console to be on.",
        body=DisconnectBody,
        answer=Action,
        errors=(*_CONSOLE, *_ACTION, "bad_id"),
    ),
    Operation(
        method="post",
        path="/ops/actions/sign_out",
        operation_id="sign_out",
        summary="Sign a user out everywhere; needs the scope `ops`, and the console to be on.",
        body=SignOutBody,
        answer=Action,
        errors=(*_CONSOLE, *_ACTION),
    ),
    Operation(
        method="post",
        path="/ops/actions/cancel_run",
        operation_id="cancel_any_run",
        summary="Ask for the end of a run, whoever's it is; needs the scope `ops`, and the console"
        " to be on.",
        body=CancelRunBody,
        answer=Action,
        errors=(*_CONSOLE, *_ACTION, "bad_id", "legacy_id"),
    ),
    Operation(
        method="post",
        path="/ops/actions/drain_node",
        operation_id="drain_node",
        summary="Let a node hand over its runs and send its clients away; needs the scope `ops`,"
        " and the console to be on.",
        body=DrainNodeBody,
        answer=Action,
        errors=(*_CONSOLE, *_ACTION),
    ),
)
