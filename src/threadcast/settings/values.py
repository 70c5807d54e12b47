"""Parses and checks the value of one setting.

It knows nothing of particular settings, files or the environment: `model` defines the settings,
`sources` reads them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError
from ..suggestions import did_you_mean
from .forms import quoted
from .notes import Kind, Setting, Unit

_NUMBER = re.compile(r"([+-]?[0-9][0-9_]{0,30}(?:\.[0-9]{1,12})?)\s*([A-Za-z]*)")
_SCALES: dict[Unit, dict[str, float]] = {
    "s": {"ms": 0.001, "s": 1, "min": 60, "h": 3_600, "d": 86_400},
    "bytes": {
        "b": 1,
        "kb": 1_000,
        "mb": 1_000_000,
        "gb": 1_000_000_000,
        "kib": 1_024,
        "mib": 1_048_576,
        "gib": 1_073_741_824,
    },
}
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_TEXT_MAX_CHARACTERS = 16_384
_LIST_MAX_ITEMS = 1_000


def refusal(setting: Setting, got: str, expected: str | None = None) -> ConfigurationError:
    """The error for one setting: `key: got ..., expected ...`."""
    message = f"{setting.key}: got {got}, expected {expected or setting.expected}"
    return ConfigurationError(message, keys=(setting.key,))


def described(setting: Setting, value: object) -> str:
    """A value for a message: itself if it may be shown, else its kind."""
    match value:
        case str() if setting.note.form is not None:
            return f"text of {len(value)} characters"
        case str():
            return f"text {quoted(value)}"
        case bool() | int() | float() if setting.note.secret:
            return "no text"
        case bool():
            return "true" if value else "false"
        case int() | float():
            huge = isinstance(value, int) and abs(value) >= 2**63
            return "a number beyond 64 bits" if huge else f"{value}"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a table"
        case None:
            return "nothing"
        case _:
            return f"a {type(value).__name__}"


def from_text(setting: Setting, text: str) -> object:
    """The value that a variable or an option spells. Bounds are `check_value`'s work.

    Raises:
        ConfigurationError: the text does not spell a value of this kind.
    """
    match setting.kind:
        case Kind.WHOLE | Kind.NUMBER:
            return _number(setting, text, unit_needed=False)
        case Kind.FLAG:
            word = text.strip().lower()
            if word not in _TRUE | _FALSE:
                raise refusal(setting, described(setting, text))
            return word in _TRUE
        case Kind.LIST:
            return _items(text)
        case Kind.LIMITS | Kind.NUMBERS:
            return dict(_limit(setting, item) for item in _items(text))
        case Kind.TEXT:
            return text


def from_file(setting: Setting, value: object) -> object:
    """The value that a decoded file holds: as it is, a text with a unit as a number.

    Raises:
        ConfigurationError: a text that is no number with a unit, or an empty list where leaving
            the key out would mean something else.
    """
    if isinstance(value, list):
        if not value and setting.note.choices:
            raise refusal(setting, "an empty list", f"one or more of {setting.texts}")
        return tuple(value)
    if setting.kind in (Kind.WHOLE, Kind.NUMBER) and isinstance(value, str):
        return _number(setting, value, unit_needed=True)
    if setting.kind is Kind.NUMBERS and isinstance(value, dict):
        return {name: float(one) if type(one) is int else one for name, one in value.items()}
    if setting.kind is Kind.NUMBER and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 2**63 else value
    return value


def as_held(value: object) -> object:
    """A list as the tuple that settings hold, anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def check_value(setting: Setting, value: object) -> None:
    """Refuse a value of the wrong kind, out of bounds or of the wrong form.

    Raises:
        ConfigurationError: with the key, what came and what is allowed.
    """
    if value is None and setting.optional:
        return
    match setting.kind, value:
        case (Kind.FLAG, bool()):
            return
        case (Kind.WHOLE | Kind.NUMBER, bool()):
            raise refusal(setting, described(setting, value))
        case (Kind.WHOLE, int()) | (Kind.NUMBER, int() | float()):
            _check_bounds(setting, value)
        case (Kind.TEXT, str()):
            _check_text(setting, value)
        case (Kind.LIST, tuple()) if len(value) <= _LIST_MAX_ITEMS:
            for item in value:
                _check_text(setting, item)
        case (Kind.LIMITS, dict()) if len(value) <= _LIST_MAX_ITEMS:
            for name, limit in value.items():
                _check_limit(setting, name, limit)
        case (Kind.NUMBERS, dict()):
            for name, number in value.items():
                _check_named(setting, name, number)
        case _:
            raise refusal(setting, described(setting, value))


def _check_bounds(setting: Setting, value: Any) -> None:
    least, most = setting.note.least, setting.note.most
    low = least is not None and value < least
    high = most is not None and value > most
    if low or high or (isinstance(value, float) and not math.isfinite(value)):
        raise refusal(setting, described(setting, value))


def _check_text(setting: Setting, text: object) -> None:
    if not isinstance(text, str):
        raise refusal(setting, f"{described(setting, text)} for a text")
    if not text:
        misfit = setting.note.form("") if setting.note.form else None
        raise refusal(setting, "empty text", misfit.expected if misfit else None)
    if len(text) > _TEXT_MAX_CHARACTERS:
        raise refusal(setting, f"{len(text)} characters", f"at most {_TEXT_MAX_CHARACTERS}")
    if setting.note.choices and text not in setting.note.choices:
        raise refusal(setting, described(setting, text))
    misfit = setting.note.form(text) if setting.note.form else None
    if misfit is not None:
        raise refusal(setting, misfit.got, misfit.expected)
    if not setting.note.multiline and re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
        raise refusal(setting, "text with control characters", "printable text")


def _check_limit(setting: Setting, name: object, limit: object) -> None:
    if not isinstance(name, str) or not 1 <= len(name) <= 64 or not name.isprintable():
        raise refusal(setting, "an unusable name", "names of 1 to 64 printable characters")
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise refusal(setting, f"{described(setting, limit)} for {quoted(name)}")
    _check_bounds(setting, limit)


def _check_named(setting: Setting, name: object, number: object) -> None:
    names = setting.note.names
    if not isinstance(name, str) or name not in names:
        got = f"the unknown name {quoted(name)}" if isinstance(name, str) else "an unusable name"
        hint = did_you_mean(name, names) if isinstance(name, str) else ""
        raise refusal(setting, got, f"one of {', '.join(names)}{hint}")
    least, most = names[name]
    if isinstance(number, int | float) and type(number) is not bool and least <= number <= most:
        return
    expected = f"a number from {least:.15g} to {most:.15g}"
    raise refusal(setting, f"{described(setting, number)} for {quoted(name)}", expected)


def _items(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",")) if text.strip() else ()


def _limit(setting: Setting, item: str) -> tuple[str, object]:
    name, separator, limit = item.partition("=")
    if not separator or not name.strip():
        raise refusal(setting, quoted(item), "name=number, separated by commas")
    return name.strip(), _number(setting, limit, unit_needed=False)


def _number(setting: Setting, text: str, *, unit_needed: bool) -> float:
    """A number in the key's own unit; a whole one as int where the setting is whole."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise refusal(setting, described(setting, text))
    digits, written = found[1].replace("_", ""), found[2].lower()
    scales = _SCALES[setting.unit] if setting.unit else {}
    if (written and written not in scales) or (unit_needed and not written):
        raise refusal(setting, described(setting, text))
    whole = setting.kind not in (Kind.NUMBER, Kind.NUMBERS)
    if whole and "." not in digits:
        return int(digits) * int(scales.get(written, 1))
    number = float(digits) * scales.get(written, 1)
    if whole and not number.is_integer():
        raise refusal(setting, described(setting, text))
    return int(number) if whole else number
