"""The pages as built from `web/`, and the answer where they were never built.

It reads a folder and knows the purpose of its files. It may not know settings, stores or the API.
"""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from .policy import FOREIGN_PAGE_HEADERS, KEEP_FOR_EVER, REVALIDATE, page_headers
from .stored import SUFFIXES, StoredFile

NOT_BUILT = (
    "the web pages are not built; run scripts/serve in the clone, which builds them, or install "
    "a wheel, which has them; the API works without them"
)
ELEMENT = "threadcast-chat.js"
"""The custom element: the one file that pages of others load."""

Answer = Callable[[Request], Awaitable[Response]]

_CONSOLE = "/console"
_DOCUMENTS = {"/": "index.html", "/docs": "docs.html", _CONSOLE: "console.html"}
_FACTS = re.compile(rb'(<meta name="threadcast-page" content=")\{\}(")')


class SignInService(msgspec.Struct, frozen=True):
    """An OpenID Connect provider for signing in on the chat page.

    Attributes:
        issuer: its URL; its discovery document has the rest.
        client_id: the page's client id; a public client, without a secret.
        scope: the requested scopes, separated by spaces.
        origins: origins that the page may connect to.
    """

    issuer: str
    client_id: str
    scope: str
    origins: tuple[str, ...]


class PageFacts(msgspec.Struct, frozen=True):
    """What the server tells its pages about itself, in the head of each document.

    Attributes:
        dev: development tokens: a name is enough to sign in.
        demo: whether the demonstration agent answers, so that something can be suggested.
        oidc: where to sign in otherwise, or None.
        console: whether the operator's console is served at `console`.
        embedding: origins of pages that may embed the chat in a frame and pass it a token.
    """

    dev: bool = False
    demo: bool = False
    oidc: SignInService | None = None
    console: bool = False
    embedding: tuple[str, ...] = ()


def built_folder() -> Traversable:
    """The folder of the build's output."""
    return files(__package__) / "built"


def pages_are_built() -> bool:
    """Whether there is a build to serve."""
    return (built_folder() / "index.html").is_file()


class Site:
    """The build's files, read once, and their answers.

    Args:
        folder: the build's output; for an absent document, a sentence says how to build it.
        facts: written into the documents.

    Attributes:
        paths: every path that can have an answer.
        answers: the current ones, by path.
    """

    def __init__(self, folder: Traversable, facts: PageFacts) -> None:
        origins = facts.oidc.origins if facts.oidc else ()
        self._sources = {path: _read(folder / name) for path, name in _DOCUMENTS.items()}
        self._loaded = dict(_loaded(folder, page_headers(connect_to=origins)))
        self.paths = (*_DOCUMENTS, *self._loaded)
        self.answers: dict[str, Answer] = {}
        self.tell(facts)

    def tell(self, facts: PageFacts) -> None:
        """Replace what the pages are told about the server; assets stay unchanged."""
        paths = [path for path in _DOCUMENTS if path != _CONSOLE or facts.console]
        documents = {path: _document(path, self._sources[path], facts) for path in paths}
        self.answers = documents | self._loaded


def _read(file: Traversable) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _document(path: str, source: bytes | None, facts: PageFacts) -> Answer:
    if source is None:
        return _say_not_built
    name, written = _DOCUMENTS[path], html.escape(msgspec.json.encode(facts).decode()).encode()
    content, count = _FACTS.subn(lambda found: found[1] + written + found[2], source)
    if count != 1:
        raise RuntimeError(f"{name} has {count} places for the page's facts, expected one")
    headers = page_headers(
        connect_to=facts.oidc.origins if facts.oidc else (),
        framed_by=facts.embedding if path == "/" else (),
    )
    return StoredFile(name, content, {**headers, "Cache-Control": REVALIDATE}).respond


def _loaded(folder: Traversable, headers: dict[str, str]) -> Iterator[tuple[str, Answer]]:
    for file in _files(folder):
        if not file.name.endswith(".html"):
            own = FOREIGN_PAGE_HEADERS if file.name == ELEMENT else headers
            kept = {**own, "Cache-Control": REVALIDATE}
            yield f"/{file.name}", StoredFile(file.name, file.read_bytes(), kept).respond
    for file in _files(folder / "assets"):
        kept = {**headers, "Cache-Control": KEEP_FOR_EVER}
        yield f"/assets/{file.name}", StoredFile(file.name, file.read_bytes(), kept).respond


def _files(folder: Traversable) -> Iterator[Traversable]:
    there = folder.iterdir() if folder.is_dir() else ()
    for file in sorted(there, key=lambda file: file.name):
        if file.is_file() and file.name.rpartition(".")[2] in SUFFIXES:
            yield file


async def _say_not_built(_request: Request) -> Response:
    headers = {**page_headers(), "Cache-Control": "no-store"}
    return Response(_MISSING, 503, headers, "text/html; charset=utf-8")


_MISSING = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Threadcast: no pages</title>
<h1>Threadcast runs, but has no pages</h1>
<p>{NOT_BUILT[0].upper()}{NOT_BUILT[1:].replace("scripts/serve", "<code>scripts/serve</code>")}.</p>
<p>Its interface: <a href="openapi.json">openapi.json</a>,
<a href="asyncapi.json">asyncapi.json</a>.</p>
</html>
""".encode()
