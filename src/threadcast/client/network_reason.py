"""Why a network failed, in the operating system's words. Pure.

Libraries wrap its errors in their own, which often say less, or nothing.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator

import httpx2

_CAUSES_MAX = 10
_OF_SEVERAL = re.compile(r"^Multiple exceptions: \[Errno (\d+)\]")


def network_reason(error: Exception, *, handled: BaseException | None = None) -> str:
    """Why nothing came.

    Args:
        error: that was caught.
        handled: what the caller was handling before (`sys.exception()`): no cause of it, although
            it is its context.
    """
    if isinstance(error, httpx2.TimeoutException):
        return "it did not answer in time"
    for cause in _chain(error, handled):
        words = _words_of(cause) if isinstance(cause, OSError) else None
        if words:
            return words
    return str(error).rstrip(".") or "the connection was lost"


def _chain(error: BaseException, end: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it, of several addresses the first one's."""
    cause: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if cause is None or cause is end:
            return
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        else:  # libraries raise `from None`, too
            cause = cause.__cause__ or cause.__context__


def _words_of(error: OSError) -> str | None:
    """Without the wordy prefixes of the standard library."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'reason', None) or error.strerror or error}"
    if isinstance(error, socket.gaierror | socket.herror):
        return error.strerror
    of_several = _OF_SEVERAL.match(str(error))
    number = int(of_several[1]) if of_several else error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror
