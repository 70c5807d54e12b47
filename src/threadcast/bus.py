"""The seam by which nodes hint each other, and its in-process version.

A hint is never the truth: losing all of them costs latency, never an event. A receiver delivers
what continues its cursor, ignores what it has, and reads the journal where there is a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from .events import JournalEvent


@dataclass(frozen=True, slots=True)
class JournalGrew:
    """A user's journal grew by these events, dense and in seq order, all committed."""

    user_id: str
    events: Sequence[JournalEvent]


@dataclass(frozen=True, slots=True)
class JournalReached:
    """A user's journal grew by more than a hint can carry: its events are to be read.

    Attributes:
        user_id: whose journal.
        head: the last seq that was committed, >= 1.
    """

    user_id: str
    head: int


@dataclass(frozen=True, slots=True)
class HintsMissed:
    """Hints that name these users may have been lost until now: their heads are to be read.

    A bus tells its own node so when it has begun to hear of users, and when it was away.
    """

    user_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class RunsWaiting:
    """At least one run waits to be claimed.

    Attributes:
        passed_on: how many nodes had no room for it. 0: only the node that stored it is told; above
            that, one other node that executes runs.
    """

    passed_on: int = 0


@dataclass(frozen=True, slots=True)
class RunSignal:
    """Something happened to a run that its owner should look at now: a cancel or an answer.

    Attributes:
        run_id: of the run.
        node_id: of the node that owns it, or did when this was stored; it alone is told.
    """

    run_id: str
    node_id: str


@dataclass(frozen=True, slots=True)
class SessionsRevoked:
    """Credentials of this user issued before a time, or one token, are void."""

    user_id: str


@dataclass(frozen=True, slots=True)
class ConnectionUnwanted:
    """A connection of this user is to end, on whichever node it is.

    Attributes:
        user_id: whose it is.
        connection_id: names it.
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
    """Carries hints to every node that listens, at most once, in no promised order across nodes.

    `publish` never blocks and never fails: a hint that cannot be sent is dropped and counted.
    Receivers are called on the event loop and must not raise.
    """

    def publish(self, *hints: Hint) -> None:
        """Tell every node that each hint concerns, this one included; see the hints.

        Hints of one call go out together and in order, to other nodes before this one hears them:
        what this node has to do meanwhile is not waited for elsewhere.
        """
        ...

    def listen(self, receiver: Receiver) -> Callable[[], None]:
        """Call `receiver` for hints that matter to this node; returns what ends it."""
        ...

    def follow(self, user_id: str) -> None:
        """Hear from now on what names this user; before that, other nodes' hints may not arrive.

        Each call is to be matched by one of `unfollow`. Once hints arrive for sure, receivers are
        told `HintsMissed`, unless none can have been missed.
        """
        ...

    def unfollow(self, user_id: str) -> None:
        """Take one `follow` back; after the last one hints that name this user may be left out."""
        ...

    @property
    def connected(self) -> bool:
        """Whether hints reach other nodes now, as far as can be known."""
        ...

    @property
    def name(self) -> str | None:
        """What carries hints to other nodes, for people; None where they stay in the process."""
        ...

    @property
    def round_trip_s(self) -> float | None:
        """How long its last heartbeat took; None without a bus, or while it is away."""
        ...

    async def open(self) -> None:
        """Connect; a bus that cannot connect starts degraded and goes on trying."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class LocalBus:
    """The bus of one process: a hint is a call."""

    def __init__(self) -> None:
        self._receivers: list[Receiver] = []

    def publish(self, *hints: Hint) -> None:
        """Call every receiver now, in the order in which they began to listen."""
        for hint in hints:
            if not (isinstance(hint, RunsWaiting) and hint.passed_on):  # that is for another node
                self.tell(hint)

    def tell(self, hint: Hint) -> None:
        """Call every receiver, whoever the hint was for."""
        for receiver in tuple(self._receivers):
            receiver(hint)

    def listen(self, receiver: Receiver) -> Callable[[], None]:
        """Begin to call `receiver`; the returned function ends that and may be called twice."""
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
