"""The one connection that writes: it commits batches and checkpoints the log.

All of it runs on the writer's thread. A commit is stored, certainly not stored, or its outcome is
unknown; unknown is never reported as either of the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import apsw

from ...clock import Clock
from ...errors import ConfigurationError, OutcomeUnknown, ThreadcastError
from ..units import Outcome, Unit
from .batch import Batch
from .connections import BUSY_TIMEOUT_MS
from .file_watch import REPLACED, FileWatch
from .keys import KnownKeys
from .units import UNIT_FAULTS, apply_all, apply_each

_RESTART_FACTOR = 16
_RESTART_WAIT_MS = 50  # every commit waits as long; readers of a server are done sooner

log = logging.getLogger(__name__)


class Writer:
    """Commits batches of units, one at a time.

    Args:
        connection: the writer connection, on a migrated database; closed by this object.
        reopen: opens another one after a failure.
        watch: says whether the files are still those that were opened.
        clock: the store's own time.
        known: keys to remember between commits.
        checkpoint_pages: the log is checkpointed once it has this many pages, >= 1.
        rehearsal: the connection is in a transaction that will be rolled back.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        reopen: Callable[[], apsw.Connection],
        watch: FileWatch,
        clock: Clock,
        known: KnownKeys,
        checkpoint_pages: int,
        rehearsal: bool = False,
    ) -> None:
        self._rehearsal = rehearsal
        self._reopen = reopen
        self._watch = watch
        self._clock = clock
        self._known = known
        self._connection: apsw.Connection | None = connection
        self._log_pages = 0
        self._checkpoint_pages = checkpoint_pages
        self._expect_a_short_log()
        self._failed = False
        connection.set_wal_hook(self._on_commit)

    @property
    def healthy(self) -> bool:
        """Whether the last commit worked and the files are still those that were opened."""
        return self._watch.are_intact() and not self._failed

    def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """Commit a batch in one transaction; see `Store.commit`.

        Nothing is reported as stored that went into a deleted file.
        """
        self._watch.check()
        try:
            connection = self._connected()
            outcomes = self._apply(connection, units, now)
        except apsw.Error as error:
            raise self._not_stored(error) from error
        self._end(connection)
        if not self._watch.are_intact():
            raise OutcomeUnknown(REPLACED)
        self._failed = False
        return outcomes

    def _apply(
        self, connection: apsw.Connection, units: Sequence[Unit[Any]], now: float
    ) -> list[Outcome]:
        def new_batch() -> Batch:
            return Batch(connection, self._known, now=now, lease_now=self._clock.now())

        if self._rehearsal:
            if not connection.in_transaction:
                raise ThreadcastError("unavailable", "the rehearsal was broken off by an error")
            return apply_each(new_batch, units)
        connection.execute("BEGIN IMMEDIATE")
        try:
            return apply_all(new_batch(), units)
        except UNIT_FAULTS:
            log.warning("a batch is applied again, unit by unit", exc_info=True)
            self._known.clear()
            connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        return apply_each(new_batch, units)

    def _end(self, connection: apsw.Connection) -> None:
        """Commit the transaction, unless it is a rehearsal.

        A full disk and a busy file are detected before the commit record is written. After any
        other error the transaction may be in the log, and a restart may recover it.
        """
        if self._rehearsal:
            return
        try:
            connection.execute("COMMIT")
        except (apsw.FullError, apsw.BusyError) as error:
            raise self._not_stored(error) from error
        except apsw.Error as error:
            log.exception("a commit failed; whether it is stored is unknown")
            self._failed = True
            self.close()
            raise OutcomeUnknown() from error

    def _not_stored(self, error: apsw.Error) -> ThreadcastError:
        """Roll back, and say why nothing was stored."""
        log.error("a batch was rolled back: %s: %s", type(error).__name__, error)
        self._failed = True
        self._known.clear()
        self._roll_back()
        if isinstance(error, apsw.FullError):
            return ThreadcastError("storage_full")
        return ThreadcastError("unavailable")

    def _roll_back(self) -> None:
        """Roll back; a connection that cannot do even that is closed."""
        connection = self._connection
        if connection is None or not connection.in_transaction:
            return
        try:
            connection.execute("ROLLBACK")
        except apsw.Error:
            self.close()

    def _connected(self) -> apsw.Connection:
        if self._connection is None:
            try:
                connection = self._reopen()
            except ConfigurationError as error:
                raise ThreadcastError("unavailable", str(error)) from error
            connection.set_wal_hook(self._on_commit)
            self._connection = connection
            self._log_pages = 0
            self._expect_a_short_log()
            self._watch.opened()
        return self._connection

    def _on_commit(self, _: apsw.Connection, __: str, pages: int) -> int:
        if pages < self._log_pages:
            self._expect_a_short_log()
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _expect_a_short_log(self) -> None:
        """The log begins again, so it is checkpointed and restarted at the usual lengths."""
        self._checkpoint_at_pages = self._checkpoint_pages
        self._restart_at_pages = _RESTART_FACTOR * self._checkpoint_pages

    def maintain(self) -> None:
        """Checkpoint the log when it is large; never raises.

        It does not disturb readers. Only if readers have kept the log from restarting for very long
        does it wait for them, and not for one that goes on, as a backup does; then again when the
        log has doubled.
        """
        if self._connection is None or self._log_pages < self._checkpoint_at_pages:
            return
        self._checkpoint_at_pages = self._log_pages + self._checkpoint_pages
        try:
            if self._log_pages < self._restart_at_pages:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            else:
                self._restart_at_pages = 2 * self._log_pages
                self._restart_log(self._connection)
        except apsw.Error as error:
            log.warning("a checkpoint failed and is tried again later: %s", error)

    def _restart_log(self, connection: apsw.Connection) -> None:
        connection.set_busy_timeout(_RESTART_WAIT_MS)
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        except apsw.BusyError:
            log.info("the log has %d pages: something reads for long (a backup?)", self._log_pages)
        finally:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)

    def close(self) -> None:
        """Close the connection and forget what was known; the next commit opens another."""
        connection, self._connection = self._connection, None
        self._known.clear()
        self._watch.closing()
        if connection is not None:
            try:
                connection.close()
            except apsw.Error as error:
                log.warning("closing the writer failed: %s", error)
