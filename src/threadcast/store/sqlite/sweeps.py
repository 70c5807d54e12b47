"""Bounded steps of maintenance. Every step works on at most `limit` rows and can be repeated.

Rows are removed in sets, by few statements: see `batch` for why one statement per row is expensive.
"""

from __future__ import annotations

from ...events import EVENT_CODE, EventType, encode_json
from ..stored_runs import THREAD_PURGED
from ..units import Committed, Outcome, Sweep
from .batch import Batch

_DELTA = EVENT_CODE[EventType.AGENT_DELTA]
_MESSAGE = EVENT_CODE[EventType.MESSAGE_CREATED]
_DELETED = EVENT_CODE[EventType.THREAD_DELETED]
# Runs and threads may have few of their journals' events; a step looks at no more of these.
_LOOK_FACTOR = 20  # of its limit

_OF_RUN = "user = ?1 AND seq BETWEEN ?2 AND ?3 AND run = ?4 AND type = ?5"
_NEXT_OF_RUN = f"""
SELECT count(*), max(seq) FROM (SELECT seq FROM events WHERE {_OF_RUN} ORDER BY seq LIMIT ?6)
"""  # noqa: S608
# Expired rows near the start of the table, of each journal a prefix: it ends before the first event
# of a live run, because a node may retry that run (runs of other services are never retried here),
# and before the first that has not expired.
_EXPIRED = """
WITH looked AS MATERIALIZED (
    SELECT e.id, e.user, e.seq,
    e.at_us < ?1 AND (coalesce(r.status, 9) > 3 OR r.owner IS 'external') AS old
    FROM events AS e LEFT JOIN runs AS r ON r.run = e.run ORDER BY e.id LIMIT ?2
), kept AS MATERIALIZED (
    SELECT user, min(seq) AS seq FROM looked WHERE NOT old GROUP BY user
)
SELECT l.id, l.user, l.seq FROM looked AS l LEFT JOIN kept AS k ON k.user = l.user
WHERE k.seq IS NULL OR l.seq < k.seq ORDER BY l.id LIMIT ?3
"""
_COUNT_EXPIRED = """
SELECT count(*) FROM (SELECT at_us FROM events ORDER BY id LIMIT ?2) WHERE at_us < ?1
"""
_RAISE_TRIMMED = """
UPDATE users SET trimmed = t.value FROM json_each(?1) AS t WHERE users.user = CAST(t.key AS INTEGER)
"""
_IDS = "SELECT value FROM json_each(?1)"
_OF_THREAD = "user = ?1 AND seq BETWEEN ?2 AND ?3 AND thread = ?4 AND type <> ?5"
_NEXT_OF_THREAD = f"""
SELECT count(*), max(seq) FROM (SELECT seq FROM events WHERE {_OF_THREAD} ORDER BY seq LIMIT ?6)
"""  # noqa: S608


def sweep(batch: Batch, unit: Sweep) -> Outcome:
    """Apply one `Sweep`."""
    batch.flush()
    step = {"compact": _compact, "trim": _trim, "purge": _purge, "forget": _forget}[unit.what]
    return Committed(step(batch, unit))


def _compact(batch: Batch, unit: Sweep) -> int:
    """Remove deltas of ended runs; a finished run counts as one row."""
    runs = batch.all(
        "SELECT run, user, coalesce(compacted_to, message_seq), ended_seq FROM runs"
        " WHERE compacted = 0 AND ended_us IS NOT NULL AND ended_us < ? ORDER BY ended_us LIMIT ?",
        *(int(unit.before * 1_000_000), unit.limit),
    )
    done, look = 0, _LOOK_FACTOR * unit.limit
    for run, user, first, last in runs:
        room, look_to = unit.limit - done, min(last, first + look)
        if room <= 0 or look <= 0:
            return unit.limit
        look -= look_to - first
        gone, gone_to = batch.one(_NEXT_OF_RUN, user, first, look_to, run, _DELTA, room) or (0, 0)
        if gone:
            batch.run(f"DELETE FROM events WHERE {_OF_RUN}", user, first, gone_to, run, _DELTA)  # noqa: S608
        if gone == room or look_to < last:
            next_seq = gone_to if gone == room else look_to
            batch.run("UPDATE runs SET compacted_to = ? WHERE run = ?", next_seq, run)
            return unit.limit
        batch.run("UPDATE runs SET compacted = 1 WHERE run = ?", run)
        done += gone + 1
    return done


def _trim(batch: Batch, unit: Sweep) -> int:
    """Remove the oldest events, and record in each journal up to which seq."""
    before_us = int(unit.before * 1_000_000)
    rows = batch.all(_EXPIRED, before_us, unit.limit, unit.limit)
    if len(rows) < unit.limit and _count(batch, before_us, unit.limit) > len(rows):
        rows = batch.all(_EXPIRED, before_us, _LOOK_FACTOR * unit.limit, unit.limit)
    if not rows:
        return 0
    batch.run(_RAISE_TRIMMED, encode_json({str(user): seq for _, user, seq in rows}).decode())
    ids = encode_json([row[0] for row in rows]).decode()
    words = f"SELECT run FROM events WHERE id IN ({_IDS}) AND type = ?2"  # noqa: S608
    batch.run(f"DELETE FROM message_words WHERE rowid IN ({words})", ids, _MESSAGE)  # noqa: S608
    batch.run(f"DELETE FROM events WHERE id IN ({_IDS})", ids)  # noqa: S608
    return len(rows)


def _count(batch: Batch, before_us: int, limit: int) -> int:
    row = batch.one(_COUNT_EXPIRED, before_us, limit)
    return 0 if row is None else int(row[0])


def _purge(batch: Batch, unit: Sweep) -> int:
    """Remove deleted threads' events, words, questions and checkpoints; ids and keys stay."""
    threads = batch.all(
        "SELECT thread, user, first_seq, last_seq FROM threads"
        " WHERE state = 1 AND updated_us < ? ORDER BY updated_us LIMIT ?",
        *(int(unit.before * 1_000_000), unit.limit),
    )
    done, look = 0, _LOOK_FACTOR * unit.limit
    for thread, user, first, end in threads:
        room, look_to = unit.limit - done, min(end, first + look)
        if room <= 0 or look <= 0:
            return unit.limit
        look -= look_to - first
        gone, last = _purge_events(batch, user, thread, (first, look_to), room)
        if gone == room or look_to < end:
            next_seq = last if gone == room else look_to
            batch.run("UPDATE threads SET first_seq = ? WHERE thread = ?", next_seq, thread)
            return unit.limit
        _purge_thread(batch, thread)
        done += gone + 1
    return done


def _purge_events(
    batch: Batch, user: int, thread: int, span: tuple[int, int], limit: int
) -> tuple[int, int]:
    """Remove the thread's next events; returns how many, and the seq of the last.

    `thread_deleted` is a thread's last event, so none is beyond its `last_seq`.
    """
    first, end = span
    row = batch.one(
        _NEXT_OF_THREAD,
        *(user, first, end, thread, _DELETED, limit),
    )
    if row is None or not row[0]:
        return 0, first
    gone, last = row
    events = (user, first, last, thread, _DELETED)
    words = f"SELECT run FROM events WHERE {_OF_THREAD} AND type = ?6"  # noqa: S608
    batch.run(f"DELETE FROM message_words WHERE rowid IN ({words})", *events, _MESSAGE)  # noqa: S608
    batch.run(f"DELETE FROM events WHERE {_OF_THREAD}", *events)  # noqa: S608
    return int(gone), int(last)


def _purge_thread(batch: Batch, thread: int) -> None:
    for table in ("inputs", "checkpoints", "run_aliases"):
        runs = "SELECT run FROM runs WHERE thread = ?"
        batch.run(f"DELETE FROM {table} WHERE run IN ({runs})", thread)  # noqa: S608
    batch.run("DELETE FROM thread_aliases WHERE thread = ?", thread)
    batch.run(
        "UPDATE threads SET state = ?, title = NULL, metadata = '{}' WHERE thread = ?",
        *(THREAD_PURGED, thread),
    )


def _forget(batch: Batch, unit: Sweep) -> int:
    return batch.run(
        "DELETE FROM revoked_tokens WHERE (user, token_id) IN"
        " (SELECT user, token_id FROM revoked_tokens WHERE expires_at < ? LIMIT ?)",
        *(unit.before, unit.limit),
    )
