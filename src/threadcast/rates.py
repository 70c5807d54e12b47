"""Rate rules: a token bucket and a window counter. Pure; the caller hands in monotonic time."""

from __future__ import annotations

from collections import OrderedDict, deque

from .errors import ThreadcastError


class TokenBucket:
    """Allows `rate_per_s` on average and `burst` at once.

    Args:
        rate_per_s: tokens gained per second, > 0.
        burst: tokens held at most, >= 1.
        now: monotonic seconds.
    """

    __slots__ = ("_burst", "_level", "_rate_per_s", "_seen")

    def __init__(self, rate_per_s: float, burst: int, *, now: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._level = float(burst)
        self._seen = now

    def take(self, now: float, count: int = 1) -> float:
        """Take tokens, all or none of them.

        Args:
            now: monotonic seconds.
            count: how many, 1..burst.

        Returns:
            0.0 when they were there, else the seconds until they are.
        """
        self._level = min(self._burst, self._level + (now - self._seen) * self._rate_per_s)
        self._seen = now
        if self._level >= count:
            self._level -= count
            return 0.0
        return (count - self._level) / self._rate_per_s


class WindowCounter:
    """Counts what happened within the last `window_s` seconds, up to `limit` of them.

    Args:
        limit: how many are allowed in a window, >= 0.
        window_s: the window, in seconds.
    """

    __slots__ = ("_limit", "_times", "_window_s")

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._times: deque[float] | None = None

    def exceeded(self, now: float) -> bool:
        """Count one more now; True when there are more than `limit` in the window."""
        if self._times is None:
            self._times = deque()
        while self._times and self._times[0] <= now - self._window_s:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) > self._limit


class BucketPerKey:
    """A token bucket for each key, remembering the `keys_max` most recent ones.

    A key that was forgotten begins with a full bucket again, so `keys_max` should be far above the
    number of keys that are active within `burst / rate_per_s` seconds.
    """

    def __init__(self, rate_per_s: float, burst: int, *, keys_max: int = 100_000) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._keys_max = keys_max
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def allow(self, rate_per_s: float, burst: int) -> None:
        """Change the rate; every key begins with a full bucket again."""
        if (rate_per_s, burst) != (self._rate_per_s, self._burst):
            self._rate_per_s, self._burst = rate_per_s, burst
            self._buckets.clear()

    def take(self, key: str, now: float, count: int = 1) -> float:
        """Take tokens of this key; see `TokenBucket.take`."""
        bucket = self._buckets.pop(key, None) or TokenBucket(self._rate_per_s, self._burst, now=now)
        self._buckets[key] = bucket
        if len(self._buckets) > self._keys_max:
            self._buckets.popitem(last=False)
        return bucket.take(now, count)


def rate_limited(wait_s: float, message: str | None = None) -> ThreadcastError:
    """The error for a caller who got no token.

    Args:
        wait_s: what `take` returned, in seconds, > 0.
        message: what is allowed; the table's text when not given.
    """
    return ThreadcastError("rate_limited", message, retry_after_ms=int(wait_s * 1000) + 1)
