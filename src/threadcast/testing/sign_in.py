"""Gets tokens from a sign-in endpoint, one request per token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

_TIMEOUT_S = 10.0
DEV_TOKEN_PATH = "/dev/token"  # noqa: S105 - a path
TOKEN_FIELD = "token"  # noqa: S105 - the name of a field


class SignInFailed(Exception):
    """The sign-in endpoint gave no token; the message says what came, and never a secret."""


def dev_token_body(user_id: str) -> dict[str, Any]:
    """The body of a request to `/dev/token`."""
    return {"user": user_id}


@dataclass(frozen=True, slots=True)
class SignIn:
    """One endpoint that gives tokens.

    Attributes:
        url: of the endpoint.
        body: makes the JSON body for a user.
        token_field: where the token is in the answer, with dots between nested names.
    """

    url: str
    body: Callable[[str], dict[str, Any]] = dev_token_body
    token_field: str = TOKEN_FIELD

    def token(self, user_id: str) -> str:
        """A token for this user.

        Raises:
            SignInFailed: the endpoint gave none.
        """
        try:
            answer = httpx2.post(
                self.url, json=self.body(user_id), timeout=_TIMEOUT_S, trust_env=False
            )
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error
        return self._read(answer)

    async def token_async(self, user_id: str) -> str:
        """As `token`, without blocking the event loop."""
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
                answer = await http.post(self.url, json=self.body(user_id))
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error
        return self._read(answer)

    def _unreachable(self, error: Exception) -> SignInFailed:
        return SignInFailed(f"sign-in at {self.url}: {str(error) or type(error).__name__}")

    def _read(self, answer: httpx2.Response) -> str:
        where = f"sign-in at {self.url}"
        if not answer.is_success:
            raise SignInFailed(f"{where}: expected a token, got HTTP {answer.status_code}")
        try:
            found: Any = answer.json()
        except ValueError:
            raise SignInFailed(f"{where}: expected JSON, got something else") from None
        for name in self.token_field.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, str) or not found:
            raise SignInFailed(f"{where}: expected a token in {self.token_field!r}, got none")
        return found
