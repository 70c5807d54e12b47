"""From a credential to a user who may come in, the same for every entrance.

It bounds what an address may try before it is known, has tokens verified, and says whether an
identity was signed out. It knows neither HTTP nor sockets.
"""

from __future__ import annotations

from ..checks import Refuse, always
from ..clock import Clock
from ..errors import ThreadcastError
from ..rates import BucketPerKey, rate_limited
from ..records import JournalHead
from ..session import RequestScopedSession
from ..settings import Settings
from .authenticator import Authenticator
from .identity import Identity


class SignIn:
    """Lets users in and bounds strangers. One per server, so that both entrances share its bound.

    Args:
        authenticator: verifies tokens.
        settings: `unauthenticated_per_address` per `unauthenticated_window_s`.
        clock: wall time for tokens, monotonic time for the bound.
        refuse: is called with the reason for a stranger beyond that bound.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        settings: Settings,
        clock: Clock,
        refuse: Refuse = always,
    ) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._refuse = refuse
        self._strangers = BucketPerKey(
            settings.unauthenticated_per_address / settings.unauthenticated_window_s,
            settings.unauthenticated_per_address,
        )

    def take_settings(self, settings: Settings) -> None:
        """Bound strangers as these settings say from now on."""
        self._strangers.allow(
            settings.unauthenticated_per_address / settings.unauthenticated_window_s,
            settings.unauthenticated_per_address,
        )

    def admit_stranger(self, address: str) -> None:
        """Count one visit without a credential.

        Args:
            address: the client's, without port; empty where it is not known.

        Raises:
            ThreadcastError: `rate_limited`, with the time to wait.
        """
        wait_s = self._strangers.take(address, self._clock.monotonic())
        if wait_s:
            self._refuse(rate_limited(wait_s))

    async def verify(self, token: str, address: str) -> Identity:
        """Decide whom a token speaks for; a token that is refused counts against its address.

        Raises:
            ThreadcastError: as `Authenticator.verify`, or `rate_limited`.
        """
        try:
            return await self._authenticator.verify(token, now=self._clock.now())
        except ThreadcastError as error:
            if not error.kind.retryable:
                self.admit_stranger(address)
            raise


async def unrevoked_head(session: RequestScopedSession, identity: Identity) -> JournalHead:
    """The user's journal, if the user's credential still counts.

    Args:
        session: a session of the identity's user.
        identity: what a verified token said.

    Raises:
        ThreadcastError: `revoked`, or the store cannot be read now.
    """
    head = await session.journal.head(identity.token_id)
    if head.voids(identity.issued_at or 0.0):
        raise ThreadcastError("revoked")
    return head
