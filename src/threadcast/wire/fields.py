"""The fields that commands and HTTP bodies share: types, bounds and meaning.

Decoders enforce these types and the published schemas are generated from them, so the two cannot
differ. `extra` carries what JSON Schema cannot express; `json_input` reads it:

- `code`: the error code of every problem with this field, where it is not the usual one.
- `id_kind`: the field is an id of this kind; with `older_too`, or one of an older system.
- `json_max_bytes`: the most that the value may take when it is encoded as JSON.

This module may not know what a field is used for, and it decodes nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from .. import runs
from ..ids import ID_MAX_CHARACTERS
from ..ids.legacy import LEGACY_ID_MAX_CHARACTERS

__all__ = [
    "AGENT_NAME_MAX_CHARACTERS",
    "COMMAND_ID_MAX_CHARACTERS",
    "METADATA_MAX_BYTES",
    "PREVIEW_MAX_CHARACTERS",
    "SEQ_MAX",
    "TIMESTAMP_MAX_S",
    "VALUE_MAX_BYTES",
    "AgentName",
    "ClientMessageId",
    "CommandId",
    "Content",
    "Cursor",
    "CursorTimestamp",
    "ErrorCode",
    "FeedId",
    "InputId",
    "JsonValue",
    "Metadata",
    "OnBusy",
    "OnDisconnect",
    "Preview",
    "RequestId",
    "RunId",
    "Seq",
    "ThreadId",
    "ThreadName",
    "Timestamp",
    "Title",
    "Token",
    "Version",
]

AGENT_NAME_MAX_CHARACTERS = 64
COMMAND_ID_MAX_CHARACTERS = 64
SEQ_MAX = 2**53 - 1
"""The greatest integer that every JSON reader keeps exactly."""
TIMESTAMP_MAX_S = 253_402_300_799
"""The last second of the year 9999."""
METADATA_MAX_BYTES = 16_384
PREVIEW_MAX_CHARACTERS = 80
VALUE_MAX_BYTES = 65_536

OnBusy = Annotated[
    runs.OnBusy,
    Meta(description="What to do when a run of the thread has not ended."),
]
OnDisconnect = Annotated[
    runs.OnDisconnect,
    Meta(description="What becomes of the run when the user's last connection ends."),
]

Version = Annotated[
    Literal[1],
    Meta(description="The protocol version.", extra={"code": "unsupported_version"}),
]
CommandId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=COMMAND_ID_MAX_CHARACTERS,
        description="The client's own; the answer carries it. Reusable once it was answered.",
        extra={"code": "bad_field"},
    ),
]
Token = Annotated[
    str,
    Meta(
        min_length=1,
        description="A JWT.",
        extra_json_schema={"format": "password", "writeOnly": True},
    ),
]

ErrorCode = Annotated[str, Meta(extra_json_schema={"$ref": "#/components/schemas/ErrorCode"})]
Seq = Annotated[int, Meta(ge=1, le=SEQ_MAX, description="A place in the user's journal.")]
Timestamp = Annotated[float, Meta(ge=0, le=TIMESTAMP_MAX_S, description="Seconds since the epoch.")]
Cursor = Annotated[
    int,
    Meta(
        ge=0,
        le=SEQ_MAX,
        description="The last seq that the reader has; 0 reads from the beginning.",
        extra={"code": "bad_cursor"},
    ),
]
CursorTimestamp = Annotated[
    float,
    Meta(
        ge=0,
        le=TIMESTAMP_MAX_S,
        description="The timestamp of the event at the cursor, in seconds since the epoch.",
        extra={"code": "bad_cursor"},
    ),
]

ThreadId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=ID_MAX_CHARACTERS,
        description="A thread id, `thread_<operation>_<ms>_<counter>_<hex8>`.",
        examples=["thread_chat_1763629200001_7_90c65fe4"],
        extra={"id_kind": "thread"},
    ),
]
RequestId = Annotated[
    str,
    Meta(
        max_length=ID_MAX_CHARACTERS,
        description="A request id, `req_<operation>_<ms>_<counter>_<hex8>`.",
        examples=["req_http_1763629200001_7_90c65fe4"],
    ),
]
ThreadName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LEGACY_ID_MAX_CHARACTERS,
        description="A thread id, or the id that the thread had in an older system.",
        examples=["thread_chat_1763629200001_7_90c65fe4"],
        extra={"id_kind": "thread", "older_too": True},
    ),
]
RunId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=ID_MAX_CHARACTERS,
        description="A run id, `run_<operation>_<ms>_<counter>_<hex8>`.",
        examples=["run_chat_1763629200001_7_90c65fe4"],
        extra={"id_kind": "run"},
    ),
]
FeedId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=ID_MAX_CHARACTERS,
        description="A feed id, `feed_<ms>_<counter>_<hex8>`, from `connection_ready`.",
        examples=["feed_1763629200000_1_0c5e21aa"],
        extra={"id_kind": "feed"},
    ),
]
InputId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=ID_MAX_CHARACTERS,
        description="An input id, `input_<ms>_<counter>_<hex8>`, from `input_requested`.",
        examples=["input_1763629203000_9_5b0d7e13"],
        extra={"id_kind": "input"},
    ),
]

AgentName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=AGENT_NAME_MAX_CHARACTERS,
        description="An agent; none for the default one.",
    ),
]
Preview = Annotated[
    str,
    Meta(
        max_length=PREVIEW_MAX_CHARACTERS,
        description="How the thread's first message begins; null while there is none.",
    ),
]
Title = Annotated[str, Meta(max_length=200, description="For people.")]
Content = Annotated[
    str, Meta(min_length=1, max_length=65_536, description="The text, kept as it is.")
]
# After `$`, the look-ahead refuses the line feed that Python's `$` lets pass.
ClientMessageId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$(?!\n)",
        description="The client's own name for this message; sending it again is safe for ever.",
    ),
]
Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^(?!__proto__$)")], Any],
    Meta(
        max_length=64,
        description="The client's own data; at most 16 KiB as JSON, no key `__proto__` anywhere.",
        extra={"code": "bad_metadata", "json_max_bytes": METADATA_MAX_BYTES},
    ),
]
JsonValue = Annotated[
    Any,
    Meta(description="Any JSON, at most 64 KiB.", extra={"json_max_bytes": VALUE_MAX_BYTES}),
]
