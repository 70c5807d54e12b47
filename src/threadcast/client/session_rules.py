"""The client's protocol logic, for every event and every disconnect. Pure: no I/O, no clock.

The rules own the cursor. It moves only when an event is delivered, so the next connection asks
again for whatever the last one lost, and duplicates are recognised by their seq.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ERRORS, ThreadcastError
from ..events import ConnectionEventType, Event
from ..wire.commands import Attach
from .backoff import Backoff
from .words import (
    ClientRefused,
    CommandRejected,
    Cursor,
    Phase,
    ProtocolViolation,
    Reset,
    ServerUnreachable,
)

_CREDENTIAL, _FORBIDDEN, _UNUSABLE = 4401, 4403, 4400
_CODE_OF_CLOSE = {
    _UNUSABLE: "unsupported_version",
    _CREDENTIAL: "token_invalid",
    _FORBIDDEN: "forbidden",
    1011: "internal",
    1013: "overloaded",
    4408: "stalled",
    4429: "rate_limited",
}
_CODE_OF_STATUS = {401: "token_invalid", 403: "forbidden", 429: "rate_limited", 500: "internal"}


@dataclass(frozen=True, slots=True)
class Deliver:
    """Deliver this to the reader."""

    item: Event | Reset


@dataclass(frozen=True, slots=True)
class Greeted:
    """Authenticated: commands may be sent.

    Attributes:
        data: that of `connection_ready`.
        server_time: seconds since the epoch, by the server's clock.
    """

    data: dict[str, Any]
    server_time: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A command was answered."""

    command_id: str
    accepted: bool
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Became:
    """The client is in another phase."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close this connection and open a new one."""

    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """End the client with this error."""

    error: ThreadcastError


Step = Deliver | Greeted | Answered | Became | HangUp | Fail | Attach


@dataclass(frozen=True, slots=True)
class Drop:
    """How a connection ended, or why none was made.

    Attributes:
        text: for people.
        close_code: the close code, if there was a connection; 1006 without a close frame.
        status: the HTTP status that answered the handshake.
        code: the error code that the answer named, if any.
        retry_after_s: how long the server asked us to wait, in seconds.
        lasting: whether retrying is useless.
    """

    text: str
    close_code: int | None = None
    status: int | None = None
    code: str | None = None
    retry_after_s: float | None = None
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Try again after this many seconds."""

    delay_s: float
    reason: str


class SessionRules:
    """One client's side of the protocol over all of its connections.

    Args:
        cursor: where to begin.
        thread_id: only this thread's events; None means all.
        backoff: the waits between attempts.
        first_attempts: give up after this many attempts without a single greeting; None means
            never.
        renewable: whether a fresh token can be obtained.
        make_id: makes ids for the commands that the rules send.

    Attributes:
        cursor: the last delivered event.
        start: where the first connection began to read, if it was not reset.
    """

    def __init__(
        self,
        cursor: Cursor,
        *,
        thread_id: str | None,
        backoff: Backoff,
        first_attempts: int | None,
        renewable: bool,
        make_id: Callable[[], str],
    ) -> None:
        self.cursor = cursor
        self.start: Cursor | None = None
        self._thread_id = thread_id
        self._backoff = backoff
        self._first_attempts = first_attempts
        self._renewable = renewable
        self._user_id: str | None = None
        self._feed: str | None = None
        self._closing: dict[str, Any] | None = None
        self._credential_refused = False
        self._was_greeted = False
        self._make_id = make_id
        self._attaches: list[str] = []  # not yet followed by `attached`
        self._discarding = False

    @property
    def discarding(self) -> bool:
        """Whether journal events are dropped, to be read again after `resume`."""
        return self._discarding

    def opened(self) -> None:
        """A new connection was opened."""
        self._closing = None
        self._attaches.clear()
        self._discarding = False

    def discard(self) -> None:
        """The buffer is full, but the connection must be read: discard events for now."""
        self._discarding = True

    def resume(self) -> list[Step]:
        """There is room again: attach again, to read what was discarded."""
        if not self._discarding:
            return []
        self._discarding = False
        return [self._attach()]

    def received(self, event: Event) -> list[Step]:
        """The steps for one event, in order."""
        if event.seq is not None:
            return self._journal_event(event, event.seq)
        match event.event_type:
            case ConnectionEventType.CONNECTION_READY:
                return self._ready(event)
            case ConnectionEventType.ATTACHED:
                return self._attached(event.data)
            case ConnectionEventType.CAUGHT_UP:
                return self._caught_up()
            case ConnectionEventType.COMMAND_ACCEPTED | ConnectionEventType.COMMAND_REJECTED:
                return self._answered(event)
            case ConnectionEventType.CONNECTION_CLOSING:
                self._closing = event.data
        return []

    def _journal_event(self, event: Event, seq: int) -> list[Step]:
        if event.user_id != self._user_id:
            return [Fail(ProtocolViolation("it sent an event of another user"))]
        after = self.cursor.after or 0
        if self._discarding or self._attaches or seq <= after:
            return []
        first_seq = seq if event.first_seq is None else event.first_seq
        if first_seq <= after:
            return [HangUp(f"merged events from {first_seq} on overlap what came before")]
        self.cursor = Cursor(seq, self._feed, event.timestamp)
        self._backoff.reset()
        return [Deliver(event)]

    def _ready(self, event: Event) -> list[Step]:
        user_id = event.user_id
        if self._user_id is not None and user_id != self._user_id:
            text = "the new credential belongs to another user; open another client for it"
            return [Fail(ClientRefused("identity_change", text))]
        feed, head = event.data.get("feed"), event.data.get("head")
        if not isinstance(feed, str) or type(head) is not int:
            return [Fail(ProtocolViolation("connection_ready has no feed or no head"))]
        self._user_id = user_id
        self._feed = feed
        self._credential_refused = False
        self._was_greeted = True
        if self.cursor.after is None:
            self.cursor = Cursor(head, self.cursor.feed or feed)
        return [self._attach(), Greeted(event.data, event.timestamp)]

    def _attach(self) -> Attach:
        command_id = self._make_id()
        self._attaches.append(command_id)
        cursor = self.cursor
        return Attach(
            id=command_id,
            after=cursor.after,
            feed=cursor.feed,
            at=cursor.at,
            thread_id=self._thread_id,
        )

    def _attached(self, data: dict[str, Any]) -> list[Step]:
        after, head = data.get("after"), data.get("head")
        if type(after) is not int or type(head) is not int:
            return [Fail(ProtocolViolation("attached is unreadable"))]
        if not (self._attaches or data.get("reset")):
            return []  # the answer to an attach that a reset overtook
        if self._attaches:
            self._attaches.pop(0)
        if self._attaches:
            return []  # a later attach is under way and decides
        if not data.get("reset"):
            self.cursor = replace(self.cursor, feed=self._feed)
            self.start = self.start or self.cursor
            return [Became(Phase.CATCHING_UP)]
        feed = data.get("feed")
        self._feed = feed if isinstance(feed, str) else self._feed
        self.cursor = Cursor(after, self._feed)
        reset = Reset(str(data.get("reason")), after, head, self._feed)
        return [Became(Phase.CATCHING_UP), Deliver(reset)]

    def _caught_up(self) -> list[Step]:
        if self._discarding or self._attaches:
            return []
        self._backoff.reset()
        return [Became(Phase.LIVE)]

    def _answered(self, event: Event) -> list[Step]:
        command_id = event.data.get("id")
        accepted = event.event_type == ConnectionEventType.COMMAND_ACCEPTED
        if not isinstance(command_id, str):
            return []
        if command_id not in self._attaches:
            return [Answered(command_id, accepted, event.data)]
        if accepted:
            return []
        self._attaches.remove(command_id)
        rejected = rejection(event.data)
        if rejected.retryable:
            return [HangUp(rejected.message, _seconds(rejected.retry_after_ms))]
        return [Fail(rejected)]

    def dropped(self, drop: Drop) -> Wait | ThreadcastError:
        """What follows a disconnect: a wait, or the error that ends the client."""
        closing = self._closing or {}
        code = self._code(drop, closing)
        text = str(closing.get("reason") or drop.text)
        if drop.status == 401 or drop.close_code == _CREDENTIAL:
            if not self._renewable or self._credential_refused:
                return ClientRefused(code, text, close_code=drop.close_code)
            self._credential_refused = True
        elif _is_final(drop, closing):
            return ClientRefused(code, text, close_code=drop.close_code)
        retry_after_s = _seconds(closing.get("retry_after_ms"))
        delay_s = self._backoff.next_s(
            drop.retry_after_s if retry_after_s is None else retry_after_s
        )
        if self._gives_up():
            answered = bool(closing) or (drop.status is not None and drop.code is not None)
            return ServerUnreachable(code, text, answered=answered)
        return Wait(delay_s, text)

    def _gives_up(self) -> bool:
        if self._was_greeted or self._credential_refused or self._first_attempts is None:
            return False
        return self._backoff.attempts >= self._first_attempts

    def _code(self, drop: Drop, closing: dict[str, Any]) -> str:
        for named in (closing.get("error"), drop.code):
            if isinstance(named, str) and named in ERRORS:
                return named
        if drop.status is not None:
            return _CODE_OF_STATUS.get(drop.status, "unavailable")
        return _CODE_OF_CLOSE.get(drop.close_code or 0, "unavailable")


def _is_final(drop: Drop, closing: dict[str, Any]) -> bool:
    return (
        drop.lasting
        or drop.status == 403
        or drop.close_code in (_UNUSABLE, _FORBIDDEN)
        or closing.get("reconnect") is False
    )


def rejection(data: dict[str, Any]) -> CommandRejected:
    """What `command_rejected` says, as an error."""
    retry_after_ms = data.get("retry_after_ms")
    return CommandRejected(
        str(data.get("code")),
        str(data.get("message")),
        retryable=data.get("retryable") is True,
        retry_after_ms=retry_after_ms if type(retry_after_ms) is int else None,
    )


def _seconds(milliseconds: object) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return max(0.0, milliseconds / 1000)
