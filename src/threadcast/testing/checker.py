"""Judges a recorded history: was anything lost, invented, doubled, skipped, reordered, leaked?

A pure function over the records of `history`. What it takes for granted: the history is complete,
it ends after the last fault healed, every `Stored` line of a user is there, and retention and
compaction removed nothing meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..events import TERMINAL_EVENTS, EventType
from .history import Attach, Invoke, Left, Ok, Receive, Record, Rejected, Stored, Unknown

AnomalyKind = Literal[
    "after_terminal",
    "backwards",
    "disagreement",
    "disorder",
    "duplicate",
    "foreign",
    "hole",
    "lost",
    "not_live",
    "phantom",
    "stale_writer",
]

_TERMINAL = frozenset(kind.value for kind in TERMINAL_EVENTS)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One broken promise.

    Attributes:
        kind: which one. `after_terminal`: an event of a run behind its end. `backwards`: a reader
            was sent back. `disagreement`: a reader saw another event at a seq than the journal
            has. `disorder`: a message that was sent after another's acceptance comes before it.
            `stale_writer`: an attempt wrote after a later one had begun. The others say what they
            mean.
        user: whose journal, or whose reader.
        what: where, in words.
    """

    kind: AnomalyKind
    user: str
    what: str


def check(history: Sequence[Record]) -> list[Anomaly]:
    """Every anomaly of a history, those of the journals first; empty when all promises held."""
    users = sorted({record.user for record in history})
    stored: dict[str, list[Stored]] = {user: [] for user in users}
    for record in history:
        if isinstance(record, Stored):
            stored[record.user].append(record)
    anomalies: list[Anomaly] = []
    for user in users:
        of_user = [record for record in history if record.user == user]
        anomalies += _judge_journal(user, stored[user])
        anomalies += _judge_sends(user, of_user, stored[user])
        anomalies += _judge_readers(user, of_user, stored[user])
    return anomalies


# --- the journal itself ------------------------------------------------------------------------


def _judge_journal(user: str, journal: Sequence[Stored]) -> Iterator[Anomaly]:
    last = 0
    for event in journal:
        if event.seq <= last:
            yield Anomaly("duplicate", user, f"the journal has seq {event.seq} behind {last}")
        elif event.seq > last + 1:
            yield Anomaly("hole", user, f"the journal has seq {event.seq} behind {last}")
        last = max(last, event.seq)
    yield from _judge_runs(user, journal)


def _judge_runs(user: str, journal: Sequence[Stored]) -> Iterator[Anomaly]:
    ended: dict[str, int] = {}
    begun: dict[str, int] = {}
    attempts: dict[str, int] = {}
    for event in journal:
        run_id = event.run_id
        if run_id is None:
            continue
        begun.setdefault(run_id, event.seq)
        if run_id in ended:
            where = f"{event.event_type} at seq {event.seq}, {run_id} ended at {ended[run_id]}"
            yield Anomaly("after_terminal", user, where)
        if event.event_type in _TERMINAL:
            ended.setdefault(run_id, event.seq)
        if event.event_type == EventType.AGENT_STARTED:
            attempt = int(event.data["attempt"])
            if attempt <= attempts.get(run_id, 0):
                where = f"attempt {attempt} of {run_id} at seq {event.seq}"
                yield Anomaly("stale_writer", user, f"{where}, after {attempts[run_id]}")
            attempts[run_id] = max(attempt, attempts.get(run_id, 0))
    for run_id in begun.keys() - ended.keys():
        yield Anomaly("not_live", user, f"{run_id}, begun at seq {begun[run_id]}, never ended")


# --- what was sent -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Send:
    """One `client_message_id`: what was said of it, and where the journal has it."""

    accepted: set[tuple[int, str]] = field(default_factory=set)
    invoked: int = 0
    answered: int = 0
    rejected: int = 0
    not_before: int = 0
    found: list[Stored] = field(default_factory=list)


def _judge_sends(
    user: str, history: Sequence[Record], journal: Sequence[Stored]
) -> Iterator[Anomaly]:
    sends: dict[str, _Send] = {}
    accepted_up_to = 0
    for record in history:
        if isinstance(record, Invoke | Ok | Rejected | Unknown):
            send = sends.setdefault(record.key, _Send())
            if isinstance(record, Invoke):
                if not send.invoked:
                    send.not_before = accepted_up_to
                send.invoked += 1
                continue
            send.answered += 1
            send.rejected += isinstance(record, Rejected)
            if isinstance(record, Ok):
                send.accepted.add((record.seq, record.run_id))
                accepted_up_to = max(accepted_up_to, record.seq)
    for event in journal:
        if event.event_type == EventType.MESSAGE_CREATED:
            sends.setdefault(event.data["client_message_id"], _Send()).found.append(event)
    for key, send in sends.items():
        yield from _judge_send(user, key, send)


def _judge_send(user: str, key: str, send: _Send) -> Iterator[Anomaly]:
    seqs = [event.seq for event in send.found]
    if len(seqs) > 1:
        yield Anomaly("duplicate", user, f"message {key} is at seqs {seqs}")
    if len(send.accepted) > 1:
        yield Anomaly("duplicate", user, f"message {key} was accepted as {sorted(send.accepted)}")
    for seq, run_id in send.accepted:
        if not any(event.seq == seq and event.run_id == run_id for event in send.found):
            yield Anomaly("lost", user, f"message {key} was accepted at seq {seq}, found at {seqs}")
    if seqs and not send.invoked:
        yield Anomaly("phantom", user, f"message {key} at seq {seqs[0]} was never sent")
    if seqs and send.invoked and send.rejected == send.answered == send.invoked:
        yield Anomaly("phantom", user, f"message {key} was rejected, and is at seq {seqs[0]}")
    if seqs and seqs[0] < send.not_before:
        later = f"sent after seq {send.not_before} was accepted"
        yield Anomaly("disorder", user, f"message {key} is at seq {seqs[0]}, {later}")
    if send.answered < send.invoked:
        yield Anomaly("not_live", user, f"message {key} was never answered")


# --- who read what -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Reader:
    """Where one reader is, and what it had since it was attached."""

    name: str
    position: int = 0
    seen: set[int] = field(default_factory=set)
    has_left: bool = False


def _judge_readers(
    user: str, history: Sequence[Record], journal: Sequence[Stored]
) -> Iterator[Anomaly]:
    readers: dict[str, _Reader] = {}
    truth = {event.seq: event for event in journal}
    for record in history:
        if not isinstance(record, Attach | Receive | Left):
            continue
        reader = readers.setdefault(record.reader, _Reader(record.reader))
        if isinstance(record, Attach):
            yield from _judge_attach(reader, record)
        elif isinstance(record, Receive):
            yield from _judge_receive(reader, record)
            yield from _judge_content(record, truth)
        else:
            reader.has_left = True
    head = max(truth, default=0)
    for reader in readers.values():
        if not reader.has_left and reader.position < head:
            where = f"reader {reader.name} is at {reader.position}, the head is {head}"
            yield Anomaly("not_live", user, where)


def _judge_attach(reader: _Reader, attach: Attach) -> Iterator[Anomaly]:
    if not attach.reset and attach.wanted is not None and attach.after != attach.wanted:
        where = f"reader {reader.name} wanted {attach.wanted}, was attached at {attach.after}"
        yield Anomaly("hole" if attach.after > attach.wanted else "backwards", attach.user, where)
    reader.position = attach.after
    reader.seen.clear()


def _judge_receive(reader: _Reader, got: Receive) -> Iterator[Anomaly]:
    first = got.seq if got.first_seq is None else got.first_seq
    where = f"reader {reader.name} at {reader.position} received seq {got.seq}"
    if got.owner != got.user:
        yield Anomaly("foreign", got.user, f"{where} of another user")
        return
    if got.seq in reader.seen:
        yield Anomaly("duplicate", got.user, where)
    elif first <= reader.position:
        yield Anomaly("backwards", got.user, where)
    elif first > reader.position + 1:
        yield Anomaly("hole", got.user, where)
    reader.seen.update(range(first, got.seq + 1))
    reader.position = max(reader.position, got.seq)


def _judge_content(got: Receive, truth: dict[int, Stored]) -> Iterator[Anomaly]:
    first = got.seq if got.first_seq is None else got.first_seq
    events = [truth.get(seq) for seq in range(first, got.seq + 1)]
    parts = [event for event in events if event is not None]
    where = f"reader {got.reader} received {got.event_type} at seq {got.seq}"
    if len(parts) < len(events) or not parts:
        yield Anomaly("phantom", got.user, f"{where}, the journal has no such event")
        return
    kinds = {(event.event_type, event.run_id) for event in parts}
    if kinds != {(got.event_type, got.run_id)} or _joined(parts) != got.data:
        yield Anomaly("disagreement", got.user, f"{where}, the journal has another one there")


def _joined(parts: Sequence[Stored]) -> dict[str, Any]:
    """The data of one event, or of several deltas that travel as one."""
    if len(parts) == 1:
        return parts[0].data
    return {"text": "".join([str(event.data.get("text")) for event in parts])}
