"""The wire format of tokens: extraction from a header, and parsing.

Format only: nothing here is trusted, no signature is checked and no claim is read.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..errors import ThreadcastError
from .token_keys import METHODS, AlgorithmName, is_key_id

TOKEN_MAX_BYTES = 8_192

_COMPACT = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """The parts of a well-formed token that nobody has verified yet; never shown."""

    algorithm: AlgorithmName
    key_id: str | None
    signing_input: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)


class _Header(msgspec.Struct, frozen=True):
    """The header members that are used. Members that point at keys are never read."""

    alg: str
    kid: str | msgspec.UnsetType = msgspec.UNSET
    typ: str = "JWT"
    cty: str = ""
    crit: Any = msgspec.UNSET
    b64: Any = msgspec.UNSET
    enc: Any = msgspec.UNSET


_header_decoder = msgspec.json.Decoder(_Header)


def invalid_token(message: str) -> ThreadcastError:
    """The error `token_invalid`; the message says what was expected and quotes nothing."""
    return ThreadcastError("token_invalid", message)


def parse_bearer(values: Sequence[str]) -> str | None:
    """The token of a request's `Authorization` headers.

    Args:
        values: the value of every `Authorization` header of the request.

    Returns:
        The token, unverified, or None where there is no such header.

    Raises:
        ThreadcastError: `bad_request` for more than one header, `not_authenticated` for another
            scheme than Bearer, `token_invalid` where the scheme is not followed by one token.
    """
    if not values:
        return None
    if len(values) > 1:
        raise ThreadcastError("bad_request", "One Authorization header was expected, more came.")
    scheme, *rest = values[0].split()[:3] or [""]
    if scheme.lower() != "bearer":
        raise ThreadcastError("not_authenticated", "The Authorization scheme must be Bearer.")
    if len(rest) != 1:
        raise invalid_token("One token was expected after Bearer.")
    return rest[0]


def token_bytes(token: str) -> bytes:
    """Encode a token, after checking its size.

    Raises:
        ThreadcastError: `token_too_large` above 8 KiB, `token_invalid` for other than ASCII text.
    """
    if not isinstance(token, str):
        raise invalid_token("The token must be text.")
    if len(token) > TOKEN_MAX_BYTES:
        raise ThreadcastError(
            "token_too_large", f"The token must have at most {TOKEN_MAX_BYTES} bytes."
        )
    if not token.isascii():
        raise invalid_token("The token must be three base64url parts.")
    return token.encode("ascii")


def parse_token(token: bytes, allowed: Set[str] = frozenset()) -> UnverifiedToken:
    """Parse a compact JWS and check its header; nothing in it is trusted yet.

    Args:
        token: from `token_bytes`.
        allowed: the algorithms that the header may name; empty: all supported ones.

    Raises:
        ThreadcastError: `token_invalid` for any other form, encoding, algorithm or extension.
    """
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise invalid_token("The token must be three base64url parts.")
    header, payload, signature = map(_decode_part, parts.groups())
    algorithm, key_id = _read_header(header, allowed)
    return UnverifiedToken(algorithm, key_id, token[: parts.end(2)], payload, signature)


def _decode_part(part: bytes) -> bytes:
    """Decode base64url, accepting only the canonical encoding."""
    padding = b"=" * (-len(part) % 4)
    try:
        decoded = urlsafe_b64decode(part + padding)
    except Base64Error:
        raise invalid_token("A part of the token is not base64url.") from None
    if urlsafe_b64encode(decoded) != part + padding:
        raise invalid_token("A part of the token is not canonical base64url.")
    return decoded


def _read_header(data: bytes, allowed: Set[str]) -> tuple[AlgorithmName, str | None]:
    try:
        header = _header_decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise invalid_token(
            "The token's header is not a JSON object with the right types."
        ) from None
    if any(value is not msgspec.UNSET for value in (header.crit, header.b64, header.enc)):
        raise invalid_token("The token's header demands an extension that is not supported.")
    if header.typ.lower() not in _TYPES or header.cty:
        raise invalid_token("The token's header does not describe a plain JWT.")
    algorithm = next((name for name in METHODS if name == header.alg), None)
    if algorithm is None or (allowed and algorithm not in allowed):
        raise invalid_token("The token's algorithm is not allowed.")
    if header.kid is msgspec.UNSET:
        return algorithm, None
    if not is_key_id(header.kid):
        raise invalid_token("The token's key id is not acceptable.")
    return algorithm, header.kid
