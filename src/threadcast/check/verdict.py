"""What a check finds: one verdict for each promise. Plain values; nothing here touches a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_FAULTS_MAX = 5
_FAULT_MAX_CHARACTERS = 500


class Outcome(StrEnum):
    """The outcome for one promise.

    `not shown`: the deployment's agent never did what the promise is about. `not run`: the check
    could not test it. Neither is a pass.
    """

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "FAIL"
    NOT_SHOWN = "not shown"
    NOT_RUN = "not run"


class Broken(Exception):
    """The deployment did not do what a promise says; the message says what it did instead."""


class NotTried(Exception):
    """A promise cannot be tested here; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding about one promise.

    Attributes:
        outcome: whether it holds.
        measured: the figures, in words.
        faults: what was wrong; or why nothing was tested or shown.
    """

    outcome: Outcome
    measured: str = ""
    faults: tuple[str, ...] = ()

    @classmethod
    def judged(cls, measured: str, faults: Sequence[str]) -> Finding:
        """A pass without faults; the first five faults are kept, and the number of the others.

        Faults are cut to 500 characters, because they may quote the server.
        """
        if not faults:
            return cls(Outcome.PASS, measured)
        kept = [shortened(fault) for fault in faults[:_FAULTS_MAX]]
        if len(faults) > _FAULTS_MAX:
            kept.append(f"and {len(faults) - _FAULTS_MAX} more")
        return cls(Outcome.FAIL, measured, tuple(kept))


def shortened(text: str) -> str:
    """At most 500 characters of a text that may quote the server."""
    if len(text) <= _FAULT_MAX_CHARACTERS:
        return text
    return f"{text[: _FAULT_MAX_CHARACTERS - 1]}…"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise after it was tried.

    Attributes:
        name: the promise's, as for `--only`.
        promise: what is promised, in one sentence.
        bar: what it is measured against.
        finding: what was found out.
        took_s: seconds.
    """

    name: str
    promise: str
    bar: str
    finding: Finding
    took_s: float

    @property
    def outcome(self) -> Outcome:
        """Whether the promise holds."""
        return self.finding.outcome


@dataclass(frozen=True, slots=True)
class Report:
    """A whole check.

    Attributes:
        url: the deployment's.
        users: whose the two credentials are.
        started_at: seconds since the epoch.
        took_s: seconds.
        verdicts: one for each promise that was chosen, in the order of the plan.
        timed_out: whether the time was up before all was tried.
        left_behind: threads that were made and could not be deleted.
        gone: whether the server went away before all was tried.
    """

    url: str
    users: tuple[str, str]
    started_at: float
    took_s: float
    verdicts: tuple[Verdict, ...]
    timed_out: bool = False
    left_behind: tuple[str, ...] = ()
    gone: bool = False

    def having(self, outcome: Outcome) -> list[Verdict]:
        """The verdicts with this outcome."""
        return [verdict for verdict in self.verdicts if verdict.outcome is outcome]

    @property
    def holds(self) -> bool:
        """Whether no promise is broken, and the check could finish."""
        return not self.having(Outcome.FAIL) and not self.timed_out and not self.gone


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed; 0.0 without values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
