"""Reads one ingested event: from its JSON to what a store keeps.

It is decoded strictly, normalised (`normalize`), and its data is checked against its type
(`external_data`). Unknown fields are dropped. This module may not know stores, journals or the
sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from ..errors import ThreadcastError
from ..events import (
    Dated,
    Event,
    EventDraft,
    EventType,
    encode_json,
)
from ..ids.legacy import may_be_legacy
from ..ids.migrated import legacy_id_problem
from .external_data import DATA_OF_EXTERNAL, ExternalData
from .fields import TIMESTAMP_MAX_S, ClientMessageId
from .json_input import decode_fields, decode_object, strict_text
from .json_problems import check_id, describe, explain_field
from .normalize import EventShapeError, normalize_event

__all__ = ["ExternalEvent", "read_external_event"]

_NAMES_OF_KEY = ("client_message_id", "event_id", "id")
_shape_decoder = msgspec.json.Decoder(dict[str, Any])
_of_thread = frozenset(
    {EventType.THREAD_CREATED, EventType.THREAD_UPDATED, EventType.THREAD_DELETED}
)


@dataclass(frozen=True, slots=True)
class ExternalEvent:
    """One event of another service, normalised and checked.

    Attributes:
        user_id: the user whose journal it is for.
        client_message_id: the sender's idempotency key, 1..128 characters.
        digest: 16 bytes that tell whether a repeated key came with the same content.
        thread_id, run_id: current ids or ids of older systems, as sent.
        data: its data.
        draft: its type and encoded data.
    """

    user_id: str
    client_message_id: str
    digest: bytes
    thread_id: str | None
    run_id: str | None
    data: ExternalData
    draft: EventDraft


def read_external_event(text: bytes, *, data_max_bytes: int) -> ExternalEvent:
    """Read one event.

    The idempotency key is `client_message_id`, at the top or (of a message) in the data, else
    `event_id`, else `id`. `timestamp` becomes `created_at` in the data, except for `agent_delta`,
    unless the data has that already.

    Args:
        text: one JSON object in UTF-8, canonical or of an older shape (see `normalize_event`).
        data_max_bytes: bound on its data.

    Raises:
        ThreadcastError: what was expected and what came, naming canonical fields.
    """
    shape = _shape(strict_text(text))
    try:
        event = normalize_event(shape)
    except EventShapeError as error:
        raise ThreadcastError("bad_field", str(error)) from None
    kind = _kind(event.event_type)
    key = _key(shape, event.data)
    _check_ids(kind, event)
    data = _data(kind, event, key)
    draft = EventDraft(kind, encode_json(data))
    if len(draft.data) > data_max_bytes:
        size = len(draft.data)
        raise ThreadcastError(
            "too_long", f"data: expected at most {data_max_bytes} bytes, got {size}"
        )
    said = encode_json(
        [kind, event.timestamp, event.thread_id, event.run_id, msgspec.Raw(draft.data)]
    )
    digest = blake2b(said, digest_size=16).digest()
    return ExternalEvent(event.user_id, key, digest, event.thread_id, event.run_id, data, draft)


def _shape(text: str) -> Mapping[str, Any]:
    try:
        return _shape_decoder.decode(text)
    except (ValueError, RecursionError):
        fields = decode_fields(text)
    # An integer of too many digits is left, so that the error can name its field.
    for name, raw in fields.items():
        explain_field(name, raw, Any)
    return _shape_decoder.decode(encode_json(fields))


def _kind(event_type: str) -> EventType:
    try:
        return EventType(event_type)
    except ValueError:
        problem = f"event_type: expected a type of journal events, got {event_type}"
        raise ThreadcastError("bad_field", problem) from None


def _key(shape: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """The event's idempotency key.

    Raises:
        ThreadcastError: it is missing, ambiguous or not usable.
    """
    name, key = _first(shape)
    inner = data.get("client_message_id")
    if inner is not None and name in (None, "client_message_id"):
        if key is not None and inner != key:
            problem = "client_message_id: expected one value, got another in data"
            raise ThreadcastError("bad_field", problem)
        key = inner
    if key is None:
        problem = "client_message_id: expected text of 1..128 printable characters, got nothing"
        raise ThreadcastError("bad_field", problem)
    explain_field("client_message_id", msgspec.Raw(encode_json(key)), ClientMessageId)
    return str(key)


def _first(shape: Mapping[str, Any]) -> tuple[str | None, Any]:
    for name in _NAMES_OF_KEY:
        if shape.get(name) is not None:
            return name, shape[name]
    return None, None


def _check_ids(kind: EventType, event: Event) -> None:
    """Refuse missing ids, and ids that are neither current nor of an older system.

    Older run ids have no common shape, and many begin like current ones, so any text that a
    migration accepts will do. Older thread ids are narrower, because they must also resolve at an
    entrance.
    """
    if kind in _of_thread:
        _need("thread_id", event.thread_id)
        if event.run_id is not None:
            raise ThreadcastError("bad_field", f"expected no run_id with {kind.value}, got one")
    else:
        _need("run_id", event.run_id)
    thread_id, run_id = event.thread_id, event.run_id
    if thread_id is not None and not (may_be_legacy(thread_id) and _may_be_migrated(thread_id)):
        check_id("thread_id", thread_id, "thread")
    if run_id is not None and not _may_be_migrated(run_id):
        check_id("run_id", run_id, "run")


def _may_be_migrated(text: str) -> bool:
    return legacy_id_problem(text) is None


def _need(name: str, text: str | None) -> None:
    if text is None:
        kind = name.removesuffix("_id")
        raise ThreadcastError("bad_field", f"{name}: expected a {kind} id, got nothing")


def _data(kind: EventType, event: Event, key: str) -> ExternalData:
    said = event.data
    if kind is EventType.MESSAGE_CREATED:
        said = {"role": "user", **said, "client_message_id": key}
    data = decode_object(encode_json(said), DATA_OF_EXTERNAL[kind])
    if not isinstance(data, Dated):
        return data
    created_at = event.timestamp if data.created_at is msgspec.UNSET else data.created_at
    if not 0 <= created_at <= TIMESTAMP_MAX_S:
        expected = f"a number in 0..{TIMESTAMP_MAX_S}"
        raise ThreadcastError(
            "bad_field", f"created_at: expected {expected}, got {describe(created_at)}"
        )
    return msgspec.structs.replace(data, created_at=created_at)
