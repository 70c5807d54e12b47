"""The shapes of ids that older systems made: recognised and named, never made here.

A store uses the name to say "this is a legacy id, migrate it" instead of "this is no id". This
module reads text only; it may not know current ids, stores or aliases, and it may not import any
other module. No current id has one of these shapes.
"""

from __future__ import annotations

import re

__all__ = ["LEGACY_ID_MAX_CHARACTERS", "legacy_kind"]

LEGACY_ID_MAX_CHARACTERS = 300
"""Longest text that can be a legacy id: a user id of 255 characters and what was put after it."""

# A user id inside an id: any character but controls and lone surrogates.
_USER = r"[^\x00-\x1f\x7f\ud800-\udfff]"
_HEX = "[0-9a-f]"
_MS = "[1-9][0-9]{12}"
_S = "[1-9][0-9]{9}"

# The first shape that fits gives the name, so the order is from the narrow to the wide.
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
    )
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
        joined by hyphens that end in `-<hex8>` or `-<ms>`), or None: current ids and all else.
    """
    if type(text) is not str or len(text) > LEGACY_ID_MAX_CHARACTERS:
        return None
    return next((name for name, shape in _SHAPES if shape.fullmatch(text)), None)
