"""What a client asks of PostgreSQL, read off the wire."""

from __future__ import annotations

import re

# A Parse message: its length, the statement's name, the statement.
_PARSE = re.compile(rb"P\x00[\x00-\xff]{3}[^\x00]*\x00([^\x00]+)\x00")


def statements_in(pieces: list[bytes]) -> set[str]:
    """The statements with arguments that were sent, each in one piece."""
    return {text.decode() for piece in pieces for text in _PARSE.findall(piece)}
