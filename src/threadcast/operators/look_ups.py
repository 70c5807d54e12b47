"""Operators' look-ups: a user's devices and runs, live runs, a run and its timeline.

Reads of a user use a session of that user. Only its node knows the journal position of a
connection: a look-up asks that node, and a later one has the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..context import UserExecutionContext
from ..delivery.journal import Journal
from ..delivery.websocket_manager import LiveConnection, WebSocketManager
from ..errors import ThreadcastError
from ..events import JournalEvent
from ..runs import ENDED, TERMINAL_STATUS, RunStatus
from ..store import Store
from ..store.operator_units import AskPositions
from ..store.records import ConnectionRow, JournalHead, RunFacts
from ..store.session import RequestScopedSessionFactory
from ..store.units import Outcome
from ..wire.look_up_models import Device, FoundRun, FoundUser, LiveRun, LiveRuns, RunLine, Timeline
from .timeline import agent_name, timeline_events

__all__ = ["LookUps"]

_ACTIVE_MAX = 100
_ENDED_MAX = 20
_PAGE_MAX_BYTES = 1_048_576


class LookUps:
    """Looks up users and runs.

    Args:
        node_id: this node's.
        store: finds runs of any user.
        sessions: read one user's rows.
        journal: commits the questions to other nodes.
        manager: knows the connections here.
    """

    def __init__(
        self,
        node_id: str,
        store: Store,
        sessions: RequestScopedSessionFactory,
        journal: Journal,
        manager: WebSocketManager,
    ) -> None:
        self._node_id = node_id
        self._store = store
        self._sessions = sessions
        self._journal = journal
        self._manager = manager

    async def user(self, context: UserExecutionContext, *, now: float) -> FoundUser:
        """A user's journal, devices and runs.

        Args:
            context: any of the user's.
            now: wall time, seconds since the epoch.

        Raises:
            ThreadcastError: `not_found`: no user of this id has a journal.
        """
        async with self._sessions.open(context) as session:
            head = await session.journal.head()
            if head.feed is None:
                raise ThreadcastError("not_found", "user: nobody of this id has a journal")
            counts = await session.runs.counts()
            active = await session.runs.list(live=True, limit=_ACTIVE_MAX)
            ended = await session.runs.list(live=False, limit=_ENDED_MAX)
            rows = await session.connections.list() if self._store.shared else []
        return FoundUser(
            user=context.user_id,
            feed=head.feed,
            head=head.head,
            trimmed=head.trimmed,
            threads=counts.threads,
            runs=counts.runs,
            signed_out_at=head.revoked_before or None,
            devices=self._devices(context, rows, head, now),
            active=[RunLine(**_line(one)) for one in active],
            ended=[RunLine(**_line(one)) for one in ended],
        )

    def _devices(
        self,
        context: UserExecutionContext,
        rows: Sequence[ConnectionRow],
        head: JournalHead,
        now: float,
    ) -> list[Device]:
        here = {one.context.connection_id: one for one in self._manager.connections_of(context)}
        elsewhere = [row for row in rows if row.connection_id not in here]
        if elsewhere:
            self._journal.submit(AskPositions(context), _ask_again)
        devices = [
            *(_device_here(self._node_id, one, head, now) for one in here.values()),
            *(_device_elsewhere(row, head) for row in elsewhere),
        ]
        return sorted(devices, key=lambda one: (one.opened_at, one.connection_id))

    async def live_runs(self, status: RunStatus | None, *, limit: int) -> LiveRuns:
        """Runs of this status, or all that have not ended, oldest first."""
        found = await self._store.live_runs(status, limit=limit)
        return LiveRuns(runs=[LiveRun(user=one.user_id, **_line(one)) for one in found])

    async def find(self, run_id: str) -> RunFacts | None:
        """A run of any user, or None."""
        return await self._store.find_run(run_id)

    async def facts(self, run_id: str) -> RunFacts:
        """A run of any user.

        Raises:
            ThreadcastError: `not_found`.
        """
        found = await self.find(run_id)
        if found is None:
            raise ThreadcastError("not_found", "run_id: there is no run of this id")
        return found

    async def run(self, run_id: str) -> FoundRun:
        """A run as an operator sees it.

        Raises:
            ThreadcastError: `not_found`.
        """
        found = await self.facts(run_id)
        async with self._sessions.open(_context_of(found)) as session:
            head = await session.journal.head()
        return FoundRun(
            user=found.user_id,
            run=RunLine(**_line(found)),
            message_seq=found.run.message_seq,
            fence=found.fence,
            lease_left_s=found.lease_left_s,
            cancel_reason=found.cancel_reason,
            on_crash=found.on_crash,
            on_disconnect=found.on_disconnect,
            handed_over=found.handed_over,
            head=head.head,
        )

    async def timeline(self, run_id: str, *, after: int, limit: int, content: bool) -> Timeline:
        """A part of a run's events.

        Args:
            run_id: of any user.
            after: a seq of its user's journal; 0 begins with its message.
            limit: the most events of its thread to read, >= 1.
            content: whether texts are shown.

        Raises:
            ThreadcastError: `not_found`.
        """
        found = await self.facts(run_id)
        after = max(after, found.run.message_seq - 1)
        async with self._sessions.open(_context_of(found)) as session:
            page = await session.journal.page(
                after, limit=limit, max_bytes=_PAGE_MAX_BYTES, thread_id=found.run.thread_id
            )
        of_run = [event for event in page.events if event.address.run_id == run_id]
        over = page.at_head or _has_ended(of_run)
        return Timeline(
            run_id=run_id,
            seq=page.head.head,
            content=content,
            events=timeline_events(of_run, content=content),
            next=None if over else page.upto,
            ended=over and found.run.status in ENDED,
        )


def _has_ended(events: Sequence[JournalEvent]) -> bool:
    return any(event.event_type in TERMINAL_STATUS for event in events)


def _context_of(found: RunFacts) -> UserExecutionContext:
    run = found.run
    return UserExecutionContext.for_run(found.user_id, run.thread_id, run.run_id, operation="ops")


def _line(found: RunFacts) -> dict[str, Any]:
    run = found.run
    return {
        "run_id": run.run_id,
        "thread_id": run.thread_id,
        "agent": agent_name(run.agent),
        "status": run.status,
        "attempt": run.attempt,
        "owner": found.owner,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    }


def _device_here(node_id: str, live: LiveConnection, head: JournalHead, now: float) -> Device:
    return Device(
        connection_id=live.context.connection_id or "",
        node_id=node_id,
        kind=live.kind,
        opened_at=live.opened_at,
        agent=live.agent,
        cursor=live.position,
        lag_events=max(head.head - live.position, 0),
        live=live.live,
        said_at=now,
    )


def _device_elsewhere(row: ConnectionRow, head: JournalHead) -> Device:
    return Device(
        connection_id=row.connection_id,
        node_id=row.node_id,
        kind=row.kind,
        opened_at=row.opened_at,
        agent=row.agent,
        cursor=row.cursor,
        lag_events=None if row.cursor is None else max(head.head - row.cursor, 0),
        live=row.live,
        said_at=row.said_at,
    )


def _ask_again(_: Outcome) -> None:
    """Ignores the outcome: every look-up asks again."""
