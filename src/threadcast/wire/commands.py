"""The closed vocabulary of commands, and its decoder.

The structs here are the definition; the published schema is generated from them. This module may
not know connections, users or stores: whether a command is allowed, and what it does, is decided
elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..errors import ThreadcastError
from .fields import (
    COMMAND_ID_MAX_CHARACTERS,
    AgentName,
    ClientMessageId,
    CommandId,
    Content,
    Cursor,
    CursorTimestamp,
    FeedId,
    InputId,
    JsonValue,
    Metadata,
    OnBusy,
    OnDisconnect,
    RunId,
    ThreadName,
    Title,
    Token,
    Version,
)
from .json_input import decode_fields, log_unknown, read_string, rebuild, strict_text
from .json_problems import check_fields, describe, explain_field, plain_value

__all__ = [
    "COMMANDS",
    "Attach",
    "Authenticate",
    "CancelRun",
    "Command",
    "CreateThread",
    "Ping",
    "Respond",
    "SendMessage",
    "UnusableCommand",
    "decode_command",
]


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    version: Version = 1
    id: CommandId

    @property
    def name(self) -> str:
        """The word in the field `command`."""
        return str(self.__struct_config__.tag)


class Authenticate(_Command, frozen=True, kw_only=True, tag="authenticate"):
    """Present a credential, first or again; the user stays the same."""

    token: Token

    def __repr__(self) -> str:
        """Without the token, so that no log can have it."""
        return f"Authenticate(id={self.id!r}, token=...)"


class Attach(_Command, frozen=True, kw_only=True, tag="attach"):
    """Set the connection's cursor and receive events from there on.

    Attributes:
        after: the cursor; None is the head.
        feed: the feed that the cursor belongs to.
        at: the timestamp of the event at `after`.
        thread_id: only events of this thread.
    """

    after: Cursor | None = None
    feed: FeedId | None = None
    at: CursorTimestamp | None = None
    thread_id: ThreadName | None = None


class CreateThread(_Command, frozen=True, kw_only=True, tag="create_thread"):
    """Create an empty thread."""

    title: Title | None = None
    metadata: Metadata = {}


class SendMessage(_Command, frozen=True, kw_only=True, tag="send_message"):
    """Store a message and start a run that answers it; without a thread, in a new one."""

    content: Content
    client_message_id: ClientMessageId
    thread_id: ThreadName | None = None
    agent: AgentName | None = None
    on_busy: OnBusy = "queue"
    on_disconnect: OnDisconnect = "continue"


class CancelRun(_Command, frozen=True, kw_only=True, tag="cancel_run"):
    """Cancel a run."""

    run_id: RunId


class Respond(_Command, frozen=True, kw_only=True, tag="respond"):
    """Answer a run's question."""

    run_id: RunId
    input_id: InputId
    value: JsonValue


class Ping(_Command, frozen=True, kw_only=True, tag="ping"):
    """Ask for the server's time."""


Command = Authenticate | Attach | CreateThread | SendMessage | CancelRun | Respond | Ping

COMMANDS: Mapping[str, type[Command]] = {
    "authenticate": Authenticate,
    "attach": Attach,
    "create_thread": CreateThread,
    "send_message": SendMessage,
    "cancel_run": CancelRun,
    "respond": Respond,
    "ping": Ping,
}

_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


class UnusableCommand(ThreadcastError):
    """A text is not a usable command.

    Args:
        reason: what is wrong.
        command_id: the command's own id, for the answer; None when none could be read.
    """

    def __init__(self, reason: ThreadcastError, command_id: str | None) -> None:
        super().__init__(reason.code, reason.message, retry_after_ms=reason.retry_after_ms)
        self.command_id = command_id


def decode_command(text: str | bytes) -> Command:
    """Decode one command and make all checks that need no store.

    Args:
        text: one JSON object, in UTF-8 if bytes; the caller has bounded its size.

    Raises:
        UnusableCommand: `bad_json`, `too_deep`, `bad_string`, `bad_message`,
            `unsupported_version`, `unknown_command`, `bad_field`, `empty`, `too_long`,
            `bad_metadata`, `bad_cursor`, `bad_id`, `legacy_id`; the message says what was
            expected and what came.
    """
    try:
        text = strict_text(text)
        try:
            command = _decoder.decode(text)
        except (ValueError, RecursionError):
            command = _rebuild_command(decode_fields(text))
        check_fields(command)
    except ThreadcastError as error:
        rejected = UnusableCommand(error, _readable_id(text, error))
    else:
        log_unknown(text, type(command))
        return command
    try:
        raise rejected
    finally:
        del rejected  # its traceback holds on to text and connection


def _rebuild_command(fields: Mapping[str, msgspec.Raw]) -> Command:
    if (version := fields.get("version")) is not None:
        explain_field("version", version, Version)
    raw = fields.get("command")
    name = None if raw is None else plain_value("command", raw)
    kind = COMMANDS.get(name) if isinstance(name, str) else None
    if kind is not None:
        return rebuild(fields, kind)
    came = "nothing" if raw is None else describe(name)
    expected = ", ".join(COMMANDS)
    raise ThreadcastError("unknown_command", f"command: expected one of {expected}, got {came}")


def _readable_id(text: str | bytes, reason: ThreadcastError) -> str | None:
    """The id of a refused command; None if there is no usable one."""
    command_id = None if reason.code == "too_deep" else read_string(text, "id")
    usable = command_id is not None and 1 <= len(command_id) <= COMMAND_ID_MAX_CHARACTERS
    return command_id if usable else None
