"""Where the next claim looks and when: in laps round the circle of users whose runs wait.

A claim looks at a bounded number of users, and what waits there may have to wait: for the user's
other runs, or for a node that has the agent. So the next claim goes on behind them a moment later,
until everybody was looked at. Rests after laps in vain bound what these cost: however many users
there are, and however slow the store, a node looks for about a fifth of the time at most.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["ClaimLaps"]

_PAUSE_S = 0.02  # between two claims of a lap; at least as long as the claim took
_REST_S = 1.0
_REST_FACTOR = 3  # of the time that the lap's claims took; its pauses are as long at least


class ClaimLaps:
    """Laps of one node.

    Args:
        spread: gives a factor for each rest, so that nodes do not look in step.

    Attributes:
        after: the number in the circle behind which the next claim looks.
    """

    def __init__(self, spread: Callable[[], float]) -> None:
        self.after = 0
        self._spread = spread
        self._lap_after = 0
        self._looked_s = 0.0
        self._next_at = 0.0

    def wait_s(self, now: float) -> float:
        """How long the lap waits from now on; claims for a hint look at nobody else meanwhile."""
        return max(0.0, self._next_at - now)

    def looked(self, reached: int | None, *, began: float, ended: float, is_full: bool) -> None:
        """Note a claim of the lap. One amid a rest is part of the next lap, and does not end it.

        Args:
            reached: how far it looked; None if it looked at all who wait.
            began: when it was made, in seconds.
            ended: when it was answered.
            is_full: whether it took all that it might, so that it may have left some.
        """
        at = self.after
        self.after = at if reached is None else reached
        self._looked_s += ended - began
        if is_full:
            self._begin(next_at=ended)
        elif reached is None or _passes(self._lap_after, at, reached):
            rest_s = max(_REST_S, _REST_FACTOR * self._looked_s) * self._spread()
            self._begin(next_at=ended + rest_s)
        else:
            pause_s = max(_PAUSE_S, ended - began)
            self._next_at = max(self._next_at, ended + pause_s)

    def _begin(self, *, next_at: float) -> None:
        self._lap_after, self._looked_s = self.after, 0.0
        self._next_at = next_at


def _passes(number: int, begin: int, end: int) -> bool:
    """Whether the way round the circle from `begin` to `end` passes `number`, or ends there."""
    if begin < end:
        return begin < number <= end
    return number > begin or number <= end
