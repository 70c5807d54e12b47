"""The seam to storage: the contract of every store, whatever database is underneath.

A store keeps users' journals and what belongs to them. Every change goes through `commit`, in units
that the journal batches; every read goes through a session that belongs to one context and can name
no other user. Seqs are assigned inside the transaction that stores the events, under a lock on the
journal's head.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol, runtime_checkable

from ..agent import SearchHit
from ..context import UserExecutionContext
from ..runs import RunStatus
from .records import (
    ActionRow,
    AliasFacts,
    ConnectionRow,
    InputRow,
    JournalHead,
    JournalPage,
    LiveRunCount,
    MessageRow,
    NodeNotices,
    NodeRow,
    RunFacts,
    RunRow,
    ThreadRow,
    UserCounts,
)
from .units import Lease, Outcome, Unit


class StoreSession(Protocol):
    """Reads of one context's user, all from one snapshot that begins with the first read.

    Every statement is scoped by the context's user. Must be closed on every path; a read that was
    cancelled closes the underlying connection for good.
    """

    async def journal(self, token_id: str | None = None) -> JournalHead:
        """The user's journal at this snapshot, and whether this one token was revoked."""
        ...

    async def page(
        self, after: int, *, limit: int, max_bytes: int, thread_id: str | None = None
    ) -> JournalPage:
        """Events with seq > `after` in order: `limit` (>= 1), or until they reach `max_bytes`.

        Fewer means that there are no more at this snapshot. Events of deleted threads are left out,
        except `thread_deleted`. The page takes one round trip.
        """
        ...

    async def timestamp(self, seq: int) -> bytes | None:
        """The `timestamp_text` of the event at `seq`, or None when it is not there (any more)."""
        ...

    async def thread(self, thread_id: str) -> ThreadRow | None:
        """One thread; None when it is not this user's, was deleted or never existed.

        A legacy id resolves when the user has it as an alias (`AliasThread`).
        """
        ...

    async def threads(self, *, limit: int, before: int | None) -> list[ThreadRow]:
        """Threads by `last_seq`, latest first; only those with `last_seq` < `before` if given."""
        ...

    async def messages(self, thread_id: str, *, limit: int, before: int | None) -> list[MessageRow]:
        """A thread's last `limit` messages and answers with seq < `before`, oldest first."""
        ...

    async def run(self, run_id: str) -> RunRow | None:
        """One run; None when it is not this user's or never existed."""
        ...

    async def inputs(self, run_id: str) -> list[InputRow]:
        """A run's questions by ordinal."""
        ...

    async def search(self, text: str, *, limit: int) -> list[SearchHit]:
        """The user's own messages that hold all words of `text`, taken literally, latest first.

        Case and accents are ignored. Other users' messages have no influence on the result.
        """
        ...

    async def connections(self) -> list[ConnectionRow]:
        """The user's connections with a place, oldest first; those of lost nodes are left out."""
        ...

    async def runs(self, *, live: bool, limit: int) -> list[RunFacts]:
        """Up to `limit` of the user's runs: live ones, oldest first, or ended ones, latest first.

        Runs of deleted threads are included.
        """
        ...

    async def counts(self) -> UserCounts:
        """How many threads and runs the user has."""
        ...

    async def close(self) -> None:
        """End the snapshot; idempotent."""
        ...


class Store(Protocol):
    """A database of journals. Sessions are there in any number.

    At most one `commit` at a time, and concurrently one of `VOLATILE` units only.
    """

    async def open(self) -> None:
        """Open, check and migrate.

        Raises:
            ConfigurationError: it cannot be used; the message says what to change.
        """
        ...

    async def close(self) -> None:
        """Wait for operations under way and close; idempotent."""
        ...

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """Commit a batch in one transaction and return one outcome per unit, in order.

        A rejected unit leaves the others untouched. Leases use the store's own clock, never `now`.

        Args:
            units: at least one.
            now: wall time of this node, for the events' timestamps.

        Raises:
            ThreadcastError: nothing of the batch was committed (`unavailable`, `storage_full`).
            OutcomeUnknown: whether the batch was committed cannot be known.
        """
        ...

    def session(self, context: UserExecutionContext) -> StoreSession:
        """A new session for this context; nothing is acquired before the first read."""
        ...

    async def heads(self, user_ids: Collection[str]) -> dict[str, int]:
        """The heads of these journals, in one query; for the head poll."""
        ...

    async def notices(self, node_id: str, *, within_s: float) -> NodeNotices:
        """What a node would know if no hint was ever lost, in one query.

        Args:
            node_id: the node's.
            within_s: how far to look back for revocations, in seconds of the store's clock.
        """
        ...

    async def abandoned(self, *, limit: int, among: Sequence[str] | None = None) -> list[str]:
        """Up to `limit` users without a place whose live runs asked to end then (`on_disconnect`).

        Places exist only where nodes take them, see `shared`. One query.

        Args:
            limit: the most users, >= 1.
            among: only these users; None for all.
        """
        ...

    async def nodes(self) -> list[NodeRow]:
        """Every known node, by id."""
        ...

    async def find_run(self, run_id: str) -> RunFacts | None:
        """A run of any user, or None; for operators only."""
        ...

    async def live_runs(self, status: RunStatus | None, *, limit: int) -> list[RunFacts]:
        """Up to `limit` runs of this status, or of any live status, oldest first; for operators.

        At most `runs.LIVE_RUNS_COUNTED_MAX` runs are considered.
        """
        ...

    async def count_live_runs(self) -> list[LiveRunCount]:
        """Live runs of all users by status, queued ones also by what they wait for; for operators.

        At most `runs.LIVE_RUNS_COUNTED_MAX` are counted.
        """
        ...

    async def count_connected_users(self) -> int | None:
        """How many users have a place that counts; for operators.

        None where there are more than `place_units.PLACES_COUNTED_MAX` places.
        """
        ...

    async def actions(self, *, limit: int, before: int | None) -> list[ActionRow]:
        """What operators did, latest first; only entries with an ordinal < `before` if given."""
        ...

    async def run_notices(self, owner: str, waiting: Sequence[Lease]) -> list[str]:
        """What a node would know of its runs if no hint was ever lost, in one query.

        Args:
            owner: the node's id.
            waiting: leases of its runs that wait for a person, as far as it knows.

        Returns:
            Ids of its runs that were cancelled, and of those that no longer wait.
        """
        ...

    async def facts(self) -> dict[str, str]:
        """Facts for operators: product, version, durability settings, sizes."""
        ...

    async def alias_facts(self, *, now: float) -> AliasFacts:
        """Use of the aliases of legacy ids; works on a store that is in use.

        Args:
            now: wall time, seconds since the epoch.

        Raises:
            ConfigurationError: the database is too old to know.
        """
        ...

    @property
    def shared(self) -> bool:
        """Whether other nodes may use the same database, so that connections need places in it."""
        ...

    @property
    def has_plain_aliases(self) -> bool:
        """Whether there may be aliases of no known shape (see `ids.legacy`); False when closed."""
        ...

    @property
    def losses(self) -> int:
        """How often the connection to the database was lost; after a loss it may be another one."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether the last commit or probe worked."""
        ...


@runtime_checkable
class SharedStore(Store, Protocol):
    """A store that several nodes use at once."""

    async def cluster_secret(self) -> bytes:
        """The secret that the nodes on this database share; at least 32 bytes.

        A copy of the database that runs elsewhere has another one.

        Raises:
            ThreadcastError: `unavailable`, it cannot be read now.
        """
        ...
