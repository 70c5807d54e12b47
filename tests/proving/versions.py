"""The source of an older version, from a commit, to run its nodes in the same cluster.

It runs with the current libraries and its own agents, so the commit must have `proving.agents`.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from ablation_run import ROOT

PARTS = ("src", "tests")
# Where programs of the tests are found; in versions before, all of them were in `tests`.
PATHS = ("src", "tests", "tests/worlds", "tests/contracts")


def source_of(commit: str, folder: Path) -> Path:
    """Extract the source of a commit into a new folder below this one; call it once.

    Args:
        commit: anything that Git resolves to a commit.
        folder: must exist.

    Raises:
        ValueError: there is no such commit, or it lacks this program.
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
