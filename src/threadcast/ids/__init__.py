"""The only place that makes ids, and that decides whether a text is one.

An id is `<prefix>_<ms>_<counter>_<hex>`. The ids of one context are one stem, `<operation>_<ms>_
<counter>_<hex8>`, seen as a thread, a run and a request. An id reveals nothing about its user, and
it is a name, not a permission: every lookup by id is also scoped by user.

This is the only module that may draw random bytes for ids. It may not know stores, users' rows or
which run belongs to which thread once a thread has had more than one.

Two ids differ because the counter of a process never repeats within a millisecond, whatever the
clock does; ids of two processes differ by a random start of the counter and by the random part.
"""

from __future__ import annotations

import itertools
import os
import re
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from .legacy import legacy_kind

__all__ = [
    "ID_MAX_CHARACTERS",
    "OPERATION_MAX_CHARACTERS",
    "PREFIX_MAX_CHARACTERS",
    "RANDOM_MAX_CHARACTERS",
    "RANDOM_MIN_CHARACTERS",
    "USER_ID_MAX_CHARACTERS",
    "ContextIds",
    "ParsedId",
    "UnifiedIdGenerator",
    "derive_thread_id_from_run_id",
    "id_kind",
    "id_problem",
    "user_id_problem",
    "validate_cross_component_id_compatibility",
]

OPERATION_MAX_CHARACTERS = 64
PREFIX_MAX_CHARACTERS = 72
RANDOM_MIN_CHARACTERS = 4
RANDOM_MAX_CHARACTERS = 32
USER_ID_MAX_CHARACTERS = 255
# The counter has fewer digits than the time, so an id can be parsed in one way only.
_MS_CHARACTERS = 13
_COUNTER_MAX_CHARACTERS = 12
ID_MAX_CHARACTERS = (
    PREFIX_MAX_CHARACTERS + _MS_CHARACTERS + _COUNTER_MAX_CHARACTERS + RANDOM_MAX_CHARACTERS + 3
)

_MS_MIN = 10 ** (_MS_CHARACTERS - 1)
_MS_MAX = 10**_MS_CHARACTERS - 1
_COUNTER_MODULUS = 10**_COUNTER_MAX_CHARACTERS
_COUNTER_START_BYTES = 3
_SET_RANDOM_CHARACTERS = 8
_POOL_PARTS = 256

_OPERATION = re.compile(f"[a-z][a-z0-9_]{{0,{OPERATION_MAX_CHARACTERS - 1}}}")
_PREFIX = re.compile(f"[a-z][a-z0-9_]{{0,{PREFIX_MAX_CHARACTERS - 1}}}")
_ID = re.compile(
    f"({_PREFIX.pattern})"
    f"_([1-9][0-9]{{{_MS_CHARACTERS - 1}}})"
    f"_(0|[1-9][0-9]{{0,{_COUNTER_MAX_CHARACTERS - 1}}})"
    f"(?:_([0-9a-f]{{{RANDOM_MIN_CHARACTERS},{RANDOM_MAX_CHARACTERS}}}))?"
)
_UNUSABLE_IN_USER_ID = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

# Kinds whose prefix is followed by an operation, and kinds without one.
_SET_PREFIXES = {"thread": "thread_", "run": "run_", "request": "req_"}
_WORD_KINDS = ("ws_conn", "feed")
_TAKEN_WORDS = ("thread", "run", "req", *_WORD_KINDS)


# The kinds checked at every entrance, as one expression each: equivalent to `id_kind`, in a third
# of the time. (`?` because most operations are short.)
_LAST_PARTS = (
    f"_[1-9][0-9]{{{_MS_CHARACTERS - 1}}}"
    f"_(?:0|[1-9][0-9]{{0,{_COUNTER_MAX_CHARACTERS - 1}}})"
    f"_[0-9a-f]{{{_SET_RANDOM_CHARACTERS}}}"
)
_EXACTLY = {
    **{
        kind: re.compile(f"{start}{_OPERATION.pattern}?{_LAST_PARTS}").fullmatch
        for kind, start in _SET_PREFIXES.items()
    },
    **{word: re.compile(f"{word}{_LAST_PARTS}").fullmatch for word in _WORD_KINDS},
}


class ContextIds(NamedTuple):
    """One consistent set: three views of one stem."""

    thread_id: str
    run_id: str
    request_id: str


class ParsedId(NamedTuple):
    """The parts of an id; `random` is None for an id that was made without."""

    prefix: str
    timestamp_ms: int
    counter: int
    random: str | None


def _system_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class _Sequence:
    """The changing parts of ids: time, counter, random.

    Takes no lock: advancing the counter and popping a list are one step each, so threads and
    signal handlers cannot get the same value, and a fork cannot copy a held lock.

    Args:
        clock_ms: wall time, milliseconds since the epoch; it may step, stand still or be absurd.
    """

    __slots__ = ("_clock_ms", "_counter", "_pool")

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self.reseed()

    def reseed(self) -> None:
        """Discard the state that a forked child shares with its parent."""
        self._pool: list[str] = []
        start = int.from_bytes(os.urandom(_COUNTER_START_BYTES), "big")
        self._counter = itertools.count(start)

    def next_stem(self) -> str:
        """`<ms>_<counter>`; a time that 13 digits cannot hold is moved to the nearest one."""
        now_ms = self._clock_ms()
        if not _MS_MIN <= now_ms <= _MS_MAX:
            now_ms = _MS_MIN if now_ms < _MS_MIN else _MS_MAX
        return f"{now_ms}_{next(self._counter) % _COUNTER_MODULUS}"

    def next_random(self) -> str:
        """Eight hex digits from the system's random source, which is read in bulk."""
        try:
            return self._pool.pop()
        except IndexError:
            fresh = _random_parts()
            part = fresh.pop()
            self._pool = fresh
            return part


def _random_parts() -> list[str]:
    width = _SET_RANDOM_CHARACTERS
    text = os.urandom(_POOL_PARTS * width // 2).hex()
    return [text[start : start + width] for start in range(0, len(text), width)]


_SEQUENCE = _Sequence(_system_clock_ms)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_SEQUENCE.reseed)


class UnifiedIdGenerator:
    """Makes and reads every id of the system; only static methods, safe from any thread."""

    @staticmethod
    def generate_user_context_ids(user_id: str, operation: str) -> ContextIds:
        """Make one consistent set of ids for a new thread, its first run and the request.

        Args:
            user_id: for whom; it is checked (see `user_id_problem`) and is no part of the ids.
            operation: what for, `[a-z][a-z0-9_]*`, 1..64 characters.

        Raises:
            ValueError: one of the two is not usable.
        """
        if problem := user_id_problem(user_id):
            raise ValueError(problem)
        if type(operation) is not str or not _OPERATION.fullmatch(operation):
            raise ValueError(_name_problem("operation", OPERATION_MAX_CHARACTERS, operation))
        stem = f"{operation}_{_SEQUENCE.next_stem()}_{_SEQUENCE.next_random()}"
        return ContextIds("thread_" + stem, "run_" + stem, "req_" + stem)

    @staticmethod
    def generate_base_id(prefix: str, include_random: bool = True, random_length: int = 8) -> str:
        """Make an id of any other kind: `<prefix>_<ms>_<counter>_<hex>`.

        Args:
            prefix: the kind, `[a-z][a-z0-9_]*`, 1..72 characters.
            include_random: without the random part an id is unique in its process only.
            random_length: hex digits of the random part, 4..32; each holds 4 bits.

        Raises:
            ValueError: the prefix or the length is not usable.
        """
        if type(prefix) is not str or not _PREFIX.fullmatch(prefix):
            raise ValueError(_name_problem("prefix", PREFIX_MAX_CHARACTERS, prefix))
        if not include_random:
            return f"{prefix}_{_SEQUENCE.next_stem()}"
        if random_length == _SET_RANDOM_CHARACTERS:
            return f"{prefix}_{_SEQUENCE.next_stem()}_{_SEQUENCE.next_random()}"
        return f"{prefix}_{_SEQUENCE.next_stem()}_{_random_of(random_length)}"

    @staticmethod
    def rebuild_context_ids(
        operation: str, timestamp_ms: int, counter: int, random: str
    ) -> ContextIds:
        """Build the set of ids from given parts; the same parts give the same ids.

        For migrations, which must arrive at the same ids again. Uniqueness is up to the caller.

        Args:
            operation: what for, `[a-z][a-z0-9_]*`, 1..64 characters.
            timestamp_ms: milliseconds since the epoch, 13 digits.
            counter: 0 to 12 digits.
            random: eight hex digits, lower case.

        Raises:
            ValueError: the parts do not make ids.
        """
        stem = f"{operation}_{timestamp_ms}_{counter}_{random}"
        if problem := id_problem("thread_" + stem, "thread"):
            raise ValueError(f"the parts make no ids: {problem}")
        return ContextIds("thread_" + stem, "run_" + stem, "req_" + stem)

    @staticmethod
    def parse_id(text: object) -> ParsedId | None:
        """Parse an id; None if the whole text is not one.

        Total: any input of any type, no exception. A subclass of `str` is not an id, because it
        could override comparison.
        """
        if type(text) is not str or len(text) > ID_MAX_CHARACTERS:
            return None
        match = _ID.fullmatch(text)
        if match is None:
            return None
        prefix, timestamp_ms, counter, random = match.groups()
        return ParsedId(prefix, int(timestamp_ms), int(counter), random)

    @staticmethod
    def is_valid_id(text: object, kind: object = None) -> bool:
        """Whether the whole text is an id, and of this kind.

        Total: any input of any type, no exception.

        Args:
            text: anything.
            kind: `thread`, `run`, `request`, `ws_conn`, `feed` (these have exactly 8 random hex
                digits), any other prefix given to `generate_base_id`, or None: whatever
                `parse_id` can read.
        """
        if kind is None:
            return UnifiedIdGenerator.parse_id(text) is not None
        if type(kind) is not str:
            return False
        exact = _EXACTLY.get(kind)
        if exact is not None:
            return type(text) is str and exact(text) is not None
        return id_kind(text) == kind


def id_kind(text: object) -> str | None:
    """The kind of an id: `thread`, `run`, `request`, else its prefix; None for all other input.

    None too for a prefix that belongs to a kind whose other rules the id breaks (`thread_<ms>...`
    without an operation, a feed id with four random digits). Total: any input, no exception.
    """
    parsed = UnifiedIdGenerator.parse_id(text)
    if parsed is None:
        return None
    prefix = parsed.prefix
    has_set_random = parsed.random is not None and len(parsed.random) == _SET_RANDOM_CHARACTERS
    for kind, start in _SET_PREFIXES.items():
        if prefix.startswith(start):
            fits = has_set_random and _OPERATION.fullmatch(prefix, len(start))
            return kind if fits else None
    if prefix in _TAKEN_WORDS:
        return prefix if has_set_random and prefix in _WORD_KINDS else None
    return prefix


def id_problem(text: object, kind: str) -> str | None:
    """Why this is not an id of that kind, or None if it is.

    The sentence names the kind that was expected and the kind that came. It repeats the text only
    if that is an id, so a secret in the wrong place is not passed on.
    """
    if UnifiedIdGenerator.is_valid_id(text, kind):
        return None
    return f"expected a {kind} id, got {_describe(text)}"


def user_id_problem(user_id: object) -> str | None:
    """Why this cannot be a user id, or None if it can. Total; never repeats the text.

    A user id is a `str` (no subclass) of 1..255 characters without control characters (C0, DEL)
    and lone surrogates. All else is legal and compared exactly: nothing is normalised.
    """
    if type(user_id) is not str:
        return f"user_id: expected a string, got {_describe(user_id)}"
    if not 1 <= len(user_id) <= USER_ID_MAX_CHARACTERS:
        return f"user_id: expected 1..{USER_ID_MAX_CHARACTERS} characters, got {len(user_id)}"
    if found := _UNUSABLE_IN_USER_ID.search(user_id):
        return f"user_id: U+{ord(found[0]):04X} at index {found.start()} is not allowed"
    return None


def derive_thread_id_from_run_id(run_id: object) -> str:
    """The thread of the same set as this run.

    Exact for the first run of a thread, which was made in one set with it. For any later run ask
    the stored run row. The older form without `run_`, `<operation>_<ms>_<counter>_<hex8>`, is read
    too, unless its operation begins with a word that names a kind (`run_x_...` is the new form).

    Raises:
        ValueError: this is no run id; no thread is made up for it.
    """
    parsed = UnifiedIdGenerator.parse_id(run_id)
    if parsed is not None and type(run_id) is str:
        operation = parsed.prefix
        is_older = not any(f"{operation}_".startswith(f"{word}_") for word in _TAKEN_WORDS)
        thread_id = "thread_" + (run_id if is_older else run_id.removeprefix("run_"))
        if (is_older or id_kind(run_id) == "run") and id_kind(thread_id) == "thread":
            return thread_id
    raise ValueError(f"no thread can be derived: expected a run id, got {_describe(run_id)}")


def validate_cross_component_id_compatibility(
    thread_id: object, run_id: object, request_id: object
) -> tuple[bool, list[str]]:
    """Check that three ids are one consistent set.

    Total: any input of any type, no exception.

    Returns:
        Whether they are, and one sentence for every problem: each id that is not of its kind, and
        each pair of well-formed ids that are not of one set.
    """
    errors: list[str] = []
    stems: list[tuple[str, str]] = []
    for kind, text in (("thread", thread_id), ("run", run_id), ("request", request_id)):
        if problem := id_problem(text, kind):
            errors.append(f"{kind}_id: {problem}")
        else:
            stems.append((kind, str(text).removeprefix(_SET_PREFIXES[kind])))
    errors.extend(
        f"{one}_id and {other}_id are not of one set: {one_stem!r} is not {other_stem!r}"
        for (one, one_stem), (other, other_stem) in itertools.combinations(stems, 2)
        if one_stem != other_stem
    )
    return not errors, errors


def _random_of(length: object) -> str:
    if type(length) is not int or not RANDOM_MIN_CHARACTERS <= length <= RANDOM_MAX_CHARACTERS:
        bounds = f"{RANDOM_MIN_CHARACTERS}..{RANDOM_MAX_CHARACTERS}"
        came = str(length) if type(length) is int else _describe(length)
        raise ValueError(f"random_length: expected an integer in {bounds}, got {came}")
    return os.urandom((length + 1) // 2).hex()[:length]


def _name_problem(name: str, max_characters: int, came: object) -> str:
    rule = f"[a-z][a-z0-9_]*, 1..{max_characters} characters"
    return f"{name}: expected {rule}, got {_describe(came)}"


def _describe(value: object) -> str:
    # `type.__repr__` because a class can have a failing one of its own.
    if type(value) is not str:
        return f"a value of {type.__repr__(type(value))}"
    if kind := id_kind(value):
        return f"a {kind} id, {value!r}"
    if legacy := legacy_kind(value):
        return f"a legacy id ({legacy})"
    return f"a string of {len(value)} characters"
