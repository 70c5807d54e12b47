"""`threadcast migrate`, and what other commands say of a PostgreSQL database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from postgres_server import NEWEST, PASSWORD, PostgresServer, PostgresServers
from threadcast.cli import main
from threadcast.store.schema_steps import load_steps
from threadcast.store.sqlite import SqliteStore
from threadcast.testing.clock import ManualClock

NEWEST_SCHEMA = load_steps("postgres")[-1].version
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def server(postgres_servers: PostgresServers, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("THREADCAST_JWT_SECRET", SECRET)
    return postgres_servers.of(NEWEST)


@pytest.fixture
def url(server: PostgresServer) -> str:
    return asyncio.run(server.new_schema())


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit status and all that is said; never a password."""
    status = main(arguments)
    text = "".join(capsys.readouterr())
    assert PASSWORD not in text
    assert "a%20password" not in text
    return status, text


def test_an_empty_database_is_set_up_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, "migrate", "--database", url)
    assert status == 0
    assert text.endswith(f"version none before, {NEWEST_SCHEMA} now\n")
    status, text = said(capsys, "migrate", "--database", url)
    assert status == 0
    assert text.endswith(f"version {NEWEST_SCHEMA} already, nothing to do\n")


def test_a_file_is_migrated_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = SqliteStore(tmp_path / "a.db", clock=ManualClock())
    asyncio.run(store.open())
    asyncio.run(store.close())
    status, text = said(capsys, "migrate", "--database", f"sqlite:///{tmp_path}/a.db")
    assert status == 0
    assert f"{tmp_path}/a.db: version " in text


def test_no_file_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, "migrate", "--database", f"sqlite:///{tmp_path}/typo.db")
    assert (status, "expected an existing database, got " in text) == (78, True)
    assert not list(tmp_path.iterdir())


def test_doctor_speaks_postgresql(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, "doctor", "--database", url)
    assert (status, "none yet; a node or threadcast migrate makes it" in text) == (0, True)
    assert said(capsys, "migrate", "--database", url)[0] == 0
    status, text = said(capsys, "doctor", "--database", url)
    assert status == 0
    for fact in ("PostgreSQL", f"version {NEWEST_SCHEMA}", "round trip", "clock of the database"):
        assert fact in text
    assert text.endswith("No problem found.\n")


def test_doctor_names_what_should_be_otherwise(
    server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = said(capsys, "doctor", "--database", server.url(search_path="pg_temp"))
    assert status == 1
    assert "problem: " in text
    status, text = said(capsys, "doctor", "--database", server.url(password="hunter2"))
    assert status == 1
    assert "hunter2" not in text
    assert "was not accepted" in text


def test_d9_serve_ends_with_78_and_what_to_change(
    server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    database = server.url(database="not-there")
    status, text = said(capsys, "serve", "--port", "0", "--database", database)
    assert status == 78
    assert 'there is no database "not-there"' in text


def test_config_show_masks_the_password(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADCAST_DATABASE_URL", url)
    status, text = said(capsys, "config", "show")
    assert status == 0
    assert "postgresql://***@127.0.0.1:" in text


def test_a_command_for_files_only_says_so(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = said(capsys, "backup", str(tmp_path / "copy"), "--database", url)
    assert status == 78
    assert "expected a SQLite file: back it up with pg_dump" in text


def test_without_the_package_it_says_how_to_install_it() -> None:
    program = (
        "import sys; sys.modules['asyncpg'] = None\n"
        "from threadcast.cli import main\n"
        "sys.exit(main(['migrate', '--database', 'postgresql://u:hunter2@127.0.0.1/x']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 78
    assert done.stderr == (
        "threadcast: database_url: PostgreSQL needs the package asyncpg: "
        "pip install 'threadcast[postgres]'\n"
    )
