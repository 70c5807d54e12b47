"""Ids of older systems: recognised, named, masked; never made here.

How an entrance treats a text that should name a thread; the first match counts:

1. a current id of kind `thread`: looked up; 2. a current id of another kind: `bad_id` that names
both kinds; 3. a known older shape (`legacy_kind`): resolved for the user who has it as an alias,
otherwise `legacy_id`, which names the migration; 4. a plain text (`is_plain`): resolved as an alias
if the store has any aliases of no known shape, otherwise `bad_id`; 5. anything else: `bad_id`,
without a query.

A migration (`ids.migrated`) accepts more: any printable text that is not a current id, so that no
thread is lost. A thread whose legacy id matches neither rule 3 nor rule 4 can be reached by its new
id only.

This module reads text only; it may not know current ids, stores or aliases, and it may not import
any other module. No current id has one of the shapes of `legacy_kind`.
"""

from __future__ import annotations

import re

__all__ = [
    "LEGACY_ID_MAX_CHARACTERS",
    "is_plain",
    "legacy_kind",
    "masked_legacy",
    "may_be_legacy",
]

LEGACY_ID_MAX_CHARACTERS = 300
"""The longest legacy id: a user id of 255 characters and a suffix."""

_HIDDEN = "***"

# A user id inside an id: any character but controls and lone surrogates.
_USER = r"[^\x00-\x1f\x7f\ud800-\udfff]"
_HEX = "[0-9a-f]"
_MS = "[1-9][0-9]{12}"
_S = "[1-9][0-9]{9}"

# The first match names the shape, so narrow shapes come before wide ones.
_SHAPES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("websocket_factory", f"websocket_factory_{_MS}"),
        ("session", f"session_{_MS}"),
        ("request", f"req_{_HEX}{{12}}"),
        ("uuid", f"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}|{_HEX}{{32}}"),
        ("ws_connection", f"ws_{_USER}{{1,8}}_{_S}_{_HEX}{{8}}"),
        ("user_request", f"{_USER}{{1,255}}_req_{_HEX}{{12}}_{_HEX}{{8}}"),
        ("other", f"[a-z][a-z0-9]{{0,31}}(?:-[a-z0-9]{{1,32}}){{0,7}}-(?:{_HEX}{{8}}|{_MS})"),
        ("other", "thread_[A-Za-z0-9]{24}"),  # threads of a well-known hosted assistants API
    )
)
# A text that begins like a current id but is none is a mistake, not a legacy id.
_PLAIN = re.compile(
    r"(?!(?i:thread|run|req|feed|ws_conn)_)[A-Za-z0-9][A-Za-z0-9._~:@+=-]*", re.ASCII
)


def legacy_kind(text: object) -> str | None:
    """Name the older shape that a text has.

    Total: any input of any type, no exception.

    Args:
        text: anything; only a `str` (no subclass) of at most `LEGACY_ID_MAX_CHARACTERS` can fit.

    Returns:
        `websocket_factory` (`websocket_factory_<ms>`), `session` (`session_<ms>`), `request`
        (`req_<hex12>`), `uuid` (a bare one, with or without hyphens), `ws_connection`
        (`ws_<user8>_<s>_<hex8>`), `user_request` (`<user>_req_<hex12>_<hex8>`), `other` (words
        joined by hyphens that end in `-<hex8>` or `-<ms>`; `thread_` and 24 letters and digits),
        or None: current ids and all else.
    """
    if type(text) is not str or len(text) > LEGACY_ID_MAX_CHARACTERS:
        return None
    return next((name for name, shape in _SHAPES if shape.fullmatch(text)), None)


def is_plain(text: object) -> bool:
    """Whether a text of no known shape may be a legacy id at an entrance.

    It begins with a letter or a digit, and goes on with these and `. _ ~ : @ + = -` (all ASCII), to
    at most `LEGACY_ID_MAX_CHARACTERS`. What begins with the prefix of a current id, in any case,
    is not plain. Total: any input of any type, no exception.
    """
    fits = type(text) is str and len(text) <= LEGACY_ID_MAX_CHARACTERS
    return fits and _PLAIN.fullmatch(str(text)) is not None


def may_be_legacy(text: object) -> bool:
    """Whether a text that is no current id may be an older one at an entrance (rules 3, 4)."""
    return legacy_kind(text) is not None or is_plain(text)


def masked_legacy(text: str, kind: str) -> str:
    """A legacy id with the parts masked that may name a user or be a secret.

    Args:
        text: the id.
        kind: the name of its shape.
    """
    match kind:
        case "ws_connection":
            _, when, random = text.rsplit("_", 2)
            return f"ws_{_HIDDEN}_{when}_{random}"
        case "user_request":
            _, request, first, random = text.rsplit("_", 3)
            return f"{_HIDDEN}_{request}_{first}_{random}"
        case "websocket_factory" | "session" | "request":
            return text
        case "uuid":
            return text[:8] + _HIDDEN
        case "other" if "-" in text:
            return f"{_HIDDEN}-{text.rsplit('-', 1)[-1]}"
        case _:
            return _HIDDEN
