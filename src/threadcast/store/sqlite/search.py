"""From a person's search text to an index query that can only mean those words, of that user."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

_ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Search:
    """A search text, taken apart.

    Attributes:
        match: the index query, with every word quoted and the user's word in its own column.
        literal: words with other characters than letters and digits, in ASCII lower case; the index
            does not see those characters, so a hit must be checked for them.
    """

    match: str
    literal: tuple[str, ...]


def owner_word(user: int) -> str:
    """The one word of the index's `owner` column that stands for a user."""
    return f"user{user}"


def search_of(user: int, text: str) -> Search | None:
    """Take a search text apart at white space, or None when it holds no word at all.

    Args:
        user: whose messages.
        text: anything that a person can type; nothing in it has a special meaning.
    """
    words = text.replace("\0", " ").split()
    if not words:
        return None
    indexed = [word for word in words if any(map(str.isalnum, word))]
    match = f'owner:"{owner_word(user)}"'
    if indexed:
        quoted = " AND ".join('"' + word.replace('"', '""') + '"' for word in indexed)
        match += f" AND content:({quoted})"
    literal = tuple(word.translate(_ASCII_LOWER) for word in words if not word.isalnum())
    return Search(match, literal)
