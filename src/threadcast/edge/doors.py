"""Lets new connections speak a few at a time, so that a crowd is served in between and not instead.

The system takes connections in as fast as they come; here what they first say waits for its turn:
one connection in each turn of the event loop. Where others are served meanwhile, a crowd of those
who come to stay (see `comes_to_stay`) gets what they leave of a part of a processor, one by one,
because every event of theirs has to wait for what the loop, or a reader's thread with the
interpreter's lock, does at that moment. Who would wait for longer than a client is patient is told
to come again, at a time of its own. It knows nothing of HTTP beyond what the first line of a
request looks like.
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
_BRIEF_MAX = 4  # go before one who stays: a flood of them must not keep readers out
_WAIT_MAX_S = 4.0  # clients give up a handshake after five to ten seconds
_BUSY_MAX = 0.4  # of a processor, all that this process does counted
_EACH_MAX_S = 0.01  # a busy process takes a crowd in, too, one at least in this time
_EACH_FIRST_S = 0.005  # is expected before anything was measured
_CREDIT_S = 0.0005  # less than one of them costs: what was saved lets no two in at once
_DEBT_S = 0.05
_LOOK_AGAIN_S = 0.002
_SMOOTHING = 0.05  # of the time between two who are heard
_RETRY_MIN_S, _RETRY_MAX_S = 1.0, 60.0
_SPREAD = 0.5
_HEAD_BYTES = 4_096


def comes_to_stay(data: bytes, paths: Collection[bytes]) -> bool:
    """Whether these first bytes of a connection are a reader's.

    Its first line alone says so, which no reader can write in another way and be served. One that
    is not whole yet counts as a reader's; looks at the server's health come in one piece.

    Args:
        data: the first that came.
        paths: of readers, decoded.
    """
    line, whole, _ = data[:_HEAD_BYTES].lstrip(b"\r\n").partition(b"\n")
    words = line.split(None, 2)
    return not whole or (len(words) > 1 and path_of(words[1]) in paths)


def path_of(target: bytes) -> bytes:
    """The decoded path of a request's target, which may be a whole address."""
    path = target.partition(b"?")[0].partition(b"#")[0]
    scheme, is_whole, rest = path.partition(b"://")
    if is_whole and b"/" not in scheme:
        path = b"/" + rest.partition(b"/")[2]
    return unquote_to_bytes(path)


def is_of_browser(data: bytes) -> bool:
    """Whether they look like a page's, which is not shown why a handshake failed, and so waits."""
    return b"\norigin:" in data[:_HEAD_BYTES].lower()


class Pace:
    """How much of a processor may be used, by its own clock and by the processor's.

    Args:
        wall, used: monotonic seconds, and those for which this process had a processor.

    Attributes:
        every_s: seconds between two who are heard, as it was a moment ago.
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
        """A crowd begins: what was before it says nothing."""
        self._wall_at = self._last_at = self.now()
        self._used_at = self._used()
        self._credit_s = _CREDIT_S
        self.every_s = _EACH_FIRST_S

    def allows(self) -> bool:
        """Whether one more may be heard now; if so, it counts as heard."""
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


@dataclass(frozen=True, slots=True)
class _Waiting:
    transport: asyncio.Transport
    on_turn: Callable[[], None]


class Doors:
    """Those who have begun to speak and have not been heard yet. One per server.

    Args:
        pace: at which a crowd is heard.

    Attributes:
        inside: how many readers are served; their protocols count them.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._brief: deque[_Waiting] = deque()
        self._staying: deque[_Waiting] = deque()
        self._opening = False
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
        """Have a new connection wait until it may be heard; one beyond 10,000 is cut.

        Args:
            transport: of the connection; the caller does not read from it meanwhile.
            on_turn: called when it may be heard, unless it has gone.
            loop: the transport's.
            stays: whether it is a reader's; of others, such as looks at the server's health, four
                go before each reader.
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

    def come_again_s(self) -> float | None:
        """When one more reader had better come again, in seconds from now; None: it may wait.

        Each that asks is given a later time than those before, and half as much more or less.
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
        is_due = not self._brief or self._brief_before >= _BRIEF_MAX
        if self._staying and is_due and (not self._paced or self._pace.allows()):
            self._brief_before = 0
            if self._next(self._staying, loop):
                return
        if self._next(self._brief, loop):
            self._brief_before += 1
        elif self._staying:
            loop.call_later(_LOOK_AGAIN_S, self._open, loop)
        else:
            self._opening = False

    def _next(self, waiting: deque[_Waiting], loop: asyncio.AbstractEventLoop) -> bool:
        """Hear the next one who has not gone; whether there was one."""
        while waiting:
            one = waiting.popleft()
            if not one.transport.is_closing():
                loop.call_soon(self._open, loop)
                one.on_turn()
                return True
        return False
