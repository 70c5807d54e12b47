"""Warnings about risky settings."""

from __future__ import annotations

from .bus_forms import bus_servers, is_near, signs_in
from .checked import Settings
from .contradictions import credential_keys

_UNENFORCED = {
    "id_validation": "unusable ids are not refused",
    "rate_limit_mode": "nobody is slowed down",
    "connection_limit_mode": "a user may open any number of connections",
    "run_limit_mode": "a user may start any number of runs",
    "origin_check_mode": "any web page may connect with a user's credential",
    "host_check_mode": "any Host header is answered",
}
"""The consequence of not enforcing each check."""


def risks(settings: Settings) -> tuple[str, ...]:
    """One warning for each risky setting, logged at every start and by `doctor`.

    Development mode is not included: it has its own warning at every start.
    """
    lines = []
    if "*" in settings.allowed_origins:
        lines.append('allowed_origins: "*" lets any web page connect with a user\'s credential')
    if settings.insecure_allow_private_jwks:
        lines.append("insecure_allow_private_jwks: keys may come from a private address")
    if settings.insecure_allow_http_webhooks:
        lines.append("insecure_allow_http_webhooks: alerts may travel unencrypted")
    lines += _of_the_bus(settings)
    lines += [
        f"{key}: {getattr(settings, key)}, {what}"
        for key, what in _UNENFORCED.items()
        if getattr(settings, key) != "enforce"
    ]
    if not (settings.dev or credential_keys(settings)):
        lines.append(
            "jwt_secret: no credential is configured; nobody can sign in: set one, "
            "or use --dev on your own machine (with doctor, too)"
        )
    return tuple(lines)


def _of_the_bus(settings: Settings) -> list[str]:
    """Warnings about an unprotected bus on another machine."""
    if settings.bus_url is None:
        return []
    far = [server for server in bus_servers(settings.bus_url) if not is_near(server)]
    lines = []
    if settings.bus_credentials_file is None and not all(map(signs_in, far)):
        lines.append(
            "bus_url: nobody signs in to a bus on another machine, so whoever reaches it can read "
            "events: put a user into bus_url, or set bus_credentials_file"
        )
    if any(server.scheme != "tls" for server in far):
        lines.append("bus_url: events travel unencrypted to another machine: use tls://")
    return lines
