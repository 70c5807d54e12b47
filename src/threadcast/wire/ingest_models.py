"""The bodies of `POST /v1/ingest`: events of another service, and the result for each.

The published OpenAPI document is generated from these structs. Events themselves are read by
`external_event`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..errors import ThreadcastError
from .fields import ErrorCode, Seq

__all__ = ["IngestAnswer", "IngestBody", "IngestResult", "IngestStop"]

_ExternalEvent = Annotated[
    msgspec.Raw,
    Meta(
        extra_json_schema={
            "type": "object",
            "description": "An event with `client_message_id`, `user_id`, `event_type`,"
            " `timestamp`, `thread_id`, `run_id` and `data`, or an older shape of one.",
        }
    ),
]


class IngestBody(msgspec.Struct, frozen=True, kw_only=True):
    """Events of another service, in order, canonical or of an older shape."""

    events: list[_ExternalEvent]


class IngestResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result for one event; `index` is its place in the request, from 0.

    Attributes:
        seq: its place in its user's journal, unless it was refused.
        code, message: why it was refused.
    """

    index: Annotated[int, Meta(ge=0)]
    outcome: Literal["stored", "duplicate", "refused"]
    seq: Seq | msgspec.UnsetType = msgspec.UNSET
    code: ErrorCode | msgspec.UnsetType = msgspec.UNSET
    message: str | msgspec.UnsetType = msgspec.UNSET


class IngestStop(msgspec.Struct, frozen=True, kw_only=True):
    """Why the request was stopped early: send the events from `index` on again."""

    index: Annotated[int, Meta(ge=0)]
    code: ErrorCode
    message: str
    retryable: bool
    retry_after_ms: Annotated[int, Meta(ge=0)] | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def at(cls, index: int, error: ThreadcastError) -> IngestStop:
        """The stop at the event of this index, by this error."""
        wait_ms = error.retry_after_ms
        return cls(
            index=index,
            code=error.code,
            message=error.message,
            retryable=error.kind.retryable,
            retry_after_ms=msgspec.UNSET if wait_ms is None else wait_ms,
        )


class IngestAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The results by index; `stopped` says whether some events were not processed."""

    stored: Annotated[int, Meta(ge=0)]
    duplicates: Annotated[int, Meta(ge=0)]
    refused: Annotated[int, Meta(ge=0)]
    stopped: IngestStop | None
    results: list[IngestResult]
