"""What a browser has to load: in which order, and how much of it, compressed as it is sent."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from threadcast.page.site import built_folder, pages_are_built

BUILT = Path(str(built_folder()))
CHAT_MAX_BYTES = 90 * 1024
ELEMENT_MAX_BYTES = 95 * 1024

if not pages_are_built():
    raise RuntimeError("the pages are not built; `scripts/test` builds them first")


def loaded_by(document: str) -> set[Path]:
    """Every script that a document loads, at once or ever."""
    text = (BUILT / document).read_text(encoding="utf-8")
    waiting = [BUILT / name for name in re.findall(r'(?:src|href)="\./(assets/[^"]+\.js)"', text)]
    found: set[Path] = set()
    while waiting:
        script = waiting.pop()
        if script not in found:
            found.add(script)
            waiting += leads_to(script)
    return found


def leads_to(script: Path) -> Iterator[Path]:
    text = script.read_text(encoding="utf-8")
    for name in re.findall(r"""["'`](?:\./|/)?(?:assets/)?([\w.-]+\.js)["'`]""", text):
        if (there := script.parent / name).exists():
            yield there


def sent_bytes(*scripts: Path) -> int:
    return sum(len(gzip.compress(script.read_bytes(), mtime=0)) for script in scripts)


def test_the_chat_is_small() -> None:
    scripts = loaded_by("index.html")

    assert any("grammars" in script.name for script in scripts), "what is loaded later counts, too"
    assert sent_bytes(*scripts) <= CHAT_MAX_BYTES


def test_the_element_is_one_small_file() -> None:
    element = BUILT / "threadcast-chat.js"

    assert list(leads_to(element)) == []
    assert not re.search(r"\bimport\s*\(|\bimport\s*[\"'{*]", element.read_text(encoding="utf-8"))
    assert sent_bytes(element) <= ELEMENT_MAX_BYTES


@pytest.mark.parametrize("document", ["index.html", "console.html", "docs.html"])
def test_a_document_has_nothing_inside_and_loads_nothing_from_elsewhere(document: str) -> None:
    text = (BUILT / document).read_text(encoding="utf-8")

    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
    loaded = re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]*)"', text)
    assert loaded
    assert [address for address in loaded if not address.startswith("./")] == []
    assert [address for address in loaded if not (BUILT / address).exists()] == []
    assert re.findall(r'(?:src|href)="(?:/|[a-z]+:)[^"]*"', text) == []


def test_what_every_page_has_comes_before_the_style_of_the_page() -> None:
    """Rules of equal weight: the later one wins, and a page's own must."""
    for document in ("index.html", "console.html", "docs.html"):
        styles = re.findall(r'href="\./(assets/[^"]+\.css)"', (BUILT / document).read_text("utf-8"))
        first, *others = [(BUILT / name).read_text(encoding="utf-8") for name in styles]
        assert "--tc-font:" in first, f"{document} begins with {styles[0]}"
        assert len(others) == 1, styles
