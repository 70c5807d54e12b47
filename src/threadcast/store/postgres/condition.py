"""Checks a PostgreSQL server's settings: what is required, and what is recommended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ...clock import Clock
from ...errors import ConfigurationError
from .connecting import STANDBY, Connection, Target

_OLDEST = 15
_SKEW_MAX_S = 5.0
_KEYS = ("database_url",)
_WAITS_FOR_DISK = frozenset({"on", "remote_apply"})
_CONDITION = """
SELECT current_setting('server_version_num')::int, current_setting('server_version'),
current_setting('fsync'), current_setting('full_page_writes'),
current_setting('synchronous_commit'), current_setting('server_encoding'), pg_is_in_recovery(),
(SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user),
extract(epoch FROM clock_timestamp())::float8
"""


class Settings(NamedTuple):
    """The server's settings; `now` is its clock, seconds since the epoch."""

    version_number: int
    version: str
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    encoding: str
    standby: bool
    passes_walls: bool
    now: float


@dataclass(frozen=True, slots=True)
class Condition:
    """How a server is set up.

    Attributes:
        version: the server's version.
        synchronous_commit: the value that our transactions use.
        skew_s: how far the server's clock is ahead of this node's, in seconds.
        round_trip_s: a query's round trip, in seconds.
        warnings: one line for each setting that works but should be different.
    """

    version: str
    synchronous_commit: str
    skew_s: float
    round_trip_s: float
    warnings: tuple[str, ...]


async def condition_of(connection: Connection, target: Target, clock: Clock) -> Condition:
    """Read and check the server's settings.

    Raises:
        ConfigurationError: it cannot be used; the message says what to change.
    """
    await connection.fetch(_CONDITION)  # warms up, so that the round trip is measured fairly
    started, at = clock.monotonic(), clock.now()
    found = Settings(*(await connection.fetch(_CONDITION))[0])
    round_trip_s = clock.monotonic() - started
    refuse_unusable(found, target)
    skew_s = found.now - at - round_trip_s / 2
    held = found.synchronous_commit
    return Condition(
        version=found.version,
        synchronous_commit=held if held in _WAITS_FOR_DISK else "on",
        skew_s=skew_s,
        round_trip_s=round_trip_s,
        warnings=tuple(_warnings(found, skew_s)),
    )


def refuse_unusable(found: Settings, target: Target) -> None:
    """Refuse a server that could lose acknowledged commits.

    Raises:
        ConfigurationError: with what to change.
    """
    problem = None
    if found.version_number < _OLDEST * 10_000:
        problem = f"PostgreSQL is version {found.version}, expected {_OLDEST} or later: upgrade it"
    elif found.fsync != "on":
        problem = "fsync is off, so a crash can lose and corrupt everything: set fsync = on"
    elif found.standby:
        problem = STANDBY
    elif found.encoding != "UTF8":
        problem = f"its encoding is {found.encoding}, expected UTF8: create it with ENCODING 'UTF8'"
    if problem is not None:
        raise ConfigurationError(f"{target.name}: {problem}", keys=_KEYS)


def _warnings(found: Settings, skew_s: float) -> list[str]:
    warnings = []
    if found.synchronous_commit not in _WAITS_FOR_DISK:
        warnings.append(
            f"synchronous_commit is {found.synchronous_commit}; Threadcast sets it to on for its "
            "own transactions"
        )
    if found.full_page_writes != "on":
        warnings.append("full_page_writes is off: a power cut can corrupt the database")
    if found.passes_walls:
        warnings.append(
            "the role is a superuser or has BYPASSRLS, so row-level security does not hold it: "
            "use a role of its own"
        )
    if abs(skew_s) > _SKEW_MAX_S:
        ahead = "ahead of" if skew_s > 0 else "behind"
        warnings.append(
            f"the database's clock is {abs(skew_s):.0f} s {ahead} this node's; leases are right, "
            "because only the database's clock counts for them"
        )
    return warnings
