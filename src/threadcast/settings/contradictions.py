"""Checks settings against each other, one function per theme.

`values` checks each setting by itself.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..errors import ConfigurationError
from . import bus_forms, forms
from .model import SettingsFields

__all__ = ["credential_keys", "refuse_contradictions"]


def credential_keys(settings: SettingsFields) -> list[str]:
    """The keys of the credentials that are configured."""
    keys = ("jwt_secret", "jwt_public_key", "jwt_jwks_url")
    return [key for key in keys if getattr(settings, key) is not None]


def refuse_contradictions(settings: SettingsFields) -> None:
    """Refuse settings that contradict each other.

    Raises:
        ConfigurationError: with one line that names the key, what came and what is allowed.
    """
    _check_credential(settings)
    _check_algorithms(settings)
    _check_key_set(settings)
    _check_sign_in_service(settings)
    _check_exposure(settings)
    _check_bus(settings)
    _check_webhooks(settings)
    _check_role(settings)
    _check_limits(settings)


def _check_credential(settings: SettingsFields) -> None:
    """One issuer, one source of keys; development tokens are signed, so they need a secret."""
    keys = credential_keys(settings)
    if len(keys) > 1:
        raise _refuse(f"got it together with {keys[0]}, expected one of them", *reversed(keys))
    if settings.dev and keys and keys[0] != "jwt_secret":
        raise _refuse(f"got true together with {keys[0]}, expected one of them", "dev", keys[0])


def _check_algorithms(settings: SettingsFields) -> None:
    """HS256 goes with a secret and nothing else, the others with a public key or a key set."""
    names = settings.jwt_algorithms
    shared = [name for name in names if name == "HS256"]
    if not names:
        return
    if shared and len(shared) < len(names):
        expected = "either HS256 or algorithms of public keys"
        raise _refuse(f"got {', '.join(names)}, expected {expected}", "jwt_algorithms")
    public = settings.jwt_public_key or settings.jwt_jwks_url
    if (shared and public) or (not shared and (settings.jwt_secret or settings.dev)):
        expected = "RS256, ES256 or EdDSA (a public key)" if public else "HS256 (a secret)"
        raise _refuse(f"got {', '.join(names)}, expected {expected}", "jwt_algorithms")


def _check_key_set(settings: SettingsFields) -> None:
    """A key set serves many audiences: audience and issuer identify the tokens for this server."""
    url = settings.jwt_jwks_url
    if url is None:
        return
    parts = urlsplit(url)
    private = forms.is_private(parts.hostname or "")
    allowed = settings.insecure_allow_private_jwks
    if private and not allowed:
        expected = "a public host (or insecure_allow_private_jwks = true)"
        raise _refuse(f"got a private host, expected {expected}", "jwt_jwks_url")
    if parts.scheme != "https" and not (private and allowed):
        raise _refuse("got an http URL, expected an https URL", "jwt_jwks_url")
    for key in ("jwt_audience", "jwt_issuer"):
        if getattr(settings, key) is None:
            raise _refuse("got nothing, expected text beside jwt_jwks_url", key, "jwt_jwks_url")


def _check_sign_in_service(settings: SettingsFields) -> None:
    """The page uses tokens of its sign-in provider, so the server must accept those."""
    issuer = settings.oidc_issuer
    if issuer is None:
        if settings.oidc_client_id is not None:
            raise _refuse("got it without oidc_issuer, expected both", "oidc_client_id")
        return
    if settings.oidc_client_id is None:
        raise _refuse("got it without oidc_client_id, expected both", "oidc_issuer")
    if settings.jwt_jwks_url is None and settings.jwt_public_key is None:
        expected = "jwt_jwks_url or jwt_public_key beside it, the keys of that provider"
        raise _refuse(f"got it alone, expected {expected}", "oidc_issuer", "jwt_jwks_url")
    if settings.jwt_issuer != issuer:
        expected = f"the same as jwt_issuer ({settings.jwt_issuer or 'not set'})"
        raise _refuse(f"got {issuer}, expected {expected}", "oidc_issuer", "jwt_issuer")
    if urlsplit(issuer).scheme != "https" and not settings.insecure_allow_private_jwks:
        raise _refuse("got an http URL, expected an https URL", "oidc_issuer")


def _check_exposure(settings: SettingsFields) -> None:
    """A reachable server needs credentials; development mode stays on this machine."""
    if "*" in settings.allowed_origins and not settings.insecure_allow_any_origin:
        expected = "origins (or insecure_allow_any_origin = true)"
        raise _refuse(f'got "*", expected {expected}', "allowed_origins")
    for key in ("origin_check_mode", "host_check_mode"):
        if settings.dev and getattr(settings, key) != "enforce":
            raise _refuse(f"got {getattr(settings, key)}, expected enforce with dev", key, "dev")
    if forms.is_loopback(settings.host):
        return
    if settings.dev:
        expected = "127.0.0.1, ::1 or localhost with dev"
        raise _refuse(f"got {settings.host}, expected {expected}", "host", "dev")
    if not credential_keys(settings):
        expected = "jwt_secret, jwt_public_key or jwt_jwks_url to be set, or 127.0.0.1"
        raise _refuse(f"got {settings.host}, expected {expected}", "host")


def _check_bus(settings: SettingsFields) -> None:
    """A bus needs a shared database, and bus credentials need a bus."""
    url = settings.bus_url
    if url is None:
        for key in ("bus_credentials_file", "bus_ca_file"):
            if getattr(settings, key) is not None:
                raise _refuse("got it without bus_url, expected both", key, "bus_url")
        return
    if not forms.is_postgres(settings.database_url):
        expected = "a postgresql:// database (one file is used by one node, which needs no bus)"
        raise _refuse(f"got it with a SQLite database_url, expected {expected}", "bus_url")
    in_url = any(bus_forms.signs_in(server) for server in bus_forms.bus_servers(url))
    if in_url and settings.bus_credentials_file is not None:
        expected = "one of them"
        raise _refuse(
            f"got it with a user or token in bus_url, expected {expected}",
            "bus_credentials_file",
            "bus_url",
        )


def _check_webhooks(settings: SettingsFields) -> None:
    """Webhooks to other machines use TLS, and a secret needs a webhook."""
    for key in ("alert_webhook_url", "alert_slack_url"):
        parts = urlsplit(getattr(settings, key) or "https:")
        plain = parts.scheme != "https" and not forms.is_loopback(parts.hostname or "")
        if plain and not settings.insecure_allow_http_webhooks:
            expected = "https, a loopback host, or insecure_allow_http_webhooks = true"
            raise _refuse(f"got an http URL to another machine, expected {expected}", key)
    if settings.alert_webhook_secret is not None and settings.alert_webhook_url is None:
        raise _refuse("got it without alert_webhook_url, expected both", "alert_webhook_secret")


def _check_role(settings: SettingsFields) -> None:
    """A node with a partial role needs others on the same database."""
    if settings.role != "all" and not forms.is_postgres(settings.database_url):
        expected = "all with a SQLite file, which one node has for itself"
        raise _refuse(f"got {settings.role}, expected {expected}", "role", "database_url")


_AT_MOST: tuple[tuple[str, float, str], ...] = (
    # accepted input must fit into everything that it passes through
    ("message_before_authentication_max_bytes", 1, "message_max_bytes"),
    ("message_max_bytes", 1, "body_max_bytes"),
    ("message_max_bytes", 1, "event_max_bytes"),
    # one event is sent whole, so it must fit into a connection's buffer
    ("event_max_bytes", 2, "send_buffer_max_bytes"),
    ("catch_up_page_bytes", 1, "send_buffer_max_bytes"),
    # a session that waits for a reader delays the catch-up
    ("catch_up_concurrency", 1, "store_readers"),
    # something that must happen several times within a period
    ("head_poll_s", 1 / 3, "lease_s"),
    ("heartbeat_s", 1, "stall_max_s"),
    ("jwt_leeway_s", 1, "jwt_lifetime_max_s"),
    # nothing may be removed while it is still needed
    ("run_timeout_s", 1, "retention_s"),
    ("compact_after_s", 1, "retention_s"),
)
"""The first setting is at most this factor times the second, where the second is set."""


def _check_limits(settings: SettingsFields) -> None:
    for smaller, times, larger in _AT_MOST:
        value, limit = getattr(settings, smaller), getattr(settings, larger)
        if limit is not None and value > limit * times:
            share = "a third of " if times < 1 else "twice " if times > 1 else ""
            expected = f"at most {share}{larger} ({limit})"
            raise _refuse(f"got {value}, expected {expected}", smaller, larger)


def _refuse(message: str, *keys: str) -> ConfigurationError:
    return ConfigurationError(f"{keys[0]}: {message}", keys=keys)
