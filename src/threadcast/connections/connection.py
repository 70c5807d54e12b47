"""One authenticated WebSocket: its state, its cursor, its timers, and how it ends.

It writes only through its outbound, which never waits, and only when its state machine allows it.
It knows nothing of ASGI: its owner hands in the client's messages and a function that closes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from ..auth.authenticator import Authenticator
from ..auth.identity import Identity
from ..auth.sign_in import unrevoked_head
from ..check_modes import Refuse, always
from ..clock import Clock
from ..consistency.kinds import TrackedOperation
from ..consistency.recording import ConsistencyRecording
from ..context import UserExecutionContext
from ..delivery.arrivals import Arrivals
from ..delivery.catch_ups import CatchUps
from ..delivery.cursor import Cursor
from ..delivery.journal import Journal
from ..delivery.lulls import Lulls
from ..delivery.outbound import Outbound
from ..delivery.places import Places
from ..delivery.resume import Position, ResumePoint
from ..errors import ERRORS, ThreadcastError
from ..events import ConnectionEventType, JournalEvent, connection_event, timestamp_text
from ..ids import UnifiedIdGenerator
from ..intake import Intake
from ..metrics import Metrics
from ..settings import Settings
from ..store.records import JournalHead
from ..store.session import RequestScopedSessionFactory
from ..store.units import OpenJournal
from ..tasks import OwnedTasks
from ..tracing import Tracing
from ..wire.connection_data import (
    Attached,
    CaughtUp,
    ConnectionClosing,
    ConnectionReady,
    Limits,
    Server,
)
from .state import AsyncConnectionStateManager, ConnectionState

_TIMER_MAX_S = 86_400.0

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class ConnectionServices:
    """What every connection of a node shares; `settings` may be replaced while it runs.

    `places` is set where several nodes share the store.
    """

    settings: Settings
    clock: Clock
    metrics: Metrics
    authenticator: Authenticator
    sessions: RequestScopedSessionFactory
    journal: Journal
    intake: Intake
    arrivals: Arrivals
    catch_ups: CatchUps
    lulls: Lulls
    tasks: OwnedTasks
    server: Server
    draining: Callable[[], bool]
    consistency: ConsistencyRecording
    places: Places | None = None
    refuse_rate: Refuse = always
    tracing: Tracing = field(default_factory=Tracing)


class Connection:
    """One live WebSocket of one user; implements `LiveConnection`.

    Args:
        services: what is shared.
        identity: its user; can be renewed for the same user only.
        state: the machine that has reached `authenticating`.
        outbound: where it writes.
        close: begins the closing handshake with a code and a fixed reason.
        request_id: of the request that opened it; None for a fresh one.
        agent: how its client names itself, for operators.
    """

    kind: Literal["websocket", "sse"] = "websocket"

    __slots__ = (
        "_close", "_cursor", "_expiry", "_id", "_room", "_stall", "agent", "context", "identity",
        "opened_at", "outbound", "services", "state", "trace",
    )  # fmt: skip

    def __init__(
        self,
        services: ConnectionServices,
        identity: Identity,
        state: AsyncConnectionStateManager,
        outbound: Outbound,
        close: Callable[[int, str], None],
        *,
        request_id: str | None = None,
        agent: str | None = None,
    ) -> None:
        self.agent = agent
        self.services = services
        self.identity = identity
        self.state = state
        self.outbound = outbound
        self._close = close
        self.opened_at = services.clock.now()
        self._id = UnifiedIdGenerator.generate_base_id("ws_conn")
        self.context = UserExecutionContext.create(
            identity.user_id, "connect", connection_id=self._id, request_id=request_id
        )
        tracker = services.consistency.active
        self.trace = None if tracker is None else tracker.begun(self.context)
        self._cursor = Cursor(
            self.context,
            outbound,
            services.catch_ups,
            on_live=self._became_live,
            on_behind=self._fell_behind,
            on_foreign=self._stop_foreign,
            on_reset=self._was_reset,
        )
        outbound.on_drain = self._drained
        self._room: asyncio.Future[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    @property
    def position(self) -> int:
        """The last seq that it was given."""
        return self._cursor.position

    @property
    def live(self) -> bool:
        """Whether it is pushed to; else it catches up, or has not begun to."""
        return self._cursor.live

    async def open(self) -> None:
        """Check that the credential is not revoked, take a place, and greet the client.

        Must be called after the manager has added the connection, so that no event is missed.

        Raises:
            ThreadcastError: `revoked`, `too_many_connections`, or the store cannot be used.
        """
        head = await self._let_in()
        if self.state.ended:
            return  # evicted, closed or drained during the query
        if self.trace is not None:
            key = self.context.isolation_key
            self.trace.record(TrackedOperation.ISOLATION_KEY, self.context, key=key)
        self._cursor.know(head)
        self.state.move(ConnectionState.ATTACHING)
        self.say(ConnectionEventType.CONNECTION_READY, self._greeting(head))
        self._watch_expiry()
        self._watch_stall()

    async def attach(self, wanted: Position) -> Attached:
        """Move the cursor; returns what `attached` says. The caller then calls `flow`.

        Raises:
            ThreadcastError: the store cannot be read now; nothing has changed.
        """
        attached = await self._resumed(wanted)
        if self.state.state is ConnectionState.LIVE:
            self.state.move(ConnectionState.ATTACHING)
        return _attached(attached, wanted.thread_id)

    async def _resumed(self, wanted: Position) -> ResumePoint:
        try:
            point = await self._cursor.attach(wanted)
        except ThreadcastError as error:
            if error.is_failure:  # a client that is told to retry is no failure
                self._count_resume(wanted, "failed")
            raise
        self._count_resume(wanted, point.reason or "continued")
        return point

    def _count_resume(self, wanted: Position, outcome: str) -> None:
        if wanted.after is not None:
            self.services.metrics.resumes.labels(outcome).inc()

    def flow(self) -> None:
        """Start delivery from the cursor on."""
        if self.state.may_deliver:
            self._cursor.start()

    async def renew(self, identity: Identity) -> None:
        """Take a later credential of the same user.

        Raises:
            ThreadcastError: `revoked`, or the store cannot be read; the present one stays in force.
        """
        await self._refuse_revoked(identity)
        self.identity = identity
        if self.services.places is not None:
            self.services.places.renewed(self.context, identity)
        self._watch_expiry()
        self.recheck()  # a revocation during the query checked the previous credential

    def offer(self, events: Sequence[JournalEvent]) -> int:
        """Take committed events of its user; returns how many were written."""
        return self._cursor.offer(events)

    def notice(self, head: int) -> None:
        """Take its journal's head as a poll saw it."""
        self._cursor.notice(head)

    def doubt(self) -> None:
        """Another database may stand in the place of the one that its events came from."""
        self._cursor.doubt()

    def recheck(self) -> None:
        """Check whether its own credential was revoked."""
        if not self.state.ended:
            self.services.tasks.start(self._recheck())

    def say_attached(self, data: Attached) -> None:
        """Tell the client where its cursor is."""
        self.say(ConnectionEventType.ATTACHED, data)

    def say(self, event_type: ConnectionEventType, data: msgspec.Struct) -> None:
        """Send a connection event, if the state allows."""
        if self.state.may_answer:
            now, user_id = self.services.clock.now(), self.identity.user_id
            event = connection_event(event_type, now=now, user_id=user_id, data=data)
            self.outbound.say(event_type, event)

    def end(self, code: str, *, retry_after_ms: int | None = None) -> None:
        """Announce the end and close, with what the table says of `code`; idempotent."""
        if self.state.ended:
            return
        kind = ERRORS[code]
        self.services.metrics.refusals.labels(code).inc()
        data = closing_data(code, retry_after_ms, self.context.request_id)
        self.say(ConnectionEventType.CONNECTION_CLOSING, data)
        self.state.move(ConnectionState.DRAINING)
        self._cursor.stop()
        self._make_room()
        self._close(kind.close_code, kind.text)

    def release(self) -> None:
        """End the cursor and the timers; idempotent. The owner calls it on every path out."""
        self._cursor.end()
        self.outbound.on_drain = None
        for timer in (self._expiry, self._stall):
            if timer is not None:
                timer.cancel()

    async def room(self) -> None:
        """Wait until the client has read enough: answers are bounded like events."""
        while self.outbound.congested and not self.state.ended:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def _drained(self) -> None:
        self._make_room()
        self._cursor.drained()

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def _let_in(self) -> JournalHead:
        """On a shared store, taking a place there is what admits the connection."""
        services = self.services
        if services.places is None:
            async with services.catch_ups.session(self.context) as session:
                head = await unrevoked_head(session, self.identity)
            return await self._with_journal(head)
        return await services.places.take(
            self.context,
            self.identity,
            kind=self.kind,
            opened_at=self.opened_at,
            limit=services.intake.connection_limit(self.identity),
            agent=self.agent,
        )

    async def _with_journal(self, head: JournalHead) -> JournalHead:
        """The head of the user's journal, which is created at their first connect.

        Cursors can only be judged by a feed id, so a client on a socket never sees a journal
        without one.
        """
        if head.feed is None:
            return await self.services.journal.append(OpenJournal(self.context))
        return head

    async def _refuse_revoked(self, identity: Identity) -> None:
        async with self.services.sessions.open(self.context) as session:
            await unrevoked_head(session, identity)

    async def _recheck(self) -> None:
        try:
            await self._refuse_revoked(self.identity)
        except ThreadcastError as error:
            self.end(error.code)

    def _greeting(self, head: JournalHead) -> ConnectionReady:
        settings = self.services.settings
        limits = Limits(
            message_max_bytes=settings.message_max_bytes,
            commands_per_s=settings.commands_per_s,
            commands_burst=settings.commands_burst,
            commands_in_flight_max=settings.commands_in_flight_max,
            max_connections=self.services.intake.connection_limit(self.identity),
        )
        return ConnectionReady(
            connection_id=self._id,
            feed=head.feed,
            head=head.head,
            heartbeat_s=settings.heartbeat_s,
            expires_at=self.identity.expires_at,
            limits=limits,
            server=self.services.server,
        )

    def _became_live(self, seq: int) -> None:
        if self.state.state is ConnectionState.ATTACHING:
            self.state.move(ConnectionState.LIVE)
            self.say(ConnectionEventType.CAUGHT_UP, CaughtUp(seq))

    def _fell_behind(self) -> None:
        if self.state.state is ConnectionState.LIVE:
            self.state.move(ConnectionState.ATTACHING)

    def _was_reset(self, point: ResumePoint) -> None:
        """The delivered events are gone from the journal: the database was replaced."""
        log.warning("a live cursor was reset at %d: %s", point.after, point.reason)
        self.services.metrics.resumes.labels(point.reason).inc()
        self.say_attached(_attached(point, self._cursor.thread_id))

    def _stop_foreign(self) -> None:
        self.end("internal")

    def _watch_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        settings = self.services.settings
        ends_in_s = self.identity.expires_at + settings.jwt_leeway_s - self.services.clock.now()
        if ends_in_s <= 0:
            self.end("token_expired")
            return
        self._expiry = asyncio.get_running_loop().call_later(
            min(ends_in_s, _TIMER_MAX_S), self._watch_expiry
        )

    def _watch_stall(self, stalled_since: float | None = None) -> None:
        """End a reader that has been congested for a whole `stall_max_s`."""
        stall_max_s = self.services.settings.stall_max_s
        now = self.services.clock.monotonic()
        since = (stalled_since or now) if self.outbound.congested else None
        if since is not None and now - since >= stall_max_s:
            self.end("stalled")
            return
        self._stall = asyncio.get_running_loop().call_later(
            min(10.0, stall_max_s / 4), self._watch_stall, since
        )


def _attached(point: ResumePoint, thread_id: str | None) -> Attached:
    return Attached(
        after=point.after,
        head=point.head,
        reset=point.reset,
        feed=point.feed,
        reason=point.reason,
        thread_id=thread_id,
    )


def position_of(
    *, after: int | None, feed: str | None, at: float | None, thread_id: str | None
) -> Position:
    """The cursor position that an `attach` names; `at` is in seconds since the epoch."""
    stamp = None if at is None else timestamp_text(round(at * 1_000_000))
    return Position(after=after, feed=feed, at=stamp, thread_id=thread_id)


def closing_data(
    code: str, retry_after_ms: int | None, request_id: str, reason: str | None = None
) -> ConnectionClosing:
    """What `connection_closing` says for an error code; the table's text is the usual reason."""
    kind = ERRORS[code]
    return ConnectionClosing(
        code=kind.close_code,
        reason=reason or kind.text,
        error=code,
        reconnect=kind.retryable,
        retry_after_ms=retry_after_ms,
        request_id=request_id,
    )
