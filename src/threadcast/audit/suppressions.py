"""`# threadcast: ignore[TC301] reason`: findings suppressed by a comment with a reason."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..suggestions import did_you_mean
from .findings import Finding, Location
from .rules import RULES, rule_of
from .source import Source

_MARK = "threadcast:"
_COMMENT = re.compile(r"#\s*threadcast:\s*ignore\b(?:\[([^\]]*)\])?:?\s*(.*)", re.DOTALL)
_NEVER_SUPPRESSED = frozenset({"TC001", "TC002", "TC003"})


class Suppression(NamedTuple):
    """One comment.

    Attributes:
        location: the comment's.
        line: the line that it applies to: its own, or the next one if it is alone on its line.
        codes: the rules that it names.
        unknown: names in it that are no rules.
        reason: why; may be empty.
    """

    location: Location
    line: int
    codes: frozenset[str]
    unknown: tuple[str, ...]
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether it suppresses this finding."""
        location = finding.location
        return finding.code in self.codes and location.line <= self.line <= location.end_line


def suppressions_in(source: Source) -> tuple[Suppression, ...]:
    """Every suppression in a file."""
    if _MARK not in source.text:
        return ()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source.text).readline))
    except (tokenize.TokenError, SyntaxError):
        return ()  # the parser accepts slightly more than the tokenizer
    return tuple(_suppressions(source, tokens))


def _suppressions(source: Source, tokens: Sequence[tokenize.TokenInfo]) -> Iterator[Suppression]:
    code_lines = sorted({
        token.start[0]
        for token in tokens
        if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT,
                              tokenize.DEDENT)
    })  # fmt: skip
    has_code = set(code_lines)
    for token in tokens:
        found = _COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
        if found is None:
            continue
        own = token.start[0]
        following = next((line for line in code_lines if line > own), own)
        names = [name.strip() for name in (found[1] or "").split(",") if name.strip()]
        yield Suppression(
            Location(source.path, own, token.start[1] + 1, own, token.end[1] + 1),
            own if own in has_code else following,
            frozenset(rule.code for name in names if (rule := rule_of(name)) is not None),
            tuple(name for name in names if rule_of(name) is None),
            found[2].strip().lstrip("-:# ").strip(),
        )


def apply_suppressions(
    findings: Sequence[Finding], suppressions: Sequence[Suppression], active: frozenset[str]
) -> tuple[list[Finding], int]:
    """Remove suppressed findings of one file, and add findings about wrong suppressions.

    Args:
        findings: of the file.
        suppressions: of the same file.
        active: codes of the rules that looked at it.

    Returns:
        The remaining findings, and how many were suppressed.
    """
    used: set[Suppression] = set()
    left = []
    for finding in findings:
        covering = [one for one in suppressions if one.covers(finding)]
        if covering and finding.code not in _NEVER_SUPPRESSED:
            used.update(covering)
        else:
            left.append(finding)
    wrong = [found for one in suppressions for found in _faults(one, active, is_used=one in used)]
    return left + wrong, len(findings) - len(left)


def _faults(one: Suppression, active: frozenset[str], *, is_used: bool) -> Iterator[Finding]:
    if not one.codes and not one.unknown:
        yield _fault("TC002", one, "this suppression names no rule: write `ignore[TC...]`")
    elif len(one.reason) < 3:
        yield _fault("TC002", one, "this suppression gives no reason: write why after the bracket")
    for name in one.unknown:
        hint = did_you_mean(name, RULES)
        yield _fault("TC003", one, f"this suppression names {name!r}, which is no rule{hint}")
    if one.codes and not is_used and one.codes <= active:
        names = ", ".join(sorted(one.codes))
        yield _fault("TC003", one, f"this suppression hides nothing: {names} finds nothing here")


def _fault(code: str, one: Suppression, message: str) -> Finding:
    return Finding(code, one.location, message)
