"""A connection that reads, for one session at a time.

If a read fails or is cancelled, the connection is closed, because its state is unknown. If
PostgreSQL timed the statement out, a rollback is enough. There is no session state, so a pooler in
transaction mode may be in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from math import ceil
from typing import Any

from .connecting import Connection, Row
from .faults import DATABASE_FAULTS, TIMED_OUT, not_stored
from .opening import Connect, Opening

# Rows are found by key, whatever the planner's statistics say.
BY_KEY = "SET LOCAL enable_seqscan = off; SET LOCAL jit = off"

log = logging.getLogger(__name__)


class Reader:
    """One connection that reads; at most one session uses it at a time.

    Args:
        connect: opens the connection, at the first read.
        timeout_s: how long a read may take, in seconds; of the first one, together with the wait
            for this reader, so that nobody waits longer for a database that is silent.
        statement_share: PostgreSQL's statement timeout, as a share of that; less than 1.
    """

    def __init__(self, connect: Connect, *, timeout_s: float, statement_share: float) -> None:
        self._opening = Opening(connect, wait_s=timeout_s)
        self._timeout_s = timeout_s
        self._statement_share = statement_share
        self.waited_s = 0.0
        self._connection: Connection | None = None
        self._in_snapshot = False
        self.broken = False

    async def read(self, begin: str, sql: str, *arguments: Any) -> Sequence[Row]:
        """Run a query in this reader's snapshot, which begins with the first one.

        Args:
            begin: the statements that begin the transaction.
            sql: the query.
            arguments: the query's.

        Raises:
            ThreadcastError: `unavailable`.
        """
        within_s, self.waited_s = self._timeout_s - self.waited_s, 0.0
        try:
            async with asyncio.timeout(within_s):
                return await self._fetched(await self._ready(begin, within_s), sql, *arguments)
        except DATABASE_FAULTS as error:
            log.error("a read failed: %s: %s", type(error).__name__, error)
            if self._connection is not None and not isinstance(error, TIMED_OUT):
                self.discard(fell_silent=isinstance(error, TimeoutError))
            raise not_stored(error) from error
        except BaseException:
            self.discard()
            raise

    async def _fetched(self, connection: Connection, sql: str, *arguments: Any) -> Sequence[Row]:
        try:
            return await connection.fetch(sql, *arguments)
        except TIMED_OUT:
            await self.end_snapshot()
            raise

    async def _ready(self, begin: str, within_s: float) -> Connection:
        """The connection, inside a transaction; an idle one that has died is replaced."""
        if self._connection is not None and self._connection.is_closed():
            self._connection = None
        if self._connection is None:
            self._connection = await self._opening.connection()
            self._in_snapshot = False
        if not self._in_snapshot:
            await self._connection.execute(f"{begin}; {BY_KEY}; {self._bound(within_s)}")
            self._in_snapshot = True
        return self._connection

    def _bound(self, within_s: float) -> str:
        """The statement timeout of a snapshot: one of few texts, for servers that keep them all."""
        statement_s = self._statement_share * ceil(10 * within_s) / 10
        return f"SET LOCAL statement_timeout = {int(1000 * statement_s)}"

    async def end_snapshot(self) -> None:
        """End the snapshot; later reads see newer data."""
        if self._connection is None or not self._in_snapshot:
            return
        self._in_snapshot = False
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._connection.execute("ROLLBACK")
        except DATABASE_FAULTS as error:
            self.discard(fell_silent=isinstance(error, TimeoutError))
        except BaseException:
            self.discard()
            raise

    def discard(self, *, fell_silent: bool = False) -> None:
        """Close the connection without waiting; the reader must not be used again.

        Args:
            fell_silent: see `Connection.terminate`.
        """
        self.broken = True
        self._opening.discard()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate(fell_silent=fell_silent)

    async def close(self) -> None:
        """Close the connection in order, when nobody uses it."""
        self.broken = True
        await self._opening.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
