"""The request that a task works for, kept per task so that every log line can name it.

A client or a proxy may send a request id in `X-Request-ID`; it is kept only if it is an id of this
system, because it goes into logs, answers and contexts. Child tasks inherit it. This module may not
know HTTP beyond headers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, NamedTuple

from .ids import UnifiedIdGenerator

__all__ = [
    "REQUEST_ID_HEADER",
    "REQUEST_ID_KEY",
    "Correlation",
    "CorrelationFilter",
    "begin",
    "brought_request_id",
    "correlated",
    "correlation",
    "finish",
    "new_request_id",
    "request_id_of",
]

REQUEST_ID_HEADER = b"x-request-id"
REQUEST_ID_KEY = "threadcast.request_id"
"""Where an ASGI scope holds the id of its request."""

_NOTHING = "-"


class Correlation(NamedTuple):
    """A task's request and run; `-` where there is none."""

    request_id: str = _NOTHING
    run_id: str = _NOTHING


_request: ContextVar[str] = ContextVar("threadcast_request_id", default=_NOTHING)
_run: ContextVar[str] = ContextVar("threadcast_run_id", default=_NOTHING)


def correlation() -> Correlation:
    """The running task's request and run."""
    return Correlation(_request.get(), _run.get())


def begin(request_id: str) -> Token[str]:
    """Set the task's request; the caller must hand the token to `finish`."""
    return _request.set(request_id)


def finish(token: Token[str]) -> None:
    """Restore what was set before `begin`."""
    _request.reset(token)


@contextmanager
def correlated(request_id: str, run_id: str) -> Iterator[None]:
    """Set request and run within the block."""
    token, run = begin(request_id), _run.set(run_id)
    try:
        yield
    finally:
        _run.reset(run)
        finish(token)


def brought_request_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The request id in a request's headers, if there is exactly one and it is a current one.

    A legacy id or another system's id is not accepted: it could name a user, or anything.

    Args:
        headers: of the request, names in lower case.
    """
    brought = [value.decode("latin-1") for name, value in headers if name == REQUEST_ID_HEADER]
    if len(brought) == 1 and UnifiedIdGenerator.is_valid_id(brought[0], "request"):
        return brought[0]
    return None


def request_id_of(scope: Mapping[str, Any]) -> str:
    """The request id of an ASGI scope: from the middleware, else the headers, else fresh."""
    given: str | None = scope.get(REQUEST_ID_KEY)
    return given or brought_request_id(scope["headers"]) or new_request_id()


def new_request_id() -> str:
    """A fresh request id."""
    return UnifiedIdGenerator.generate_base_id("req_http")


class CorrelationFilter(logging.Filter):
    """Gives each log record `request_id`, `run_id` and `correlation`: the run, or else the request.

    It belongs on a handler, so that records of every logger pass it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark the record; it always passes."""
        record.request_id, record.run_id = current = correlation()
        record.correlation = current.request_id if current.run_id == _NOTHING else current.run_id
        return True
