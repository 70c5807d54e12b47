"""One context's trace, and the handle through which components record into it.

Pure, and not thread-safe by itself: the tracker locks.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..context import ThreadOrigin, UserExecutionContext
from .judge import Before, Finding, Key, Seen, SeenIds, judge
from .kinds import KINDS, OPERATION_MAX_CHARACTERS, TrackedOperation
from .masking import HiddenUsers, Mask, bounded
from .snapshots import ConsistencySnapshot, ConsistencyViolation

__all__ = [
    "KEY_MAX_PARTS",
    "ConsistencyTrace",
    "Moment",
    "TraceContent",
    "TraceHistory",
    "TraceState",
]

KEY_MAX_PARTS = 8

_MAKES = (TrackedOperation.MANAGER_CREATION, TrackedOperation.ISOLATION_KEY)
_OPERATION = re.compile(f"[a-z][a-z0-9_]{{0,{OPERATION_MAX_CHARACTERS - 1}}}")

Violations = tuple[ConsistencyViolation, ...]


class Moment(NamedTuple):
    """What an operation reports; number and time are added when it is stored."""

    operation: str
    ids: SeenIds
    key: Key | None
    found: bool | None


class TraceContent(NamedTuple):
    """A trace's content for a report.

    Attributes:
        is_open: whether it has a manager that no cleanup has looked for yet.
    """

    snapshots: list[ConsistencySnapshot]
    violations: Violations
    is_open: bool


class TraceState(NamedTuple):
    """A raw copy of a trace's state, cheap to take under the lock."""

    trace_id: str
    seen: tuple[Seen, ...]
    violations: Violations
    before: Before
    mask: Mask

    def names(self, text: str) -> bool:
        """Whether the trace is called so, or one of its snapshots has it as an id of its own."""
        return text == self.trace_id or any(text in seen.ids[1:5] for seen in self.seen)

    def content(self) -> TraceContent:
        """The same as a report has it, users masked."""
        made = self.before.made
        is_open = made is not None and made.operation in _MAKES and not self.before.is_clean
        hidden = self.mask.hiding(_users(self.seen, self.before))
        snapshots = [_snapshot(self.trace_id, seen, hidden) for seen in self.seen]
        return TraceContent(snapshots, self.violations, is_open)


class TraceHistory:
    """The latest snapshots of one trace, and what the rules need of those before.

    Args:
        trace_id: its name in reports.
        run_id: the run by which other components find it; None where only a handle leads here.
        mask: hides users.
        max_snapshots: how many are kept, with their violations; the oldest go first.
    """

    __slots__ = ("_before", "_count", "_mask", "_seen", "_violations", "run_id", "trace_id")

    def __init__(
        self, trace_id: str, run_id: str | None, mask: Mask, *, max_snapshots: int
    ) -> None:
        self.trace_id = trace_id
        self.run_id = run_id
        self._mask = mask
        self._before = Before()
        self._count = 0
        self._seen: deque[Seen] = deque(maxlen=max_snapshots)
        self._violations: deque[ConsistencyViolation] = deque()

    def add(self, moment: Moment, at: float) -> Violations:
        """Keep a snapshot; what is wrong with it."""
        self._count += 1
        seen = Seen(self._count, moment.operation, at, moment.ids, moment.key, moment.found)
        violations = tuple(self._violation(seen, one) for one in judge(seen, self._before))
        self._before = self._before.after(seen)
        self._seen.append(seen)
        self._violations.extend(violations)
        while self._violations and self._violations[0].number < self._seen[0].number:
            self._violations.popleft()
        return violations

    def forget(self) -> None:
        """Keep only what the rules need, because holders of the handle may go on recording."""
        self._seen.clear()
        self._violations.clear()

    def state(self) -> TraceState:
        """Everything that is kept."""
        kept = tuple(self._seen), tuple(self._violations)
        return TraceState(self.trace_id, *kept, self._before, self._mask)

    def _violation(self, seen: Seen, finding: Finding) -> ConsistencyViolation:
        kind = KINDS[finding.kind]
        hidden = self._mask.hiding(_users((*self._seen, seen), self._before))
        expected, got = hidden.key(finding.expected), hidden.key(finding.got)
        return ConsistencyViolation(
            trace_id=self.trace_id,
            number=seen.number,
            operation=seen.operation,
            at=seen.at,
            severity=kind.severity,
            kind=finding.kind,
            message=kind.says.format(expected=expected, got=got),
        )


class ConsistencyTrace:
    """The handle of one trace, made by a tracker; components record into it.

    Attributes:
        trace_id: its name in reports.
    """

    __slots__ = ("_history", "_take")

    def __init__(
        self, history: TraceHistory, take: Callable[[TraceHistory, Moment], Violations]
    ) -> None:
        self._history = history
        self._take = take

    @property
    def trace_id(self) -> str:
        """Its name in reports, `trace_<ms>_<counter>_<hex8>`."""
        return self._history.trace_id

    def record(
        self,
        operation: str,
        context: UserExecutionContext,
        *,
        key: Key | None = None,
        found: bool | None = None,
    ) -> Violations:
        """Take a snapshot of a context.

        Args:
            operation: a `TrackedOperation`, or a name of yours: `[a-z][a-z0-9_]*`, 1..64.
            context: as the operation has it.
            key: what something is filed under or looked for with: a text, or a tuple of at most 8
                texts; by default the context's isolation key.
            found: of a cleanup: whether it found what it looked for, where that is known.

        Returns:
            Its violations, users masked.

        Raises:
            ValueError: the operation's name or the key is not usable.
        """
        ids = SeenIds(
            context.user_id,
            context.thread_id,
            context.run_id,
            context.request_id,
            context.connection_id,
            context.thread_origin,
            is_checked=True,
        )
        return self._take(self._history, _moment(operation, ids, key, found))

    def record_ids(
        self,
        operation: str,
        *,
        user_id: str | None = None,
        thread_id: str | None = None,
        run_id: str | None = None,
        request_id: str | None = None,
        connection_id: str | None = None,
        thread_origin: ThreadOrigin = "stored",
        key: Key | None = None,
        found: bool | None = None,
    ) -> Violations:
        """Take a snapshot of loose ids, for code without contexts.

        Args:
            operation, key, found: as for `record`.
            user_id, thread_id, run_id, request_id, connection_id: what the operation has, of any
                shape; None for what it does not know.
            thread_origin: `set` if thread, run and request claim to be one set.

        Returns:
            Its violations, users masked.

        Raises:
            TypeError: an id is neither text nor None.
            ValueError: the operation's name or the key is not usable.
        """
        ids = SeenIds(
            _kept("user_id", user_id),
            _kept("thread_id", thread_id),
            _kept("run_id", run_id),
            _kept("request_id", request_id),
            _kept("connection_id", connection_id),
            thread_origin,
            is_checked=False,
        )
        return self._take(self._history, _moment(operation, ids, key, found))


def _users(seen: Iterable[Seen], before: Before) -> set[str]:
    """All users seen in a trace, who must be masked in its output."""
    known = () if before.known is None else (before.known,)
    made = () if before.made is None else (before.made.ids,)
    everywhere = (*(one.ids for one in seen), *known, *made)
    return {ids.user_id for ids in everywhere if ids.user_id}


def _snapshot(trace_id: str, seen: Seen, hidden: HiddenUsers) -> ConsistencySnapshot:
    ids = seen.ids

    def told(text: str | None) -> str | None:
        return None if text is None else hidden.text(text)

    return ConsistencySnapshot(
        trace_id=trace_id,
        number=seen.number,
        operation=seen.operation,
        at=seen.at,
        user=told(ids.user_id),
        thread_id=told(ids.thread_id),
        run_id=told(ids.run_id),
        request_id=told(ids.request_id),
        connection_id=told(ids.connection_id),
        key=None if seen.key is None else hidden.key(seen.key),
        found=seen.found,
    )


def _moment(operation: object, ids: SeenIds, key: Key | None, found: bool | None) -> Moment:
    if not isinstance(operation, str):
        raise ValueError(f"operation: expected text, got {type(operation).__name__}")
    if not _OPERATION.fullmatch(operation):
        rule = f"[a-z][a-z0-9_]*, 1..{OPERATION_MAX_CHARACTERS} characters"
        raise ValueError(f"operation: expected {rule}, got {len(operation)} characters")
    return Moment(str(operation), ids, None if key is None else _kept_key(key), found)


def _kept(name: str, text: object) -> str | None:
    if text is None or isinstance(text, str):
        return None if text is None else bounded(str(text))
    raise TypeError(f"{name}: expected text or None, got {type(text).__name__}")


def _kept_key(key: object) -> Key:
    if isinstance(key, str):
        return bounded(str(key))
    if isinstance(key, tuple) and len(key) <= KEY_MAX_PARTS:
        parts = [bounded(str(part)) for part in key if isinstance(part, str)]
        if len(parts) == len(key):
            return tuple(parts)
    raise ValueError(f"key: expected text, or a tuple of at most {KEY_MAX_PARTS} texts")
