"""Parses the URL of a server into its HTTP and WebSocket URLs. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from .arguments import UnusableArgument

_SECURE = {"http": False, "ws": False, "https": True, "wss": True}


class UnusableUrl(UnusableArgument):
    """The URL names no server; the message says what was expected and repeats no password.

    Args:
        message: that.
    """

    def __init__(self, message: str) -> None:
        super().__init__("bad_field", message)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server.

    Attributes:
        websocket_url: of the WebSocket entrance.
        http_url: the start of every HTTP path, without a slash at its end.
        secure: whether TLS is used.
        loopback: whether the server is on this machine.
    """

    websocket_url: str
    http_url: str
    secure: bool
    loopback: bool


def endpoint_of(url: str) -> Endpoint:
    """Read `http(s)://host:port[/prefix]` or the same with `ws(s)`.

    Raises:
        UnusableUrl: anything else, a user name, a query (a token does not belong there).
    """
    if not isinstance(url, str):
        raise UnusableUrl(f"url: expected text, got {type(url).__name__}")
    try:
        parts = urlsplit(url.strip())
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise UnusableUrl("url: expected a host and a port in 0..65535") from None
    if parts.scheme not in _SECURE:
        raise UnusableUrl("url: expected http://, https://, ws:// or wss:// at its start")
    if not host or any(character.isspace() for character in parts.netloc):
        raise UnusableUrl("url: expected a host name after the //")
    if parts.username is not None or parts.password is not None:
        raise UnusableUrl("url: expected no user name in it; give the token apart")
    if parts.query or parts.fragment:
        raise UnusableUrl("url: expected nothing after the path; a token never goes into a URL")
    return _endpoint(parts, host)


def _endpoint(parts: SplitResult, host: str) -> Endpoint:
    secure = _SECURE[parts.scheme]
    prefix = parts.path.rstrip("/").removesuffix("/v1/ws").rstrip("/")
    s = "s" if secure else ""
    return Endpoint(
        websocket_url=f"ws{s}://{parts.netloc}{prefix}/v1/ws",
        http_url=f"http{s}://{parts.netloc}{prefix}",
        secure=secure,
        loopback=_is_loopback(host),
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
