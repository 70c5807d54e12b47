"""Liveness of one connection: the heartbeat, and a deadline for incomplete messages.

It may not know frames or phases; what to do is handed in.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Watched(Protocol):
    """What a `Liveness` needs of its connection."""

    @property
    def listening(self) -> bool:
        """Whether both sides read, so that silence means something.

        If we have paused reading, silence is our own doing; a client that does not read has its own
        limit (`stall_max_s`).
        """
        ...

    def ping(self) -> None:
        """Ask the client for a sign of life."""
        ...

    def fail(self, code: int, reason: str) -> None:
        """End the connection."""
        ...


class Liveness:
    """The two timers.

    Args:
        loop: whose time counts.
        heartbeat_s: between pings, and how long silence after one is tolerated. Any byte counts.
        partial_timeout_s: from a message's first byte to its last.
    """

    __slots__ = (
        "_beat_timer",
        "_heard_at",
        "_heartbeat_s",
        "_loop",
        "_partial_of",
        "_partial_timeout_s",
        "_partial_timer",
        "_pinged_at",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, heartbeat_s: float, partial_timeout_s: float
    ) -> None:
        self._loop = loop
        self._heartbeat_s = heartbeat_s
        self._partial_timeout_s = partial_timeout_s
        self._heard_at = 0.0
        self._pinged_at = 0.0
        self._partial_of = 0
        self._beat_timer: asyncio.TimerHandle | None = None
        self._partial_timer: asyncio.TimerHandle | None = None

    def begin(self, watched: Watched) -> None:
        """Start the heartbeat."""
        self.heard()
        self._beat_timer = self._loop.call_later(self._heartbeat_s, self._beat, watched)

    def end(self) -> None:
        """Stop both timers."""
        if self._beat_timer is not None:
            self._beat_timer.cancel()
            self._beat_timer = None
        self._stop_partial()

    def heard(self) -> None:
        """A byte came, or reading has started or resumed."""
        self._heard_at = self._loop.time()

    def messages(self, watched: Watched, *, whole: int, partial: bool) -> None:
        """Start, keep or stop the deadline of an incomplete message.

        Args:
            watched: the connection.
            whole: how many messages were completed so far.
            partial: whether another one, or a frame, has begun.
        """
        if self._partial_of != whole or not partial or not watched.listening:
            self._partial_of = whole
            self._stop_partial()
        if self._partial_timer is None and partial and watched.listening:
            self._partial_timer = self._loop.call_later(
                self._partial_timeout_s, watched.fail, 4408, "message too slow"
            )

    def _stop_partial(self) -> None:
        if self._partial_timer is not None:
            self._partial_timer.cancel()
            self._partial_timer = None

    def _beat(self, watched: Watched) -> None:
        if watched.listening and self._heard_at < self._pinged_at:
            watched.fail(1011, "no sign of life")
            return
        self._pinged_at = 0.0
        if watched.listening:
            self._pinged_at = self._loop.time()
            watched.ping()
        self._beat_timer = self._loop.call_later(self._heartbeat_s, self._beat, watched)
