"""Opens connections, and explains failures to operators in one line.

Messages never contain a password: a database is named by host, port and name only.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import asyncpg

from ...errors import ConfigurationError, ThreadcastError

_APPLICATION = "threadcast"
_DEFAULT_PORT = 5_432
_KEYS = ("database_url",)
_PROCESS = "SELECT pg_backend_pid()"
# Lets the database notice within about half a minute that a node vanished. Its default is two
# hours, during which an abandoned snapshot would keep old rows from being vacuumed.
_NOTICE_LOST_NODES = """
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET tcp_user_timeout = 25000
"""
# Errors of statements that were prepared in another session of a pooler.
_LOST_STATEMENTS = (
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.ProtocolViolationError,
)


STANDBY = "it is a standby and takes no writes: name the primary in database_url"

Row = Sequence[Any]


class Connection:
    """An asyncpg connection with a time limit on each statement.

    After a connection error or a cancelled call its state is unknown, and it must be terminated.

    Args:
        raw: asyncpg's; it has no types of its own.
        timeout_s: how long each call may take, in seconds.
    """

    def __init__(self, raw: Any, *, timeout_s: float) -> None:
        self._raw = raw
        self._timeout_s = timeout_s
        self._ended_here = False
        self._fell_silent = False

    def when_lost(self, tell: Callable[[], None]) -> None:
        """Call `tell` when the connection has ended because of the database, or after silence.

        A silence counts because another database may have taken over meanwhile.
        """
        self._raw.add_termination_listener(
            lambda _: tell() if self._fell_silent or not self._ended_here else None
        )

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        """All rows of one query."""
        async with asyncio.timeout(self._timeout_s):
            return cast("Sequence[Row]", await self._raw.fetch(sql, *arguments))

    async def execute(self, sql: str, *arguments: Any, within_s: float | None = None) -> str:
        """Run one statement, or several without arguments; returns the last one's tag.

        Args:
            sql: what to run.
            arguments: for `$1` and so on.
            within_s: replaces the connection's time limit, in seconds.
        """
        async with asyncio.timeout(within_s or self._timeout_s):
            return str(await self._raw.execute(sql, *arguments))

    async def is_direct(self) -> bool:
        """Whether this is a direct connection to a database session.

        Behind a pooler the backend's process id differs.
        """
        try:
            return bool((await self.fetch(_PROCESS))[0][0] == self._raw.get_server_pid())
        except _LOST_STATEMENTS:
            return False

    async def close(self) -> None:
        """Close the connection cleanly, or terminate it if that takes too long."""
        self._ended_here = True
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._raw.close()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            self._raw.terminate()

    def terminate(self, *, fell_silent: bool = False) -> None:
        """Close without waiting.

        Args:
            fell_silent: whether the reason is a missing answer.
        """
        self._ended_here, self._fell_silent = True, fell_silent
        self._raw.terminate()

    def is_closed(self) -> bool:
        """Whether it cannot be used any more."""
        return bool(self._raw.is_closed())


@dataclass(frozen=True, slots=True)
class Target:
    """The database that a URL names.

    Attributes:
        url: as configured; it may hold a password, so it is never shown.
        name: what may be shown: `host:port/database`.
        user: the role, or an empty text for the default one.
        database: the database's name, or an empty text for the default one.
    """

    url: str
    name: str
    user: str
    database: str

    def __repr__(self) -> str:
        return f"Target({self.name})"

    @property
    def names_files(self) -> bool:
        """Whether the URL names files with TLS certificates or keys."""
        return any(f"{name}=" in self.url for name in ("sslrootcert", "sslcert", "sslkey"))

    @classmethod
    def of(cls, url: str) -> Target:
        """Parse a checked `database_url`."""
        parts = urlsplit(url)
        database = unquote(parts.path.removeprefix("/"))
        place = f"{parts.hostname or 'the local socket'}:{parts.port or _DEFAULT_PORT}"
        return cls(url, f"{place}/{database}", unquote(parts.username or ""), database)


async def connect(target: Target, *, timeout_s: float, prepared_max: int = 0) -> Connection:
    """Open a connection without session state, except prepared statements.

    Args:
        target: the database.
        timeout_s: how long it may take, in seconds.
        prepared_max: how many prepared statements are kept; 0 where a pooler may give each
            transaction another session, see `connect_preparing`.

    Raises:
        ConfigurationError: it will never work as configured.
        ThreadcastError: `unavailable`; it may work later.
    """
    try:
        async with asyncio.timeout(timeout_s):
            raw = await asyncpg.connect(
                target.url,
                statement_cache_size=prepared_max,
                server_settings={"application_name": _APPLICATION},
            )
        _refuse_standby(raw)
        return Connection(raw, timeout_s=timeout_s)
    except _REFUSALS as error:
        raise ConfigurationError(
            f"cannot use the database {target.name}: {reason(target, error)}", keys=_KEYS
        ) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        if target.names_files and isinstance(error, _NO_FILE):
            raise ConfigurationError(
                f"cannot use the database {target.name}: a file for TLS that database_url names "
                f"cannot be read ({_why_not_now(error)})",
                keys=_KEYS,
            ) from error
        raise ThreadcastError(
            "unavailable", f"cannot reach the database {target.name}: {_why_not_now(error)}"
        ) from error


def _refuse_standby(raw: Any) -> None:
    """Refuse a standby, which may lag; behind a pooler that cannot be seen.

    Raises:
        ClientConfigurationError: it is a standby now.
    """
    if getattr(raw.get_settings(), "in_hot_standby", "off") == "on":
        raw.terminate()
        raise asyncpg.ClientConfigurationError(STANDBY)


async def connect_preparing(target: Target, *, timeout_s: float, prepared_max: int) -> Connection:
    """As `connect`, with prepared statements on direct connections only.

    Raises:
        ConfigurationError, ThreadcastError: see `connect`.
    """
    connection = await connect(target, timeout_s=timeout_s, prepared_max=prepared_max)
    try:
        if await connection.is_direct():
            await connection.execute(_NOTICE_LOST_NODES)
            return connection
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        connection.terminate()
        raise ThreadcastError(
            "unavailable", f"cannot use the database {target.name}: {_why_not_now(error)}"
        ) from error
    except asyncio.CancelledError:
        connection.terminate()
        raise
    await connection.close()
    return await connect(target, timeout_s=timeout_s)


_OF_TLS = re.compile("sslmode|root certificate")
_NO_FILE = (FileNotFoundError, IsADirectoryError, PermissionError)
_REFUSALS = (
    asyncpg.InvalidAuthorizationSpecificationError,  # includes a wrong password
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidParameterValueError,
    asyncpg.UndefinedObjectError,
    asyncpg.ClientConfigurationError,
    asyncpg.ProtocolViolationError,
    ssl.SSLError,
    ValueError,
)


def reason(target: Target, error: BaseException) -> str:
    """Why it will never work, with what to change; never a password."""
    match error:
        case asyncpg.InvalidPasswordError():
            return (
                f'the password of role "{target.user}" was not accepted; '
                "set THREADCAST_DATABASE_URL with the right one"
            )
        case asyncpg.InvalidAuthorizationSpecificationError() if "no encryption" in str(error):
            return "it takes encrypted connections only; add ?sslmode=require to database_url"
        case asyncpg.InvalidAuthorizationSpecificationError():
            return (
                f'role "{target.user}" may not log in ({_first_line(error)}); '
                "change the role in database_url, or pg_hba.conf"
            )
        case asyncpg.InvalidCatalogNameError():
            return (
                f'there is no database "{target.database}"; '
                "create it (CREATE DATABASE), or name another in database_url"
            )
        case ssl.SSLError():
            return (
                f"its certificate was not accepted ({_first_line(error)}); "
                "set sslrootcert, or another sslmode, in database_url"
            )
        case asyncpg.PostgresError():
            return f"{_first_line(error)}; change database_url"
        case asyncpg.ClientConfigurationError() if STANDBY in str(error):
            return STANDBY
        case asyncpg.ClientConfigurationError() if _OF_TLS.search(str(error)):
            return f"{_first_line(error)}; change sslmode or sslrootcert in database_url"
        case _:
            return "database_url has an option that is not understood"


def _why_not_now(error: BaseException) -> str:
    match error:
        case TimeoutError():
            return "no answer in time"
        case ConnectionError() if "rejected SSL upgrade" in str(error):
            return "it offers no TLS; remove sslmode from database_url, or let it offer TLS"
        case socket.gaierror():
            return "its host name is not known"
        case OSError(errno=int() as number) if number > 0:
            return os.strerror(number).lower()  # asyncio's own names the address again
        case OSError():
            return "no connection"
        case _:
            return _first_line(error)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
