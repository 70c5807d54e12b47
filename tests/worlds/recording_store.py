"""A wrapper around a real store that records every call for a user.

A node's background work (claims, sweeps, head polls) is for no user and not recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from threadcast.agent import SearchHit
from threadcast.context import UserExecutionContext
from threadcast.events import Address
from threadcast.runs import RunStatus
from threadcast.store import Store, StoreSession
from threadcast.store.records import (
    ActionRow,
    AliasFacts,
    ConnectionRow,
    InputRow,
    JournalHead,
    JournalPage,
    LiveRunCount,
    MessageRow,
    NodeNotices,
    NodeRow,
    RunFacts,
    RunRow,
    ThreadRow,
    UserCounts,
)
from threadcast.store.units import AppendToRun, Lease, Outcome, Unit


class Statement(NamedTuple):
    """One call of the store.

    Attributes:
        place: its user, thread and run.
        name: of the session's method, or of the unit to commit.
        arguments: of the method, or only the unit.
    """

    place: UserExecutionContext | Address
    name: str
    arguments: tuple[Any, ...]


class RecordingStore:
    """A store that passes calls on and records them in `statements`, in order."""

    def __init__(self, store: Store) -> None:
        self.statements: list[Statement] = []
        self._store = store

    def of(self, user_id: str) -> list[Statement]:
        """The calls for one user."""
        return [one for one in tuple(self.statements) if one.place.user_id == user_id]

    async def open(self) -> None:
        await self._store.open()

    async def close(self) -> None:
        await self._store.close()

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        for unit in units:
            if (place := _place_of(unit)) is not None:
                self.statements.append(Statement(place, type(unit).__name__, (unit,)))
        return await self._store.commit(units, now=now)

    def session(self, context: UserExecutionContext) -> StoreSession:
        return _RecordingSession(self._store.session(context), context, self.statements)

    async def heads(self, user_ids: Collection[str]) -> dict[str, int]:
        return await self._store.heads(user_ids)

    async def notices(self, node_id: str, *, within_s: float) -> NodeNotices:
        return await self._store.notices(node_id, within_s=within_s)

    async def abandoned(self, *, limit: int, among: Sequence[str] | None = None) -> list[str]:
        return await self._store.abandoned(limit=limit, among=among)

    async def nodes(self) -> list[NodeRow]:
        return await self._store.nodes()

    async def find_run(self, run_id: str) -> RunFacts | None:
        return await self._store.find_run(run_id)

    async def live_runs(self, status: RunStatus | None, *, limit: int) -> list[RunFacts]:
        return await self._store.live_runs(status, limit=limit)

    async def count_live_runs(self) -> list[LiveRunCount]:
        return await self._store.count_live_runs()

    async def count_connected_users(self) -> int | None:
        return await self._store.count_connected_users()

    async def actions(self, *, limit: int, before: int | None) -> list[ActionRow]:
        return await self._store.actions(limit=limit, before=before)

    async def run_notices(self, owner: str, waiting: Sequence[Lease]) -> list[str]:
        return await self._store.run_notices(owner, waiting)

    async def facts(self) -> dict[str, str]:
        return await self._store.facts()

    async def alias_facts(self, *, now: float) -> AliasFacts:
        return await self._store.alias_facts(now=now)

    @property
    def shared(self) -> bool:
        return self._store.shared

    @property
    def has_plain_aliases(self) -> bool:
        return self._store.has_plain_aliases

    @property
    def losses(self) -> int:
        return self._store.losses

    @property
    def healthy(self) -> bool:
        return self._store.healthy


def _place_of(unit: Unit[Any]) -> UserExecutionContext | Address | None:
    if isinstance(unit, AppendToRun):
        return unit.lease.address
    place: UserExecutionContext | None = getattr(unit, "context", None)
    return place


class _RecordingSession:
    """A session that records reads before making them."""

    def __init__(
        self, session: StoreSession, context: UserExecutionContext, statements: list[Statement]
    ) -> None:
        self._session = session
        self._context = context
        self._statements = statements

    def _note(self, name: str, *arguments: Any) -> None:
        self._statements.append(Statement(self._context, name, arguments))

    async def journal(self, token_id: str | None = None) -> JournalHead:
        self._note("journal", token_id)
        return await self._session.journal(token_id)

    async def page(
        self, after: int, *, limit: int, max_bytes: int, thread_id: str | None = None
    ) -> JournalPage:
        self._note("page", after, thread_id)
        return await self._session.page(
            after, limit=limit, max_bytes=max_bytes, thread_id=thread_id
        )

    async def timestamp(self, seq: int) -> bytes | None:
        self._note("timestamp", seq)
        return await self._session.timestamp(seq)

    async def thread(self, thread_id: str) -> ThreadRow | None:
        self._note("thread", thread_id)
        return await self._session.thread(thread_id)

    async def threads(self, *, limit: int, before: int | None) -> list[ThreadRow]:
        self._note("threads", before)
        return await self._session.threads(limit=limit, before=before)

    async def messages(self, thread_id: str, *, limit: int, before: int | None) -> list[MessageRow]:
        self._note("messages", thread_id)
        return await self._session.messages(thread_id, limit=limit, before=before)

    async def run(self, run_id: str) -> RunRow | None:
        self._note("run", run_id)
        return await self._session.run(run_id)

    async def inputs(self, run_id: str) -> list[InputRow]:
        self._note("inputs", run_id)
        return await self._session.inputs(run_id)

    async def search(self, text: str, *, limit: int) -> list[SearchHit]:
        self._note("search", text)
        return await self._session.search(text, limit=limit)

    async def connections(self) -> list[ConnectionRow]:
        self._note("connections")
        return await self._session.connections()

    async def runs(self, *, live: bool, limit: int) -> list[RunFacts]:
        self._note("runs", live)
        return await self._session.runs(live=live, limit=limit)

    async def counts(self) -> UserCounts:
        self._note("counts")
        return await self._session.counts()

    async def close(self) -> None:
        await self._session.close()
