"""Text forms of the bus settings. See `forms`.

No misfit repeats a user, a password or a token.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from .forms import Misfit, host, is_loopback

_SCHEMES = ("nats", "tls")
_EXPECTED = "nats://USER:PASSWORD@HOST:PORT, tls:// for TLS, several with commas between"
_SERVERS_MAX = 16
_URL_MAX_CHARACTERS = 2_048


def bus_url(text: str) -> Misfit | None:
    """One or several URLs of NATS servers."""
    urls = text.split(",")
    if len(text) > _URL_MAX_CHARACTERS or len(urls) > _SERVERS_MAX:
        allowed = f"at most {_SERVERS_MAX} URLs and {_URL_MAX_CHARACTERS} characters"
        return Misfit(f"{len(urls)} URLs of {len(text)} characters", allowed)
    return next((misfit for url in urls if (misfit := _server_url(url))), None)


def bus_servers(text: str) -> list[SplitResult]:
    """The servers of a checked `bus_url`, taken apart."""
    return [urlsplit(url) for url in text.split(",")]


def signs_in(server: SplitResult) -> bool:
    """Whether the URL itself holds what signs in."""
    return server.username is not None


def is_near(server: SplitResult) -> bool:
    """Whether the server is on this machine."""
    return is_loopback(server.hostname or "")


def file_path(text: str) -> Misfit | None:
    """A file's path; whether it is there is found out when it is read."""
    if text and not re.search(r"[\x00-\x1f]", text):
        return None
    return Misfit("no path", "a file's path")


def _server_url(url: str) -> Misfit | None:
    scheme, separator, rest = url.partition("://")
    if scheme not in _SCHEMES or not separator:
        return Misfit("text that is no NATS URL", _EXPECTED)
    if re.search(r"[\s?#\x00-\x1f]", url) or rest.count("@") > 1:
        got = "a NATS URL with characters that must be written as %40, %2F and so on"
        return Misfit(got, f"{_EXPECTED}, with such characters encoded")
    if "/" in rest:
        return Misfit("a NATS URL with a path", _EXPECTED)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return Misfit("a NATS URL with a bad host or port", _EXPECTED)
    if host(parts.hostname or "") is not None or port == 0 or parts.netloc.endswith(":"):
        return Misfit("a NATS URL with a bad host or port", _EXPECTED)
    if parts.username == "":
        return Misfit("a NATS URL with an empty user", _EXPECTED)
    return None
