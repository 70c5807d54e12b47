"""A SQLite VFS over the real one, whose writes and syncs fail when a test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

Fault = Callable[[str, str], type[apsw.Error] | None]


class FaultyVfs(apsw.VFS):
    """Passes operations on, unless `fault` names an error for one.

    Args:
        name: the VFS name in connection strings.
    """

    def __init__(self, name: str) -> None:
        self.fault: Fault = lambda _operation, _file: None
        super().__init__(name, "")

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        """Open a file whose operations can fail."""
        return _FaultyFile(self, name, flags)


class _FaultyFile(apsw.VFSFile):
    def __init__(
        self, vfs: FaultyVfs, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._vfs = vfs
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("", name, flags)

    def _pass(self, operation: str) -> None:
        error = self._vfs.fault(operation, self._name)
        if error is not None:
            raise error(f"injected into {operation}")

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._pass("write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._pass("sync")
        super().xSync(flags)
