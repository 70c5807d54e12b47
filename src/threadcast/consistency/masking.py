"""Masks ids for reports: no user names, bounded length, no invisible characters."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from hashlib import blake2b

from ..ids import id_kind
from .judge import Key

__all__ = ["TEXT_MAX_CHARACTERS", "HiddenUsers", "Mask", "bounded"]

TEXT_MAX_CHARACTERS = 300
"""The longest id kept as it is; longer ones become a prefix and a digest."""

_KEPT_CHARACTERS = 64
_NAMED_CHARACTERS = 2
_NAMED_FROM_CHARACTERS = 5
_KINDS = frozenset({"thread", "run", "request", "ws_conn"})  # these contain no part of a user id
_LEGACY_USER_CHARACTERS = 8  # some legacy ids hold this many characters of a user id


class Mask:
    """Masks user ids, distinctly for different users.

    Args:
        secret: the key of the digests, which prevents guessing; at most 64 bytes.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def user(self, user_id: str) -> str:
        """Two characters of the user id, if it is long enough, and a digest of it."""
        begins = user_id[:_NAMED_CHARACTERS] if len(user_id) >= _NAMED_FROM_CHARACTERS else ""
        return _visible(f"{begins}…#{_digest(user_id, self._secret)}")

    def hiding(self, users: Collection[str]) -> HiddenUsers:
        """A masker for texts that may contain these users' ids."""
        return HiddenUsers({user_id: self.user(user_id) for user_id in users if user_id})


class HiddenUsers:
    """Masks user ids inside ids and keys.

    Args:
        masks: by user id.
    """

    def __init__(self, masks: Mapping[str, str]) -> None:
        self._masks = masks
        self._by_part = {user_id[:_LEGACY_USER_CHARACTERS]: mask for user_id, mask in masks.items()}
        self._by_part |= masks
        longest_first = sorted(self._by_part, key=len, reverse=True)
        self._parts = re.compile("|".join(map(re.escape, longest_first)))

    def text(self, text: str) -> str:
        """An id, or a key that is a text."""
        if text in self._masks:
            return self._masks[text]
        if id_kind(text) in _KINDS:
            return text
        if self._by_part:
            text = self._parts.sub(lambda match: self._by_part[match[0]], text)
        return _visible(text)

    def key(self, key: Key) -> str:
        """A key; a tuple stands in brackets."""
        if isinstance(key, str):
            return self.text(key)
        return f"({', '.join(self.text(part) or '-' for part in key)})"


def bounded(text: str) -> str:
    """The text, or if too long, its beginning, its length and a digest."""
    if len(text) <= TEXT_MAX_CHARACTERS:
        return text
    return f"{text[:_KEPT_CHARACTERS]}…[{len(text)} characters, {_digest(text)}]"


def _digest(text: str, key: bytes = b"") -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4, key=key).hexdigest()


def _visible(text: str) -> str:
    """With control, direction and surrogate characters escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
