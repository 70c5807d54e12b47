"""Units that rename threads with legacy ids, take a migration back, and count uses of aliases."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import apsw

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
from .batch import Batch

_TO_RENAME = (
    "SELECT t.thread, t.user, u.user_id, t.thread_id, t.state, t.last_seq FROM threads AS t"
    " JOIN users AS u ON u.user = t.user WHERE t.thread > ? ORDER BY t.thread LIMIT ?"
)
_MIGRATED = (
    "SELECT m.thread, m.user, m.origin, m.legacy_id, m.last_seq, m.first_run, m.last_run,"
    " u.user_id, t.thread_id, t.state, t.first_seq, t.last_seq FROM migrated_threads AS m"
    " JOIN threads AS t ON t.thread = m.thread"
    " JOIN users AS u ON u.user = m.user WHERE m.thread > ? ORDER BY m.thread LIMIT ?"
)
_COUNT = (
    "UPDATE thread_aliases SET uses = uses + ?3,"
    " last_used_us = max(coalesce(last_used_us, 0), ?4)"
    " WHERE user = (SELECT user FROM users WHERE user_id = ?1) AND legacy_id = ?2"
)


class _Migrated(NamedTuple):
    """A thread that a migration made or renamed, then and now."""

    thread: int
    user: int
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


# --- renaming -------------------------------------------------------------------------------------


def rename_threads(batch: Batch, unit: RenameThreads) -> Outcome:
    """Apply one `RenameThreads`."""
    rows = batch.all(_TO_RENAME, unit.after, unit.limit)
    results = []
    renamed: set[int] = set()
    for thread, user, user_id, thread_id, state, last_seq in rows:
        if state or UnifiedIdGenerator.is_valid_id(thread_id, "thread"):
            continue
        result = _new_name(batch, user, user_id, thread_id)
        if result.thread_id is not None:
            _rename(batch, thread, user, result, last_seq)
            renamed.add(user)
        results.append(result)
    _give_new_feeds(batch, renamed)
    after = rows[-1][0] if len(rows) == unit.limit else None
    return Committed(MigrationStep(results, len(rows) - len(results), after))


def _new_name(batch: Batch, user: int, user_id: str, legacy_id: str) -> MigratedThread:
    if problem := legacy_id_problem(legacy_id):
        return refused(user_id, legacy_id, problem)
    taken = batch.one(
        "SELECT t.thread_id FROM thread_aliases AS a JOIN threads AS t ON t.thread = a.thread"
        " WHERE a.user = ? AND a.legacy_id = ?",
        *(user, legacy_id),
    )
    if taken is not None:
        return refused(user_id, legacy_id, named_already(taken[0]))
    thread_id = migrate_legacy_thread_id(legacy_id, user_id)
    if batch.one("SELECT 1 FROM threads WHERE user = ? AND thread_id = ?", user, thread_id):
        return refused(user_id, legacy_id, new_id_in_use(thread_id))
    return MigratedThread(user_id, legacy_id, thread_id, "migrated")


def _rename(batch: Batch, thread: int, user: int, named: MigratedThread, last_seq: int) -> None:
    batch.run("UPDATE threads SET thread_id = ? WHERE thread = ?", named.thread_id, thread)
    batch.run(
        "INSERT INTO thread_aliases (user, legacy_id, thread, known, made_us)"
        " VALUES (?, ?, ?, ?, ?)",
        *(user, named.legacy_id, thread, legacy_kind(named.legacy_id) is not None, batch.at_us),
    )
    batch.run(
        "INSERT INTO migrated_threads (thread, user, origin, last_seq, legacy_id)"
        " VALUES (?, ?, ?, ?, ?)",
        *(thread, user, RENAMED, last_seq, named.legacy_id),
    )


def _give_new_feeds(batch: Batch, users: Iterable[int]) -> None:
    """Tell readers to read again: their journals say something else about the past now."""
    feed = UnifiedIdGenerator.generate_base_id
    batch.connection.executemany(
        "UPDATE users SET feed = ? WHERE user = ?", [(feed("feed"), user) for user in sorted(users)]
    )


# --- undoing --------------------------------------------------------------------------------------


def undo_migration(batch: Batch, unit: UndoMigration) -> Outcome:
    """Apply one `UndoMigration`."""
    rows = [_Migrated(*row) for row in batch.all(_MIGRATED, unit.after, unit.limit)]
    gone = [row for row in rows if not why_kept(row)]
    imported = [row for row in gone if row.origin == IMPORTED]
    _take_back_names(batch, [row for row in gone if row.origin == RENAMED])
    _forget_names(batch, imported)
    _remove(batch, imported)
    batch.connection.executemany(
        "DELETE FROM migrated_threads WHERE thread = ?", [(row.thread,) for row in gone]
    )
    _remove_users(batch, {row.user for row in gone})
    batch.known.clear()
    results = [undone(row) for row in rows]
    after = rows[-1].thread if len(rows) == unit.limit else None
    return Committed(MigrationStep(results, 0, after))


def _forget_names(batch: Batch, rows: Sequence[_Migrated]) -> None:
    if not rows:
        return
    users = array("q", {row.user for row in rows})
    threads = array("q", [row.thread for row in rows])
    batch.run(
        "DELETE FROM thread_aliases WHERE user IN (SELECT value FROM carray(?1))"
        " AND thread IN (SELECT value FROM carray(?2))",
        *(apsw.carray(users), apsw.carray(threads)),
    )


def _take_back_names(batch: Batch, rows: Sequence[_Migrated]) -> None:
    """Give threads their legacy ids again; other aliases that they have stay."""
    names = [(row.legacy_id, row.thread, row.user) for row in rows]
    run = batch.connection.executemany
    run("UPDATE threads SET thread_id = ?1 WHERE thread = ?2", [name[:2] for name in names])
    run("DELETE FROM thread_aliases WHERE user = ?3 AND legacy_id = ?1 AND thread = ?2", names)


def _remove(batch: Batch, rows: Sequence[_Migrated]) -> None:
    """Remove imported threads with all that is theirs."""
    run = batch.connection.executemany
    runs = [(row.first_run, row.last_run, row.user) for row in rows if row.first_run is not None]
    run(
        "DELETE FROM sends WHERE user = ?3 AND run BETWEEN ?1 AND ?2 AND client_message_id IN"
        " (SELECT run_id FROM runs WHERE run BETWEEN ?1 AND ?2)",
        runs,
    )
    for table, key in (("message_words", "rowid"), ("runs", "run")):
        between = [pair[:2] for pair in runs]
        run(f"DELETE FROM {table} WHERE {key} BETWEEN ? AND ?", between)  # noqa: S608 - constants
    run(
        "DELETE FROM events WHERE user = ? AND seq BETWEEN ? AND ? AND thread = ?",
        [(row.user, row.first_seq, row.last_seq, row.thread) for row in rows],
    )
    run("DELETE FROM threads WHERE thread = ?", [(row.thread,) for row in rows])


def _remove_users(batch: Batch, users: set[int]) -> None:
    """Remove users that are an import's and have nothing else; the others get new feeds."""
    batch.connection.executemany(
        "DELETE FROM users WHERE user = ?1 AND imported = 1 AND revoked_before = 0"
        " AND NOT EXISTS (SELECT 1 FROM threads WHERE user = ?1)"
        " AND NOT EXISTS (SELECT 1 FROM events WHERE user = ?1)"
        " AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE user = ?1)",
        [(user,) for user in sorted(users)],
    )
    _give_new_feeds(batch, users)


# --- uses of aliases ------------------------------------------------------------------------------


def count_alias_uses(batch: Batch, unit: CountAliasUses) -> Outcome:
    """Apply one `CountAliasUses`."""
    batch.connection.executemany(
        _COUNT,
        [
            (use.context.user_id, use.legacy_id, use.count, int(use.last_used_at * 1_000_000))
            for use in unit.uses
        ],
    )
    return Committed(None)
