"""How long to wait before the next attempt: exponential, jittered, bounded. Pure."""

from __future__ import annotations

from collections.abc import Callable

RETRY_AFTER_MAX_S = 300.0
_DOUBLINGS_MAX = 20


class Backoff:
    """The waits between the attempts of one series.

    Args:
        first_s: the longest first wait, in seconds, above 0.
        max_s: the longest wait unless the server asks for more, in seconds.
        jitter: gives uniformly distributed numbers in 0..1.
    """

    def __init__(self, *, first_s: float, max_s: float, jitter: Callable[[], float]) -> None:
        if not 0 < first_s <= max_s:
            raise ValueError(f"expected 0 < first_s <= max_s, got {first_s:g} and {max_s:g}")
        self._first_s = first_s
        self._max_s = max_s
        self._jitter = jitter
        self.attempts = 0

    def next_s(self, at_least_s: float | None = None) -> float:
        """Count one attempt and say how many seconds to wait before it.

        Args:
            at_least_s: what the server asked for; capped at 300 s, plus jitter, so that clients
                that were told the same do not reconnect together.
        """
        doublings = min(self.attempts, _DOUBLINGS_MAX)
        self.attempts += 1
        own_s = min(self._max_s, self._first_s * float(1 << doublings))
        jittered_s = own_s * (0.5 + 0.5 * self._jitter())
        return jittered_s + min(max(at_least_s or 0.0, 0.0), RETRY_AFTER_MAX_S)

    def reset(self) -> None:
        """After a success: the next failure starts a new series."""
        self.attempts = 0
