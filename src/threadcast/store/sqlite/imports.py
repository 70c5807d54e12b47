"""The unit that stores threads of an older system: many rows by few statements.

It runs while no server does, so events are not announced, and the users that it makes are not among
the keys that a writer knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from ...events import EVENT_CODE, EventType, encode_json
from ...ids import UnifiedIdGenerator
from ...ids.legacy import legacy_kind
from ..migration_judging import IMPORTED, IdsInUse, imported
from ..migration_units import (
    ImportedRun,
    ImportedThread,
    ImportThreads,
)
from ..stored_runs import STATUS_CODE
from ..units import Committed, Outcome
from .batch import Batch, Row
from .search import owner_word

_CREATED = EVENT_CODE[EventType.THREAD_CREATED]
_STARTED = EventType.AGENT_STARTED
_MICROSECONDS = 1_000_000
_USERS = (
    "SELECT u.user_id, u.user, u.head FROM carray(?1) AS c"
    " CROSS JOIN users AS u ON u.user_id = c.value"
)
_THREADS = (
    "SELECT t.user, t.thread_id FROM json_each(?1) AS j CROSS JOIN threads AS t"
    " ON t.user = j.value ->> 0 AND t.thread_id = j.value ->> 1"
)
_RUNS = (
    "SELECT r.user, r.run_id FROM json_each(?1) AS j CROSS JOIN runs AS r"
    " ON r.user = j.value ->> 0 AND r.run_id = j.value ->> 1"
)
_ALIASES = (
    "SELECT a.user, a.legacy_id, t.thread_id FROM json_each(?1) AS j"
    " CROSS JOIN thread_aliases AS a ON a.user = j.value ->> 0 AND a.legacy_id = j.value ->> 1"
    " CROSS JOIN threads AS t ON t.thread = a.thread"
)
_TABLES: dict[str, str] = {
    "threads": "thread, user, thread_id, title, metadata, first_seq, last_seq, created_us,"
    " updated_us",
    "migrated_threads": "thread, user, origin, last_seq, first_run, last_run, legacy_id",
    "thread_aliases": "user, legacy_id, thread, known, made_us",
    "events": "at_us, user, seq, thread, run, type, data",
    "runs": "run, user, thread, status, attempt, message_seq, ended_seq, created_us, started_us,"
    " ended_us, compacted, run_id, agent, on_crash, on_disconnect",
    "sends": "user, client_message_id, digest, run",
    "message_words": "rowid, owner, content",
}
# A name that its user has given to another message already stays that one's.
_OTHERWISE = {"sends": " OR IGNORE"}


def import_threads(batch: Batch, unit: ImportThreads) -> Outcome:
    """Apply one `ImportThreads`."""
    users = _users(batch, {thread.context.user_id for thread in unit.threads})
    there = _ids_in_use(batch, [(users[one.context.user_id], one) for one in unit.threads])
    rows = _Rows(batch)
    results = []
    for thread in unit.threads:
        user = users[thread.context.user_id]
        result = there.judge(user, thread)
        if result is None:
            rows.add(user, thread)
            there.take(user, thread)
            result = imported(thread)
        results.append(result)
    rows.insert()
    return Committed(results)


def _users(batch: Batch, user_ids: set[str]) -> dict[str, int]:
    """The rows of users, by id; those who had none get one."""
    rows = batch.all(_USERS, apsw.carray(tuple(user_ids)))
    users = {user_id: user for user_id, user, _ in rows}
    batch.heads.update({user: head for _, user, head in rows})
    missing = sorted(user_ids - users.keys())
    if missing:
        first = _next_row(batch, "users", "user")
        feed = UnifiedIdGenerator.generate_base_id
        made = [(first + n, name, feed("feed")) for n, name in enumerate(missing)]
        batch.connection.executemany(
            "INSERT INTO users (user, user_id, feed, imported) VALUES (?, ?, ?, 1)", made
        )
        users |= {name: user for user, name, _ in made}
        batch.heads.update(dict.fromkeys((user for user, _, _ in made), 0))
    return users


def _next_row(batch: Batch, table: str, key: str) -> int:
    row = batch.one(f"SELECT coalesce(max({key}), 0) + 1 FROM {table}")  # noqa: S608 - constants
    if row is None:
        raise AssertionError("an aggregate without a row")
    return int(row[0])


def _ids_in_use(batch: Batch, threads: Sequence[tuple[int, ImportedThread]]) -> IdsInUse[int]:
    """What users have of these ids, asked for all at once."""
    legacy = [(user, one.legacy_id) for user, one in threads if one.legacy_id is not None]
    present = [(user, one.context.thread_id) for user, one in threads]
    runs = [(user, run.run_id) for user, one in threads for run in one.runs]
    aliases = batch.all(_ALIASES, _json(legacy))
    return IdsInUse(
        set(batch.all(_THREADS, _json([*legacy, *present]))),
        set(batch.all(_RUNS, _json(runs))),
        {(user, legacy_id): thread_id for user, legacy_id, thread_id in aliases},
    )


def _json(pairs: Iterable[tuple[int, str]]) -> str:
    return encode_json(list(pairs)).decode()


class _Rows:
    """The rows of an import, gathered by table."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._thread = _next_row(batch, "threads", "thread")
        self._run = _next_row(batch, "runs", "run")
        self._of: dict[str, list[Row]] = {table: [] for table in _TABLES}

    def add(self, user: int, thread: ImportedThread) -> None:
        """Take one thread, with all of its events at the end of its user's journal."""
        row, self._thread = self._thread, self._thread + 1
        events = 1 + sum(len(run.drafts) for run in thread.runs)
        first = seq = self._batch.take_seqs(user, events)
        last = first + events - 1
        context = thread.context
        created_us = self._us(thread.created_at)
        updated_us = created_us if thread.updated_at is None else self._us(thread.updated_at)
        values: tuple[Any, ...] = (row, user, context.thread_id, thread.title, "{}", first, last)
        self._of["threads"].append((*values, created_us, updated_us))
        runs = (self._run, self._run + len(thread.runs) - 1) if thread.runs else (None, None)
        self._of["migrated_threads"].append((row, user, IMPORTED, last, *runs, thread.legacy_id))
        if (legacy_id := thread.legacy_id) is not None:
            known = legacy_kind(legacy_id) is not None
            made_us = self._batch.at_us
            self._of["thread_aliases"].append((user, legacy_id, row, int(known), made_us))
        at_us = self._batch.at_us
        self._of["events"].append((at_us, user, seq, row, None, _CREATED, thread.created.data))
        seq += 1
        for run in thread.runs:
            self._add_run(user, row, run, seq)
            seq += len(run.drafts)

    def _add_run(self, user: int, thread: int, run: ImportedRun, first_seq: int) -> None:
        row, self._run = self._run, self._run + 1
        last_seq = first_seq + len(run.drafts) - 1
        attempt = sum(draft.event_type is _STARTED for draft in run.drafts)
        created_us = self._us(run.created_at)
        ended_us = created_us if run.ended_at is None else self._us(run.ended_at)
        self._of["runs"].append(
            (
                *(row, user, thread, STATUS_CODE[run.status], attempt, first_seq, last_seq),
                *(created_us, created_us if attempt else None, ended_us, 1, run.run_id, run.agent),
                *("fail", "continue"),
            )
        )
        self._of["events"] += [
            (self._batch.at_us, user, seq, thread, row, EVENT_CODE[draft.event_type], draft.data)
            for seq, draft in enumerate(run.drafts, first_seq)
        ]
        if run.content is not None:
            self._of["sends"].append((user, run.client_message_id, b"", row))
            self._of["message_words"].append((row, owner_word(user), run.content))

    def _us(self, at: float | None) -> int:
        return self._batch.at_us if at is None else round(at * _MICROSECONDS)

    def insert(self) -> None:
        """Store what was taken."""
        for table, columns in _TABLES.items():
            places = ", ".join("?" * (columns.count(",") + 1))
            if self._of[table]:
                self._batch.connection.executemany(
                    f"INSERT{_OTHERWISE.get(table, '')} INTO {table} ({columns}) VALUES ({places})",
                    self._of[table],
                )
