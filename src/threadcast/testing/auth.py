"""Real authentication for end-to-end tests: tokens that a server accepts, and ones it must refuse.

The tokens are signed here or come from a sign-in endpoint. Nothing is switched off in the server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import jwt

from .sign_in import DEV_TOKEN_PATH, TOKEN_FIELD, SignIn, dev_token_body
from .signing import Claims, LocalKey

_WRONG_AUDIENCE = "somebody-else"


class E2EAuthHelper:
    """Makes credentials for tests; give it a secret, a private key, or a sign-in endpoint.

        auth = E2EAuthHelper(secret=SECRET)
        client = connect(url, auth.token("alice"))

    Every method that gives a token is sync and may be called inside a running event loop. With a
    sign-in endpoint it makes a request, so there `token_async` is kinder to other tasks.

    Args:
        secret: the server's shared secret (HS256), at least 32 bytes.
        private_key: a private key in PEM without a password (RS256, ES256 or EdDSA).
        sign_in_url: an endpoint that gives tokens. The URL of a server alone, without a path, means
            its `/dev/token`.
        sign_in_body: makes the endpoint's JSON body for a user; by default `{"user": ...}`.
        token_field: where the token is in the endpoint's answer, with dots between nested names.
        key_id: the header `kid` of signed tokens, if any.
        audience, issuer: the claims `aud` and `iss` of signed tokens, if any.
        plan_claim: the name of the claim that holds the plan.
        lifetime_s: how long a signed token is good, in seconds above 0.
        now: gives wall time, seconds since the epoch; None is the machine's clock.

    Raises:
        ValueError: none or several of secret, key and endpoint were given, or one is unusable.
    """

    def __init__(
        self,
        *,
        secret: str | None = None,
        private_key: str | bytes | None = None,
        sign_in_url: str | None = None,
        sign_in_body: Callable[[str], dict[str, Any]] = dev_token_body,
        token_field: str = TOKEN_FIELD,
        key_id: str | None = None,
        audience: str | None = None,
        issuer: str | None = None,
        plan_claim: str = "plan",
        lifetime_s: float = 3_600.0,
        now: Callable[[], float] | None = None,
    ) -> None:
        if sum(given is not None for given in (secret, private_key, sign_in_url)) != 1:
            raise ValueError("expected one of secret, private_key and sign_in_url")
        if lifetime_s <= 0:
            raise ValueError(f"lifetime_s: expected seconds above 0, got {lifetime_s:g}")
        self._key: LocalKey | None = None
        if secret is not None:
            self._key = LocalKey.of_secret(secret, key_id=key_id)
        elif private_key is not None:
            self._key = LocalKey.of_pem(private_key, key_id=key_id)
        self._sign_in = SignIn(_endpoint(sign_in_url or ""), sign_in_body, token_field)
        self._claims = Claims(audience, issuer, plan_claim)
        if now is not None:
            self._claims = Claims(audience, issuer, plan_claim, now)
        self._lifetime_s = lifetime_s

    @property
    def signs(self) -> bool:
        """Whether tokens are signed here; else they come from the sign-in endpoint."""
        return self._key is not None

    def token(
        self,
        user_id: str,
        *,
        lifetime_s: float | None = None,
        plan: str | None = None,
        scopes: Iterable[str] = (),
        **claims: Any,
    ) -> str:
        """A token that the server accepts.

        Args:
            user_id: the user, 1..255 characters.
            lifetime_s: seconds until it ends; the helper's own when not given.
            plan: the user's plan.
            scopes: further permissions, one word each.
            **claims: further claims; they replace others of the same name.

        Raises:
            SignInFailed: the endpoint gave no token.
            ValueError: anything but the user was given, and an endpoint decides that.
        """
        if self._key is None:
            if claims or plan is not None or tuple(scopes) or lifetime_s is not None:
                raise ValueError("the sign-in endpoint decides what is in a token")
            return self._sign_in.token(user_id)
        life_s = self._lifetime_s if lifetime_s is None else lifetime_s
        return self._signed(user_id, life_s, plan=plan, scopes=tuple(scopes), more=claims)

    async def token_async(self, user_id: str) -> str:
        """A token that the server accepts, without blocking the event loop.

        Raises:
            SignInFailed: the endpoint gave no token.
        """
        return (
            await self._sign_in.token_async(user_id) if self._key is None else self.token(user_id)
        )

    def source(self, user_id: str) -> Callable[[], Awaitable[str]]:
        """A token callable for `connect`, which gives a fresh token at each call."""

        async def fresh() -> str:
            return await self.token_async(user_id)

        return fresh

    def headers(self, user_id: str) -> dict[str, str]:
        """The header that carries a good token, for an HTTP client."""
        return {"Authorization": f"Bearer {self.token(user_id)}"}

    def expired_token(self, user_id: str, *, ago_s: float = 3_600.0) -> str:
        """A well-signed token that expired `ago_s` seconds ago.

        Raises:
            ValueError: the tokens come from an endpoint, which makes no such ones.
        """
        return self._signed(user_id, -ago_s)

    def almost_expired_token(self, user_id: str, *, lifetime_s: float = 2.0) -> str:
        """A good token that expires in `lifetime_s` seconds; the server's leeway comes on top.

        Raises:
            ValueError: the tokens come from an endpoint, which decides how long they live.
        """
        return self._signed(user_id, lifetime_s)

    def wrong_audience_token(self, user_id: str) -> str:
        """A valid token for another audience. Servers without an audience accept it.

        Raises:
            ValueError: the tokens come from an endpoint, which makes no such ones.
        """
        return self._signed(user_id, self._lifetime_s, more={"aud": _WRONG_AUDIENCE})

    def wrong_key_token(self, user_id: str) -> str:
        """A token that is valid except for its signing key.

        Raises:
            SignInFailed: the endpoint gave no token whose claims could be taken.
        """
        if self._key is not None:
            return self._key.stranger.sign(self._claims.of(user_id, lifetime_s=self._lifetime_s))
        claims = jwt.decode(self._sign_in.token(user_id), options={"verify_signature": False})
        return LocalKey.of_secret(_WRONG_AUDIENCE * 3).stranger.sign(claims)

    def _signed(
        self,
        user_id: str,
        lifetime_s: float,
        *,
        plan: str | None = None,
        scopes: tuple[str, ...] = (),
        more: dict[str, Any] | None = None,
    ) -> str:
        if self._key is None:
            raise ValueError("such a token needs a secret or a private key, got a sign-in endpoint")
        return self._key.sign(
            self._claims.of(user_id, lifetime_s=lifetime_s, plan=plan, scopes=scopes, more=more)
        )


def _endpoint(url: str) -> str:
    """The endpoint's URL; of a server alone, that of its development tokens."""
    scheme, separator, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return url if path else f"{scheme}{separator}{host}{DEV_TOKEN_PATH}"
