"""Which requests may become a WebSocket, and the 101 response.

Pure: it judges headers that a parser has already split. It may not know the socket, the clock or
the application. Origins and credentials are the application's business.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64encode
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .limits import EdgeLimits
from .problem import Refusal

HeaderList = list[tuple[bytes, bytes]]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_REQUEST_LINE = re.compile(rb"\r?\n?" + _TOKEN.pattern + rb" \S+ HTTP/1\.[01]\r?\n")
_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_SEPARATORS = b" \t"


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """A request that may become a WebSocket.

    Attributes:
        target: the raw request target, path and query.
        headers: the headers as they came, names in lower case.
        accept_token: the value of `Sec-WebSocket-Accept` that answers the client's key.
        subprotocols: what the client offers, in its order of preference.
    """

    target: bytes
    headers: HeaderList
    accept_token: bytes
    subprotocols: tuple[str, ...]


def explain_unknown_method(text: bytes) -> Refusal:
    """Why there is no such method as the parser found at the beginning of these bytes."""
    if _REQUEST_LINE.match(text) is None:
        return not_http()
    return Refusal("method_not_allowed", f"One of {_METHODS} was expected.", (("allow", _METHODS),))


def not_http() -> Refusal:
    """The refusal of what no HTTP parser understands, and of other versions."""
    return Refusal("bad_request", "HTTP/1.1 was expected.")


def check_host(version: str, headers: HeaderList) -> Refusal | None:
    """Refuse an unsupported HTTP version, and every ambiguous `Host`."""
    if version not in ("1.0", "1.1"):
        return not_http()
    hosts = header_values(headers, b"host")
    if len(hosts) > 1:
        return Refusal("bad_host", "One Host header was expected, several came.")
    if not hosts:
        missing = Refusal("bad_host", "A Host header was expected, none came.")
        return missing if version == "1.1" else None
    if _HOST.fullmatch(hosts[0]) is None:
        return Refusal("bad_host", "The Host header must be a name or address, and a port.")
    return None


def header_values(headers: HeaderList, name: bytes) -> list[bytes]:
    """Every value of a header; the name in lower case."""
    return [value for key, value in headers if key == name]


def has_token(headers: HeaderList, name: bytes, token: bytes) -> bool:
    """Whether a comma-separated header, however often repeated, lists a token in any case."""
    return any(
        item.strip(_SEPARATORS).lower() == token
        for value in header_values(headers, name)
        for item in value.split(b",")
    )


def wants_websocket(headers: HeaderList) -> bool:
    """Whether a request asks for a WebSocket upgrade, valid or not."""
    return has_token(headers, b"connection", b"upgrade") and has_token(
        headers, b"upgrade", b"websocket"
    )


def has_body(headers: HeaderList) -> bool:
    """Whether a request announces a body."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 "))
        for name, value in headers
    )


def judge_request(
    *,
    method: str,
    version: str,
    target: bytes,
    headers: HeaderList,
    is_upgrade: bool,
    is_draining: bool,
    websocket_paths: Collection[bytes],
    limits: EdgeLimits,
) -> UpgradeRequest | Refusal | None:
    """Judge any request.

    Args:
        method, version, target, headers: as the parser reports them.
        is_upgrade: whether the parser takes what follows for another protocol.
        is_draining: whether the server stops, so that no WebSocket may begin.
        websocket_paths: raw paths for WebSockets only.
        limits: of the server.

    Returns:
        A checked upgrade, or why the request is refused; None for one that the application answers.
    """
    refusal = check_host(version, headers)
    if refusal is not None:
        return refusal
    if target == b"*":
        return Refusal("bad_request", "A path was expected.")
    if any(coding.lower() != b"chunked" for coding in header_values(headers, b"transfer-encoding")):
        return Refusal("bad_request", "No Transfer-Encoding but chunked was expected.")
    if wants_websocket(headers):
        if is_draining:
            return Refusal("shutting_down")
        return check_upgrade(
            method=method, version=version, target=target, headers=headers, limits=limits
        )
    if is_upgrade and has_body(headers):
        return Refusal("bad_request", "An upgrade must not have a body.")
    if target.partition(b"?")[0] in websocket_paths:
        return _refuse_plain_request(method)
    return None


def check_upgrade(
    *, method: str, version: str, target: bytes, headers: HeaderList, limits: EdgeLimits
) -> UpgradeRequest | Refusal:
    """Judge a request that `wants_websocket`.

    Returns:
        The checked request, or why it is refused.
    """
    if method != "GET":
        return Refusal("method_not_allowed", "GET was expected.", (("allow", "GET"),))
    if version != "1.1":
        return Refusal("bad_request", "An upgrade needs HTTP/1.1.")
    if has_body(headers):
        return Refusal("bad_request", "An upgrade must not have a body.")
    if header_values(headers, b"sec-websocket-version") != [b"13"]:
        return Refusal("upgrade_required", "WebSocket version 13 was expected.", _upgrade_headers())
    key = _single_key(headers)
    if key is None:
        return Refusal("bad_ws_key", "One Sec-WebSocket-Key of 16 bytes in base64 was expected.")
    subprotocols = _subprotocols(
        header_values(headers, b"sec-websocket-protocol"), limits.subprotocols_max
    )
    if isinstance(subprotocols, Refusal):
        return subprotocols
    return UpgradeRequest(target, headers, accept_token(key), subprotocols)


def accept_token(key: bytes) -> bytes:
    """The answer to a client's key (RFC 6455, section 4.2.2)."""
    return b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def switching_response(
    token: bytes, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """The 101 response.

    Args:
        token: the request's `accept_token`.
        subprotocol: the one that the application chose, if any.
        headers: further headers.

    Raises:
        ValueError: a header or the subprotocol would corrupt the response (header injection).
    """
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: " + token,
    ]
    if subprotocol is not None:
        lines.append(b"sec-websocket-protocol: " + subprotocol.encode("ascii"))
    lines += [name + b": " + value for name, value in headers]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise ValueError("a response header must not contain a line break")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _refuse_plain_request(method: str) -> Refusal:
    """The answer to a request without an upgrade on a WebSocket path."""
    if method != "GET":
        return Refusal("method_not_allowed", "GET was expected.", (("allow", "GET"),))
    return Refusal("upgrade_required", "A WebSocket upgrade was expected.", _upgrade_headers())


def _upgrade_headers() -> tuple[tuple[str, str], ...]:
    return (
        ("connection", "close, upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
    )


def _single_key(headers: HeaderList) -> bytes | None:
    keys = header_values(headers, b"sec-websocket-key")
    if len(keys) != 1 or len(keys[0]) != 24:
        return None
    try:
        raw = binascii.a2b_base64(keys[0], strict_mode=True)
    except binascii.Error:
        return None
    return keys[0] if len(raw) == 16 else None


def _subprotocols(values: list[bytes], items_max: int) -> tuple[str, ...] | Refusal:
    items: list[bytes] = []
    for value in values:
        items += value.split(b",", items_max)
        if len(items) > items_max:
            return Refusal("bad_subprotocol", f"At most {items_max} subprotocols were expected.")
    tokens = [item.strip(_SEPARATORS) for item in items]
    if any(_TOKEN.fullmatch(token) is None for token in tokens):
        return Refusal("bad_subprotocol", "Every subprotocol must be an HTTP token.")
    return tuple(token.decode("ascii") for token in tokens)
