"""Which web pages may talk to this server: the origin and host rules, exact and pure."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from .check_modes import Refuse, always
from .errors import ThreadcastError
from .settings import Settings

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_WEB_SCHEME = {"ws": "http", "wss": "https", "http": "http", "https": "https"}
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

Origin = tuple[str, str, int]
Host = tuple[str, int | None]


def parse_origin(text: str) -> Origin | None:
    """Scheme, lower-case host and port of an `Origin` header, or None when it is not one.

    `null`, a trailing dot, a path, user information and anything else that a browser would not
    send as the origin of a page are not origins.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    if parts.hostname.endswith(".") or not parts.hostname.isascii():
        return None
    return parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme]


def parse_host(text: str) -> Host | None:
    """Lower-case host and port of a `Host` header, or None when it is not one."""
    if not text or any(mark in text for mark in "/?#@ \t\\,;"):
        return None
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname else None


class OriginRule:
    """Decides whether a page of some origin may open a connection or read an answer.

    Args:
        allowed: further origins, such as `https://app.example`; the server's own is always allowed.
        allow_any: allow every origin; an operator asked for it.
        require: also refuse a request without an `Origin`, unless it carries a credential.
        refuse: called with the reason for an origin that is not allowed.
    """

    def __init__(
        self,
        allowed: tuple[str, ...],
        *,
        allow_any: bool,
        require: bool,
        refuse: Refuse = always,
    ) -> None:
        self._refuse = refuse
        self._allowed = _parsed(allowed)
        self._allow_any = allow_any
        self._require = require

    @classmethod
    def from_settings(cls, settings: Settings, *, refuse: Refuse) -> Self:
        """The rule that these settings give."""
        rule = cls((), allow_any=False, require=False, refuse=refuse)
        rule.take_settings(settings)
        return rule

    def take_settings(self, settings: Settings) -> None:
        """Apply these settings from now on."""
        origins = settings.allowed_origins
        self._allowed = _parsed(origins)
        self._allow_any = settings.insecure_allow_any_origin and "*" in origins
        self._require = settings.require_origin

    def check(self, origin: str | None, *, scheme: str, host: str, credential: bool) -> None:
        """Refuse an origin that is not allowed.

        Args:
            origin: the `Origin` header, or None.
            scheme: the request's own scheme: http, https, ws or wss.
            host: the `Host` header.
            credential: whether the request carries one in a header of its own.

        Raises:
            ThreadcastError: `origin_not_allowed`.
        """
        if origin is None:
            if self._require and not credential:
                self._refuse(ThreadcastError("origin_not_allowed", "an Origin header is required"))
            return
        if self._allow_any:
            return
        came = parse_origin(origin)
        if came is None or (came not in self._allowed and came != _own(scheme, host)):
            self._refuse(ThreadcastError("origin_not_allowed"))


def _parsed(texts: tuple[str, ...]) -> frozenset[Origin]:
    return frozenset(origin for text in texts if (origin := parse_origin(text)) is not None)


def _own(scheme: str, host: str) -> Origin | None:
    parsed = parse_host(host)
    if parsed is None or scheme not in _WEB_SCHEME:
        return None
    web = _WEB_SCHEME[scheme]
    return web, parsed[0], parsed[1] or _DEFAULT_PORTS[web]


def _bare_host(text: str) -> Host | None:
    """A configured host: as in a `Host` header, or an IPv6 address without brackets."""
    return parse_host(f"[{text}]" if text.count(":") > 1 and text[0] != "[" else text)


class HostRule:
    """Decides whether a request's `Host` names this server (against DNS rebinding).

    Args:
        allowed: host names, with a port where only that port is meant; empty means: loopback names
            when the server listens on loopback, else any.
        listens_on: the address that the server is bound to.
        refuse: is called with the reason for a host that is not ours.
    """

    def __init__(
        self, allowed: tuple[str, ...], *, listens_on: str, refuse: Refuse = always
    ) -> None:
        on_loopback = listens_on in _LOOPBACK_NAMES or listens_on.startswith("127.")
        self._default = (*_LOOPBACK_NAMES, listens_on) if on_loopback else ()
        self._refuse = refuse
        self._allow(allowed)

    def take_settings(self, settings: Settings) -> None:
        """Apply these settings from now on."""
        self._allow(settings.allowed_hosts)

    def _allow(self, allowed: tuple[str, ...]) -> None:
        parsed = (_bare_host(text) for text in allowed or self._default)
        self._allowed = frozenset(host for host in parsed if host is not None)

    def check(self, host: str | None) -> None:
        """Refuse a host that is not a host, or is not ours.

        Raises:
            ThreadcastError: `bad_host` or `host_not_allowed`.
        """
        parsed = None if host is None else parse_host(host)
        if parsed is None:
            raise ThreadcastError("bad_host")
        name, _port = parsed
        if self._allowed and not self._allowed & {parsed, (name, None)}:
            self._refuse(ThreadcastError("host_not_allowed"))
