"""`--fix`: applies the edits of findings to their files and changes nothing else.

An edit replaces exactly its own range; formatting, comments and line ends stay. A file is written
only if its new text still parses, and atomically.
"""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .baseline import replace_file
from .findings import Edit, Finding
from .reading import parse_source, read_text
from .source import Source

_LINE = re.compile(r"\r\n|\r|\n")


class Fix(NamedTuple):
    """A file before and after.

    Attributes:
        path: relative to the root.
        before, after: its text.
        findings: how many are fixed.
    """

    path: str
    before: str
    after: str
    findings: int

    def diff(self) -> str:
        """The change as a unified diff."""
        before, after = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        lines = difflib.unified_diff(before, after, f"a/{self.path}", f"b/{self.path}")
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def fixes_for(root: Path, findings: Iterable[Finding]) -> Iterator[Fix]:
    """The files with the edits of these findings applied; files that changed since are skipped."""
    by_path: dict[str, list[Finding]] = {}
    for one in findings:
        if one.edits:
            by_path.setdefault(one.location.path, []).append(one)
    for path, found in by_path.items():
        try:
            before = read_text(root / path)
        except (OSError, ValueError, SyntaxError, LookupError):
            continue
        after, count = fixed(before, found)
        if after != before and isinstance(parse_source(after, path, ""), Source):
            yield Fix(path, before, after, count)


def fixed(text: str, findings: Sequence[Finding]) -> tuple[str, int]:
    """A text with the edits of findings applied, and how many findings that fixes.

    Of two findings whose edits overlap, the first one is fixed; the other is left for the next run.
    An edit that several findings share is applied once, and fixes all of them.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text[len(mark) :]
    starts = [0, *(found.end() for found in _LINE.finditer(body))]
    chosen: set[tuple[int, int, str]] = set()
    count = 0
    for finding in findings:
        spans = [_span(edit, starts) for edit in finding.edits]
        if finding.edits and not any(_overlap(one, other) for one in spans for other in chosen):
            chosen.update(spans)
            count += 1
    for start, end, new in sorted(chosen, reverse=True):
        body = body[:start] + new + body[end:]
    return mark + body, count


def write_fix(root: Path, fix: Fix) -> None:
    """Write a fixed file in its own encoding.

    Raises:
        OSError: it cannot be written; the old file is unchanged.
    """
    path = root / fix.path
    encoding, _ = tokenize.detect_encoding(io.BytesIO(path.read_bytes()).readline)
    replace_file(path, fix.after.encode(encoding))


def _span(edit: Edit, starts: Sequence[int]) -> tuple[int, int, str]:
    start = starts[edit.line - 1] + edit.column - 1
    return start, starts[edit.end_line - 1] + edit.end_column - 1, edit.text


def _overlap(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    return one != other and one[0] < other[1] and other[0] < one[1]
