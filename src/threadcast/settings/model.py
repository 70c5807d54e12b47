"""Every setting, with its unit in its name, its default and its bounds: one table, by theme.

Nothing here is checked: `checked` makes a `Settings` of it. Reading settings from files, the
environment and the command line is `sources`' work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..alerts.rules import RULES
from ..check_modes import CheckMode
from ..errors import ConfigurationError
from . import bus_forms, forms
from .notes import about

_YEAR_S = 365 * 86_400
_MIB = 1_048_576
_THRESHOLDS = {
    rule.name: (rule.least, rule.most)
    for rule in RULES
    if rule.least is not None and rule.most is not None
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFields:
    """All settings of one server. Sizes are bytes, times are seconds, unless a name says other."""

    # where
    host: str = field(default="127.0.0.1", metadata=about("Address to listen on.", form=forms.host))
    port: int = field(
        default=8080, metadata=about("Port to listen on; 0 takes a free one.", 0, 65_535)
    )
    database_url: str = field(
        default="sqlite:///threadcast.db",
        repr=False,  # it may hold a password
        metadata=about(
            "Where events are kept: sqlite:///PATH, or just the path of a file such as ./chat.db, "
            "or postgresql://USER:PASSWORD@HOST/DATABASE.",
            form=forms.database_url,
            option="--database",
        ),
    )
    database_migrate: bool = field(
        default=False,
        metadata=about(
            "Migrate an older PostgreSQL schema when the server starts; an empty database is "
            "always set up."
        ),
    )
    database_prepared_statements: bool | None = field(
        default=None,
        metadata=about(
            "Keep prepared statements in PostgreSQL's connections: faster, but not behind a "
            "pooler in transaction mode that does not support them. Unset: only on direct "
            "connections."
        ),
    )
    database_timeout_s: float = field(
        default=2.0,
        metadata=about(
            "How long PostgreSQL may take to connect and to answer, except for a commit.", 0.1, 60
        ),
    )
    database_commit_timeout_s: float = field(
        default=10.0,
        metadata=about(
            "How long PostgreSQL may take to commit before the outcome is unknown.", 0.1, 600
        ),
    )
    role: Literal["all", "worker", "gateway"] = field(
        default="all",
        metadata=about(
            "What this node does: a worker only executes runs, a gateway only serves users."
        ),
    )
    node_id: str | None = field(
        default=None,
        metadata=about(
            "Unique name of this node; by default a new one at every start.",
            form=forms.node_id,
        ),
    )
    node_lease_s: float = field(
        default=10.0,
        metadata=about(
            "How long connections of a lost node count towards their users' limits.",
            0.5,
            3_600,
        ),
    )
    bus_url: str | None = field(
        default=None,
        repr=False,  # it may hold a password
        metadata=about(
            "NATS servers over which the nodes on one PostgreSQL database hint each other: "
            "nats://USER:PASSWORD@HOST:PORT, tls:// for TLS, several with commas between.",
            form=bus_forms.bus_url,
            option="--bus",
        ),
    )
    bus_credentials_file: str | None = field(
        default=None,
        metadata=about(
            "NATS credentials file (.creds) that signs in to the bus.", form=bus_forms.file_path
        ),
    )
    bus_ca_file: str | None = field(
        default=None,
        metadata=about(
            "Certificates in PEM that verify a bus with TLS; by default the system's.",
            form=bus_forms.file_path,
        ),
    )
    bus_message_max_bytes: int = field(
        default=262_144,
        metadata=about(
            "Size of one hint; larger growth of a journal is hinted without its events.",
            1_024,
            8 * _MIB,
        ),
    )
    bus_buffer_max_bytes: int = field(
        default=8 * _MIB,
        metadata=about(
            "How much may be queued for a slow bus before hints are dropped.", 65_536, 1_024 * _MIB
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
            "Proxies, by address or network, whose X-Forwarded-For and -Proto are trusted.",
            form=forms.proxy,
        ),
    )
    log_level: Literal["debug", "info", "warning", "error"] = field(
        default="info", metadata=about("The lowest level that is logged.", live=True)
    )
    log_format: Literal["text", "json"] = field(
        default="text",
        metadata=about("Format of log lines: text for people, or one JSON object each.", live=True),
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
            "Algorithms to accept; by default those of the key.",
            choices=("HS256", "RS256", "ES256", "EdDSA"),
        ),
    )
    jwt_audience: str | None = field(default=None, metadata=about('What "aud" must be or contain.'))
    jwt_issuer: str | None = field(default=None, metadata=about('What "iss" must be.'))
    jwt_leeway_s: float = field(
        default=10.0,
        metadata=about("How far clocks may differ when a token's times are checked.", 0, 60),
    )
    jwt_lifetime_max_s: float | None = field(
        default=None,
        metadata=about("Longest lifetime of a token; by default any.", 1, 10 * _YEAR_S),
    )
    jwt_plan_claim: str = field(default="plan", metadata=about("Claim that names the user's plan."))
    insecure_allow_private_jwks: bool = field(
        default=False, metadata=about("Allow a key set on a private address, and http to it.")
    )
    oidc_issuer: str | None = field(
        default=None,
        metadata=about(
            "OpenID Connect provider at which the chat page signs in; the same as jwt_issuer.",
            form=forms.issuer_url,
        ),
    )
    oidc_client_id: str | None = field(
        default=None,
        metadata=about("The chat page's client id there: a public client, without a secret."),
    )
    oidc_scope: str = field(
        default="openid",
        metadata=about(
            "Scopes that the page requests there; openid and, for renewal, often offline_access.",
            form=forms.oidc_scope,
        ),
    )
    oidc_origins: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Further origins of the provider, if its token endpoint is on another one.",
            form=forms.exact_origin,
        ),
    )
    embedding_origins: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Origins of pages that may show the chat page in a frame and hand it a token.",
            form=forms.exact_origin,
        ),
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
        default=10_000, metadata=about("Connections of this node.", 1, 1_000_000, live=True)
    )
    connection_limit_policy: Literal["reject", "evict_oldest"] = field(
        default="reject",
        metadata=about("What happens to a connection beyond its user's limit.", live=True),
    )
    unauthenticated_per_address: int = field(
        default=10,
        metadata=about(
            "Unauthenticated attempts of one IPv4 address or IPv6 /64 per window.",
            1,
            100_000,
            live=True,
        ),
    )
    unauthenticated_window_s: float = field(
        default=10.0, metadata=about("Length of that window.", 0.05, 3_600, live=True)
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
        default=60.0, metadata=about("Time from a message's first byte to its last.", 0.05, 3_600)
    )
    body_max_bytes: int = field(
        default=_MIB, metadata=about("Size of a request's body.", 1_024, 64 * _MIB)
    )
    commands_per_s: float = field(
        default=20.0,
        metadata=about("Commands of one connection per second.", 0.01, 100_000, live=True),
    )
    commands_burst: int = field(
        default=60, metadata=about("Burst of commands.", 1, 1_000_000, live=True)
    )
    requests_per_s: float = field(
        default=20.0,
        metadata=about("HTTP requests of one user per second.", 0.01, 100_000, live=True),
    )
    requests_burst: int = field(
        default=60, metadata=about("Burst of HTTP requests.", 1, 1_000_000, live=True)
    )
    commands_in_flight_max: int = field(
        default=16, metadata=about("Commands not answered yet.", 1, 10_000)
    )
    errors_per_minute_max: int = field(
        default=20, metadata=about("Bad messages before the connection ends.", 1, 10_000, live=True)
    )
    send_buffer_max_bytes: int = field(
        default=131_072,
        metadata=about(
            "Unsent bytes of one connection; beyond them it catches up from the journal.",
            1_024,
            64 * _MIB,
        ),
    )
    stall_max_s: float = field(
        default=600.0,
        metadata=about(
            "How long a client may stop reading before it is disconnected.", 0.05, 86_400
        ),
    )
    arrivals_max: int = field(
        default=1_000,
        metadata=about(
            "Clients that may arrive at the same time, until they have caught up; others get a "
            "retry time.",
            1,
            100_000,
        ),
    )
    catch_up_concurrency: int = field(
        default=4, metadata=about("Concurrent catch-up reads.", 1, 64)
    )
    catch_up_page_bytes: int = field(
        default=131_072, metadata=about("Size of one catch-up read.", 1_024, 64 * _MIB)
    )

    # journal
    store_readers: int = field(
        default=4,
        metadata=about(
            "Concurrent readers of the database: threads, or connections to PostgreSQL.", 1, 64
        ),
    )
    batch_max_events: int = field(
        default=4_096,
        metadata=about(
            "Streamed events in one commit; a command counts as 32 of these, and one user's "
            "commands fill at most a quarter.",
            1,
            1_000_000,
        ),
    )
    append_queue_max_units: int = field(
        default=100_000, metadata=about("Appends that wait for their commit.", 1, 10_000_000)
    )
    event_max_bytes: int = field(
        default=262_144, metadata=about("Size of one event's data.", 1_024, 16 * _MIB)
    )
    compact_after_s: float = field(
        default=900.0,
        metadata=about("How long after a run's end its deltas are removed.", 0, 10 * _YEAR_S),
    )
    retention_s: float | None = field(
        default=None,
        metadata=about("How long events are kept; by default for ever.", 1, 100 * _YEAR_S),
    )
    head_poll_s: float = field(
        default=1.0,
        metadata=about(
            "Time between polls for lost hints of other nodes: events, connections to close, "
            "revoked credentials, signals to runs.",
            0.005,
            60,
        ),
    )
    hint_grace_s: float = field(
        default=0.01,
        metadata=about("How long an early hint of another node waits for the one before it.", 0, 1),
    )

    # runs
    max_runs: int = field(
        default=1_000,
        metadata=about(
            "Runs that this node executes at the same time. Those that wait for a person do not"
            " count, up to nine times as many.",
            1,
            1_000_000,
        ),
    )
    max_runs_per_user: int = field(
        default=20,
        metadata=about(
            "Runs of one user that have not ended; one more is refused.", 1, 100_000, live=True
        ),
    )
    max_runs_per_plan: dict[str, int] = field(
        default_factory=dict,
        metadata=about("Runs of one user that have not ended, by plan.", 1, 100_000, live=True),
    )
    max_executing_runs_per_user: int = field(
        default=20,
        metadata=about(
            "Concurrent runs of one user, on all nodes; further ones wait.",
            1,
            100_000,
            live=True,
        ),
    )
    max_executing_runs_per_plan: dict[str, int] = field(
        default_factory=dict,
        metadata=about("Concurrent runs of one user, by plan.", 1, 100_000, live=True),
    )
    run_starts_per_s: float = field(
        default=5.0,
        metadata=about("Runs that a user may start per second.", 0.01, 100_000, live=True),
    )
    run_starts_burst: int = field(
        default=50, metadata=about("Burst of runs that a user may start.", 1, 1_000_000, live=True)
    )
    run_timeout_s: float = field(
        default=600.0, metadata=about("Longest duration of an attempt at a run.", 0.05, _YEAR_S)
    )
    lease_s: float = field(
        default=10.0, metadata=about("How long a node owns a run without renewal.", 0.05, 3_600)
    )
    attempts_max: int = field(
        default=3, metadata=about("How often a run may lose its node before it fails.", 1, 100)
    )
    disconnect_grace_s: float = field(
        default=5.0,
        metadata=about(
            "How long a user must be away until runs with on_disconnect=cancel end.", 0, 3_600
        ),
    )
    drain_s: float = field(
        default=5.0, metadata=about("Time for runs to end when the server stops.", 0, 3_600)
    )

    # what other services append
    ingest_user_prefixes: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Prefixes of the user ids that services may append for; by default any.",
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
        metadata=about("Burst of events that one service may append.", 256, 10_000_000, live=True),
    )
    ingest_requests_max: int = field(
        default=8, metadata=about("Concurrent ingest requests of this node.", 1, 1_000, live=True)
    )
    external_run_silence_s: float = field(
        default=3_600.0,
        metadata=about(
            "How long a run of another service may go without events before it fails.", 1, _YEAR_S
        ),
    )

    # checks that can be rolled out in stages
    id_validation: CheckMode = field(
        default="enforce",
        metadata=about(
            "Invalid ids, and ids of another kind, in paths, queries, headers and sessions; in "
            "commands they are always refused.",
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
        default=1.0, metadata=about("The share of contexts that is followed.", 0, 1, live=True)
    )
    track_consistency_max_traces: int = field(
        default=500, metadata=about("How many contexts are remembered.", 1, 10_000)
    )
    rate_limit_mode: CheckMode = field(
        default="enforce",
        metadata=about(
            "Requests, commands, run starts and unauthenticated attempts beyond their rates.",
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
    console: bool = field(
        default=False,
        metadata=about(
            "Serve the operator's console: /console and its API, for the scope ops.", live=True
        ),
    )
    alerts: bool = field(
        default=True,
        metadata=about("Evaluate the alert rules, and send alerts to the sinks.", live=True),
    )
    alert_sample_s: float = field(
        default=10.0, metadata=about("Time between two samples of the metrics.", 0.05, 300)
    )
    alert_reminder_s: float = field(
        default=14_400.0,
        metadata=about("Time between reminders of an alert that still fires.", 60, 30 * 86_400),
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
            "Signs the requests to alert_webhook_url; at least 32 bytes.",
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


def sqlite_path(database_url: str) -> Path:
    """The file that a checked `database_url` names; `sqlite:////var/x.db` and `/var/x.db` are one.

    Raises:
        ConfigurationError: it names a PostgreSQL database.
    """
    if forms.is_postgres(database_url):
        raise ConfigurationError(
            "database_url: got a PostgreSQL URL, expected a SQLite file for this",
            keys=("database_url",),
        )
    return Path(database_url.removeprefix(forms.SQLITE_PREFIX))


def dev_secret_path(settings: SettingsFields) -> Path:
    """Where development mode keeps its secret: beside the file, or where the server is started."""
    if forms.is_postgres(settings.database_url):
        return Path("threadcast.dev-secret")
    database = sqlite_path(settings.database_url)
    return database.with_name(f"{database.name}.dev-secret")
