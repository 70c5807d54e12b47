"""What a rule found: a code, a location and a sentence. Plain records that pickle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """A finding's severity; `off` disables a rule in the configuration."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    OFF = "off"


class Location(NamedTuple):
    """A range in a file: lines and columns from 1, columns in characters, the end is exclusive.

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
    """Another location that a finding refers to."""

    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found.

    Attributes:
        code: the rule's code.
        location: where.
        message: what is wrong, one sentence.
        scope: the class or function around it, dotted; empty at the top of a module.
        edits: what would fix it, where that is certain; to be applied all or none.
        related: other places that it refers to.
        unfixed: why there are no edits, if the rule is fixable elsewhere; may be empty.
    """

    code: str
    location: Location
    message: str
    scope: str = ""
    edits: tuple[Edit, ...] = ()
    related: tuple[Related, ...] = ()
    unfixed: str = ""
