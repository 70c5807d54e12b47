"""The seam for hints between nodes, and its in-process implementation.

A hint is never the truth: losing all of them costs latency, never an event. A receiver delivers
what continues its cursor, ignores what it has, and reads the journal where there is a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..events import JournalEvent


@dataclass(frozen=True, slots=True)
class JournalGrew:
    """A user's journal grew by these events, dense and in seq order, all committed."""

    user_id: str
    events: Sequence[JournalEvent]


@dataclass(frozen=True, slots=True)
class JournalReached:
    """A user's journal grew by more than a hint can carry: receivers have to read it.

    Attributes:
        user_id: whose journal.
        head: the last committed seq, >= 1.
    """

    user_id: str
    head: int


@dataclass(frozen=True, slots=True)
class HintsMissed:
    """Hints about these users may have been lost until now: their heads have to be polled.

    A bus sends this to its own node when it starts to follow users, and after an outage.
    """

    user_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class RunsWaiting:
    """At least one run waits to be claimed.

    Attributes:
        passed_on: how many nodes had no room for it. 0: only the node that stored it is told; above
            that, one other node that executes runs.
        user_ids: whose run it is, as far as is known; runs of others may be claimed as well.
    """

    passed_on: int = 0
    user_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSignal:
    """A run was cancelled or its question answered; its owner should look now.

    Attributes:
        run_id: of the run.
        node_id: of the node that owned it when this was stored; only that node is told.
    """

    run_id: str
    node_id: str


@dataclass(frozen=True, slots=True)
class SessionsRevoked:
    """Credentials of this user were revoked: those issued before a time, or one token."""

    user_id: str


@dataclass(frozen=True, slots=True)
class ConnectionUnwanted:
    """A connection of this user has to end, on whichever node it is.

    Attributes:
        user_id: its user.
        connection_id: its id.
        code: the error code that it ends with.
    """

    user_id: str
    connection_id: str
    code: str


Hint = (
    JournalGrew
    | JournalReached
    | HintsMissed
    | RunsWaiting
    | RunSignal
    | SessionsRevoked
    | ConnectionUnwanted
)
Receiver = Callable[[Hint], None]


class Bus(Protocol):
    """Carries hints to nodes: at most once, with no ordering across nodes.

    `publish` never blocks and never fails: a hint that cannot be sent is dropped and counted.
    Receivers are called on the event loop and must not raise.
    """

    def publish(self, *hints: Hint) -> None:
        """Send each hint to every node that it concerns, this one included.

        Hints of one call go out together and in order, to other nodes first, so that those need not
        wait for this node's own deliveries.
        """
        ...

    def listen(self, receiver: Receiver) -> Callable[[], None]:
        """Call `receiver` for hints that matter to this node; returns a function that stops it."""
        ...

    def follow(self, user_id: str) -> None:
        """Subscribe to hints about this user; before that, other nodes' hints may not arrive.

        Each call must be matched by one `unfollow`. Once the subscription is in effect, receivers
        get `HintsMissed`, unless none can have been missed.
        """
        ...

    def unfollow(self, user_id: str) -> None:
        """Undo one `follow`; after the last one, hints about this user may be left out."""
        ...

    @property
    def connected(self) -> bool:
        """Whether hints reach other nodes now, as far as is known."""
        ...

    @property
    def name(self) -> str | None:
        """A display name for what carries hints between nodes; None for an in-process bus."""
        ...

    @property
    def round_trip_s(self) -> float | None:
        """The round trip of the last heartbeat; None without a bus, or while it is away."""
        ...

    async def open(self) -> None:
        """Connect; if that fails, start degraded and keep trying."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class LocalBus:
    """The bus of one process: a hint is a call."""

    def __init__(self) -> None:
        self._receivers: list[Receiver] = []

    def publish(self, *hints: Hint) -> None:
        """Call every receiver now, in the order of their `listen` calls."""
        for hint in hints:
            if not (isinstance(hint, RunsWaiting) and hint.passed_on):  # that is for another node
                self.tell(hint)

    def tell(self, hint: Hint) -> None:
        """Call every receiver, whichever node the hint is for."""
        for receiver in tuple(self._receivers):
            receiver(hint)

    def listen(self, receiver: Receiver) -> Callable[[], None]:
        """Register `receiver`; the returned function unregisters it and is idempotent."""
        self._receivers.append(receiver)

        def stop() -> None:
            if receiver in self._receivers:
                self._receivers.remove(receiver)

        return stop

    def follow(self, user_id: str) -> None:
        """Every hint is heard anyway."""

    def unfollow(self, user_id: str) -> None:
        """Every hint is heard anyway."""

    @property
    def connected(self) -> bool:
        """There is nobody else to reach."""
        return True

    @property
    def name(self) -> str | None:
        """There is none."""
        return None

    @property
    def round_trip_s(self) -> float | None:
        """There is none."""
        return None

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Forget every receiver."""
        self._receivers.clear()
