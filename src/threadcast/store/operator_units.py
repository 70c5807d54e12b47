"""Units of operators: the action trail, journal positions of connections, and drain requests.

They belong to no user's journal and take no lock that others wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..context import UserExecutionContext
from .records import ActionRow
from .units import Unit

_DAY_S = 86_400
ACTIONS_PER_DAY = 2_000
"""How many actions one operator may begin in a day on each node, failed ones included."""
ACTIONS_KEPT_S = 400 * _DAY_S
"""How long the operators' trail keeps an entry, in seconds."""
ACTIONS_MAX = 1_000_000
"""The most entries it keeps: more than one operator can add before an entry expires."""
FORGOTTEN_AT_ONCE_MAX = 100
"""The most old entries that adding one may remove."""


@dataclass(frozen=True, slots=True)
class BeginAction(Unit[None]):
    """Record an action in the trail before it is carried out.

    Attributes:
        action: the action.
        kept_s: how long the trail keeps an entry, in seconds; older ones go, 100 at a time.
        kept_max: the most entries it keeps, >= 1; beyond that the oldest go, too.
    """

    action: ActionRow
    kept_s: float = ACTIONS_KEPT_S
    kept_max: int = ACTIONS_MAX


@dataclass(frozen=True, slots=True)
class EndAction(Unit[None]):
    """Record the outcome of an action in the trail.

    Attributes:
        action_id: of an action that was begun.
        outcome: whether it was done.
        detail: its result, or the error code that refused it.
    """

    action_id: str
    outcome: Literal["done", "failed"]
    detail: str


@dataclass(frozen=True, slots=True)
class AskPositions(Unit[None]):
    """Ask nodes for the journal positions of the user's connections; they find it by their poll.

    Attributes:
        context: any of the user's.
    """

    context: UserExecutionContext


@dataclass(frozen=True, slots=True)
class Standing:
    """A connection's position in its user's journal.

    Attributes:
        user_id, connection_id: which connection.
        cursor: the last seq that it was given.
        live: whether it is pushed to; else it catches up.
    """

    user_id: str
    connection_id: str
    cursor: int
    live: bool


@dataclass(frozen=True, slots=True)
class TellPositions(Unit[None]):
    """Store journal positions; connections without a place, or locked elsewhere, are left out."""

    standings: Sequence[Standing]


@dataclass(frozen=True, slots=True)
class AskToDrain(Unit[bool]):
    """Ask a node to drain; it finds that by its poll. The result is whether it is alive."""

    node_id: str
