"""Bodies of operators' look-ups: a user's devices and runs, a run and its timeline.

The published OpenAPI document is generated from these structs. Texts of users and agents are only
in fields that say so, for credentials with the scope `content`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ..ids import USER_ID_MAX_CHARACTERS
from ..runs import RunStatus
from .fields import RunId, Seq, ThreadId, Timestamp
from .http_models import SnapshotSeq

__all__ = [
    "TIMELINE_LIMIT_DEFAULT",
    "TIMELINE_LIMIT_MAX",
    "Device",
    "FindUserBody",
    "FoundRun",
    "FoundUser",
    "LiveRun",
    "LiveRuns",
    "RunLine",
    "Timeline",
    "TimelineEvent",
    "TimelineLimit",
]

TIMELINE_LIMIT_DEFAULT = 200
TIMELINE_LIMIT_MAX = 1_000

_Count = Annotated[int, Meta(ge=0)]


TimelineLimit = Annotated[
    int,
    Meta(
        ge=1,
        le=TIMELINE_LIMIT_MAX,
        description="The most events of the run's thread to read.",
        extra={"code": "bad_limit"},
    ),
]


class FindUserBody(msgspec.Struct, frozen=True, kw_only=True):
    """The user to look up; in a body, because no user id may appear in a URL."""

    user: Annotated[str, Meta(min_length=1, max_length=USER_ID_MAX_CHARACTERS)]


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A live connection of a user.

    Attributes:
        connection_id: its id.
        node_id: of the node that has it.
        kind: how it is attached.
        opened_at: when it was authenticated.
        agent: its `User-Agent` header, at most 200 characters; null if unknown.
        cursor: the last seq that it was given; null until its node has reported it. Each look-up
            asks the nodes, which answer within about two seconds, so repeat it.
        lag_events: how many events of the journal it still lacks; null like `cursor`.
        live: whether it is pushed to; otherwise it is catching up. Null like `cursor`.
        said_at: when its node reported this; null until it has.
    """

    connection_id: str
    node_id: str
    kind: Literal["websocket", "sse"]
    opened_at: Timestamp
    agent: str | None
    cursor: _Count | None
    lag_events: _Count | None
    live: bool | None
    said_at: Timestamp | None


class RunLine(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a user, in short; `owner` is the node that executes it.

    Its `agent` is `?` if another service gave it an unusable name.
    """

    run_id: RunId
    thread_id: ThreadId
    agent: str
    status: RunStatus
    attempt: _Count
    owner: str | None
    created_at: Timestamp
    started_at: Timestamp | None
    ended_at: Timestamp | None


class LiveRun(RunLine, frozen=True, kw_only=True):
    """A run that has not ended, and its user."""

    user: str


class LiveRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of all users that have not ended, oldest first."""

    runs: list[LiveRun]


class FoundUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user in the store.

    Attributes:
        user: their id.
        feed: of their journal.
        head: the last seq of their journal.
        trimmed: the last seq that retention removed.
        threads: how many they have, deleted ones not counted.
        runs: how many they ever had.
        signed_out_at: credentials issued before this time are revoked; null for none.
        devices: their live connections, oldest first.
        active: their runs that have not ended, oldest first; at most 100.
        ended: the latest of their runs that have ended, the latest first; at most 20.
    """

    user: str
    feed: str
    head: _Count
    trimmed: _Count
    threads: _Count
    runs: _Count
    signed_out_at: Timestamp | None
    devices: list[Device]
    active: list[RunLine]
    ended: list[RunLine]


class FoundRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of any user in the store.

    Attributes:
        user: its user.
        run: the run.
        message_seq: the seq of the message that started it.
        fence: the fencing token; grows with every claim, and writes with an older one are refused.
        lease_left_s: its remaining lease; null while no node executes it.
        cancel_reason: why it was cancelled; null if it was not.
        on_crash: what happens to it when its node dies.
        on_disconnect: what happens to it when its user disconnects.
        handed_over: how many of its attempts ended by a clean shutdown of their node.
        head: the last seq of its user's journal.
    """

    user: str
    run: RunLine
    message_seq: Seq
    fence: _Count
    lease_left_s: float | None
    cancel_reason: str | None
    on_crash: str
    on_disconnect: Literal["continue", "cancel"]
    handed_over: _Count
    head: SnapshotSeq


class TimelineEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a run.

    Attributes:
        seq: its place in its user's journal.
        timestamp: when it was committed.
        event_type: what it says.
        data: the parts that are not texts of users or agents; with the scope `content`, all of it.
        left_out: for each field of `data` that is hidden, or partly hidden, the size of that in
            bytes of JSON.
    """

    seq: Seq
    timestamp: Timestamp
    event_type: str
    data: dict[str, Any]
    left_out: dict[str, int]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a run's events, in order.

    Attributes:
        run_id: the run.
        seq: the journal's last seq when this was true.
        content: whether texts are shown.
        events: the run's; deltas of a run that ended long ago were merged into its answer.
        next: the `after` of the part that follows; null when this one reaches `seq`.
        ended: whether nothing more will follow.
    """

    run_id: RunId
    seq: SnapshotSeq
    content: bool
    events: list[TimelineEvent]
    next: _Count | None
    ended: bool
