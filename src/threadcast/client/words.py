"""The client's values: cursors, resets, states and errors.

Nothing here knows sockets, clocks or the event loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..errors import ERRORS, ThreadcastError


@dataclass(frozen=True, slots=True)
class Cursor:
    """A reader's place, sufficient to resume from it later, even in another process.

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
    """The cursor could not be continued: read the snapshots again, then take the next items.

    Attributes:
        reason: `new_feed`, `cursor_ahead`, `diverged` or `trimmed`.
        after: the following events have a greater seq than this.
        head: the journal's head at that time.
        feed: the feed id from now on.
    """

    reason: str
    after: int
    head: int
    feed: str | None


class Phase(StrEnum):
    """The phase of a client's life."""

    CONNECTING = "connecting"
    CATCHING_UP = "catching_up"
    LIVE = "live"
    WAITING = "waiting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ClientState:
    """A client's state, for user interfaces.

    Attributes:
        phase: where the client is.
        retry_in_s: while waiting, the seconds until the next attempt.
        reason: while waiting, why the last connection ended; untrusted text, so escape it.
    """

    phase: Phase
    retry_in_s: float = 0.0
    reason: str = ""


class ClientRefused(ThreadcastError):
    """The server refuses this client, and retrying does not help.

    Args:
        code: a code of the error table.
        message: what the server said.
        close_code: the WebSocket close code, if the connection had been opened.
    """

    def __init__(self, code: str, message: str, *, close_code: int | None = None) -> None:
        super().__init__(code, message)
        self.close_code = close_code


class ServerUnreachable(ThreadcastError):
    """No connection was made within `first_attempts`.

    Args:
        code, message: what was in the way last.
        answered: whether a Threadcast server answered, which could not serve then.
    """

    def __init__(self, code: str, message: str, *, answered: bool = False) -> None:
        super().__init__(code, message)
        self.answered = answered


class ProtocolViolation(ThreadcastError):
    """The server violated the protocol."""

    def __init__(self, message: str) -> None:
        super().__init__("internal", f"the server broke the protocol: {message}")


class CommandRejected(ThreadcastError):
    """The server refused a command; nothing was changed by it.

    Args:
        code: the server's error code; `server_code` keeps it if this version does not know it.
        message: what was expected and what came.
        retryable: whether the same command can succeed later.
        retry_after_ms: how long to wait before that, in milliseconds.
    """

    def __init__(
        self, code: str, message: str, *, retryable: bool, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(code if code in ERRORS else "internal", message)
        self.retry_after_ms = retry_after_ms  # the server's value, not this version's table
        self.server_code = code
        self.retryable = retryable


class ClientClosed(ThreadcastError):
    """The client was closed before the answer came, or is not open."""

    def __init__(self, message: str = "the client is closed") -> None:
        super().__init__("unavailable", message)
