"""A SQLite VFS that records every write, and gives what a disk may hold after a power cut.

kill -9 does not test durability, because the operating system's cache survives it. Here each write
since a file's last sync is independently kept, dropped or torn.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes were written to a file."""

    file: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file was truncated."""

    file: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file was synced, and deletions in its folder, too, if `with_folder`."""

    file: str
    with_folder: bool


@dataclass(frozen=True, slots=True)
class Delete:
    """A file was deleted, durably if the folder was synced."""

    file: str
    with_folder: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A note of the number of answered batches."""

    answered: int


Change = Write | Truncate | Delete
Operation = Change | Sync | Mark


class PowerCutVfs(apsw.VFS):
    """Passes operations on to the real VFS and records them.

    Args:
        name: the VFS name in connection strings.
    """

    def __init__(self, name: str) -> None:
        self.log: list[Operation] = []
        super().__init__(name, "")

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        """Open a file whose operations are recorded."""
        return _RecordingFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        """Delete a file and record that."""
        super().xDelete(filename, syncdir)
        self.log.append(Delete(Path(filename).name, syncdir))

    def mark(self, answered: int) -> None:
        """Record the number of answered batches."""
        self.log.append(Mark(answered))


class _RecordingFile(apsw.VFSFile):
    def __init__(
        self, vfs: PowerCutVfs, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._log = vfs.log
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._name = Path(path).name
        # Like SQLite's own VFS: the first sync of a new log or journal also syncs its folder.
        self._folder_waits = self._name.endswith(("-wal", "-journal"))
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's name
        super().xWrite(data, offset)
        self._log.append(Write(self._name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802 - SQLite's name
        super().xTruncate(size)
        self._log.append(Truncate(self._name, size))

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        super().xSync(flags)
        self._log.append(Sync(self._name, self._folder_waits))
        self._folder_waits = False


@dataclass(slots=True)
class Cut:
    """A disk after a power cut.

    Attributes:
        answered: the number of batches answered before the cut.
        files: the files' contents.
    """

    answered: int
    files: dict[str, bytes] = field(default_factory=dict)


def cuts(
    log: Sequence[Operation],
    count: int,
    dice: random.Random,
    *,
    survival: Sequence[float] = (0.0, 0.5, 0.9),
    at_syncs: bool = True,
) -> Iterator[Cut]:
    """Cut the power at random moments: just before a sync, or just after an answer.

    Args:
        log: the recorded operations.
        count: the number of cuts.
        dice: choose the moments and what survives.
        survival: probabilities that an unsynced write survives; each cut uses one.
        at_syncs: whether to cut at syncs, too, or only after answers.
    """
    moments = [index + 1 for index, entry in enumerate(log) if isinstance(entry, Mark)]
    if at_syncs:
        moments += [index for index, entry in enumerate(log) if isinstance(entry, Sync)]
    wanted = sorted(dice.choice(moments) for _ in range(count))
    disk = _Disk()
    for index, operation in enumerate(log):
        while wanted and wanted[0] == index:
            wanted.pop(0)
            yield disk.cut(dice, dice.choice(survival))
        disk.apply(operation)
    for _ in wanted:
        yield disk.cut(dice, dice.choice(survival))


class _Disk:
    """Durable content, and writes that may be lost."""

    def __init__(self) -> None:
        self._sure: dict[str, bytearray] = {}
        self._unsure: dict[str, list[Change]] = {}
        self._answered = 0

    def apply(self, operation: Operation) -> None:
        """Apply the next operation of the log."""
        if isinstance(operation, Mark):
            self._answered = operation.answered
        elif isinstance(operation, Sync):
            self._settle(operation.file)
            if operation.with_folder:
                self._settle_deletions()
        else:
            self._unsure.setdefault(operation.file, []).append(operation)
            if isinstance(operation, Delete) and operation.with_folder:
                self._settle_deletions()

    def _settle(self, name: str) -> None:
        content = self._sure.setdefault(name, bytearray())
        for operation in self._unsure.pop(name, ()):
            _change(content, operation)

    def _settle_deletions(self) -> None:
        for name, operations in list(self._unsure.items()):
            if isinstance(operations[-1], Delete):
                del self._unsure[name]
                self._sure.pop(name, None)

    def cut(self, dice: random.Random, kept: float) -> Cut:
        """Choose what survives, each write with the probability `kept`."""
        files = {name: bytearray(content) for name, content in self._sure.items()}
        for name, operations in self._unsure.items():
            for operation in operations:
                if dice.random() < kept:
                    _change(files.setdefault(name, bytearray()), _torn(operation, dice))
        return Cut(self._answered, {name: bytes(content) for name, content in files.items()})


def _torn(operation: Change, dice: random.Random) -> Change:
    """One write in ten is torn at a sector boundary."""
    if not isinstance(operation, Write) or dice.random() >= 0.1:
        return operation
    at = dice.randrange(0, len(operation.data) + 1, SECTOR_BYTES)
    if dice.random() < 0.5:
        return Write(operation.file, operation.offset, operation.data[:at])
    return Write(operation.file, operation.offset + at, operation.data[at:])


def _change(content: bytearray, operation: Change) -> None:
    if isinstance(operation, Delete):
        content.clear()
    elif isinstance(operation, Truncate):
        del content[operation.size :]
    else:
        if len(content) < operation.offset:
            content.extend(bytes(operation.offset - len(content)))
        content[operation.offset : operation.offset + len(operation.data)] = operation.data
