"""The web pages (chat at `/`, API reference at `/docs`, console) and their assets.

They are built from `web/` into `built/`, read once and served from memory. This package may not
know settings, stores or the API: the pages call the server as any other client does, by relative
URLs, so that they work wherever the application is mounted.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from .site import (
    NOT_BUILT,
    PageFacts,
    SignInService,
    Site,
    built_folder,
    pages_are_built,
)

__all__ = ["NOT_BUILT", "PageFacts", "Pages", "SignInService", "pages_are_built"]

_Refusal = Callable[[Request], Response | None]


class Pages:
    """The pages and their assets.

    Args:
        facts: what the pages are told about the server; they decide which pages exist.
        refuse: the answer to a request to be refused (for another host, or of another
            method than GET and HEAD), or None.
        folder: the build's output; this package's by default.

    Attributes:
        routes: of all pages; the route of a disabled page does not match.
    """

    def __init__(
        self, facts: PageFacts, *, refuse: _Refusal, folder: Traversable | None = None
    ) -> None:
        self._site = Site(folder or built_folder(), facts)
        self.routes = [_PageRoute(path, self._site, refuse) for path in self._site.paths]

    def tell(self, facts: PageFacts) -> None:
        """Replace what the pages are told about the server, and so which pages exist.

        Args:
            facts: the sign-in service must be the same as before.
        """
        self._site.tell(facts)


class _PageRoute(Route):
    """The route of one path, matching only while there is an answer for it."""

    def __init__(self, path: str, site: Site, refuse: _Refusal) -> None:
        async def serve(request: Request) -> Response:
            return refuse(request) or await site.answers[path](request)

        super().__init__(path, serve, include_in_schema=False)
        self.methods = None  # of any method: `refuse` has looked
        self._site = site

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is for it."""
        return super().matches(scope) if self.path in self._site.answers else (Match.NONE, {})
