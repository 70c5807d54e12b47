"""Suggests the nearest known name for a mistyped one: settings, variables, options, commands.

It knows names only, not what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_NAME_MAX_CHARACTERS = 64
_LIKENESS_MIN = 0.52
_CANDIDATES_MAX = 5


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`, or None where nothing is like it.

    Args:
        name: what was typed; above 64 characters nothing is suggested.
        known: the names that exist.
    """
    if len(name) > _NAME_MAX_CHARACTERS:
        return None
    typed = name.casefold()
    by_folded = {candidate.casefold(): candidate for candidate in known}
    alike = get_close_matches(typed, by_folded, n=_CANDIDATES_MAX, cutoff=_LIKENESS_MIN)
    found = min(alike, key=lambda one: slips(typed, one), default=None)  # the first of equals
    return None if found is None else by_folded[found]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause such as `, did you mean "port"?`, or nothing where no name is near."""
    found = nearest(name, known)
    return f', did you mean "{found}"?' if found else ""


def slips(typed: str, meant: str) -> int:
    """The edit distance of two texts, with transpositions (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(meant) + 1))
    for row, came in enumerate(typed, 1):
        line = [row]
        for column, wanted in enumerate(meant, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (came != wanted))
            exchanged = row > 1 and column > 1 and came == meant[column - 2]
            if exchanged and typed[row - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, last = last, line
    return last[-1]
