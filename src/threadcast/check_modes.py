"""Checks that can be rolled out in stages: enforced, warn-only, or off, switchable at any time.

For rules that an operator may have set too tight: limits, rates, origins, the form of ids. What
keeps users apart or the process alive (credentials, owners, fences, sizes) is never a `Check`. This
module may not know what is checked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal, get_args

from .clock import Clock
from .errors import ThreadcastError

__all__ = ["CHECK_MODES", "Check", "CheckMode", "Refuse", "always"]

log = logging.getLogger(__name__)

CheckMode = Literal["enforce", "warn", "off"]
"""`enforce` refuses; `warn` counts and logs what would be refused; `off` lets everything pass."""

CHECK_MODES: tuple[CheckMode, ...] = get_args(CheckMode)

_LOG_EVERY_S = 1.0

Tolerated = Callable[[str], None]
Refuse = Callable[[ThreadcastError], None]
"""Called with the reason when a rule is broken: raises it, or returns to let the work go on."""


def always(error: ThreadcastError) -> None:
    """A `Refuse` without a `Check`: always refuses.

    Raises:
        ThreadcastError: the one that it is given.
    """
    raise error


class Check:
    """One check and its mode.

    Args:
        name: what is checked, for the log and the metric; from a closed set.
        mode: the initial mode.
        clock: limits the log to one line a second.
        on_tolerated: called with the name for each violation that `warn` let pass; must not raise.

    Attributes:
        mode: may be set at any time; applies from the next call on.

    Raises:
        ValueError: the mode, initially or when set later, is none of the three.
    """

    __slots__ = ("_clock", "_logged_at", "_mode", "_on_tolerated", "_unlogged", "name")

    def __init__(
        self, name: str, mode: CheckMode, *, clock: Clock, on_tolerated: Tolerated
    ) -> None:
        self.name = name
        self.mode = mode
        self._clock = clock
        self._on_tolerated = on_tolerated
        self._logged_at = -_LOG_EVERY_S
        self._unlogged = 0

    @property
    def mode(self) -> CheckMode:
        """How strict it is now."""
        return self._mode

    @mode.setter
    def mode(self, mode: CheckMode) -> None:
        if mode not in CHECK_MODES:  # a typo must not let everything pass
            raise ValueError(f"mode: expected enforce, warn or off, got {str(mode)[:64]!r}")
        self._mode = mode

    def refuse(self, error: ThreadcastError) -> None:
        """Refuse as the mode says; returns if the work may go on.

        Raises:
            ThreadcastError: `error`, in mode `enforce`.
        """
        if self.mode == "enforce":
            raise error
        self.notice(error)

    def notice(self, error: ThreadcastError) -> None:
        """In mode `warn`, count and log what was let pass."""
        if self.mode == "warn":
            self._on_tolerated(self.name)
            self._warn(error)

    def _warn(self, error: ThreadcastError) -> None:
        now = self._clock.monotonic()
        if now - self._logged_at < _LOG_EVERY_S:
            self._unlogged += 1
            return
        more = f" ({self._unlogged} more since the last line)" if self._unlogged else ""
        log.warning("%s would refuse: %s%s", self.name, error, more)
        self._logged_at, self._unlogged = now, 0
