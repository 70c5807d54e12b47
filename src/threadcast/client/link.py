"""Opens a WebSocket connection, and classifies its end. Knows no events."""

from __future__ import annotations

import ssl
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
)
from websockets.http11 import Response
from websockets.typing import Subprotocol

from ..auth.credentials import PROTOCOL, PROTOCOL_LINES
from .endpoint import Endpoint
from .http import UNUSABLE_PROXY
from .network_reason import network_reason
from .refusal import is_elsewhere, is_passing, no_server, read_problem
from .session_rules import Drop

FRAME_MAX_BYTES = 16_777_216
_FRAMES_WAITING = 4
_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_NOT_THIS_PATH = frozenset({"not_found", "forbidden"})


class _Connect(open_websocket):
    """Follows no redirect: a credential goes to the given server and nowhere else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Treat a redirect as a failed handshake."""
        return exc


class ConnectionFailed(Exception):
    """No connection was made; `drop` says why.

    Args:
        drop: the reason.
    """

    def __init__(self, drop: Drop) -> None:
        self.drop = drop
        super().__init__(drop.text)


async def open_link(
    endpoint: Endpoint, token: str, *, tls: ssl.SSLContext | None = None
) -> ClientConnection:
    """Open a WebSocket with a credential; the caller closes it.

    Args:
        endpoint: where.
        token: the credential.
        tls: a shared context for callers that open many: loading the system's authorities is slow.

    Raises:
        ConnectionFailed: it could not be opened.
    """
    trusting: dict[str, Any] = {} if tls is None else {"ssl": tls}
    try:
        return await _Connect(
            endpoint.websocket_url,
            subprotocols=[Subprotocol(PROTOCOL_LINES), Subprotocol(PROTOCOL)],
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            **trusting,
            open_timeout=_OPEN_TIMEOUT_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=FRAME_MAX_BYTES,
            max_queue=_FRAMES_WAITING,
            proxy=None if endpoint.loopback else True,  # True: as the environment says
        )
    except InvalidStatus as error:
        raise ConnectionFailed(_drop_of_response(endpoint, error.response)) from error
    except InvalidMessage as error:
        raise ConnectionFailed(Drop(f"{_at(endpoint)} did not answer in HTTP/1.1")) from error
    except InvalidHandshake as error:
        raise ConnectionFailed(Drop(f"no WebSocket server: {error}", lasting=True)) from error
    except UnicodeError:
        text = f"cannot reach the server at {endpoint.http_url}: no host can be called so"
        raise ConnectionFailed(Drop(text, lasting=True)) from None
    except (ImportError, ValueError, InvalidProxy):  # for SOCKS, a further library is needed
        raise ConnectionFailed(Drop(UNUSABLE_PROXY, lasting=True)) from None
    except ssl.SSLError as error:
        raise ConnectionFailed(Drop(network_reason(error), lasting=True)) from error
    except TimeoutError as error:
        raise ConnectionFailed(Drop(f"{_at(endpoint)} did not answer in time")) from error
    except OSError as error:
        how = " over TLS" if endpoint.secure else ""
        text = f"cannot reach the server at {endpoint.http_url}{how}: {network_reason(error)}"
        raise ConnectionFailed(Drop(text)) from error


def drop_of_close(closed: ConnectionClosed) -> Drop:
    """How an open connection ended, from the server's close frame."""
    if closed.rcvd is not None:
        return Drop(closed.rcvd.reason or "the server closed", close_code=closed.rcvd.code)
    if closed.sent is not None:
        return Drop(closed.sent.reason or "closed here", close_code=closed.sent.code)
    return Drop("the connection was lost", close_code=1006)


def _at(endpoint: Endpoint) -> str:
    return f"the server at {endpoint.http_url}"


def _drop_of_response(endpoint: Endpoint, response: Response) -> Drop:
    status = response.status_code
    problem = read_problem(response.body)
    if is_elsewhere(status, problem) or problem.code in _NOT_THIS_PATH:
        text = no_server(endpoint.http_url, status)
        return Drop(text, status=status, code="unavailable", lasting=True)
    text = problem.detail or problem.title or response.reason_phrase
    return Drop(
        f"HTTP {status}: {text}",
        status=status,
        code=problem.code,
        retry_after_s=_retry_after_s(response.headers.get("Retry-After")),
        lasting=not is_passing(status) and status != 401,
    )


def _retry_after_s(text: str | None) -> float | None:
    """Seconds; the other form, a date, is not used by a Threadcast server."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
