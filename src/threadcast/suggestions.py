"""Suggests the nearest known name for a mistyped one: settings, variables, options, commands.

It knows names only, not what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable

_NAME_MAX_CHARACTERS = 64
_CHARACTERS_PER_SLIP = 3


def nearest(name: str, known: Iterable[str], *, prefix: str = "") -> str | None:
    """The known name that is most like `name`, or None where nothing is like it.

    A name is like another up to a slip in every three characters, or if its words are among the
    other's.

    Args:
        name: what was typed; above 64 characters nothing is suggested.
        known: the names that exist.
        prefix: what all of them begin with, so that it tells nothing.
    """
    if len(name) > _NAME_MAX_CHARACTERS:
        return None
    typed = _folded(name, prefix)
    slips_max = max(1, len(typed) // _CHARACTERS_PER_SLIP)
    counted = [(slips(typed, _folded(one, prefix)), one) for one in known]
    near = [(count, one) for count, one in counted if count <= slips_max]
    near = near or [(count, one) for count, one in counted if _words(typed) <= _words(one)]
    return min(near, default=(0, None), key=lambda found: found[0])[1]  # the first of equals


def did_you_mean(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """A clause such as `, did you mean "port"?`, or nothing where no name is near."""
    found = nearest(name, known, prefix=prefix)
    return f', did you mean "{found}"?' if found else ""


def _folded(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).casefold()


def _words(name: str) -> set[str]:
    return set(name.casefold().replace("-", "_").split("_"))


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
