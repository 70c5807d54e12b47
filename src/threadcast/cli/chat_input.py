"""Reads lines from a terminal or pipe without blocking the event loop.

The terminal's mode is unchanged, so there is nothing to restore. A daemon thread waits in `read`,
only while a line is wanted; it ends with the process.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import queue
import threading
from collections import deque

LINE_MAX_CHARACTERS = 1_048_576
_CHUNK_BYTES = 65_536


class LineTooLong(ValueError):
    """A line is too long."""


class LineInput:
    """The lines of a file descriptor.

    Args:
        descriptor: open for reading; None is an input that has ended.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = -1 if descriptor is None else descriptor
        self._lines: deque[str] = deque()
        self._part = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._wanted: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._reader: threading.Thread | None = None
        self._ended = descriptor is None

    async def next_line(self) -> str | None:
        """The next line without its end, or None after the last.

        One task at a time may wait here. Cancelling loses no input.

        Raises:
            LineTooLong: no line end within 1,048,576 characters.
        """
        while not self._lines:
            if self._ended:
                return None
            self._take(await self._chunk())
        return self._lines.popleft()

    async def _chunk(self) -> bytes:
        if self._reader is None:
            about = (asyncio.get_running_loop(), self._descriptor)
            self._reader = threading.Thread(
                target=self._read_all, args=about, name="stdin", daemon=True
            )
            self._reader.start()
        if self._chunks.empty():
            self._wanted.put(None)
        return await self._chunks.get()

    def _take(self, chunk: bytes) -> None:
        text = self._part + self._decoder.decode(chunk, not chunk)
        *lines, self._part = text.split("\n")
        self._lines.extend(line.removesuffix("\r") for line in lines)
        if not chunk:
            self._ended = True
            if self._part:
                self._lines.append(self._part)
        elif len(self._part) > LINE_MAX_CHARACTERS:
            raise LineTooLong(f"expected a line of at most {LINE_MAX_CHARACTERS} characters")

    def _read_all(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        """The thread: reads one chunk per request."""
        chunk = b"-"
        while chunk:
            self._wanted.get()
            try:
                chunk = os.read(descriptor, _CHUNK_BYTES)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
            except RuntimeError:  # the loop has ended
                return
