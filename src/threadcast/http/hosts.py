"""The host check for what is served besides the API: the pages and their files.

The API's own resources check the host at their entrance. This module may not know what it guards.
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


def host_check(node: Node) -> Callable[[Request], Response | None]:
    """A check of a request's `Host`.

    Args:
        node: whose rule; refusals are counted in its metrics.

    Returns:
        A function that gives the refusal (`bad_host`, `host_not_allowed`) to answer with, or None
        when the request may be served.
    """

    def check(request: Request) -> Response | None:
        try:
            node.hosts.check(header(request, b"host", "bad_host"))
        except ThreadcastError as error:
            node.metrics.refusals.labels(error.code).inc()
            # Under this name the pages are refused, too: there is no way back to them.
            answer = refusal_answer(
                error, request.scope, request_id=request_id_of(request.scope), has_pages=False
            )
            answer.raw_headers.extend(SECURITY_HEADERS)
            return answer
        return None

    return check
