"""Notices that the reader of the output has gone, even while there is nothing to write.

A write would notice, too, but `tail ... | head -1` may wait for its next event for hours.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def ended_with_its_reader(stream: TextIO | None) -> Iterator[None]:
    """Cancel the current task within this block when the reader of a pipe has gone.

    Args:
        stream: the output; only a pipe is watched.

    Raises:
        BrokenPipeError: the reader has gone.
    """
    task = asyncio.current_task()
    descriptor = _pipe_of(stream)
    if task is None or descriptor is None:
        yield
        return
    loop = asyncio.get_running_loop()
    gone = False

    def look() -> None:
        nonlocal gone
        if _reader_has_gone(descriptor):
            gone = True
            task.cancel()
        loop.remove_reader(descriptor)

    loop.add_reader(descriptor, look)
    try:
        yield
    except asyncio.CancelledError:
        if not gone or task.uncancel() > 0:
            raise
        raise BrokenPipeError from None
    finally:
        loop.remove_reader(descriptor)


def _pipe_of(stream: TextIO | None) -> int | None:
    """The descriptor of a pipe or a socket; the writing end of a pipe is readable once it broke."""
    if stream is None or stream.closed or not hasattr(select, "poll"):
        return None
    try:
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return None
    return descriptor if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else None


def _reader_has_gone(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)  # errors and hang-ups are always reported
    return any(happened & (select.POLLERR | select.POLLHUP) for _, happened in poll.poll(0))
