"""The embedded store: one SQLite file, one writing connection, a few that read.

It may not know HTTP, connections of clients or agents. See `store` for what it promises, and
`store/sqlite/migrations` for the tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from ...clock import Clock, SteadyClock
from ...context import UserExecutionContext
from ...errors import ConfigurationError, ThreadcastError
from ...events import encode_json
from ...runs import EXTERNAL_OWNER, RunStatus
from ..migration_units import makes_plain_alias
from ..reader_pool import ReaderPool
from ..records import ActionRow, AliasFacts, LiveRunCount, NodeNotices, NodeRow, RunFacts
from ..schema_steps import load_steps
from ..units import Lease, Outcome, Unit
from . import across_users, operators, statements
from .connections import (
    check_header,
    damaged,
    is_damage,
    make_durable,
    open_reader,
    open_unchanged,
    open_writer,
    prepare_file,
    quick_check,
)
from .early_check import check_early
from .examination import examine
from .file_watch import FileWatch
from .keys import KnownKeys
from .lockfile import LockFile
from .readers import Reader
from .schema import ALIAS_USES_VERSION, migrate, version_of
from .sessions import SqliteSession
from .writer import Writer

__all__ = ["SqliteStore", "check_early", "examine"]

T = TypeVar("T")

# What another service executes goes on, whatever became of this node.
_END_LEASES_OF_NODES = "UPDATE runs SET lease_until = 0 WHERE owner <> ?"


class SqliteStore:
    """A `Store` in one file. It must be opened and closed on the same event loop.

    Args:
        path: the database file; beside it lie `-wal`, `-shm` and `.lock`.
        clock: the store's own time, for leases; setting the wall clock later ends none.
        vfs: the name of a registered SQLite VFS, for tests of power cuts; None for the system's.
        create: whether to make the file when it is missing.
        reader_count: the most sessions that read at the same time, >= 1.
        reader_wait_max_s: how long a session waits for a reader, in seconds.
        known_users_max: how many users' rows the writer remembers by name, >= 1.
        known_runs_max: how many runs' rows the writer remembers by name, >= 1.
        checkpoint_pages: the log is checkpointed once it has this many pages of 4 KiB, >= 1.
        rehearsal: everything is done in one transaction that ends undone when the store is closed;
            reads do not see it. The disk must have room for it.
    """

    # Every commit is on the disk before it is answered. Not a setting: see promise P1's test.
    SYNCHRONOUS = "FULL"

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Clock,
        vfs: str | None = None,
        create: bool = True,
        reader_count: int = 4,
        reader_wait_max_s: float = 5.0,
        known_users_max: int = 20_000,
        known_runs_max: int = 20_000,
        checkpoint_pages: int = 4_000,
        rehearsal: bool = False,
    ) -> None:
        self._path = _without_link(Path(path))
        self._clock = SteadyClock(clock)
        self._vfs = vfs
        self._create = create
        self._checkpoint_pages = checkpoint_pages
        self._rehearsal = rehearsal
        self._lock = LockFile(self._path)
        self._known = KnownKeys(known_users_max, known_runs_max)
        self._readers = ReaderPool(
            lambda: Reader(self._connect_reader, self._check_files),
            count=reader_count,
            wait_max_s=reader_wait_max_s,
        )
        self._thread: ThreadPoolExecutor | None = None
        self._writer: Writer | None = None
        self._watch: FileWatch | None = None
        self._has_plain_aliases = False

    async def open(self) -> None:
        """See `Store.open`.

        Raises:
            StoreInUse: another process has the file.
            ConfigurationError: the file cannot be used.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="threadcast-writer")
        try:
            self._writer = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._open
            )
        finally:
            if self._writer is None:
                self._thread.shutdown(wait=False)
                self._thread = None

    def _open(self) -> Writer:
        try:
            return self._open_checked()
        except apsw.Error as error:
            if is_damage(error):
                raise damaged(self._path, str(error)) from error
            raise ConfigurationError(f"cannot open {self._path}: {error}") from error

    def _open_checked(self) -> Writer:
        with ExitStack() as undo:
            check_early(self._path, create=self._create)
            prepare_file(self._path, create=self._create)
            self._lock.acquire(now=self._clock.now())
            undo.callback(self._lock.release)
            check_header(self._path)
            connection = open_unchanged(self._path, vfs=self._vfs)
            undo.callback(connection.close)
            steps = load_steps("sqlite")
            version_of(connection, steps)
            quick_check(connection, self._path)
            make_durable(connection, synchronous=self.SYNCHRONOUS)
            if self._rehearsal:
                connection.execute("BEGIN IMMEDIATE")
            migrate(connection, steps)
            # The lock says that no other node is alive: whoever held a lease has died.
            connection.execute(_END_LEASES_OF_NODES, (EXTERNAL_OWNER,))
            self._has_plain_aliases = connection.execute(statements.PLAIN_ALIAS).get is not None
            watch = self._watch = FileWatch(self._path)
            writer = Writer(
                connection,
                reopen=self._connect_writer,
                watch=watch,
                clock=self._clock,
                known=self._known,
                checkpoint_pages=self._checkpoint_pages,
                rehearsal=self._rehearsal,
            )
            undo.pop_all()
            return writer

    def _connect_writer(self) -> apsw.Connection:
        return open_writer(self._path, vfs=self._vfs, synchronous=self.SYNCHRONOUS)

    def _connect_reader(self) -> apsw.Connection:
        return open_reader(self._path, vfs=self._vfs)

    def _check_files(self) -> None:
        if self._watch is not None:
            self._watch.check()

    async def close(self) -> None:
        """See `Store.close`."""
        writer, self._writer = self._writer, None
        thread, self._thread = self._thread, None
        await self._readers.close()
        if writer is None or thread is None:
            return
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(thread, writer.close))
        thread.shutdown(wait=False)
        self._lock.release()

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """See `Store.commit`. Cancelling the caller does not stop the commit."""
        writer, thread = self._writer, self._thread
        if writer is None or thread is None:
            raise ThreadcastError("unavailable", "the store is not open")
        answer = asyncio.get_running_loop().run_in_executor(
            thread, lambda: writer.commit(units, now=now)
        )
        thread.submit(writer.maintain)
        outcomes = await answer
        if not self._has_plain_aliases:
            self._has_plain_aliases = any(map(makes_plain_alias, units))
        return outcomes

    def session(self, context: UserExecutionContext) -> SqliteSession:
        """See `Store.session`."""
        return SqliteSession(self._readers, context.user_id, self._clock)

    async def heads(self, user_ids: Collection[str]) -> dict[str, int]:
        """See `Store.heads`."""
        if not user_ids:
            return {}
        text = await self._query_text(statements.HEADS, apsw.carray(tuple(user_ids)))
        return msgspec.json.decode(text, type=dict[str, int])

    async def run_notices(self, owner: str, waiting: Sequence[Lease]) -> list[str]:
        """See `Store.run_notices`."""
        named = encode_json([(lease.address.user_id, lease.run_id) for lease in waiting]).decode()
        return msgspec.json.decode(
            await self._query_text(statements.ASKED, owner, named), type=list[str]
        )

    async def _query_text(self, sql: str, *bindings: Any) -> str:
        """The one text that a query of no single user gives."""

        def query(connection: apsw.Connection) -> str:
            return str(connection.execute(sql, bindings).get)

        return await self._read(query)

    async def notices(self, node_id: str, *, within_s: float) -> NodeNotices:
        """See `Store.notices`."""
        since = self._clock.now() - within_s
        return await self._read(lambda one: across_users.notices(one, node_id, since))

    async def abandoned(self, *, limit: int, among: Sequence[str] | None = None) -> list[str]:
        """See `Store.abandoned`."""
        return await self._read(lambda one: across_users.abandoned(one, limit, among))

    async def nodes(self) -> list[NodeRow]:
        """See `Store.nodes`."""
        now = self._clock.now()
        return await self._read(lambda one: across_users.nodes(one, now))

    async def find_run(self, run_id: str) -> RunFacts | None:
        """See `Store.find_run`."""
        now = self._clock.now()
        return await self._read(lambda one: operators.find_run(one, run_id, now))

    async def live_runs(self, status: RunStatus | None, *, limit: int) -> list[RunFacts]:
        """See `Store.live_runs`."""
        now = self._clock.now()
        return await self._read(lambda one: operators.live_runs(one, status, limit, now))

    async def count_live_runs(self) -> list[LiveRunCount]:
        """See `Store.count_live_runs`."""
        return await self._read(operators.count_live_runs)

    async def count_connected_users(self) -> int | None:
        """See `Store.count_connected_users`."""
        now = self._clock.now()
        return await self._read(lambda one: operators.count_connected_users(one, now))

    async def actions(self, *, limit: int, before: int | None) -> list[ActionRow]:
        """See `Store.actions`."""
        return await self._read(lambda one: operators.actions(one, limit, before))

    async def _read(self, query: Callable[[apsw.Connection], T]) -> T:
        reader = await self._readers.acquire()
        try:
            return await reader.read(query)
        finally:
            reader.end_snapshot()
            self._readers.put_back(reader)

    async def facts(self) -> dict[str, str]:
        """See `Store.facts`."""
        schema = await self._read(lambda connection: connection.pragma("user_version"))
        return {
            "store": "sqlite",
            "sqlite": apsw.sqlite_lib_version(),
            "apsw": apsw.apsw_version(),
            "path": str(self._path),
            "schema": str(schema),
            "journal_mode": "wal",
            "synchronous": self.SYNCHRONOUS.lower(),
            "database_bytes": str(_size_of(self._path)),
            "log_bytes": str(_size_of(self._path.with_name(self._path.name + "-wal"))),
        }

    async def alias_facts(self, *, now: float) -> AliasFacts:
        """See `Store.alias_facts`. The store need not be open."""

        def query(connection: apsw.Connection) -> tuple[Any, ...]:
            steps = load_steps("sqlite")
            if version_of(connection, steps) < ALIAS_USES_VERSION:
                raise ConfigurationError(
                    f"{self._path}: no migration and no server of this version has opened it yet"
                )
            arguments = (int(now * 1_000_000),)
            return next(iter(connection.execute(statements.ALIAS_FACTS, arguments)))

        total, used, uses, last_us, made_us, *within = await self._read(query)
        last_used_at = None if last_us is None else last_us / 1_000_000
        ages = dict(zip(statements.ALIAS_AGES_DAYS, within, strict=True))
        made_at = None if made_us is None else made_us / 1_000_000
        return AliasFacts(total, used, uses, last_used_at, ages, made_at)

    @property
    def shared(self) -> bool:
        """See `Store.shared`: the lock on the file keeps other nodes away."""
        return False

    @property
    def has_plain_aliases(self) -> bool:
        """See `Store.has_plain_aliases`."""
        return self._writer is not None and self._has_plain_aliases

    @property
    def losses(self) -> int:
        """See `Store.losses`. A file that was replaced is never written to nor read again."""
        return 0

    @property
    def healthy(self) -> bool:
        """See `Store.healthy`."""
        return self._writer is not None and self._writer.healthy


def _without_link(path: Path) -> Path:
    """The file itself: beside it, not beside a link to it, SQLite keeps its log."""
    with suppress(OSError):  # opening it will say more
        return path.resolve() if path.is_symlink() else path
    return path


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
