"""A relay in front of a NATS server that loses, duplicates and reorders messages, by a seed.

It parses only what it must of the text protocol: a server sends lines, and a payload after each
line that begins with MSG. Everything else passes unchanged, so connections stay alive.
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
    """A proxy before one server; its faults may be changed at any time.

    Args:
        port: the server's, on this machine.
        seed: of the faults of each message.

    Attributes:
        loss, double, late: shares of messages, 0..1, that are lost, duplicated or reordered.
        messages: the number of messages from the server.
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
        """The messages to pass on now, in order; `held` are those delayed behind a later one."""
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
    """Splits a stream into protocol lines, each with its payload."""

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
    """A listening proxy, at first without faults, closed after the block."""
    proxy = NatsProxy(port, seed)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
