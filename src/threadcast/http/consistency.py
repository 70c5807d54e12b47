"""What the consistency tracker has seen, for operators: `/ops/consistency`."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import ASGIApp

from ..errors import ThreadcastError
from .answers import json_answer
from .calls import UserCall
from .paging import read_limit
from .requests import header, prefers_html, read_query

_PAGE_HEADERS = {
    # the page itself allows its style and nothing else
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "vary": "accept",
}


async def consistency_report(call: UserCall) -> ASGIApp:
    """`GET /ops/consistency?trace&limit`: JSON, or a page for who prefers `text/html`."""
    query = read_query(call.request, "trace", "limit")
    named, limit = query.get("trace"), read_limit(query.get("limit"))
    report = call.node.consistency.report(named, limit=limit)
    if named is not None and not report.snapshots:
        raise ThreadcastError("not_found", "trace: none that is kept has this id in it")
    if prefers_html(header(call.request, b"accept")):
        return Response(report.html(), headers=_PAGE_HEADERS, media_type="text/html")
    answer = json_answer(report)
    answer.headers["vary"] = "accept"
    return answer
