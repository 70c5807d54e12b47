"""Threads, their messages and their events over HTTP: `/v1/threads` and below.

Every snapshot is read in one session and carries the `seq` that it reflects.
"""

from __future__ import annotations

import msgspec
from starlette.types import ASGIApp

from ..context import UserExecutionContext
from ..errors import ThreadcastError
from ..events import highest_seq
from ..store.records import MessageRow, ThreadRow
from ..store.session import RequestScopedSession
from ..store.units import CreateThread, DeleteThread, UpdateThread
from ..wire.http_models import (
    CreateThreadBody,
    EventPage,
    Message,
    MessageAcceptedAnswer,
    MessagePage,
    SendMessageBody,
    Thread,
    ThreadAnswer,
    ThreadPage,
    ThreadRun,
    ThreadSnapshot,
    UpdateThreadBody,
)
from .answers import json_answer
from .calls import UserCall
from .paging import page_token, read_cursor, read_limit, read_page_token
from .requests import idempotency_key, read_query


async def create_thread(call: UserCall) -> ASGIApp:
    """`POST /v1/threads`."""
    read_query(call.request)
    call.admit_work()
    body = await call.body(CreateThreadBody)
    result = await call.node.journal.append(CreateThread(call.context, body.title, body.metadata))
    answer = ThreadAnswer(thread_id=result.thread_id, seq=result.seq)
    return json_answer(answer, 201, location=f"/v1/threads/{result.thread_id}")


async def list_threads(call: UserCall) -> ASGIApp:
    """`GET /v1/threads?limit&before`."""
    query = read_query(call.request, "limit", "before")
    limit = read_limit(query.get("limit"))
    user_id = call.context.user_id
    before = read_page_token(query.get("before"), user_id, "threads")
    async with call.session() as session:
        head = await session.journal.head()
        rows = await session.threads.list(limit=limit + 1, before=before)
    page = rows[:limit]
    following = None
    if len(rows) > limit:
        following = page_token(user_id, "threads", page[-1].last_seq)
    threads = [_thread(row) for row in page]
    return json_answer(ThreadPage(seq=head.head, threads=threads, next=following))


async def get_thread(call: UserCall) -> ASGIApp:
    """`GET /v1/threads/{thread_id}`."""
    read_query(call.request)
    async with call.session() as session:
        row = await session.threads.get_by_id(call.request.path_params["thread_id"])
        head = await session.journal.head()
    return json_answer(ThreadSnapshot(seq=head.head, thread=_thread(row)))


async def update_thread(call: UserCall) -> ASGIApp:
    """`PATCH /v1/threads/{thread_id}`."""
    read_query(call.request)
    context = call.in_thread(await call.thread_id())
    body = await call.body(UpdateThreadBody)
    result = await call.node.journal.append(UpdateThread(context, body.title, body.metadata))
    return json_answer(ThreadAnswer(thread_id=result.thread_id, seq=result.seq))


async def delete_thread(call: UserCall) -> ASGIApp:
    """`DELETE /v1/threads/{thread_id}`."""
    read_query(call.request)
    context = call.in_thread(await call.thread_id())
    result = await call.node.journal.append(DeleteThread(context))
    return json_answer(ThreadAnswer(thread_id=result.thread_id, seq=result.seq))


async def list_messages(call: UserCall) -> ASGIApp:
    """`GET /v1/threads/{thread_id}/messages?limit&before`."""
    query = read_query(call.request, "limit", "before")
    limit = read_limit(query.get("limit"))
    user_id = call.context.user_id
    async with call.session() as session:
        thread = await session.threads.get_by_id(call.request.path_params["thread_id"])
        what = f"messages of {thread.thread_id}"
        before = read_page_token(query.get("before"), user_id, what)
        rows = await session.messages.list(thread.thread_id, limit=limit + 1, before=before)
        head = await session.journal.head()
    page = rows[-limit:]
    following = page_token(user_id, what, page[0].seq) if len(rows) > limit else None
    messages = [_message(row) for row in page]
    return json_answer(
        MessagePage(seq=head.head, messages=messages, next=following, thread_id=thread.thread_id)
    )


async def send_message(call: UserCall) -> ASGIApp:
    """`POST /v1/threads/{thread_id}/messages`."""
    read_query(call.request)
    thread_id = await call.thread_id()
    return await _send(call, call.in_thread(thread_id), thread_id)


async def send_first_message(call: UserCall) -> ASGIApp:
    """`POST /v1/messages`."""
    read_query(call.request)
    return await _send(call, call.context, None)


async def _send(call: UserCall, context: UserExecutionContext, thread_id: str | None) -> ASGIApp:
    call.admit_work()
    key = idempotency_key(call.request)
    body = await call.body(SendMessageBody)
    unit = call.node.intake.message(
        call.identity,
        context,
        content=body.content,
        client_message_id=_client_message_id(body.client_message_id, key),
        thread_id=thread_id,
        agent=body.agent,
        on_busy=body.on_busy,
        on_disconnect=body.on_disconnect,
    )
    result = await call.node.journal.append(unit)
    call.node.intake.note_accepted(result)
    call.node.tracing.remember_origin(result.run_id)
    answer = MessageAcceptedAnswer(
        thread_id=result.thread_id,
        run_id=result.run_id,
        seq=result.seq,
        duplicate=result.duplicate,
    )
    return json_answer(answer, 202, location=f"/v1/runs/{result.run_id}")


def _client_message_id(field: str | None, key: str | None) -> str:
    if field is None and key is None:
        raise ThreadcastError(
            "bad_field", "client_message_id: expected this field or Idempotency-Key, got neither"
        )
    if field is not None and key is not None and field != key:
        raise ThreadcastError(
            "bad_idempotency_key", "Idempotency-Key: expected the same as client_message_id"
        )
    return field or key or ""


async def list_events(call: UserCall) -> ASGIApp:
    """`GET /v1/threads/{thread_id}/events?after&limit`."""
    query = read_query(call.request, "after", "limit")
    limit = read_limit(query.get("limit"))
    after = read_cursor(query.get("after")) or 0
    async with call.session() as session:
        thread = await session.threads.get_by_id(call.request.path_params["thread_id"])
        page_bytes = call.node.settings.catch_up_page_bytes
        page = await _event_page(
            call, session, thread.thread_id, after=after, limit=limit, max_bytes=page_bytes
        )
    return json_answer(page)


async def _event_page(
    call: UserCall,
    session: RequestScopedSession,
    thread_id: str,
    *,
    after: int,
    limit: int,
    max_bytes: int,
) -> EventPage:
    read = session.journal.page
    page = await read(after, limit=limit, max_bytes=max_bytes, thread_id=thread_id)
    head = page.head
    if after > head.head:
        raise ThreadcastError("bad_cursor", f"after: expected at most {head.head}, got {after}")
    if 0 < after < head.trimmed:
        raise ThreadcastError("trimmed", f"after: events up to {head.trimmed} are gone")
    if not call.node.guard.passes(call.context, page.events):
        raise ThreadcastError("internal")
    last_seq = highest_seq(page.events)
    beyond = not page.at_head and await read(last_seq, limit=1, max_bytes=1, thread_id=thread_id)
    return EventPage(
        seq=head.head,
        trimmed=head.trimmed,
        events=[msgspec.Raw(event.payload) for event in page.events],
        next=last_seq if beyond and beyond.events else None,
    )


def _thread(row: ThreadRow) -> Thread:
    return Thread(
        thread_id=row.thread_id,
        title=row.title,
        preview=row.preview,
        metadata=row.metadata,
        created_at=row.created_at,
        updated_at=row.updated_at,
        last_seq=row.last_seq,
        live_runs=[ThreadRun(run_id=one.run_id, status=one.status) for one in row.live_runs],
    )


def _message(row: MessageRow) -> Message:
    message = row.message
    return Message(
        seq=row.seq,
        role=message.role,
        content=message.content,
        run_id=message.run_id,
        timestamp=message.timestamp,
    )
