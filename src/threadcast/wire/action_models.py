"""Bodies of operators' actions, and of their trail.

An action names its target twice, so that a slip of the hand does nothing. The published OpenAPI
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
    """Revoke a user's credentials that were issued until now; `confirm` is the user's id."""

    user: _User
    confirm: _Confirm
    reason: _Reason | None = None


class CancelRunBody(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel a run of any user; `confirm` is the run's id."""

    run_id: RunId
    confirm: _Confirm
    reason: _Reason | None = None


class DrainNodeBody(msgspec.Struct, frozen=True, kw_only=True):
    """Drain a node: hand over its runs and disconnect its clients; `confirm` is the node's id."""

    node_id: Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARACTERS)]
    confirm: _Confirm
    reason: _Reason | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an operator did.

    Attributes:
        action_id: its id.
        at: when it began.
        operator: the `sub` of the credential.
        action: what was done.
        target: the user, connection, run or node.
        user: the target's user, if it has one.
        reason: why, if given.
        outcome: `begun` while it is under way, and for ever if its outcome is unknown.
        detail: its result, or the error code that refused it.
        node_id: of the node that got the request.
        request_id: of the request, as in the log.
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
    """Operators' actions, the latest first; kept for 400 days, at most 1,000,000 of them."""

    actions: list[Action]
    next: Annotated[str, Meta(description="Give it as `before`; null on the last page.")] | None
