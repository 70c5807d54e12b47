"""Units about places: take, leave, close; and cancelling runs of users without one.

A server on a file counts its connections itself and takes no places. These units exist so that
every store fulfils the same contract.
"""

from __future__ import annotations

from ...bus import ConnectionUnwanted, Hint
from ...errors import ThreadcastError
from ...events import JournalEvent
from ...runs import OWNED
from ..place_units import (
    CancelAbandoned,
    ClosePlaces,
    Credential,
    LeavePlace,
    PlaceTaken,
    TakePlace,
)
from ..units import Committed, OpenJournal, Outcome, RunState
from .batch import Batch
from .records import ask_to_end, cancel, runs_to_abandon
from .users import open_journal

_PLACES = """
SELECT c.connection_id FROM connections AS c
WHERE c.user = ?1 AND c.unwanted IS NULL AND (c.node_id = ?2 OR EXISTS (
    SELECT 1 FROM nodes AS n WHERE n.node_id = c.node_id AND n.lease_until > ?3
))
ORDER BY c.opened_us, c.connection_id
"""
_MARKABLE = """
SELECT connection_id FROM connections
WHERE user = ?1 AND unwanted IS NULL AND (?2 IS NULL OR connection_id = ?2)
ORDER BY opened_us, connection_id
"""
_MARK = "UPDATE connections SET unwanted = ?3 WHERE user = ?1 AND connection_id = ?2"
_TAKE = """
INSERT INTO connections (user, connection_id, node_id, kind, opened_us, agent)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (user, connection_id) DO NOTHING
"""
_LEAVE = """
DELETE FROM connections
WHERE user = (SELECT user FROM users WHERE user_id = ?) AND connection_id = ?
"""
_PRESENT = "SELECT 1 FROM connections WHERE user = ? AND unwanted IS NULL LIMIT 1"
_TOKEN_REVOKED = "SELECT 1 FROM revoked_tokens WHERE user = ? AND token_id = ?"  # noqa: S105


def take_place(batch: Batch, unit: TakePlace) -> Outcome:
    """Apply one `TakePlace`."""
    opened = open_journal(batch, OpenJournal(unit.context))
    if not isinstance(opened, Committed):
        raise AssertionError("a journal can always be opened")
    head = opened.result
    user = batch.existing_user(unit.context.user_id)
    if unit.credential is not None and (
        head.voids(unit.credential.issued_at) or _token_revoked(batch, user, unit.credential)
    ):
        raise ThreadcastError("revoked")
    connection_id = unit.context.connection_id
    counting = [row[0] for row in batch.all(_PLACES, user, unit.node_id, batch.lease_now)]
    beyond = connection_id not in counting and len(counting) >= unit.limit
    hints: list[Hint] = []
    if beyond and unit.on_full == "evict_oldest" and unit.limit > 0:
        beyond = False
        oldest = counting[: len(counting) - unit.limit + 1]
        hints = [_unwanted(batch, unit.context.user_id, user, one, "evicted") for one in oldest]
    elif beyond and unit.on_full != "tolerate":
        raise ThreadcastError("too_many_connections", f"at most {unit.limit} connections at once")
    opened_us = int(unit.opened_at * 1_000_000)
    batch.run(_TAKE, user, connection_id, unit.node_id, unit.kind, opened_us, unit.agent)
    return Committed(PlaceTaken(head, beyond), (), hints)


def _token_revoked(batch: Batch, user: int, credential: Credential) -> bool:
    return batch.one(_TOKEN_REVOKED, user, credential.token_id) is not None


def leave_place(batch: Batch, unit: LeavePlace) -> Outcome:
    """Apply one `LeavePlace`."""
    batch.run(_LEAVE, unit.context.user_id, unit.context.connection_id)
    return Committed(None)


def close_places(batch: Batch, unit: ClosePlaces) -> Outcome:
    """Apply one `ClosePlaces`."""
    user_id = unit.context.user_id
    user = batch.user(user_id)
    if user is None:
        return Committed(0)
    marked = [row[0] for row in batch.all(_MARKABLE, user, unit.connection_id)]
    hints = [_unwanted(batch, user_id, user, one, unit.code) for one in marked]
    return Committed(len(marked), (), hints)


def _unwanted(batch: Batch, user_id: str, user: int, connection_id: str, code: str) -> Hint:
    batch.run(_MARK, user, connection_id, code)
    return ConnectionUnwanted(user_id, connection_id, code)


def cancel_abandoned(batch: Batch, unit: CancelAbandoned) -> Outcome:
    """Apply one `CancelAbandoned`."""
    user = batch.user(unit.context.user_id)
    if user is None or batch.one(_PRESENT, user) is not None:
        return Committed([])
    states: list[RunState] = []
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    for record in runs_to_abandon(batch, user):
        if record.status in OWNED:
            hints += ask_to_end(batch, record, "disconnected")
        else:
            event, more = cancel(batch, record, "disconnected")
            events.append(event)
            hints += more
        states.append(RunState(record.run_id, record.status))
    return Committed(states, events, hints)
