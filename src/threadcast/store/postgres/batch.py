"""One write transaction: its users, their next seqs, and events not yet stored.

The rows of all users of a batch are locked first, in the order of their keys. Later locks are
either covered by these or taken without waiting, so transactions cannot deadlock. A batch may not
outlive its transaction, and it does not begin or end one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ...errors import ThreadcastError
from ...events import (
    EVENT_CODE,
    MOVES_THREAD,
    Address,
    EventDraft,
    JournalEvent,
    timestamp_text,
)
from ...ids import UnifiedIdGenerator
from ..units import Lease
from .batch_places import BatchPlaces
from .connecting import Connection, Row
from .keys import RowKeys, RunKey, user_key

_LOCK = """
SELECT user_key::text, user_id, head FROM users WHERE user_key = ANY($1::uuid[])
ORDER BY user_key FOR UPDATE
"""
_LOCK_FREE = """
SELECT user_id FROM users WHERE user_key = ANY($1::uuid[]) ORDER BY user_key FOR UPDATE SKIP LOCKED
"""
_THERE = "SELECT user_id FROM users WHERE user_key = ANY($1::uuid[])"
_MAKE = """
INSERT INTO users (user_key, user_id, feed, imported)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[])
AS n (user_key, user_id, feed, imported)
ORDER BY n.user_key
ON CONFLICT (user_key) DO UPDATE SET head = users.head
RETURNING user_key::text, user_id, head
"""
# Fence and status as one number (a "word"), by user and run id.
_WORDS = """
SELECT k.number, r.thread, r.run, r.fence::bigint * 8 + r.status, r.owner
FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS k (user_key, run_id, number)
JOIN runs AS r ON r.user_key = k.user_key AND r.run_id = k.run_id
"""
_FLUSH = """
WITH stored AS (
    INSERT INTO events (user_key, seq, at_us, thread, run, type, data)
    SELECT user_key, seq, $1, thread, run, type, data
    FROM unnest($2::uuid[], $3::bigint[], $4::int[], $5::int[], $6::smallint[], $7::bytea[])
    AS n (user_key, seq, thread, run, type, data)
), grown AS (
    UPDATE users SET head = n.head, trim_us = coalesce(users.trim_us, $1)
    FROM unnest($8::uuid[], $9::bigint[]) AS n (user_key, head)
    WHERE users.user_key = n.user_key
)
UPDATE threads SET last_seq = n.seq, updated_us = $1
FROM unnest($10::uuid[], $11::int[], $12::bigint[]) AS n (user_key, thread, seq)
WHERE threads.user_key = n.user_key AND threads.thread = n.thread
"""


class Batch:
    """The state of one write transaction.

    Args:
        connection: the writer's, inside a transaction that may reach all users.
        now: wall time for timestamps, seconds since the epoch.
    """

    def __init__(self, connection: Connection, *, now: float) -> None:
        self.connection = connection
        self.now = now
        self.at_us = int(now * 1_000_000)
        self.stamp = timestamp_text(self.at_us)
        self.heads: dict[str, int] = {}
        self.words: dict[RunKey, int] = {}
        self._owners: dict[RunKey, str | None] = {}
        self.places = BatchPlaces(connection)
        self._run_keys: dict[tuple[str, str], RowKeys] = {}
        self._grown: dict[str, int] = {}
        self._touched: dict[tuple[str, int], int] = {}
        self._rows: list[tuple[str, int, int | None, int | None, int, bytes]] = []

    # --- reading --------------------------------------------------------------------------

    async def one(self, sql: str, *arguments: Any) -> Row | None:
        """The only row of a query that gives at most one, or None."""
        return next(iter(await self.connection.fetch(sql, *arguments)), None)

    async def all(self, sql: str, *arguments: Any) -> Sequence[Row]:
        """All rows of a query, which must be bounded."""
        return await self.connection.fetch(sql, *arguments)

    async def run(self, sql: str, *arguments: Any) -> int:
        """Run a statement; the number of rows that it changed."""
        tag = await self.connection.execute(sql, *arguments)
        return int(tag.rpartition(" ")[2])

    # --- users ----------------------------------------------------------------------------

    async def lock(
        self,
        user_ids: Collection[str],
        *,
        to_make: Collection[str] = (),
        to_import: Collection[str] = (),
    ) -> None:
        """Lock the journals of these users, and create missing ones; both in order.

        Args:
            user_ids: the users that may be written to.
            to_make: those of them that get a journal if they have none.
            to_import: the same, for an import of older threads.
        """
        if not user_ids:
            return
        names = {user_key(user_id): user_id for user_id in user_ids}
        self._locked(await self.all(_LOCK, list(names)), names)
        wanted = {name: name in to_make for name in (*to_make, *to_import)}
        missing = [
            (key, name, UnifiedIdGenerator.generate_base_id("feed"), not made)
            for name, made in wanted.items()
            if (key := user_key(name)) not in self.heads
        ]
        if missing:
            self._locked(await self.all(_MAKE, *map(list, zip(*missing, strict=True))), names)

    async def lock_free(self, user_ids: Collection[str]) -> set[str]:
        """Lock the users that no other transaction has locked; the ids of the others."""
        keys = [user_key(user_id) for user_id in user_ids]
        locked = {row[0] for row in await self.all(_LOCK_FREE, keys)}
        return {row[0] for row in await self.all(_THERE, keys)} - locked

    def _locked(self, rows: Iterable[Row], names: dict[str, str]) -> None:
        for dashed, user_id, head in rows:
            key = dashed.replace("-", "")
            if names[key] != user_id:
                raise AssertionError("two users have one key")
            self.heads[key] = head

    def locked(self, user_id: str, head: int) -> str:
        """Note that a user's row is locked, with this head; returns the user's key."""
        key = user_key(user_id)
        self.heads[key] = head
        return key

    def user(self, user_id: str) -> str | None:
        """The user's key, or None without a journal."""
        key = user_key(user_id)
        return key if key in self.heads else None

    def existing_user(self, user_id: str) -> str:
        """The user's key.

        Raises:
            ThreadcastError: `not_found`.
        """
        user = self.user(user_id)
        if user is None:
            raise ThreadcastError("not_found")
        return user

    # --- leased runs ----------------------------------------------------------------------

    async def load_words(self, leases: Iterable[Lease]) -> None:
        """Read rows, fences, statuses and owners of these runs in one query."""
        wanted = {(lease.address.user_id, lease.run_id) for lease in leases}
        asked = [(user_key(user_id), run_id) for user_id, run_id in wanted]
        if not asked:
            return
        users, runs = zip(*asked, strict=True)
        for number, thread, run, word, owner in await self.all(_WORDS, users, runs):
            user, key = users[number - 1], RunKey(users[number - 1], run)
            self._run_keys[user, runs[number - 1]] = RowKeys(user, thread, run)
            self.words[key], self._owners[key] = word, owner

    def leased_keys(self, lease: Lease) -> RowKeys | None:
        """The keys of a leased run, or None if its user has no such run. It may have ended."""
        return self._run_keys.get((user_key(lease.address.user_id), lease.run_id))

    def word_for(self, lease: Lease, key: RunKey) -> int:
        """The word of a leased run; without a fence if it has another owner."""
        owner = self._owners[key]
        return self.words[key] if owner is None or owner == lease.owner else self.words[key] & 7

    # --- events ---------------------------------------------------------------------------

    def head(self, user: str) -> int:
        """The last seq of this user's journal, events of this transaction included."""
        return self.heads[user]

    def append(self, keys: RowKeys, address: Address, draft: EventDraft) -> JournalEvent:
        """Give one event its seq; it is stored with the next `flush`."""
        return self.append_all(keys, address, (draft,))[0]

    def append_all(
        self, keys: RowKeys, address: Address, drafts: Sequence[EventDraft]
    ) -> list[JournalEvent]:
        """Give events their seqs, in order; they are stored with the next `flush`."""
        user, thread, run = keys
        events = self.number(user, address, drafts)
        for event in events:
            kind = event.event_type
            self._rows.append((user, event.seq, thread, run, EVENT_CODE[kind], event.data))
            if thread is not None and kind in MOVES_THREAD:
                self._touched[user, thread] = event.seq
        self._grown[user] = self.heads[user]
        return events

    def number(
        self, user: str, address: Address, drafts: Sequence[EventDraft]
    ) -> list[JournalEvent]:
        """Give events their seqs, in order, without storing them."""
        first, stamp = self.heads[user] + 1, self.stamp
        self.heads[user] += len(drafts)
        return [
            JournalEvent(draft.event_type, stamp, address, seq, draft.data)
            for seq, draft in enumerate(drafts, start=first)
        ]

    def take_seqs(self, user: str, count: int) -> int:
        """Reserve the next seqs for events added by `add`; returns the first."""
        first = self.heads[user] + 1
        self.heads[user] = self._grown[user] = first + count - 1
        return first

    def add(self, keys: RowKeys, seq: int, draft: EventDraft) -> None:
        """Add an event at a reserved seq; it does not move its thread and is not announced."""
        code = EVENT_CODE[draft.event_type]
        self._rows.append((keys.user, seq, keys.thread, keys.run, code, draft.data))

    async def flush(self) -> None:
        """Store gathered events, so that statements of this transaction can read them."""
        await self.places.flush()
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        touched = [(user, thread, seq) for (user, thread), seq in self._touched.items()]
        threads = zip(*touched, strict=True) if touched else ((), (), ())
        heads = (list(self._grown), list(self._grown.values()))
        self._rows, self._grown, self._touched = [], {}, {}
        await self.connection.execute(_FLUSH, self.at_us, *columns, *heads, *threads)
