"""The file of `migrate-ids --report`: replaced atomically, and never another kind of file.

`migration.report` defines its content.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_LINE_MAX_BYTES = 64 * 1024
_KEYS = ("outcome", "summary")


def is_report(path: Path) -> bool:
    """Whether a file may be replaced by a report: it is one, or it is empty.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        first = file.readline(_LINE_MAX_BYTES)
    if not first:
        return True
    try:
        told = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and any(key in told for key in _KEYS)


@contextmanager
def report_file(path: Path) -> Iterator[BinaryIO]:
    """A temporary file, readable by its owner only, that becomes the report at the end.

    If the block fails, what was written so far still becomes the report, because committed batches
    stay. A pipe or a device is written to directly.

    Raises:
        OSError: it cannot be written.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    place = path.resolve()
    try:
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    with os.fdopen(handle, "wb") as file:
        try:
            yield file
        except BaseException:
            file.flush()
            _end(Path(name), place, whole=file.tell() > 0)
            raise
        file.flush()
        _end(Path(name), place, whole=True)


def _end(written: Path, place: Path, *, whole: bool) -> None:
    if whole:
        written.replace(place)
    else:
        written.unlink(missing_ok=True)
