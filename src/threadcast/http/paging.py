"""Paging parameters, and page tokens that cannot be forged.

A token names a place in one list of one user. It is signed, so an edited token, or one of another
user or list, is refused; it holds nothing secret. Pure.
"""

from __future__ import annotations

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

from ..errors import ThreadcastError
from ..events import encode_json
from ..wire.fields import SEQ_MAX
from ..wire.http_models import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX

_PURPOSE = b"threadcast page tokens"
_SEQ_BYTES, _MAC_BYTES = 8, 16
_TOKEN_CHARACTERS = (_SEQ_BYTES + _MAC_BYTES) * 4 // 3
_DIGITS_MAX = len(str(SEQ_MAX))


class PageTokens:
    """Makes and reads page tokens.

    Args:
        secret: shared by all nodes; without one, tokens are valid in this process only.
    """

    def __init__(self, secret: str | None) -> None:
        seed = os.urandom(32) if secret is None else secret.encode()
        self._key = hmac.digest(seed, _PURPOSE, "sha256")

    def make(self, user_id: str, what: str, seq: int) -> str:
        """A token for the items before `seq` of one list.

        Args:
            user_id: whose list.
            what: names the list, such as `threads`.
            seq: 1..2^53 - 1.
        """
        place = seq.to_bytes(_SEQ_BYTES, "big")
        return urlsafe_b64encode(place + self._mac(user_id, what, place)).decode("ascii")

    def read(self, token: str | None, user_id: str, what: str) -> int | None:
        """The seq of a token made for this user and list; None without a token.

        Raises:
            ThreadcastError: `bad_page_token`.
        """
        if token is None:
            return None
        raw = b""
        if len(token) == _TOKEN_CHARACTERS and token.isascii():
            try:
                raw = urlsafe_b64decode(token)
            except ValueError:
                raw = b""
        place, mac = raw[:_SEQ_BYTES], raw[_SEQ_BYTES:]
        if not raw or not hmac.compare_digest(mac, self._mac(user_id, what, place)):
            raise ThreadcastError(
                "bad_page_token", "before: expected `next` of an earlier page of the same list"
            )
        return int.from_bytes(place, "big")

    def _mac(self, user_id: str, what: str, place: bytes) -> bytes:
        signed = encode_json([user_id, what]) + place
        return hmac.digest(self._key, signed, "sha256")[:_MAC_BYTES]


def read_limit(
    text: str | None, *, default: int = PAGE_LIMIT_DEFAULT, most: int = PAGE_LIMIT_MAX
) -> int:
    """A page size from 1 to `most`; the default if absent.

    Raises:
        ThreadcastError: `bad_limit`.
    """
    if text is None:
        return default
    number = whole_number(text)
    if number is None or not 1 <= number <= most:
        raise ThreadcastError("bad_limit", f"limit: expected an integer in 1..{most}")
    return number


def read_cursor(text: str | None, name: str = "after") -> int | None:
    """The seq of a cursor; None if absent.

    Raises:
        ThreadcastError: `bad_cursor`.
    """
    if text is None:
        return None
    number = whole_number(text)
    if number is None or number > SEQ_MAX:
        raise ThreadcastError("bad_cursor", f"{name}: expected an integer in 0..{SEQ_MAX}")
    return number


def whole_number(text: str) -> int | None:
    """A number of at most 16 decimal digits and nothing else, or None."""
    plain = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
    return int(text) if plain else None
