"""A writer for dry runs: it applies batches in one transaction, which is rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import ThreadcastError
from ..units import Outcome, Unit
from .connecting import Connection
from .faults import DATABASE_FAULTS, not_stored
from .opening import Connect
from .units import apply_each

_IDLE_MAX = "SET LOCAL idle_in_transaction_session_timeout = '10min'"  # while the next is planned


class Rehearsal:
    """Applies batches to find out their outcomes.

    Args:
        connect: opens a connection, whose statements take a bounded time.
        begin: the statements that begin a transaction.
    """

    def __init__(self, connect: Connect, *, begin: str) -> None:
        self._connect = connect
        self._begin = begin
        self._connection: Connection | None = None
        self.healthy = True

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """The outcomes that a batch would have; a database failure aborts the rehearsal."""
        if not self.healthy:
            raise ThreadcastError("unavailable", "the rehearsal was broken off by an error")
        try:
            if self._connection is None:
                self._connection = await self._connect()
                await self._connection.execute(f"{self._begin}; {_IDLE_MAX}")
            return await apply_each(self._connection, units, now=now)
        except DATABASE_FAULTS as error:
            self.healthy = False
            raise not_stored(error) from error
        except BaseException:
            self.healthy = False
            raise

    async def close(self) -> None:
        """Roll everything back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
