"""Rewrites arithmetic as people type it: `15% of 240`, `2 ^ 8`, `5!`, `3 × 4`.

The text is tokenised into numbers, names and operators, and everything else is refused, so the
result is a short text of known tokens. It may not evaluate them.
"""

from __future__ import annotations

import re

__all__ = ["CalculationError", "plain_arithmetic"]


class CalculationError(ValueError):
    """The expression cannot be evaluated; the message is one sentence for the user."""


_PART = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)"
    r"|(?P<name>[a-z][a-z0-9]*)"
    r"|(?P<operator>\*\*|//|[-+*/%(),!])"
)
_SPELLINGS = str.maketrans(
    {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "π": " pi ", "√": " sqrt ", "^": "**"}
)
_TIMES_SIGN = re.compile(r"(?<=[0-9)])\s+x\s+(?=[0-9(])")
# A percent sign is a percentage at the end of a term; before another operand it is a remainder.
_ENDS_TERM = re.compile(r"\s*(?:$|[),*/]|of\b)|\s+[-+]\s")


def plain_arithmetic(text: str) -> str:
    """Rewrite an expression so that Python's parser reads it as a person meant it.

    Args:
        text: the expression; the caller bounds its length.

    Raises:
        CalculationError: it is empty, or holds something that is not arithmetic.
    """
    text = _TIMES_SIGN.sub(" * ", text.translate(_SPELLINGS).lower()).strip()
    parts: list[str] = []
    operand: str | None = None  # the preceding token, if it ends an operand
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise CalculationError(f"{text[position]!r} is not arithmetic")
        part, is_operand = match[0], match.lastgroup != "operator" and match[0] != "of"
        if operand is not None and (is_operand or part == "("):
            _check_neighbours(operand, part)
        parts.append(_spelled(parts, part, is_percentage=_is_percentage(text, match)))
        operand = part if is_operand or part in (")", "!") else None
        position = _after_space(text, match.end())
    if not parts:
        raise CalculationError("there is nothing to calculate")
    return " ".join(parts)


def _after_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _is_percentage(text: str, match: re.Match[str]) -> bool:
    is_glued = match.start() > 0 and text[match.start() - 1] in "0123456789."
    return match[0] == "%" and is_glued and _ENDS_TERM.match(text, match.end()) is not None


def _spelled(parts: list[str], part: str, *, is_percentage: bool) -> str:
    if is_percentage:
        return f"({parts.pop()} / 100)"
    if part == "of":
        return "*"
    if part == "!":
        if not (parts and parts[-1].isdigit()):
            raise CalculationError("'!' is read after a whole number only: write factorial(...)")
        return f"factorial({parts.pop()})"
    # "007" is seven to a person and an error to Python.
    return str(int(part)) if part.isdigit() else part


def _check_neighbours(left: str, right: str) -> None:
    if right == "(" and left[0].isalpha():
        return
    raise CalculationError(f"there is no operator between {left!r} and {right!r}")
