"""Checks streamed deltas against what agents recorded.

Each execution of an agent records its pieces before it emits them. Between two `agent_started` of a
run the journal must hold a prefix of exactly one execution's output, in order and without gaps; all
of it if the run completed. Pieces of an earlier execution after a later `agent_started` were
written under an old fence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...events import EventType
from ..history import Begun, Emitted, Record, Stored, TailLost
from .anomaly import Anomaly


@dataclass(slots=True)
class _Run:
    """The recorded executions of one run.

    Attributes:
        attempts: of each execution.
        counts: how many pieces each execution emitted.
        places: the execution that emitted a piece, and its index, from 0.
    """

    attempts: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)


def judge_writers(
    user: str, history: Sequence[Record], journal: Sequence[Stored]
) -> Iterator[Anomaly]:
    """Anomalies of runs with records.

    Attempts that a lost tail cut, or may have cut, are skipped.
    """
    lost_after = max([one.after for one in history if isinstance(one, TailLost)], default=0)
    attempts = _attempts(journal)
    for run_id, run in _runs(history).items():
        for events in attempts.get(run_id, ()):
            if events[0].seq > lost_after:
                yield from _judge_attempt(user, events, run)


def _runs(history: Sequence[Record]) -> dict[str, _Run]:
    runs: dict[str, _Run] = {}
    for record in history:
        if isinstance(record, Begun | Emitted):
            run = runs.setdefault(record.run_id, _Run())
            count = run.counts.setdefault(record.writer, 0)
            if isinstance(record, Begun):
                run.attempts[record.writer] = record.attempt
            else:
                run.places[record.text] = record.writer, count
                run.counts[record.writer] += 1
    return runs


def _attempts(journal: Sequence[Stored]) -> dict[str, list[list[Stored]]]:
    """Each run's events from each `agent_started` to the next."""
    runs: dict[str, list[list[Stored]]] = {}
    for event in journal:
        if event.run_id is None:
            continue
        if event.event_type == EventType.AGENT_STARTED:
            runs.setdefault(event.run_id, []).append([])
        if event.run_id in runs:
            runs[event.run_id][-1].append(event)
    return runs


def _judge_attempt(user: str, events: Sequence[Stored], run: _Run) -> Iterator[Anomaly]:
    attempt = events[0].data["attempt"]
    current, at = "", 0
    for event in events:
        where = f"attempt {attempt} of {event.run_id}, seq {event.seq}"
        if event.event_type == EventType.AGENT_COMPLETED and at < run.counts.get(current, at):
            text = f"completed with {at} of {run.counts[current]} pieces"
            yield Anomaly("lost", user, f"{where}: {text}")
        if event.event_type != EventType.AGENT_DELTA:
            continue
        writer, number = run.places.get(event.data["text"], ("", 0))
        if not writer:
            yield Anomaly("phantom", user, f"{where}: nobody emitted {event.data['text']!r}")
        elif run.attempts.get(writer) != attempt or (current and writer != current):
            yield Anomaly("stale_writer", user, f"{where}: {writer} is not its writer")
        else:
            current = writer
            yield from _judge_place(user, where, number, at)
            at = max(at, number + 1)


def _judge_place(user: str, where: str, number: int, at: int) -> Iterator[Anomaly]:
    if number == at - 1:
        yield Anomaly("duplicate", user, f"{where}: piece {number} comes again")
    elif number < at:
        yield Anomaly("disorder", user, f"{where}: piece {number} comes after piece {at - 1}")
    elif number > at:
        yield Anomaly("lost", user, f"{where}: piece {number} where piece {at} was to come")
