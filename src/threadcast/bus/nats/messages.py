"""Hints as bytes on the wire: subjects, seals, encoding and decoding.

A message is a version byte, a seal of 16 bytes, and a body. The seal is a keyed digest of subject
and body, and only the nodes on one database know the key. So others who can reach the bus can
neither forge a message nor replay one on another subject. Subjects are digests too: a user id never
becomes one. Nothing here may wait or know NATS.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated

import msgspec

from ...events import EVENT_CODE, EVENT_OF_CODE, Address, JournalEvent
from .. import (
    ConnectionUnwanted,
    Hint,
    JournalGrew,
    JournalReached,
    RunSignal,
    RunsWaiting,
    SessionsRevoked,
)

VERSION = 1
"""Adding a field to the end of a body keeps the version; any other change needs a new one."""

RECEIVED_MAX_BYTES = 8 * 1_048_576
_SEAL_BYTES = 16
_HEAD_BYTES = 1 + _SEAL_BYTES
_SEQ_MAX = 2**53 - 1
_PASSES_MAX = 16


class Ignored(StrEnum):
    """Why a message was ignored."""

    TOO_LARGE = "too_large"
    VERSION = "version"
    FORGED = "forged"
    SCHEMA = "schema"
    FOREIGN = "foreign"


class _Event(msgspec.Struct, array_like=True, frozen=True):
    code: int
    address: Annotated[int, msgspec.Meta(ge=0)]
    stamp: bytes
    data: bytes


class _Grew(msgspec.Struct, array_like=True, frozen=True, tag=1):
    user_id: str
    first_seq: int
    addresses: list[tuple[str | None, str | None]]
    events: list[_Event]


class _Reached(msgspec.Struct, array_like=True, frozen=True, tag=2):
    user_id: str
    head: int


class _Waiting(msgspec.Struct, array_like=True, frozen=True, tag=3):
    passed_on: int
    user_ids: tuple[str, ...] = ()


class _Signal(msgspec.Struct, array_like=True, frozen=True, tag=4):
    run_id: str
    node_id: str


class _Revoked(msgspec.Struct, array_like=True, frozen=True, tag=5):
    user_id: str


class _Unwanted(msgspec.Struct, array_like=True, frozen=True, tag=6):
    user_id: str
    connection_id: str
    code: str


_Body = _Grew | _Reached | _Waiting | _Signal | _Revoked | _Unwanted
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Body).decode


class Messages:
    """Encodes and decodes the messages of the nodes on one database.

    Args:
        secret: at least 32 bytes, the same on all nodes.
    """

    def __init__(self, secret: bytes) -> None:
        self._seal_key = _derived(secret, b"threadcast-seal")
        self._subject_key = _derived(secret, b"threadcast-users")
        self._space = f"tc.{_derived(secret, b'threadcast-space').hex()[:20]}"
        self.waiting_subject = f"{self._space}.w"

    def user_subject(self, user_id: str) -> str:
        """The subject of hints about this user: of fixed length, and without a wildcard."""
        return f"{self._space}.u.{self._digest(user_id)}"

    def node_subject(self, node_id: str) -> str:
        """The subject of hints for one node."""
        return f"{self._space}.n.{self._digest(node_id)}"

    def subject_of(self, hint: Hint) -> str | None:
        """A hint's subject; None for one that is not for other nodes."""
        match hint:
            case JournalGrew() | JournalReached() | SessionsRevoked() | ConnectionUnwanted():
                return self.user_subject(hint.user_id)
            case RunSignal():
                return self.node_subject(hint.node_id)
            case RunsWaiting():
                return self.waiting_subject if hint.passed_on else None
            case _:
                return None

    def encode(self, subject: str, hint: Hint, *, max_bytes: int) -> bytes:
        """Encode a hint for `subject`.

        Growth that is too large is sent as `JournalReached`, and `RunsWaiting` without its names.

        Args:
            subject: from `subject_of`.
            hint: one that has a subject.
            max_bytes: bound on the message; any hint without events and names fits.
        """
        return self.sealed(subject, _body_of(hint, max_bytes - _HEAD_BYTES))

    def sealed(self, subject: str, body: bytes) -> bytes:
        """Seal any body as a message for `subject`."""
        return b"%c%b%b" % (VERSION, self._seal(subject, body), body)

    def decode(self, subject: str, message: bytes) -> Hint | Ignored:
        """Decode a message; never raises, whatever came.

        Args:
            subject: the one that this node subscribed to.
            message: the bytes received.
        """
        if len(message) > RECEIVED_MAX_BYTES:
            return Ignored.TOO_LARGE
        if message[:1] != b"%c" % VERSION:
            return Ignored.VERSION
        body = message[_HEAD_BYTES:]
        if not hmac.compare_digest(message[1:_HEAD_BYTES], self._seal(subject, body)):
            return Ignored.FORGED
        try:
            hint = _hint_of(_decode(body))
        except (ValueError, IndexError, KeyError, RecursionError):
            return Ignored.SCHEMA
        return hint if self.subject_of(hint) == subject else Ignored.FOREIGN

    def _seal(self, subject: str, body: bytes) -> bytes:
        digest = blake2b(subject.encode(), digest_size=_SEAL_BYTES, key=self._seal_key)
        digest.update(b"\n")  # a separator that no subject contains
        digest.update(body)
        return digest.digest()

    def _digest(self, text: str) -> str:
        encoded = text.encode("utf-8", "surrogatepass")
        return blake2b(encoded, digest_size=16, key=self._subject_key).hexdigest()


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return blake2b(secret, digest_size=32, person=purpose).digest()


def _body_of(hint: Hint, max_bytes: int) -> bytes:
    match hint:
        case JournalGrew():
            return _grown(hint.user_id, hint.events, max_bytes)
        case JournalReached():
            return _encode(_Reached(hint.user_id, hint.head))
        case RunsWaiting():
            body = _encode(_Waiting(hint.passed_on, hint.user_ids))
            return body if len(body) <= max_bytes else _encode(_Waiting(hint.passed_on))
        case RunSignal():
            return _encode(_Signal(hint.run_id, hint.node_id))
        case SessionsRevoked():
            return _encode(_Revoked(hint.user_id))
        case ConnectionUnwanted():
            return _encode(_Unwanted(hint.user_id, hint.connection_id, hint.code))
        case _:
            raise TypeError(f"{type(hint).__name__} is not for other nodes")


def _grown(user_id: str, events: Sequence[JournalEvent], max_bytes: int) -> bytes:
    first, last = events[0].seq, events[-1].seq
    dense = last - first + 1 == len(events)
    if dense and sum([len(event.data) for event in events]) <= max_bytes:
        numbers: dict[Address, int] = {}
        rows = [
            _Event(
                EVENT_CODE[event.event_type],
                numbers.setdefault(event.address, len(numbers)),
                event.stamp,
                event.data,
            )
            for event in events
        ]
        addresses = [(address.thread_id, address.run_id) for address in numbers]
        body = _encode(_Grew(user_id, first, addresses, rows))
        if len(body) <= max_bytes:
            return body
    return _encode(_Reached(user_id, last))


def _hint_of(body: _Body) -> Hint:
    """Raises ValueError, IndexError or KeyError for a meaningless body."""
    match body:
        case _Grew():
            return JournalGrew(body.user_id, _events_of(body))
        case _Reached():
            return JournalReached(body.user_id, _seq(body.head))
        case _Waiting():
            return RunsWaiting(_passes(body.passed_on), body.user_ids)
        case _Signal():
            return RunSignal(body.run_id, body.node_id)
        case _Revoked():
            return SessionsRevoked(body.user_id)
        case _Unwanted():
            return ConnectionUnwanted(body.user_id, body.connection_id, body.code)


def _events_of(body: _Grew) -> list[JournalEvent]:
    if not body.events:
        raise ValueError("a journal that grew by nothing")
    _seq(body.first_seq + len(body.events) - 1)
    addresses = [Address(body.user_id, *address) for address in body.addresses]
    return [
        JournalEvent(EVENT_OF_CODE[row.code], row.stamp, addresses[row.address], seq, row.data)
        for seq, row in enumerate(body.events, start=_seq(body.first_seq))
    ]


def _seq(number: int) -> int:
    if not 1 <= number <= _SEQ_MAX:
        raise ValueError("not a seq")
    return number


def _passes(number: int) -> int:
    if not 1 <= number <= _PASSES_MAX:
        raise ValueError("not a hint that was passed on")
    return number
