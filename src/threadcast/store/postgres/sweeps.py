"""Bounded steps of maintenance. Every step works on at most `limit` rows and can be repeated.

A step finds its work across users, locks it without waiting, and then works on one user at a time.
Several nodes may sweep concurrently: rows that one has locked are skipped by the others. A node
whose clock is ahead of the database's uses the database's: otherwise it would forget revocations
while other nodes still accept those tokens.
"""

from __future__ import annotations

from dataclasses import replace

from ...events import EVENT_CODE, EventType
from ..stored_runs import THREAD_PURGED
from ..units import Committed, Outcome, Sweep
from .across_users import FORGET, TO_COMPACT, TO_PURGE, TO_TRIM
from .batch import Batch

_DELTA = EVENT_CODE[EventType.AGENT_DELTA]
_DELETED = EVENT_CODE[EventType.THREAD_DELETED]

_COMPACT = """
DELETE FROM events WHERE user_key = $1 AND seq IN (
    SELECT seq FROM events
    WHERE user_key = $1 AND seq BETWEEN $2 AND $3 AND run = $4 AND type = $5
    ORDER BY seq LIMIT $6
)
"""
_COMPACTED = "UPDATE runs SET compacted = true WHERE user_key = $1 AND run = $2"

# How many of the journal's oldest events have expired, up to which seq, and when the next one was
# committed. It stops before the first event of a live run, because a node may retry that run; runs
# of other services are never retried here.
_OLD_PREFIX = """
WITH oldest AS (
    SELECT e.seq, e.at_us, e.at_us < $2 AS old,
    coalesce(r.status, 9) <= 3 AND r.owner IS DISTINCT FROM 'external' AS live
    FROM events AS e LEFT JOIN runs AS r ON r.user_key = e.user_key AND r.run = e.run
    WHERE e.user_key = $1 AND e.seq > $3 ORDER BY e.seq LIMIT $4
), stop AS (
    SELECT seq, CASE WHEN old THEN $2 ELSE at_us END AS look_us
    FROM oldest WHERE live OR NOT old ORDER BY seq LIMIT 1
)
SELECT count(*), max(o.seq), (SELECT look_us FROM stop), (SELECT count(*) FROM oldest)
FROM oldest AS o WHERE o.seq < coalesce((SELECT seq FROM stop), 9223372036854775807)
"""
_TRIM_EVENTS = "DELETE FROM events WHERE user_key = $1 AND seq <= $2"
_TRIM_MESSAGES = "DELETE FROM messages WHERE user_key = $1 AND seq <= $2"
_TRIMMED = """
UPDATE users SET trimmed = greatest(trimmed, $2), trim_us = $3 WHERE user_key = $1
"""

_PURGE_EVENTS = """
WITH gone AS (
    DELETE FROM events WHERE user_key = $1 AND seq IN (
        SELECT seq FROM events
        WHERE user_key = $1 AND seq >= $2 AND thread = $3 AND type <> $4
        ORDER BY seq LIMIT $5
    ) RETURNING seq
), unlisted AS (
    DELETE FROM messages WHERE user_key = $1 AND seq IN (SELECT seq FROM gone)
)
SELECT count(*), max(seq) FROM gone
"""
_PURGED_UP_TO = "UPDATE threads SET first_seq = $3 WHERE user_key = $1 AND thread = $2"
_RUNS_OF_THREAD = "(SELECT run FROM runs WHERE user_key = $1 AND thread = $2)"
_PURGE_INPUTS = f"DELETE FROM inputs WHERE user_key = $1 AND run IN {_RUNS_OF_THREAD}"  # noqa: S608
_PURGE_STATES = f"DELETE FROM checkpoints WHERE user_key = $1 AND run IN {_RUNS_OF_THREAD}"  # noqa: S608
_PURGE_ALIASES = "DELETE FROM thread_aliases WHERE user_key = $1 AND thread = $2"
_PURGE_RUN_ALIASES = f"DELETE FROM run_aliases WHERE user_key = $1 AND run IN {_RUNS_OF_THREAD}"  # noqa: S608
_PURGE_ALL = (_PURGE_INPUTS, _PURGE_STATES, _PURGE_ALIASES, _PURGE_RUN_ALIASES)
_PURGED = """
UPDATE threads SET state = $3, title = NULL, metadata = '{}' WHERE user_key = $1 AND thread = $2
"""


_AHEAD = "SELECT greatest(0, $1 - extract(epoch FROM clock_timestamp())::float8)"


async def sweep(batch: Batch, unit: Sweep) -> Outcome:
    """Apply one `Sweep`."""
    row = await batch.one(_AHEAD, batch.now)
    if row is None:
        raise AssertionError("a value without a row")
    unit = replace(unit, before=unit.before - row[0])
    step = {"compact": _compact, "trim": _trim, "purge": _purge, "forget": _forget}[unit.what]
    return Committed(await step(batch, unit))


def _before_us(unit: Sweep) -> int:
    return int(unit.before * 1_000_000)


async def _compact(batch: Batch, unit: Sweep) -> int:
    """Remove deltas of ended runs; a finished run counts as one row."""
    done = 0
    for user, run, first, last in await batch.all(TO_COMPACT, _before_us(unit), unit.limit):
        room = unit.limit - done
        if room <= 0:
            break
        gone = await batch.run(_COMPACT, user, first, last, run, _DELTA, room)
        if gone < room:
            await batch.run(_COMPACTED, user, run)
            gone += 1
        done += gone
    return done


async def _trim(batch: Batch, unit: Sweep) -> int:
    """Remove the oldest events of journals, and record up to which seq."""
    done = 0
    before_us = _before_us(unit)
    for user, trimmed in await batch.all(TO_TRIM, before_us, unit.limit):
        room = unit.limit - done
        if room <= 0:
            break
        row = await batch.one(_OLD_PREFIX, user, before_us, trimmed, room)
        if row is None:
            raise AssertionError("an aggregate without a row")
        count, last, look_us, seen = row
        if count:
            await batch.run(_TRIM_EVENTS, user, last)
            await batch.run(_TRIM_MESSAGES, user, last)
        if look_us is None and seen == room:
            look_us = before_us - 1  # there may be more to remove
        await batch.run(_TRIMMED, user, last or 0, look_us)
        done += count
    return done


async def _purge(batch: Batch, unit: Sweep) -> int:
    """Remove deleted threads' events, words, questions and checkpoints; ids and keys stay."""
    done = 0
    for user, thread, first in await batch.all(TO_PURGE, _before_us(unit), unit.limit):
        room = unit.limit - done
        if room <= 0:
            break
        row = await batch.one(_PURGE_EVENTS, user, first, thread, _DELETED, room)
        if row is None:
            raise AssertionError("an aggregate without a row")
        gone, last = row
        if gone == room:
            await batch.run(_PURGED_UP_TO, user, thread, last)
        else:
            for statement in _PURGE_ALL:
                await batch.run(statement, user, thread)
            await batch.run(_PURGED, user, thread, THREAD_PURGED)
            gone += 1
        done += gone
    return done


async def _forget(batch: Batch, unit: Sweep) -> int:
    return await batch.run(FORGET, unit.before, unit.limit)
