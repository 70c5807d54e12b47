"""Derives a thread's new id from its id in an older system.

The new id depends only on the older one and its user, so a migration can be repeated, split and
resumed, on any machine, with the same result. This module may not know stores, aliases or files;
`ids.legacy` defines which texts count as legacy ids.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from . import ContextIds, UnifiedIdGenerator, id_kind, user_id_problem
from .legacy import LEGACY_ID_MAX_CHARACTERS, legacy_kind

__all__ = ["legacy_id_problem", "migrate_legacy_thread_id", "migrated_context_ids", "run_ids_after"]

_OPERATION = "migrated"
_PERSON = b"threadcast.ids.1"  # domain separation
_UNKNOWN_MS = 10**12
"""The time in a new id whose legacy id had none: the earliest that an id can hold."""
_COUNTER_MODULUS = 10**12
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_LAST_MS = re.compile("[1-9][0-9]{12}$")
_S_BEFORE_HEX = re.compile("_([1-9][0-9]{9})_[0-9a-f]{8}$")
_UUID_OF_TIME = re.compile("([0-9a-f]{8})-?([0-9a-f]{4})-?7[0-9a-f]{3}-?[89ab]")
_MS_BY_ITSELF = re.compile("(?<![0-9A-Za-z])[1-9][0-9]{12}(?![0-9A-Za-z])")


def migrate_legacy_thread_id(legacy_id: str, user_id: str) -> str:
    """The thread id that replaces an older one.

    Deterministic for the same two texts; other users get other ids. A time in the old one is kept:
    milliseconds, seconds (times 1,000), or that of a version 7 UUID. Two ids are equal only by a
    collision of 72 bits.

    Args:
        legacy_id: any printable text of 1..300 characters that is no current id; see
            `legacy_id_problem`.
        user_id: whose thread it is.

    Raises:
        ValueError: one of the two is not usable; the message says what was expected and what came.
    """
    return migrated_context_ids(legacy_id, user_id).thread_id


def migrated_context_ids(legacy_id: str, user_id: str) -> ContextIds:
    """The consistent set of which `migrate_legacy_thread_id` gives the thread's id.

    Raises:
        ValueError: as there.
    """
    if problem := user_id_problem(user_id):
        raise ValueError(problem)
    if problem := legacy_id_problem(legacy_id):
        raise ValueError(f"legacy_id: {problem}")
    counter, random = _digest_parts(user_id, legacy_id)
    return UnifiedIdGenerator.rebuild_context_ids(_OPERATION, _time_ms(legacy_id), counter, random)


def run_ids_after(first: ContextIds, number: int) -> ContextIds:
    """The ids of a later run of a migrated thread, derived from those of the first one.

    Only the run id and the request id are meant to be used: the run is of the thread of `first`.

    Args:
        first: what `migrated_context_ids` gave, or another consistent set.
        number: the run's index in its thread, >= 1; index 0, the first run, has the set's own ids.

    Raises:
        ValueError: `first` is no set.
    """
    parsed = UnifiedIdGenerator.parse_id(first.run_id)
    if parsed is None:
        raise ValueError("first: expected a consistent set of ids")
    counter, random = _digest_parts(first.run_id, str(number))
    operation = parsed.prefix.removeprefix("run_")
    return UnifiedIdGenerator.rebuild_context_ids(operation, parsed.timestamp_ms, counter, random)


def legacy_id_problem(text: object) -> str | None:
    """Why this cannot be migrated as an older system's id, or None if it can. Total.

    The sentence repeats the text only if it is a current id.
    """
    if type(text) is not str:
        return f"expected a string, got a value of {type.__repr__(type(text))}"
    if not 1 <= len(text) <= LEGACY_ID_MAX_CHARACTERS:
        return f"expected 1..{LEGACY_ID_MAX_CHARACTERS} characters, got {len(text)}"
    if found := _UNPRINTABLE.search(text):
        return f"expected printable text, got U+{ord(found[0]):04X} at index {found.start()}"
    if UnifiedIdGenerator.is_valid_id(text):
        kind = id_kind(text)
        came = f"a current {kind} id" if kind else "a broken current id"
        return f"expected the id of an older system, got {came}, {text!r}"
    return None


def _digest_parts(one: str, other: str) -> tuple[int, str]:
    """A counter of 40 bits and eight hex digits; the length keeps the two texts apart."""
    text = f"{len(one)}:{one}{other}".encode()
    digest = blake2b(text, digest_size=9, person=_PERSON).digest()
    return int.from_bytes(digest[:5], "big") % _COUNTER_MODULUS, digest[5:].hex()


def _time_ms(legacy_id: str) -> int:
    """The time that a legacy id holds, in milliseconds since the epoch."""
    match legacy_kind(legacy_id):
        case "websocket_factory" | "session":
            found = _LAST_MS.search(legacy_id)
            return _UNKNOWN_MS if found is None else int(found[0])
        case "ws_connection":
            found = _S_BEFORE_HEX.search(legacy_id)
            return _UNKNOWN_MS if found is None else int(found[1]) * 1000
        case "uuid":
            found = _UUID_OF_TIME.match(legacy_id)
            time_ms = 0 if found is None else int(found[1] + found[2], 16)
            return time_ms if len(str(time_ms)) == len(str(_UNKNOWN_MS)) else _UNKNOWN_MS
        case "request" | "user_request":
            return _UNKNOWN_MS
        case _:
            times = _MS_BY_ITSELF.findall(legacy_id)
            return int(times[0]) if len(times) == 1 else _UNKNOWN_MS
