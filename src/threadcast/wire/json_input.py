"""Strict decoding of untrusted JSON, the same for commands and HTTP bodies.

Good input costs one decode and a few fast searches. The reason for a refusal is found afterwards,
in `json_problems`. This module may not know what an object is for, and it never puts a value into
an error or a log.

Rules: at most 64 levels, checked before decoding; of two equal keys the last wins;
no string holds U+0000, U+FFFE, U+FFFF or a lone surrogate, or begins with U+FEFF (which is
ordinary elsewhere in a string); integers are never written as floats; a float can hold all numbers.
"""

from __future__ import annotations

import json
import logging
import re
from array import array
from collections.abc import Mapping
from itertools import accumulate
from math import isinf
from typing import Any, NoReturn, TypeVar

import msgspec

from ..errors import ThreadcastError
from .json_problems import check_fields, check_raw_sizes, explain_fields

__all__ = [
    "DEPTH_MAX",
    "decode_array",
    "decode_fields",
    "decode_object",
    "depth_of",
    "log_unknown",
    "read_string",
    "rebuild",
    "strict_text",
]

T = TypeVar("T", bound=msgspec.Struct)

DEPTH_MAX = 64
_DEPTH_PREFIX_CHARACTERS = 4_096
_LARGE_CHARACTERS = 262_144
_LONG_NUMBERS_MAX = 1_000
_UNKNOWN_NAMES_MAX = 10
_UNKNOWN_NAME_MAX_CHARACTERS = 64

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"[{]}")
_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
# With fewer than 200 digits, an exponent of two does not lead beyond all floats.
_LONG_NUMBER_SHAPES = (b"0e000", b"0e+000", b"0e-000", b"0" * 200)
_LONG_NUMBER = re.compile(
    r"(?<![0-9.])(?:[0-9][0-9.]*+[eE][+-]?[0-9]{3,}+|[0-9.]{200,}+[eE]\+?[0-9]++)"
)
_ESCAPE_TO_CHECK = re.compile(r"\\u(?:0000|[fF][fF][fF][eEfF]|[fF][eE][fF][fF])")
_UNUSABLE = re.compile("[\x00\ufffe\uffff\ud800-\udfff]|^\ufeff")
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])
log = logging.getLogger(__name__)


def decode_object(text: str | bytes, expected: type[T]) -> T:
    """Decode one JSON object.

    Args:
        text: JSON; bytes are UTF-8. The caller has bounded its size.
        expected: the struct to decode. Unknown fields are ignored; their names go to the debug log.

    Raises:
        ThreadcastError: `bad_json`, `too_deep`, `bad_string`, `bad_message`, or what is wrong
            with a field (see `json_problems`).
    """
    text = strict_text(text)
    if len(text) > _LARGE_CHARACTERS:
        check_raw_sizes(decode_fields(text), expected)
    try:
        decoded = msgspec.json.decode(text, type=expected)
    except (ValueError, RecursionError):
        decoded = rebuild(decode_fields(text), expected)
    check_fields(decoded)
    log_unknown(text, expected)
    return decoded


def decode_array(text: str | bytes) -> list[msgspec.Raw]:
    """The items of one JSON array, each as JSON still.

    Args:
        text: JSON; bytes are UTF-8. The caller has bounded its size, and seen a bracket.

    Raises:
        ThreadcastError: `bad_json`, `too_deep`, `bad_string`.
    """
    text = strict_text(text)
    try:
        return _items_decoder.decode(text)
    except (ValueError, RecursionError) as error:
        _refuse_syntax(text, error)


def strict_text(text: str | bytes) -> str:
    """Apply the rules that need no decoding; returns the text as `str`.

    Raises:
        ThreadcastError: `bad_json` (bytes that are not UTF-8), `too_deep`, `bad_string`.
    """
    if not isinstance(text, str):
        text = _utf8(text)
    if text.count("[") + text.count("{") > DEPTH_MAX:
        _check_depth(text)
    if not (text.isascii() and "\\u" not in text):
        _check_characters(text)
    _check_numbers(text)
    return text


def _utf8(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        problem = f"expected UTF-8, got another byte at index {error.start}"
    raise ThreadcastError("bad_json", problem)


# --- depth --------------------------------------------------------------------------------------


def depth_of(text: str) -> int:
    """The deepest nesting of brackets outside strings; for invalid JSON, some number.

    For a prefix of a text, it is at most that of the text.
    """
    outside = _outside_strings(text).encode("utf-8", "replace")
    steps = outside.translate(_STEPS, _NO_BRACKETS)
    return max(accumulate(array("b", steps)), default=0)


def _outside_strings(text: str) -> str:
    without_escapes = text.replace("\\\\", "").replace('\\"', "")
    return " ".join(without_escapes.split('"')[::2])


def _check_depth(text: str) -> None:
    # A text that is too deep near its start is refused without scanning all of it.
    for part in (text[:_DEPTH_PREFIX_CHARACTERS], text):
        if depth_of(part) > DEPTH_MAX:
            raise ThreadcastError("too_deep", f"expected at most {DEPTH_MAX} levels, got more")


# --- numbers ------------------------------------------------------------------------------------


def _check_numbers(text: str) -> None:
    """Refuse numbers beyond all floats, which a decode skips in fields that it ignores.

    Only those with an exponent of three digits, or with very many digits, are looked at. There may
    not be many of them: near the ends of the range one takes 25 us to decode, others 0.04.
    """
    shape = text.encode("utf-8", "replace").translate(_SHAPE)
    if not any(part in shape for part in _LONG_NUMBER_SHAPES):
        return
    for count, number in enumerate(_LONG_NUMBER.finditer(_outside_strings(text)), start=1):
        if count > _LONG_NUMBERS_MAX:
            expected = f"at most {_LONG_NUMBERS_MAX} numbers with an exponent of three digits"
            raise ThreadcastError("bad_json", f"expected {expected}, got more")
        if isinf(float(number[0])):
            raise ThreadcastError(
                "bad_json", "expected numbers that a float can hold, got a greater one"
            )


# --- characters -----------------------------------------------------------------------------------


def _check_characters(text: str) -> None:
    if text.startswith("\ufeff"):
        raise ThreadcastError("bad_string", "U+FEFF before the JSON is not allowed")
    if (
        "\ufffe" in text
        or "\uffff" in text
        or '"\ufeff' in text
        or _ESCAPE_TO_CHECK.search(text) is not None
    ):
        # A backslash escape may itself be escaped, so the decoded strings decide.
        _check_strings(text)


def _check_strings(text: str) -> None:
    pending = [_lenient(text)]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending.extend(item.keys())
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, str) and (found := _UNUSABLE.search(item)):
            problem = f"U+{ord(found[0]):04X} at index {found.start()} of a string is not allowed"
            raise ThreadcastError("bad_string", problem)


def _lenient(text: str | bytes) -> Any:
    """Decode, tolerating lone surrogates; None if it is not JSON."""
    try:
        return json.loads(text, parse_int=float, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def read_string(text: str | bytes, name: str) -> str | None:
    """A string field of a text that was refused, but not as `too_deep`; None if there is none."""
    tree = _lenient(text)
    found = tree.get(name) if isinstance(tree, dict) else None
    return found if isinstance(found, str) and _UNUSABLE.search(found) is None else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


# --- fields one by one --------------------------------------------------------------


def decode_fields(text: str) -> dict[str, msgspec.Raw]:
    """The fields of an object, each as JSON still; of two equal keys the last.

    Raises:
        ThreadcastError: `bad_json`, `bad_string`, `bad_message`.
    """
    try:
        return _fields_decoder.decode(text)
    except msgspec.ValidationError:
        _check_syntax(text)
    except (ValueError, RecursionError) as error:
        _refuse_syntax(text, error)
    came = _KIND_BY_START.get(text.lstrip()[:1], "a number")
    raise ThreadcastError("bad_message", f"expected a JSON object, got {came}")


_KIND_BY_START = {"[": "an array", '"': "a string", "t": "true", "f": "false", "n": "null"}


def _check_syntax(text: str) -> None:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (ValueError, RecursionError) as error:
        _refuse_syntax(text, error)


def _refuse_syntax(text: str, error: Exception) -> NoReturn:
    if isinstance(error, RecursionError):
        raise ThreadcastError("too_deep") from None
    # This decoder reports lone surrogates as a syntax error.
    _check_strings(text)
    problem = "expected JSON in UTF-8" if isinstance(error, UnicodeError) else str(error)
    raise ThreadcastError("bad_json", problem) from None


def rebuild(fields: Mapping[str, msgspec.Raw], expected: type[T]) -> T:
    """Decode an object from its fields; differs from decoding the text only for repeated keys.

    Raises:
        ThreadcastError: what is wrong with the first bad field, in the order of the definition.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(fields), type=expected)
    except (ValueError, RecursionError):
        explain_fields(fields, expected)
    raise AssertionError(f"{expected.__name__}: every field is good, but not all of them")


def log_unknown(text: str, expected: type[msgspec.Struct]) -> None:
    """Log the names of ignored fields at debug level."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    config = expected.__struct_config__
    unknown = decode_fields(text).keys() - set(expected.__struct_encode_fields__)
    names = sorted(unknown - {config.tag_field})
    if names:
        shown = [ascii(name[:_UNKNOWN_NAME_MAX_CHARACTERS]) for name in names[:_UNKNOWN_NAMES_MAX]]
        more = "" if len(names) == len(shown) else f" and {len(names) - len(shown)} more"
        log.debug("%s: ignored %s%s", expected.__name__, ", ".join(shown), more)
