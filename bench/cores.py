"""CPU affinity: `__main__` pins this program, and so its children, to one core."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def every_core() -> Iterator[None]:
    """Within the block, this process and processes that it starts may use every core."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)
