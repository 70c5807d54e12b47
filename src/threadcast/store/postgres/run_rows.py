"""Rows of runs as records, for sessions and for operators."""

from __future__ import annotations

from ..records import RunFacts, RunRow
from ..stored_runs import STATUS_OF_CODE
from .connecting import Row

_MICROSECONDS = 1_000_000

QUESTION_OPEN_S = """
extract(epoch FROM coalesce(open_until, to_timestamp(expires_at)) - clock_timestamp())::float8
"""
"""Of a row of `inputs`: for how much longer it can be answered, by the database's clock."""

# Of a fence, what is by chance is not said.
RUN_FACTS_COLUMNS = """
u.user_id, r.run_id, t.thread_id, r.agent, r.status, r.attempt, r.message_seq,
r.created_us, r.started_us, r.ended_us, r.owner, r.fence >> 16,
CASE WHEN r.owner IS NOT NULL
THEN extract(epoch FROM r.lease_until - clock_timestamp())::float8 END,
r.cancel_reason, r.on_crash, r.on_disconnect, r.handed_over
"""


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
    """A run out of a row with `RUN_FACTS_COLUMNS`."""
    user_id, *run = row[:10]
    return RunFacts(user_id, run_row(run), *row[10:])
