"""A connection that reads, on a thread of its own.

A read that fails or is cancelled costs its connection, so that none in an unknown state is reused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import apsw

from ...errors import ThreadcastError

T = TypeVar("T")


class Reader:
    """One connection that reads; at most one session uses it at a time.

    Args:
        connect: opens the connection; called on the reader's thread, at the first read.
        check: called there before each snapshot; raises `ThreadcastError` if none may begin.
    """

    def __init__(self, connect: Callable[[], apsw.Connection], check: Callable[[], None]) -> None:
        self._connect = connect
        self._check = check
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="threadcast-reader")
        self._connection: apsw.Connection | None = None
        self._broken = False
        self.waited_s = 0.0

    @property
    def broken(self) -> bool:
        """Whether it must not be used again."""
        return self._broken

    async def read(self, query: Callable[[apsw.Connection], T]) -> T:
        """Run a query in this reader's snapshot, which begins with the first one.

        Raises:
            ThreadcastError: `unavailable`; the reader is broken, or the files are not there.
            asyncio.CancelledError: the query was interrupted; the reader is broken.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._run, query)
        except asyncio.CancelledError:
            self._interrupt()
            raise
        except apsw.Error as error:
            self._broken = True
            raise ThreadcastError("unavailable") from error

    def end_snapshot(self) -> None:
        """End the snapshot; later reads see newer data.

        Done on the caller's thread: nobody else uses the connection, and no file is touched.
        """
        if not self._broken:
            self._end()

    async def close(self) -> None:
        """Close the connection and end the thread."""
        self._broken = True
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, self._close))
        self._thread.shutdown(wait=False)

    def discard(self) -> None:
        """Close the connection and end the thread, without waiting."""
        self._broken = True
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _run(self, query: Callable[[apsw.Connection], T]) -> T:
        connection = self._connection
        if connection is None or not connection.in_transaction:
            self._check()
        if connection is None:
            connection = self._connection = self._connect()
        if not connection.in_transaction:
            connection.execute("BEGIN")
        return query(connection)

    def _end(self) -> None:
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            self._broken = True

    def _interrupt(self) -> None:
        self._broken = True
        if self._connection is not None:
            self._connection.interrupt()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
