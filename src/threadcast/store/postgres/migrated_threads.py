"""Units that rename threads with legacy ids, take a migration back, and count uses of aliases.

Renaming and undoing walk through the threads of all users; whose they touch, they lock in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...ids import UnifiedIdGenerator
from ...ids.legacy import legacy_kind
from ...ids.migrated import legacy_id_problem, migrate_legacy_thread_id
from ..migration_judging import (
    IMPORTED,
    RENAMED,
    named_already,
    new_id_in_use,
    refused,
    undone,
    why_kept,
)
from ..migration_units import (
    CountAliasUses,
    MigratedThread,
    MigrationStep,
    RenameThreads,
    UndoMigration,
)
from ..units import Committed, Outcome
from .across_users import MIGRATED, TO_RENAME
from .batch import Batch
from .keys import user_key

_NAMED_BY = """
SELECT t.thread_id FROM thread_aliases AS a
JOIN threads AS t ON t.user_key = a.user_key AND t.thread = a.thread
WHERE a.user_key = $1 AND a.legacy_id = $2
"""
_KNOWN = "SELECT 1 FROM threads WHERE user_key = $1 AND thread_id = $2"
_SET_ID = "UPDATE threads SET thread_id = $3 WHERE user_key = $1 AND thread = $2"
_ALIAS = """
INSERT INTO thread_aliases (user_key, thread, legacy_id, known, made_us)
VALUES ($1, $2, $3, $4, $5)
"""
_REMEMBER = """
INSERT INTO migrated_threads (user_key, thread, ordinal, origin, last_seq, legacy_id)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_SET_FEED = "UPDATE users SET feed = $2 WHERE user_key = $1"
_FORGET_ALIASES = "DELETE FROM thread_aliases WHERE user_key = $1 AND thread = $2"
_FORGET_ALIAS = """
DELETE FROM thread_aliases WHERE user_key = $1 AND thread = $2 AND legacy_id = $3
"""
_FORGET = "DELETE FROM migrated_threads WHERE user_key = $1 AND thread = $2"
_REMOVE_SENDS = """
DELETE FROM sends WHERE user_key = $1 AND run BETWEEN $2 AND $3 AND client_message_id IN (
    SELECT run_id FROM runs WHERE user_key = $1 AND run BETWEEN $2 AND $3
)
"""
_REMOVE_RUNS = "DELETE FROM runs WHERE user_key = $1 AND run BETWEEN $2 AND $3"
_REMOVE_EVENTS = """
DELETE FROM events WHERE user_key = $1 AND thread = $2 AND seq BETWEEN $3 AND $4
"""
_REMOVE_MESSAGES = """
DELETE FROM messages WHERE user_key = $1 AND thread = $2 AND seq BETWEEN $3 AND $4
"""
_REMOVE_THREAD = "DELETE FROM threads WHERE user_key = $1 AND thread = $2"
_REMOVE_USER = """
DELETE FROM users WHERE user_key = $1 AND imported AND revoked_before = 0
AND NOT EXISTS (SELECT 1 FROM threads WHERE user_key = $1)
AND NOT EXISTS (SELECT 1 FROM events WHERE user_key = $1)
AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE user_key = $1)
"""
_COUNT = """
UPDATE thread_aliases AS a SET uses = a.uses + n.count,
last_used_us = greatest(a.last_used_us, n.last_used_us)
FROM (
    SELECT user_key, legacy_id, sum(count)::bigint AS count, max(last_used_us) AS last_used_us
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[])
    AS one (user_key, legacy_id, count, last_used_us)
    GROUP BY user_key, legacy_id
) AS n WHERE a.user_key = n.user_key AND a.legacy_id = n.legacy_id
"""


class _Migrated(NamedTuple):
    """A thread that a migration made or renamed, then and now."""

    ordinal: int
    thread: int
    origin: int
    legacy_id: str | None
    migrated_seq: int
    first_run: int | None
    last_run: int | None
    user_id: str
    thread_id: str
    state: int
    first_seq: int
    last_seq: int

    @property
    def user(self) -> str:
        """The user's key."""
        return user_key(self.user_id)


# --- renaming -------------------------------------------------------------------------------------


async def rename_threads(batch: Batch, unit: RenameThreads) -> Outcome:
    """Apply one `RenameThreads`."""
    rows = await batch.all(TO_RENAME, unit.after, unit.limit)
    await batch.lock({user_id for _, _, user_id, *_ in rows})
    results = []
    renamed: set[str] = set()
    for ordinal, thread, user_id, thread_id, state, last_seq in rows:
        if state or UnifiedIdGenerator.is_valid_id(thread_id, "thread"):
            continue
        result = await _new_name(batch, user_id, thread_id)
        if result.thread_id is not None:
            await _rename(batch, thread, ordinal, result, last_seq)
            renamed.add(user_key(user_id))
        results.append(result)
    await _give_new_feeds(batch, renamed)
    after = rows[-1][0] if len(rows) == unit.limit else None
    return Committed(MigrationStep(results, len(rows) - len(results), after))


async def _new_name(batch: Batch, user_id: str, legacy_id: str) -> MigratedThread:
    if problem := legacy_id_problem(legacy_id):
        return refused(user_id, legacy_id, problem)
    user = user_key(user_id)
    taken = await batch.one(_NAMED_BY, user, legacy_id)
    if taken is not None:
        return refused(user_id, legacy_id, named_already(taken[0]))
    thread_id = migrate_legacy_thread_id(legacy_id, user_id)
    if await batch.one(_KNOWN, user, thread_id):
        return refused(user_id, legacy_id, new_id_in_use(thread_id))
    return MigratedThread(user_id, legacy_id, thread_id, "migrated")


async def _rename(
    batch: Batch, thread: int, ordinal: int, named: MigratedThread, last_seq: int
) -> None:
    user = user_key(named.user_id)
    await batch.run(_SET_ID, user, thread, named.thread_id)
    known = legacy_kind(named.legacy_id) is not None
    await batch.run(_ALIAS, user, thread, named.legacy_id, known, batch.at_us)
    await batch.run(_REMEMBER, user, thread, ordinal, RENAMED, last_seq, named.legacy_id)


async def _give_new_feeds(batch: Batch, users: Iterable[str]) -> None:
    """Tell readers to read again: their journals say something else about the past now."""
    for user in sorted(users):
        await batch.run(_SET_FEED, user, UnifiedIdGenerator.generate_base_id("feed"))


# --- undoing --------------------------------------------------------------------------------------


async def undo_migration(batch: Batch, unit: UndoMigration) -> Outcome:
    """Apply one `UndoMigration`."""
    rows = [_Migrated(*row) for row in await batch.all(MIGRATED, unit.after, unit.limit)]
    await batch.lock({row.user_id for row in rows})
    gone = [row for row in rows if not why_kept(row)]
    for row in gone:
        await batch.run(_FORGET, row.user, row.thread)
        if row.origin == RENAMED:  # other aliases that it has stay
            await batch.run(_SET_ID, row.user, row.thread, row.legacy_id)
            await batch.run(_FORGET_ALIAS, row.user, row.thread, row.legacy_id)
        elif row.origin == IMPORTED:
            await batch.run(_FORGET_ALIASES, row.user, row.thread)
            await _remove(batch, row)
    await _remove_users(batch, gone)
    results = [undone(row) for row in rows]
    after = rows[-1].ordinal if len(rows) == unit.limit else None
    return Committed(MigrationStep(results, 0, after))


async def _remove(batch: Batch, row: _Migrated) -> None:
    """Remove an imported thread with all that is its."""
    if row.first_run is not None:
        await batch.run(_REMOVE_SENDS, row.user, row.first_run, row.last_run)
        await batch.run(_REMOVE_RUNS, row.user, row.first_run, row.last_run)
    for statement in (_REMOVE_EVENTS, _REMOVE_MESSAGES):
        await batch.run(statement, row.user, row.thread, row.first_seq, row.last_seq)
    await batch.run(_REMOVE_THREAD, row.user, row.thread)


async def _remove_users(batch: Batch, rows: Sequence[_Migrated]) -> None:
    """Remove users that are an import's and have nothing else; the others get new feeds."""
    users = {row.user for row in rows}
    for user in sorted(users):
        await batch.run(_REMOVE_USER, user)
    await _give_new_feeds(batch, users)


# --- uses of aliases ------------------------------------------------------------------------------


async def count_alias_uses(batch: Batch, unit: CountAliasUses) -> Outcome:
    """Apply one `CountAliasUses`."""
    rows = [
        (
            *(user_key(use.context.user_id), use.legacy_id, use.count),
            int(use.last_used_at * 1_000_000),
        )
        for use in unit.uses
    ]
    if rows:
        await batch.run(_COUNT, *map(list, zip(*rows, strict=True)))
    return Committed(None)
