"""Bounded steps of maintenance. Every step works on at most `limit` rows and can be repeated.

Rows are removed in sets, by few statements: see `batch` for why one statement per row is expensive.
"""

from __future__ import annotations

from itertools import takewhile

from ...events import EVENT_CODE, EventType, encode_json
from ..stored_runs import THREAD_PURGED
from ..units import Committed, Outcome, Sweep
from .batch import Batch

_DELTA = EVENT_CODE[EventType.AGENT_DELTA]
_MESSAGE = EVENT_CODE[EventType.MESSAGE_CREATED]
_DELETED = EVENT_CODE[EventType.THREAD_DELETED]
# Runs and threads may have few of their journals' events; a step looks at no more of these.
_LOOK_FACTOR = 20  # of its limit
_AT_ONCE_MAX = 50  # journals that a step trims

_OF_RUN = "user = ?1 AND seq BETWEEN ?2 AND ?3 AND run = ?4 AND type = ?5"
_NEXT_OF_RUN = f"""
SELECT count(*), max(seq) FROM (SELECT seq FROM events WHERE {_OF_RUN} ORDER BY seq LIMIT ?6)
"""  # noqa: S608
_TO_TRIM = "SELECT user, trimmed FROM users WHERE trim_us < ? ORDER BY trim_us LIMIT ?"
_OLDEST = """
SELECT e.seq, e.at_us, coalesce(r.status, 9) <= 3 AND r.owner IS NOT 'external'
FROM events AS e LEFT JOIN runs AS r ON r.run = e.run
WHERE e.user = ? AND e.seq > ? ORDER BY e.seq LIMIT ?
"""
_SET_TRIMMED = "UPDATE users SET trimmed = max(trimmed, ?2), trim_us = ?3 WHERE user = ?1"
_NEXT_RUNS = """
SELECT run FROM runs WHERE thread = ?1 AND run > coalesce((
    SELECT purged_run FROM threads WHERE thread = ?1
), 0)
ORDER BY run LIMIT ?2
"""
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
    """Remove journals' oldest events; they share the step: a long one keeps no other waiting."""
    before_us = int(unit.before * 1_000_000)
    journals = batch.all(_TO_TRIM, before_us, _AT_ONCE_MAX)
    share = max(1, unit.limit // max(1, len(journals)))
    done = [_trim_journal(batch, user, trimmed, before_us, share) for user, trimmed in journals]
    is_full = len(journals) == _AT_ONCE_MAX or any(one >= share for one in done)
    return unit.limit if is_full else sum(done)


def _trim_journal(batch: Batch, user: int, trimmed: int, before_us: int, limit: int) -> int:
    """Remove a journal's oldest events, and record up to which seq and when to look again.

    It stops before the first event of a live run, because a node may retry that run; runs of other
    services are never retried here.
    """
    rows = batch.all(_OLDEST, user, trimmed, limit)
    old = list(takewhile(lambda row: row[1] < before_us and not row[2], rows))
    last_seq = old[-1][0] if old else trimmed
    if old:
        words = "SELECT run FROM events WHERE user = ? AND seq <= ? AND type = ?"
        batch.run(f"DELETE FROM message_words WHERE rowid IN ({words})", user, last_seq, _MESSAGE)  # noqa: S608
        batch.run("DELETE FROM events WHERE user = ? AND seq <= ?", user, last_seq)
    if len(old) < len(rows):
        look_us = max(before_us, rows[len(old)][1])
    else:
        look_us = before_us - 1 if len(rows) == limit else None  # there may be more
    batch.run(_SET_TRIMMED, user, last_seq, look_us)
    return max(1, len(old))


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
        gone += _purge_runs(batch, thread, room - gone)
        if gone == room:
            batch.run("UPDATE threads SET first_seq = ? WHERE thread = ?", end, thread)
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


def _purge_runs(batch: Batch, thread: int, limit: int) -> int:
    """Remove what the thread's next runs left; returns how many runs."""
    runs = [row[0] for row in batch.all(_NEXT_RUNS, thread, limit)]
    if not runs:
        return 0
    listed = encode_json(runs).decode()
    for table in ("inputs", "checkpoints", "run_aliases"):
        batch.run(f"DELETE FROM {table} WHERE run IN (SELECT value FROM json_each(?))", listed)  # noqa: S608
    batch.run("UPDATE threads SET purged_run = ? WHERE thread = ?", runs[-1], thread)
    return len(runs)


def _purge_thread(batch: Batch, thread: int) -> None:
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
