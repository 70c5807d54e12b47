"""Parses the documents for their tests: pages, code blocks, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if ".venv" not in page.parts
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
_FILE_NAME = re.compile(r"# ([a-z_]+\.py)\n")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page.

    Attributes:
        page: its page.
        line: of its first line of code.
        language: the info string of the fence.
        code: its content.
    """

    page: Path
    line: int
    language: str
    code: str

    @property
    def file_name(self) -> str | None:
        """The file name in its first line, if any."""
        found = _FILE_NAME.match(self.code)
        return found[1] if found else None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def all_blocks(page: Path) -> Iterator[Block]:
    """The page's blocks in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, found.start(2)) + 1, found[1], found[2])


def blocks(page: Path, language: str) -> Iterator[Block]:
    """The page's blocks in one language."""
    return (block for block in all_blocks(page) if block.language == language)


def files_of(page: Path) -> dict[str, str]:
    """The files that a page tells its readers to create."""
    named = {block.file_name: block.code for block in blocks(page, "python")}
    return {name: code for name, code in named.items() if name is not None}


def links(page: Path) -> Iterator[str]:
    """The targets in this repository of a page's links."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    yield from (found[1] for found in _LINK.finditer(text) if "://" not in found[1])
