"""How values spread: so many in each step of size. Spreads can be added, which percentiles cannot.

A size is 10 % above the one below it, so a percentile that is read from a spread is within 5 % of
one that was measured. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import log, sqrt
from typing import Annotated

from msgspec import Meta

_RATIO = 1.1
_LOWEST, _HIGHEST = -73, 170  # 0.001 to 10,000,000; what is outside counts as the last inside

_Size = Annotated[int, Meta(ge=_LOWEST, le=_HIGHEST)]
Spread = list[tuple[_Size, Annotated[int, Meta(ge=1)]]]
"""Sizes in rising order, each once, and how many values had it."""


def spread_of(values: Iterable[float]) -> Spread:
    """The spread of values, in whichever unit."""
    return sorted(Counter(map(_size_of, values)).items())


def joined(spreads: Iterable[Spread]) -> Spread:
    """All values of some spreads as one."""
    counts: Counter[int] = Counter()
    for spread in spreads:
        counts.update(dict(spread))
    return sorted(counts.items())


def quantile_of(spread: Spread, share: float) -> float | None:
    """The value below or at which this share of the values is, within 5 %; None without any.

    Args:
        spread: of the values.
        share: above 0, at most 1.
    """
    wanted = share * sum(count for _, count in spread)
    passed = 0
    for size, count in spread:
        passed += count
        if passed >= wanted:
            return sqrt(_RATIO) * float(_RATIO**size)
    return None


def _size_of(value: float) -> int:
    within = min(max(value, _RATIO**_LOWEST), _RATIO**_HIGHEST)
    return int(log(within, _RATIO) // 1)
