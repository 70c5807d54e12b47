"""The schema's migration steps, and which older programs still work with each.

The first line of a step says `-- works-with: N`: a program that knows the schema up to version N
may keep working, and be started, on a database that has the step. So nodes of two neighbouring
versions can share a database during a rolling upgrade. A step without the line works with no older
program. This module reads no database.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

__all__ = ["SchemaStep", "load_steps", "newer_problem", "oldest_for"]

_WORKS_WITH = re.compile(r"-- works-with: (\d{1,4})\n")


@dataclass(frozen=True, slots=True)
class SchemaStep:
    """One step: the SQL that makes schema `version` out of the one before."""

    version: int
    name: str
    sql: str

    @property
    def oldest(self) -> int:
        """The oldest schema version that a program must know to use a database with this step."""
        said = _WORKS_WITH.match(self.sql)
        return self.version if said is None else min(int(said[1]), self.version)


def oldest_for(steps: Sequence[SchemaStep], version: int) -> int:
    """The oldest schema version that a program must know to use a database of this version."""
    return max(step.oldest for step in steps[:version])


def load_steps(store: Literal["sqlite", "postgres"]) -> tuple[SchemaStep, ...]:
    """The steps that this program knows, in order, from version 1."""
    folder = resources.files("threadcast") / "store" / store / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        SchemaStep(int(name[:4]), name, (folder / name).read_text(encoding="utf-8"))
        for name in names
    )


def newer_problem(version: int, oldest: int | None, steps: Sequence[SchemaStep]) -> str | None:
    """Why a program with these steps may not use a database, or None if it may.

    Args:
        version: the database's.
        oldest: what was recorded with that version; None when nothing was.
        steps: the program's.
    """
    newest = steps[-1].version
    if version <= newest or (oldest is not None and oldest <= newest):
        return None
    needed = "" if oldest is None else f"; it needs one that knows {oldest} or later"
    return f"database is version {version}, this program knows {newest}{needed}"
