"""What an error of the database means: whose fault it is, and whether something may be stored.

Only what is surely not stored is ever called so. What cannot be known is `OutcomeUnknown`, and
nothing here turns it into anything else.
"""

from __future__ import annotations

import asyncpg

from ..errors import OutcomeUnknown, ThreadcastError

# What a unit can raise by its own fault: the others of its batch must not suffer.
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

# How the database or the way to it can fail while a statement is under way.
DATABASE_FAULTS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

# Another transaction was in the way: the same again is right, and likely to succeed.
RETRIED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

# Another transaction holds something for longer than it is waited for.
HELD = asyncpg.LockNotAvailableError
BUSY = "the database was too busy"

# The database ended a statement itself: after a ROLLBACK its connection is of use as before.
ENDED_IN_TIME = (HELD, asyncpg.QueryCanceledError)

_FULL = (asyncpg.DiskFullError,)
# What PostgreSQL reports of a COMMIT that it has surely undone. Everything else is not known.
_SURELY_UNDONE = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.TransactionRollbackError,
    asyncpg.DiskFullError,
)
_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (asyncpg.TooManyConnectionsError, "the database takes no more connections"),
    (asyncpg.ReadOnlySQLTransactionError, "the database is read-only now"),
    (HELD, BUSY),
    (asyncpg.QueryCanceledError, "the database took too long"),
    (TimeoutError, "the database took too long"),
)


def is_fault_of_unit(error: BaseException) -> bool:
    """Whether a unit and not the database is at fault; a client's own refusal of a value counts."""
    if isinstance(error, OSError | asyncpg.PostgresError):
        return isinstance(error, UNIT_FAULTS)
    if isinstance(error, asyncpg.InterfaceError):
        return isinstance(error, ValueError)
    return isinstance(error, UNIT_FAULTS)


def not_stored(error: BaseException) -> ThreadcastError:
    """The answer where nothing was stored because the database failed before the COMMIT."""
    if isinstance(error, _FULL):
        return ThreadcastError("storage_full")
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return ThreadcastError("unavailable", sentence)
    return ThreadcastError("unavailable")


def of_commit(error: BaseException) -> ThreadcastError:
    """The answer where a COMMIT was sent and came back with an error, or not at all."""
    if isinstance(error, _SURELY_UNDONE):
        return not_stored(error)
    return OutcomeUnknown()
