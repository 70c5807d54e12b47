"""Rows of runs as records, for sessions and for operators."""

from __future__ import annotations

from ..records import RunFacts, RunRow
from .connecting import Row
from .keys import STATUS_OF_CODE

_MICROSECONDS = 1_000_000


def run_row(row: Row) -> RunRow:
    """A run out of a row of `statements.RUN`."""
    run_id, thread_id, agent, status, attempt, message_seq, created, started, ended = row
    return RunRow(
        *(run_id, thread_id, agent, STATUS_OF_CODE[status], attempt, message_seq),
        created_at=created / _MICROSECONDS,
        started_at=None if started is None else started / _MICROSECONDS,
        ended_at=None if ended is None else ended / _MICROSECONDS,
    )


def run_facts(row: Row) -> RunFacts:
    """A run out of a row with `statements.RUN_FACTS_COLUMNS`."""
    user_id, *run = row[:10]
    return RunFacts(user_id, run_row(run), *row[10:])
