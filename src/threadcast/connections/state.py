"""The one state machine of a connection's life: the legal transitions, and what may be sent when.

Pure: no I/O, no clock, no loop. A connection asks here before it writes, so sending before accept,
after close or during the handshake is impossible by construction.
"""

from __future__ import annotations

from enum import StrEnum


class ConnectionState(StrEnum):
    """Where a connection is in its life."""

    ACCEPTING = "accepting"
    AUTHENTICATING = "authenticating"
    ATTACHING = "attaching"
    LIVE = "live"
    DRAINING = "draining"
    CLOSED = "closed"


_S = ConnectionState
TRANSITIONS: dict[ConnectionState, frozenset[ConnectionState]] = {
    _S.ACCEPTING: frozenset({_S.AUTHENTICATING, _S.CLOSED}),
    _S.AUTHENTICATING: frozenset({_S.ATTACHING, _S.DRAINING, _S.CLOSED}),
    _S.ATTACHING: frozenset({_S.LIVE, _S.DRAINING, _S.CLOSED}),
    _S.LIVE: frozenset({_S.ATTACHING, _S.DRAINING, _S.CLOSED}),
    _S.DRAINING: frozenset({_S.CLOSED}),
    _S.CLOSED: frozenset(),
}


class IllegalTransition(RuntimeError):
    """A transition that the table does not have; the message names the legal ones."""


class AsyncConnectionStateManager:
    """The state of one connection.

    `accepting`: nothing may be sent. `authenticating`: answers may be sent, events may not.
    `attaching`: the user is known and the cursor is being brought to the head, from the journal.
    `live`: the cursor is at the head and is pushed to. A reader that falls behind goes back from
    `live` to `attaching`. `draining`: the end was announced; only the close follows. `closed`.
    """

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = ConnectionState.ACCEPTING

    @property
    def state(self) -> ConnectionState:
        """The current state."""
        return self._state

    def move(self, following: ConnectionState) -> None:
        """Go on to `following`.

        Raises:
            IllegalTransition: the table has no such step.
        """
        legal = TRANSITIONS[self._state]
        if following not in legal:
            names = ", ".join(sorted(state.value for state in legal)) or "none"
            raise IllegalTransition(
                f"{self._state.value} to {following.value}; legal from here: {names}"
            )
        self._state = following

    @property
    def may_answer(self) -> bool:
        """Whether connection events may be sent."""
        return self._state in (_S.AUTHENTICATING, _S.ATTACHING, _S.LIVE)

    @property
    def may_deliver(self) -> bool:
        """Whether journal events may be sent."""
        return self._state in (_S.ATTACHING, _S.LIVE)

    @property
    def ended(self) -> bool:
        """Whether the end has begun or is over."""
        return self._state in (_S.DRAINING, _S.CLOSED)
