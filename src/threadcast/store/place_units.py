"""Units that register nodes and their connections in the store.

A node's row has a lease that the node renews. A place is the row of one connection and depends on
its node's lease, so renewal costs one row, however many connections there are. Once a lease has
lapsed, its node's places no longer count against limits. For presence they count until they are
swept, so that an outage of the database makes nobody absent. Leases lapse by the store's clock. A
crash of the database may lose places and nodes; nodes then register theirs again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..context import UserExecutionContext
from .records import JournalHead
from .units import Command, RunState, Unit

ConnectionKind = Literal["websocket", "sse"]
OnFull = Literal["reject", "evict_oldest", "tolerate"]
"""What happens to a connection beyond its user's limit: it is refused, it displaces the oldest
ones, or it is admitted and that is reported."""

PLACES_COUNTED_MAX = 100_000
"""The most places that are counted for the number of connected users."""


@dataclass(frozen=True, slots=True)
class Credential:
    """The parts of a verified token by which a revocation names it.

    Attributes:
        token_id: its `jti`, if it has one.
        issued_at: its `iat`, seconds since the epoch; 0 without one.
    """

    token_id: str | None
    issued_at: float


@dataclass(frozen=True, slots=True)
class PlaceTaken:
    """A connection has its place.

    Attributes:
        head: the user's journal, created if there was none.
        beyond_limit: the user has more connections than the limit, which was not enforced.
    """

    head: JournalHead
    beyond_limit: bool = False


@dataclass(frozen=True, slots=True)
class TakePlace(Unit[PlaceTaken]):
    """Give the context's connection a place, under the lock on its user's journal; idempotent.

    Rejected: `revoked`, `too_many_connections`. Displaced connections are marked, with a hint
    `ConnectionUnwanted` (`evicted`) for each.

    Attributes:
        context: its `connection_id` is set.
        node_id: of the node that has the connection.
        kind: how it is attached.
        opened_at: when it was authenticated, seconds since the epoch.
        limit: how many its user may have, on all nodes together.
        on_full: what happens beyond that.
        credential: refused if it was revoked; None where that was checked before.
        agent: how the client names itself, for operators.
    """

    context: UserExecutionContext
    node_id: str
    kind: ConnectionKind
    opened_at: float
    limit: int
    on_full: OnFull
    credential: Credential | None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class LeavePlace(Unit[None]):
    """Free the place of the context's connection; idempotent."""

    context: UserExecutionContext


@dataclass(frozen=True, slots=True)
class ClosePlaces(Command[int]):
    """Mark one of the context's user's connections, or all, as unwanted; how many were marked.

    A hint `ConnectionUnwanted` names each; if it is lost, the node finds the mark
    (`Store.notices`).

    Attributes:
        context: any of the user's.
        connection_id: the one; None for all.
        code: the error code that they are to end with.
    """

    context: UserExecutionContext
    connection_id: str | None
    code: str


@dataclass(frozen=True, slots=True)
class CancelAbandoned(Command[Sequence[RunState]]):
    """Cancel the user's runs that asked for it (`on_disconnect`), if the user has no place left.

    That is checked under the lock under which places are taken. As with `CancelRun`, a run that
    nobody executes ends here, and the owner of a running one is signalled.

    Attributes:
        context: any of the user's.
    """

    context: UserExecutionContext


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node's description of itself.

    Attributes:
        node_id: its id.
        version: of its program.
        role: what it does: `all`, `gateway` or `worker`.
    """

    node_id: str
    version: str
    role: str


@dataclass(frozen=True, slots=True)
class RegisterNode(Unit[float | None]):
    """Register a node; what a lapsed one of the same id left is removed.

    The result is None, or the remaining lease in seconds of a living node of this id; then nothing
    was stored.
    """

    node: NodeFacts
    lease_s: float


@dataclass(frozen=True, slots=True)
class RenewNode(Unit[bool]):
    """Extend a node's lease to `lease_s` seconds from now, and store its figures.

    The result is whether its lease was still valid. If not, other connections may have been
    admitted instead: the node is registered again without its places, except marked ones, and must
    take them again.

    Attributes:
        node: who it is.
        lease_s: how long its lease is valid from now, in seconds.
        connections, runs: how many it has.
        summary: its summary for operators, as JSON.
    """

    node: NodeFacts
    lease_s: float
    connections: int
    runs: int
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveNode(Unit[None]):
    """Unregister a node that stops, with its places; idempotent."""

    node_id: str


@dataclass(frozen=True, slots=True)
class SweepNode(Unit[int]):
    """Remove up to `limit` places of one node whose lease lapsed `grace_s` ago, and then the node.

    Marked places stay for `marks_s`, and their node with them: it may be alive but cut off, and
    must still learn which connections to end. Places of an unknown node are removed, too. The
    result is the number of places removed, or 1 for a node without any; 0 when nothing is left to
    do.

    Attributes:
        grace_s: how long ago the lease lapsed, in seconds.
        marks_s: the same for marked places, in seconds; at least `grace_s`.
        limit: the most places to remove.
    """

    grace_s: float
    marks_s: float
    limit: int


VOLATILE = (TakePlace, LeavePlace, RegisterNode, RenewNode, RemoveNode)
"""Units whose rows may be lost in a crash of the database. They keep their order among themselves,
and are committed concurrently with all others."""
