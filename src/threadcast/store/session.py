"""Request-scoped reads of the store: one context, one task, closed on every path.

Ids are checked before any query, so that a wrong id gets an error of its own instead of "not
found". Nothing here takes a user id: a session reads what belongs to its context's user. This
module may not know which store it is, nor HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from ..agent import SearchHit
from ..context import UserExecutionContext
from ..errors import ThreadcastError
from ..ids import id_problem
from ..ids.legacy import is_plain, legacy_kind
from ..settings import CheckMode
from . import Store, StoreSession
from .records import (
    ConnectionRow,
    InputRow,
    JournalHead,
    JournalPage,
    MessageRow,
    RunFacts,
    RunRow,
    ThreadRow,
    UserCounts,
)

__all__ = [
    "ConnectionRepository",
    "Entrance",
    "JournalRepository",
    "MessageRepository",
    "RequestScopedSession",
    "RequestScopedSessionFactory",
    "RunRepository",
    "ThreadRepository",
]

LookupFailed = Callable[[str], None]
Entrance = Literal["http", "websocket", "sse", "ingest", "library"]
AliasUsed = Callable[[UserExecutionContext, str, Entrance], None]

log = logging.getLogger(__name__)


class RequestScopedSessionFactory:
    """Opens sessions on a store.

    Args:
        store: is read.
        id_validation: `enforce` refuses an invalid id before any query; `warn` logs it and queries;
            `off` only queries.
        on_lookup_failed: called with the error code of every failed thread lookup, to count them;
            must not raise.
        on_alias_used: called with the context, the legacy id and the entrance whenever a legacy id
            resolves to a thread; must not raise.
    """

    def __init__(
        self,
        store: Store,
        *,
        id_validation: CheckMode = "enforce",
        on_lookup_failed: LookupFailed | None = None,
        on_alias_used: AliasUsed | None = None,
    ) -> None:
        self._store = store
        self.id_validation: CheckMode = id_validation
        self._on_lookup_failed = on_lookup_failed
        self._on_alias_used = on_alias_used

    @asynccontextmanager
    async def open(
        self, context: UserExecutionContext, *, entrance: Entrance = "library"
    ) -> AsyncIterator[RequestScopedSession]:
        """A session for this context and this task only, closed on leaving the block.

        Nothing is acquired before the first read. All reads see one snapshot, so keep it short.

        Args:
            context: whose rows are read.
            entrance: where the ids came in, for `on_alias_used`.
        """
        guard = _Guard(self._store.session(context))
        check = _IdCheck(self.id_validation, plain_too=self._store.has_plain_aliases)
        lookups = _Lookups(context, entrance, self._on_lookup_failed, self._on_alias_used)
        try:
            yield RequestScopedSession(context, guard, check, lookups)
        finally:
            await guard.close()


class _Guard:
    """Hands out the store's session while it is open, and to the task that opened it only."""

    def __init__(self, session: StoreSession) -> None:
        self._session = session
        self._task = asyncio.current_task()
        self._closed = False

    def use(self) -> StoreSession:
        """The store's session.

        Raises:
            RuntimeError: it is closed, or this is another task: a bug of the caller.
        """
        if self._closed:
            raise RuntimeError("this session is closed; open one per request with `open(context)`")
        task = asyncio.current_task()
        if task is not self._task:
            raise RuntimeError(
                f"this session belongs to task {_name(self._task)}, task {_name(task)} used it;"
                " open one per task with `open(context)`"
            )
        return self._session

    async def close(self) -> None:
        self._closed = True
        await self._session.close()


def _name(task: asyncio.Task[Any] | None) -> str:
    return "(none)" if task is None else repr(task.get_name())


class _Lookups:
    """Reports the outcomes of one session's thread lookups."""

    def __init__(
        self,
        context: UserExecutionContext,
        entrance: Entrance,
        on_failed: LookupFailed | None,
        on_alias_used: AliasUsed | None,
    ) -> None:
        self._context = context
        self._entrance: Entrance = entrance
        self._on_failed = on_failed
        self._on_alias_used = on_alias_used

    def found(self, named: str, thread: ThreadRow) -> None:
        """A thread was found; if its id differs from `named`, a legacy id was used."""
        if named != thread.thread_id and self._on_alias_used is not None:
            self._on_alias_used(self._context, named, self._entrance)

    def failed(self, error: ThreadcastError) -> None:
        """A lookup failed."""
        codes = ("bad_id", "legacy_id", "not_found")
        if error.code in codes and self._on_failed is not None:
            self._on_failed(error.code)


class RequestScopedSession:
    """The repositories of one context; see `RequestScopedSessionFactory.open`.

    Attributes:
        context: whose rows these are.
        threads, runs, messages, journal, connections: what can be read.
    """

    def __init__(
        self,
        context: UserExecutionContext,
        guard: _Guard,
        check: _IdCheck,
        lookups: _Lookups,
    ) -> None:
        self.context = context
        self.threads = ThreadRepository(guard, check, lookups)
        self.runs = RunRepository(guard, check)
        self.messages = MessageRepository(guard, check)
        self.journal = JournalRepository(guard, check)
        self.connections = ConnectionRepository(guard)


class _IdCheck:
    """Checks ids, as strictly as `id_validation` says; see `ids.legacy` for the rules."""

    def __init__(self, mode: CheckMode, *, plain_too: bool) -> None:
        self._mode = mode
        self._plain_too = plain_too

    def refuse(self, text: str, kind: str) -> None:
        """Refuse an invalid id of this kind.

        Raises:
            ThreadcastError: `bad_id`.
        """
        problem = None if self._mode == "off" else id_problem(text, kind)
        if problem is None:
            return
        if self._mode == "enforce":
            raise ThreadcastError("bad_id", problem)
        log.warning("an id would be refused: %s", problem)

    def refuse_thread(self, text: str) -> None:
        """Refuse what can be neither the id of a thread nor an older one.

        Raises:
            ThreadcastError: `bad_id`.
        """
        if legacy_kind(text) is None and not (self._plain_too and is_plain(text)):
            self.refuse(text, "thread")

    def not_found(self, text: str) -> ThreadcastError:
        """The error when the user has no thread of this (well-formed) id."""
        if kind := legacy_kind(text):
            return ThreadcastError(
                "legacy_id",
                f"a legacy id ({kind}): it is no alias of a thread of this user;"
                " migrate the thread first (threadcast migrate-ids)",
            )
        problem = id_problem(text, "thread") if self._mode == "enforce" else None
        return ThreadcastError("not_found" if problem is None else "bad_id", problem)


class ThreadRepository:
    """The user's threads."""

    def __init__(self, guard: _Guard, check: _IdCheck, lookups: _Lookups) -> None:
        self._guard = guard
        self._check = check
        self._lookups = lookups

    async def get_by_id(self, thread_id: str) -> ThreadRow:
        """The thread of this id, or of this legacy id if it is an alias of the user's.

        Raises:
            ThreadcastError: `bad_id`: not a thread id, found before any query; `legacy_id`: from an
                older system and not migrated; `not_found`: the user has no such thread, whether or
                not another user has.
        """
        session = self._guard.use()
        try:
            self._check.refuse_thread(thread_id)
            thread = await session.thread(thread_id)
            if thread is None:
                raise self._check.not_found(thread_id)
        except ThreadcastError as error:
            self._lookups.failed(error)
            raise
        self._lookups.found(thread_id, thread)
        return thread

    async def get_by_run_id(self, run_id: str) -> ThreadRow:
        """The thread of a run, read from the run's row, not derived from its id.

        Raises:
            ThreadcastError: `bad_id` or `not_found`, as in `get_by_id`.
        """
        session = self._guard.use()
        try:
            self._check.refuse(run_id, "run")
            run = await session.run(run_id)
            thread = None if run is None else await session.thread(run.thread_id)
            if thread is None:
                raise ThreadcastError("not_found")
        except ThreadcastError as error:
            self._lookups.failed(error)
            raise
        return thread

    async def list(self, *, limit: int, before: int | None = None) -> Sequence[ThreadRow]:
        """The last threads by `last_seq`, latest first.

        Args:
            limit: at most so many, >= 1.
            before: only threads with a `last_seq` below this.
        """
        return await self._guard.use().threads(limit=limit, before=before)


class RunRepository:
    """The user's runs."""

    def __init__(self, guard: _Guard, check: _IdCheck) -> None:
        self._guard = guard
        self._check = check

    async def get_by_id(self, run_id: str) -> RunRow:
        """One run.

        Raises:
            ThreadcastError: `bad_id`, before any query; `not_found`.
        """
        session = self._guard.use()
        self._check.refuse(run_id, "run")
        run = await session.run(run_id)
        if run is None:
            raise ThreadcastError("not_found")
        return run

    async def inputs(self, run_id: str) -> Sequence[InputRow]:
        """A run's questions, in the order of asking; none when there is no such run.

        Raises:
            ThreadcastError: `bad_id`, before any query.
        """
        session = self._guard.use()
        self._check.refuse(run_id, "run")
        return await session.inputs(run_id)

    async def list(self, *, live: bool, limit: int) -> Sequence[RunFacts]:
        """The user's runs, as operators see them.

        Args:
            live: those that have not ended, oldest first; else those that have, latest first.
            limit: at most so many, >= 1.
        """
        return await self._guard.use().runs(live=live, limit=limit)

    async def counts(self) -> UserCounts:
        """How many threads and runs the user has."""
        return await self._guard.use().counts()


class MessageRepository:
    """The user's messages and the agents' answers."""

    def __init__(self, guard: _Guard, check: _IdCheck) -> None:
        self._guard = guard
        self._check = check

    async def list(
        self, thread_id: str, *, limit: int, before: int | None = None
    ) -> Sequence[MessageRow]:
        """A thread's last messages and answers, oldest first; empty if there is no such thread.

        Args:
            thread_id: of the context, or of a row from `ThreadRepository`.
            limit: at most so many, >= 1.
            before: only those with a seq below this.

        Raises:
            ThreadcastError: `bad_id`, before any query.
        """
        session = self._guard.use()
        self._check.refuse(thread_id, "thread")
        return await session.messages(thread_id, limit=limit, before=before)

    async def search(self, text: str, *, limit: int) -> Sequence[SearchHit]:
        """The user's own messages that hold all words of `text`, taken literally, latest first."""
        return await self._guard.use().search(text, limit=limit)


class JournalRepository:
    """The user's journal."""

    def __init__(self, guard: _Guard, check: _IdCheck) -> None:
        self._guard = guard
        self._check = check

    async def head(self, token_id: str | None = None) -> JournalHead:
        """The journal at this session's snapshot.

        Args:
            token_id: of a token of the user (`jti`); `token_revoked` then says what became of it.
        """
        return await self._guard.use().journal(token_id)

    async def page(
        self, after: int, *, limit: int, max_bytes: int, thread_id: str | None = None
    ) -> JournalPage:
        """Events with a seq above `after`, in order, and the journal that they are of.

        Args:
            after: a seq, >= 0.
            limit: at most so many, >= 1.
            max_bytes: stop at about this many bytes of data; one event is returned in any case.
            thread_id: only those of this thread; no events if there is no such thread.

        Raises:
            ThreadcastError: `bad_id`, before any query.
        """
        session = self._guard.use()
        if thread_id is not None:
            self._check.refuse(thread_id, "thread")
        return await session.page(after, limit=limit, max_bytes=max_bytes, thread_id=thread_id)

    async def timestamp(self, seq: int) -> bytes | None:
        """The timestamp of the event at `seq`, as in its envelope, or None if it is gone."""
        return await self._guard.use().timestamp(seq)


class ConnectionRepository:
    """The user's connections, where nodes take places for them (`Store.shared`)."""

    def __init__(self, guard: _Guard) -> None:
        self._guard = guard

    async def list(self) -> Sequence[ConnectionRow]:
        """The user's connections on all nodes, oldest first."""
        return await self._guard.use().connections()
