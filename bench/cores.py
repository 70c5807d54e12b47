"""Which cores are used: `__main__` keeps this program, and so what it starts, to one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def every_core() -> Iterator[None]:
    """Within the block, this program and what it starts meanwhile may use every core."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)
