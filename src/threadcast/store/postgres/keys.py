"""Keys of users and runs inside the database.

A user's key is a digest of the user's id, the same in every database, so that tables can be
distributed by it and no statement has to look a user up first.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

_KEY_BYTES = 16
_REMEMBERED_MAX = 20_000


class RowKeys(NamedTuple):
    """The keys of the rows that an event belongs to: the user's, and numbers within that user."""

    user: str
    thread: int | None
    run: int | None


class RunKey(NamedTuple):
    """A run's row: the user's key, and its number within that user."""

    user: str
    run: int


# threadcast: ignore[TC602] a digest of the id alone: it never changes, and no user may not know it
@lru_cache(maxsize=_REMEMBERED_MAX)
def user_key(user_id: str) -> str:
    """The key of a user's rows: the first 16 bytes of SHA-256, as 32 hexadecimal digits.

    Raises:
        UnicodeEncodeError: the id holds a lone surrogate; no store can keep it.
    """
    return sha256(user_id.encode()).digest()[:_KEY_BYTES].hex()
