"""Checks a journal by itself: dense seqs, one end per run, attempts in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...events import TERMINAL_EVENTS, EventType
from ..history import Stored
from .anomaly import Anomaly

TERMINAL = frozenset(kind.value for kind in TERMINAL_EVENTS)


def judge_journal(user: str, journal: Sequence[Stored]) -> Iterator[Anomaly]:
    """Gaps, repetitions, and faults of runs."""
    last = 0
    for event in journal:
        if event.seq <= last:
            yield Anomaly("duplicate", user, f"the journal has seq {event.seq} behind {last}")
        elif event.seq > last + 1:
            yield Anomaly("hole", user, f"the journal has seq {event.seq} behind {last}")
        last = max(last, event.seq)
    runs: dict[str, list[Stored]] = {}
    for event in journal:
        if event.run_id is not None:
            runs.setdefault(event.run_id, []).append(event)
    for run_id, events in runs.items():
        yield from _judge_end(user, run_id, events)
        yield from _judge_attempts(user, run_id, events)


def _judge_end(user: str, run_id: str, events: Sequence[Stored]) -> Iterator[Anomaly]:
    ended = [event.seq for event in events if event.event_type in TERMINAL][:1]
    if not ended:
        yield Anomaly("not_live", user, f"{run_id}, begun at seq {events[0].seq}, never ended")
        return
    for event in events:
        if event.seq > ended[0]:
            where = f"{event.event_type} at seq {event.seq}, {run_id} ended at {ended[0]}"
            yield Anomaly("after_terminal", user, where)


def _judge_attempts(user: str, run_id: str, events: Sequence[Stored]) -> Iterator[Anomaly]:
    last = 0
    for event in events:
        if event.event_type != EventType.AGENT_STARTED:
            continue
        attempt = int(event.data["attempt"])
        if attempt <= last:
            where = f"attempt {attempt} of {run_id} at seq {event.seq}"
            yield Anomaly("stale_writer", user, f"{where}, after {last}")
        last = max(attempt, last)


def ends_of(journal: Sequence[Stored]) -> dict[str, str]:
    """How each run ended: its terminal event's type."""
    ends: dict[str, str] = {}
    for event in journal:
        if event.run_id is not None and event.event_type in TERMINAL:
            ends.setdefault(event.run_id, event.event_type)
    return ends
