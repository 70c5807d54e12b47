"""`threadcast doctor`: facts are facts, problems are problems, and no check hides another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from program import environment, run
from server_process import serving
from threadcast.cli import main

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no path is broken into two lines."""
    monkeypatch.setenv("COLUMNS", "400")


def doctor(
    database: Path, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, str, list[str]]:
    """Exit status, the table, and what is said beside it."""
    status = main(["doctor", "--database", f"sqlite:///{database}", *more])
    out, errors = capsys.readouterr()
    return status, out, errors.splitlines()


@pytest.fixture
def with_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADCAST_JWT_SECRET", SECRET)


@pytest.mark.usefixtures("with_secret")
def test_all_is_well_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, errors = doctor(tmp_path / "a.db", capsys)
    assert (status, errors) == (0, [])
    assert "(will be made)" in out
    assert out.endswith("No problem found.\n")
    assert os.listdir(tmp_path) == []


def test_without_a_credential_it_says_what_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, errors = doctor(tmp_path / "a.db", capsys)
    assert status == 1
    assert errors[0].startswith("problem: jwt_secret: no credential is configured")
    assert errors[0].endswith("or use --dev on your own machine (with doctor, too)")
    assert errors[1:] == ["threadcast: 1 problem found"]


def test_development_mode_is_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, errors = doctor(tmp_path / "a.db", capsys, "--dev")
    assert status == 0
    assert len(errors) == 1
    assert errors[0].startswith("note: in development mode")


async def test_a_running_server_is_a_fact(tmp_path: Path) -> None:
    environ = environment(THREADCAST_JWT_SECRET=SECRET)
    async with serving(tmp_path, agents="promise_agents:quick") as server:
        database = f"sqlite:///{server.database}"
        status, out, errors = await run("doctor", "--database", database, env=environ)
    assert (status, errors) == (0, "")
    assert f"is in use by pid {server.pid} since " in out


@pytest.mark.usefixtures("with_secret")
@pytest.mark.parametrize("folder", ["nowhere", "file"])
def test_d1_a_folder_that_cannot_be_used_is_named_beside_the_other_checks(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    status, out, errors = doctor(tmp_path / folder / "a.db", capsys)
    assert status == 1
    assert errors[0].startswith(f"problem: cannot write in the folder {tmp_path / folder}: ")
    assert len(errors) == 2
    assert "SQLite" in out
    assert "clock" in out


@pytest.mark.usefixtures("with_secret")
def test_d2_a_file_that_is_no_database_is_a_problem_and_gets_no_lock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello, this is a text file\n" * 50)
    status, out, errors = doctor(path, capsys)
    assert status == 1
    assert errors[0] == f"problem: {path} is not a SQLite database; nothing was changed"
    assert "fdatasync" in out
    assert os.listdir(tmp_path) == ["notes.txt"]
