"""Every setting, with its unit in its name, its default and its bounds.

A `Settings` value is complete and checked: whoever holds one need not ask again. Reading settings
from files, the environment and the command line is `sources`' work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from ..alerts.rules import RULES
from ..checks import CheckMode
from ..errors import ConfigurationError
from . import forms
from .notes import Setting, about, described_fields
from .values import check_value

_YEAR_S = 365 * 86_400
_MIB = 1_048_576
_THRESHOLDS = {
    rule.name: (rule.least, rule.most)
    for rule in RULES
    if rule.least is not None and rule.most is not None
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one server. Sizes are bytes, times are seconds, unless a name says other.

    Raises:
        ConfigurationError: a value is out of bounds, or two values contradict each other; the
            message names the keys.
    """

    # where
    host: str = field(default="127.0.0.1", metadata=about("Address to listen on.", form=forms.host))
    port: int = field(
        default=8080, metadata=about("Port to listen on; 0 takes a free one.", 0, 65_535)
    )
    database_url: str = field(
        default="sqlite:///threadcast.db",
        metadata=about(
            "Where events are kept: sqlite:///PATH.", form=forms.database_url, option="--database"
        ),
    )
    agents: tuple[str, ...] = field(
        default=(),
        metadata=about("Agents that answer messages.", form=forms.agent, option="--agent"),
    )
    dev: bool = field(
        default=False, metadata=about("Mint development tokens; loopback addresses only.")
    )
    allowed_hosts: tuple[str, ...] = field(
        default=(),
        metadata=about("Host headers that are answered.", form=forms.host_header, live=True),
    )
    trusted_proxies: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Proxies, by address, whose X-Forwarded-For and -Proto are believed.", form=forms.host
        ),
    )
    log_level: Literal["debug", "info", "warning", "error"] = field(
        default="info", metadata=about("The least serious log line that is written.", live=True)
    )
    log_format: Literal["text", "json"] = field(
        default="text",
        metadata=about("How a log line is written: for people, or one JSON object.", live=True),
    )

    # who
    jwt_secret: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "Shared secret of HS256 tokens, at least 32 bytes.", form=forms.secret, secret=True
        ),
    )
    jwt_public_key: str | None = field(
        default=None,
        metadata=about(
            "Public key of the tokens in PEM; a file or variable may give a PEM file's path.",
            form=forms.public_key,
            multiline=True,
        ),
    )
    jwt_jwks_url: str | None = field(
        default=None,
        metadata=about(
            "URL of the issuer's key set; needs audience and issuer.", form=forms.jwks_url
        ),
    )
    jwt_algorithms: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Algorithms to accept; by default those that the key is for.",
            choices=("HS256", "RS256", "ES256", "EdDSA"),
        ),
    )
    jwt_audience: str | None = field(default=None, metadata=about('What "aud" must be or contain.'))
    jwt_issuer: str | None = field(default=None, metadata=about('What "iss" must be.'))
    jwt_leeway_s: float = field(
        default=10.0, metadata=about("How far the issuer's clock may differ.", 0, 60)
    )
    jwt_lifetime_max_s: float | None = field(
        default=None, metadata=about("Longest life of a token; by default any.", 1, 10 * _YEAR_S)
    )
    jwt_plan_claim: str = field(default="plan", metadata=about("Claim that names the user's plan."))
    insecure_allow_private_jwks: bool = field(
        default=False, metadata=about("Allow a key set on a private address, and http to it.")
    )
    allowed_origins: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Web origins that may connect; by default the server's own.",
            form=forms.origin,
            live=True,
        ),
    )
    insecure_allow_any_origin: bool = field(
        default=False, metadata=about('Allow "*" in allowed_origins.', live=True)
    )
    require_origin: bool = field(
        default=False,
        metadata=about("Refuse connections with neither Origin nor bearer token.", live=True),
    )
    authentication_timeout_s: float = field(
        default=10.0,
        metadata=about("How long a connection may stay without a credential.", 0.05, 300),
    )

    # connections
    max_connections_per_user: int = field(
        default=20, metadata=about("Connections of one user.", 1, 100_000, live=True)
    )
    max_connections_per_plan: dict[str, int] = field(
        default_factory=dict,
        metadata=about("Connections of one user, by plan.", 1, 100_000, live=True),
    )
    max_connections: int = field(
        default=10_000, metadata=about("Connections of this server.", 1, 1_000_000, live=True)
    )
    connection_limit_policy: Literal["reject", "evict_oldest"] = field(
        default="reject", metadata=about("What happens to one connection too many.", live=True)
    )
    unauthenticated_per_address: int = field(
        default=10,
        metadata=about(
            "Unauthenticated connections of one address per window.", 1, 100_000, live=True
        ),
    )
    unauthenticated_window_s: float = field(
        default=10.0, metadata=about("That window.", 0.05, 3_600, live=True)
    )
    heartbeat_s: float = field(
        default=20.0,
        metadata=about("Time between pings; below the 60 s at which proxies give up.", 0.05, 55),
    )
    header_timeout_s: float = field(
        default=10.0, metadata=about("Time for a request's headers.", 0.05, 300)
    )
    header_max_bytes: int = field(
        default=16_384, metadata=about("Size of a request's headers.", 1_024, _MIB)
    )
    message_max_bytes: int = field(
        default=262_144, metadata=about("Size of a client's message.", 1_024, 16 * _MIB)
    )
    message_before_authentication_max_bytes: int = field(
        default=65_536, metadata=about("Size of a message before authentication.", 1_024, _MIB)
    )
    fragments_max: int = field(
        default=1_024, metadata=about("Fragments of one message.", 1, 65_536)
    )
    partial_message_timeout_s: float = field(
        default=60.0, metadata=about("Time for a whole message.", 0.05, 3_600)
    )
    body_max_bytes: int = field(
        default=_MIB, metadata=about("Size of a request's body.", 1_024, 64 * _MIB)
    )
    commands_per_s: float = field(
        default=20.0,
        metadata=about("Commands of one connection per second.", 0.01, 100_000, live=True),
    )
    commands_burst: int = field(
        default=60, metadata=about("Commands that may come at once.", 1, 1_000_000, live=True)
    )
    requests_per_s: float = field(
        default=20.0,
        metadata=about("HTTP requests of one user per second.", 0.01, 100_000, live=True),
    )
    requests_burst: int = field(
        default=60, metadata=about("HTTP requests that may come at once.", 1, 1_000_000, live=True)
    )
    commands_in_flight_max: int = field(
        default=16, metadata=about("Commands not answered yet.", 1, 10_000)
    )
    errors_per_minute_max: int = field(
        default=20, metadata=about("Bad messages before the connection ends.", 1, 10_000, live=True)
    )
    send_buffer_max_bytes: int = field(
        default=131_072,
        metadata=about("What waits to be sent on one connection.", 1_024, 64 * _MIB),
    )
    stall_max_s: float = field(
        default=600.0, metadata=about("How long a client may not read.", 0.05, 86_400)
    )
    catch_up_concurrency: int = field(
        default=4, metadata=about("Connections that catch up at once.", 1, 64)
    )
    catch_up_page_bytes: int = field(
        default=131_072, metadata=about("What one catch-up step reads.", 1_024, 64 * _MIB)
    )

    # journal
    store_readers: int = field(
        default=4, metadata=about("Readers of the database at once, one thread each.", 1, 64)
    )
    batch_max_events: int = field(
        default=4_096, metadata=about("Events in one commit.", 1, 1_000_000)
    )
    append_queue_max_units: int = field(
        default=100_000, metadata=about("Appends that wait for their commit.", 1, 10_000_000)
    )
    event_max_bytes: int = field(
        default=262_144, metadata=about("Size of one event's data.", 1_024, 16 * _MIB)
    )
    compact_after_s: float = field(
        default=900.0,
        metadata=about("When a finished run's streamed pieces may go.", 0, 10 * _YEAR_S),
    )
    retention_s: float | None = field(
        default=None,
        metadata=about("How long events are kept; by default for ever.", 1, 100 * _YEAR_S),
    )
    head_poll_s: float = field(
        default=1.0, metadata=about("Time between looks for events of other nodes.", 0.005, 60)
    )

    # runs
    max_runs: int = field(
        default=1_000, metadata=about("Runs of this server at once.", 1, 1_000_000)
    )
    max_runs_per_user: int = field(
        default=20, metadata=about("Runs of one user at once.", 1, 100_000, live=True)
    )
    max_runs_per_plan: dict[str, int] = field(
        default_factory=dict,
        metadata=about("Runs of one user at once, by plan.", 1, 100_000, live=True),
    )
    run_starts_per_s: float = field(
        default=5.0,
        metadata=about("Runs that a user may start per second.", 0.01, 100_000, live=True),
    )
    run_starts_burst: int = field(
        default=50, metadata=about("Runs that a user may start at once.", 1, 1_000_000, live=True)
    )
    run_timeout_s: float = field(
        default=600.0, metadata=about("Longest life of a run.", 0.05, _YEAR_S)
    )
    lease_s: float = field(
        default=10.0, metadata=about("How long a node owns a run without renewal.", 0.05, 3_600)
    )
    attempts_max: int = field(
        default=3, metadata=about("How often a run is begun before it fails.", 1, 100)
    )
    disconnect_grace_s: float = field(
        default=5.0,
        metadata=about("How long a user must be away until runs that ask for it end.", 0, 3_600),
    )
    drain_s: float = field(
        default=5.0, metadata=about("Time for runs to end when the server stops.", 0, 3_600)
    )

    # what other services append
    ingest_user_prefixes: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "How the ids of users begin for whom services may append; by default any user.",
            form=forms.prefix,
        ),
    )
    ingest_events_max: int = field(
        default=10_000, metadata=about("Events of one ingest request.", 1, 100_000)
    )
    ingest_event_max_bytes: int = field(
        default=262_144, metadata=about("Size of one event to ingest.", 1_024, 16 * _MIB)
    )
    ingest_events_per_s: float = field(
        default=10_000.0,
        metadata=about(
            "Events that one service may append per second.", 0.01, 1_000_000, live=True
        ),
    )
    ingest_events_burst: int = field(
        default=50_000,
        metadata=about("Events that it may append at once.", 256, 10_000_000, live=True),
    )
    ingest_requests_max: int = field(
        default=8, metadata=about("Ingest requests of this server at once.", 1, 1_000, live=True)
    )
    external_run_silence_s: float = field(
        default=3_600.0,
        metadata=about(
            "How long a run of another service may be silent before it fails.", 1, _YEAR_S
        ),
    )

    # checks that can be rolled out in stages
    id_validation: CheckMode = field(
        default="enforce",
        metadata=about(
            "Ids in paths, queries, headers and sessions that are no ids, or of another kind; "
            "those in commands are always refused.",
            live=True,
        ),
    )
    track_consistency: bool = field(
        default=False,
        metadata=about(
            "Follow the ids of contexts from creation to cleanup, for /ops/consistency.", live=True
        ),
    )
    track_consistency_sample: float = field(
        default=1.0, metadata=about("Which share of contexts is followed.", 0, 1, live=True)
    )
    track_consistency_max_traces: int = field(
        default=500, metadata=about("Contexts of which something is remembered.", 1, 10_000)
    )
    rate_limit_mode: CheckMode = field(
        default="enforce",
        metadata=about(
            "Requests, commands and starts of runs beyond their rate, and strangers beyond theirs.",
            live=True,
        ),
    )
    connection_limit_mode: CheckMode = field(
        default="enforce", metadata=about("Connections beyond a user's limit.", live=True)
    )
    run_limit_mode: CheckMode = field(
        default="enforce", metadata=about("Runs beyond a user's limit.", live=True)
    )
    origin_check_mode: CheckMode = field(
        default="enforce",
        metadata=about("Web origins that are not in allowed_origins.", live=True),
    )
    host_check_mode: CheckMode = field(
        default="enforce",
        metadata=about("Host headers that are not in allowed_hosts.", live=True),
    )

    # alerts
    alerts: bool = field(
        default=True,
        metadata=about("Judge the metrics by rules, and tell the sinks of alerts.", live=True),
    )
    alert_sample_s: float = field(
        default=10.0, metadata=about("Time between two looks at the metrics.", 0.05, 300)
    )
    alert_reminder_s: float = field(
        default=14_400.0,
        metadata=about("After how long an alert that still fires is told again.", 60, 30 * 86_400),
    )
    alert_thresholds: dict[str, float] = field(
        default_factory=dict,
        metadata=about(
            "Thresholds other than the rules' own, by rule: run_success=0.98.",
            names=_THRESHOLDS,
            live=True,
        ),
    )
    alert_webhook_url: str | None = field(
        default=None,
        repr=False,
        metadata=about("Where alerts are sent as JSON.", form=forms.webhook_url, secret=True),
    )
    alert_webhook_secret: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "Signs what is sent to alert_webhook_url; at least 32 bytes.",
            form=forms.secret,
            secret=True,
        ),
    )
    alert_slack_url: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "Slack-compatible incoming webhook for alerts.", form=forms.webhook_url, secret=True
        ),
    )
    insecure_allow_http_webhooks: bool = field(
        default=False, metadata=about("Allow http to webhooks on other machines.")
    )

    def __post_init__(self) -> None:
        check(self)


SETTINGS: tuple[Setting, ...] = described_fields(Settings)
"""Every setting's description, in the order of the class; options and reference come from here."""


def check(settings: Settings) -> None:
    """Refuse settings that are out of bounds or contradict each other.

    Raises:
        ConfigurationError: with one line that names the key, what came and what is allowed.
    """
    for description in SETTINGS:
        check_value(description, getattr(settings, description.key))
    _check_credential(settings)
    _check_algorithms(settings)
    _check_key_set(settings)
    _check_exposure(settings)
    _check_webhooks(settings)
    _check_limits(settings)


def sqlite_path(database_url: str) -> Path:
    """The file that a checked `database_url` names; `sqlite:////var/x.db` is absolute."""
    return Path(database_url.removeprefix(forms.SQLITE_PREFIX))


def dev_secret_path(settings: Settings) -> Path:
    """Where development mode keeps its secret: beside the database."""
    database = sqlite_path(settings.database_url)
    return database.with_name(f"{database.name}.dev-secret")


def _refuse(message: str, *keys: str) -> ConfigurationError:
    return ConfigurationError(f"{keys[0]}: {message}", keys=keys)


def credential_keys(settings: Settings) -> list[str]:
    """The keys of the credentials that are configured."""
    keys = ("jwt_secret", "jwt_public_key", "jwt_jwks_url")
    return [key for key in keys if getattr(settings, key) is not None]


def _check_credential(settings: Settings) -> None:
    """One issuer, one source of keys; development tokens are signed, so they need a secret."""
    keys = credential_keys(settings)
    if len(keys) > 1:
        raise _refuse(f"got it together with {keys[0]}, expected one of them", *reversed(keys))
    if settings.dev and keys and keys[0] != "jwt_secret":
        raise _refuse(f"got true together with {keys[0]}, expected one of them", "dev", keys[0])


def _check_algorithms(settings: Settings) -> None:
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


def _check_key_set(settings: Settings) -> None:
    """A key set serves many: audience and issuer say which tokens are for this server."""
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


def _check_exposure(settings: Settings) -> None:
    """What strangers can reach needs a credential; what anybody may do stays on this machine."""
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


def _check_webhooks(settings: Settings) -> None:
    """What is sent to another machine is encrypted, and a signature has something to sign."""
    for key in ("alert_webhook_url", "alert_slack_url"):
        parts = urlsplit(getattr(settings, key) or "https:")
        plain = parts.scheme != "https" and not forms.is_loopback(parts.hostname or "")
        if plain and not settings.insecure_allow_http_webhooks:
            expected = "https, a loopback host, or insecure_allow_http_webhooks = true"
            raise _refuse(f"got an http URL to another machine, expected {expected}", key)
    if settings.alert_webhook_secret is not None and settings.alert_webhook_url is None:
        raise _refuse("got it without alert_webhook_url, expected both", "alert_webhook_secret")


_AT_MOST: tuple[tuple[str, float, str], ...] = (
    # what is accepted must fit into everything that it passes through
    ("message_before_authentication_max_bytes", 1, "message_max_bytes"),
    ("message_max_bytes", 1, "body_max_bytes"),
    ("message_max_bytes", 1, "event_max_bytes"),
    # one event goes out whole, so it bounds what a connection holds as the buffer does
    ("event_max_bytes", 2, "send_buffer_max_bytes"),
    ("catch_up_page_bytes", 1, "send_buffer_max_bytes"),
    # who waits for a reader does not catch up
    ("catch_up_concurrency", 1, "store_readers"),
    # a step that must happen several times within a time
    ("head_poll_s", 1 / 3, "lease_s"),
    ("heartbeat_s", 1, "stall_max_s"),
    ("jwt_leeway_s", 1, "jwt_lifetime_max_s"),
    # nothing may be thrown away while it is still needed
    ("run_timeout_s", 1, "retention_s"),
    ("compact_after_s", 1, "retention_s"),
)
"""The first setting is at most so many times the second, where that one is set."""


def _check_limits(settings: Settings) -> None:
    for smaller, times, larger in _AT_MOST:
        value, limit = getattr(settings, smaller), getattr(settings, larger)
        if limit is not None and value > limit * times:
            share = "a third of " if times < 1 else "twice " if times > 1 else ""
            expected = f"at most {share}{larger} ({limit})"
            raise _refuse(f"got {value}, expected {expected}", smaller, larger)
