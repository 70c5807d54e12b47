"""A client's source of tokens, and when to renew one."""

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
        """Whether asking again may give another token."""
        return not isinstance(self._token, str)

    async def get(self) -> str:
        """The token to use now; a callable's own errors pass through.

        Raises:
            ThreadcastError: `not_authenticated`: it is no text, empty, or not valid in a header.
        """
        token = self._token
        if not isinstance(token, str):
            given = token()
            token = await given if inspect.isawaitable(given) else given
        if not isinstance(token, str):
            raise ThreadcastError("not_authenticated", f"token: expected text, got {_kind(token)}")
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ThreadcastError("not_authenticated", "token: expected one word of ASCII")
        return token


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


def renewal_in_s(expires_at: object, *, now: float) -> float | None:
    """In how many seconds a token should be renewed; None if its expiry is not known.

    After three quarters of its remaining life, so that a failed renewal can be retried in time.

    Args:
        expires_at: when the token ends, seconds since the epoch.
        now: the server's time.
    """
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        return None
    return min(max((expires_at - now) * _RENEW_AT_SHARE, _RENEW_MIN_S), _RENEW_MAX_S)
