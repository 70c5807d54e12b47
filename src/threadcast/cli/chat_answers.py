"""Converts typed answers to the values that agents asked for. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

_JSON: dict[str, tuple[Any, str]] = {
    "integer": (int, "a whole number"),
    "number": (int | float, "a number"),
    "object": (dict, "a JSON object"),
    "array": (list, "a JSON array"),
    "null": (None, "null"),
}
_YES, _NO = frozenset({"y", "yes", "true"}), frozenset({"n", "no", "false"})


class UnusableAnswer(ValueError):
    """The text does not fit the question; the message says what would."""


def hint_of(schema: Any) -> str:
    """A hint about what to type, in brackets, or nothing."""
    if _kind(schema) == "boolean":
        return " (y/n)"
    if isinstance(schema, dict) and isinstance(choices := schema.get("enum"), list):
        return f" ({', '.join(str(choice) for choice in choices)})"
    return ""


def answer_of(text: str, schema: Any) -> Any:
    """Read a typed line by a JSON Schema's `type` and `enum`; the server checks the rest.

    Raises:
        UnusableAnswer: it cannot be that.
    """
    kind = _kind(schema)
    if isinstance(schema, dict) and isinstance(choices := schema.get("enum"), list):
        return _chosen(text, choices)
    if kind == "boolean":
        word = text.strip().lower()
        if word in _YES | _NO:
            return word in _YES
        raise UnusableAnswer("please type yes or no")
    return text if kind is None or kind not in _JSON else _json(text, kind)


def _kind(schema: Any) -> str | None:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return kind if isinstance(kind, str) else None


def _chosen(text: str, choices: list[Any]) -> Any:
    for choice in choices:
        if str(choice) == text.strip():
            return choice
    raise UnusableAnswer(f"please type one of {', '.join(str(choice) for choice in choices)}")


def _json(text: str, kind: str) -> Any:
    wanted, words = _JSON[kind]
    try:
        return msgspec.convert(msgspec.json.decode(text.strip()), wanted)
    except (ValueError, RecursionError):
        raise UnusableAnswer(f"please type {words}") from None
