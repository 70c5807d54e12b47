"""Decides what a migration does with a thread, the same for every store. Pure.

A store reads its rows, asks here, and writes. Nothing here knows SQL; user keys are only compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from .migration_units import ImportedThread, MigratedThread, MigrationOutcome

__all__ = [
    "IMPORTED",
    "RENAMED",
    "IdsInUse",
    "MigratedRow",
    "imported",
    "named_already",
    "new_id_in_use",
    "refused",
    "undone",
    "why_kept",
]

RENAMED, IMPORTED = 1, 2

_IN_USE = "a thread of the database has this legacy id itself; migrate without a dump first"
_RUN_IN_USE = "a run of another thread has the id that one of its runs would get"

U = TypeVar("U")


@dataclass(slots=True)
class IdsInUse(Generic[U]):
    """Which of an import's ids are already in use, by user key.

    Attributes:
        threads, runs: ids, each with its user's key.
        aliases: which thread a legacy id names.
    """

    threads: set[tuple[U, str]]
    runs: set[tuple[U, str]]
    aliases: dict[tuple[U, str], str]

    def judge(self, user: U, thread: ImportedThread) -> MigratedThread | None:
        """The result for a thread that is not to be stored, or None if it is."""
        thread_id, legacy_id = thread.context.thread_id, thread.legacy_id
        if legacy_id is not None:
            if (named := self.aliases.get((user, legacy_id))) is not None:
                return _there(thread, named, "already")
            if (user, legacy_id) in self.threads:
                return _refused(thread, _IN_USE)
        if (user, thread_id) in self.threads:
            return _there(thread, thread_id, "already")
        if any((user, run.run_id) in self.runs for run in thread.runs):
            return _refused(thread, _RUN_IN_USE)
        return None

    def take(self, user: U, thread: ImportedThread) -> None:
        """Note that a thread is being stored."""
        self.threads.add((user, thread.context.thread_id))
        if thread.legacy_id is not None:
            self.aliases[user, thread.legacy_id] = thread.context.thread_id


def imported(thread: ImportedThread) -> MigratedThread:
    """A thread that was stored."""
    return _there(thread, thread.context.thread_id, "migrated")


def _there(thread: ImportedThread, thread_id: str, outcome: MigrationOutcome) -> MigratedThread:
    user_id, legacy_id = thread.context.user_id, thread.legacy_id
    said = "canonical" if legacy_id is None else outcome
    return MigratedThread(user_id, legacy_id, thread_id, said)


def _refused(thread: ImportedThread, reason: str) -> MigratedThread:
    return MigratedThread(thread.context.user_id, thread.legacy_id, None, "refused", reason)


def refused(user_id: str, legacy_id: str, reason: str) -> MigratedThread:
    """The result for a stored thread that cannot get a new id."""
    return MigratedThread(user_id, legacy_id, None, "refused", reason)


def named_already(thread_id: str) -> str:
    """Why a legacy id cannot become an alias: it already names another thread."""
    return f"this legacy id already names another thread, {thread_id}"


def new_id_in_use(thread_id: str) -> str:
    """Why a thread cannot get the id derived from its older one: it is in use."""
    return f"its new id, {thread_id}, is already that of another thread"


class MigratedRow(Protocol):
    """A thread that a migration created or renamed, with its state then and now."""

    @property
    def user_id(self) -> str:
        """Whose."""
        ...

    @property
    def legacy_id(self) -> str | None:
        """Its legacy id."""
        ...

    @property
    def thread_id(self) -> str:
        """Its id now."""
        ...

    @property
    def origin(self) -> int:
        """`RENAMED` or `IMPORTED`."""
        ...

    @property
    def state(self) -> int:
        """0 while it was not deleted."""
        ...

    @property
    def migrated_seq(self) -> int:
        """Its last event when it was migrated."""
        ...

    @property
    def last_seq(self) -> int:
        """Its last event now."""
        ...


def why_kept(row: MigratedRow) -> str:
    """Why a migrated thread cannot be undone; empty if it can."""
    if row.state:
        return "its user has deleted it since"
    return "it has changed since it was migrated" if row.last_seq != row.migrated_seq else ""


def undone(row: MigratedRow) -> MigratedThread:
    """The result for a migrated thread that is undone."""
    if kept := why_kept(row):
        return MigratedThread(row.user_id, row.legacy_id, row.thread_id, "kept", kept)
    named = row.legacy_id if row.origin == RENAMED else None
    return MigratedThread(row.user_id, row.legacy_id, named, "undone")
