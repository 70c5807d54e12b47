"""What is stored of a message so that it can be listed and searched, and how it is searched.

A message's words are stored as one text: its letters and digits without case and accents, each
word between spaces, and then the message itself in ASCII lower case. A word is found there as a
word; what has other characters must be there literally as well. Only the user's own messages are
looked at.
"""

from __future__ import annotations

import unicodedata
from string import ascii_lowercase, ascii_uppercase

from ...wire.fields import PREVIEW_MAX_CHARACTERS

_ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_WHITE = "\t\n\v\f\r "


def preview_of(content: str) -> str:
    """How a message begins: without white space before it, up to a NUL."""
    return content.lstrip(_WHITE).partition("\0")[0][:PREVIEW_MAX_CHARACTERS]


def words_of(content: str) -> str:
    """The text in which a message's words are found."""
    return f"{_folded(content)}\n{content.replace(chr(0), ' ').translate(_ASCII_LOWER)}"


def patterns_of(text: str) -> list[str]:
    """What must all be in a message's words when it is to be found.

    Args:
        text: anything that a person can type; nothing in it has a special meaning.
    """
    patterns = []
    for word in text.replace("\0", " ").split():
        if any(map(str.isalnum, word)):
            patterns.append(_folded(word))
        if not word.isalnum():
            patterns.append(word.translate(_ASCII_LOWER))
    return patterns


def _folded(text: str) -> str:
    """Letters and digits without case and accents, every run of them between single spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(
        character if character.isalnum() else " "
        for character in plain
        if not unicodedata.combining(character)
    )
    return f" {' '.join(kept.split())} "
