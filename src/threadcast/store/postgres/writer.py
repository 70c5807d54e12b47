"""A connection that writes: it commits batches, one at a time.

A commit is stored, certainly not stored, or its outcome is unknown; unknown is never reported as
either of the others. A transaction that conflicted with another is retried, at most three times. If
another transaction holds the lock on a user for too long, only that user's units are rejected.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from ...errors import OutcomeUnknown, ThreadcastError
from ..units import Outcome, Unit
from .connecting import Connection
from .faults import (
    DATABASE_FAULTS,
    LOCKED,
    RETRIED,
    TIMED_OUT,
    UNIT_FAULTS,
    is_fault_of_unit,
    not_stored,
    of_commit,
)
from .named import name_any
from .opening import Connect, Opening
from .units import apply_all, apply_each, apply_free

_RETRIES_MAX = 3

log = logging.getLogger(__name__)


class Writer:
    """Commits batches of units.

    Args:
        connect: opens a connection, whose statements take a bounded time.
        connect_wait_s: how long a batch waits for a connection, in seconds.
        begin: the statements that begin a transaction.
        commit_timeout_s: how long the COMMIT itself may take before its outcome is unknown.
    """

    def __init__(
        self, connect: Connect, *, connect_wait_s: float, begin: str, commit_timeout_s: float
    ) -> None:
        self._opening = Opening(connect, wait_s=connect_wait_s)
        self._begin = begin
        self._commit_timeout_s = commit_timeout_s
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._locked: set[str] = set()  # ids of users, found by the last `apply_free`
        self.healthy = True

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """Commit a batch in one transaction; see `Store.commit`."""
        async with self._turn:
            try:
                outcomes = await self._apply_with_retries(units, now)
                await self._end()
            except BaseException as error:
                self.healthy = False
                was_rolled_back = isinstance(error.__cause__, (*RETRIED, *TIMED_OUT))
                if isinstance(error, OutcomeUnknown) or not was_rolled_back:
                    self.discard(fell_silent=isinstance(error.__cause__, TimeoutError))
                raise
            self.healthy = True
            return outcomes

    async def _apply_with_retries(self, units: Sequence[Unit[Any]], now: float) -> list[Outcome]:
        """Begin a transaction and apply the batch in it.

        Raises:
            ThreadcastError: nothing is stored; the transaction may still be open.
        """
        may_wait = not (self._locked and name_any(units, self._locked))
        for left in reversed(range(_RETRIES_MAX + 1)):
            try:
                return await self._apply(await self._connected(), units, now, may_wait=may_wait)
            except (*RETRIED, LOCKED) as error:
                is_locked = isinstance(error, LOCKED)
                await self._roll_back()
                if not left or (is_locked and not may_wait):
                    raise not_stored(error) from error
                log.info("a batch is applied again: %s", error)
                may_wait = may_wait and not is_locked
            except DATABASE_FAULTS as error:
                log.error("a batch was not stored: %s: %s", type(error).__name__, error)
                if isinstance(error, TIMED_OUT):
                    await self._roll_back()
                raise not_stored(error) from error
        raise AssertionError("the last attempt returns or raises")

    async def _apply(
        self, connection: Connection, units: Sequence[Unit[Any]], now: float, *, may_wait: bool
    ) -> list[Outcome]:
        await connection.execute(self._begin)
        try:
            if may_wait:
                return await apply_all(connection, units, now=now)
            outcomes, self._locked = await apply_free(connection, units, now=now)
            return outcomes
        except UNIT_FAULTS as error:
            if not is_fault_of_unit(error):
                raise
            log.warning("a batch is applied again, unit by unit", exc_info=True)
        await connection.execute("ROLLBACK")
        await connection.execute(self._begin)
        return await apply_each(connection, units, now=now)

    async def _end(self) -> None:
        """Commit the transaction.

        Raises:
            OutcomeUnknown: the answer was lost, or does not say what happened.
            ThreadcastError: it is certainly not stored.
        """
        connection = self._connection
        if connection is None or connection.is_closed():
            raise ThreadcastError("unavailable")  # it was lost before the COMMIT was sent
        try:
            tag = await connection.execute("COMMIT", within_s=self._commit_timeout_s)
        except DATABASE_FAULTS as error:
            log.error("a COMMIT failed: %s: %s", type(error).__name__, error)
            raise of_commit(error) from error
        if tag != "COMMIT":
            raise ThreadcastError("unavailable", "the database undid the transaction")

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = None
            self._connection = await self._opening.connection()
        return self._connection

    async def _roll_back(self) -> None:
        """Roll back; a connection that cannot do even that is closed."""
        try:
            await (await self._connected()).execute("ROLLBACK")
        except DATABASE_FAULTS:
            self.discard()

    def discard(self, *, fell_silent: bool = False) -> None:
        """Close the connection without waiting; the next commit opens another.

        Args:
            fell_silent: see `Connection.terminate`.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate(fell_silent=fell_silent)

    async def close(self) -> None:
        """Wait for the commit under way and close the connection."""
        async with self._turn:
            await self._opening.close()
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.close()
