"""Records the statements that a client sends to PostgreSQL, from the wire."""

from __future__ import annotations

from collections.abc import Iterator

_PARSE = b"P"
_BIND = b"B"


def statements_in(pieces: list[bytes]) -> set[str]:
    """The statements with arguments that were sent, each in one piece."""
    bodies = (body for piece in pieces for kind, body in _messages(piece) if kind == _PARSE)
    return {body.split(b"\x00")[1].decode() for body in bodies}  # behind the statement's own name


def executions_in(pieces: list[bytes]) -> int:
    """How many times statements with arguments were executed."""
    return sum(kind == _BIND for piece in pieces for kind, _ in _messages(piece))


def _messages(piece: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each message: a letter, the length with its own four bytes, a body."""
    at = 0
    while at + 5 <= len(piece):
        end = at + 1 + int.from_bytes(piece[at + 1 : at + 5], "big")
        yield piece[at : at + 1], piece[at + 5 : end]
        at = max(end, at + 5)
