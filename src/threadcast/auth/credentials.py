"""Reads credential and subprotocol from a request's headers, each at most once.

A credential is never in the URL. Pure; shared by the WebSocket and the HTTP entrance, so that both
read requests in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from ..errors import ThreadcastError
from .token_format import parse_bearer

PROTOCOL = "threadcast.v1"
PROTOCOL_LINES = "threadcast.v1.lines"
_PROTOCOL_FAMILY = "threadcast."
_BEARER_ENTRY = "bearer."
_TOKEN_KEYS = frozenset(
    {"token", "access_token", "id_token", "jwt", "bearer", "auth", "authorization"}
)

_AGENT_MAX_CHARACTERS = 200

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Offer:
    """The subprotocol entries of a handshake, interpreted.

    Attributes:
        chosen: the first entry that this server supports, or None.
        token: the credential among the entries, or None.
        unsupported: the client offers only other versions of this protocol.
    """

    chosen: str | None
    token: str | None
    unsupported: bool


def read_offer(subprotocols: Sequence[str]) -> Offer:
    """Read the `Sec-WebSocket-Protocol` entries, which are in the client's order of preference.

    Raises:
        ThreadcastError: there is more than one credential among them.
    """
    tokens = [entry for entry in subprotocols if entry.startswith(_BEARER_ENTRY)]
    if len(tokens) > 1:
        raise ThreadcastError(
            "bad_subprotocol", f"expected at most one bearer entry, got {len(tokens)}"
        )
    known = [entry for entry in subprotocols if entry in (PROTOCOL, PROTOCOL_LINES)]
    family = [entry for entry in subprotocols if entry.startswith(_PROTOCOL_FAMILY)]
    return Offer(
        chosen=known[0] if known else None,
        token=tokens[0][len(_BEARER_ENTRY) :] if tokens else None,
        unsupported=bool(family) and not known,
    )


def single_header(headers: Headers, name: bytes, code: str = "bad_request") -> str | None:
    """The one value of a header, or None without one; a repeated header is ambiguous.

    Args:
        headers: of the request.
        name: in lower case.
        code: the error for a repeated header.

    Raises:
        ThreadcastError: `code`.
    """
    values = [value for key, value in headers if key == name]
    if len(values) > 1:
        raise ThreadcastError(code, f"{name.decode()}: expected one header, got {len(values)}")
    return values[0].decode("latin-1") if values else None


def agent_of(headers: Headers) -> str | None:
    """The client's `User-Agent`: printable, at most 200 characters, or None."""
    for name, value in headers:
        if name == b"user-agent":
            text = value[:_AGENT_MAX_CHARACTERS].decode("latin-1")
            return "".join(one if one.isprintable() else "?" for one in text) or None
    return None


def bearer_token(headers: Headers) -> str | None:
    """The token of the `Authorization` header (RFC 6750), or None without one.

    Raises:
        ThreadcastError: see `token_format.parse_bearer`.
    """
    return parse_bearer(
        [value.decode("latin-1") for name, value in headers if name == b"authorization"]
    )


def refuse_token_in_url(query: bytes) -> None:
    """Refuse a query string that carries a credential.

    Raises:
        ThreadcastError: `token_in_url`.
    """
    if query and any(
        key.lower() in _TOKEN_KEYS
        for key, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    ):
        raise ThreadcastError("token_in_url")
