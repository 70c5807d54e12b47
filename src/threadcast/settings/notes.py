"""The metadata of settings fields: help, bounds, form, unit.

Command line options, `config show` and the reference pages are generated from it. Nothing here
reads or checks a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from enum import Enum
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .forms import Misfit

_GROUPED_FROM = 100_000

Unit = Literal["s", "bytes"]
Form = Callable[[str], Misfit | None]


class Kind(Enum):
    """What sort of value a setting holds."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    FLAG = "flag"
    LIST = "list"
    LIMITS = "limits by name"
    NUMBERS = "numbers by name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The metadata of a settings field besides its type and default.

    Attributes:
        help: one sentence.
        least, most: bounds, inclusive, in the key's own unit; None where there is none.
        form: what a text, or each text of a list, must look like.
        choices: the texts that are allowed; empty means all.
        names: of numbers by name, the names that exist, each with its bounds (inclusive).
        secret: the value is never shown.
        multiline: line breaks are allowed.
        option: the command line's name where it is not made from the key.
        live: a running server takes a new value when its settings are read again.
    """

    help: str
    least: float | None = None
    most: float | None = None
    form: Form | None = None
    choices: tuple[str, ...] = ()
    names: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    secret: bool = False
    multiline: bool = False
    option: str | None = None
    live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the table of settings, sufficient to generate options and reference pages.

    Attributes:
        key: the field's name, also the key in threadcast.toml.
        kind: what sort of value.
        default: what holds when nobody sets it.
        optional: whether None is a value.
        note: help, bounds, form.
    """

    key: str
    kind: Kind
    default: object
    optional: bool
    note: Note

    @property
    def unit(self) -> Unit | None:
        """The unit at the end of the key; a rate (`..._per_s`) has none."""
        if self.key.endswith("_s") and not self.key.endswith("_per_s"):
            return "s"
        return "bytes" if self.key.endswith("_bytes") else None

    @property
    def variable(self) -> str:
        """The environment variable's name."""
        return f"THREADCAST_{self.key.upper()}"

    @property
    def option(self) -> str:
        """The command line option's name."""
        return self.note.option or f"--{self.key.replace('_', '-')}"

    @property
    def expected(self) -> str:
        """What is allowed, in words that fit after "expected"."""
        match self.kind:
            case Kind.FLAG:
                return "true or false"
            case Kind.LIST:
                return f"a list of {self.texts}"
            case Kind.LIMITS:
                return f"names with a whole number {self._range()} each"
            case Kind.NUMBERS:
                return f"numbers by name; the names are {', '.join(self.note.names)}"
            case Kind.TEXT:
                return f"one of {', '.join(self.note.choices)}" if self.note.choices else "text"
            case Kind.WHOLE | Kind.NUMBER:
                noun = "a whole number" if self.kind is Kind.WHOLE else "a number"
                return f"{noun}{self._unit_words()} {self._range()}"

    @property
    def texts(self) -> str:
        """What the texts of a list may be, in words."""
        return " or ".join(self.note.choices) if self.note.choices else "texts"

    def _unit_words(self) -> str:
        words = {"s": ' of seconds (10, or with a unit "10s", "15min")'}
        words["bytes"] = ' of bytes (1024, or with a unit "256KiB")'
        return words.get(self.unit or "", "")

    def _range(self) -> str:
        least, most = self.note.least or 0, self.note.most or math.inf
        return f"from {grouped(least, '_')} to {grouped(most, '_')}"


def grouped(number: float, separator: str) -> str:
    """The number with its digits in groups from 100,000 on; below, as in a port, it needs none."""
    text = f"{number:,.15g}"
    return text.replace(",", separator if abs(number) >= _GROUPED_FROM else "")


def about(
    help: str,
    least: float | None = None,
    most: float | None = None,
    *,
    form: Form | None = None,
    choices: tuple[str, ...] = (),
    names: Mapping[str, tuple[float, float]] | None = None,
    secret: bool = False,
    multiline: bool = False,
    option: str | None = None,
    live: bool = False,
) -> dict[str, Note]:
    """A dataclass field's metadata that holds its note; the arguments are `Note`'s."""
    note = Note(
        help=help,
        least=least,
        most=most,
        form=form,
        choices=choices,
        names=names or {},
        secret=secret,
        multiline=multiline,
        option=option,
        live=live,
    )
    return {"note": note}


def described_fields(record: type) -> tuple[Setting, ...]:
    """The descriptions of a dataclass whose fields' metadata all come from `about`."""
    hints = get_type_hints(record)
    return tuple(_described(entry, hints[entry.name]) for entry in fields(record))


def _described(entry: Field[Any], hint: object) -> Setting:
    kind, optional, choices = _kind(hint)
    note: Note = entry.metadata["note"]
    factory = entry.default_factory
    return Setting(
        key=entry.name,
        kind=kind,
        default=entry.default if factory is MISSING else factory(),
        optional=optional,
        note=replace(note, choices=choices) if choices else note,
    )


def _kind(hint: object) -> tuple[Kind, bool, tuple[str, ...]]:
    """What a type hint means: the kind, whether None is a value, the choices."""
    members = get_args(hint)
    if get_origin(hint) is Literal:
        return Kind.TEXT, False, members
    if NoneType in members:
        return _kind(members[0])[0], True, ()
    kinds: dict[object, Kind] = {
        str: Kind.TEXT,
        bool: Kind.FLAG,
        int: Kind.WHOLE,
        float: Kind.NUMBER,
        tuple: Kind.LIST,
        dict: Kind.NUMBERS if members[-1:] == (float,) else Kind.LIMITS,
    }
    return kinds[get_origin(hint) or hint], False, ()
