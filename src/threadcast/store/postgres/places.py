"""Units about places: take, leave, close; and cancelling runs of users without one."""

from __future__ import annotations

from dataclasses import replace

from ...bus import ConnectionUnwanted, Hint
from ...errors import ThreadcastError
from ...events import JournalEvent
from ...runs import OWNED
from ..place_units import CancelAbandoned, ClosePlaces, LeavePlace, PlaceTaken, TakePlace
from ..units import Committed, Outcome, RunState
from .batch import Batch
from .keys import user_key
from .records import ask_to_end, cancel, runs_to_abandon


async def take_place(batch: Batch, unit: TakePlace) -> Outcome:
    """Apply one `TakePlace`; the journal was made when its user was locked."""
    user = batch.existing_user(unit.context.user_id)
    connection_id = _id_of(unit.context.connection_id)
    head = batch.places.admitted(user, unit.credential)
    credential = unit.credential
    if credential is not None and head.voids(credential.issued_at):
        raise ThreadcastError("revoked")
    places = batch.places.of(user)
    counting = [one.connection_id for one in places.values() if one.counts]
    beyond = connection_id not in places and len(counting) >= unit.limit
    hints: list[Hint] = []
    if beyond and unit.on_full == "evict_oldest" and unit.limit > 0:
        beyond = False
        oldest = counting[: len(counting) - unit.limit + 1]
        hints = [_unwanted(batch, unit.context.user_id, one, "evicted") for one in oldest]
    elif beyond and unit.on_full != "tolerate":
        raise ThreadcastError("too_many_connections", f"at most {unit.limit} connections at once")
    if connection_id not in places:
        batch.places.take(user, unit, connection_id)
    taken = PlaceTaken(replace(head, head=batch.head(user)), beyond)
    return Committed(taken, (), hints)


async def leave_place(batch: Batch, unit: LeavePlace) -> Outcome:
    """Apply one `LeavePlace`. It locks nothing: a limit counts the places that it sees."""
    batch.places.leave(user_key(unit.context.user_id), _id_of(unit.context.connection_id))
    return Committed(None)


async def close_places(batch: Batch, unit: ClosePlaces) -> Outcome:
    """Apply one `ClosePlaces`."""
    user_id = unit.context.user_id
    places = batch.places.of(user_key(user_id))
    marked = [one for one in places if unit.connection_id in (None, one)]
    hints = [_unwanted(batch, user_id, one, unit.code) for one in marked]
    return Committed(len(marked), (), hints)


def _unwanted(batch: Batch, user_id: str, connection_id: str, code: str) -> Hint:
    batch.places.mark(user_key(user_id), connection_id, code)
    return ConnectionUnwanted(user_id, connection_id, code)


async def cancel_abandoned(batch: Batch, unit: CancelAbandoned) -> Outcome:
    """Apply one `CancelAbandoned`."""
    user = batch.user(unit.context.user_id)
    if user is None or batch.places.of(user):
        return Committed([])
    states: list[RunState] = []
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    for record in await runs_to_abandon(batch, unit.context.user_id):
        if record.status in OWNED:
            hints += await ask_to_end(batch, record, "disconnected")
        else:
            event, more = await cancel(batch, record, "disconnected")
            events.append(event)
            hints += more
        states.append(RunState(record.run_id, record.status))
    return Committed(states, events, hints)


def _id_of(connection_id: str | None) -> str:
    if connection_id is None:
        raise AssertionError("a place without a connection")
    return connection_id
