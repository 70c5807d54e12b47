"""The one connection manager: the live connections by user, and which of them gets which hint.

Connections are added, removed and looked up by identity, so cleanup can never fail with "not
found". It dispatches hints from the bus to the connections that they concern. It knows nothing of
sockets: a connection is whatever implements `LiveConnection`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol

from ..bus import (
    Bus,
    ConnectionUnwanted,
    Hint,
    JournalGrew,
    JournalReached,
    LocalBus,
    SessionsRevoked,
)
from ..check_modes import Refuse, always
from ..consistency.kinds import TrackedOperation
from ..consistency.trace import ConsistencyTrace
from ..context import UserExecutionContext
from ..errors import ERRORS, ThreadcastError
from ..events import JournalEvent
from ..metrics import Metrics
from ..store.operator_units import Standing
from .guard import DeliveryGuard
from .places import Places

log = logging.getLogger(__name__)


class LiveConnection(Protocol):
    """What the manager needs of a WebSocket or SSE reader."""

    @property
    def context(self) -> UserExecutionContext:
        """Whose connection it is; `connection_id` is set."""
        ...

    @property
    def trace(self) -> ConsistencyTrace | None:
        """The trace that follows its ids, if they are followed."""
        ...

    @property
    def kind(self) -> Literal["websocket", "sse"]:
        """How it is attached."""
        ...

    @property
    def opened_at(self) -> float:
        """When it was authenticated, seconds since the epoch."""
        ...

    @property
    def agent(self) -> str | None:
        """How its client names itself."""
        ...

    @property
    def position(self) -> int:
        """The last seq that it was given."""
        ...

    @property
    def live(self) -> bool:
        """Whether it is pushed to; else it catches up, or has not started to."""
        ...

    def offer(self, events: Sequence[JournalEvent]) -> int:
        """Take committed events of its user; returns how many were written."""
        ...

    def notice(self, head: int) -> None:
        """Take its journal's head as a poll saw it."""
        ...

    def doubt(self) -> None:
        """The database may have been replaced by another one: check what was delivered."""
        ...

    def recheck(self) -> None:
        """Credentials of its user were revoked: find out whether its own is."""
        ...

    def end(self, code: str, *, retry_after_ms: int | None = None) -> None:
        """Begin to end, with the close code of this error code; idempotent."""
        ...


class WebSocketManager:
    """Knows every live connection of this node.

    Args:
        metrics: counts connections and deliveries.
        guard: reports hints that name one user and carry another's events.
        policy: what happens to a connection beyond its user's limit.
        max_connections: the limit of the whole node.
        disconnect_grace_s: how long after a user's last connection closed `on_user_left` is called.
        on_user_left: called with the user id; must not raise.
        refuse: is called with the reason for a connection beyond its user's limit.
        places: where several nodes share the store: they enforce the limit per user, and a
            connection that is removed leaves its place.
        bus: follows each user for as long as they have a connection here.
        losses: gives the number of database connection losses, see `Store.losses`.
    """

    def __init__(
        self,
        metrics: Metrics,
        guard: DeliveryGuard,
        *,
        policy: Literal["reject", "evict_oldest"],
        max_connections: int,
        disconnect_grace_s: float,
        on_user_left: Callable[[str], None],
        refuse: Refuse = always,
        places: Places | None = None,
        bus: Bus | None = None,
        losses: Callable[[], int] = lambda: 0,
    ) -> None:
        self._metrics = metrics
        self._guard = guard
        self._policy = policy
        self._max_connections = max_connections
        self._disconnect_grace_s = disconnect_grace_s
        self._on_user_left = on_user_left
        self._refuse = refuse
        self._places = places
        self._losses = losses
        self._losses_seen = losses()
        self._bus = bus or LocalBus()
        self._by_user: dict[str, dict[LiveConnection, None]] = {}
        self._user_of: dict[LiveConnection, str] = {}  # as it was when the connection was added
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._user_of)

    def __iter__(self) -> Iterator[LiveConnection]:
        for connections in tuple(self._by_user.values()):
            yield from tuple(connections)

    def limit(self, *, policy: Literal["reject", "evict_oldest"], max_connections: int) -> None:
        """Change the limits; see the constructor's arguments of these names."""
        self._policy = policy
        self._max_connections = max_connections
        if self._places is not None:
            self._places.policy = policy

    @property
    def full(self) -> bool:
        """Whether the node accepts no further connection."""
        return len(self._user_of) >= self._max_connections

    def add(self, connection: LiveConnection, *, limit: int) -> None:
        """Register a connection; the caller must `remove` it on every path out.

        Args:
            connection: not yet added.
            limit: how many its user may have.

        Raises:
            ThreadcastError: `too_many_connections`, or `overloaded` when the node is full.
        """
        if self.full:
            raise ThreadcastError("overloaded")
        user_id = connection.context.user_id
        connections = self._by_user.get(user_id, {})
        if self._places is None and len(connections) >= limit:
            self._make_place(connections, limit)
        if not connections:
            self._bus.follow(user_id)  # before its head is read, so that events in between are seen
        self._by_user.setdefault(user_id, {})[connection] = None
        self._user_of[connection] = user_id
        leaving = self._leaving.pop(user_id, None)
        if leaving is not None:
            leaving.cancel()  # leaving again starts the whole grace again
        self._empty.clear()
        if connection.trace is not None:
            connection.trace.record(TrackedOperation.MANAGER_CREATION, connection.context)
        self._metrics.connections.set(len(self))

    @contextmanager
    def registered(self, connection: LiveConnection, *, limit: int) -> Iterator[None]:
        """`add` a connection for the duration of the block; what `add` raises is raised."""
        self.add(connection, limit=limit)
        try:
            yield
        finally:
            self.remove(connection)

    def _make_place(self, connections: dict[LiveConnection, None], limit: int) -> None:
        """Refuse one more connection of a user, or end the oldest, if the limit is enforced."""
        try:
            self._refuse(
                ThreadcastError("too_many_connections", f"at most {limit} connections at once")
            )
        except ThreadcastError:
            if self._policy == "reject" or limit < 1:
                raise
            oldest = next(iter(connections))
            self.remove(oldest)
            oldest.end("evicted")

    def remove(self, connection: LiveConnection) -> None:
        """Unregister a connection, whatever its context says by now; idempotent."""
        user_id = self._user_of.pop(connection, None)
        if connection.trace is not None:
            _record_cleanup(connection.trace, connection.context, found=user_id is not None)
        if user_id is None:
            return
        if self._places is not None:
            self._places.leave(connection.context)
        connections = self._by_user[user_id]
        del connections[connection]
        if not self._user_of:
            self._empty.set()
        self._metrics.connections.set(len(self))
        if not connections:
            del self._by_user[user_id]
            self._bus.unfollow(user_id)
            self._leaving[user_id] = asyncio.get_running_loop().call_later(
                self._disconnect_grace_s, self._tell_user_left, user_id
            )

    def connections_of(self, context: UserExecutionContext) -> list[LiveConnection]:
        """The context's user's connections, oldest first."""
        return list(self._by_user.get(context.user_id, ()))

    def standings(self, user_ids: Collection[str]) -> list[Standing]:
        """Journal positions of these users' connections on this node."""
        return [
            Standing(user_id, one.context.connection_id, one.position, one.live)
            for user_id in user_ids
            for one in self._by_user.get(user_id, ())
            if one.context.connection_id is not None
        ]

    def present(self, user_id: str) -> bool:
        """Whether this user has a connection here, or had one within the disconnect grace."""
        return user_id in self._by_user or user_id in self._leaving

    def force_close(self, context: UserExecutionContext, connection_id: str) -> bool:
        """End one connection of the context's user immediately; whether it was here.

        Logged. Whoever acts for an operator records it in the trail.
        """
        connection = self._find(context.user_id, connection_id)
        if connection is not None:
            _force(connection)
        return connection is not None

    def force_close_all(self, context: UserExecutionContext) -> int:
        """End all of the context's user's connections here, as `force_close`; how many."""
        connections = self.connections_of(context)
        for connection in connections:
            _force(connection)
        return len(connections)

    def _find(self, user_id: str, connection_id: str) -> LiveConnection | None:
        of_user = self._by_user.get(user_id, ())
        return next((one for one in of_user if one.context.connection_id == connection_id), None)

    def end_all(self, code: str, *, retry_after_ms: Callable[[], int]) -> None:
        """Begin to end every connection, each with its own `retry_after_ms`."""
        for connection in self:
            connection.end(code, retry_after_ms=retry_after_ms())

    async def emptied(self) -> None:
        """Wait until no connection is left."""
        await self._empty.wait()

    def receive(self, hint: Hint) -> None:
        """Take a hint from the bus."""
        if isinstance(hint, JournalGrew):
            self._doubt_after_a_loss()
            connections = self._by_user.get(hint.user_id)
            if connections is not None:
                self._deliver(tuple(connections), hint)
        elif isinstance(hint, JournalReached):
            self.notice(hint.user_id, hint.head)
        elif isinstance(hint, SessionsRevoked):
            for connection in tuple(self._by_user.get(hint.user_id, ())):
                connection.recheck()
        elif isinstance(hint, ConnectionUnwanted):
            self._end_unwanted(hint)

    def _end_unwanted(self, hint: ConnectionUnwanted) -> None:
        connection = self._find(hint.user_id, hint.connection_id)
        if connection is None:
            return
        if hint.code in ERRORS and hint.code != "forced_close":
            connection.end(hint.code)
        else:  # a code that is not known here is a newer node's
            _force(connection)

    def _deliver(self, connections: Sequence[LiveConnection], hint: JournalGrew) -> None:
        if hint.events[0].address.user_id != hint.user_id:  # a cursor could just ignore its seqs
            for connection in connections:
                if not self._guard.passes(connection.context, hint.events):
                    connection.end("internal")
            return
        written = sum([connection.offer(hint.events) for connection in connections])
        self._metrics.deliveries.inc(written)

    @property
    def user_count(self) -> int:
        """How many users have a connection here."""
        return len(self._by_user)

    def attached_users(self) -> Sequence[str]:
        """The ids of users who have a connection here."""
        return tuple(self._by_user)

    def notice(self, user_id: str, head: int) -> None:
        """Tell this user's connections their journal's head, as it was a moment ago."""
        self._doubt_after_a_loss()
        for connection in tuple(self._by_user.get(user_id, ())):
            connection.notice(head)

    def _doubt_after_a_loss(self) -> None:
        """Have every connection check its delivered events, once for each loss.

        Called after a successful read or write, so the database is back.
        """
        losses = self._losses()
        if self._losses_seen != losses:
            self._losses_seen = losses
            for connection in self:
                connection.doubt()

    def _tell_user_left(self, user_id: str) -> None:
        del self._leaving[user_id]
        self._on_user_left(user_id)


def _force(connection: LiveConnection) -> None:
    log.warning("connection %s is closed by force", connection.context.connection_id)
    connection.end("forced_close")


def _record_cleanup(trace: ConsistencyTrace, context: UserExecutionContext, *, found: bool) -> None:
    """Record the key that a lookup would use now, and what the lookup by identity found."""
    operation, key = TrackedOperation.CLEANUP_LOOKUP, context.isolation_key
    trace.record(operation, context, key=key, found=found)
