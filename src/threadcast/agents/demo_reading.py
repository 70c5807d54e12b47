"""Interprets a message for the demonstration agent, by its words.

Pure: text in, a `Reading` out. It may not know runs, tools or the agent's texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .calculator import EXPRESSION_MAX_CHARACTERS, function_names

__all__ = [
    "COUNT_MAX",
    "READ_MAX_CHARACTERS",
    "Question",
    "Reading",
    "find_expression",
    "read_message",
]

COUNT_MAX = 1_000
READ_MAX_CHARACTERS = 4_000
TOPIC_MAX_CHARACTERS = 200
_SEARCH_WORDS_MAX = 3


@dataclass(frozen=True, slots=True)
class Question:
    """What the person wants to be asked, and the JSON schema of an answer."""

    prompt: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the words of a message ask for.

    Attributes:
        words: how many there are.
        expression: arithmetic in the text, or None.
        wants_time: whether it speaks of the time or the date.
        place: where it asks for them, in its own words, or None.
        search_text: what it asks to look for in earlier messages, or None.
        question: what it wants to be asked, or None.
        count_to: how far to count, 1..COUNT_MAX, or None.
        wants_long: whether it asks for a long answer.
    """

    words: int
    expression: str | None
    wants_time: bool
    place: str | None
    search_text: str | None
    question: Question | None
    count_to: int | None
    wants_long: bool

    @property
    def is_understood(self) -> bool:
        """Whether it asks for anything."""
        wishes = (self.expression, self.search_text, self.question, self.count_to)
        return self.wants_time or self.wants_long or any(wish is not None for wish in wishes)


def read_message(text: str) -> Reading:
    """Read the first 4,000 characters of a message."""
    text = text[:READ_MAX_CHARACTERS]
    expression = find_expression(text)
    # An expression is not searched for as well.
    return Reading(
        words=len(text.split()),
        expression=expression,
        wants_time=_TIME.search(text) is not None,
        place=_place(text),
        search_text=_search_text(text.replace(expression, " ") if expression else text),
        question=_question(text),
        count_to=_count_to(text),
        wants_long=_LONG.search(text) is not None,
    )


# --- arithmetic --------------------------------------------------------------------------------

_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
_SPAN = re.compile(
    r"(?:(?<![\w.])(?:" + "|".join(sorted(function_names(), key=len, reverse=True)) + r")\s*(?=\()"
    r"|(?<![\w])(?:pi|tau|e)(?!\w)"
    r"|(?<=[0-9%)])\s+(?:of|x)\s+(?=[-0-9(])"
    rf"|(?<![\w.]){_NUMBER}(?![\w:])"
    r"|[-+*/%^(),×÷−√π]|\s)+",
    re.IGNORECASE,
)
_DATES = re.compile(r"(?<!\d)\d{4}-\d{1,2}-\d{1,2}(?!\d)|(?<!\d)\d{1,2}/\d{1,2}/\d{2,4}(?!\d)")
_OPERATION = re.compile(
    r"(?:[0-9)]|\b(?:pi|tau|e))\s*%?\s*(?:\*\*|//|[-+*/%^×÷−]|\bof\b|\bx\b)\s*[-+(√π0-9a-z]"
    r"|[a-z]+[0-9]*\s*\([^)]*[0-9a-z]",
    re.IGNORECASE,
)


def find_expression(text: str) -> str | None:
    """The longest piece of arithmetic in a text: two numbers and an operator, or a function.

    Dates (`2025-11-20`, `1/2/2025`) do not count. The result need not be valid.

    Args:
        text: the text; the caller bounds its length.
    """
    prose = _DATES.sub(";", " ".join(text.split()))
    spans = (_trimmed(match[0]) for match in _SPAN.finditer(prose))
    found = [span for span in spans if _OPERATION.search(span)]
    longest = max(found, key=len, default=None)
    return longest if longest is None else longest[:EXPRESSION_MAX_CHARACTERS]


def _trimmed(span: str) -> str:
    span = span.strip().lstrip("*/%^),×÷+ \n").rstrip("*/^(,×÷−+- \n√")
    while span.endswith(")") and span.count(")") > span.count("("):
        span = span[:-1].rstrip()
    while span.startswith("(") and span.count("(") > span.count(")"):
        span = span[1:].lstrip()
    return span


# --- time, search, questions, length -----------------------------------------------------------

_TIME = re.compile(
    r"\b(?:time|times|date|clock|o'clock|today|tonight|time ?zone|what day|which day)\b", re.I
)
_PLACE = re.compile(
    r"\b(?:time|date|day|clock|today)\b[^.!?\n]{0,20}?\bin (?:the )?([^\W\d_][^.,;:!?\n]{0,60})",
    re.I,
)
_SEARCH = re.compile(
    r"\b(?:search(?:ed)?|find|look(?:ing)? for|look up|remember|recall|remind me|earlier|"
    r"previously|did i (?:say|write|tell|ask))\b",
    re.I,
)
_QUOTED = re.compile(r"[\"“«]([^\"“”«»]{1,200})[\"”»]")
_WORD = re.compile(r"[^\W_](?:[\w'’-]*[^\W_])?")
_STOP_WORDS_TEXT = (
    "a about all am an and any anything are ask at be been but by can could date did do does "
    "earlier everything find for from get give had has have hello help hey hi how i if in into is "
    "it know last let list long look looking looked me mentioned message messages my now of on or "
    "other our out please previously question recall remember remind said say search searched "
    "should show some something tell that the their them then there these they thing this those "
    "time to today told us use was we were what when where which who why will with word words "
    "would write wrote you your yes no not"
)
_STOP_WORDS = frozenset(_STOP_WORDS_TEXT.split())
_ASK = re.compile(r"\bask me\b\s*(?:about|for|to|if|whether)?\s*([^.!?\n]*)", re.I)
_YES_OR_NO = re.compile(r"\byes\b.{0,5}\bno\b|\bconfirm|\bapprov|\bwhether\b|\bask me if\b", re.I)
_QUANTITY = re.compile(r"\bnumber\b|\bhow (?:many|much|old)\b|\bage\b|\bamount\b", re.I)
_COUNT = re.compile(r"\bcount\b[^.!?\n]{0,40}?\bto\s+([0-9]{1,9})\b", re.I)
_LONG = re.compile(
    r"(?<!how )(?<!as )(?<!so )\b(?:long|longer|lengthy)\b(?! (?:time|ago|as)\b)|\bessay\b", re.I
)


def _place(text: str) -> str | None:
    asked = _PLACE.search(text)
    return None if asked is None else asked[1].strip()


def _search_text(text: str) -> str | None:
    asked = _SEARCH.search(text)
    if asked is None:
        return None
    if quoted := _QUOTED.search(text):
        return quoted[1].strip() or None
    topic = re.split(r"[,.;:!?\n]", text[asked.end() :].lstrip(" ,.;:!?\n"), maxsplit=1)[0]
    words = _salient_words(topic) or _salient_words(text[: asked.start()])
    return " ".join(words[:_SEARCH_WORDS_MAX])[:TOPIC_MAX_CHARACTERS] or _salient_word(text)


def _salient_words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if word.casefold() not in _STOP_WORDS]


def _salient_word(text: str) -> str:
    words = _salient_words(text) or text.split()
    return max(words, key=len, default=text)[:TOPIC_MAX_CHARACTERS]


def _question(text: str) -> Question | None:
    asked = _ASK.search(text)
    if asked is None:
        return None
    topic = asked[1].strip().strip("\"'“”:;, ")[:TOPIC_MAX_CHARACTERS] or "anything"
    prompt = f"You wanted to be asked: {topic}"
    if _YES_OR_NO.search(text):
        return Question(prompt, {"type": "boolean", "title": "Yes or no"})
    if _QUANTITY.search(text):
        return Question(prompt, {"type": "number", "title": "A number"})
    schema = {"type": "string", "title": "Your answer", "minLength": 1, "maxLength": 500}
    return Question(prompt, schema)


def _count_to(text: str) -> int | None:
    asked = _COUNT.search(text)
    return None if asked is None else max(1, min(int(asked[1]), COUNT_MAX))
