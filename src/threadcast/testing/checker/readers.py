"""Checks readers: everything once, in order, equal to the journal, and never a stale head."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..history import Asked, Attach, Left, Ok, Receive, Record, Stored, TailLost
from .anomaly import Anomaly


@dataclass(slots=True)
class _Reader:
    """The state of one reader since it was attached.

    Attributes:
        known: the last seq that anybody had seen when it last asked to attach.
        lost: whether it has events that a lost tail removed, and was not reset yet.
    """

    name: str
    position: int = 0
    seen: set[int] = field(default_factory=set)
    known: int = 0
    lost: bool = False
    has_left: bool = False


def judge_readers(
    user: str, history: Sequence[Record], journal: Sequence[Stored]
) -> Iterator[Anomaly]:
    """Anomalies of this user's readers."""
    truth = {event.seq: event for event in journal}
    losses = [(n, one.after) for n, one in enumerate(history) if isinstance(one, TailLost)]
    readers: dict[str, _Reader] = {}
    known = 0
    for number, record in enumerate(history):
        if isinstance(record, TailLost):
            known = min(known, record.after)
            for one in readers.values():
                _lose_tail(one, record.after)
        elif isinstance(record, Ok):
            known = max(known, record.seq)
        elif isinstance(record, Asked):
            _reader(readers, record.reader).known = known
        elif isinstance(record, Left):
            _reader(readers, record.reader).has_left = True
        elif isinstance(record, Attach):
            yield from _judge_attach(_reader(readers, record.reader), record)
        elif isinstance(record, Receive):
            yield from _judge_receive(_reader(readers, record.reader), record)
            kept_to = min([after for n, after in losses if n > number], default=record.seq)
            if record.seq <= kept_to:
                yield from _judge_content(record, truth)
            known = max(known, record.seq)
    yield from _judge_rest(user, readers.values(), max(truth, default=0))


def _reader(readers: dict[str, _Reader], name: str) -> _Reader:
    return readers.setdefault(name, _Reader(name))


def _lose_tail(reader: _Reader, after: int) -> None:
    reader.known = min(reader.known, after)
    reader.lost = reader.lost or reader.position > after


def _judge_rest(user: str, readers: Iterable[_Reader], head: int) -> Iterator[Anomaly]:
    for reader in readers:
        if not reader.has_left and (reader.position < head or reader.lost):
            where = f"reader {reader.name} is at {reader.position}, the head is {head}"
            yield Anomaly("not_live", user, where)


def _judge_attach(reader: _Reader, attach: Attach) -> Iterator[Anomaly]:
    where = f"reader {reader.name} wanted {attach.wanted}, was attached at {attach.after}"
    if not attach.reset and attach.wanted is not None and attach.after != attach.wanted:
        yield Anomaly("hole" if attach.after > attach.wanted else "backwards", attach.user, where)
    if attach.head is not None and attach.head < reader.known:
        what = f"{where} with head {attach.head}, {reader.known} had been seen"
        yield Anomaly("stale_read", attach.user, what)
    if reader.lost and not attach.reset:
        yield Anomaly("disagreement", attach.user, f"{where}, in a tail that was lost")
    reader.lost = False
    reader.known = 0
    reader.position = attach.after
    reader.seen.clear()


def _judge_receive(reader: _Reader, got: Receive) -> Iterator[Anomaly]:
    first = got.seq if got.first_seq is None else got.first_seq
    where = f"reader {reader.name} at {reader.position} received seq {got.seq}"
    if got.owner != got.user:
        yield Anomaly("foreign", got.user, f"{where} of another user")
        return
    if reader.lost:
        yield Anomaly("disagreement", got.user, f"{where}, and was not told of the lost tail")
        reader.lost = False
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
    """The data of one event, or of several merged deltas."""
    if len(parts) == 1:
        return parts[0].data
    return {"text": "".join([str(event.data.get("text")) for event in parts])}
