"""What a reader has of a stretch of the journal, so that two readers can be compared. Pure.

A server may join streamed text on its way to a reader who was slow or away, so events are not
compared one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..events import Event, EventType


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader has of a stretch of the journal, however it was joined on the way.

    Attributes:
        seqs: all that it was given, merged events taken apart.
        others: each event but the streamed text, by seq.
        texts: the streamed text of each run.
    """

    seqs: tuple[int, ...]
    others: dict[int, tuple[object, ...]]
    texts: dict[str | None, str]


def reading_of(events: Sequence[Event], *, up_to: int, after: int = 0) -> Reading:
    """The reading of these events, without what is outside of the stretch."""
    seqs: list[int] = []
    others: dict[int, tuple[object, ...]] = {}
    texts: dict[str | None, str] = {}
    for event in events:
        seq = event.seq or 0
        if not after < seq <= up_to:
            continue
        seqs += range(event.first_seq or seq, seq + 1)
        if event.event_type == EventType.AGENT_DELTA:
            text = str(event.data.get("text", ""))
            texts[event.run_id] = texts.get(event.run_id, "") + text
        else:
            others[seq] = (event.event_type, event.run_id, repr(event.data))
    return Reading(tuple(seqs), others, texts)
