"""The shared store: PostgreSQL 15 or later, for any number of nodes.

It may not know HTTP, connections of clients or agents. See `store` for what it promises, and
`store/postgres/migrations` for the tables. Nothing here depends on being the only server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from typing import Any

import asyncpg

from ...clock import Clock
from ...context import UserExecutionContext
from ...errors import ConfigurationError, ThreadcastError
from ...runs import RunStatus
from ..migration_units import makes_plain_alias
from ..place_units import VOLATILE
from ..reader_pool import ReaderPool
from ..records import ActionRow, AliasFacts, LiveRunCount, NodeNotices, NodeRow, RunFacts
from ..schema_steps import SchemaStep, load_steps
from ..units import Lease, Outcome, Unit
from . import operators
from .across_users import (
    ABANDONED,
    ALIAS_AGES_DAYS,
    ALIAS_FACTS,
    ASKED,
    CLUSTER,
    CONNECTIONS,
    HEADS,
    LISTS_NODES,
    NODES,
    NODES_ALIVE,
    NOTICES,
    PLAIN_ALIAS,
)
from .condition import Condition
from .connecting import Connection, Row, Target, connect, connect_preparing
from .examination import Look, facts_of, looking, nodes_of, problems_of
from .keys import user_key
from .readers import BY_KEY, Reader
from .rehearsal import Rehearsal
from .schema import migrate, refuse_empty, refuse_older
from .sessions import PostgresSession
from .writer import Writer

__all__ = ["PostgresStore"]

_PREPARED_MAX = 200
# Fractions of `timeout_s`. A read has what its wait for a reader leaves of it. A suspended node's
# transaction ends before others stop waiting for its locks. PostgreSQL times a statement out before
# the node does, so the connection stays usable.
_WAIT, _IDLE, _LOCKS, _STATEMENT = 0.5, 0.6, 0.7, 0.8
# A read of several users; all others see the rows of one.
_BEGIN_POLL = "BEGIN READ ONLY; SET LOCAL threadcast.scope = 'all'"

log = logging.getLogger(__name__)


class PostgresStore:
    """A `Store` in a PostgreSQL database. It must be opened and closed on the same event loop.

    Args:
        url: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`.
        clock: this node's, to be compared with the database's; leases use the database's alone.
        reader_count: the most sessions that read at the same time, >= 1.
        timeout_s: how long connecting, a read with its wait for a reader, and each statement of
            a commit may take, in seconds.
        commit_timeout_s: how long a COMMIT may take before its outcome is unknown, in seconds.
        prepare_statements: whether connections keep prepared statements: fewer ways to the database
            and back, but wrong behind a pooler in transaction mode that does not know of them.
            None: where nothing stands between.
        migrate_older: whether an older schema is migrated when the store is opened; an empty
            database is always set up.
        steps: of the schema, as far as the program knows it; None for all.
        rehearsal: everything is done in one transaction that ends undone when the store is closed;
            reads do not see it. The users whom it touches are locked meanwhile.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        reader_count: int = 4,
        timeout_s: float = 2.0,
        commit_timeout_s: float = 10.0,
        prepare_statements: bool | None = None,
        migrate_older: bool = False,
        steps: Sequence[SchemaStep] | None = None,
        rehearsal: bool = False,
    ) -> None:
        self._target = Target.of(url)
        self._clock = clock
        self._timeout_s = timeout_s
        self._commit_timeout_s = commit_timeout_s
        self._prepare_statements = prepare_statements
        self._migrate_older = migrate_older
        self._steps = steps or load_steps("postgres")
        self._rehearsal = rehearsal
        self._condition: Condition | None = None
        self._schema = 0
        self._losses = 0
        self._one_at_a_time = asyncio.Lock()
        self._has_plain_aliases = False
        self._writer: Writer | Rehearsal | None = None
        self._place_writer: Writer | Rehearsal | None = None
        self._readers = ReaderPool(
            lambda: Reader(self._connect, timeout_s=timeout_s, statement_share=_STATEMENT),
            count=reader_count,
            wait_max_s=_WAIT * timeout_s,
        )

    @property
    def name(self) -> str:
        """The database as it may be shown: `HOST:PORT/DATABASE`."""
        return self._target.name

    async def open(self) -> None:
        """See `Store.open`.

        Raises:
            ConfigurationError: the database cannot be used as configured.
            ThreadcastError: `unavailable`, it cannot be reached now.
        """
        async with self._looking() as look:
            if self._rehearsal:
                refuse_empty(self._target, version=look.version)
            if not self._migrate_older:
                refuse_older(self._target, version=look.version, newest=look.newest)
            await migrate(look.connection, self._target, self._steps)
        self._has_plain_aliases = (await self._poll(PLAIN_ALIAS))[0][0]
        self._schema = max(look.version, look.newest)
        self._condition = look.condition
        for warning in self._condition.warnings:
            log.warning("%s: %s", self.name, warning)
        begin = _begin_commit(self._condition.synchronous_commit, self._timeout_s)
        if self._rehearsal:
            self._writer = self._place_writer = Rehearsal(self._connect, begin=begin)
            return
        self._writer = self._new_writer(begin)
        # The tables of places are unlogged, so there is nothing to wait for.
        self._place_writer = self._new_writer(_begin_commit("off", self._timeout_s))

    def _new_writer(self, begin: str) -> Writer:
        return Writer(
            self._connect,
            connect_wait_s=self._timeout_s,
            begin=begin,
            commit_timeout_s=self._commit_timeout_s,
        )

    async def migrate(self) -> tuple[int, int]:
        """Bring the database to the schema of this program; the versions before and after.

        The store is not opened by it.

        Raises:
            ConfigurationError, ThreadcastError: see `open`.
        """
        async with self._looking() as look:
            await migrate(look.connection, self._target, self._steps)
            return look.version, max(look.version, look.newest)

    async def examine(self) -> tuple[dict[str, str], list[str]]:
        """What an operator should know before a node uses the database; changes nothing.

        Returns:
            Facts by name, and one line for each problem.

        Raises:
            ConfigurationError, ThreadcastError: see `open`.
        """
        async with self._looking() as look:
            return facts_of(look) | await nodes_of(look), problems_of(look)

    def _looking(self) -> AbstractAsyncContextManager[Look]:
        return looking(self._target, self._clock, self._steps, timeout_s=self._timeout_s)

    async def _connect(self) -> Connection:
        try:
            async with self._one_at_a_time:  # opening costs PostgreSQL more than most statements
                connection = await self._opened()
        except (ConfigurationError, ThreadcastError) as error:
            log.error("%s", error)  # clients are not told where the database is
            raise ThreadcastError("unavailable") from error
        connection.when_lost(self._count_loss)
        return connection

    async def _opened(self) -> Connection:
        target, timeout_s = self._target, self._timeout_s
        if self._prepare_statements is None:
            return await connect_preparing(target, timeout_s=timeout_s, prepared_max=_PREPARED_MAX)
        prepared_max = _PREPARED_MAX if self._prepare_statements else 0
        return await connect(target, timeout_s=timeout_s, prepared_max=prepared_max)

    def _count_loss(self) -> None:
        self._losses += 1

    async def close(self) -> None:
        """See `Store.close`."""
        writers = {one for one in (self._writer, self._place_writer) if one is not None}
        self._writer = self._place_writer = None
        await self._readers.close()
        for writer in writers:
            await writer.close()

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """See `Store.commit`. Cancelling the caller costs the connection."""
        of_places = all(isinstance(unit, VOLATILE) for unit in units)
        writer = self._place_writer if of_places else self._writer
        if writer is None:
            raise ThreadcastError("unavailable", "the store is not open")
        outcomes = await writer.commit(units, now=now)
        if not self._has_plain_aliases:
            self._has_plain_aliases = any(map(makes_plain_alias, units))
        return outcomes

    def session(self, context: UserExecutionContext) -> PostgresSession:
        """See `Store.session`."""
        return PostgresSession(self._readers, context.user_id)

    async def heads(self, user_ids: Collection[str]) -> dict[str, int]:
        """See `Store.heads`."""
        if not user_ids:
            return {}
        keys = [user_key(user_id) for user_id in user_ids]
        return {row[0]: row[1] for row in await self._poll(HEADS, keys)}

    async def notices(self, node_id: str, *, within_s: float) -> NodeNotices:
        """See `Store.notices`."""
        rows = await self._poll(NOTICES, node_id, within_s)
        if any(row[0] == "plain_alias" for row in rows):
            self._has_plain_aliases = True
        return NodeNotices(
            [(user_id, one, code) for what, user_id, one, code, _ in rows if what == "unwanted"],
            {user_id: at for what, user_id, _, _, at in rows if what == "revoked"},
            [user_id for what, user_id, _, _, _ in rows if what == "asked"],
            any(row[0] == "drain" for row in rows),
        )

    async def abandoned(self, *, limit: int, among: Sequence[str] | None = None) -> list[str]:
        """See `Store.abandoned`."""
        keys = None if among is None else [user_key(user_id) for user_id in among]
        return [user_id for (user_id,) in await self._poll(ABANDONED, limit, keys)]

    async def nodes(self) -> list[NodeRow]:
        """See `Store.nodes`."""
        return [NodeRow(*row) for row in await self._poll(NODES)]

    async def find_run(self, run_id: str) -> RunFacts | None:
        """See `Store.find_run`."""
        return await operators.find_run(self._poll, run_id)

    async def live_runs(self, status: RunStatus | None, *, limit: int) -> list[RunFacts]:
        """See `Store.live_runs`."""
        return await operators.live_runs(self._poll, status, limit)

    async def count_live_runs(self) -> list[LiveRunCount]:
        """See `Store.count_live_runs`."""
        return await operators.count_live_runs(self._poll)

    async def count_connected_users(self) -> int | None:
        """See `Store.count_connected_users`."""
        return await operators.count_connected_users(self._poll)

    async def actions(self, *, limit: int, before: int | None) -> list[ActionRow]:
        """See `Store.actions`."""
        return await operators.actions(self._poll, limit, before)

    async def run_notices(self, owner: str, waiting: Sequence[Lease]) -> list[str]:
        """See `Store.run_notices`."""
        users = [user_key(lease.address.user_id) for lease in waiting]
        runs = [lease.run_id for lease in waiting]
        return [row[0] for row in await self._poll(ASKED, owner, users, runs)]

    async def _poll(self, sql: str, *arguments: Any) -> Sequence[Row]:
        reader = await self._readers.acquire()
        try:
            rows = await reader.read(_BEGIN_POLL, sql, *arguments)
            await reader.end_snapshot()
            return rows
        finally:
            self._readers.put_back(reader)

    async def cluster_secret(self) -> bytes:
        """See `SharedStore.cluster_secret`."""
        text: str = (await self._poll(CLUSTER))[0][0]
        return sha256(text.encode()).digest()

    async def facts(self) -> dict[str, str]:
        """See `Store.facts`."""
        rows = await self._poll("SELECT pg_database_size(current_database())")
        condition = self._condition
        if condition is None:
            raise ThreadcastError("unavailable", "the store is not open")
        return {
            "store": "postgresql",
            "postgresql": condition.version,
            "asyncpg": asyncpg.__version__,
            "database": self._target.name,
            "schema": str(self._schema),
            "fsync": "on",
            "synchronous_commit": condition.synchronous_commit,
            "clock_ahead_s": f"{condition.skew_s:.3f}",
            "database_bytes": str(rows[0][0]),
        }

    async def alias_facts(self, *, now: float) -> AliasFacts:
        """See `Store.alias_facts`. The store need not be open."""
        rows = await self._poll(ALIAS_FACTS, int(now * 1_000_000))
        total, used, uses, last_us, made_us, *within = rows[0]
        last_used_at = None if last_us is None else last_us / 1_000_000
        ages = dict(zip(ALIAS_AGES_DAYS, within, strict=True))
        made_at = None if made_us is None else made_us / 1_000_000
        return AliasFacts(total, used, uses, last_used_at, ages, made_at)

    async def nodes_at_work(self) -> int:
        """How many nodes use the database now, as far as it knows. The store need not be open."""
        listed = (await self._poll(LISTS_NODES))[0][0]
        return int((await self._poll(NODES_ALIVE if listed else CONNECTIONS))[0][0])

    @property
    def shared(self) -> bool:
        """See `Store.shared`."""
        return True

    @property
    def has_plain_aliases(self) -> bool:
        """See `Store.has_plain_aliases`. What another node makes is known with the next poll."""
        return self._writer is not None and self._has_plain_aliases

    @property
    def losses(self) -> int:
        """See `Store.losses`."""
        return self._losses

    @property
    def healthy(self) -> bool:
        """See `Store.healthy`."""
        return self._writer is not None and self._writer.healthy


def _begin_commit(synchronous_commit: str, timeout_s: float) -> str:
    """The statements that begin a transaction that may write for many users.

    Waiting for a lock is bounded, and so is how long a suspended node holds one. The isolation is
    always read committed: a snapshot from before the lock was granted would show an old fence.
    """
    idle_ms, locks_ms, statement_ms = (
        int(timeout_s * share * 1000) for share in (_IDLE, _LOCKS, _STATEMENT)
    )
    return (
        "BEGIN; SET LOCAL transaction_isolation = 'read committed';"
        " SET LOCAL plan_cache_mode = force_custom_plan;"  # batches are of very different sizes
        f" {BY_KEY};"
        f" SET LOCAL synchronous_commit = {synchronous_commit};"
        " SET LOCAL threadcast.scope = 'all';"
        f" SET LOCAL lock_timeout = {locks_ms}; SET LOCAL statement_timeout = {statement_ms};"
        f" SET LOCAL idle_in_transaction_session_timeout = {idle_ms}"
    )
