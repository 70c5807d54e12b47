"""What a rule found: a code, a place and a sentence. Plain records, for any process."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How much a finding matters; `off` switches a rule off in the configuration."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    OFF = "off"


class Place(NamedTuple):
    """A stretch of a file: lines and columns from 1, columns in characters, the end is exclusive.

    Attributes:
        path: relative to the root of the audit, with `/`.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Edit(NamedTuple):
    """Replace the text between two positions; lines and columns from 1, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


class Related(NamedTuple):
    """Another place that a finding speaks of."""

    place: Place
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found.

    Attributes:
        code: the rule's code.
        place: where.
        message: what was found, one sentence.
        scope: the class or function around it, dotted; empty at the top of a module.
        edits: what would put it right, where that is certain; all of them or none.
        related: other places that it speaks of.
        unfixed: why there are no edits, where the rule has some for others; may be empty.
    """

    code: str
    place: Place
    message: str
    scope: str = ""
    edits: tuple[Edit, ...] = ()
    related: tuple[Related, ...] = ()
    unfixed: str = ""
