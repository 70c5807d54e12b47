"""Anomalies: the promises that a history can break."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AnomalyKind = Literal[
    "after_terminal",
    "backwards",
    "disagreement",
    "disorder",
    "duplicate",
    "foreign",
    "hole",
    "lie",
    "lost",
    "not_live",
    "phantom",
    "stale_read",
    "stale_writer",
]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One broken promise.

    Attributes:
        kind: which one. `after_terminal`: an event of a run after its end. `backwards`: a reader
            was moved back. `disagreement`: a reader saw another event at a seq than the journal
            has. `disorder`: a message sent after somebody had seen an event precedes that event.
            `lie`: something was refused but is there, or is not what the answer said. `stale_read`:
            a reader got a head older than what somebody had seen before it asked. `stale_writer`:
            an attempt wrote after a later one had begun. The others are self-explanatory.
        user: of the journal or reader.
        what: where, in words.
    """

    kind: AnomalyKind
    user: str
    what: str
