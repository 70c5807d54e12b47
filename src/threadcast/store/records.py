"""The records that stores return: journals, threads, runs, messages, questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..agent import Message
from ..events import JournalEvent, highest_seq
from ..runs import OnDisconnect, RunStatus


@dataclass(frozen=True, slots=True)
class JournalHead:
    """The state of one user's journal.

    Attributes:
        feed: the id of this life of the journal; None while the user has no journal yet.
        head: the last seq, 0 when empty.
        trimmed: the highest seq that retention removed; a cursor below it cannot be continued.
        revoked_before: credentials issued before this time (seconds since the epoch) are void.
        token_revoked: whether the token that the caller asked about was itself revoked.
    """

    feed: str | None
    head: int = 0
    trimmed: int = 0
    revoked_before: float = 0.0
    token_revoked: bool = False

    def voids(self, issued_at: float) -> bool:
        """Whether the token itself was revoked, or all that were issued before `revoked_before`."""
        return self.token_revoked or bool(self.revoked_before and issued_at < self.revoked_before)


@dataclass(frozen=True, slots=True)
class JournalPage:
    """A part of a journal: all visible events after `after`, up to `upto`.

    Attributes:
        events: in order.
        head: the journal when it was read.
        at_head: whether no event is visible after these.
        stamp: the timestamp text of the event at `after`; None when it is not there (any more).
    """

    after: int
    events: Sequence[JournalEvent]
    head: JournalHead
    at_head: bool
    stamp: bytes | None

    @property
    def upto(self) -> int:
        """The position of a reader that has received this page."""
        return max(self.after, self.head.head) if self.at_head else highest_seq(self.events)

    @classmethod
    def of(
        cls,
        after: int,
        events: Sequence[JournalEvent],
        head: JournalHead,
        stamp: bytes | None,
        *,
        limit: int,
        max_bytes: int,
    ) -> JournalPage:
        """A page from a read with these bounds; if it reached one, there may be more events."""
        size_bytes = sum([len(event.data) for event in events])
        at_head = len(events) < limit and size_bytes < max_bytes
        return cls(after, events, head, at_head, stamp)


class ThreadRun(NamedTuple):
    """A live run, as it is listed with its thread."""

    run_id: str
    status: RunStatus


LIVE_RUNS_GIVEN_MAX = 20
"""The most live runs that are listed with a thread; more than one is rare."""


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A thread as its owner sees it. Times are seconds since the epoch.

    `last_seq` and `updated_at` are those of the last event that moved it (`events.MOVES_THREAD`).
    The times of an imported thread are the older system's, `updated_at` until its first event here.
    `preview` is how its first message begins: without white space before it, up to a NUL, at most
    80 characters; None while the journal has no message of it. `live_runs` are its runs that have
    not ended, the oldest first, at most `LIVE_RUNS_GIVEN_MAX`.
    """

    thread_id: str
    title: str | None
    preview: str | None
    metadata: dict[str, Any]
    created_at: float
    updated_at: float
    last_seq: int
    live_runs: Sequence[ThreadRun] = ()


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as its owner sees it. Times are seconds since the epoch."""

    run_id: str
    thread_id: str
    agent: str
    status: RunStatus
    attempt: int
    message_seq: int
    created_at: float
    started_at: float | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message or an answer, from the journal; `seq` is its event's."""

    seq: int
    message: Message


@dataclass(frozen=True, slots=True)
class InputRow:
    """A question of a run, in the order of asking (`ordinal` from 1).

    Attributes:
        expires_at: seconds since the epoch, by the clock of the node that asked.
        open_s: for how much longer it could be answered when it was read, by the store's clock;
            None where that is the node's own.
    """

    input_id: str
    ordinal: int
    prompt: str
    expires_at: float
    answered: bool
    value: Any
    open_s: float | None = None


@dataclass(frozen=True, slots=True)
class AliasFacts:
    """Use of the aliases of all users. Times are seconds since the epoch.

    Attributes:
        total: how many legacy ids resolve.
        used: how many of them were used at least once.
        uses: how often, in total.
        last_used_at: the last use of any; None when there was none.
        used_within_days: how many were used within the last 1, 7, 30 and 90 days.
        made_at: when the latest was created; None where that is not known.
    """

    total: int
    used: int
    uses: int
    last_used_at: float | None
    used_within_days: dict[int, int]
    made_at: float | None = None


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A connection of a user, on whichever node. Times are seconds since the epoch.

    Attributes:
        connection_id, kind, opened_at, node_id: which it is, and where.
        agent: its client's `User-Agent`.
        cursor, live: its journal position, as its node reported at `said_at`; see `AskPositions`.
    """

    connection_id: str
    kind: Literal["websocket", "sse"]
    opened_at: float
    node_id: str
    agent: str | None = None
    cursor: int | None = None
    live: bool | None = None
    said_at: float | None = None


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as of its last renewal, by the store's clock.

    Attributes:
        node_id: its id.
        version: of its program.
        role: `all`, `gateway` or `worker`.
        joined_s: how long ago it joined, in seconds; again after its lease had lapsed.
        lease_left_s: how long its lease is still valid, in seconds; below 0 for a lost node.
        connections: how many it had.
        runs: how many it executed.
        summary: its summary for operators, as JSON.
    """

    node_id: str
    version: str
    role: str
    joined_s: float
    lease_left_s: float
    connections: int
    runs: int
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class NodeNotices:
    """What a node must know even if all hints were lost.

    Attributes:
        unwanted: connections of the node that are to end, as user, connection id and error code.
        revoked: users with a place on the node, and when credentials of theirs were last revoked,
            by the store's clock.
        asked: users whose connections' positions are asked for, see `AskPositions`.
        drain: whether the node was asked to drain.
    """

    unwanted: Sequence[tuple[str, str, str]]
    revoked: Mapping[str, float]
    asked: Sequence[str] = ()
    drain: bool = False


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as operators see it.

    Attributes:
        user_id: its user.
        run: as its owner sees it.
        owner: the node that executes it, or `external`; None while nobody does.
        fence: grows with every claim.
        lease_left_s: its remaining lease in seconds; None without one.
        cancel_reason: why it was cancelled.
        on_crash, on_disconnect: its policies.
        handed_over: how many of its attempts ended by a clean shutdown of their node.
    """

    user_id: str
    run: RunRow
    owner: str | None
    fence: int
    lease_left_s: float | None
    cancel_reason: str | None
    on_crash: str
    on_disconnect: OnDisconnect
    handed_over: int


@dataclass(frozen=True, slots=True)
class RunFailure:
    """A run that ended as failed, for operators: whose it was and why, without any text."""

    run_id: str
    user_id: str
    agent: str
    code: str


@dataclass(frozen=True, slots=True)
class LiveRunCount:
    """How many runs are in the same state, and the oldest of them.

    Attributes:
        status: their status.
        behind: for queued runs, the status of the run that occupies their thread; None for those
            that only wait for a runner, and for other statuses.
    """

    status: RunStatus
    behind: RunStatus | None
    count: int
    oldest_run_id: str
    oldest_user_id: str
    oldest_created_at: float


@dataclass(frozen=True, slots=True)
class UserCounts:
    """A user's threads, deleted ones not counted, and all runs that they ever had."""

    threads: int
    runs: int


@dataclass(frozen=True, slots=True)
class ActionRow:
    """Something that an operator did.

    Attributes:
        action_id: its id.
        at: when it began, seconds since the epoch.
        operator: the `sub` of the credential.
        action: what was done.
        target: what it was done to.
        user_id: the target's user, if it has one.
        reason: why, if given.
        node_id, request_id: the node and the request that it came by.
        outcome: `begun`, `done` or `failed`.
        detail: its result.
        ordinal: its place in the trail; assigned by the store.
    """

    action_id: str
    at: float
    operator: str
    action: str
    target: str
    user_id: str | None
    reason: str | None
    node_id: str
    request_id: str
    outcome: str = "begun"
    detail: str | None = None
    ordinal: int = 0
