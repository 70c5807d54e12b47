"""A node's NATS subscriptions by number, and which of them are not yet in effect.

A follow is a number and an entry in two tables, so tens of thousands cost little. It produces
protocol bytes and knows no server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

_CHUNK = 500
_GROUP = b"nodes"


class Follows:
    """Subscriptions by number. Numbers are never reused, so a late message finds nothing.

    Args:
        subjects: subscribed for as long as the node lives.
        shared: those of them that use a queue group: one node gets each message.
    """

    def __init__(self, *subjects: str, shared: Collection[str] = ()) -> None:
        self._shared = frozenset(shared)
        self._subjects: dict[int, str] = dict(enumerate(subjects, start=1))
        self._counts: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._last = len(subjects)
        self._begun: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def users(self) -> tuple[str, ...]:
        """All followed users."""
        return tuple(self._counts)

    def subject_of(self, number: int) -> str | None:
        """The subject of a subscription; None once it has ended."""
        return self._subjects.get(number)

    def begin(self, user_id: str, subject: str) -> bytes:
        """Count one more follow of a user; the bytes for the server, possibly none."""
        count = self._counts.get(user_id, 0)
        self._counts[user_id] = count + 1
        if count:
            return b""
        self._last += 1
        self._numbers[user_id] = self._last
        self._subjects[self._last] = subject
        self._begun[user_id] = None
        return self._subscribe(self._last, subject)

    def end(self, user_id: str) -> bytes:
        """Count one follow less; the bytes for the server, possibly none."""
        count = self._counts.get(user_id, 0)
        if count > 1:
            self._counts[user_id] = count - 1
        if count != 1:
            return b""
        del self._counts[user_id]
        self._begun.pop(user_id, None)
        number = self._numbers.pop(user_id)
        del self._subjects[number]
        return b"UNSUB %d\r\n" % number

    def take_begun(self) -> tuple[str, ...]:
        """Users followed since the last call."""
        begun, self._begun = tuple(self._begun), {}
        return begun

    def all_again(self) -> Iterator[bytes]:
        """The bytes that resubscribe at a new server, in parts; skips what ended meanwhile."""
        numbers = tuple(self._subjects)
        for start in range(0, len(numbers), _CHUNK):
            part = [
                self._subscribe(number, self._subjects[number])
                for number in numbers[start : start + _CHUNK]
                if number in self._subjects
            ]
            yield b"".join(part)

    def _subscribe(self, number: int, subject: str) -> bytes:
        group = _GROUP if subject in self._shared else b""
        return b"SUB %b %b %d\r\n" % (subject.encode(), group, number)
