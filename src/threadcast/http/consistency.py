"""What the consistency tracker has seen, for operators: `/ops/consistency`."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import ASGIApp

from ..consistency.recording import ConsistencyRecording
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
    """`GET /ops/consistency?trace&limit`: JSON, or a page if `text/html` is preferred."""
    query = read_query(call.request, "trace", "limit")
    named, limit = query.get("trace"), read_limit(query.get("limit"))
    as_page = prefers_html(header(call.request, b"accept"))
    # A large report takes tens of milliseconds, so it is made off the event loop.
    return await asyncio.to_thread(_answer, call.node.consistency, named, limit, as_page=as_page)


def _answer(
    consistency: ConsistencyRecording, named: str | None, limit: int, *, as_page: bool
) -> Response:
    report = consistency.report(named, limit=limit)
    if named is not None and not report.snapshots:
        raise ThreadcastError("not_found", "trace: none that is kept has this id in it")
    if as_page:
        return Response(report.html(), headers=_PAGE_HEADERS, media_type="text/html")
    answer = json_answer(report)
    answer.headers["vary"] = "accept"
    return answer
