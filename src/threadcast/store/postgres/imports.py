"""The unit that stores threads of an older system: many rows by few statements.

Its events are not announced: it runs while no server does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...events import EventType
from ...ids.legacy import legacy_kind
from ..migration_judging import IMPORTED, IdsInUse, imported
from ..migration_units import (
    ImportedRun,
    ImportedThread,
    ImportThreads,
)
from ..stored_runs import STATUS_CODE
from ..units import Committed, Outcome
from .batch import Batch
from .keys import RowKeys
from .search import preview_of, words_of

_STARTED = EventType.AGENT_STARTED
_MICROSECONDS = 1_000_000
_NUMBERS = "SELECT user_key::text, threads, runs FROM users WHERE user_key = ANY($1::uuid[])"
_SET_NUMBERS = """
UPDATE users SET threads = n.threads, runs = n.runs
FROM unnest($1::uuid[], $2::int[], $3::int[]) AS n (user_key, threads, runs)
WHERE users.user_key = n.user_key
"""
_THREADS = """
SELECT k.number, k.named FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY
AS k (user_key, named, number)
JOIN threads AS t ON t.user_key = k.user_key AND t.thread_id = k.named
"""
_RUNS = """
SELECT k.number FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS k (user_key, named, number)
JOIN runs AS r ON r.user_key = k.user_key AND r.run_id = k.named
"""
_ALIASES = """
SELECT k.number, k.named, t.thread_id FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY
AS k (user_key, named, number)
JOIN thread_aliases AS a ON a.user_key = k.user_key AND a.legacy_id = k.named
JOIN threads AS t ON t.user_key = a.user_key AND t.thread = a.thread
"""
# A name that its user has given to another message already stays that one's.
_OTHERWISE = {"sends": " ON CONFLICT DO NOTHING"}
# By table: its columns and their types. The ordinal of a thread is copied from its row.
_TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "threads": (
        ("user_key", "uuid"), ("thread", "int"), ("thread_id", "text"), ("title", "text"),
        ("metadata", "text"), ("first_seq", "bigint"), ("last_seq", "bigint"),
        ("created_us", "bigint"), ("updated_us", "bigint"),
    ),
    "thread_aliases": (
        ("user_key", "uuid"), ("legacy_id", "text"), ("thread", "int"), ("known", "boolean"),
        ("made_us", "bigint"),
    ),
    "runs": (
        ("user_key", "uuid"), ("run", "int"), ("thread", "int"), ("status", "smallint"),
        ("attempt", "int"), ("message_seq", "bigint"), ("ended_seq", "bigint"),
        ("created_us", "bigint"), ("started_us", "bigint"), ("ended_us", "bigint"),
        ("compacted", "boolean"), ("run_id", "text"), ("agent", "text"), ("on_crash", "text"),
        ("on_disconnect", "text"),
    ),
    "sends": (
        ("user_key", "uuid"), ("client_message_id", "text"), ("digest", "bytea"), ("run", "int"),
    ),
    "messages": (
        ("user_key", "uuid"), ("seq", "bigint"), ("thread", "int"), ("preview", "text"),
        ("words", "text"),
    ),
}  # fmt: skip
_MIGRATED = """
INSERT INTO migrated_threads (user_key, thread, origin, last_seq, first_run, last_run, legacy_id,
ordinal)
SELECT n.*, t.ordinal
FROM unnest($1::uuid[], $2::int[], $3::smallint[], $4::bigint[], $5::int[], $6::int[], $7::text[])
AS n (user_key, thread, origin, last_seq, first_run, last_run, legacy_id)
JOIN threads AS t ON t.user_key = n.user_key AND t.thread = n.thread
"""

Row = tuple[Any, ...]
Named = tuple[str, str]
"""A user's key, and an id."""


async def import_threads(batch: Batch, unit: ImportThreads) -> Outcome:
    """Apply one `ImportThreads`."""
    keyed = [(batch.existing_user(one.context.user_id), one) for one in unit.threads]
    there = await _ids_in_use(batch, keyed)
    rows = await _Rows.of(batch, {user for user, _ in keyed})
    results = []
    for user, thread in keyed:
        result = there.judge(user, thread)
        if result is None:
            rows.add(user, thread)
            there.take(user, thread)
            result = imported(thread)
        results.append(result)
    await rows.insert()
    return Committed(results)


async def _ids_in_use(batch: Batch, threads: Sequence[tuple[str, ImportedThread]]) -> IdsInUse[str]:
    """What users have of these ids, asked for all at once."""
    legacy = [(user, one.legacy_id) for user, one in threads if one.legacy_id is not None]
    named = [*legacy, *((user, one.context.thread_id) for user, one in threads)]
    runs = [(user, run.run_id) for user, one in threads for run in one.runs]
    found = await batch.all(_THREADS, *_columns(named, 2))
    known_runs = await batch.all(_RUNS, *_columns(runs, 2))
    aliases = await batch.all(_ALIASES, *_columns(legacy, 2))
    return IdsInUse(
        {named[number - 1] for number, _ in found},
        {runs[number - 1] for (number,) in known_runs},
        {legacy[number - 1]: thread_id for number, _, thread_id in aliases},
    )


class _Rows:
    """The rows of an import, gathered by table.

    Args:
        batch: the transaction.
        numbers: by user, the last numbers of a thread and of a run.
    """

    def __init__(self, batch: Batch, numbers: dict[str, list[int]]) -> None:
        self._batch = batch
        self._numbers = numbers
        self._migrated: list[Row] = []
        self._of: dict[str, list[Row]] = {table: [] for table in _TABLES}

    @classmethod
    async def of(cls, batch: Batch, users: set[str]) -> _Rows:
        """Rows that continue the numbers of these users."""
        rows = await batch.all(_NUMBERS, list(users))
        return cls(batch, {key.replace("-", ""): [threads, runs] for key, threads, runs in rows})

    def add(self, user: str, thread: ImportedThread) -> None:
        """Take one thread, with all of its events at the end of its user's journal."""
        numbers = self._numbers[user]
        numbers[0] += 1
        number = numbers[0]
        events = 1 + sum(len(run.drafts) for run in thread.runs)
        first = seq = self._batch.take_seqs(user, events)
        last = first + events - 1
        created_us = self._us(thread.created_at)
        updated_us = created_us if thread.updated_at is None else self._us(thread.updated_at)
        values: Row = (user, number, thread.context.thread_id, thread.title, "{}", first, last)
        self._of["threads"].append((*values, created_us, updated_us))
        runs = (numbers[1] + 1, numbers[1] + len(thread.runs)) if thread.runs else (None, None)
        self._migrated.append((user, number, IMPORTED, last, *runs, thread.legacy_id))
        if (legacy_id := thread.legacy_id) is not None:
            known = legacy_kind(legacy_id) is not None
            self._of["thread_aliases"].append((user, legacy_id, number, known, self._batch.at_us))
        self._batch.add(RowKeys(user, number, None), seq, thread.created)
        seq += 1
        for run in thread.runs:
            self._add_run(user, number, run, seq)
            seq += len(run.drafts)

    def _add_run(self, user: str, thread: int, run: ImportedRun, first_seq: int) -> None:
        numbers = self._numbers[user]
        numbers[1] += 1
        number = numbers[1]
        last_seq = first_seq + len(run.drafts) - 1
        attempt = sum(draft.event_type is _STARTED for draft in run.drafts)
        created_us = self._us(run.created_at)
        ended_us = created_us if run.ended_at is None else self._us(run.ended_at)
        started_us = created_us if attempt else None
        self._of["runs"].append(
            (
                *(user, number, thread, STATUS_CODE[run.status], attempt, first_seq, last_seq),
                *(created_us, started_us, ended_us, True, run.run_id, run.agent),
                *("fail", "continue"),
            )
        )
        for seq, draft in enumerate(run.drafts, first_seq):
            self._batch.add(RowKeys(user, thread, number), seq, draft)
        if run.content is not None:
            self._of["sends"].append((user, run.client_message_id, b"", number))
            words = (preview_of(run.content), words_of(run.content))
            self._of["messages"].append((user, first_seq, thread, *words))

    def _us(self, at: float | None) -> int:
        return self._batch.at_us if at is None else round(at * _MICROSECONDS)

    async def insert(self) -> None:
        """Store what was taken."""
        for table, columns in _TABLES.items():
            if rows := self._of[table]:
                names = ", ".join(name for name, _ in columns)
                arrays = ", ".join(f"${n}::{kind}[]" for n, (_, kind) in enumerate(columns, 1))
                await self._batch.run(
                    f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608
                    f"{_OTHERWISE.get(table, '')}",
                    *_columns(rows, len(columns)),
                )
        if self._migrated:
            await self._batch.run(_MIGRATED, *_columns(self._migrated, 7))
        numbers = [(user, *numbers) for user, numbers in self._numbers.items()]
        await self._batch.run(_SET_NUMBERS, *_columns(numbers, 3))


def _columns(rows: Iterable[Row], count: int) -> list[list[Any]]:
    """Rows as `count` columns, also when there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(count)]
