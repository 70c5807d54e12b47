"""The client's own vocabulary: cursors, resets, states, and the errors that a caller meets.

Plain values; nothing here knows sockets, clocks or the event loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..errors import ERRORS, ThreadcastError


@dataclass(frozen=True, slots=True)
class Cursor:
    """A reader's place: enough to go on from there later, in another process too.

    Attributes:
        after: the last seq that the reader has; None is the head, 0 the beginning.
        feed: the feed id under which it got there, if known.
        at: the timestamp of the event at `after`, in seconds since the epoch, if known.
    """

    after: int | None = None
    feed: str | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """The cursor could not be continued: read the snapshots again, then go on with what follows.

    Attributes:
        reason: `new_feed`, `cursor_ahead`, `diverged` or `trimmed`.
        after: the events that follow have a greater seq than this.
        head: the journal's head when this was said.
        feed: the feed id from now on.
    """

    reason: str
    after: int
    head: int
    feed: str | None


class Phase(StrEnum):
    """Where a client is in its life."""

    CONNECTING = "connecting"
    CATCHING_UP = "catching_up"
    LIVE = "live"
    WAITING = "waiting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ClientState:
    """What a user interface may show.

    Attributes:
        phase: where the client is.
        retry_in_s: while waiting, the seconds until the next attempt.
        reason: while waiting, why the last connection ended; text of a server, so escape it.
    """

    phase: Phase
    retry_in_s: float = 0.0
    reason: str = ""


class ConnectionRefused(ThreadcastError):
    """The server does not want this client, and trying again does not help.

    Args:
        code: a code of the error table.
        message: what the server said.
        close_code: the WebSocket close code, if the connection had been opened.
    """

    def __init__(self, code: str, message: str, *, close_code: int | None = None) -> None:
        super().__init__(code, message)
        self.close_code = close_code


class ServerUnreachable(ThreadcastError):
    """No connection was made in as many attempts as the first one may take."""


class ProtocolViolation(ThreadcastError):
    """The server sent something that the protocol does not have."""

    def __init__(self, message: str) -> None:
        super().__init__("internal", f"the server broke the protocol: {message}")


class CommandRejected(ThreadcastError):
    """The server refused a command; nothing was changed by it.

    Args:
        code: what the server called it; `server_code` keeps it where this version has no such row.
        message: what was expected and what came.
        retryable: whether the same command can succeed later.
        retry_after_ms: how long to wait before that, in milliseconds.
    """

    def __init__(
        self, code: str, message: str, *, retryable: bool, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(code if code in ERRORS else "internal", message)
        self.retry_after_ms = retry_after_ms  # what the server said, and not this version's table
        self.server_code = code
        self.retryable = retryable


class ClientClosed(ThreadcastError):
    """The client was closed before the answer came, or is not open."""

    def __init__(self, message: str = "the client is closed") -> None:
        super().__init__("unavailable", message)
