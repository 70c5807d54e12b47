"""Finds the files to audit under the given paths: each once, in the same order everywhere.

Symbolic links are not followed: they could form loops, or lead to a file twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .configuration import AuditSettings
from .path_patterns import matches_any

FILES_MAX = 200_000


class Target(NamedTuple):
    """A file to audit.

    Attributes:
        file: its path on this machine.
        path: relative to the root, with `/`.
        module: its dotted name for imports.
    """

    file: str
    path: str
    module: str


class TooManyFiles(ValueError):
    """There are more files than an audit accepts."""


def find_targets(root: Path, paths: Sequence[Path], settings: AuditSettings) -> list[Target]:
    """The files to audit, sorted by path.

    Args:
        root: the folder that paths are relative to; absolute.
        paths: files and folders in the root; absolute. Files are taken whatever their names.
        settings: what is included and excluded.

    Raises:
        TooManyFiles: more than `FILES_MAX` files.
    """
    found: dict[str, Path] = {}
    for start in paths:
        for file in [start] if start.is_file() else _walk(start, root, settings):
            found[relative(file, root)] = file
            if len(found) > FILES_MAX:
                raise TooManyFiles(f"{start}: more than {FILES_MAX:,} files, audit a part of it")
    packages: dict[Path, bool] = {}
    return [
        Target(str(file), path, _module(file, root, packages))
        for path, file in sorted(found.items())
    ]


def relative(file: Path, root: Path) -> str:
    """The path as reported: relative to the root, absolute if outside of it."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()


def _walk(folder: Path, root: Path, settings: AuditSettings) -> Iterator[Path]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError:
            continue  # an unreadable folder has nothing to audit
        for entry in entries:
            file = Path(entry.path)
            path = relative(file, root)
            if entry.is_dir(follow_symlinks=False):
                if not matches_any(f"{path}/", settings.exclude):
                    waiting.append(file)
            elif (
                entry.is_file(follow_symlinks=False)
                and matches_any(path, settings.include)
                and not matches_any(path, settings.exclude)
            ):
                yield file


def _module(file: Path, root: Path, packages: dict[Path, bool]) -> str:
    """The dotted name for imports, from the outermost package around a file."""
    own = () if file.name == "__init__.py" else (file.stem,)
    folders = [folder for folder in file.parents if folder.is_relative_to(root)]
    outermost = -1
    for number, folder in enumerate(folders):
        if folder not in packages:
            packages[folder] = (folder / "__init__.py").is_file()
        if packages[folder]:
            outermost = number
    names = [folder.name for folder in reversed(folders[: outermost + 1])]
    return ".".join((*names, *own)) or file.parent.name
