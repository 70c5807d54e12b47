"""Checks commands: accepted ones are stored once, refused ones are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...events import EventType
from ..history import (
    Cancelled,
    Invoke,
    Ok,
    Receive,
    Record,
    Rejected,
    Responded,
    Stored,
    TailLost,
    Unknown,
)
from .anomaly import Anomaly
from .journals import ends_of

_END_OF_STATUS = {
    "completed": EventType.AGENT_COMPLETED,
    "failed": EventType.AGENT_FAILED,
    "cancelled": EventType.AGENT_CANCELLED,
}


@dataclass(slots=True)
class _Send:
    """One `client_message_id`: its answers, and its place in the journal."""

    accepted: set[tuple[int, str]] = field(default_factory=set)
    invoked: int = 0
    answered: int = 0
    rejected: int = 0
    not_before: int = 0
    found: list[Stored] = field(default_factory=list)


def judge_sends(
    user: str, history: Sequence[Record], journal: Sequence[Stored]
) -> Iterator[Anomaly]:
    """Anomalies of this user's messages."""
    sends = _said(history)
    for event in journal:
        if event.event_type == EventType.MESSAGE_CREATED:
            sends.setdefault(event.data["client_message_id"], _Send()).found.append(event)
    for key, send in sends.items():
        yield from _judge_place(user, key, send)
        yield from _judge_answer(user, key, send)


def _said(history: Sequence[Record]) -> dict[str, _Send]:
    sends: dict[str, _Send] = {}
    seen_up_to = 0
    for record in history:
        if isinstance(record, Receive):
            seen_up_to = max(seen_up_to, record.seq)
        elif isinstance(record, TailLost):
            seen_up_to = min(seen_up_to, record.after)
            for send in sends.values():
                _forget(send, record.after)
        elif isinstance(record, Invoke | Ok | Rejected | Unknown):
            send = sends.setdefault(record.key, _Send())
            if isinstance(record, Invoke):
                if not send.invoked:
                    send.not_before = seen_up_to
                send.invoked += 1
                continue
            send.answered += 1
            send.rejected += isinstance(record, Rejected)
            if isinstance(record, Ok):
                send.accepted.add((record.seq, record.run_id))
                seen_up_to = max(seen_up_to, record.seq)
    return sends


def _forget(send: _Send, after: int) -> None:
    """Messages accepted after this seq were lost with the tail, and may be stored again."""
    send.accepted = {place for place in send.accepted if place[0] <= after}
    send.not_before = min(send.not_before, after)


def _judge_place(user: str, key: str, send: _Send) -> Iterator[Anomaly]:
    seqs = [event.seq for event in send.found]
    if len(seqs) > 1:
        yield Anomaly("duplicate", user, f"message {key} is at seqs {seqs}")
    if seqs and not send.invoked:
        yield Anomaly("phantom", user, f"message {key} at seq {seqs[0]} was never sent")
    if seqs and seqs[0] < send.not_before:
        later = f"sent after somebody had seq {send.not_before}"
        yield Anomaly("disorder", user, f"message {key} is at seq {seqs[0]}, {later}")


def _judge_answer(user: str, key: str, send: _Send) -> Iterator[Anomaly]:
    seqs = [event.seq for event in send.found]
    if len(send.accepted) > 1:
        yield Anomaly("duplicate", user, f"message {key} was accepted as {sorted(send.accepted)}")
    for seq, run_id in send.accepted:
        if not any(event.seq == seq and event.run_id == run_id for event in send.found):
            yield Anomaly("lost", user, f"message {key} was accepted at seq {seq}, found at {seqs}")
    if seqs and send.invoked and send.rejected == send.answered == send.invoked:
        yield Anomaly("lie", user, f"message {key} was rejected, and is at seq {seqs[0]}")
    if send.answered < send.invoked:
        yield Anomaly("not_live", user, f"message {key} was never answered")


def judge_commands(history: Sequence[Record], journal: Sequence[Stored]) -> Iterator[Anomaly]:
    """Anomalies of cancels and answers to questions, where nothing was lost."""
    ends = ends_of(journal)
    values = {
        (event.run_id, event.data["value"]): event.seq
        for event in journal
        if event.event_type == EventType.INPUT_RECEIVED and isinstance(event.data["value"], str)
    }
    said = list(history)
    for number, record in enumerate(said):
        if isinstance(record, TailLost):
            said = said[number + 1 :]  # an earlier answer may refer to what was lost
    for record in said:
        if isinstance(record, Cancelled):
            yield from _judge_cancel(record, ends)
        elif isinstance(record, Responded):
            yield from _judge_response(record, values.get((record.run_id, record.value)))


def _judge_cancel(answer: Cancelled, ends: dict[str, str]) -> Iterator[Anomaly]:
    expected = _END_OF_STATUS.get(answer.status)
    found = ends.get(answer.run_id)
    if expected is not None and found != expected:
        where = f"a cancel found {answer.run_id} {answer.status}, it ended with {found}"
        yield Anomaly("lie", answer.user, where)


def _judge_response(answer: Responded, found: int | None) -> Iterator[Anomaly]:
    where = f"answer {answer.value} to {answer.run_id}"
    if answer.outcome == "ok" and found != answer.seq:
        what = f"{where} was accepted at seq {answer.seq}, found at {found}"
        yield Anomaly("lost" if found is None else "lie", answer.user, what)
    if answer.outcome == "rejected" and found is not None:
        yield Anomaly("lie", answer.user, f"{where} was rejected, and is at seq {found}")
