"""Examines a database for `doctor` and `serve`: facts, and problems."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from ...clock import Clock
from ...errors import ConfigurationError, ThreadcastError
from ..records import NodeRow
from ..schema_steps import SchemaStep
from .across_users import NODES
from .condition import Condition, condition_of
from .connecting import Connection, Target, connect
from .faults import DATABASE_FAULTS, not_stored
from .schema import version_of

_SLOW_S = 0.02
_NODES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Look:
    """An open connection to a usable database, with its facts.

    Attributes:
        connection: in no transaction; closed at the end.
        condition: how the server is set up.
        version: the schema's, 0 when there is none yet.
        newest: the version that this program needs.
    """

    connection: Connection
    condition: Condition
    version: int
    newest: int


@asynccontextmanager
async def looking(
    target: Target, clock: Clock, steps: Sequence[SchemaStep], *, timeout_s: float
) -> AsyncIterator[Look]:
    """Connect and examine; the body may use the connection further.

    Raises:
        ConfigurationError: the database cannot be used as configured.
        ThreadcastError: `unavailable`, it cannot be reached now.
    """
    connection = await connect(target, timeout_s=timeout_s)
    try:
        condition = await condition_of(connection, target, clock)
        version = await version_of(connection, target, steps)
        yield Look(connection, condition, version, steps[-1].version)
    except asyncpg.SyntaxOrAccessError as error:
        raise ConfigurationError(
            f"cannot use the database {target.name}: {error}", keys=("database_url",)
        ) from error
    except DATABASE_FAULTS as error:
        why = not_stored(error).message
        raise ThreadcastError("unavailable", f"{target.name}: {why}") from error
    finally:
        await connection.close()


def facts_of(look: Look) -> dict[str, str]:
    """The findings, for people."""
    condition = look.condition
    return {
        "PostgreSQL": condition.version,
        "schema": _schema_text(look.version, look.newest),
        "synchronous_commit": f"{condition.synchronous_commit} for our transactions",
        "round trip": f"{condition.round_trip_s * 1000:.2f} ms",
        "clock of the database": f"{condition.skew_s:+.3f} s from this one",
    }


def _schema_text(version: int, newest: int) -> str:
    if not version:
        return "none yet; a node or threadcast migrate makes it"
    if version > newest:
        return f"version {version}; this program knows {newest}, and works with it"
    waits = f"; threadcast migrate brings it to {newest}" if version < newest else ""
    return f"version {version}{waits}"


async def nodes_of(look: Look) -> dict[str, str]:
    """The nodes that use the database now, for people; shortened if there are many."""
    if look.version < look.newest:
        return {}
    nodes = [NodeRow(*row) for row in await look.connection.fetch(NODES)]
    shown = [_of_node(node) for node in nodes[:_NODES_SHOWN]]
    if len(nodes) > len(shown):
        shown.append(f"and {len(nodes) - len(shown)} more")
    return {"nodes": "; ".join(shown) or "none"}


def _of_node(node: NodeRow) -> str:
    if node.lease_left_s <= 0:
        return (
            f"{node.node_id} ({node.version}, {node.role}) was lost {-node.lease_left_s:.0f} s ago"
        )
    return (
        f"{node.node_id} ({node.version}, {node.role}) with {node.connections} connection(s) and "
        f"{node.runs} run(s)"
    )


def problems_of(look: Look) -> list[str]:
    """One line for each setting that works but should be different."""
    problems = list(look.condition.warnings)
    if look.condition.round_trip_s > _SLOW_S:
        problems.append(
            f"a question to the database takes {look.condition.round_trip_s * 1000:.0f} ms, and a "
            "commit several: put server and database nearer to each other"
        )
    return problems
