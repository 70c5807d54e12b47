"""Bounds and contradictions of settings; rows C2 to C7 and C11 of the table of bad input."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from threadcast.errors import ConfigurationError
from threadcast.settings import (
    SETTINGS,
    Settings,
    dev_secret_path,
    is_postgres,
    risks,
    sqlite_path,
)
from threadcast.settings.notes import Kind

SECRET = "0123456789abcdef0123456789abcdef"
PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n"
JWKS: dict[str, Any] = {
    "jwt_jwks_url": "https://id.example.com/keys",
    "jwt_audience": "chat",
    "jwt_issuer": "https://id.example.com/",
}


def refused(**values: Any) -> str:
    """The line that refuses the values, which names one of them first."""
    with pytest.raises(ConfigurationError) as caught:
        Settings(**values)
    line = str(caught.value)
    assert "\n" not in line
    assert line.partition(":")[0] == caught.value.keys[0]
    assert "got " in line
    assert "expected " in line
    return line


def test_the_defaults_are_allowed() -> None:
    assert Settings().port == 8080


def test_a_secret_is_not_in_the_representation() -> None:
    assert SECRET not in repr(Settings(jwt_secret=SECRET))


def test_every_setting_has_help_and_a_default_within_its_bounds() -> None:
    assert [setting.key for setting in SETTINGS] == [
        entry.name for entry in dataclasses.fields(Settings)
    ]
    for setting in SETTINGS:
        assert setting.note.help.endswith(".")
        if setting.kind in (Kind.WHOLE, Kind.NUMBER, Kind.LIMITS):
            assert setting.note.least is not None
            assert setting.note.most is not None


def test_units_are_read_from_names() -> None:
    units = {setting.key: setting.unit for setting in SETTINGS}
    assert units["lease_s"] == "s"
    assert units["event_max_bytes"] == "bytes"
    assert units["commands_per_s"] is None
    assert units["port"] is None


NUMERIC = [setting for setting in SETTINGS if setting.kind in (Kind.WHOLE, Kind.NUMBER)]


@pytest.mark.parametrize("setting", NUMERIC, ids=lambda setting: setting.key)
@pytest.mark.parametrize("value", [-1, 2**70, float("nan"), float("inf"), True, "10"])
def test_c2_no_number_is_negative_huge_or_of_another_type(setting: Any, value: object) -> None:
    assert refused(**{setting.key: value}).startswith(setting.key)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_connections_per_user", 0),
        ("lease_s", 0),
        ("message_max_bytes", 0),
        ("message_max_bytes", 1.5),
        ("dev", 1),
        ("host", 5),
        ("host", ""),
        ("host", "[::1]"),
        ("host", "127.0.0.1:80"),
        ("host", "300.1.1.1"),
        ("log_level", "loud"),
        ("id_validation", False),
        ("agents", "my_app:agent"),
        ("agents", ("",)),
        ("agents", (5,)),
        ("allowed_hosts", ("a/../admin",)),
        ("jwt_audience", "a\nb"),
        ("jwt_secret", 12345),
        ("max_runs_per_plan", {"premium": 0}),
        ("max_runs_per_plan", {"premium": "3"}),
        ("max_runs_per_plan", {"": 3}),
        ("max_runs_per_plan", ["premium"]),
    ],
)
def test_c2_wrong_kinds_are_refused(key: str, value: object) -> None:
    assert refused(**{key: value}).startswith(f"{key}: ")


@pytest.mark.parametrize(
    "secret",
    [
        "x" * 31,
        "a-string-secret-at-least-256-bits-long",
        "change-me-change-me-change-me-change-me",
    ],
)
def test_c3_short_and_example_secrets_are_refused_and_not_shown(secret: str) -> None:
    assert secret not in refused(jwt_secret=secret)


def test_c3_a_secret_is_measured_in_bytes() -> None:
    assert Settings(jwt_secret="é" * 16).jwt_secret


def test_c2_a_secret_that_is_a_number_is_not_shown() -> None:
    assert "987654321" not in refused(jwt_secret=987654321)


@pytest.mark.parametrize(
    "values",
    [
        {"jwt_secret": SECRET, "jwt_algorithms": ("HS256", "RS256")},
        {"jwt_secret": SECRET, "jwt_algorithms": ("none",)},
        {"jwt_secret": SECRET, "jwt_algorithms": ("hs256",)},
        {"jwt_secret": SECRET, "jwt_algorithms": ("RS256",)},
        {"jwt_public_key": PUBLIC_KEY, "jwt_algorithms": ("HS256",)},
        {**JWKS, "jwt_algorithms": ("HS256",)},
        {"jwt_public_key": PUBLIC_KEY, "jwt_secret": SECRET},
        {**JWKS, "jwt_secret": SECRET},
        {**JWKS, "jwt_public_key": PUBLIC_KEY},
        {"dev": True, "jwt_public_key": PUBLIC_KEY},
        {"dev": True, "jwt_algorithms": ("EdDSA",)},
        {"jwt_public_key": "-----BEGIN PRIVATE KEY-----\nMC4\n-----END PRIVATE KEY-----"},
        {"jwt_public_key": "no key"},
    ],
)
def test_c4_one_issuer_has_one_kind_of_key(values: dict[str, Any]) -> None:
    assert SECRET not in refused(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"jwt_secret": SECRET, "jwt_algorithms": ("HS256",)},
        {"jwt_secret": SECRET, "dev": True},
        {"jwt_public_key": PUBLIC_KEY, "jwt_algorithms": ("EdDSA",)},
        {**JWKS, "jwt_algorithms": ("RS256", "ES256")},
    ],
)
def test_c4_what_fits_together_is_allowed(values: dict[str, Any]) -> None:
    assert Settings(**values)


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com/keys",
        "https://user:hunter2@id.example.com/keys",
        "https://10.0.0.8/keys",
        "https://[::1]/keys",
        "https://[::ffff:10.0.0.8]/keys",
        "https://169.254.169.254/keys",
        "https://localhost/keys",
        "https://keycloak:8443/keys",
        "https://id.internal/keys",
        "file:///etc/passwd",
        "https:///keys",
        "https://id.example.com:port/keys",
        "https://id.example.com/a b",
        "id.example.com/keys",
    ],
)
def test_c5_a_key_set_comes_over_https_from_a_public_host(url: str) -> None:
    line = refused(**{**JWKS, "jwt_jwks_url": url})
    assert line.startswith("jwt_jwks_url: ")
    assert "hunter2" not in line


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/keys", "https://keycloak/keys"])
def test_c5_a_private_host_can_be_opted_in(url: str) -> None:
    settings = Settings(**{**JWKS, "jwt_jwks_url": url, "insecure_allow_private_jwks": True})
    assert any("insecure_allow_private_jwks" in line for line in risks(settings))


def test_c5_the_opt_in_does_not_allow_http_to_a_public_host() -> None:
    url = "http://id.example.com/keys"
    refused(**{**JWKS, "jwt_jwks_url": url, "insecure_allow_private_jwks": True})


@pytest.mark.parametrize("key", ["jwt_audience", "jwt_issuer"])
def test_c5_a_key_set_needs_audience_and_issuer(key: str) -> None:
    assert refused(**{**JWKS, key: None}).startswith(key)


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "chat.example.com", "https://chat.example.com/", "ftp://a", "https://u@a", "a b"],
)
def test_c6_only_origins_are_origins(origin: str) -> None:
    assert refused(allowed_origins=(origin,)).startswith("allowed_origins: ")


def test_c6_any_origin_is_an_opt_in_with_a_warning() -> None:
    settings = Settings(allowed_origins=("*",), insecure_allow_any_origin=True, dev=True)
    assert any(line.startswith("allowed_origins: ") for line in risks(settings))


@pytest.mark.parametrize("origin", ["https://chat.example.com", "http://LOCALHOST:5173"])
def test_c6_origins_are_allowed(origin: str) -> None:
    assert Settings(allowed_origins=(origin,))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "chat.example.com"])
@pytest.mark.parametrize("dev", [False, True])
def test_c7_strangers_need_a_credential_and_never_meet_dev(host: str, dev: bool) -> None:
    assert refused(host=host, dev=dev).startswith("host: ")
    assert Settings(host=host, jwt_secret=SECRET)


def test_c7_a_credential_does_not_open_dev_to_strangers() -> None:
    assert refused(host="0.0.0.0", dev=True, jwt_secret=SECRET).startswith("host: ")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"])
def test_c7_dev_listens_on_loopback(host: str) -> None:
    assert Settings(host=host, dev=True)


PROVIDER: dict[str, Any] = {
    "jwt_jwks_url": "https://login.example.com/keys",
    "jwt_audience": "chat",
    "jwt_issuer": "https://login.example.com",
    "oidc_issuer": "https://login.example.com",
    "oidc_client_id": "chat-page",
}


def test_the_page_may_sign_in_where_the_tokens_come_from() -> None:
    assert Settings(**PROVIDER).oidc_scope == "openid"


@pytest.mark.parametrize(
    ("changed", "blamed"),
    [
        ({"oidc_client_id": None}, "oidc_issuer: got it without oidc_client_id"),
        ({"oidc_issuer": None}, "oidc_client_id: got it without oidc_issuer"),
        ({"oidc_issuer": "https://other.example.com"}, "oidc_issuer: got https://other"),
        ({"jwt_jwks_url": None}, "oidc_issuer: got it alone"),
        (
            {"oidc_issuer": "http://login.example.com", "jwt_issuer": "http://login.example.com"},
            "oidc_issuer: got an http URL",
        ),
        ({"oidc_issuer": "https://login.example.com/?a=1"}, "oidc_issuer: got"),
        ({"oidc_scope": "profile"}, "oidc_scope: got"),
        ({"oidc_scope": "openid  profile"}, "oidc_scope: got"),
        ({"oidc_origins": ("https://login.example.com/token",)}, "oidc_origins"),
        ({"embedding_origins": ("*",)}, "embedding_origins"),
    ],
)
def test_a_sign_in_that_cannot_work_is_refused(changed: dict[str, Any], blamed: str) -> None:
    assert refused(**(PROVIDER | changed)).startswith(blamed)


@pytest.mark.parametrize(
    ("values", "blamed"),
    [
        ({"message_max_bytes": 1_048_576}, "message_max_bytes"),
        ({"body_max_bytes": 65_536}, "message_max_bytes"),
        ({"event_max_bytes": 131_072}, "message_max_bytes"),
        ({"send_buffer_max_bytes": 65_536}, "event_max_bytes"),
        ({"catch_up_page_bytes": 262_144}, "catch_up_page_bytes"),
        ({"message_before_authentication_max_bytes": 524_288}, "message_before_authentication"),
        ({"lease_s": 2.0}, "head_poll_s"),
        ({"stall_max_s": 10.0}, "heartbeat_s"),
        ({"jwt_lifetime_max_s": 5.0}, "jwt_leeway_s"),
        ({"retention_s": 60.0}, "run_timeout_s"),
        ({"retention_s": 700.0}, "compact_after_s"),
        ({"heartbeat_s": 90.0}, "heartbeat_s"),
    ],
)
def test_c11_limits_do_not_contradict(values: dict[str, Any], blamed: str) -> None:
    assert refused(**values).startswith(blamed)


def test_c11_limits_may_be_moved_together() -> None:
    settings = Settings(
        message_before_authentication_max_bytes=1_024,
        message_max_bytes=2_048,
        event_max_bytes=2_048,
        send_buffer_max_bytes=1_024,
        catch_up_page_bytes=1_024,
    )
    assert settings.message_max_bytes == 2_048


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a.db?mode=ro",
        "mysql://user:hunter2@host/base",
    ],
)
def test_a_database_is_a_file(url: str) -> None:
    assert "hunter2" not in refused(database_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:pass%2Fword@host/base",
        "postgres://host:5433/base?sslmode=require&search_path=chat",
        "postgresql://user@one:5432,two:5433/base?target_session_attrs=read-write",
        "postgresql:///base?host=/run/postgresql",
    ],
)
def test_a_database_may_be_postgresql(url: str) -> None:
    settings = Settings(database_url=url)
    assert is_postgres(settings.database_url)
    assert "pass" not in repr(settings)
    assert dev_secret_path(settings) == Path("threadcast.dev-secret")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://user:hunter2@host", "without the name of one database"),
        ("postgresql://user:hunter2@host/", "without the name of one database"),
        ("postgresql://user:hunter2@host/base/more", "without the name of one database"),
        ("postgresql://user:hunter2@host:port/base", "a bad host or port"),
        ("postgresql://user:hunter2@host:1,other:x/base", "a bad host or port"),
        ("postgresql://user:hunter2/x@host/base", "must be written as %40"),
        ("postgresql://user:hunter2@x@host/base", "must be written as %40"),
        ("postgresql://user:hunter2 @host/base", "must be written as %40"),
        ("postgresql://user:hunter2#@host/base", "must be written as %40"),
        ("postgresql://user@host/base?password=hunter2", "a password among its options"),
        ("postgresql:user:hunter2@host/base", "of another form"),
        ("postgresql://", "of another form"),
        ("POSTGRES+asyncpg://user:hunter2@host/base", "sqlite:///PATH or postgresql://"),
    ],
)
def test_a_bad_url_of_postgresql_is_not_repeated(url: str, why: str) -> None:
    line = refused(database_url=url)
    assert why in line
    assert "hunter2" not in line


@pytest.mark.parametrize("path", ["/tmp/x.db", "./x", "../a b/x.db", "x.db", "a/x.sqlite3"])
def test_a_database_may_be_the_path_of_a_file(path: str) -> None:
    settings = Settings(database_url=path)
    assert sqlite_path(settings.database_url) == Path(path)
    assert dev_secret_path(settings) == Path(f"{path}.dev-secret")


@pytest.mark.parametrize(
    "text", ["x", "db.example.com/chat", "user@host/x.db", "mysql://h/x.db", "/", "./a/", "C:/x.db"]
)
def test_what_may_not_be_a_file_is_asked_about(text: str) -> None:
    assert "expected a file such as ./chat.db, sqlite:///PATH or postgresql://" in refused(
        database_url=text
    )


def test_a_database_path_is_relative_or_absolute() -> None:
    assert sqlite_path("sqlite:///threadcast.db") == Path("threadcast.db")
    assert sqlite_path("sqlite:////var/lib/threadcast.db") == Path("/var/lib/threadcast.db")


# --- alerts -----------------------------------------------------------------------------------

WEBHOOK = "https://hooks.example.com/services/very-secret-path"


def test_a_wrong_name_of_a_rule_is_answered_with_the_right_one() -> None:
    line = refused(alert_thresholds={"run_succes": 0.9})
    assert 'did you mean "run_success"?' in line
    assert "foreign_delivery" not in line  # its threshold is fixed


@pytest.mark.parametrize(
    "value",
    [1.01, -0.1, float("nan"), float("inf"), "0.9", True, None],
)
def test_a_threshold_is_a_number_in_its_bounds(value: object) -> None:
    line = refused(alert_thresholds={"run_success": value})
    assert line.endswith("expected a number from 0 to 1")
    assert '"run_success"' in line


@pytest.mark.parametrize("value", [{"foreign_delivery": 5.0}, {7: 0.5}, ["run_success"], 0.9])
def test_thresholds_are_numbers_by_name(value: object) -> None:
    refused(alert_thresholds=value)


@pytest.mark.parametrize("key", ["alert_webhook_url", "alert_slack_url"])
@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com/very-secret-path",
        "ftp://hooks.example.com/very-secret-path",
        "https:///very-secret-path",
        "https://user:hunter2@hooks.example.com/very-secret-path",
        "https://hooks.example.com/very-secret-path#a",
        "https://hooks.example.com/very-secret-path a",
        "https://hooks.example.com:port/very-secret-path",
        "http://hooks.example.com/very-secret-path",
        "http://10.0.0.8/very-secret-path",
        7,
    ],
)
def test_a_webhook_is_https_or_on_this_machine_and_never_shown(key: str, url: object) -> None:
    line = refused(**{key: url})
    assert line.startswith(f"{key}: ")
    assert "very-secret-path" not in line
    assert "hunter2" not in line


@pytest.mark.parametrize("url", [WEBHOOK, "http://127.0.0.1:9000/x", "http://localhost/x"])
def test_webhooks_that_are_allowed(url: str) -> None:
    settings = Settings(alert_webhook_url=url, alert_webhook_secret=SECRET, alert_slack_url=url)
    assert url not in repr(settings)
    assert SECRET not in repr(settings)
    assert not any("webhook" in line for line in risks(settings))


def test_an_unencrypted_webhook_is_an_opt_in_with_a_warning() -> None:
    settings = Settings(
        alert_webhook_url="http://alerts.internal/x", insecure_allow_http_webhooks=True
    )
    assert any(line.startswith("insecure_allow_http_webhooks: ") for line in risks(settings))


def test_a_webhooks_secret_is_one_and_has_a_webhook() -> None:
    assert refused(alert_webhook_url=WEBHOOK, alert_webhook_secret="short").startswith("alert_web")
    assert refused(alert_webhook_secret=SECRET).endswith("expected both")


def test_a_server_that_nobody_can_use_is_a_risk_and_a_normal_one_is_none() -> None:
    assert any("nobody can sign in" in line for line in risks(Settings()))
    assert any("--dev" in line for line in risks(Settings()))
    assert risks(Settings(dev=True)) == ()
    assert any(line.startswith("id_") for line in risks(Settings(id_validation="warn")))
    assert risks(Settings(jwt_secret=SECRET)) == ()


def test_c2_bounds_are_written_as_one_would_type_them() -> None:
    assert refused(port=70_000).endswith("from 0 to 65535")
    assert refused(event_max_bytes=0).endswith("from 1024 to 16_777_216")


def test_c2_an_empty_text_is_answered_with_the_form() -> None:
    assert "got empty text, expected a file such as ./chat.db" in refused(database_url="")


def test_proxies_are_named_by_address_or_network() -> None:
    named = ("10.0.0.0/8", "fd00::/8", "127.0.0.1", "front")
    assert Settings(dev=True, trusted_proxies=named).trusted_proxies == named
    for wrong in ("10.0.0.1/8", "10.0.0.0/33", "/8", "10.0.0.0/"):
        with pytest.raises(ConfigurationError, match="trusted_proxies"):
            Settings(dev=True, trusted_proxies=(wrong,))
