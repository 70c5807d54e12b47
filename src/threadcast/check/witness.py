"""Watches everything that the check's connections and requests receive for foreign deliveries.

Each user has a mark, an unguessable word in everything that the check creates for them. A mark or
user id that reaches the other user is a foreign delivery.
"""

from __future__ import annotations

from ..events import Event

_STRAYS_MAX = 20


class Witness:
    """Counts deliveries, and foreign ones.

    Attributes:
        deliveries: how many events and answers were seen.
        foreign: how many of them were the other user's.
        strays: descriptions of the first of these.
    """

    def __init__(self) -> None:
        self.deliveries = 0
        self.foreign = 0
        self.strays: list[str] = []
        self._marks: dict[str, str] = {}

    def know(self, user_id: str, mark: str) -> None:
        """Register a user's mark."""
        self._marks[user_id] = mark

    def saw_event(self, user_id: str, event: Event, text: str) -> None:
        """A user received an event, as this text; the user id is empty while unknown."""
        if user_id and event.user_id not in ("", user_id):
            self.deliveries += 1
            self._stray(f"{event.event_type} of {event.user_id} came to {user_id}")
            return
        self.saw_text(user_id, text, event.event_type)

    def saw_text(self, user_id: str, text: str, what: str) -> None:
        """A user received something else."""
        self.deliveries += 1
        for owner, mark in self._marks.items():
            if owner != user_id and mark in text:
                self._stray(f"{what} with the mark of {owner} came to {user_id}")
                return

    def _stray(self, what: str) -> None:
        self.foreign += 1
        if len(self.strays) < _STRAYS_MAX:
            self.strays.append(what)
