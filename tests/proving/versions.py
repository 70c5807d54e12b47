"""An older version of this program beside today's: its source, as a commit has it.

It runs with today's libraries and with agents of its own, so the commit has `proving.agents`.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from ablation_run import ROOT

PARTS = ("src", "tests")


def source_of(commit: str, folder: Path) -> Path:
    """The source as it was, in a folder of its own below this one, made once.

    Args:
        commit: whatever Git takes for one.
        folder: must exist.

    Raises:
        ValueError: Git knows no such commit, or one without this program.
    """
    done = subprocess.run(
        ["git", "archive", "--format=tar", commit, *PARTS],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip()
        raise ValueError(f"expected a commit of this repository, got {commit!r}: {why}")
    source = folder / "older"
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(source, filter="data")
    return source
