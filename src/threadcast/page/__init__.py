"""The web pages: a chat page at `/`, the reference of the API at `/docs`, and what they load.

The files are read once and served from memory. This package may not know settings, stores or the
API: the pages reach the server as any other client does, by addresses relative to their own, so
that they work wherever the application is mounted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["page_routes"]

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file in memory; `etag` is strong: it changes with every byte."""

    content: bytes
    media_type: str
    etag: str

    def respond(self, request: Request) -> Response:
        headers = {**_HEADERS, "ETag": self.etag}
        if _is_known(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers, media_type=self.media_type)


_Refusal = Callable[[Request], Response | None]


def page_routes(*, dev: bool, refuse: _Refusal) -> list[Route]:
    """The routes of the pages and of what they load.

    Args:
        dev: whether the chat page offers to sign in by name, which needs the development tokens.
        refuse: the answer to a request that is not to be served (another's host), or None.
    """
    folder = files(__name__) / "assets"
    index = _read(folder / "index.html")
    if dev:
        index = _asset("index.html", index.content.replace(b'data-dev="false"', b'data-dev="true"'))
    pages = {"/": index, "/docs": _read(folder / "docs.html")}
    loaded = {
        f"/assets/{file.name}": _read(file)
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if not file.name.endswith(".html")
    }
    return [_route(path, asset, refuse) for path, asset in (pages | loaded).items()]


def _route(path: str, asset: _Asset, refuse: _Refusal) -> Route:
    async def serve(request: Request) -> Response:
        return refuse(request) or asset.respond(request)

    return Route(path, serve, methods=["GET"], include_in_schema=False)


def _read(file: Traversable) -> _Asset:
    return _asset(file.name, file.read_bytes())


def _asset(name: str, content: bytes) -> _Asset:
    suffix = name[name.rindex(".") :]
    digest = hashlib.sha256(content).hexdigest()[:32]
    return _Asset(content, _MEDIA_TYPES[suffix], f'"{digest}"')


def _is_known(if_none_match: str, etag: str) -> bool:
    """Whether the client has this version; as RFC 9110 wants it, weak tags compare equal."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]
