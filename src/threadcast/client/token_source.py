"""Where a client's credential comes from, and when a live one should be renewed."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from ..errors import ThreadcastError

TokenCall = Callable[[], str | Awaitable[str]]

_RENEW_AT_SHARE = 0.75
_RENEW_MIN_S, _RENEW_MAX_S = 0.5, 86_400.0


class TokenSource:
    """Gives the token for the next connection.

    Args:
        token: the token itself, or a callable, sync or async, that gives a fresh one at each call.
    """

    def __init__(self, token: str | TokenCall) -> None:
        self._token = token

    @property
    def renewable(self) -> bool:
        """Whether asking again can give another token."""
        return not isinstance(self._token, str)

    async def get(self) -> str:
        """The token to use now; a callable's own errors pass through.

        Raises:
            ThreadcastError: `not_authenticated`: it is empty, or cannot stand in a header.
        """
        token = self._token
        if not isinstance(token, str):
            given = token()
            token = await given if inspect.isawaitable(given) else given
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ThreadcastError("not_authenticated", "token: expected one word of ASCII")
        return token


def renewal_in_s(expires_at: object, *, now: float) -> float | None:
    """In how many seconds a token should be renewed; None if its end is not known.

    After three quarters of what is left, so that a failed renewal can be tried again in time.

    Args:
        expires_at: when the token ends, seconds since the epoch.
        now: the server's time, which is what counts.
    """
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        return None
    return min(max((expires_at - now) * _RENEW_AT_SHARE, _RENEW_MIN_S), _RENEW_MAX_S)
