"""The recorded history of a test, as JSON Lines: requests, answers, received events.

The driver of clients and agents writes it, and `checker` reads it. It may not know how clients talk
to a server, nor to which node. Its order is that of observation; agents' own records may be
anywhere before `Stored`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import msgspec


class _Line(msgspec.Struct, frozen=True, tag_field="op", tag=str.lower, omit_defaults=True):
    """One line; `op` names its kind."""

    user: str


class Invoke(_Line, frozen=True):
    """A message is about to be sent under this `client_message_id`; again for each repetition."""

    key: str


class Ok(_Line, frozen=True):
    """The server accepted the message: it is in the journal at `seq`, and `run_id` answers it."""

    key: str
    seq: int
    run_id: str


class Rejected(_Line, frozen=True):
    """The server refused the message: it must never be seen."""

    key: str
    code: str


class Unknown(_Line, frozen=True):
    """The outcome is unknown: both are right."""

    key: str


class Cancelled(_Line, frozen=True):
    """A cancel was accepted; `status` is the run's, as the answer says."""

    run_id: str
    status: str


class Responded(_Line, frozen=True):
    """A question was answered with a `value` that was never used before.

    Attributes:
        run_id: whose question.
        value: the answer.
        outcome: what the server said of it: `ok`, `rejected` or `unknown`.
        seq: of its `input_received`, where it was accepted.
    """

    run_id: str
    value: str
    outcome: Literal["ok", "rejected", "unknown"]
    seq: int = 0


class Asked(_Line, frozen=True):
    """A reader is about to attach; the answer must include everything seen so far."""

    reader: str


class Attach(_Line, frozen=True):
    """A reader was attached.

    Attributes:
        reader: one cursor of this user; it keeps its name from connection to connection.
        wanted: the seq after which it asked to go on; None for the head.
        after: the seq after which the server said that events start.
        reset: whether the server said that the cursor cannot be continued.
        head: the journal's last seq, as the server said; None where that is not known.
    """

    reader: str
    wanted: int | None
    after: int
    reset: bool = False
    head: int | None = None


class Receive(_Line, frozen=True):
    """A reader received one journal event; `owner` is the user id in its envelope."""

    reader: str
    owner: str
    seq: int
    event_type: str
    data: dict[str, Any]
    run_id: str | None = None
    first_seq: int | None = None


class Left(_Line, frozen=True):
    """A reader left for good, so it need not reach the head."""

    reader: str


class Begun(_Line, frozen=True):
    """An agent began to execute a run; `writer` names this execution and no other."""

    run_id: str
    attempt: int
    writer: str


class Emitted(_Line, frozen=True):
    """An execution is about to stream a piece of its answer; no two pieces are the same."""

    run_id: str
    writer: str
    text: str


class TailLost(_Line, frozen=True):
    """The database was replaced by a copy that lacks what was stored behind seq `after`."""

    after: int


class Stored(_Line, frozen=True):
    """One event of the final journal; all of a user's, in the journal's order."""

    seq: int
    event_type: str
    data: dict[str, Any]
    run_id: str | None = None


Record: TypeAlias = (
    Invoke
    | Ok
    | Rejected
    | Unknown
    | Cancelled
    | Responded
    | Asked
    | Attach
    | Receive
    | Left
    | Begun
    | Emitted
    | TailLost
    | Stored
)

_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_encoder = msgspec.json.Encoder()


def encode_record(record: Record) -> bytes:
    """One line of a history file, with its line break."""
    return _encoder.encode(record) + b"\n"


def decode_history(lines: Iterable[bytes]) -> list[Record]:
    """The records of a history file; empty lines are left out.

    Raises:
        msgspec.ValidationError: a line is no record.
        msgspec.DecodeError: a line is not JSON.
    """
    return [_decoder.decode(line) for line in lines if line.strip()]
