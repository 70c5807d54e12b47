"""Units by which nodes and their connections are known in the store: who is there, and where.

A node's row has a lease that the node renews; a place is a row of one connection and belongs to its
node's lease, so that renewing costs one row, however many connections there are. The places of a
node whose lease has lapsed count for no limit any more. For presence they count until they are
swept, so that a database that was away for a while makes nobody absent. All lapsing is by the
store's clock. Places and nodes may be forgotten when the database crashes: nodes put theirs again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .context import UserExecutionContext
from .records import JournalHead
from .units import RunState, Unit

ConnectionKind = Literal["websocket", "sse"]
OnFull = Literal["reject", "evict_oldest", "tolerate"]
"""What a connection beyond its user's limit causes: it is refused, the oldest ones are told to go,
or it is let in and that is told."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What of a verified token decides whether it was revoked since.

    Attributes:
        token_id: its `jti`, if it has one.
        issued_at: its `iat`, seconds since the epoch; 0 for one that does not say.
    """

    token_id: str | None
    issued_at: float


@dataclass(frozen=True, slots=True)
class PlaceTaken:
    """A connection has its place.

    Attributes:
        head: the user's journal, which was made where there was none.
        beyond_limit: the user has more connections than the limit, which was not enforced.
    """

    head: JournalHead
    beyond_limit: bool = False


@dataclass(frozen=True, slots=True)
class TakePlace(Unit[PlaceTaken]):
    """Give the context's connection a place, under the lock on its user's journal; idempotent.

    Rejected: `revoked`, `too_many_connections`. Connections that have to go are marked, and the
    hint `ConnectionUnwanted` (`evicted`) names each.

    Attributes:
        context: its `connection_id` is set.
        node_id: of the node that has the connection.
        kind: how it is attached.
        opened_at: when it was authenticated, seconds since the epoch.
        limit: how many its user may have at once, everywhere.
        on_full: what happens beyond that.
        credential: refused when it was revoked; None where that was seen to before.
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
class ClosePlaces(Unit[int]):
    """Mark one of the context's user's connections, or all, as unwanted; how many were marked.

    A hint `ConnectionUnwanted` names each, and its node finds the mark anyway (`Store.notices`).

    Attributes:
        context: any of the user's.
        connection_id: the one; None for all.
        code: the error code that they are to end with.
    """

    context: UserExecutionContext
    connection_id: str | None
    code: str


@dataclass(frozen=True, slots=True)
class CancelAbandoned(Unit[Sequence[RunState]]):
    """Cancel the user's runs that asked for it (`on_disconnect`), if no place of the user is left.

    Whether one is left is read under the lock under which places are taken. As with `CancelRun`, a
    run that nobody executes ends here, and the owner of a running one is signalled.

    Attributes:
        context: any of the user's.
    """

    context: UserExecutionContext


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a node says of itself.

    Attributes:
        node_id: its id.
        version: of the program that it runs.
        role: what it does: `all`, `gateway` or `worker`.
    """

    node_id: str
    version: str
    role: str


@dataclass(frozen=True, slots=True)
class RegisterNode(Unit[float | None]):
    """Enter a node that begins; what a lapsed one of this id left is removed.

    The result is None, or how many seconds the lease of a living node of this id still has; then
    nothing was stored.
    """

    node: NodeFacts
    lease_s: float


@dataclass(frozen=True, slots=True)
class RenewNode(Unit[bool]):
    """Extend a node's lease to `lease_s` seconds from now, and store what it does.

    The result is whether its lease was still valid. If not, others may have been let in instead:
    the node is entered again without its places, but for marked ones, and must take them again.

    Attributes:
        node: who it is.
        lease_s: how long its lease is valid then, in seconds.
        connections, runs: how many it has.
        summary: what it says of itself to operators, as JSON.
    """

    node: NodeFacts
    lease_s: float
    connections: int
    runs: int
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveNode(Unit[None]):
    """Remove a node that ends, and its places; idempotent."""

    node_id: str


@dataclass(frozen=True, slots=True)
class SweepNode(Unit[int]):
    """Remove up to `limit` places of one node whose lease lapsed `grace_s` ago, and then the node.

    Places that are marked stay `marks_s` long, and their node with them: it may be alive and cut
    off, and has to hear then what is to end. Places of a node that is not known are removed, too.
    The result is how many places went, or 1 for a node without any; 0 when nothing is left to do.

    Attributes:
        grace_s: how long ago the lease lapsed, in seconds.
        marks_s: the same for places that are marked, in seconds; not less.
        limit: at most so many places.
    """

    grace_s: float
    marks_s: float
    limit: int


FLEETING = (TakePlace, LeavePlace, RegisterNode, RenewNode, RemoveNode)
"""Units that store nothing but what may be forgotten: neither they nor events need wait for each
other. Among themselves they keep their order."""
