"""HTTP clients for one server, through the environment's proxy, if any."""

from __future__ import annotations

import ssl

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
