"""Events of other services: `POST /v1/ingest`, as JSON Lines or as one JSON document.

This is the only place where a body says whose an event is. The credential's scope allows it, for
users that `ingest_user_prefixes` allows. The response is sent at the end: with a client that sends
its whole body before it reads, streaming it could deadlock.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.types import ASGIApp

from ..errors import ThreadcastError
from ..wire.ingest_models import IngestBody
from ..wire.json_input import decode_array, decode_object
from .answers import JSON_TYPE, json_answer
from .body_lines import LineSplitter
from .calls import UserCall
from .requests import body_pieces, media_type, read_body, read_query

LINES_TYPE = "application/x-ndjson"


async def ingest_events(call: UserCall) -> ASGIApp:
    """`POST /v1/ingest`."""
    read_query(call.request)
    lines = media_type(call.request, LINES_TYPE, JSON_TYPE) == LINES_TYPE
    with call.node.ingestion.request(call.identity.user_id) as ingest:
        try:
            async with aclosing(_lines(call) if lines else _document(call)) as items:
                async for item in items:
                    if not await ingest.take(item):
                        break
        except ThreadcastError as error:
            if not ingest.count:
                raise
            await ingest.stop(error)
        answer = await ingest.finish()
    response = json_answer(answer)
    if answer.stopped is not None:
        response.headers["connection"] = "close"  # the body may not have been read to its end
    return response


async def _lines(call: UserCall) -> AsyncGenerator[bytes | None, None]:
    """The body's lines as they arrive; None for one that is too long."""
    settings = call.node.settings
    splitter = LineSplitter(settings.ingest_event_max_bytes)
    room = settings.ingest_events_max * (settings.ingest_event_max_bytes + 1)
    async with aclosing(body_pieces(call.request)) as pieces:
        async for piece in pieces:
            room -= len(piece)
            if room < 0:
                raise ThreadcastError("body_too_large")
            for line in splitter.feed(piece):
                yield line
    for line in splitter.finish():
        yield line


async def _document(call: UserCall) -> AsyncGenerator[bytes | None, None]:
    """The events of `{"events": [...]}`, or of a bare array."""
    settings = call.node.settings
    body = await read_body(call.request, settings.body_max_bytes)
    if body.lstrip(b" \t\r\n").startswith(b"["):
        events = decode_array(body)
    else:
        events = decode_object(body, IngestBody).events
    if len(events) > settings.ingest_events_max:
        expected = f"expected at most {settings.ingest_events_max} events, got {len(events)}"
        raise ThreadcastError("body_too_large", expected)
    for event in events:
        text = bytes(event)
        yield text if len(text) <= settings.ingest_event_max_bytes else None
