"""One WebSocket connection: how it is opened, and how its end is named. Knows no events."""

from __future__ import annotations

import ssl

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
)
from websockets.http11 import Response
from websockets.typing import Subprotocol

from ..auth.credentials import PROTOCOL, PROTOCOL_LINES
from .endpoint import Endpoint
from .session_rules import Drop

FRAME_MAX_BYTES = 16_777_216
_FRAMES_WAITING = 4
_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 507})


class _Connect(open_websocket):
    """Follows no redirect: a credential goes where its owner sent it and nowhere else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Every redirect is an answer like any other."""
        return exc


class ConnectionFailed(Exception):
    """No connection was made; `drop` says why.

    Args:
        drop: the reason.
    """

    def __init__(self, drop: Drop) -> None:
        self.drop = drop
        super().__init__(drop.text)


async def open_link(endpoint: Endpoint, token: str) -> ClientConnection:
    """Open a WebSocket with a credential; the caller closes it.

    Raises:
        ConnectionFailed: it could not be opened.
    """
    try:
        return await _Connect(
            endpoint.websocket_url,
            subprotocols=[Subprotocol(PROTOCOL_LINES), Subprotocol(PROTOCOL)],
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            open_timeout=_OPEN_TIMEOUT_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=FRAME_MAX_BYTES,
            max_queue=_FRAMES_WAITING,
            proxy=None if endpoint.loopback else True,  # True: as the environment says
        )
    except InvalidStatus as error:
        raise ConnectionFailed(_drop_of_response(error.response)) from error
    except InvalidMessage as error:
        raise ConnectionFailed(Drop("the server did not answer in HTTP")) from error
    except InvalidHandshake as error:
        raise ConnectionFailed(Drop(f"no WebSocket server: {error}", lasting=True)) from error
    except ssl.SSLError as error:
        text = f"TLS: {error.reason or error}"
        if isinstance(error, ssl.SSLCertVerificationError):
            text = f"TLS: {error.verify_message}"
        raise ConnectionFailed(Drop(text, lasting=True)) from error
    except TimeoutError as error:
        raise ConnectionFailed(Drop("the server did not answer in time")) from error
    except OSError as error:
        how = "cannot connect over TLS" if endpoint.secure else "cannot connect"
        text = error.strerror or str(error) or type(error).__name__
        raise ConnectionFailed(Drop(f"{how}: {text}")) from error


def drop_of_close(closed: ConnectionClosed) -> Drop:
    """The end of an open connection, as the server gave it."""
    if closed.rcvd is not None:
        return Drop(closed.rcvd.reason or "the server closed", close_code=closed.rcvd.code)
    if closed.sent is not None:
        return Drop(closed.sent.reason or "closed here", close_code=closed.sent.code)
    return Drop("the connection was lost", close_code=1006)


class _Problem(msgspec.Struct):
    code: str | None = None
    detail: str | None = None
    title: str | None = None


def _drop_of_response(response: Response) -> Drop:
    status = response.status_code
    try:
        problem = msgspec.json.decode(response.body or b"{}", type=_Problem)
    except (ValueError, RecursionError):
        problem = _Problem()
    text = problem.detail or problem.title or response.reason_phrase
    return Drop(
        f"HTTP {status}: {text}",
        status=status,
        code=problem.code,
        retry_after_s=_retry_after_s(response.headers.get("Retry-After")),
        lasting=status not in _LATER and status != 401,
    )


def _retry_after_s(text: str | None) -> float | None:
    """Seconds; the other form, a date, is not used by a Threadcast server."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
