"""Bounded steps of maintenance. Every step works on at most `limit` rows and can be repeated.

A step is one statement, however many users it concerns. Several nodes may sweep concurrently: rows
that one has locked are skipped by the others. A node whose clock is ahead of the database's uses
the database's: otherwise it would forget revocations while other nodes still accept those tokens.
"""

from __future__ import annotations

from typing import Any

from ...events import EVENT_CODE, EventType
from ..stored_runs import THREAD_PURGED
from ..units import Committed, Outcome, Sweep
from .across_users import COMPACT, FORGET, PURGE, TRIM
from .batch import Batch

_DELTA = EVENT_CODE[EventType.AGENT_DELTA]
_DELETED = EVENT_CODE[EventType.THREAD_DELETED]

_AHEAD = "SELECT greatest(0, $1 - extract(epoch FROM clock_timestamp())::float8)"


async def sweep(batch: Batch, unit: Sweep) -> Outcome:
    """Apply one `Sweep`."""
    before = unit.before - await _value(batch, _AHEAD, batch.now)
    before_us = int(before * 1_000_000)
    match unit.what:
        case "compact":
            done = await _value(batch, COMPACT, before_us, unit.limit, _DELTA)
        case "trim":
            done = await _value(batch, TRIM, before_us, unit.limit)
        case "purge":
            kinds = (_DELETED, THREAD_PURGED)
            done = await _value(batch, PURGE, before_us, unit.limit, *kinds)
        case "forget":
            done = await batch.run(FORGET, before, unit.limit)
    return Committed(done)


async def _value(batch: Batch, sql: str, *arguments: Any) -> Any:
    row = await batch.one(sql, *arguments)
    if row is None:
        raise AssertionError("a value without a row")
    return row[0]
