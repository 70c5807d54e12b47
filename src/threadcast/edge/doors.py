"""Admission of new connections: a reconnect storm is let in at a pace that connected readers bear.

The kernel accepts connections as fast as they come. Here the first bytes of each wait in a queue,
of which one turn of the event loop handles one. While readers are connected, new readers (see
`comes_to_stay`) share a CPU budget with them: admitting one costs milliseconds of the loop, and of
a reader thread that holds the interpreter lock, and every event waits behind that. A client that
would wait longer than clients do is refused with a retry time of its own. Of HTTP, this module
knows the first line of a request only.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

__all__ = ["Doors", "Pace", "comes_to_stay", "is_of_browser", "path_of"]

_WAITING_MAX = 10_000
_BRIEF_MAX = 4  # short requests before each reader: a flood of them must not starve readers
_WAIT_MAX_S = 4.0  # clients give up a handshake after five to ten seconds
_BUSY_MAX = 0.25  # of a core, for everything that this process does
_EACH_MAX_S = 0.0125  # a busy process still admits one reader in this time
_EACH_FIRST_S = 0.01  # the estimate before anything was measured
_CREDIT_S = 0.0005  # less than one admission costs, so saved budget never admits two together
_DEBT_S = 0.05
_LOOK_AGAIN_MIN_S = 0.0005
_SMOOTHING = 0.05  # of the time between two admissions
_RETRY_MIN_S, _RETRY_MAX_S = 1.0, 60.0
_SPREAD = 0.5
_HEAD_BYTES = 4_096


def comes_to_stay(data: bytes, paths: Collection[bytes]) -> bool:
    """Whether these first bytes of a connection ask for a stream of events.

    The request's path decides, and every reader has to send it. A request line that is not complete
    yet counts as a reader's: health checks arrive in one piece.

    Args:
        data: the first bytes received.
        paths: the decoded paths that readers connect to.
    """
    line, whole, _ = data[:_HEAD_BYTES].lstrip(b"\r\n").partition(b"\n")
    words = line.split(None, 2)
    return not whole or (len(words) > 1 and path_of(words[1]) in paths)


def path_of(target: bytes) -> bytes:
    """The decoded path of a request target, which may be an absolute URL."""
    path = target.partition(b"?")[0].partition(b"#")[0]
    scheme, is_whole, rest = path.partition(b"://")
    if is_whole and b"/" not in scheme:
        path = b"/" + rest.partition(b"/")[2]
    return unquote_to_bytes(path)


def is_of_browser(data: bytes) -> bool:
    """Whether a browser sent them: it hides a failed handshake from its page, so it is let wait."""
    return b"\norigin:" in data[:_HEAD_BYTES].lower()


class Pace:
    """The CPU budget for admissions, from wall time and the CPU time that this process used.

    Args:
        wall, used: give monotonic time and this process' CPU time, in seconds.

    Attributes:
        every_s: smoothed time between two admissions, in seconds.
        now: monotonic seconds.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        self.now = wall
        self._used = used
        self._wall_at = self._used_at = self._last_at = 0.0
        self._credit_s = 0.0
        self.every_s = _EACH_FIRST_S

    def begin(self) -> None:
        """Start over for a new storm: what was measured before says nothing about it."""
        self._wall_at = self._last_at = self.now()
        self._used_at = self._used()
        self._credit_s = _CREDIT_S
        self.every_s = _EACH_FIRST_S

    def allows(self) -> bool:
        """Whether one more may be admitted now; if so, it counts as admitted."""
        wall, used = self.now(), self._used()
        earned_s = _BUSY_MAX * (wall - self._wall_at) - (used - self._used_at)
        self._credit_s = min(_CREDIT_S, max(-_DEBT_S, self._credit_s + earned_s))
        self._wall_at, self._used_at = wall, used
        between_s = wall - self._last_at
        if self._credit_s < 0 and between_s < _EACH_MAX_S:
            return False
        self._last_at = wall
        self.every_s += _SMOOTHING * (between_s - self.every_s)
        return True

    @property
    def wait_s(self) -> float:
        """When to ask again, in seconds after a refusal: sooner, and it would be refused again."""
        paid_s = -self._credit_s / _BUSY_MAX
        return max(_LOOK_AGAIN_MIN_S, min(paid_s, self._last_at + _EACH_MAX_S - self._wall_at))


@dataclass(frozen=True, slots=True)
class _Waiting:
    transport: asyncio.Transport
    on_turn: Callable[[], None]


class Doors:
    """The admission queue of one server: connections whose first bytes were not handled yet.

    Args:
        pace: how fast new readers are admitted while others are connected.

    Attributes:
        inside: how many readers are connected; their protocols count them.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._brief: deque[_Waiting] = deque()
        self._staying: deque[_Waiting] = deque()
        self._opening = False
        self._looking: asyncio.TimerHandle | None = None
        self._paced = False
        self._booked_until = 0.0
        self._brief_before = 0
        self.inside = 0

    def come(
        self,
        transport: asyncio.Transport,
        on_turn: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        *,
        stays: bool = False,
    ) -> None:
        """Queue a new connection; beyond 10,000 waiting ones it is aborted.

        Args:
            transport: of the connection; the caller has paused reading.
            on_turn: called when it is admitted, unless it has closed by then.
            loop: the transport's.
            stays: whether it is a reader's. Up to four others, such as health checks, go before
                each reader.
        """
        if len(self._staying) + len(self._brief) >= _WAITING_MAX:
            transport.abort()
            return
        (self._staying if stays else self._brief).append(_Waiting(transport, on_turn))
        if not self._opening:
            self._opening = True
            self._paced = self.inside > 0
            self._pace.begin()
            loop.call_soon(self._open, loop)
        elif self._looking is not None and not stays:
            self._looking.cancel()
            self._looking = None
            loop.call_soon(self._open, loop)

    def come_again_s(self) -> float | None:
        """The retry time for one more reader, in seconds; None if it may wait in the queue.

        Each caller gets a later time than the one before, with 25 % of jitter either way.
        """
        every_s = self._pace.every_s
        wait_s = len(self._staying) * every_s
        if not self._paced or wait_s < _WAIT_MAX_S:
            return None
        now = self._pace.now()
        self._booked_until = max(self._booked_until, now + wait_s) + every_s
        told_s = min(max(_RETRY_MIN_S, self._booked_until - now), _RETRY_MAX_S)
        return told_s * (1 - _SPREAD / 2 + _SPREAD * random.random())  # noqa: S311 - no secret

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = None
        is_due = not self._brief or self._brief_before >= _BRIEF_MAX
        if self._staying and is_due and (not self._paced or self._pace.allows()):
            self._brief_before = 0
            if self._next(self._staying, loop):
                return
        if self._next(self._brief, loop):
            self._brief_before += 1
        elif self._staying:
            self._looking = loop.call_later(self._pace.wait_s, self._open, loop)
        else:
            self._opening = False

    def _next(self, waiting: deque[_Waiting], loop: asyncio.AbstractEventLoop) -> bool:
        """Admit the next connection that is still open; whether there was one."""
        while waiting:
            one = waiting.popleft()
            if not one.transport.is_closing():
                loop.call_soon(self._open, loop)
                one.on_turn()
                return True
        return False
