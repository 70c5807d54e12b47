"""`threadcast config show`, run as a program; rows C1, C10 and L3 of the table of bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "0123456789abcdef0123456789abcdef"


def run(directory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a directory with only these variables beside the system's own."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("THREADCAST_") and name != "COLUMNS"
    }
    return subprocess.run(
        [sys.executable, "-m", "threadcast.cli", *arguments],
        cwd=directory,
        env={**environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_c10_every_source_is_shown_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "threadcast.toml").write_text("port = 1\nlog_level = 'error'\n")
    done = run(tmp_path, "config", "show", THREADCAST_PORT="2", THREADCAST_JWT_SECRET=SECRET)
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert done.returncode == 0
    assert rows["port"] == ["2", "THREADCAST_PORT", "restart"]
    assert rows["log_level"] == ["error", "threadcast.toml:2", "SIGHUP"]
    assert rows["jwt_secret"] == ["********", "THREADCAST_JWT_SECRET", "restart"]
    assert rows["agents"] == ["-", "default", "restart"]
    assert SECRET not in done.stdout + done.stderr


def test_c10_json_has_the_same(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("allowed_hosts = ['a.example', 'b.example']\n")
    done = run(
        tmp_path, "config", "show", "--json", "--config", "other.toml", THREADCAST_JWT_SECRET=SECRET
    )
    shown = json.loads(done.stdout)
    assert shown["allowed_hosts"]["value"] == ["a.example", "b.example"]
    assert shown["allowed_hosts"]["source"] == "other.toml:1"
    assert shown["jwt_secret"]["value"] == "********"
    assert shown["jwt_issuer"] == {"value": None, "source": "default", "live": False}
    assert SECRET not in done.stdout


@pytest.mark.parametrize("verbose", [(), ("-v",)])
def test_c1_a_wrong_file_is_one_line_and_78(tmp_path: Path, verbose: tuple[str, ...]) -> None:
    (tmp_path / "threadcast.toml").write_text("prot = 1\n")
    done = run(tmp_path, "config", "show", *verbose)
    assert done.returncode == 78
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("threadcast: threadcast.toml:1: prot: got an unknown key")
    assert ("Traceback" in done.stderr) is bool(verbose)
    assert verbose or done.stderr.count("\n") == 1


def test_l3_twenty_columns_are_enough(tmp_path: Path) -> None:
    done = run(tmp_path, "config", "show", COLUMNS="20", NO_COLOR="1")
    assert done.returncode == 0
    assert max(len(line) for line in done.stdout.splitlines()) <= 20
    assert "\x1b" not in done.stdout


def test_l3_a_reader_that_leaves_ends_it_without_a_traceback(tmp_path: Path) -> None:
    read, written = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "threadcast.cli", "config", "show"],
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=written,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(written)
    assert done.returncode == 141
    assert done.stderr == ""


def test_l3_a_closed_output_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" -m threadcast.cli config show <&- >&-', sys.executable],
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_l6_a_value_cannot_move_the_cursor(tmp_path: Path) -> None:
    (tmp_path / "threadcast.toml").write_text('jwt_issuer = "\\u009b31m\\u202e"\n')
    done = run(tmp_path, "config", "show")
    assert "\\x9b31m\\u202e" in done.stdout
