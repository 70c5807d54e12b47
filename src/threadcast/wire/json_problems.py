"""Explains bad fields: the checks that a decoder cannot make, and why decoding failed.

Every message has the form `<field>: expected <this>, got <that>`, from the field's definition and
the kind and size of what came, never its value. The code follows from the definition too: `empty`
and `too_long` for text out of bounds, `bad_id` and `legacy_id` for ids, the `code` that a field
names for itself, and `bad_field` for all else.

This module may not know where the fields came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from ..errors import ThreadcastError
from ..ids import id_kind, id_problem, user_id_problem
from ..ids.legacy import legacy_kind, may_be_legacy

__all__ = [
    "check_fields",
    "check_id",
    "check_raw_sizes",
    "check_user",
    "describe",
    "explain_field",
    "explain_fields",
    "plain_value",
]

_KINDS_WITH_LEGACY = frozenset({"thread", "run"})
_FORBIDDEN_KEY = b'"__proto__":'
_RAW_FACTOR = 4
_LONG_INTEGER = 10**30


# --- checks after a decode ------------------------------------------------------------------------


def check_fields(decoded: msgspec.Struct) -> None:
    """Make the checks that `fields` declares in `extra`.

    Raises:
        ThreadcastError: `bad_id`, `legacy_id`, `bad_metadata`, `too_long`, `bad_field`.
    """
    for name, extra in _checked_fields(type(decoded)):
        value = getattr(decoded, name)
        if value is None:
            continue
        if "id_kind" in extra:
            check_id(name, value, extra["id_kind"], older_too=extra.get("older_too", False))
        else:
            _check_size(name, value, extra)


@cache
def _checked_fields(struct: type[msgspec.Struct]) -> tuple[tuple[str, dict[str, Any]], ...]:
    extras = ((field.name, _rule(field.type)[1]) for field in msgspec.structs.fields(struct))
    return tuple(
        (name, extra) for name, extra in extras if "id_kind" in extra or "json_max_bytes" in extra
    )


def check_id(name: str, text: str, kind: str, *, older_too: bool = False) -> None:
    """Check that a text is an id of one kind.

    Args:
        name: the field or parameter, for the message.
        text: what came.
        kind: see `ids.id_problem`.
        older_too: also accept what may be an id of an older system; the store decides whether it is
            one.

    Raises:
        ThreadcastError: `legacy_id` names the migration; `bad_id` names both kinds.
    """
    problem = id_problem(text, kind)
    if problem is None or (older_too and id_kind(text) is None and may_be_legacy(text)):
        return
    legacy = legacy_kind(text) if kind in _KINDS_WITH_LEGACY else None
    if legacy is None:
        raise ThreadcastError("bad_id", f"{name}: {problem}")
    raise ThreadcastError(
        "legacy_id",
        f"{name}: expected a {kind} id, got the id of an older system ({legacy});"
        " ids of older systems are not accepted here; migrate the thread first",
    )


def check_user(text: str) -> None:
    """Check that the field `user` is the id of a user.

    Raises:
        ThreadcastError: `bad_field`.
    """
    if problem := user_id_problem(text):
        raise ThreadcastError("bad_field", problem.replace("user_id", "user", 1))


def _check_size(name: str, value: Any, extra: dict[str, Any]) -> None:
    max_bytes = extra["json_max_bytes"]
    encoded = msgspec.json.encode(value)
    if len(encoded) > max_bytes:
        problem = f"{name}: expected at most {max_bytes} bytes as JSON, got {len(encoded)}"
        raise ThreadcastError(extra.get("code", "too_long"), problem)
    if extra.get("code") == "bad_metadata" and _FORBIDDEN_KEY in encoded:
        raise ThreadcastError("bad_metadata", f"{name}: expected no key __proto__, got one")


def check_raw_sizes(fields: Mapping[str, msgspec.Raw], expected: type[msgspec.Struct]) -> None:
    """Refuse values far beyond their size before decoding, which would block the loop.

    Args:
        fields: all fields, each still as JSON, with the sender's whitespace and escapes.
        expected: the definition.

    Raises:
        ThreadcastError: as for a value that is too large.
    """
    for name, extra in _checked_fields(expected):
        size_bytes = memoryview(fields[name]).nbytes if name in fields else 0
        max_bytes = extra.get("json_max_bytes", size_bytes)
        if size_bytes > max_bytes * _RAW_FACTOR:
            problem = f"{name}: expected at most {max_bytes} bytes as JSON, got {size_bytes}"
            raise ThreadcastError(extra.get("code", "too_long"), problem)


# --- reasons after a failed decode ----------------------------------------------------------------


def explain_fields(fields: Mapping[str, msgspec.Raw], expected: type[msgspec.Struct]) -> None:
    """Report the first field, in the order of the definition, that cannot be decoded.

    Args:
        fields: all fields, each still as JSON.
        expected: the definition.

    Raises:
        ThreadcastError: what is wrong with that field.
    """
    for field in msgspec.structs.fields(expected):
        raw = fields.get(field.encode_name)
        if raw is not None:
            explain_field(field.encode_name, raw, field.type)
        elif field.required:
            expectation = _expectation(_rule(field.type)[0])
            problem = f"{field.encode_name}: expected {expectation}, got nothing"
            raise ThreadcastError("bad_field", problem)


def explain_field(name: str, raw: msgspec.Raw, expected: Any) -> None:
    """Raise the reason why this JSON is not of that type; does nothing if it is.

    Raises:
        ThreadcastError: as in the module's description; `bad_json`, see `plain_value`.
    """
    try:
        msgspec.json.decode(raw, type=expected)
    except (ValueError, RecursionError):
        pass
    else:
        return
    rule, extra = _rule(expected)
    came = plain_value(name, raw)
    if isinstance(came, str) and "id_kind" in extra:
        check_id(name, came, extra["id_kind"], older_too=extra.get("older_too", False))
    problem = f"{name}: expected {_expectation(rule)}, got {describe(came)}"
    raise ThreadcastError(_code(rule, extra, came), problem)


def plain_value(name: str, raw: msgspec.Raw) -> Any:
    """Decode a field of any type; an integer too long to decode is replaced by another one.

    Raises:
        ThreadcastError: `bad_json` for an integer of too many digits, deep inside.
    """
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        pass
    if bytes(raw).strip().lstrip(b"-").isdigit():
        return _LONG_INTEGER
    raise ThreadcastError("bad_json", f"{name}: holds a number that is out of range")


def _code(rule: inspect.Type, extra: dict[str, Any], came: object) -> str:
    own: str | None = extra.get("code")
    if own == "bad_metadata":
        return own if isinstance(came, dict) else "bad_field"
    if own is not None:
        return own
    if isinstance(came, str) and isinstance(rule, inspect.StrType):
        if rule.min_length is not None and len(came) < rule.min_length:
            return "empty"
        if rule.max_length is not None and len(came) > rule.max_length:
            return "too_long"
    return "bad_field"


def _rule(expected: Any) -> tuple[inspect.Type, dict[str, Any]]:
    """A field's type without null, and its `extra`."""
    found = inspect.type_info(expected)
    if isinstance(found, inspect.UnionType):
        found = next(one for one in found.types if not isinstance(one, inspect.NoneType))
    if isinstance(found, inspect.Metadata):
        return found.type, found.extra or {}
    return found, {}


def _expectation(rule: inspect.Type) -> str:
    match rule:
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            if least is None and most is None:
                return "text"
            bounds = f"{least or 0}..{most}" if most is not None else f"at least {least}"
            return f"text of {bounds}{' printable' if pattern else ''} characters"
        case inspect.IntType(ge=least, le=most):
            return f"an integer in {least}..{most}"
        case inspect.FloatType(ge=least, le=most):
            return f"a number in {least}..{most}"
        case inspect.LiteralType(values=values):
            return " or ".join(str(value) for value in values)
        case inspect.BoolType():
            return "true or false"
        case inspect.ListType():
            return "an array"
        case inspect.DictType(max_length=most):
            return f"an object of at most {most} keys of 1..64 characters, none of them __proto__"
        case _:
            return "any JSON"


def describe(value: object) -> str:
    """The kind and size of a JSON value, without its content."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int():
            return "an integer of too many digits" if abs(value) >= 2**64 else str(value)
        case float():
            return "a number with a fraction or an exponent"
        case str():
            return f"a string of {len(value)} characters"
        case list():
            return f"an array of {len(value)} items"
        case _:
            return "an object"
