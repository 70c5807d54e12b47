"""Bodies of what operators do, and of the trail of what they did.

Whoever acts names the target twice, so that a slip of the hand does nothing. The published OpenAPI
document is generated from these structs.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..ids import ID_MAX_CHARACTERS, USER_ID_MAX_CHARACTERS
from .fields import RequestId, RunId, Timestamp

__all__ = [
    "Action",
    "ActionName",
    "ActionPage",
    "CancelRunBody",
    "DisconnectBody",
    "DrainNodeBody",
    "SignOutBody",
]

ActionName = Literal["disconnect", "sign_out", "cancel_run", "drain_node"]

_User = Annotated[str, Meta(min_length=1, max_length=USER_ID_MAX_CHARACTERS)]
_Confirm = Annotated[
    str,
    Meta(
        max_length=USER_ID_MAX_CHARACTERS,
        description="The target once more, word for word: what is named most closely.",
    ),
]
_Reason = Annotated[str, Meta(max_length=200, description="Why, for whoever reads the trail.")]


class DisconnectBody(msgspec.Struct, frozen=True, kw_only=True):
    """Close a user's connections, or one; `confirm` is the connection's id, else the user's."""

    user: _User
    connection_id: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=ID_MAX_CHARACTERS,
                description="One connection; null for all.",
                extra={"id_kind": "ws_conn"},
            ),
        ]
        | None
    ) = None
    confirm: _Confirm
    reason: _Reason | None = None


class SignOutBody(msgspec.Struct, frozen=True, kw_only=True):
    """Make void a user's credentials that were issued until now; `confirm` is the user's id."""

    user: _User
    confirm: _Confirm
    reason: _Reason | None = None


class CancelRunBody(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for the end of a run, whoever's it is; `confirm` is the run's id."""

    run_id: RunId
    confirm: _Confirm
    reason: _Reason | None = None


class DrainNodeBody(msgspec.Struct, frozen=True, kw_only=True):
    """Let a node hand over its runs and send its clients away; `confirm` is the node's id."""

    node_id: Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARACTERS)]
    confirm: _Confirm
    reason: _Reason | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an operator did.

    Attributes:
        action_id: its id.
        at: when it was begun.
        operator: who: the `sub` of the credential.
        action: what.
        target: to what: a user, a connection, a run or a node.
        user: whose it is, if it is anybody's.
        reason: why, if that was said.
        outcome: `begun` while it is under way, and for ever where what became of it is not known.
        detail: what came of it, or the code of what refused it.
        node_id: of the node that was asked.
        request_id: of the request; the log has it, too.
    """

    action_id: str
    at: Timestamp
    operator: str
    action: ActionName
    target: str
    user: str | None
    reason: str | None
    outcome: Literal["begun", "done", "failed"]
    detail: str | None
    node_id: str
    request_id: RequestId


class ActionPage(msgspec.Struct, frozen=True, kw_only=True):
    """What operators did, the latest first; kept for 400 days, at most 1,000,000 of them."""

    actions: list[Action]
    next: Annotated[str, Meta(description="Give it as `before`; null on the last page.")] | None
