"""Checks a recorded history: was anything lost, invented, duplicated, skipped, reordered, leaked?

A pure function over the records of `history`. It assumes that the history is complete, that it ends
after the last fault healed, that every `Stored` line of a user is there, and that retention and
compaction removed nothing meanwhile. The number of nodes does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..history import Record, Stored
from .anomaly import Anomaly, AnomalyKind
from .journals import judge_journal
from .readers import judge_readers
from .sends import judge_commands, judge_sends
from .writers import judge_writers

__all__ = ["Anomaly", "AnomalyKind", "check"]


def check(history: Sequence[Record]) -> list[Anomaly]:
    """Every anomaly of a history, user by user; empty when all promises held."""
    of_users: dict[str, list[Record]] = {}
    for record in history:
        of_users.setdefault(record.user, []).append(record)
    anomalies: list[Anomaly] = []
    for user, records in sorted(of_users.items()):
        journal = [record for record in records if isinstance(record, Stored)]
        anomalies += judge_journal(user, journal)
        anomalies += judge_writers(user, records, journal)
        anomalies += judge_sends(user, records, journal)
        anomalies += judge_commands(records, journal)
        anomalies += judge_readers(user, records, journal)
    return anomalies
