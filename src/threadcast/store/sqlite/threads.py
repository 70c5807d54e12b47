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


def create_thread(batch: Batch, unit: CreateThread) -> Outcome:
    """Apply one `CreateThread`."""
    context = unit.context
    data = ThreadData(unit.title, dict(unit.metadata))
    _, event = insert_thread(batch, context.user_id, context.thread_id, data)
    return Committed(ThreadChanged(context.thread_id, event.seq), (event,))


def insert_thread(
    batch: Batch, user_id: str, thread_id: str, data: ThreadData
) -> tuple[int, JournalEvent]:
    """Insert a thread and append its first event; the thread's row and the event.

    Raises:
        ThreadcastError: `bad_id`, the user has or had a thread of this id.
    """
    draft = EventDraft.of(EventType.THREAD_CREATED, data)
    metadata = encode_json(data.metadata).decode()
    refuse_known_thread(batch, user_id, thread_id)
    user = batch.ensure_user(user_id)
    seq = batch.head(user) + 1
    batch.run(
        "INSERT INTO threads (user, thread_id, title, metadata, first_seq, last_seq, created_us,"
        " updated_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(user, thread_id, data.title, metadata, seq, seq, batch.at_us, batch.at_us),
    )
    thread = batch.connection.last_insert_rowid()
    keys = RowKeys(user, thread, None)
    return thread, batch.append(keys, Address(user_id, thread_id, None), draft)


def refuse_known_thread(batch: Batch, user_id: str, thread_id: str) -> None:
    """Refuse an id that this user has or had a thread of.

    Raises:
        ThreadcastError: `bad_id`.
    """
    user = batch.user(user_id)
    if user is not None and batch.one(
        "SELECT 1 FROM threads WHERE user = ? AND thread_id = ?", user, thread_id
    ):
        raise ThreadcastError("bad_id", "expected the id of a new thread, got one in use")


def existing_thread(batch: Batch, user: int, thread_id: str) -> ThreadRecord:
    """The user's thread.

    Raises:
        ThreadcastError: `not_found`.
    """
    record = find_thread(batch, user, thread_id)
    if record is None:
        raise ThreadcastError("not_found")
    return record


def update_thread(batch: Batch, unit: UpdateThread) -> Outcome:
    """Apply one `UpdateThread`."""
    context = unit.context
    address = Address(context.user_id, context.thread_id, None)
    event = change_thread(batch, address, unit.title, unit.metadata)
    return Committed(ThreadChanged(context.thread_id, event.seq), (event,))


def change_thread(
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
    record = existing_thread(batch, user, address.thread_id or "")
    title = record.title if title is None else title
    kept = record.metadata if metadata is None else encode_json(dict(metadata)).decode()
    data = ThreadData(title, msgspec.json.decode(kept), created_at=created_at)
    draft = EventDraft.of(EventType.THREAD_UPDATED, data)
    batch.run(
        "UPDATE threads SET title = ?, metadata = ? WHERE user = ? AND thread = ?",
        *(title, kept, user, record.thread),
    )
    mark_touched(batch, record.thread)
    return batch.append(RowKeys(user, record.thread, None), address, draft)


def mark_touched(batch: Batch, thread: int) -> None:
    """Keep undoing a migration from removing a thread that has changed without moving."""
    batch.run("UPDATE migrated_threads SET last_seq = 0 WHERE thread = ?", thread)


def delete_thread(batch: Batch, unit: DeleteThread) -> Outcome:
    """Apply one `DeleteThread`. Its event does not repeat what was deleted."""
    context = unit.context
    user = batch.existing_user(context.user_id)
    record = existing_thread(batch, user, context.thread_id)
    events: list[JournalEvent] = []
    hints: list[Hint] = []
    for run in live_runs(batch, user, record.thread):
        ended, more = cancel(batch, run, "thread_deleted")
        events.append(ended)
        hints += more
    draft = EventDraft.of(EventType.THREAD_DELETED, ThreadDeleted())
    address = Address(context.user_id, context.thread_id, None)
    event = batch.append(RowKeys(user, record.thread, None), address, draft)
    batch.run(
        "UPDATE threads SET state = ? WHERE user = ? AND thread = ?",
        *(THREAD_DELETED, user, record.thread),
    )
    return Committed(ThreadChanged(context.thread_id, event.seq), (*events, event), tuple(hints))


def alias_thread(batch: Batch, unit: AliasThread) -> Outcome:
    """Apply one `AliasThread`."""
    context = unit.context
    user = batch.existing_user(context.user_id)
    record = existing_thread(batch, user, context.thread_id)
    row = batch.one(
        "SELECT thread FROM thread_aliases WHERE user = ? AND legacy_id = ?", user, unit.legacy_id
    )
    if row is not None and row[0] != record.thread:
        return Rejected(ThreadcastError("bad_id", "the legacy id already names another thread"))
    batch.run(
        "INSERT OR IGNORE INTO thread_aliases (user, legacy_id, thread, known, made_us)"
        " VALUES (?, ?, ?, ?, ?)",
        *(user, unit.legacy_id, record.thread, legacy_kind(unit.legacy_id) is not None),
        batch.at_us,
    )
    return Committed(None)
