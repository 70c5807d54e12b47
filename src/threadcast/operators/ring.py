"""A ring buffer of the last hour's steps, read as columns.

A step has one value for each column; None where there was nothing to measure. 720 steps of about 40
columns take about 0.3 MB. Pure: it reads no clock.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from math import isnan, nan

STEPS_MAX = 720
DIGITS = 3
"""Decimals of values in milliseconds; more would only make answers longer."""


class Ring:
    """Keeps the last `STEPS_MAX` steps.

    Args:
        columns: their names, in order.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._steps: deque[tuple[float, array[float]]] = deque(maxlen=STEPS_MAX)

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def last_at(self) -> float:
        """When its last step ended, seconds since the epoch; 0 before the first."""
        return self._steps[-1][0] if self._steps else 0.0

    def add(self, at: float, values: Mapping[str, float | None]) -> None:
        """Take a step that ended at `at`, seconds since the epoch; a missing column is None."""
        row = array("d", [nan] * len(self._columns))
        for index, name in enumerate(self._columns):
            value = values.get(name)
            if value is not None:
                row[index] = round(value, DIGITS)
        self._steps.append((at, row))

    def since(self, after: float) -> tuple[list[float], dict[str, list[float | None]]]:
        """The end times and columns of the steps that ended after `after`, oldest first."""
        steps = [step for step in self._steps if step[0] > after]
        columns = {
            name: [None if isnan(row[index]) else row[index] for _, row in steps]
            for index, name in enumerate(self._columns)
        }
        return [at for at, _ in steps], columns
