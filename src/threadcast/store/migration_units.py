"""Units that migrate ids of older systems, and their result for each thread.

Renaming and undoing rewrite history, so they give every touched journal a new feed id, which resets
its readers (`new_feed`). No server may use the store meanwhile, and the events of an import are not
announced. Only `CountAliasUses` is for a running server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..context import UserExecutionContext
from ..events import EventDraft, EventType
from ..ids import UnifiedIdGenerator
from ..ids.legacy import legacy_kind
from ..runs import RunStatus
from .units import AliasThread, IngestEvents, Unit

MigrationOutcome = Literal["migrated", "canonical", "already", "refused", "undone", "kept"]
"""What became of a thread.

`migrated`: it has a new id, and the older one is its alias. `canonical`: its id is one of today and
stays. `already`: it was there. `refused`: nothing was done. `undone`: what a migration made is
gone. `kept`: it has changed since it was migrated, so it is not undone.
"""


@dataclass(frozen=True, slots=True)
class MigratedThread:
    """The result for one thread.

    Attributes:
        user_id: whose.
        legacy_id: its legacy id; None for one that never had one.
        thread_id: its id now; None when it was refused.
        outcome: see `MigrationOutcome`.
        reason: why it was refused or kept; empty for all else.
    """

    user_id: str
    legacy_id: str | None
    thread_id: str | None
    outcome: MigrationOutcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """A run as an older system had it: a message, its answer, or both. Seconds since the epoch.

    Attributes:
        run_id: new in its user's journal.
        agent: the name of the agent that answered.
        drafts: its events in order; the last one is terminal.
        status: that of the terminal event.
        content: the person's message, for the search; None for an answer that has none.
        client_message_id: the message's name; used when there is `content`.
        created_at, ended_at: None where the older system did not say.
    """

    run_id: str
    agent: str
    drafts: Sequence[EventDraft]
    status: RunStatus
    content: str | None
    client_message_id: str
    created_at: float | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class ImportedThread:
    """A thread as an older system had it.

    Attributes:
        context: whose; its thread is the one to make, its run the first one's.
        legacy_id: becomes an alias; None when the older system had a current id.
        title: for people.
        created: the data of `thread_created`.
        created_at, updated_at: seconds since the epoch; None: now.
        runs: in order.
    """

    context: UserExecutionContext
    legacy_id: str | None
    title: str | None
    created: EventDraft
    created_at: float | None
    updated_at: float | None
    runs: Sequence[ImportedRun]


@dataclass(frozen=True, slots=True)
class ImportThreads(Unit[Sequence[MigratedThread]]):
    """Store threads of an older system with their runs and aliases; one result for each, in order.

    Idempotent: a thread whose older or new id its user has, or had, is `already`. One whose older
    id names another thread of the user is `refused`.
    """

    threads: Sequence[ImportedThread]


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """One step through a store.

    Attributes:
        threads: the result for each thread that was found.
        unchanged: how many threads needed nothing.
        next: where the next step begins; None at the end.
    """

    threads: Sequence[MigratedThread]
    unchanged: int
    next: int | None


@dataclass(frozen=True, slots=True)
class RenameThreads(Unit[MigrationStep]):
    """Give current ids to threads of the store with older ones, which become aliases.

    Attributes:
        after: 0, or `next` of the step before.
        limit: at most so many threads are looked at, >= 1.
    """

    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class UndoMigration(Unit[MigrationStep]):
    """Take back what `ImportThreads` and `RenameThreads` did.

    A thread that has had an event since, or that its user deleted, is `kept`. A user created by an
    import is removed with their last thread.

    Attributes:
        after: 0, or `next` of the step before.
        limit: at most so many threads are looked at, >= 1.
    """

    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class FeedsStep:
    """One step through the journals of a store.

    Attributes:
        renewed: how many journals got a new feed id.
        next: where the next step begins; None at the end.
    """

    renewed: int
    next: str | None


@dataclass(frozen=True, slots=True)
class RenewFeeds(Unit[FeedsStep]):
    """Give journals a new feed id, so that every earlier cursor is reset (`new_feed`).

    Attributes:
        after: an empty text, or `next` of the step before.
        limit: the most journals to renew, >= 1.
        user_id: only this user's; None for all.
    """

    after: str
    limit: int
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class AliasUse:
    """A legacy id was used.

    Attributes:
        context: by whom.
        legacy_id: the legacy id.
        count: how many times, >= 1.
        last_used_at: seconds since the epoch.
    """

    context: UserExecutionContext
    legacy_id: str
    count: int
    last_used_at: float


@dataclass(frozen=True, slots=True)
class CountAliasUses(Unit[None]):
    """Count uses of aliases; one that is gone is skipped."""

    uses: Sequence[AliasUse]


def makes_plain_alias(unit: Unit[Any]) -> bool:
    """Whether a unit may make an alias of a legacy id of no known shape."""
    if isinstance(unit, AliasThread):
        return legacy_kind(unit.legacy_id) is None
    if isinstance(unit, IngestEvents):
        return any(
            event.draft.event_type is EventType.THREAD_CREATED
            and legacy_kind(event.thread_id) is None
            and not UnifiedIdGenerator.is_valid_id(event.thread_id or "", "thread")
            for event in unit.events
        )
    return isinstance(unit, ImportThreads | RenameThreads)
