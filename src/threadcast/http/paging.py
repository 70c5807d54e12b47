"""Paging parameters, and page tokens.

A token names a place in one list of one user, with a checksum: an edited one, or one of another
user or list, is refused rather than read as another place. It guards no data, because every list is
of the caller alone, so it needs no secret, and any node reads what any other made. Pure.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2s

from ..errors import ThreadcastError
from ..events import encode_json
from ..wire.fields import SEQ_MAX
from ..wire.http_models import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX

_PURPOSE = b"pages"
_SEQ_BYTES, _SUM_BYTES = 8, 16
_TOKEN_CHARACTERS = (_SEQ_BYTES + _SUM_BYTES) * 4 // 3
_DIGITS_MAX = len(str(SEQ_MAX))


def page_token(user_id: str, what: str, seq: int) -> str:
    """A token for the items before `seq` of one list.

    Args:
        user_id: whose list.
        what: names the list, such as `threads`.
        seq: 1..2^53 - 1.
    """
    place = seq.to_bytes(_SEQ_BYTES, "big")
    return urlsafe_b64encode(place + _checksum(user_id, what, place)).decode("ascii")


def read_page_token(token: str | None, user_id: str, what: str) -> int | None:
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
    place, checksum = raw[:_SEQ_BYTES], raw[_SEQ_BYTES:]
    seq = int.from_bytes(place, "big")
    if checksum != _checksum(user_id, what, place) or not 1 <= seq <= SEQ_MAX:
        raise ThreadcastError(
            "bad_page_token", "before: expected `next` of an earlier page of the same list"
        )
    return seq


def _checksum(user_id: str, what: str, place: bytes) -> bytes:
    named = encode_json([user_id, what]) + place
    return blake2s(named, digest_size=_SUM_BYTES, person=_PURPOSE).digest()


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
