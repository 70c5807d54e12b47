"""Classifies database errors: whose fault, and whether something may be stored.

Only what is certainly not stored is reported as such. Everything else is `OutcomeUnknown`, and
nothing here turns it into anything else.
"""

from __future__ import annotations

import asyncpg

from ...errors import OutcomeUnknown, ThreadcastError

# Errors that one unit causes: they must not affect the others of its batch.
UNIT_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)

# Failures of the database or the connection during a statement.
DATABASE_FAULTS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

# Conflicts with other transactions: a retry is right, and likely to succeed.
RETRIED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

# A lock that another transaction held for too long.
LOCKED = asyncpg.LockNotAvailableError
BUSY = "the database was too busy"

# PostgreSQL itself timed the statement out: after a ROLLBACK the connection can be used again.
TIMED_OUT = (LOCKED, asyncpg.QueryCanceledError)

_FULL = (asyncpg.DiskFullError,)
# Errors of a COMMIT that certainly rolled back. After any other the outcome is unknown.
_SURELY_UNDONE = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.TransactionRollbackError,
    asyncpg.DiskFullError,
)
_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (asyncpg.TooManyConnectionsError, "the database takes no more connections"),
    (asyncpg.ReadOnlySQLTransactionError, "the database is read-only now"),
    (LOCKED, BUSY),
    (asyncpg.QueryCanceledError, "the database took too long"),
    (TimeoutError, "the database took too long"),
)


def is_fault_of_unit(error: BaseException) -> bool:
    """Whether a unit rather than the database is at fault; includes asyncpg refusing a value."""
    if isinstance(error, OSError | asyncpg.PostgresError):
        return isinstance(error, UNIT_FAULTS)
    if isinstance(error, asyncpg.InterfaceError):
        return isinstance(error, ValueError)
    return isinstance(error, UNIT_FAULTS)


def not_stored(error: BaseException) -> ThreadcastError:
    """The error when the database failed before the COMMIT, so nothing was stored."""
    if isinstance(error, _FULL):
        return ThreadcastError("storage_full")
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return ThreadcastError("unavailable", sentence)
    return ThreadcastError("unavailable")


def of_commit(error: BaseException) -> ThreadcastError:
    """The error when a COMMIT was sent and failed, or was never answered."""
    if isinstance(error, _SURELY_UNDONE):
        return not_stored(error)
    return OutcomeUnknown()
