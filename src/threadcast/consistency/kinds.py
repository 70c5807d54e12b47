"""The vocabulary of consistency: operations, severities and kinds of violations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["KINDS", "OPERATION_MAX_CHARACTERS", "Severity", "TrackedOperation", "ViolationKind"]

OPERATION_MAX_CHARACTERS = 64


class TrackedOperation(StrEnum):
    """The operations that have rules; callers may record any other operation."""

    CONTEXT_CREATION = "context_creation"
    THREAD_LOOKUP = "thread_lookup"
    """The context switches to a thread, and perhaps a run, that was read for its user; these are
    its ids from here on."""
    MANAGER_CREATION = "manager_creation"
    ISOLATION_KEY = "isolation_key"
    CLEANUP_LOOKUP = "cleanup_lookup"


class Severity(StrEnum):
    """The severity of a violation, the worst first."""

    CRITICAL = "critical"
    """Cleanup would miss its manager, or one user's request became another user's."""
    HIGH = "high"
    """The thread, the run or the key changed on the way: cleanup is about to miss."""
    MEDIUM = "medium"
    """Ids claim to belong together and do not."""
    LOW = "low"
    """An older system's id, or an invalid one, was seen."""


@dataclass(frozen=True, slots=True)
class ViolationKind:
    """One kind of violation.

    Attributes:
        severity: its severity.
        says: one sentence with `{expected}` and `{got}`.
        means: its consequences, and what to do.
    """

    severity: Severity
    says: str
    means: str


KINDS: dict[str, ViolationKind] = {
    "cleanup_missed": ViolationKind(
        Severity.CRITICAL,
        "cleanup looks under {got}, but what it is to find was made under {expected}",
        "Each of these leaves one manager or connection behind, until its user is at the limit and "
        "cannot connect any more. Keep the ids that the manager was made with, or better the "
        "manager itself, and clean up with those.",
    ),
    "cleanup_would_miss": ViolationKind(
        Severity.CRITICAL,
        "a cleanup by key would look under {got}, but what it is to find was made under {expected};"
        " it was found by its identity",
        "This cleanup does not go by ids, so nothing was left behind here. Whatever else is keyed "
        "by these ids is lost: find out what changed them.",
    ),
    "cleanup_found_nothing": ViolationKind(
        Severity.CRITICAL,
        "cleanup found nothing under {got}",
        "What was made stays behind: its place is taken and is not given back. Look at who else "
        "removes entries, and at what the key is made of.",
    ),
    "user_changed": ViolationKind(
        Severity.CRITICAL,
        "the user changed from {expected} to {got}",
        "One user's request goes on as another user's. Stop this first: look at what is shared "
        "between requests.",
    ),
    "thread_changed": ViolationKind(
        Severity.HIGH,
        "the thread changed from {expected} to {got} within one request",
        "Two components made two ids for one thread. Make the ids once, where the context "
        "is created, and hand the context on.",
    ),
    "run_changed": ViolationKind(
        Severity.HIGH,
        "the run changed from {expected} to {got} within one request",
        "Events of the run go to a run that nobody waits for. Hand the context on instead of "
        "making ids again.",
    ),
    "key_changed": ViolationKind(
        Severity.HIGH,
        "the key is {got}, but the manager was made under {expected}",
        "Whoever looks with this key finds nothing. Compute the key once and keep it.",
    ),
    "connection_changed": ViolationKind(
        Severity.MEDIUM,
        "the connection changed from {expected} to {got}",
        "Closing by connection id would close another connection or none.",
    ),
    "not_one_set": ViolationKind(
        Severity.MEDIUM,
        "the ids claim to be one set and are not: {got}",
        "A thread cannot be derived from this run. Take all three ids from one call of "
        "generate_user_context_ids.",
    ),
    "legacy_id": ViolationKind(
        Severity.LOW,
        "an id of an older system was seen: {got}, expected {expected}",
        "It works for as long as an alias resolves it. Migrate the thread, and look at who still "
        "sends the old id.",
    ),
    "malformed_id": ViolationKind(
        Severity.LOW,
        "something that is no id was seen: {got}, expected {expected}",
        "Look-ups with it are refused before a query. Make ids with UnifiedIdGenerator.",
    ),
}
"""Every kind of violation, the worst first."""
