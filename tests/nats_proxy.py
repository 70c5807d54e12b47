"""A relay in front of a NATS server that loses, duplicates and reorders messages, by a seed.

It understands the text protocol as far as it must: what a server sends to a client is lines, and
after a line that begins with MSG a payload. All else passes untouched, so links stay alive.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from tcp_relay import Relay

_PIECE_MAX_BYTES = 65_536
_END = b"\r\n"
_WITH_PAYLOAD = (b"MSG", b"PUB")


class NatsProxy(Relay):
    """Stands before one server; what it does to messages may be changed at any time.

    Args:
        port: the server's, on this machine.
        seed: of what happens to which message.

    Attributes:
        loss, double, late: shares of messages, 0..1, that are lost, come twice, or come after
            others that were sent after them.
        messages: so many came from the server.
    """

    def __init__(self, port: int, seed: int) -> None:
        super().__init__(lambda: [port])
        self.loss = self.double = self.late = 0.0
        self.messages = 0
        self._random = random.Random(seed)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: asyncio.Event
    ) -> None:
        frames, held = _Frames(), list[bytes]()
        while piece := await reader.read(_PIECE_MAX_BYTES):
            await flow.wait()
            for frame in frames.feed(piece):
                writer.writelines(self._judged(frame, held))
            await writer.drain()

    def _judged(self, frame: bytes, held: list[bytes]) -> list[bytes]:
        """What goes on now, in this order; `held` is what waits for a later message."""
        if not frame.startswith(b"MSG "):
            return [frame]
        self.messages += 1
        if self._random.random() < self.loss:
            return []
        copies = [frame] * (2 if self._random.random() < self.double else 1)
        if self._random.random() < self.late:
            held += copies
            return []
        ready = [*copies, *held]
        held.clear()
        return ready


class _Frames:
    """Cuts a stream into protocol lines, each with the payload that belongs to it."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        self._buffer += piece
        while (end := self._end_of_first()) is not None:
            yield self._buffer[:end]
            self._buffer = self._buffer[end:]

    def _end_of_first(self) -> int | None:
        line_end = self._buffer.find(_END)
        if line_end < 0:
            return None
        words = self._buffer[:line_end].split()
        end = line_end + len(_END)
        if words and words[0] in _WITH_PAYLOAD:
            end += int(words[-1]) + len(_END)
        return end if len(self._buffer) >= end else None


@asynccontextmanager
async def unruly(port: int, seed: int) -> AsyncIterator[NatsProxy]:
    """A proxy that listens, and is gone after the block; it begins without faults."""
    proxy = NatsProxy(port, seed)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
