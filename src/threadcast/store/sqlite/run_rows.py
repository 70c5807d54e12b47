"""Rows of runs as records, for sessions and for operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..records import RunFacts, RunRow
from ..stored_runs import STATUS_OF_CODE

_MICROSECONDS = 1_000_000
_LEASE_UNTIL = 12  # in `statements.RUN_FACTS_COLUMNS`

_decode = msgspec.json.Decoder(list[list[Any]]).decode


def run_row(row: Sequence[Any]) -> RunRow:
    """A run out of a row of `statements.RUN`."""
    run_id, thread_id, agent, status, attempt, message_seq, created, started, ended = row
    return RunRow(
        *(run_id, thread_id, agent, STATUS_OF_CODE[status], attempt, message_seq),
        created_at=created / _MICROSECONDS,
        started_at=None if started is None else started / _MICROSECONDS,
        ended_at=None if ended is None else ended / _MICROSECONDS,
    )


def runs_facts(text: str, now: float) -> list[RunFacts]:
    """Runs out of a JSON list of `statements.RUN_FACTS_COLUMNS`; `now` is the store's time."""
    return [_run_facts(row, now) for row in _decode(text)]


def _run_facts(row: list[Any], now: float) -> RunFacts:
    lease_until = row[_LEASE_UNTIL]
    row[_LEASE_UNTIL] = None if lease_until is None else lease_until - now
    user_id, *run = row[:10]
    return RunFacts(user_id, run_row(run), *row[10:])
