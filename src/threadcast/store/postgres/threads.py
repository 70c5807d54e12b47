"""Units that create, change and delete threads, and the one that makes a legacy id resolve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ...bus import Hint
from ...errors import ThreadcastError
from ...events import (
    Address,
    EventDraft,
    EventType,
    JournalEvent,
    ThreadData,
    ThreadDeleted,
    encode_json,
)
from ...ids.legacy import legacy_kind
from ..stored_runs import THREAD_DELETED
from ..units import (
    AliasThread,
    Committed,
    CreateThread,
    DeleteThread,
    Outcome,
    Rejected,
    ThreadChanged,
    UpdateThread,
)
from .batch import Batch
from .keys import RowKeys
from .records import ThreadRecord, cancel, find_thread, live_runs

_KNOWN = "SELECT 1 FROM threads WHERE user_key = $1 AND thread_id = $2"
_INSERT = """
WITH numbered AS (
    UPDATE users SET threads = threads + 1 WHERE user_key = $1 RETURNING threads
)
INSERT INTO threads (user_key, thread, first_seq, last_seq, created_us, updated_us, thread_id,
title, metadata)
SELECT $1, threads, $2, $2, $3, $3, $4, $5, $6 FROM numbered
RETURNING thread
"""
_UPDATE = "UPDATE threads SET title = $3, metadata = $4 WHERE user_key = $1 AND thread = $2"
_MARK_TOUCHED = "UPDATE migrated_threads SET last_seq = 0 WHERE user_key = $1 AND thread = $2"
_SET_STATE = "UPDATE threads SET state = $3 WHERE user_key = $1 AND thread = $2"
_ALIASED = "SELECT thread FROM thread_aliases WHERE user_key = $1 AND legacy_id = $2"
_ALIAS = """
INSERT INTO thread_aliases (user_key, legacy_id, thread, known, made_us)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""


async def create_thread(batch: Batch, unit: CreateThread) -> Outcome:
    """Apply one `CreateThread`."""
    context = unit.context
    data = ThreadData(unit.title, dict(unit.metadata))
    await refuse_known_thread(batch, context.user_id, context.thread_id)
    _, event = await insert_thread(batch, context.user_id, context.thread_id, data)
    return Committed(ThreadChanged(context.thread_id, event.seq), (event,))


async def insert_thread(
    batch: Batch, user_id: str, thread_id: str, data: ThreadData
) -> tuple[int, JournalEvent]:
    """Insert a thread with a new id and its first event; returns its number and the event."""
    draft = EventDraft.of(EventType.THREAD_CREATED, data)
    metadata = encode_json(data.metadata).decode()
    user = batch.existing_user(user_id)
    seq = batch.head(user) + 1
    row = await batch.one(_INSERT, user, seq, batch.at_us, thread_id, data.title, metadata)
    if row is None:
        raise AssertionError("an insertion without a row")
    keys = RowKeys(user, row[0], None)
    return row[0], batch.append(keys, Address(user_id, thread_id, None), draft)


async def refuse_known_thread(batch: Batch, user_id: str, thread_id: str) -> None:
    """Refuse an id that this user has or had a thread of.

    Raises:
        ThreadcastError: `bad_id`.
    """
    user = batch.user(user_id)
    if user is not None and await batch.one(_KNOWN, user, thread_id):
        raise ThreadcastError("bad_id", "expected the id of a new thread, got one in use")


async def existing_thread(batch: Batch, user: str, thread_id: str) -> ThreadRecord:
    """The user's thread.

    Raises:
        ThreadcastError: `not_found`.
    """
    record = await find_thread(batch, user, thread_id)
    if record is None:
        raise ThreadcastError("not_found")
    return record


async def update_thread(batch: Batch, unit: UpdateThread) -> Outcome:
    """Apply one `UpdateThread`."""
    context = unit.context
    address = Address(context.user_id, context.thread_id, None)
    event = await change_thread(batch, address, unit.title, unit.metadata)
    return Committed(ThreadChanged(context.thread_id, event.seq), (event,))


async def change_thread(
    batch: Batch,
    address: Address,
    title: str | None,
    metadata: Mapping[str, Any] | None,
    *,
    created_at: float | msgspec.UnsetType = msgspec.UNSET,
) -> JournalEvent:
    """Change a thread's row and append the event that tells its whole new state.

    Args:
        batch: the transaction.
        address: the thread.
        title, metadata: None leaves a field as it is.
        created_at: the original time of an ingested event, seconds since the epoch.

    Raises:
        ThreadcastError: `not_found`.
    """
    user = batch.existing_user(address.user_id)
    record = await existing_thread(batch, user, address.thread_id or "")
    title = record.title if title is None else title
    kept = record.metadata if metadata is None else encode_json(dict(metadata)).decode()
    data = ThreadData(title, msgspec.json.decode(kept), created_at=created_at)
    draft = EventDraft.of(EventType.THREAD_UPDATED, data)
    await batch.run(_UPDATE, user, record.thread, title, kept)
    await mark_touched(batch, user, record.thread)
    return batch.append(RowKeys(user, record.thread, None), address, draft)


async def mark_touched(batch: Batch, user: str, thread: int) -> None:
    """Keep undoing a migration from removing a thread that has changed without moving."""
    await batch.run(_MARK_TOUCHED, user, thread)


async def delete_thread(batch: Batch, unit: DeleteThread) -> Outcome:
    """Apply one `DeleteThread`. Its event does not repeat what was deleted."""
    context = unit.context
    user = batch.existing_user(context.user_id)
    record = await existing_thread(batch, user, context.thread_id)
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    for run in await live_runs(batch, context.user_id, record.thread):
        ended, more = await cancel(batch, run, "thread_deleted")
        events.append(ended)
        hints += more
    draft = EventDraft.of(EventType.THREAD_DELETED, ThreadDeleted())
    address = Address(context.user_id, context.thread_id, None)
    event = batch.append(RowKeys(user, record.thread, None), address, draft)
    await batch.run(_SET_STATE, user, record.thread, THREAD_DELETED)
    return Committed(ThreadChanged(context.thread_id, event.seq), (*events, event), tuple(hints))


async def alias_thread(batch: Batch, unit: AliasThread) -> Outcome:
    """Apply one `AliasThread`."""
    context = unit.context
    user = batch.existing_user(context.user_id)
    record = await existing_thread(batch, user, context.thread_id)
    row = await batch.one(_ALIASED, user, unit.legacy_id)
    if row is not None and row[0] != record.thread:
        return Rejected(ThreadcastError("bad_id", "the legacy id already names another thread"))
    known = legacy_kind(unit.legacy_id) is not None
    await batch.run(_ALIAS, user, unit.legacy_id, record.thread, known, batch.at_us)
    return Committed(None)
