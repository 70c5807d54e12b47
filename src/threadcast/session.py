"""One request's reads of the store: made for one context, used by one task, closed on every path.

Ids are checked here before any query, so that a wrong id has a name instead of being "not found".
Nothing here takes a user id: a session reads what belongs to its context's user. This module may
not know which store it is, nor HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from .agent import SearchHit
from .context import UserExecutionContext
from .errors import ThreadcastError
from .events import JournalEvent
from .ids import id_problem
from .legacy_ids import legacy_kind
from .records import InputRow, JournalHead, MessageRow, RunRow, ThreadRow
from .settings import CheckMode
from .store import Store, StoreSession

__all__ = [
    "JournalRepository",
    "MessageRepository",
    "RequestScopedSession",
    "RequestScopedSessionFactory",
    "RunRepository",
    "ThreadRepository",
]

LookupFailed = Callable[[str], None]

log = logging.getLogger(__name__)


class RequestScopedSessionFactory:
    """Opens sessions on a store.

    Args:
        store: is read.
        id_validation: `enforce` refuses what is no id before any query; `warn` logs it and asks
            the store; `off` asks the store.
        on_lookup_failed: is called with the error code of every thread lookup that fails, so that
            they can be counted; must not raise.
    """

    def __init__(
        self,
        store: Store,
        *,
        id_validation: CheckMode = "enforce",
        on_lookup_failed: LookupFailed | None = None,
    ) -> None:
        self._store = store
        self.id_validation: CheckMode = id_validation
        self._on_lookup_failed = on_lookup_failed

    @asynccontextmanager
    async def open(self, context: UserExecutionContext) -> AsyncIterator[RequestScopedSession]:
        """A session for this context, to be used by this task only, closed on leaving the block.

        Nothing is acquired before the first read. All reads see one snapshot, so keep it short.
        """
        guard = _Guard(self._store.session(context))
        try:
            yield RequestScopedSession(
                context, guard, self.id_validation, self._on_lookup_failed or _ignore
            )
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


def _ignore(_: str) -> None:
    """Nobody counts."""


class RequestScopedSession:
    """The repositories of one context; see `RequestScopedSessionFactory.open`.

    Attributes:
        context: whose rows these are.
        threads, runs, messages, journal: what can be read.
    """

    def __init__(
        self,
        context: UserExecutionContext,
        guard: _Guard,
        id_validation: CheckMode,
        on_lookup_failed: LookupFailed,
    ) -> None:
        check = _IdCheck(id_validation)
        self.context = context
        self.threads = ThreadRepository(guard, check, on_lookup_failed)
        self.runs = RunRepository(guard, check)
        self.messages = MessageRepository(guard, check)
        self.journal = JournalRepository(guard, check)


class _IdCheck:
    """Says what is wrong with an id, as strictly as it is told."""

    def __init__(self, mode: CheckMode) -> None:
        self._mode = mode

    def refuse(self, text: str, kind: str) -> None:
        """Refuse what is no id of this kind.

        Raises:
            ThreadcastError: `bad_id`.
        """
        problem = None if self._mode == "off" else id_problem(text, kind)
        if problem is None:
            return
        if self._mode == "enforce":
            raise ThreadcastError("bad_id", problem)
        log.warning("an id would be refused: %s", problem)

    def refuse_thread(self, text: str) -> bool:
        """Refuse what is neither a thread id nor a legacy id; whether it is a legacy one.

        Raises:
            ThreadcastError: `bad_id`.
        """
        if legacy_kind(text) is not None:
            return True
        self.refuse(text, "thread")
        return False


class ThreadRepository:
    """The user's threads."""

    def __init__(self, guard: _Guard, check: _IdCheck, on_lookup_failed: LookupFailed) -> None:
        self._guard = guard
        self._check = check
        self._on_lookup_failed = on_lookup_failed

    async def get_by_id(self, thread_id: str) -> ThreadRow:
        """The thread of this id, or of this legacy id when it was migrated.

        Raises:
            ThreadcastError: `bad_id`, it is no thread id, found before any query; `legacy_id`, it
                comes from an older system and was not migrated; `not_found`, the user has no such
                thread, whoever else may have one.
        """
        session = self._guard.use()
        try:
            is_legacy = self._check.refuse_thread(thread_id)
            thread = await session.thread(thread_id)
            if thread is None:
                raise _legacy_id(thread_id) if is_legacy else ThreadcastError("not_found")
        except ThreadcastError as error:
            self._count(error)
            raise
        return thread

    async def get_by_run_id(self, run_id: str) -> ThreadRow:
        """The thread of a run, by the run's row and not by the look of its id.

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
            self._count(error)
            raise
        return thread

    async def list(self, *, limit: int, before: int | None = None) -> Sequence[ThreadRow]:
        """The last threads by `last_seq`, latest first.

        Args:
            limit: at most so many, >= 1.
            before: only threads with a `last_seq` below this.
        """
        return await self._guard.use().threads(limit=limit, before=before)

    def _count(self, error: ThreadcastError) -> None:
        if error.code in ("bad_id", "legacy_id", "not_found"):
            self._on_lookup_failed(error.code)


def _legacy_id(thread_id: str) -> ThreadcastError:
    kind = legacy_kind(thread_id)
    return ThreadcastError(
        "legacy_id",
        f"a legacy id ({kind}): ids of older systems are not accepted here;"
        " migrate the thread first",
    )


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


class MessageRepository:
    """The user's messages and the agents' answers."""

    def __init__(self, guard: _Guard, check: _IdCheck) -> None:
        self._guard = guard
        self._check = check

    async def list(
        self, thread_id: str, *, limit: int, before: int | None = None
    ) -> Sequence[MessageRow]:
        """The last messages and answers of a thread, oldest first; none when it is not there.

        Args:
            thread_id: of the context, or of a row that `ThreadRepository` gave.
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

    async def head(self) -> JournalHead:
        """The journal at this session's snapshot."""
        return await self._guard.use().journal()

    async def events(
        self, after: int, *, limit: int, max_bytes: int, thread_id: str | None = None
    ) -> Sequence[JournalEvent]:
        """Events with a seq above `after`, in order.

        Args:
            after: a seq, >= 0.
            limit: at most so many, >= 1.
            max_bytes: about so many bytes of data; one event is returned in any case.
            thread_id: only those of this thread; none when it is not there.

        Raises:
            ThreadcastError: `bad_id`, before any query.
        """
        session = self._guard.use()
        if thread_id is not None:
            self._check.refuse(thread_id, "thread")
        return await session.events(after, limit=limit, max_bytes=max_bytes, thread_id=thread_id)

    async def timestamp(self, seq: int) -> bytes | None:
        """The timestamp of the event at `seq` as the envelope has it, or None if it is gone."""
        return await self._guard.use().timestamp(seq)

    async def token_revoked(self, token_id: str) -> bool:
        """Whether this one token (`jti`) of the user was revoked."""
        return await self._guard.use().token_revoked(token_id)
