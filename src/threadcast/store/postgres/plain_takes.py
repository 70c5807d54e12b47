"""The fast path of `TakePlace`: all places of a batch in one call of the database.

The function `take_places` locks the users and checks limits and revocations under the locks. It
takes all places, or none if any of them might have to be refused; then `take_place` handles them
one by one, under the same locks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from ..place_units import VOLATILE, LeavePlace, PlaceTaken, TakePlace
from ..records import JournalHead
from ..units import Committed, Unit
from .batch import Batch
from .keys import user_key

_TAKE = """
SELECT feeds, heads, trims, voids FROM take_places($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


def plain_takes(units: Sequence[Unit[Any]]) -> dict[int, TakePlace]:
    """The `TakePlace` units of a batch by their index, unless it has units of other kinds."""
    if not all(isinstance(unit, VOLATILE) for unit in units):
        return {}
    named = [
        unit.context.connection_id for unit in units if isinstance(unit, TakePlace | LeavePlace)
    ]
    if len(set(named)) < len(named):
        return {}  # takes go first here: what comes and goes in one batch keeps its order
    return {index: unit for index, unit in enumerate(units) if isinstance(unit, TakePlace)}


async def take_plain(batch: Batch, units: Mapping[int, TakePlace]) -> dict[int, Committed]:
    """Take all places, or none.

    Args:
        batch: in which nothing has been done yet.
        units: by their index in the batch; at least one.

    Returns:
        The outcomes by index; empty if none was taken, and then the batch is unchanged.
    """
    users = {index: user_key(unit.context.user_id) for index, unit in units.items()}
    taken = Counter(users.values())
    keys = {key: number for number, key in enumerate(sorted(taken), start=1)}
    rows = [
        (
            *(keys[users[index]], unit.context.connection_id, unit.node_id, unit.kind),
            *(int(unit.opened_at * 1_000_000), unit.agent, unit.limit - taken[users[index]]),
            *_credential_of(unit),
        )
        for index, unit in units.items()
    ]
    found = await batch.one(_TAKE, list(keys), *map(list, zip(*rows, strict=True)))
    if found is None or found[0] is None:
        return {}
    heads = {
        key: JournalHead(*head) for key, head in zip(keys, zip(*found, strict=True), strict=True)
    }
    return {index: Committed(PlaceTaken(heads[user])) for index, user in users.items()}


def _credential_of(unit: TakePlace) -> tuple[str | None, float]:
    credential = unit.credential
    return (None, inf) if credential is None else (credential.token_id, credential.issued_at)
