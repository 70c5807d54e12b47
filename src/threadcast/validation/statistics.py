"""Statistics of id validation: counts by kind and location, a rate, and the last examples.

Bounded, whatever clients send: kinds and places are closed sets, examples are a ring buffer, and
their texts are already masked. Pure; the caller passes the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .examination import Violation, ViolationKind
from .id_locations import IdLocation

__all__ = ["EXAMPLES_MAX", "Example", "ValidationStatistics"]

EXAMPLES_MAX = 20
"""How many of the latest examples are kept."""


@dataclass(frozen=True, slots=True)
class Example:
    """A violation and its time, in seconds since the epoch."""

    at: float
    violation: Violation


class ValidationStatistics:
    """Counts requests and their violations.

    Args:
        on_violation: is called for each violation; must not raise.

    Attributes:
        requests: how many were examined; the caller counts.
        violating: how many of them had a violation; an accepted legacy id is none.
        refused: how many of them were refused.
        examples: the latest violations, oldest first.
    """

    def __init__(
        self,
        on_violation: Callable[[Violation], None] | None = None,
    ) -> None:
        self.requests = 0
        self.violating = 0
        self.refused = 0
        self.examples: deque[Example] = deque(maxlen=EXAMPLES_MAX)
        self._counts: dict[tuple[ViolationKind, IdLocation], int] = {}
        self._on_violation = on_violation

    @property
    def violation_rate(self) -> float:
        """The share of examined requests that had a violation, 0..1."""
        return self.violating / self.requests if self.requests else 0.0

    def violations(self) -> dict[tuple[ViolationKind, IdLocation], int]:
        """How many violations came, by kind and location; a copy."""
        return dict(self._counts)

    def count_violations(
        self, violations: Sequence[Violation], *, now: float, violating: bool, refused: bool
    ) -> None:
        """Count the violations of one request.

        Args:
            violations: at least one.
            now: seconds since the epoch.
            violating: whether it had more than legacy ids that are let pass.
            refused: whether it was refused.
        """
        self.violating += violating
        self.refused += refused
        for violation in violations:
            spot = violation.kind, violation.location
            self._counts[spot] = self._counts.get(spot, 0) + 1
            self.examples.append(Example(now, violation))
            if self._on_violation is not None:
                self._on_violation(violation)
