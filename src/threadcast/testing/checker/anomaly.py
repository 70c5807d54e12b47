"""What can be found in a history: one broken promise, and which."""

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
        kind: which one. `after_terminal`: an event of a run behind its end. `backwards`: a reader
            was sent back. `disagreement`: a reader saw another event at a seq than the journal
            has. `disorder`: what was sent after somebody had seen an event comes before that event.
            `lie`: something was refused, and is there, or is not what the answer said.
            `stale_read`: a reader was told of a head that is older than what somebody had seen
            before it asked. `stale_writer`: an attempt wrote after a later one had begun. The
            others say what they mean.
        user: whose journal, or whose reader.
        what: where, in words.
    """

    kind: AnomalyKind
    user: str
    what: str
