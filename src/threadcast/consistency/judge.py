"""Finds the violations of one snapshot, given the earlier ones of its trace. Pure.

It compares raw ids and keys and may not know how they are stored or shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..context import ThreadOrigin
from ..ids import id_kind, validate_cross_component_id_compatibility
from ..ids.legacy import legacy_kind
from .kinds import TrackedOperation

__all__ = ["Before", "Finding", "Key", "Seen", "SeenIds", "judge"]

Key = str | tuple[str, ...]
"""A lookup key: a tuple of ids, as ours, or a text composed of them, as in other systems."""

_KINDS_OF_IDS = {
    "thread_id": "thread",
    "run_id": "run",
    "request_id": "request",
    "connection_id": "ws_conn",
}
_MAY_CHANGE_THREAD = (TrackedOperation.THREAD_LOOKUP, TrackedOperation.CLEANUP_LOOKUP)


class SeenIds(NamedTuple):
    """The ids at one moment; None if unknown.

    Attributes:
        thread_origin: `set` if they claim to be one set, as in a context.
        is_checked: whether they come from a context, which holds only valid ids.
    """

    user_id: str | None
    thread_id: str | None
    run_id: str | None
    request_id: str | None
    connection_id: str | None
    thread_origin: ThreadOrigin
    is_checked: bool


class Seen(NamedTuple):
    """One snapshot; `number` counts from 1 in its trace, `at` is in seconds since the epoch."""

    number: int
    operation: str
    at: float
    ids: SeenIds
    key: Key | None
    found: bool | None

    @property
    def effective_key(self) -> Key:
        """The given key, else the isolation key of the ids."""
        if self.key is not None:
            return self.key
        ids = self.ids
        return (ids.user_id or "", ids.thread_id or "", ids.run_id or "")


class Before(NamedTuple):
    """The state of a trace before its next snapshot.

    Attributes:
        known: the latest value of each id.
        made: the snapshot that a cleanup has to match: the manager's creation, else the choice of
            ids.
        is_clean: whether a cleanup has found it.
    """

    known: SeenIds | None = None
    made: Seen | None = None
    is_clean: bool = False

    def after(self, seen: Seen) -> Before:
        """The state after a snapshot."""
        is_made = seen.operation == TrackedOperation.MANAGER_CREATION
        is_clean = _finds(seen, self.made) or (self.is_clean and not is_made)
        return Before(_merged(self.known, seen.ids), _made(self.made, seen), is_clean)


def _finds(seen: Seen, made: Seen | None) -> bool:
    """Whether this is a cleanup that finds its manager."""
    if seen.operation != TrackedOperation.CLEANUP_LOOKUP:
        return False
    return seen.found if seen.found is not None else made is None or not _differ(made, seen)


def _merged(known: SeenIds | None, ids: SeenIds) -> SeenIds:
    if known is None or None not in ids:
        return ids
    pairs = zip(known[:5], ids[:5], strict=True)
    user, thread, run, request, connection = (old if new is None else new for old, new in pairs)
    return SeenIds(user, thread, run, request, connection, ids.thread_origin, ids.is_checked)


def _made(made: Seen | None, seen: Seen) -> Seen:
    """The snapshot that a cleanup has to match after this one."""
    if made is None:
        return seen
    is_manager = made.operation == TrackedOperation.MANAGER_CREATION
    match seen.operation:
        case TrackedOperation.MANAGER_CREATION:
            was_keyed = made.operation == TrackedOperation.ISOLATION_KEY and seen.key is None
            return seen._replace(key=made.key) if was_keyed else seen
        case TrackedOperation.ISOLATION_KEY if made.key is None:
            return made._replace(key=seen.key) if is_manager else seen
        case TrackedOperation.THREAD_LOOKUP if not is_manager:
            return seen
    return made


class Finding(NamedTuple):
    """A violation: its kind, and the raw values for its message."""

    kind: str
    expected: Key
    got: Key


def judge(seen: Seen, before: Before) -> list[Finding]:
    """The violations of a snapshot; each cause is reported once per trace, where it begins."""
    known = before.known
    is_cleanup = seen.operation == TrackedOperation.CLEANUP_LOOKUP
    findings: list[Finding] = []
    if known is not None and known != seen.ids:
        findings += _changes(seen, known)
    if is_cleanup:
        findings += _lookup(seen, before)
    elif seen.operation == TrackedOperation.ISOLATION_KEY:
        findings += _key(seen, before.made)
    if not seen.ids.is_checked:
        findings += _unchecked(seen.ids, known)
    return findings


def _changes(seen: Seen, known: SeenIds) -> Iterator[Finding]:
    """Changed ids; `_lookup` handles thread and run of a cleanup."""
    now = seen.ids
    pairs = [("user_changed", known.user_id, now.user_id)]
    if seen.operation not in _MAY_CHANGE_THREAD:
        pairs.append(("thread_changed", known.thread_id, now.thread_id))
        pairs.append(("run_changed", known.run_id, now.run_id))
    pairs.append(("connection_changed", known.connection_id, now.connection_id))
    for kind, expected, got in pairs:
        if expected is not None and got is not None and expected != got:
            yield Finding(kind, expected, got)


def _lookup(seen: Seen, before: Before) -> Iterator[Finding]:
    if before.is_clean:
        return  # a second cleanup is no miss
    if before.made is not None and _differ(before.made, seen):
        kind = "cleanup_would_miss" if seen.found else "cleanup_missed"
        yield Finding(kind, *_compared(before.made, seen))
    elif seen.found is False:
        yield Finding("cleanup_found_nothing", "", seen.effective_key)


def _key(seen: Seen, made: Seen | None) -> Iterator[Finding]:
    if made is not None and made.key is not None and seen.key is not None and made.key != seen.key:
        yield Finding("key_changed", made.key, seen.key)


def _differ(made: Seen, seen: Seen) -> bool:
    """Whether a lookup with the second's key misses what was stored under the first's."""
    if made.key is not None and seen.key is not None:
        return made.key != seen.key
    pairs = zip(made.ids[:3], seen.ids[:3], strict=True)  # user, thread, run
    return any(one is not None and other is not None and one != other for one, other in pairs)


def _compared(made: Seen, seen: Seen) -> tuple[Key, Key]:
    """The two keys that `_differ` compared."""
    if made.key is None or seen.key is None:
        made, seen = made._replace(key=None), seen._replace(key=None)
    return made.effective_key, seen.effective_key


def _unchecked(ids: SeenIds, before: SeenIds | None) -> Iterator[Finding]:
    """Ids that a context would have refused; reported where they first appear."""
    for field, kind in _KINDS_OF_IDS.items():
        text: str | None = getattr(ids, field)
        is_new = before is None or getattr(before, field) != text
        if text is not None and is_new and id_kind(text) != kind:
            name = "legacy_id" if legacy_kind(text) else "malformed_id"
            yield Finding(name, f"a {kind} id", text)
    if ids.thread_origin == "set" and (before is None or before[1:4] != ids[1:4]):
        yield from _one_set(ids)


def _one_set(ids: SeenIds) -> Iterator[Finding]:
    three = ids.thread_id, ids.run_id, ids.request_id
    well_formed = all(
        id_kind(text) == kind for text, kind in zip(three, _KINDS_OF_IDS.values(), strict=False)
    )
    if well_formed and not validate_cross_component_id_compatibility(*three)[0]:
        yield Finding("not_one_set", "one set", tuple(text or "" for text in three))
