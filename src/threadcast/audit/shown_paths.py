"""Paths for people and editors: relative to the working directory, not to the root.

Baselines, fingerprints and the configuration keep paths relative to the root; only displayed paths
change, and a file outside of the working directory keeps its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .discovery import relative
from .findings import Finding, Location


def path_from(folder: Path, root: Path, path: str) -> str:
    """A path relative to the root, made relative to a folder.

    Args:
        folder: the reader's working directory; absolute.
        root: what the path is relative to; absolute.
        path: with `/`; an absolute one is made relative to the folder, too.
    """
    file = root / path
    return relative(file, folder) if file.is_relative_to(folder) else path


def findings_from(folder: Path, root: Path, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings with their places and related places relative to a folder."""

    def told(location: Location) -> Location:
        return location._replace(path=path_from(folder, root, location.path))

    return tuple(
        replace(
            one,
            location=told(one.location),
            related=tuple(other._replace(location=told(other.location)) for other in one.related),
        )
        for one in findings
    )
