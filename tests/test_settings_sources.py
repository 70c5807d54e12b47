"""Where settings come from and how they are written; rows C1, C2, C9 and C10 of bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.errors import ConfigurationError
from threadcast.settings import Settings, load_settings
from threadcast.settings.sources import read_settings

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str | bytes) -> Path:
    """The settings file at its default place."""
    path = Path("threadcast.toml")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused_file(text: str | bytes) -> str:
    """The one line that refuses the file."""
    write(text)
    with pytest.raises(ConfigurationError) as caught:
        read_settings({}, {}, None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refused_variable(name: str, text: str) -> str:
    """The one line that refuses the variable."""
    with pytest.raises(ConfigurationError) as caught:
        read_settings({}, {name: text}, None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_source_the_defaults_hold() -> None:
    loaded = read_settings({}, {}, None)
    assert loaded.settings == Settings()
    assert set(loaded.sources.values()) == {"default"}


def test_c10_options_override_variables_override_the_file() -> None:
    write("log_level = 'error'\n\nport = 1\nhost = 'localhost'\n")
    environ = {"THREADCAST_PORT": "2", "THREADCAST_HOST": "::1"}
    loaded = read_settings({"host": "127.0.0.2", "dev": None}, environ, None)
    assert (loaded.settings.port, loaded.settings.host) == (2, "127.0.0.2")
    assert loaded.settings.log_level == "error"
    assert loaded.sources["port"] == "THREADCAST_PORT"
    assert loaded.sources["host"] == "--host"
    assert loaded.sources["log_level"] == "threadcast.toml:1"
    assert loaded.sources["dev"] == "default"


def test_the_file_may_be_named(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("port = 7")
    assert read_settings({}, {}, other).sources["port"] == f"{other}:1"
    assert read_settings({}, {"THREADCAST_CONFIG": str(other)}, None).settings.port == 7


def test_a_named_file_must_be_readable(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigurationError, match="expected a readable file"):
            read_settings({}, {}, path)


def test_c1_an_unknown_key_is_refused_with_its_line_and_the_nearest_name() -> None:
    line = refused_file("port = 1\n\nmesage_max_bytes = 5\n")
    assert line.startswith("threadcast.toml:3: mesage_max_bytes: got an unknown key")
    assert 'did you mean "message_max_bytes"?' in line
    assert 'did you mean "message_max_bytes"?' in refused_file("message_max_szie = 5")


@pytest.mark.parametrize("key", ["ws_max_szie", "colour", "foo_bar", "origin_x"])
def test_c1_no_name_is_suggested_that_is_far(key: str) -> None:
    assert "did you mean" not in refused_file(f"{key} = 5")
    assert "did you mean" not in refused_variable(f"THREADCAST_{key.upper()}", "5")


def test_c1_a_table_is_an_unknown_key() -> None:
    assert refused_file("[zzzz]\nport = 1").startswith("threadcast.toml:1: zzzz: got an unknown")


def test_c1_an_unknown_variable_is_refused_without_its_value() -> None:
    line = refused_variable("THREADCAST_JWT_SECERT", SECRET)
    assert 'did you mean "THREADCAST_JWT_SECRET"?' in line
    assert SECRET not in line


def test_c1_an_unknown_override_is_refused() -> None:
    with pytest.raises(ConfigurationError, match='did you mean "port"'):
        read_settings({"prot": 1}, {}, None)


def test_c1_the_client_commands_variables_and_other_programs_are_left_alone() -> None:
    theirs = ("URL", "TOKEN", "TOKEN_B", "CHECK_URL", "ASSISTANT_INSTRUCTIONS")
    environ = {f"THREADCAST_{name}": "x" for name in theirs} | {
        "THREADCAST_CONFIG": "",
        "PATH": "z",
    }
    assert read_settings({}, environ, None).settings == Settings()


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("THREADCAST_DATABASE_URL", "sqlite:///a.db", "database_url", "sqlite:///a.db"),
        ("THREADCAST_JWT_SECRET", SECRET, "jwt_secret", SECRET),
        ("THREADCAST_JWT_AUDIENCE", "chat", "jwt_audience", "chat"),
        ("THREADCAST_JWT_ISSUER", "us", "jwt_issuer", "us"),
        ("THREADCAST_ALLOWED_ORIGINS", "https://a, https://b", "allowed_origins", 2),
        ("THREADCAST_ALLOWED_ORIGINS", "", "allowed_origins", 0),
        ("THREADCAST_MAX_CONNECTIONS_PER_USER", "7", "max_connections_per_user", 7),
        ("THREADCAST_MAX_RUNS_PER_PLAN", "free=1, pro=9", "max_runs_per_plan", 2),
        ("THREADCAST_DEV", "on", "dev", True),
        ("THREADCAST_DEV", "FALSE", "dev", False),
        ("THREADCAST_LEASE_S", "12", "lease_s", 12.0),
        ("THREADCAST_LEASE_S", "1.5min", "lease_s", 90.0),
        ("THREADCAST_LEASE_S", "4000 ms", "lease_s", 4.0),
        ("THREADCAST_RETENTION_S", "30d", "retention_s", 2_592_000.0),
        ("THREADCAST_BODY_MAX_BYTES", "2MiB", "body_max_bytes", 2_097_152),
        ("THREADCAST_BODY_MAX_BYTES", "2mb", "body_max_bytes", 2_000_000),
        ("THREADCAST_BODY_MAX_BYTES", "1_000_000", "body_max_bytes", 1_000_000),
        ("THREADCAST_BODY_MAX_BYTES", "512.5KiB", "body_max_bytes", 524_800),
    ],
)
def test_variables_spell_values(name: str, text: str, key: str, value: object) -> None:
    loaded = read_settings({}, {name: text}, None)
    actual = getattr(loaded.settings, key)
    if isinstance(actual, tuple | dict):
        actual = len(actual)
    assert actual == value
    assert type(actual) is type(value)
    assert loaded.sources[key] == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("THREADCAST_PORT", ""),
        ("THREADCAST_PORT", "eighty"),
        ("THREADCAST_PORT", "80s"),
        ("THREADCAST_PORT", "8.5"),
        ("THREADCAST_PORT", "-1"),
        ("THREADCAST_PORT", "65536"),
        ("THREADCAST_PORT", "9" * 5_000),
        ("THREADCAST_LEASE_S", "10m"),
        ("THREADCAST_LEASE_S", "10KiB"),
        ("THREADCAST_LEASE_S", "nan"),
        ("THREADCAST_LEASE_S", "1e400"),
        ("THREADCAST_BODY_MAX_BYTES", "2000.3"),
        ("THREADCAST_BODY_MAX_BYTES", "5min"),
        ("THREADCAST_COMMANDS_PER_S", "5s"),
        ("THREADCAST_DEV", "maybe"),
        ("THREADCAST_AGENTS", "a,,b"),
        ("THREADCAST_MAX_RUNS_PER_PLAN", "pro"),
        ("THREADCAST_MAX_RUNS_PER_PLAN", "pro=many"),
        ("THREADCAST_JWT_SECRET", ""),
        ("THREADCAST_JWT_AUDIENCE", "\x1b[31m"),
        ("THREADCAST_JWT_PUBLIC_KEY", "/no/such/file.pem"),
    ],
)
def test_c2_wrong_variables_are_refused_with_name_and_key(name: str, text: str) -> None:
    key = name.removeprefix("THREADCAST_").lower()
    assert refused_variable(name, text).startswith(f"{name}: {key}: got ")


@pytest.mark.parametrize(
    "line",
    [
        'port = "80"',
        "port = 80.0",
        "port = true",
        "port = 1979-05-27",
        "port = [80]",
        f"port = {'9' * 30}",
        'lease_s = "10"',
        'lease_s = "10 parsecs"',
        "lease_s = -10",
        "lease_s = nan",
        "lease_s = 1e400",
        'agents = "my_app:agent"',
        "agents = [1]",
        "dev = 1",
        'dev = "true"',
        "id_validation = false",
        "max_runs_per_plan = 5",
        'max_runs_per_plan = { pro = "9" }',
    ],
)
def test_c2_wrong_values_in_the_file_are_refused_with_line_and_key(line: str) -> None:
    key = line.partition(" ")[0]
    assert refused_file(f"# comment\n{line}\n").startswith(f"threadcast.toml:2: {key}: got ")


def test_c4_an_empty_list_of_algorithms_is_refused() -> None:
    line = refused_file("jwt_algorithms = []")
    assert line.startswith("threadcast.toml:1: jwt_algorithms: got an empty list")


def test_the_file_may_write_units_and_tables() -> None:
    write('lease_s = "15s"\nbody_max_bytes = "2MiB"\n\n[max_runs_per_plan]\npro = 9\nfree = 1\n')
    loaded = read_settings({}, {}, None)
    assert loaded.settings.lease_s == 15
    assert loaded.settings.body_max_bytes == 2_097_152
    assert loaded.settings.max_runs_per_plan == {"pro": 9, "free": 1}
    assert loaded.sources["max_runs_per_plan"] == "threadcast.toml:4"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"port = 1\n# \xff\n", "threadcast.toml:2: got bytes that are not UTF-8"),
        (
            "port = 1\nhost = '::1'\nport = 2\n",
            "threadcast.toml:3: port: got it again after line 1",
        ),
        ("[max_runs_per_plan]\na=1\n[max_runs_per_plan]\n", "threadcast.toml:3: max_runs_per_plan"),
        ("port = 1\n\tdev = true\n", "threadcast.toml:2: got a tab"),
        ("#" * 1_048_577, "threadcast.toml: got more than 1 MiB"),
        ("port = 1\nport: 2\n", "threadcast.toml:2: got text that is not TOML"),
        ("port = [\n", "threadcast.toml:2: got text that is not TOML"),
        ("port = " + "[" * 5_000, "threadcast.toml:1: got text that is not TOML"),
        ("port = " + "9" * 5_000, "threadcast.toml:1: got text that is not TOML"),
        ("\ufeffport = 1", "threadcast.toml:1: got text that is not TOML"),
    ],
    ids=["UTF-8", "twice", "table twice", "tab", "1 MiB", "YAML", "end", "depth", "digits", "BOM"],
)
def test_c9_a_file_that_is_not_clean_toml_is_refused(content: str | bytes, message: str) -> None:
    assert refused_file(content).startswith(message)


def test_lines_inside_long_texts_are_not_mistaken_for_keys() -> None:
    write('jwt_issuer = """\\\nport = 5 \\\n"""\n# port = 6\n"port" = 7\n')
    loaded = read_settings({}, {}, None)
    assert loaded.settings.port == 7
    assert loaded.sources["port"] == "threadcast.toml:5"


def test_a_contradiction_names_the_source_that_made_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings({}, {"THREADCAST_SEND_BUFFER_MAX_BYTES": "64KiB"}, None)
    assert str(caught.value).startswith("THREADCAST_SEND_BUFFER_MAX_BYTES: event_max_bytes: got ")


def test_c7_the_option_that_opened_the_server_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^--host: host: got 0\.0\.0\.0, expected jwt_"):
        read_settings({"host": "0.0.0.0"}, {}, None)


def test_a_public_key_may_be_pem_one_line_pem_or_a_file(tmp_path: Path) -> None:
    pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----"
    path = tmp_path / "key.pem"
    path.write_text(pem)
    for text in (pem, pem.replace("\n", "\\n"), str(path)):
        loaded = read_settings({}, {"THREADCAST_JWT_PUBLIC_KEY": text}, None)
        assert loaded.settings.jwt_public_key == pem


def test_a_secret_given_as_a_public_key_is_not_shown() -> None:
    assert SECRET not in refused_variable("THREADCAST_JWT_PUBLIC_KEY", SECRET)


def test_overrides_may_be_values() -> None:
    loaded = read_settings({"agents": ("a:b", "c:d"), "lease_s": 30, "port": "9"}, {}, None)
    assert loaded.settings.agents == ("a:b", "c:d")
    assert loaded.settings.port == 9
    assert loaded.sources["agents"] == "--agent"


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_c9_any_bytes_are_a_file_or_one_line(content: bytes) -> None:
    path = write(content)
    try:
        read_settings({}, {}, path)
    except ConfigurationError as error:
        assert "\n" not in str(error)  # noqa: PT017 - most bytes are refused, some are not


@given(st.text(max_size=40))
def test_c2_any_text_is_a_number_or_one_line(text: str) -> None:
    try:
        loaded = read_settings({}, {"THREADCAST_LEASE_S": text}, None)
    except ConfigurationError as error:
        assert "\n" not in str(error)  # noqa: PT017 - most texts are refused, some are not
    else:
        assert 0.05 <= loaded.settings.lease_s <= 3_600


def test_an_application_has_the_settings_that_a_server_would_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("heartbeat_s = 7\nport = 9000\n")
    monkeypatch.setenv("THREADCAST_JWT_SECRET", SECRET)
    monkeypatch.setenv("THREADCAST_PORT", "9001")
    settings = load_settings(port=9002, allowed_origins=["https://shop.example"])
    assert (settings.jwt_secret, settings.heartbeat_s, settings.port) == (SECRET, 7, 9002)
    assert settings.allowed_origins == ("https://shop.example",)
    monkeypatch.setenv("THREADCAST_RETENTION_S", "100000")
    assert load_settings().retention_s == 100_000
    assert load_settings(retention_s=None).retention_s is None
    with pytest.raises(ConfigurationError, match=r'porte: got an unknown key.* mean "port"'):
        load_settings(porte=9002)
    with pytest.raises(ConfigurationError, match="load_settings: port: got -1"):
        load_settings(port=-1)


def test_a_list_is_as_good_as_a_tuple() -> None:
    settings = Settings(jwt_secret=SECRET, allowed_hosts=["one.example", "two.example"])  # type: ignore[arg-type]
    assert settings.allowed_hosts == ("one.example", "two.example")
    with pytest.raises(ConfigurationError, match="allowed_hosts"):
        Settings(jwt_secret=SECRET, allowed_hosts=["one.example", 2])  # type: ignore[arg-type]
