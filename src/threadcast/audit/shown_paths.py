"""Paths as people and editors follow them: from the folder they work in, not from the root.

What the root means (baselines, fingerprints, the configuration) keeps its paths; only what is shown
is changed here, and a file outside of the folder stays as it was told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .discovery import relative
from .findings import Finding, Place


def path_from(folder: Path, root: Path, path: str) -> str:
    """A path of the root, told from a folder.

    Args:
        folder: where the reader is; absolute.
        root: what the path is relative to; absolute.
        path: with `/`; an absolute one is told from the folder, too.
    """
    file = root / path
    return relative(file, folder) if file.is_relative_to(folder) else path


def findings_from(folder: Path, root: Path, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings whose places, and the other places they speak of, are told from a folder."""

    def told(place: Place) -> Place:
        return place._replace(path=path_from(folder, root, place.path))

    return tuple(
        replace(
            one,
            place=told(one.place),
            related=tuple(other._replace(place=told(other.place)) for other in one.related),
        )
        for one in findings
    )
