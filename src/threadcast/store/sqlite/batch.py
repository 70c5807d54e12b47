"""One write transaction: its users, their next seqs, and events not yet stored.

Events gather here and are stored by few statements, each of which runs without the interpreter
lock: next to a busy event loop, every row that needs the lock again can cost milliseconds. A batch
may not outlive its transaction, and it does not begin or end one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import apsw

from ...errors import ThreadcastError
from ...events import (
    EVENT_CODE,
    MOVES_THREAD,
    Address,
    EventDraft,
    JournalEvent,
    encode_json,
    timestamp_text,
)
from ...ids import UnifiedIdGenerator
from ..units import AppendToRun, Unit
from .keys import KnownKeys, RowKeys

Row = tuple[Any, ...]

_CHUNKS = (512, 256, 128, 64, 32, 16, 8, 4, 2, 1)
_INSERT_INTO = "INSERT INTO events (at_us, user, seq, thread, run, type, data) VALUES "
_INSERT = {count: _INSERT_INTO + ",".join(["(?1,?,?,?,?,?,?)"] * count) for count in _CHUNKS}
_WORDS = (
    "SELECT group_concat(r.run || ',' || (r.fence * 8 + r.status))"
    " FROM carray(?1) AS c CROSS JOIN runs AS r ON r.run = c.value"
)
_HEADS = (
    "SELECT group_concat(u.user || ',' || u.head)"
    " FROM carray(?1) AS c CROSS JOIN users AS u ON u.user = c.value"
)
_SET_HEADS = (
    "UPDATE users SET head = j.value, trim_us = coalesce(trim_us, ?2) FROM json_each(?1) AS j"
    " WHERE users.user = CAST(j.key AS INTEGER)"
)
_TOUCH_THREADS = (
    "UPDATE threads SET last_seq = j.value, updated_us = ?2 FROM json_each(?1) AS j"
    " WHERE threads.thread = CAST(j.key AS INTEGER)"
)


class Batch:
    """The state of one write transaction.

    Args:
        connection: the writer's, inside a transaction.
        known: keys from earlier transactions.
        now: wall time for timestamps, seconds since the epoch.
        lease_now: the store's own time, seconds since the epoch.
    """

    def __init__(
        self, connection: apsw.Connection, known: KnownKeys, *, now: float, lease_now: float
    ) -> None:
        self.connection = connection
        self.known = known
        self.now = now
        self.at_us = int(now * 1_000_000)
        self.stamp = timestamp_text(self.at_us)
        self.lease_now = lease_now
        self.heads: dict[int, int] = {}
        self.words: dict[int, int] = {}
        self._grown: dict[int, int] = {}
        self._touched: dict[int, int] = {}
        self._rows: list[Row] = []

    # --- reading --------------------------------------------------------------------------

    def one(self, sql: str, *bindings: Any) -> Row | None:
        """The only row of a query that gives at most one, or None."""
        return next(iter(self.connection.execute(sql, bindings).fetchall()), None)

    def all(self, sql: str, *bindings: Any) -> list[Row]:
        """All rows of a query, which must be bounded."""
        return self.connection.execute(sql, bindings).fetchall()

    def run(self, sql: str, *bindings: Any) -> int:
        """Run a statement; the number of rows that it changed."""
        self.connection.execute(sql, bindings).fetchall()
        return self.connection.changes()

    def preload(self, units: Sequence[Unit[Any]]) -> None:
        """Read fences, statuses and heads for all appends of the batch at once."""
        runs, users = array("q"), array("q")
        for unit in units:
            if type(unit) is AppendToRun:
                address = unit.lease.address
                keys = self.known.runs.get((address.user_id, address.run_id or ""))
                if keys is not None and keys.run is not None:
                    runs.append(keys.run)
                    users.append(keys.user)
        if runs:
            self.words = self._pairs(_WORDS, runs)
            self.heads = self._pairs(_HEADS, users)

    def load_words(self, runs: Iterable[int]) -> dict[int, int]:
        """Read fences and statuses of these runs; returns all loaded so far."""
        if keys := array("q", runs):
            self.words.update(self._pairs(_WORDS, keys))
        return self.words

    def _pairs(self, sql: str, keys: array[int]) -> dict[int, int]:
        text = self.connection.execute(sql, (apsw.carray(keys),)).get
        if not text:
            return {}
        numbers = list(map(int, text.split(",")))
        return dict(zip(numbers[::2], numbers[1::2], strict=True))

    # --- users ----------------------------------------------------------------------------

    def user(self, user_id: str) -> int | None:
        """The user's row, or None without a journal."""
        user = self.known.users.get(user_id)
        if user is None:
            row = self.one("SELECT user FROM users WHERE user_id = ?", user_id)
            if row is None:
                return None
            user = int(row[0])
            self.known.users.put(user_id, user)
        return user

    def ensure_user(self, user_id: str) -> int:
        """The user's row; created with a fresh feed if there is none."""
        user = self.user(user_id)
        if user is None:
            feed = UnifiedIdGenerator.generate_base_id("feed")
            self.run("INSERT INTO users (user_id, feed) VALUES (?, ?)", user_id, feed)
            user = self.connection.last_insert_rowid()
            self.known.users.put(user_id, user)
        return user

    def existing_user(self, user_id: str) -> int:
        """The user's row.

        Raises:
            ThreadcastError: `not_found`.
        """
        user = self.user(user_id)
        if user is None:
            raise ThreadcastError("not_found")
        return user

    # --- events ---------------------------------------------------------------------------

    def head(self, user: int) -> int:
        """The last seq of this user's journal, events of this transaction included."""
        head = self.heads.get(user)
        if head is None:
            row = self.one("SELECT head FROM users WHERE user = ?", user)
            head = 0 if row is None else int(row[0])
            self.heads[user] = head
        return head

    def append(self, keys: RowKeys, address: Address, draft: EventDraft) -> JournalEvent:
        """Give one event its seq; it is stored with the next `flush`."""
        return self.append_all(keys, address, (draft,))[0]

    def append_all(
        self, keys: RowKeys, address: Address, drafts: Sequence[EventDraft]
    ) -> list[JournalEvent]:
        """Give events their seqs, in order; they are stored with the next `flush`."""
        user, thread, run = keys
        seq, stamp, add = self.head(user), self.stamp, self._rows.append
        events = []
        for draft in drafts:
            seq += 1
            kind, data = draft.event_type, draft.data
            add((user, seq, thread, run, EVENT_CODE[kind], data))
            events.append(JournalEvent(kind, stamp, address, seq, data))
            if kind in MOVES_THREAD and thread is not None:
                self._touched[thread] = seq
        self.heads[user] = self._grown[user] = seq
        return events

    def take_seqs(self, user: int, count: int) -> int:
        """Reserve the next seqs for events that the caller stores itself; returns the first."""
        first = self.head(user) + 1
        self.heads[user] = self._grown[user] = first + count - 1
        return first

    def flush(self) -> None:
        """Store gathered events, so that statements of this transaction can read them."""
        if not self._grown:
            return
        rows, self._rows = self._rows, []
        start = 0
        for count in _CHUNKS:
            while len(rows) - start >= count:
                values = chain.from_iterable(rows[start : start + count])
                self.connection.execute(_INSERT[count], (self.at_us, *values))
                start += count
        self.connection.execute(_SET_HEADS, (encode_json(self._grown).decode(), self.at_us))
        if self._touched:
            touched = encode_json(self._touched).decode()
            self.connection.execute(_TOUCH_THREADS, (touched, self.at_us))
        self._grown, self._touched = {}, {}
