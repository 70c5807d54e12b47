"""The web pages: the chat at `/`, the API's reference at `/docs`, the console, what they load.

They are built from `web/` into `built/`, read once and served from memory. This package may not
know settings, stores or the API: the pages reach the server as any other client does, by addresses
relative to their own, so that they work wherever the application is mounted.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .site import (
    NOT_BUILT,
    Answer,
    PageFacts,
    SignInService,
    built_folder,
    built_pages,
    pages_are_built,
)

__all__ = ["NOT_BUILT", "PageFacts", "SignInService", "page_routes", "pages_are_built"]

_Refusal = Callable[[Request], Response | None]


def page_routes(
    facts: PageFacts, *, refuse: _Refusal, folder: Traversable | None = None
) -> list[Route]:
    """The routes of the pages and of what they load.

    Args:
        facts: what the pages are told about the server; they decide which pages there are.
        refuse: the answer to a request that is not to be served (another's host), or None.
        folder: what the build made; that of this package when not given.
    """
    pages = built_pages(folder or built_folder(), facts)
    return [_route(path, answer, refuse) for path, answer in pages.items()]


def _route(path: str, answer: Answer, refuse: _Refusal) -> Route:
    async def serve(request: Request) -> Response:
        return refuse(request) or await answer(request)

    return Route(path, serve, methods=["GET"], include_in_schema=False)
