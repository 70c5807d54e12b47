"""Messages of a client that the application has not received yet: a queue with one reader.

Much smaller than `asyncio.Queue`, because every idle connection has one. It never refuses: the
owner checks `full` and stops reading from the socket.
"""

from __future__ import annotations

import asyncio

from starlette.types import Message


class Inbox:
    """Messages in order, then the disconnect, which is repeated for every further `get`.

    Args:
        loop: where the reader waits.
        messages_max: full at this many messages.
        bytes_max: full at this many characters of text.
    """

    __slots__ = ("_bytes", "_bytes_max", "_end", "_loop", "_messages", "_messages_max", "_waiter")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, messages_max: int, bytes_max: int
    ) -> None:
        self._loop = loop
        self._messages: list[Message] = []
        self._messages_max = messages_max
        self._bytes = 0
        self._end: Message | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._bytes_max = bytes_max

    @property
    def full(self) -> bool:
        """Whether the owner should stop reading; never after the end, when nothing is kept."""
        if self._end is not None:
            return False
        return len(self._messages) >= self._messages_max or self._bytes >= self._bytes_max

    def put(self, message: Message) -> None:
        """Append a message; ignored after the end."""
        if self._end is None:
            self._messages.append(message)
            self._bytes += len(message.get("text", ""))
            self._wake()

    def end(self, code: int, reason: str = "") -> None:
        """Append the disconnect; the first one counts."""
        if self._end is None:
            self._end = {"type": "websocket.disconnect", "code": code, "reason": reason}
            self._wake()

    async def get(self) -> Message:
        """The next message; after the last one the disconnect, as often as asked."""
        while not self._messages:
            if self._end is not None:
                return self._end
            await self._wait()
        message = self._messages.pop(0)
        self._bytes -= len(message.get("text", ""))
        return message

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("receive() is awaited by two tasks at once")
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
