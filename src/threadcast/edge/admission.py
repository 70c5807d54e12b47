"""Admission of new connections, at a rate that does not slow down connected readers.

The kernel accepts connections as fast as they come in. Here each waits in a queue with the first
bytes that it sent, and while readers are connected, one is admitted per turn of the event loop. New
readers (see `asks_for_events`) also need CPU budget then: admitting one takes milliseconds of the
loop and of a store thread that holds the interpreter lock, and events wait meanwhile. Within the
budget, the application chooses the moment (`in_lull`). After a restart, or when the last reader has
gone, there is nobody to spare: the first seconds of readers do not count, and a crowd that began
then stays without limit for half a minute at most. A client that would wait longer than its
handshake timeout is refused with a retry time. Of HTTP, this module knows only the request line and
the `Origin` header.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

__all__ = ["AdmissionQueue", "CpuBudget", "Defer", "asks_for_events", "is_from_browser", "path_of"]

Defer = Callable[[Callable[[], None]], None]
"""Calls the function that it is given, soon."""

_WAITING_MAX = 10_000
_AT_ONCE_MAX = 8  # when nobody waits for events: a third more arrivals a second than one by one
_REQUESTS_IN_ROW_MAX = 4  # then a reader is admitted: a flood of requests must not starve readers
_WAIT_MAX_S = 4.0  # handshakes time out after five to ten seconds
_CPU_SHARE_MAX = 0.25  # of a core, for everything that this process does
_INTERVAL_MAX_S = 0.0125  # a busy process admits one reader in this time anyway
_INTERVAL_FIRST_S = 0.01  # the estimate before the first measurement
_CREDIT_S = 0.0005  # less than one admission costs: unused budget never admits two at once
_DEBT_S = 0.05
_RECHECK_MIN_S = 0.0005
_SMOOTHING = 0.05  # of the time between two admissions
_RETRY_MIN_S, _RETRY_MAX_S = 1.0, 60.0
_JITTER = 0.5  # the width of the range, relative to the retry time
_SETTLE_S = 5.0  # after a restart, the first reader does not slow down those that follow
_UNLIMITED_MAX_S = 30.0  # more than 10,000 waiting readers need at full speed
_HEAD_BYTES = 4_096


def asks_for_events(data: bytes, paths: Collection[bytes]) -> bool:
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


def is_from_browser(data: bytes) -> bool:
    """Whether a browser sent these bytes: it hides the reason of a refusal from the page."""
    return b"\norigin:" in data[:_HEAD_BYTES].lower()


class CpuBudget:
    """A share of one core for the whole process; admissions get what is left of it.

    Args:
        wall, used: return monotonic time and this process' CPU time, in seconds.

    Attributes:
        interval_s: moving average of the time between two admissions, in seconds.
        now: returns monotonic time, in seconds.
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
        self.interval_s = _INTERVAL_FIRST_S

    def reset(self) -> None:
        """Start over: earlier measurements say nothing about a new crowd."""
        self._wall_at = self._last_at = self.now()
        self._used_at = self._used()
        self._credit_s = _CREDIT_S
        self.interval_s = _INTERVAL_FIRST_S

    def try_take(self) -> bool:
        """Take budget for one admission; False if there is none now."""
        wall, used = self.now(), self._used()
        earned_s = _CPU_SHARE_MAX * (wall - self._wall_at) - (used - self._used_at)
        self._credit_s = min(_CREDIT_S, max(-_DEBT_S, self._credit_s + earned_s))
        self._wall_at, self._used_at = wall, used
        between_s = wall - self._last_at
        if self._credit_s < 0 and between_s < _INTERVAL_MAX_S:
            return False
        self._last_at = wall
        self.interval_s += _SMOOTHING * (between_s - self.interval_s)
        return True

    @property
    def wait_s(self) -> float:
        """After how many seconds to try again; before that, `try_take` would return False."""
        paid_s = -self._credit_s / _CPU_SHARE_MAX
        return max(_RECHECK_MIN_S, min(paid_s, self._last_at + _INTERVAL_MAX_S - self._wall_at))


@dataclass(frozen=True, slots=True)
class _Waiting:
    transport: asyncio.Transport
    on_admitted: Callable[[], None]


class AdmissionQueue:
    """The admission queue of one server: connections that wait with their first bytes.

    Args:
        budget: limits admissions of readers while others are connected.
        in_lull: calls a function soon, when admitting a reader delays the others least.
    """

    def __init__(
        self,
        budget: CpuBudget | None = None,
        in_lull: Defer | None = None,
    ) -> None:
        self._budget = budget or CpuBudget()
        self._in_lull = in_lull
        self._waiting_requests: deque[_Waiting] = deque()
        self._waiting_readers: deque[_Waiting] = deque()
        self._admitting = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_limited = False
        self._booked_until = 0.0
        self._requests_in_row = 0
        self._readers = 0
        self._settled_at = 0.0
        self._unlimited_until = 0.0

    @property
    def readers(self) -> int:
        """How many readers are connected; kept by their protocols."""
        return self._readers

    @readers.setter
    def readers(self, count: int) -> None:
        if self._readers == 0:
            self._settled_at = self._budget.now() + _SETTLE_S
        self._readers = count

    def enqueue(
        self,
        transport: asyncio.Transport,
        on_admitted: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        *,
        is_reader: bool = False,
    ) -> None:
        """Queue a new connection; it is aborted if 10,000 are waiting.

        Args:
            transport: of the connection; the caller has paused reading.
            on_admitted: called when it is admitted, unless it has closed by then.
            loop: the transport's.
            is_reader: whether it asks for events. Up to four other requests, such as health checks,
                go before each reader.
        """
        if len(self._waiting_readers) + len(self._waiting_requests) >= _WAITING_MAX:
            transport.abort()
            return
        queue = self._waiting_readers if is_reader else self._waiting_requests
        queue.append(_Waiting(transport, on_admitted))
        if not self._admitting:
            self._admitting = True
            now = self._budget.now()
            self._is_limited = self._readers > 0 and now >= self._settled_at
            self._unlimited_until = now + _UNLIMITED_MAX_S
            self._budget.reset()
            loop.call_soon(self._admit_in_lull, loop)
        elif self._timer is not None and not is_reader:
            self._timer.cancel()
            self._timer = None
            loop.call_soon(self._admit, loop)

    def retry_after_s(self) -> float | None:
        """The retry time for one more reader, in seconds; None if it may wait in the queue.

        Every call returns a later time than the one before, give or take 25 % of jitter.
        """
        interval_s = self._budget.interval_s
        wait_s = len(self._waiting_readers) * interval_s
        if not self._is_limited or wait_s < _WAIT_MAX_S:
            return None
        now = self._budget.now()
        self._booked_until = max(self._booked_until, now + wait_s) + interval_s
        retry_s = min(max(_RETRY_MIN_S, self._booked_until - now), _RETRY_MAX_S)
        return retry_s * (1 - _JITTER / 2 + _JITTER * random.random())  # noqa: S311 - no secret

    def _admit(self, loop: asyncio.AbstractEventLoop) -> None:
        """Admit the next one; more at once while nobody is connected who would wait meanwhile."""
        self._timer = None
        now = self._budget.now()
        if self._is_limited and not self._readers:  # those who would wait meanwhile have gone
            self._is_limited = False
            self._unlimited_until = now + _UNLIMITED_MAX_S
        elif not self._is_limited and self._readers and now > self._unlimited_until:
            self._is_limited = True
            self._budget.reset()
        for _ in range(1 if self._is_limited else _AT_ONCE_MAX):
            if not self._admit_one(loop):
                break
        else:
            loop.call_soon(self._admit_in_lull, loop)
            return
        if self._waiting_readers:
            self._timer = loop.call_later(self._budget.wait_s, self._admit_in_lull, loop)
        else:
            self._admitting = False

    def _admit_in_lull(self, loop: asyncio.AbstractEventLoop) -> None:
        """Admit the next one; if only readers wait, in a lull, for the sake of the others."""
        only_readers = self._waiting_readers and not self._waiting_requests
        if self._in_lull is not None and self._is_limited and only_readers:
            self._timer = None
            self._in_lull(lambda: self._admit(loop))
        else:
            self._admit(loop)

    def _admit_one(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Admit one that may come in now; False if there is none."""
        is_due = not self._waiting_requests or self._requests_in_row >= _REQUESTS_IN_ROW_MAX
        if self._waiting_readers and is_due and (not self._is_limited or self._budget.try_take()):
            self._requests_in_row = 0
            if _admit_next(self._waiting_readers, loop):
                return True
        if not _admit_next(self._waiting_requests, loop):
            return False
        self._requests_in_row += 1
        return True


def _admit_next(waiting: deque[_Waiting], loop: asyncio.AbstractEventLoop) -> bool:
    """Admit the first one that is still open; False if there is none."""
    while waiting:
        one = waiting.popleft()
        if not one.transport.is_closing():
            try:
                one.on_admitted()
            except Exception as error:  # noqa: BLE001 - one connection's failure must not stop the others
                loop.call_exception_handler(
                    {"message": "a connection failed when it was admitted", "exception": error}
                )
                one.transport.abort()
            return True
    return False
