"""Every error that a client, a caller or an operator can meet, in one table.

A code is stable: programs compare it. The text is for people and is fixed ASCII; what was expected
and what came goes into the error's own message. This module may not import any other.
"""

from __future__ import annotations

from dataclasses import dataclass

_INTERNAL_CLOSE = 1011


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the table: what a code means on every entrance.

    Attributes:
        code: the stable name, lower snake case.
        text: one ASCII sentence that carries no user text.
        status: the HTTP status (RFC 9110) of the problem document.
        close: the WebSocket close code when the error ends the connection, else None.
        retryable: whether the same request can succeed later without a change.
        retry_after_ms: how long to wait before that where the error itself does not say it, in
            milliseconds, else None.
    """

    code: str
    text: str
    status: int
    close: int | None = None
    retryable: bool = False
    retry_after_ms: int | None = None

    @property
    def close_code(self) -> int:
        """The WebSocket close code when this ends a connection; 1011 where the row has none."""
        return self.close or _INTERNAL_CLOSE

    @property
    def is_failure(self) -> bool:
        """Whether the server failed to do its job; a planned restart is no failure."""
        return self.status >= 500 and self.code != "shutting_down"


_TABLE = (
    # the request itself
    ErrorKind("bad_json", "The text is not valid JSON.", 400),
    ErrorKind("too_deep", "The JSON is nested too deeply.", 400),
    ErrorKind("bad_message", "A JSON object was expected.", 400),
    ErrorKind("binary_not_supported", "Messages must be text.", 400, 1003),
    ErrorKind("bad_field", "A field has the wrong type or value.", 400),
    ErrorKind("bad_string", "A string contains characters that cannot be stored.", 400),
    ErrorKind("bad_metadata", "The metadata is not acceptable.", 400),
    ErrorKind("bad_id", "The id is not valid here.", 400, 4400),
    ErrorKind("bad_cursor", "The cursor is not valid.", 400),
    ErrorKind("trimmed", "The cursor is older than what is kept.", 410),
    ErrorKind("bad_limit", "The page size is not valid.", 400),
    ErrorKind("bad_page_token", "The page token is not valid.", 400),
    ErrorKind("bad_query", "The query string is not acceptable.", 400),
    ErrorKind("bad_host", "The Host header is not valid.", 400),
    ErrorKind("bad_request", "The request is not valid HTTP.", 400),
    ErrorKind("bad_ws_key", "The Sec-WebSocket-Key header is not valid.", 400),
    ErrorKind("bad_subprotocol", "The Sec-WebSocket-Protocol header is not valid.", 400),
    ErrorKind("bad_idempotency_key", "The idempotency key is not valid.", 400),
    ErrorKind("empty", "The text is empty.", 400),
    ErrorKind("too_long", "The text is too long.", 400),
    ErrorKind("unknown_command", "The command is not known.", 400),
    ErrorKind("unknown_agent", "No agent has this name.", 400),
    ErrorKind("duplicate_id", "A command with this id has not been answered yet.", 409),
    ErrorKind("unsupported_version", "The protocol version is not supported.", 400, 4400),
    ErrorKind("upgrade_required", "A WebSocket upgrade is required here.", 426),
    ErrorKind("method_not_allowed", "The method is not allowed here.", 405),
    ErrorKind("unsupported_media_type", "The body is of a type that is not read here.", 415),
    ErrorKind("content_encoding_not_supported", "The body must not be encoded.", 415),
    ErrorKind("body_too_large", "The body is too large.", 413),
    ErrorKind("headers_too_large", "The request headers are too large.", 431),
    ErrorKind("uri_too_long", "The request line is too long.", 414),
    ErrorKind("request_timeout", "The request took too long to arrive.", 408, 4408),
    # who is asking
    ErrorKind("not_authenticated", "A credential is required.", 401, 4401),
    ErrorKind("token_invalid", "The token is not valid.", 401, 4401),
    ErrorKind("token_expired", "The token has expired.", 401, 4401),
    ErrorKind("token_not_yet_valid", "The token is not valid yet.", 401, 4401),
    ErrorKind("token_too_large", "The token is too large.", 401, 4401),
    ErrorKind("token_in_url", "A token must not be sent in the URL.", 400, 4400),
    ErrorKind("revoked", "The session was signed out.", 401, 4401),
    ErrorKind("keys_unavailable", "The signing keys cannot be read now.", 503, 1013, True),
    ErrorKind("identity_change", "A connection cannot change its user.", 403, 4403),
    ErrorKind("origin_not_allowed", "The origin is not allowed.", 403, 4403),
    ErrorKind("host_not_allowed", "The host is not allowed.", 421),
    ErrorKind("wrong_role", "This node executes runs and serves no users.", 421),
    ErrorKind("forbidden", "The credential does not allow this.", 403, 4403),
    ErrorKind("authentication_timeout", "No credential came in time.", 408, 4408),
    # how much is asked
    ErrorKind("rate_limited", "Too many requests.", 429, 4429, True),
    ErrorKind("too_many_errors", "Too many bad messages.", 429, 4429),
    ErrorKind("too_many_connections", "The user has too many connections.", 429, 4429, True),
    ErrorKind("too_many_runs", "The user has too many runs under way.", 429, None, True),
    ErrorKind("evicted", "A newer connection took this place.", 429, 4429),
    ErrorKind("forced_close", "The connection was closed by its user or an operator.", 403, 4403),
    ErrorKind("stalled", "The connection did not read for too long.", 408, 4408, True),
    ErrorKind("overloaded", "The server is overloaded.", 503, 1013, True, 1_000),
    ErrorKind("shutting_down", "The server is restarting.", 503, 1012, True, 2_000),
    # what is asked for
    ErrorKind("not_found", "There is no such thing.", 404),
    ErrorKind("legacy_id", "The id comes from an older system and is not migrated.", 404),
    ErrorKind("run_active", "A run is under way in this thread.", 409, None, True),
    ErrorKind("run_finished", "The run has already ended.", 409),
    ErrorKind("out_of_order", "The run does not take this event now.", 409),
    ErrorKind("fenced", "Another worker owns this run now.", 403),
    ErrorKind("already_answered", "The question was already answered.", 409),
    ErrorKind("expired", "The question was not answered in time.", 410),
    ErrorKind("idempotency_conflict", "The key was used with another body.", 409),
    # how a run ends badly
    ErrorKind("agent_error", "The agent failed.", 500, None, True),
    ErrorKind("bad_agent_output", "The agent gave an unusable answer.", 500),
    ErrorKind("timed_out", "The run took too long.", 504, None, True),
    ErrorKind("node_lost", "The server that worked on the answer was lost.", 503, None, True),
    ErrorKind("model_error", "The model failed.", 502, None, True),
    # what the server cannot do now
    ErrorKind("unavailable", "The store cannot be reached now.", 503, 1013, True, 1_000),
    ErrorKind("storage_full", "The store is full.", 507, None, True, 5_000),
    ErrorKind("unknown_outcome", "Whether it was committed is unknown.", 503, None, True),
    ErrorKind("internal", "Something went wrong inside the server.", 500, 1011, True),
)

ERRORS: dict[str, ErrorKind] = {kind.code: kind for kind in _TABLE}


# Whoever catches one to answer it drops its traceback (`with_traceback(None)`). The frames in it
# may hold the error, and with it all of a connection, until cycles are collected: seldom.
class ThreadcastError(Exception):
    """An error with a row in the table.

    Args:
        code: a key of `ERRORS`.
        message: what was expected and what came; the row's text when not given. It may reach the
            client, so it must carry no secret and no stack trace.
        retry_after_ms: for retryable errors, how long to wait, in milliseconds; the
            row's when not given.

    Raises:
        ValueError: the code has no row; the message names those that there are.
    """

    def __init__(
        self, code: str, message: str | None = None, *, retry_after_ms: int | None = None
    ) -> None:
        kind = ERRORS.get(code) if isinstance(code, str) else None
        if kind is None:
            raise ValueError(f"code: expected one of {', '.join(ERRORS)}, got {code!r}")
        self.kind = kind
        self.message = message or self.kind.text
        self.retry_after_ms = self.kind.retry_after_ms if retry_after_ms is None else retry_after_ms
        super().__init__(f"{code}: {self.message}")

    @property
    def code(self) -> str:
        """The stable code."""
        return self.kind.code

    @property
    def is_failure(self) -> bool:
        """Whether the server failed to do its job; see `ErrorKind.is_failure`."""
        return self.kind.is_failure


class ConfigurationError(Exception):
    """A setting is unusable; the message is the one line that an operator needs (exit 78).

    Args:
        message: one line with the key, what came and what is allowed; never a secret.
        keys: the settings at fault, so that the loader can name their source.
    """

    def __init__(self, message: str, *, keys: tuple[str, ...] = ()) -> None:
        self.keys = keys
        super().__init__(message)


class StoreInUse(ConfigurationError):
    """Another process holds the database; the message says which and since when (exit 73)."""


class InvalidContextError(ValueError):
    """A context mixes ids that do not belong together; the message names each mismatch."""


class OutcomeUnknown(ThreadcastError):
    """A commit may or may not have happened; never reported as either."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__("unknown_outcome", message)
