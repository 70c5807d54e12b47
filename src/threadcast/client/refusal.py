"""What an HTTP answer that is no success says, and whether a Threadcast server said it. Pure."""

from __future__ import annotations

import msgspec

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
_CREDENTIAL = 401


class Problem(msgspec.Struct):
    """A problem document; empty where the body is another one.

    Attributes:
        code: the server's error code; whoever else answers has none.
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
    """Whether the same request may go better later; proxies answer so, too."""
    return status in _PASSING


def is_elsewhere(status: int, problem: Problem) -> bool:
    """Whether this is the answer of something that is no Threadcast server."""
    return problem.code is None and status != _CREDENTIAL and not is_passing(status)


def no_server(url: str, status: int) -> str:
    """What to say of it.

    Args:
        url: where the server was expected.
        status: what came from there.
    """
    return f"no Threadcast server at {url} (HTTP {status})"
