"""Bodies of look-ups by operators: a user's devices and runs, a run and its timeline.

The published OpenAPI document is generated from these structs. What users and agents wrote is in
them only where a field says so, for credentials with the scope `content`.
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
        description="At most so many events of the run's thread are read.",
        extra={"code": "bad_limit"},
    ),
]


class FindUserBody(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to look up; in a body, because no user id stands in a URL."""

    user: Annotated[str, Meta(min_length=1, max_length=USER_ID_MAX_CHARACTERS)]


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A live connection of a user.

    Attributes:
        connection_id: its id.
        node_id: of the node that has it.
        kind: how it is attached.
        opened_at: when it was authenticated.
        agent: what its `User-Agent` header said, at most 200 characters; null where that is not
            known.
        cursor: the last seq that it was given; null until its node has said so. Nodes are asked
            by each look-up and answer within about two seconds, so look again.
        lag_events: how many events of the journal it has still to be given; null as `cursor`.
        live: whether it is pushed to, or catches up from the journal; null as `cursor`.
        said_at: when its node said this; null until it has.
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

    Its `agent` is `?` where another service called it by what is no name.
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
    """A run that has not ended, and whose it is."""

    user: str


class LiveRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of all users that have not ended, oldest first."""

    runs: list[LiveRun]


class FoundUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user as the store knows them.

    Attributes:
        user: their id.
        feed: of their journal.
        head: the last seq of their journal.
        trimmed: the last seq that retention removed.
        threads: how many they have, those that were deleted not counted.
        runs: how many they ever had.
        signed_out_at: credentials that were issued before were made void; null for none.
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
    """A run as the store knows it, whoever's it is.

    Attributes:
        user: whose it is.
        run: the run.
        message_seq: the seq of the message that started it.
        fence: grows with every claim; who writes with an older number is refused.
        lease_left_s: how long its owner may be silent; null while nobody executes it.
        cancel_reason: why it was asked to end; null if it was not.
        on_crash: what becomes of it when its node dies.
        on_disconnect: what becomes of it when its user goes.
        handed_over: how many of its attempts ended because a node was stopped in order.
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
        data: what of it is no text of users or agents; with the scope `content`, all of it.
        left_out: the size as JSON, in bytes, of each field of `data`, or of that part of it, that
            is not shown.
    """

    seq: Seq
    timestamp: Timestamp
    event_type: str
    data: dict[str, Any]
    left_out: dict[str, int]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a run's events, in order.

    Attributes:
        run_id: whose.
        seq: the journal's last seq when this was true.
        content: whether texts are shown.
        events: the run's; streamed text of a run that ended long ago was merged into its answer.
        next: give it as `after` for what follows; null when this part reaches `seq`.
        ended: whether nothing will follow.
    """

    run_id: RunId
    seq: SnapshotSeq
    content: bool
    events: list[TimelineEvent]
    next: _Count | None
    ended: bool
