"""The flow of one HTTP connection: uvicorn's `FlowControl`, bounded in both directions.

Reading can be held, so that the application's `receive` does not resume it. Writing is watched: a
client that does not take what was written for it is cut. It may not know requests.
"""

from __future__ import annotations

import asyncio
import logging

from uvicorn.protocols.http.flow_control import FlowControl

log = logging.getLogger(__name__)

_BYTES_PER_S_MIN = 1_024  # as for the bodies of requests


class EdgeFlow(FlowControl):
    """Both directions of one connection.

    Args:
        transport: of the connection.
        loop: the transport's.
        stall_max_s: how long a full write buffer may take to drain, in seconds; it gets that time
            once more for every 1,024 bytes per second that the client took.

    Attributes:
        held: whether reading is held.
        stall_max_s: as above; for the next time that the buffer is full.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, stall_max_s: float
    ) -> None:
        super().__init__(transport)
        self.held = False
        self.stall_max_s = stall_max_s
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    # Reading

    def hold(self) -> None:
        """Pause reading until `release`, whatever the application does."""
        self.held = True
        self.pause_reading()

    def release(self) -> None:
        """Resume reading."""
        self.held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        """As uvicorn's, but only unless reading is held."""
        if not self.held:
            super().resume_reading()

    # Writing

    def pause_writing(self) -> None:
        """The write buffer is full."""
        super().pause_writing()
        self.watch()

    def resume_writing(self) -> None:
        """The write buffer has drained, or the connection is gone."""
        super().resume_writing()
        if not self._transport.is_closing():
            self.end()

    def watch(self) -> None:
        """See to it that the client takes what was written; also to be called after a close."""
        if self._timer is None:
            unsent = self._transport.get_write_buffer_size()
            self._timer = self._loop.call_later(self.stall_max_s, self._judge, unsent)

    def end(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _judge(self, unsent_before: int) -> None:
        self._timer = None
        taken = unsent_before - self._transport.get_write_buffer_size()
        if taken < self.stall_max_s * _BYTES_PER_S_MIN:
            log.info("cut: the client did not read")
            self._transport.abort()
        else:
            self.watch()
