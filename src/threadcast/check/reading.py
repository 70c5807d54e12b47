"""What a reader received of a range of the journal, in a comparable form. Pure.

A server may merge deltas for a reader that was slow or away, so events are not compared one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..events import Event, EventType


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader received of a range of the journal, however deltas were merged.

    Attributes:
        seqs: all received seqs, with merged events expanded.
        others: all events except deltas, by seq.
        texts: the streamed text of each run.
    """

    seqs: tuple[int, ...]
    others: dict[int, tuple[object, ...]]
    texts: dict[str | None, str]


def reading_of(events: Sequence[Event], *, up_to: int, after: int = 0) -> Reading:
    """The reading of these events within the range."""
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
