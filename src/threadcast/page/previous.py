"""The chat page before the build of `web/`: it stays at `/` until the built one takes its place."""

from __future__ import annotations

from importlib.resources import files

from .policy import REVALIDATE, page_headers
from .site import Answer
from .stored import StoredFile


def previous_pages(*, dev: bool) -> dict[str, Answer]:
    """How to answer for the pages and what they load, by path; `dev` as in `PageFacts`."""
    headers = {**page_headers(), "Cache-Control": REVALIDATE}
    folder = files(__package__) / "assets"

    def stored(name: str, path: str) -> tuple[str, Answer]:
        content = (folder / name).read_bytes()
        if dev:
            content = content.replace(b'data-dev="false"', b'data-dev="true"')
        return path, StoredFile(name, content, headers).respond

    names = sorted(file.name for file in folder.iterdir() if not file.name.endswith(".html"))
    loaded = dict(stored(name, f"/assets/{name}") for name in names)
    return dict((stored("index.html", "/"), stored("docs.html", "/docs"))) | loaded
