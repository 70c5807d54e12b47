"""The issuer's published keys: fetched, cached, and refreshed when they may have changed.

It talks to one fixed address and nothing else: no redirect, no proxy, no address from a token. Of
tokens it knows only key id and algorithm. While the endpoint is down, new keys are unavailable;
known ones stay valid for up to a day.
"""

from __future__ import annotations

import asyncio
import logging
import ssl

import httpx2

from ..clock import Clock
from ..errors import ConfigurationError, ThreadcastError
from ..settings.forms import ip_address, is_private, jwks_url
from .token_keys import (
    EMPTY_KEY_SET,
    AlgorithmName,
    KeySet,
    UnusableKeyError,
    VerificationKey,
    parse_key_set,
)

BODY_MAX_BYTES = 1_048_576
FETCH_TIMEOUT_S = 5.0
LIFE_S = 300.0
RETRY_S = 30.0
RETRY_WITHOUT_KEYS_S = 5.0
KNOWN_KEYS_LIFE_S = 86_400.0

log = logging.getLogger(__name__)


class _FetchError(Exception):
    """The document could not be fetched; the message says why and quotes nothing of it."""


def check_jwks_url(url: str, *, allow_private: bool = False) -> httpx2.URL:
    """Check that a URL is acceptable as the source of this server's keys.

    Args:
        url: the configured URL.
        allow_private: also allow private addresses, with plain http too.

    Raises:
        ConfigurationError: another scheme than https, user information, a fragment, no host, or a
            private address without the permission.
    """
    if misfit := jwks_url(url):
        raise ConfigurationError(f"jwt_jwks_url: expected {misfit.expected}, got {misfit.got}")
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise ConfigurationError("jwt_jwks_url: expected an https URL") from None
    private = _is_private(parsed.host)
    if private and not allow_private:
        raise ConfigurationError("jwt_jwks_url: expected a public host, got a private address")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and private):
        raise ConfigurationError("jwt_jwks_url: expected https, got another scheme")
    return parsed


def _is_private(host: str) -> bool:
    """`settings.forms.is_private`, and every other spelling of an IPv4 address (127.1, 0x7f.1)."""
    last_label = host.rstrip(".").rpartition(".")[2].lower()
    another_spelling = last_label.isdecimal() or last_label.startswith("0x")
    return is_private(host) or (another_spelling and ip_address(host) is None)


class JwksCache:
    """The keys of one JWKS URL, as a source of keys for the authenticator.

    At most one fetch is under way, and at most one is started per `retry_s`. Keys older than half
    of `life_s` are refreshed in the background; older than `life_s`, the caller waits. While the
    endpoint fails, known keys are used without waiting.

    The caller must call `aclose` when done, on the event loop that the cache was used on.

    Args:
        url: an https URL; see `check_jwks_url`.
        clock: only its monotonic time is used.
        allow_private: as in `check_jwks_url`.
        timeout_s: for one whole fetch, in seconds, above 0.
        life_s: how long a fetched set is valid without a refresh, in seconds.
        retry_s: the shortest time between two fetches, in seconds.
        ssl_context: the trusted authorities; None: the usual public ones.

    Raises:
        ConfigurationError: the URL is not acceptable.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        allow_private: bool = False,
        timeout_s: float = FETCH_TIMEOUT_S,
        life_s: float = LIFE_S,
        retry_s: float = RETRY_S,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._url = check_jwks_url(url, allow_private=allow_private)
        self._clock = clock
        self._timeout_s = timeout_s
        self._life_s = life_s
        self._retry_s = retry_s
        self._ssl_context = ssl_context or httpx2.create_ssl_context()
        self._keys = EMPTY_KEY_SET
        self._fetched_at: float | None = None
        self._attempted_at: float | None = None
        self._failing = False
        self._closed = False
        self._fetching: asyncio.Task[None] | None = None

    @property
    def degraded(self) -> bool:
        """Whether the last fetch failed, or there is no usable key (readiness shows it)."""
        return self._failing or not (self._keys.named or self._keys.unnamed)

    async def start(self) -> None:
        """Fetch the keys for the first time; a failure is logged and shows as `degraded`."""
        await self._fetch_if_due()

    async def aclose(self) -> None:
        """Stop a fetch under way; the cache fetches nothing afterwards."""
        self._closed = True
        task, self._fetching = self._fetching, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def find(self, key_id: str | None, algorithm: AlgorithmName) -> VerificationKey | None:
        """The key for a token's header, or None where the issuer publishes no such key.

        Args:
            key_id: the header's `kid`, or None.
            algorithm: the header's `alg`; a key of another algorithm is not found.

        Raises:
            ThreadcastError: `keys_unavailable`: it cannot be known now.
        """
        await self._keep_current()
        key = self._keys.find(key_id, algorithm)
        if key is not None or key_id in self._keys.named:
            return key
        await self._fetch_if_due()
        key = self._keys.find(key_id, algorithm)
        if key is None and self._failing:
            raise self._unavailable()
        return key

    async def _keep_current(self) -> None:
        age_s = self._age_s()
        if age_s > KNOWN_KEYS_LIFE_S:
            await self._fetch_if_due()
            if self._age_s() > KNOWN_KEYS_LIFE_S:
                raise self._unavailable()
        elif age_s > self._life_s and not self._failing:
            await self._fetch_if_due()
        elif age_s > self._life_s / 2 or self._failing:
            self._start_if_due()

    def _age_s(self) -> float:
        if self._fetched_at is None:
            return float("inf")
        return self._clock.monotonic() - self._fetched_at

    def _due_in_s(self) -> float:
        if self._attempted_at is None:
            return 0.0
        pause_s = self._retry_s
        if self._fetched_at is None:
            pause_s = min(pause_s, RETRY_WITHOUT_KEYS_S)
        return self._attempted_at + pause_s - self._clock.monotonic()

    def _unavailable(self) -> ThreadcastError:
        retry_after_ms = max(1_000, round(self._due_in_s() * 1_000))
        return ThreadcastError("keys_unavailable", retry_after_ms=retry_after_ms)

    async def _fetch_if_due(self) -> None:
        """Wait for the fetch under way, or start one if due; waiting may be cancelled."""
        self._start_if_due()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    def _start_if_due(self) -> None:
        if self._fetching is not None and self._fetching.done():
            self._fetching = None
        if self._fetching is None and not self._closed and self._due_in_s() <= 0:
            self._attempted_at = self._clock.monotonic()
            self._fetching = asyncio.create_task(self._refresh(self._attempted_at))

    async def _refresh(self, started_at: float) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                keys = parse_key_set(await self._fetch(), self._keys)
        except (_FetchError, UnusableKeyError, httpx2.HTTPError, OSError) as error:
            self._note_failure(error)
            return
        self._adopt(keys, started_at)

    async def _fetch(self) -> bytes:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with (
            httpx2.AsyncClient(
                verify=self._ssl_context,
                timeout=self._timeout_s,
                follow_redirects=False,
                trust_env=False,
            ) as client,
            client.stream("GET", self._url, headers=headers) as response,
        ):
            if response.status_code != httpx2.codes.OK:
                raise _FetchError(f"expected status 200, got {response.status_code}")
            if "content-encoding" in response.headers:
                raise _FetchError("expected an unencoded body")
            return await _read_bounded(response)

    def _note_failure(self, error: Exception) -> None:
        if not self._failing:
            own = isinstance(error, _FetchError | UnusableKeyError)
            reason = str(error) if own else type(error).__name__
            log.warning("The keys of %s cannot be read: %s", self._url.host, reason)
        self._failing = True

    def _adopt(self, keys: KeySet, started_at: float) -> None:
        if keys.skipped and keys.skipped != self._keys.skipped:
            log.warning(
                "%d keys of %s were skipped: %s",
                len(keys.skipped),
                self._url.host,
                "; ".join(keys.skipped),
            )
        if self._failing:
            log.info("The keys of %s can be read again.", self._url.host)
        self._keys = keys
        self._fetched_at = started_at
        self._failing = False


async def _read_bounded(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            raise _FetchError(f"expected at most {BODY_MAX_BYTES} bytes, got more")
    return bytes(body)
