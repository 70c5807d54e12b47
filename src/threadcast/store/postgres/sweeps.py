"""Bounded steps of maintenance. Every step works on at most `limit` rows and can be repeated.

A step is one statement, however many users it concerns. One node sweeps at a time, because
deletions by two could lock rows in different orders; the others find nothing to do. A node whose
clock is ahead of the database's uses the database's: otherwise it would forget revocations while
other nodes still accept those tokens.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from ...events import EVENT_CODE, EventType
from ..stored_runs import THREAD_PURGED
from ..units import Committed, Outcome, Sweep
from .across_users import COMPACT, FORGET, PURGE, TRIM
from .batch import Batch
from .connecting import Row

_DELTA = EVENT_CODE[EventType.AGENT_DELTA]
_DELETED = EVENT_CODE[EventType.THREAD_DELETED]

_BEGIN = """
SELECT greatest(0, $1 - extract(epoch FROM clock_timestamp())::float8),
pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' is swept', 0))
"""


async def sweep(batch: Batch, unit: Sweep) -> Outcome:
    """Apply one `Sweep`."""
    ahead_s, is_alone = await _row(batch, _BEGIN, batch.now)
    if not is_alone:
        return Committed(0)
    before = unit.before - ceil(ahead_s)  # the same from step to step, whatever the latency
    before_us = int(before * 1_000_000)
    match unit.what:
        case "compact":
            (done,) = await _row(batch, COMPACT, before_us, unit.limit, _DELTA)
        case "trim":
            (done,) = await _row(batch, TRIM, before_us, unit.limit)
        case "purge":
            kinds = (_DELETED, THREAD_PURGED)
            (done,) = await _row(batch, PURGE, before_us, unit.limit, *kinds)
        case "forget":
            done = await batch.run(FORGET, before, unit.limit)
    return Committed(done)


async def _row(batch: Batch, sql: str, *arguments: Any) -> Row:
    row = await batch.one(sql, *arguments)
    if row is None:
        raise AssertionError("values without a row")
    return row
