"""The nearest known name to one that was mistyped: for settings, variables and commands.

It knows names only, not what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_NAME_MAX_CHARACTERS = 64
_LIKENESS_LEAST = 0.52


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`, or None where nothing is like it.

    Args:
        name: what was typed; a name of more than 64 characters has no neighbour.
        known: the names that exist.
    """
    if len(name) > _NAME_MAX_CHARACTERS:
        return None
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = get_close_matches(name.casefold(), by_folded, n=1, cutoff=_LIKENESS_LEAST)
    return by_folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause such as `, did you mean "port"?`, or nothing where no name is near."""
    found = nearest(name, known)
    return f', did you mean "{found}"?' if found else ""
