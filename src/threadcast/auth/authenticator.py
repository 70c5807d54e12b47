"""From a token to an `Identity`: form, key, signature, claims and time, in that order.

It combines the rules of `token_format` and `identity` with a source of keys, and caches the
outcomes of recent tokens by their SHA-256, so that a storm of reconnects or of bad tokens costs
little. It keeps no token, opens no connection and logs nothing from a token.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from ..clock import Clock
from ..errors import ConfigurationError, ThreadcastError
from ..settings import Settings
from .identity import Identity, TokenClaims, TokenPolicy, check_times, read_claims
from .jwks import JwksCache
from .token_format import invalid_token, parse_token, token_bytes
from .token_keys import (
    AlgorithmName,
    UnusableKeyError,
    VerificationKey,
    key_from_pem,
    key_from_secret,
)

FAILURES_MAX = 4_096
FAILURE_LIFE_S = 1.0
VERIFIED_MAX = 4_096

log = logging.getLogger(__name__)


class KeySource(Protocol):
    """Where verification keys come from. `StaticKey` and `JwksCache` are the two."""

    @property
    def degraded(self) -> bool:
        """Whether keys that a good token needs may be missing."""
        ...

    async def start(self) -> None:
        """Get ready; a failure shows as `degraded` and is not raised."""
        ...

    async def aclose(self) -> None:
        """Release all resources; `find` must not be called afterwards."""
        ...

    async def find(self, key_id: str | None, algorithm: AlgorithmName) -> VerificationKey | None:
        """The one key for this header, or None; the same object as long as it is the same key.

        Raises:
            ThreadcastError: `keys_unavailable`.
        """
        ...


class StaticKey:
    """One configured key. A token's key id does not matter, its algorithm must be the key's."""

    degraded = False

    def __init__(self, key: VerificationKey) -> None:
        self._key = key

    async def start(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""

    async def find(self, key_id: str | None, algorithm: AlgorithmName) -> VerificationKey | None:
        """The key, if it is for this algorithm."""
        del key_id
        return self._key if self._key.algorithm == algorithm else None


@dataclass(frozen=True, slots=True)
class _Failure:
    code: str
    message: str
    at: float


class _Failures:
    """A bounded cache of recently failed tokens; the oldest are evicted first."""

    def __init__(self, *, entries_max: int, life_s: float) -> None:
        self._entries_max = entries_max
        self._life_s = life_s
        self._entries: OrderedDict[bytes, _Failure] = OrderedDict()

    def raise_known(self, digest: bytes, now: float) -> None:
        failure = self._entries.get(digest)
        if failure is None:
            return
        if 0 <= now - failure.at < self._life_s:
            raise ThreadcastError(failure.code, failure.message)
        del self._entries[digest]

    def remember(self, digest: bytes, error: ThreadcastError, now: float) -> None:
        self._entries[digest] = _Failure(error.code, error.message, now)
        if len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Verified:
    key: VerificationKey
    key_id: str | None
    claims: TokenClaims


class Authenticator:
    """Verifies tokens. One per server; safe for concurrent callers on one loop.

    The caller must call `start` before the first token and `aclose` after the last.

    Args:
        policy: what every token must satisfy.
        keys: where keys come from; owned from here on.
        failures_max: how many failed tokens are cached; 0 for none.
        failure_life_s: for how long, in seconds.
        verified_max: how many verified tokens are cached; 0 for none.
    """

    def __init__(
        self,
        policy: TokenPolicy,
        keys: KeySource,
        *,
        failures_max: int = FAILURES_MAX,
        failure_life_s: float = FAILURE_LIFE_S,
        verified_max: int = VERIFIED_MAX,
    ) -> None:
        self._policy = policy
        self._keys = keys
        self._failures = _Failures(entries_max=failures_max, life_s=failure_life_s)
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._verified_max = verified_max
        self._has_warned_of_iat = False

    @classmethod
    def from_settings(cls, settings: Settings, *, clock: Clock) -> Authenticator:
        """The authenticator that the `jwt_*` settings describe.

        Args:
            settings: the server's settings.
            clock: for the age of fetched keys.

        Raises:
            ConfigurationError: no key or more than one kind of key is configured, the key is
                unusable, or the policy contradicts it.
        """
        policy = TokenPolicy.from_settings(settings)
        return cls(policy, key_source(settings, policy, clock=clock))

    @property
    def degraded(self) -> bool:
        """Whether good tokens may be refused for lack of keys; shown by readiness."""
        return self._keys.degraded

    async def start(self) -> None:
        """Fetch the keys, if they come from a URL."""
        await self._keys.start()

    async def aclose(self) -> None:
        """Stop fetching keys."""
        await self._keys.aclose()

    async def verify(self, token: str, *, now: float) -> Identity:
        """Verify a token.

        Args:
            token: the compact JWT as received, without a scheme.
            now: wall time, seconds since the epoch.

        Returns:
            The identity. The caller must end its authority at `expires_at` plus the leeway.

        Raises:
            ThreadcastError: `token_invalid`, `token_expired`, `token_not_yet_valid`,
                `token_too_large` or `keys_unavailable`; no message quotes the token.
        """
        raw = token_bytes(token)
        digest = sha256(raw).digest()
        self._failures.raise_known(digest, now)
        try:
            claims = await self._claims(raw, digest)
            check_times(claims, self._policy, now=now)
        except ThreadcastError as error:
            self._verified.pop(digest, None)
            if not error.kind.retryable:
                self._failures.remember(digest, error, now)
            raise
        self._warn_of_iat(claims.identity)
        return claims.identity

    def _warn_of_iat(self, identity: Identity) -> None:
        """Once: nothing shows at first that such tokens do not survive a revocation."""
        if identity.issued_at is None and not self._has_warned_of_iat:
            self._has_warned_of_iat = True
            log.warning(
                'a token without "iat" was accepted; once its user has signed out everywhere, such '
                "tokens are refused for ever, because they count as issued before that"
            )

    async def _claims(self, raw: bytes, digest: bytes) -> TokenClaims:
        known = self._verified.get(digest)
        if known is not None:
            # Looking the key up every time makes the removal of a key invalidate this entry.
            if await self._keys.find(known.key_id, known.key.algorithm) is known.key:
                return known.claims
            self._verified.pop(digest, None)
        verified = await self._verify_signed(raw)
        self._verified[digest] = verified
        if len(self._verified) > self._verified_max:
            self._verified.popitem(last=False)
        return verified.claims

    async def _verify_signed(self, raw: bytes) -> _Verified:
        token = parse_token(raw, self._policy.algorithms)
        key = await self._keys.find(token.key_id, token.algorithm)
        if key is None:
            raise invalid_token("No key of this server fits the token.")
        if not key.verify(token.signing_input, token.signature):
            raise invalid_token("The token's signature is not right.")
        return _Verified(key, token.key_id, read_claims(token.payload, self._policy))


def key_source(settings: Settings, policy: TokenPolicy, *, clock: Clock) -> KeySource:
    """The key source that the settings name.

    Raises:
        ConfigurationError: none or several are named, it is unusable, or the policy does not fit.
    """
    named = {
        "jwt_secret": settings.jwt_secret,
        "jwt_public_key": settings.jwt_public_key,
        "jwt_jwks_url": settings.jwt_jwks_url,
    }
    chosen = [name for name, value in named.items() if value is not None]
    if len(chosen) != 1:
        raise ConfigurationError(
            f"expected exactly one of {', '.join(named)}, "
            f"got {' and '.join(chosen) or 'none: set THREADCAST_JWT_SECRET, or another of them'}"
        )
    if settings.jwt_jwks_url is not None:
        _check_jwks_policy(policy)
        allow_private = settings.insecure_allow_private_jwks
        return JwksCache(settings.jwt_jwks_url, clock=clock, allow_private=allow_private)
    key = _configured_key(settings)
    if policy.algorithms and key.algorithm not in policy.algorithms:
        raise ConfigurationError(
            f"jwt_algorithms: expected {key.algorithm} because {chosen[0]} is such a key"
        )
    return StaticKey(key)


def _check_jwks_policy(policy: TokenPolicy) -> None:
    if policy.audience is None or policy.issuer is None:
        raise ConfigurationError("jwt_jwks_url: jwt_audience and jwt_issuer are required with it")
    if "HS256" in policy.algorithms:
        raise ConfigurationError("jwt_algorithms: HS256 cannot be used with jwt_jwks_url")


def _configured_key(settings: Settings) -> VerificationKey:
    if settings.jwt_secret is not None:
        try:
            return key_from_secret(settings.jwt_secret)
        except UnusableKeyError as error:
            raise ConfigurationError(f"jwt_secret: {error}") from None
    try:
        return key_from_pem(settings.jwt_public_key or "")
    except UnusableKeyError as error:
        raise ConfigurationError(f"jwt_public_key: {error}") from None
