"""Places that nothing stands against, taken by one call of the database.

The function `take_places` locks the users, looks under the locks whether anything is to be decided,
and takes all places or none. Why one cannot be taken is not said here: then the whole batch goes
the long way, under the same locks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from ..place_units import FLEETING, PlaceTaken, TakePlace
from ..records import JournalHead
from ..units import Committed, Unit
from .batch import Batch
from .keys import user_key

_TAKE = """
SELECT feeds, heads, trims, voids FROM take_places($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


def plain_takes(units: Sequence[Unit[Any]]) -> dict[int, TakePlace]:
    """The takes of a batch by their places in it, if nothing else of it has to do with users."""
    if not all(isinstance(unit, FLEETING) for unit in units):
        return {}
    return {place: unit for place, unit in enumerate(units) if isinstance(unit, TakePlace)}


async def take_plain(batch: Batch, units: Mapping[int, TakePlace]) -> dict[int, Committed]:
    """Take places, all or none.

    Args:
        batch: nothing has been done in it yet.
        units: by their places in the batch; at least one.

    Returns:
        What became of each, by its place. Nothing when they have to go the long way: then the batch
        is as new.
    """
    users = {place: user_key(unit.context.user_id) for place, unit in units.items()}
    taken = Counter(users.values())
    keys = {key: number for number, key in enumerate(sorted(taken), start=1)}
    rows = [
        (
            *(keys[users[place]], unit.context.connection_id, unit.node_id, unit.kind),
            *(int(unit.opened_at * 1_000_000), unit.agent, unit.limit - taken[users[place]]),
            *_credential_of(unit),
        )
        for place, unit in units.items()
    ]
    found = await batch.one(_TAKE, list(keys), *map(list, zip(*rows, strict=True)))
    if found is None or found[0] is None:
        return {}
    heads = {
        key: JournalHead(*head) for key, head in zip(keys, zip(*found, strict=True), strict=True)
    }
    return {place: Committed(PlaceTaken(heads[user])) for place, user in users.items()}


def _credential_of(unit: TakePlace) -> tuple[str | None, float]:
    credential = unit.credential
    return (None, inf) if credential is None else (credential.token_id, credential.issued_at)
