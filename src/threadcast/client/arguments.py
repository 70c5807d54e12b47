"""Checks what a program gives the client, before anything is opened or sent. Pure.

What a command may carry is not said again here: the server's own decoder judges it.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping

from ..errors import ThreadcastError
from ..wire.json_problems import check_id


class UnusableArgument(ThreadcastError, ValueError):
    """An argument that no server would take; nothing was sent.

    It is a `ValueError`, and has the code with which a server refuses such a value: `bad_field`,
    `empty`, `too_long`, `bad_id` and others. The message names the argument, what was expected and
    what came, which it never repeats unless it is a number.
    """


def check_whole(name: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse what is no integer in `least`..`most`; without `most` there is no upper bound.

    Raises:
        UnusableArgument: `bad_field`.
    """
    if type(value) is not int or value < least or (most is not None and value > most):
        bounds = f"of {least} or more" if most is None else f"in {least}..{most}"
        raise _unusable(name, f"an integer {bounds}", value)


def check_counts(first_attempts: int | None, buffer_max_events: int, buffer_max_bytes: int) -> None:
    """Refuse what is below 1; None stands for any number of attempts.

    Raises:
        UnusableArgument: `bad_field`.
    """
    if first_attempts is not None:
        check_whole("first_attempts", first_attempts, 1)
    check_whole("buffer_max_events", buffer_max_events, 1)
    check_whole("buffer_max_bytes", buffer_max_bytes, 1)


def check_waits(retry_first_s: float, retry_max_s: float, command_max_s: float) -> None:
    """Refuse times that are no finite numbers above 0, and waits that would have to shrink.

    Raises:
        UnusableArgument: `bad_field`.
    """
    _check_seconds("retry_first_s", retry_first_s)
    _check_seconds("retry_max_s", retry_max_s)
    _check_seconds("command_max_s", command_max_s)
    if retry_max_s < retry_first_s:
        expected = f"at least retry_first_s, which is {retry_first_s:g}"
        raise _unusable("retry_max_s", expected, retry_max_s)


def _check_seconds(name: str, value: object) -> None:
    if isinstance(value, int | float) and type(value) is not bool and 0 < value < math.inf:
        return
    raise _unusable(name, "seconds above 0", value)


def check_text(name: str, value: object) -> None:
    """Refuse what is no text.

    Raises:
        UnusableArgument: `bad_field`.
    """
    if not isinstance(value, str):
        raise _unusable(name, "text", value)


def check_token(token: object) -> None:
    """Refuse what is no text and cannot be called for one; whether it is good is asked later.

    Raises:
        UnusableArgument: `bad_field`, `empty`.
    """
    if not isinstance(token, str) and not callable(token):
        raise _unusable("token", "text, or a function that gives it", token)
    if token == "":
        raise UnusableArgument("empty", "token: expected text that is not empty")


def check_callables(token: object, on_state: object) -> None:
    """Refuse an unusable token, and an `on_state` that cannot be called or must be awaited.

    Raises:
        UnusableArgument: `bad_field`.
    """
    check_token(token)
    if inspect.iscoroutinefunction(on_state):
        raise UnusableArgument("bad_field", "on_state: expected a plain function, got an async one")
    if not callable(on_state):
        raise _unusable("on_state", "a function", on_state)


def check_id_of(kind: str, name: str, value: object, *, older_too: bool = False) -> None:
    """Refuse what is no id of this kind, nor, with `older_too`, may be an older system's.

    Raises:
        UnusableArgument: `bad_id`, `legacy_id`; `bad_field` for what is no text.
    """
    if not isinstance(value, str):
        raise _unusable(name, f"a {kind} id", value)
    try:
        check_id(name, value, kind, older_too=older_too)
    except ThreadcastError as error:
        raise UnusableArgument(error.code, error.message) from None


def check_json(values: Mapping[str, object]) -> None:
    """Refuse what JSON has no form for: bytes, sets, dates, NaN, cycles and others.

    Raises:
        UnusableArgument: `bad_field`.
    """
    for name, value in values.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            text = f"{name}: expected what JSON can hold ({error})"
            raise UnusableArgument("bad_field", text) from None


def _unusable(name: str, expected: str, value: object) -> UnusableArgument:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    came = f"{value}" if is_number else "nothing" if value is None else type(value).__name__
    return UnusableArgument("bad_field", f"{name}: expected {expected}, got {came}")
