"""The check of requests for what is served besides the API: the pages and their files.

The API's own resources check host and method at their entrance. This module may not know what it
guards.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from ..correlation import request_id_of
from ..errors import ThreadcastError
from ..node import Node
from .answers import SECURITY_HEADERS
from .refusals import refusal_answer
from .requests import header

_METHODS = ("GET", "HEAD")


def page_check(node: Node) -> Callable[[Request], Response | None]:
    """A check of a request's `Host` and method.

    Args:
        node: whose rule for hosts; refusals are counted in its metrics.

    Returns:
        A function that gives the refusal (`bad_host`, `host_not_allowed`, `method_not_allowed`) to
        answer with, or None when the request may be served.
    """

    def check(request: Request) -> Response | None:
        try:
            node.hosts.check(header(request, b"host", "bad_host"))
        except ThreadcastError as error:
            # Under this name the pages are refused, too: there is no way back to them.
            return refused(request, error, has_pages=False)
        if request.method in _METHODS:
            return None
        allow = ", ".join(_METHODS)
        other = ThreadcastError("method_not_allowed", f"expected one of: {allow}")
        answer = refused(request, other, has_pages=True)
        answer.headers["allow"] = allow
        return answer

    def refused(request: Request, error: ThreadcastError, *, has_pages: bool) -> Response:
        node.metrics.refusals.labels(error.code).inc()
        request_id = request_id_of(request.scope)
        answer = refusal_answer(error, request.scope, request_id=request_id, has_pages=has_pages)
        answer.raw_headers.extend(SECURITY_HEADERS)
        return answer

    return check
