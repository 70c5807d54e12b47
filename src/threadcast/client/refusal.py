"""Interprets failed HTTP responses: what they say, and whether Threadcast sent them. Pure."""

from __future__ import annotations

import msgspec

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
_CREDENTIAL = 401


class Problem(msgspec.Struct):
    """A problem document; empty if the body is something else.

    Attributes:
        code: the server's error code; empty if something else answered.
    """

    code: str | None = None
    detail: str | None = None
    title: str | None = None
    retryable: bool = False
    retry_after_ms: int | None = None


def read_problem(body: bytes | bytearray | None) -> Problem:
    """The body's problem document."""
    try:
        return msgspec.json.decode(body or b"{}", type=Problem)
    except (ValueError, RecursionError):
        return Problem()


def is_passing(status: int) -> bool:
    """Whether the same request may succeed later; includes proxies' statuses."""
    return status in _PASSING


def is_elsewhere(status: int, problem: Problem) -> bool:
    """Whether something other than a Threadcast server answered."""
    return problem.code is None and status != _CREDENTIAL and not is_passing(status)


def no_server(url: str, status: int) -> str:
    """The message for that case.

    Args:
        url: where the server was expected.
        status: what came from there.
    """
    return f"no Threadcast server at {url} (HTTP {status})"
