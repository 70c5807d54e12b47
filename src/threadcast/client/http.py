"""HTTP clients for one server, through the environment's proxy, if any; and why networks fail."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator

import httpx2

from .endpoint import Endpoint
from .words import ServerUnreachable

UNUSABLE_PROXY = (
    "the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names cannot be used: expected "
    "http://host:port (SOCKS is not supported)"
)


def http_client(
    endpoint: Endpoint, *, timeout_s: float, tls: ssl.SSLContext | None = None
) -> httpx2.AsyncClient:
    """A client whose paths begin at the endpoint; the caller closes it.

    Args:
        endpoint: where. No proxy is asked for a server on this machine.
        timeout_s: of every single wait, in seconds.
        tls: what to trust; None: the system's authorities.

    Raises:
        ServerUnreachable: the environment names a proxy that cannot be used.
    """
    try:
        return httpx2.AsyncClient(
            base_url=endpoint.http_url,
            timeout=timeout_s,
            trust_env=not endpoint.loopback,
            # To read the authorities takes 15 ms; a plain server here has no use for them.
            verify=tls or endpoint.secure or not endpoint.loopback,
        )
    except (ImportError, ValueError, httpx2.InvalidURL):  # their texts may hold a password
        raise ServerUnreachable("unavailable", UNUSABLE_PROXY) from None


def network_reason(error: Exception) -> str:
    """Why nothing came, in the operating system's words where it was asked.

    Libraries wrap its errors in their own, which often say less, or nothing.

    Args:
        error: that was caught; its causes are looked at, too.
    """
    if isinstance(error, httpx2.TimeoutException):
        return "it did not answer in time"
    said = str(error)
    for one in (error, *_causes_of(error)):
        if isinstance(one, OSError):
            said = _words_of(one) or said
    return said.rstrip(".") or "the connection was lost"


def _causes_of(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or error.__context__
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _words_of(error: OSError) -> str | None:
    """Without the wordy prefixes of the standard library."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message}"
    if isinstance(error, ssl.SSLError):  # its numbers are not the operating system's
        return f"TLS: {error.reason or error.strerror or error}"
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror
