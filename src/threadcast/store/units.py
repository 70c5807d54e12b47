"""Units: what a store is asked to commit, each atomically, and their outcomes.

A unit says what is to happen, and carries the context that it happens in. The journal batches
units; a store answers each with an outcome.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from ..agent import CrashPolicy
from ..bus import Hint
from ..context import UserExecutionContext
from ..errors import ThreadcastError
from ..events import Address, EventDraft, JournalEvent
from ..runs import OnBusy, OnDisconnect, RunStatus
from ..wire.external_event import ExternalEvent
from .records import JournalHead, RunFailure

T_co = TypeVar("T_co", covariant=True)


class Unit(Generic[T_co]):
    """One thing to commit atomically; `T_co` is the type of its outcome's result."""

    __slots__ = ()


class Command(Unit[T_co]):
    """A unit that a user asked for, or that is done because of what that user does.

    Those of one user are committed in the order of submission, and take turns with others'.

    Attributes:
        context: of the user.
    """

    __slots__ = ()
    context: UserExecutionContext


@dataclass(frozen=True, slots=True)
class OpenJournal(Command[JournalHead]):
    """Make sure that the context's user has a journal, and so a feed id; idempotent."""

    context: UserExecutionContext


@dataclass(frozen=True, slots=True)
class ThreadChanged:
    """A thread was created, updated or deleted; `seq` is that event's."""

    thread_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class CreateThread(Command[ThreadChanged]):
    """Create the context's thread."""

    context: UserExecutionContext
    title: str | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UpdateThread(Command[ThreadChanged]):
    """Change the context's thread; None leaves a field as it is. Rejected: `not_found`."""

    context: UserExecutionContext
    title: str | None
    metadata: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class DeleteThread(Command[ThreadChanged]):
    """Delete the context's thread: its live runs are cancelled first. Rejected: `not_found`."""

    context: UserExecutionContext


@dataclass(frozen=True, slots=True)
class AliasThread(Command[None]):
    """Let an id that an older system gave to the context's thread resolve, for its owner only.

    Idempotent. Rejected: `not_found`, `bad_id` (it already names another thread of this user).
    """

    context: UserExecutionContext
    legacy_id: str


@dataclass(frozen=True, slots=True)
class MessageAccepted:
    """A message is in the journal and its run exists; `seq` is the `message_created` event's.

    `beyond_limit`: the user has more runs than the limit, which was not enforced.
    """

    thread_id: str
    run_id: str
    seq: int
    duplicate: bool
    beyond_limit: bool = False


@dataclass(frozen=True, slots=True)
class SendMessage(Command[MessageAccepted]):
    """Store a message and its run in one commit.

    The events are `thread_created` (when `new_thread`), the ends of interrupted runs that nobody
    executes, `message_created`, and `run_queued` when runs of the thread are ahead.
    A `client_message_id` that this user has used before answers with the first outcome
    (`duplicate`), or is rejected as `idempotency_conflict` when `digest` differs.
    Rejected also: `not_found` (no such thread of this user), `run_active`, `too_many_runs`.

    Attributes:
        context: its thread is the target, its run is the one to create.
        new_thread: whether the thread is to be created here; otherwise it must exist.
        digest: identifies the request, to recognise another body under the same key.
        user_runs_max: how many runs of the user may be live at once.
        user_runs_enforced: whether a run beyond that is rejected, or stored and reported
            (`beyond_limit`).
        user_executing_max: how many runs of the user may be executing once this one is claimed, >=
            1; None for any number.
    """

    context: UserExecutionContext
    new_thread: bool
    content: str
    client_message_id: str
    digest: bytes
    agent: str
    on_crash: CrashPolicy
    on_busy: OnBusy
    on_disconnect: OnDisconnect
    user_runs_max: int
    user_runs_enforced: bool = True
    user_executing_max: int | None = None


@dataclass(frozen=True, slots=True)
class RunState:
    """The status of a run after a command; `seq` is that of an event it caused, if any."""

    run_id: str
    status: RunStatus
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class CancelRun(Command[RunState]):
    """Ask for the end of the context's run; idempotent, and without effect on an ended run.

    A run that nobody executes ends here, with `agent_cancelled`. A running one is marked, and its
    owner is signalled. Rejected: `not_found`.
    """

    context: UserExecutionContext
    reason: str


@dataclass(frozen=True, slots=True)
class AnswerInput(Command[RunState]):
    """A person's answer to a question of the context's run.

    Rejected: `not_found`, `already_answered`, `expired`, `run_finished`.
    """

    context: UserExecutionContext
    input_id: str
    value: Any


@dataclass(frozen=True, slots=True)
class Ingested:
    """An event of another service is in the journal at `seq`, now or from an earlier request."""

    seq: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class IngestEvents(Unit[Sequence[Ingested | ThreadcastError]]):
    """Append events of another service to the context's user's journal, each by itself.

    The result has one entry for each event, in order: its place, or why it was refused; a refused
    event changes nothing. A `client_message_id` that this user's ingested events have used before
    answers with the first seq, or is refused as `idempotency_conflict` when `digest` differs.

    Threads and runs may be named by legacy ids. `thread_created` makes the thread, and the alias of
    a legacy id; all else needs the thread (`not_found`). `message_created`, `run_queued` or
    `agent_started` begins a run that is executed elsewhere: no node claims it, and its events keep
    to `runs.external_status_after`. Refused also: `bad_id` (an id in use, or a run of another
    thread), `forbidden` (a run that a node executes), `run_active` (its thread has another run
    under way), `run_finished`, `out_of_order`.

    Attributes:
        context: any of the user's; its thread and run are not used.
        events: of this user, in order; at least one.
        silence_s: a run to which nothing is appended for this long lapses (`TakeOverRuns`), by the
            store's clock.
    """

    context: UserExecutionContext
    events: Sequence[ExternalEvent]
    silence_s: float


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write for a run: void as soon as the run's fence or its owner is another.

    A fence alone is enough where no commit is ever lost. A copy of a database that lacks the last
    ones gives out the same fences again, perhaps to another node.
    """

    address: Address
    fence: int
    owner: str

    @property
    def run_id(self) -> str:
        """The run that is leased."""
        run_id = self.address.run_id
        if run_id is None:
            raise AssertionError("a lease without a run")
        return run_id


@dataclass(frozen=True, slots=True)
class Question:
    """What `input_requested` stores beside its event; `ordinal` counts a run's questions."""

    input_id: str
    ordinal: int
    prompt: str
    expires_at: float


@dataclass(slots=True)
class AppendToRun(Unit[int]):
    """Append events of a run under its lease; the result is the last seq.

    The new status follows from the events (`runs.status_after`). Drafts may be added until the
    journal takes the unit (`taken`). Rejected: `fenced`, `run_finished`, `not_found` (its thread is
    gone).

    Attributes:
        lease: the run's lease.
        drafts: the events, in order.
        question: goes with an `input_requested` draft.
        state: a checkpoint as JSON, or None for no change.
        taken: set by the journal; from then on the unit must not change.
    """

    lease: Lease
    drafts: list[EventDraft] = field(default_factory=list)
    question: Question | None = None
    state: bytes | None = None
    taken: bool = False


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that this node is to execute, with all that it needs to begin."""

    lease: Lease
    agent: str
    attempt: int
    message: str
    message_seq: int
    on_disconnect: OnDisconnect
    state: bytes | None
    cancel_reason: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim took.

    Attributes:
        runs: the claimed runs, lower turns first; maybe none.
        reached: the number of the last user in the circle that was looked at; None if all who wait
            were, or none but those named was asked for.
    """

    runs: Sequence[ClaimedRun]
    reached: int | None = None


@dataclass(frozen=True, slots=True)
class ClaimRuns(Unit[Claim]):
    """Claim up to `limit` queued runs, one per thread: fence + 1, attempt + 1.

    Users take turns, so that one who sends a thousand messages does not keep others waiting. A
    run's turn is the number of its user's executing runs, plus its place by age among those that
    are next in their threads. Lower turns come first, older runs among equal ones. A run whose turn
    is beyond its `user_executing_max` stays queued, whichever nodes execute the others.

    A claim looks at no more than `runs.CLAIM_USERS_MAX` users with runs that wait, and at
    `runs.CLAIM_THREADS_MAX` threads of each. Users stand in a circle, each at a number that only
    the store can tell; whoever goes on behind what each claim reached looks at them all in a lap.

    Attributes:
        owner: this node's id.
        lease_s: how long the lease is valid, by the store's clock.
        agents: names of the agents that this node has.
        limit: the most runs to claim, >= 1.
        after: the number behind which to begin: 0, or what a claim reached; None to look at nobody
            but `users`.
        users: looked at besides, wherever they stand: new runs of theirs wait.
    """

    owner: str
    lease_s: float
    agents: Collection[str]
    limit: int
    after: int | None = 0
    users: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class LeaseReport:
    """The outcome of a renewal.

    Attributes:
        lost: runs whose fence has changed, or that have ended.
        cancelled: runs that were asked to end, with the reason.
        left_out: runs that were not looked at, because something else locks their user.
    """

    lost: frozenset[str]
    cancelled: Mapping[str, str]
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RenewLeases(Unit[LeaseReport]):
    """Extend leases to `lease_s` seconds from now; a lapsed one that nobody took is extended too.

    With `lease_s` 0 the leases end now, so that the runs can be taken over immediately.
    """

    lease_s: float
    leases: Sequence[Lease]


@dataclass(frozen=True, slots=True)
class HandOverRun(Unit[None]):
    """Queue a run again whose owner shuts down cleanly, so that another node goes on at once.

    Unlike a lapse this does not count as a crash. A run that may not be begun twice (`on_crash`)
    ends as failed (`node_lost`) if it was `begun`; one that was asked to end ends as cancelled.
    Rejected: `fenced`, `run_finished`, `not_found`.

    Attributes:
        lease: the run's lease.
        begun: whether its agent was called.
    """

    lease: Lease
    begun: bool


@dataclass(frozen=True, slots=True)
class TakeOver:
    """What a take-over did: runs queued again, and runs ended because they may not be retried.

    `failed` are those of the ended that failed; the others were cancelled.
    """

    requeued: Sequence[str]
    ended: Sequence[str]
    failed: Sequence[RunFailure] = ()


@dataclass(frozen=True, slots=True)
class TakeOverRuns(Unit[TakeOver]):
    """Queue again, or end, up to `limit` owned runs whose lease has lapsed (the store's clock).

    A run ends as cancelled if that was asked for, else as failed (`node_lost`) if `runs.may_retry`
    forbids a retry, as for every run that another service executes.
    """

    attempts_max: int
    limit: int


@dataclass(frozen=True, slots=True)
class RevokeSessions(Command[None]):
    """Revoke credentials of the context's user: one token, or all issued before a time.

    Attributes:
        before: seconds since the epoch; None with a `token_id`.
        token_id: one token's `jti`; None for all.
        token_expires_at: when the one token expires anyway, so that its row can be removed.
    """

    context: UserExecutionContext
    before: float | None
    token_id: str | None = None
    token_expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Sweep(Unit[int]):
    """One bounded maintenance step; the result is the number of rows worked on.

    A result below `limit` means that nothing is left to do for now. It is `limit` if there may be
    more, and then not always the number.

    Attributes:
        what: `compact` removes deltas of runs that ended before `before`; `trim` removes events
            committed before it and raises `trimmed`; `purge` removes what deleted threads left;
            `forget` removes revocations of tokens that have expired.
        before: seconds since the epoch.
        limit: the most rows to work on, >= 1.
    """

    what: Literal["compact", "trim", "purge", "forget"]
    before: float
    limit: int


@dataclass(frozen=True, slots=True)
class Committed:
    """The unit is stored.

    Attributes:
        result: what the unit's type promises.
        events: the events that it stored, of any number of users, in commit order.
        hints: further hints to publish; `JournalGrew` is left to the journal.
    """

    result: Any
    events: Sequence[JournalEvent] = ()
    hints: Sequence[Hint] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The unit changed nothing; `error` says why."""

    error: ThreadcastError


Outcome = Committed | Rejected
