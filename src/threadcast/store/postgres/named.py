"""The users and leases of units, which are locked and read before any unit is applied.

Units that work across users name none: they lock the rows that they find, without waiting.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ...events import EventType
from ..migration_units import (
    CountAliasUses,
    ImportThreads,
    RenameThreads,
    RenewFeeds,
    UndoMigration,
)
from ..operator_units import AskPositions, AskToDrain, BeginAction, EndAction, TellPositions
from ..place_units import (
    LeavePlace,
    RegisterNode,
    RemoveNode,
    RenewNode,
    SweepNode,
    TakePlace,
)
from ..units import (
    AppendToRun,
    ClaimRuns,
    CreateThread,
    HandOverRun,
    IngestEvents,
    Lease,
    OpenJournal,
    RenewLeases,
    RevokeSessions,
    SendMessage,
    Sweep,
    TakeOverRuns,
    Unit,
)
from .faults import UNIT_FAULTS
from .keys import user_key

_OF_OPERATORS = (AskPositions, AskToDrain, BeginAction, EndAction, TellPositions)
_OF_NODES = (RegisterNode, RenewNode, RemoveNode, SweepNode)
ACROSS_USERS = (
    ClaimRuns,
    TakeOverRuns,
    Sweep,
    RenameThreads,
    RenewFeeds,
    UndoMigration,
    *_OF_NODES,
    *_OF_OPERATORS,
)


@dataclass(slots=True)
class Named:
    """What units name.

    Attributes:
        users: ids of all users.
        to_make: of those, whose journal is created if there is none.
        to_import: of those, into whose journal older threads are imported.
        leases: of runs.
    """

    users: set[str] = field(default_factory=set)
    to_make: set[str] = field(default_factory=set)
    to_import: set[str] = field(default_factory=set)
    leases: list[Lease] = field(default_factory=list)


def named_by(units: Iterable[Unit[Any]]) -> Named:
    """What all of these name."""
    named = Named()
    for unit in units:
        match unit:
            case AppendToRun() | HandOverRun():
                named.leases.append(unit.lease)
            case RenewLeases():
                named.leases += unit.leases
            case ImportThreads():
                named.to_import.update(thread.context.user_id for thread in unit.threads)
            case CountAliasUses():
                named.users.update(use.context.user_id for use in unit.uses)
            case _ if not isinstance(unit, (*ACROSS_USERS, LeavePlace)):
                user_id = unit.context.user_id  # type: ignore[attr-defined] # the rest has one
                named.users.add(user_id)
                if _makes_journal(unit):
                    named.to_make.add(user_id)
    named.users |= named.to_import
    named.users.update(lease.address.user_id for lease in named.leases)
    return named


def is_at_fault(unit: Unit[Any]) -> bool:
    """Whether a unit is so malformed that its users cannot be determined."""
    try:
        for user_id in named_by([unit]).users:
            user_key(user_id)
    except UNIT_FAULTS:
        return True
    return False


def _makes_journal(unit: Unit[Any]) -> bool:
    if isinstance(unit, SendMessage):
        return unit.new_thread
    if isinstance(unit, IngestEvents):
        return any(one.draft.event_type is EventType.THREAD_CREATED for one in unit.events)
    return isinstance(unit, OpenJournal | CreateThread | RevokeSessions | TakePlace)


def without_users(unit: Unit[Any], locked: Collection[str]) -> Unit[Any] | None:
    """The unit without the leases of these users; None if it is not divisible and names one."""
    if isinstance(unit, RenewLeases):
        leases = [lease for lease in unit.leases if lease.address.user_id not in locked]
        return replace(unit, leases=leases)
    return unit if named_by((unit,)).users.isdisjoint(locked) else None


def name_any(units: Iterable[Unit[Any]], user_ids: Collection[str]) -> bool:
    """Whether one of the units names one of these users."""
    return any(
        not is_at_fault(unit) and not named_by((unit,)).users.isdisjoint(user_ids) for unit in units
    )
