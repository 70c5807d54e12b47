"""Authentication shared by all entrances.

It rate-limits unauthenticated attempts per IPv4 address or IPv6 /64, has tokens verified, and
checks whether an identity was signed out. It knows neither HTTP nor sockets.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

from ..check_modes import Refuse, always
from ..clock import Clock
from ..errors import ThreadcastError
from ..metrics import Metrics
from ..rates import BucketPerKey, rate_limited
from ..settings import Settings
from ..store.records import JournalHead
from ..store.session import RequestScopedSession
from .authenticator import Authenticator
from .identity import Identity

_IPV6_PREFIX_BITS = 64  # a host chooses the rest of its address itself, as often as it likes


class SignIn:
    """Authenticates users and rate-limits strangers. One per server: entrances share the limit.

    Args:
        authenticator: verifies tokens.
        settings: `unauthenticated_per_address` per `unauthenticated_window_s`.
        clock: wall time for tokens, monotonic time for the rate limit.
        metrics: counts accepted and refused credentials.
        refuse: called with the reason for an attempt beyond that limit.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        refuse: Refuse = always,
    ) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._metrics = metrics
        self._refuse = refuse
        self._strangers = BucketPerKey(
            settings.unauthenticated_per_address / settings.unauthenticated_window_s,
            settings.unauthenticated_per_address,
        )

    def take_settings(self, settings: Settings) -> None:
        """Apply these limits from now on."""
        self._strangers.allow(
            settings.unauthenticated_per_address / settings.unauthenticated_window_s,
            settings.unauthenticated_per_address,
        )

    def admit_stranger(self, address: str) -> None:
        """Count one request without a credential.

        Args:
            address: the client's, without port; empty if unknown.

        Raises:
            ThreadcastError: `rate_limited`, with the time to wait.
        """
        wait_s = self._strangers.take(_network_of(address), self._clock.monotonic())
        if wait_s:
            self._refuse(rate_limited(wait_s))

    async def verify(self, token: str, address: str) -> Identity:
        """Verify a token; a refused one counts against its address.

        Raises:
            ThreadcastError: as `Authenticator.verify`, or `rate_limited`.
        """
        try:
            identity = await self._authenticator.verify(token, now=self._clock.now())
        except ThreadcastError as error:
            if not error.kind.retryable:
                self._metrics.credentials.labels("refused").inc()
                self.admit_stranger(address)
            raise
        self._metrics.credentials.labels("accepted").inc()
        return identity


def _network_of(address: str) -> str:
    """Where all addresses belong that one host may have: an IPv4 address, or an IPv6 /64."""
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found.packed, _IPV6_PREFIX_BITS), strict=False))


async def unrevoked_head(session: RequestScopedSession, identity: Identity) -> JournalHead:
    """The user's journal head, if the credential was not revoked.

    Args:
        session: a session of the identity's user.
        identity: from a verified token.

    Raises:
        ThreadcastError: `revoked`, or an error of the store.
    """
    head = await session.journal.head(identity.token_id)
    if head.voids(identity.issued_at or 0.0):
        raise ThreadcastError("revoked")
    return head
