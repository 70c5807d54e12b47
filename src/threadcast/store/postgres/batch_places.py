"""The places of a batch's users: read once, changed in memory, stored by one statement.

However many connections come and go in a batch, it costs three statements. Reads are covered by the
locks on the users' rows; writes lock in a fixed order, so batches cannot deadlock. It may not
decide who gets a place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..place_units import CancelAbandoned, ClosePlaces, Credential, TakePlace
from ..records import JournalHead
from ..units import Unit
from .connecting import Connection
from .keys import user_key

_PLACES = """
SELECT c.user_key::text, c.connection_id, c.node_id = ANY($2::text[]) OR EXISTS (
    SELECT 1 FROM nodes AS n WHERE n.node_id = c.node_id AND n.lease_until > clock_timestamp()
)
FROM connections AS c WHERE c.user_key = ANY($1::uuid[]) AND c.unwanted IS NULL
ORDER BY c.opened_us, c.connection_id
"""
_CREDENTIALS = """
SELECT k.number, u.feed, u.trimmed, u.revoked_before, EXISTS (
    SELECT 1 FROM revoked_tokens AS r WHERE r.user_key = k.user_key AND r.token_id = k.token_id
)
FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS k (user_key, token_id, number)
JOIN users AS u ON u.user_key = k.user_key
"""
# A change without a code removes the place.
_STORE = """
WITH changed AS MATERIALIZED (
    SELECT c.user_key, c.connection_id, k.code
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS k (user_key, connection_id, code)
    JOIN connections AS c ON c.user_key = k.user_key AND c.connection_id = k.connection_id
    ORDER BY c.user_key, c.connection_id FOR UPDATE OF c
), gone AS (
    DELETE FROM connections AS c USING changed AS k
    WHERE c.user_key = k.user_key AND c.connection_id = k.connection_id AND k.code IS NULL
), marked AS (
    UPDATE connections AS c SET unwanted = k.code FROM changed AS k
    WHERE c.user_key = k.user_key AND c.connection_id = k.connection_id AND k.code IS NOT NULL
)
INSERT INTO connections (user_key, connection_id, node_id, kind, opened_us, agent)
SELECT user_key, connection_id, node_id, kind, opened_us, agent
FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[])
AS n (user_key, connection_id, node_id, kind, opened_us, agent)
ORDER BY n.user_key, n.connection_id
ON CONFLICT (user_key, connection_id) DO NOTHING
"""


@dataclass(slots=True)
class PlaceRecord:
    """A place that is not marked.

    Attributes:
        connection_id: of its connection.
        counts: whether its node's lease is valid.
    """

    connection_id: str
    counts: bool


class BatchPlaces:
    """The places of one write transaction.

    Args:
        connection: the writer's, inside a transaction in which the users' rows are locked.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._places: dict[str, dict[str, PlaceRecord]] = {}
        self._admitted: dict[tuple[str, Credential | None], JournalHead] = {}
        self._changes: dict[tuple[str, str], str | None] = {}
        self._taken: dict[tuple[str, str], tuple[str, str, int, str | None]] = {}

    async def load(self, units: Iterable[Unit[Any]]) -> None:
        """Read what units about places need."""
        asking = [
            one for one in units if isinstance(one, TakePlace | ClosePlaces | CancelAbandoned)
        ]
        if not asking:
            return
        users = {user_key(one.context.user_id): None for one in asking}
        takes = [one for one in asking if isinstance(one, TakePlace)]
        nodes = list({one.node_id for one in takes})
        for dashed, connection_id, counts in await self._fetch(_PLACES, list(users), nodes):
            places = self.of(dashed.replace("-", ""))
            places[connection_id] = PlaceRecord(connection_id, counts)
        if takes:
            await self._load_credentials(takes)

    async def _load_credentials(self, takes: Iterable[TakePlace]) -> None:
        asked = list({(user_key(one.context.user_id), one.credential): None for one in takes})
        users = [user for user, _ in asked]
        tokens = [None if one is None else one.token_id for _, one in asked]
        for number, feed, trimmed, before, revoked in await self._fetch(
            _CREDENTIALS, users, tokens
        ):
            self._admitted[asked[number - 1]] = JournalHead(feed, 0, trimmed, before, revoked)

    async def _fetch(self, sql: str, *arguments: Any) -> Sequence[Any]:
        return await self._connection.fetch(sql, *arguments)

    def of(self, user: str) -> dict[str, PlaceRecord]:
        """The user's places that are not marked, oldest first, by connection."""
        return self._places.setdefault(user, {})

    def admitted(self, user: str, credential: Credential | None) -> JournalHead:
        """The user's journal (without its head), as it is for this credential."""
        return self._admitted[user, credential]

    def take(self, user: str, unit: TakePlace, connection_id: str) -> None:
        """Add a place."""
        opened_us = int(unit.opened_at * 1_000_000)
        self.of(user)[connection_id] = PlaceRecord(connection_id, counts=True)
        self._taken[user, connection_id] = (unit.node_id, unit.kind, opened_us, unit.agent)

    def leave(self, user: str, connection_id: str) -> None:
        """Remove a place, whether or not it was read."""
        self.of(user).pop(connection_id, None)
        self._taken.pop((user, connection_id), None)
        self._changes[user, connection_id] = None

    def mark(self, user: str, connection_id: str, code: str) -> None:
        """Mark a place; one taken in this batch is stored first."""
        del self.of(user)[connection_id]
        self._changes[user, connection_id] = code

    async def flush(self) -> None:
        """Store what has changed."""
        if not (self._changes or self._taken):
            return
        late: dict[tuple[str, str], str | None] = {
            key: code for key, code in self._changes.items() if code and key in self._taken
        }
        now = {key: code for key, code in self._changes.items() if key not in late}
        taken, self._taken, self._changes = self._taken, {}, late
        changes = [[user for user, _ in now], [one for _, one in now], list(now.values())]
        rows = [(*key, *rest) for key, rest in taken.items()]
        columns = zip(*rows, strict=True) if rows else ((),) * 6
        await self._connection.execute(_STORE, *changes, *columns)
        if late:  # taken and marked in one batch
            await self.flush()
