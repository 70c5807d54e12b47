"""Operators' actions, each recorded in the trail before and after.

Nothing is done before the trail and the log say that it was begun. The outcome is recorded
afterwards; if that fails, or the outcome is unknown, the entry stays `begun`. No operator may act
so often that entries would be dropped before they expire.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from ..clock import Clock
from ..context import UserExecutionContext
from ..delivery.journal import Journal
from ..delivery.websocket_manager import WebSocketManager
from ..errors import OutcomeUnknown, ThreadcastError
from ..ids import UnifiedIdGenerator
from ..rates import BucketPerKey, rate_limited
from ..store.operator_units import ACTIONS_PER_DAY, AskToDrain, BeginAction, EndAction
from ..store.place_units import ClosePlaces
from ..store.records import ActionRow, NodeRow
from ..store.session import RequestScopedSessionFactory
from ..store.units import CancelRun, RevokeSessions
from ..wire.action_models import ActionName
from .look_ups import LookUps
from .overview import taking_work

__all__ = ["Operator", "OperatorActions"]

_REASON = "cancelled by an operator"
_MICROSECONDS = 1_000_000
_DAY_S = 86_400
_AT_ONCE_MAX = 200
_OPERATORS_MAX = 10_000
_ACTS_ALLOWED = (
    f"An operator may act {_AT_ONCE_MAX} times at once and {ACTIONS_PER_DAY} times a day."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Operator:
    """The acting operator.

    Attributes:
        user_id: the `sub` of the credential.
        request_id: of the request.
        reason: why, in the operator's words.
    """

    user_id: str
    request_id: str
    reason: str | None


class OperatorActions:
    """Carries out operators' actions.

    Args:
        node_id: this node's.
        journal: commits.
        sessions: tell whether a user exists.
        look_ups: find runs.
        manager: ends connections here.
        clock: wall time, and monotonic time for rate limits.
        nodes: gives the nodes in the store; none without a shared store.
        shared: whether connections have places in the store.
        drain: starts draining this node.
    """

    def __init__(
        self,
        node_id: str,
        journal: Journal,
        sessions: RequestScopedSessionFactory,
        look_ups: LookUps,
        manager: WebSocketManager,
        clock: Clock,
        *,
        nodes: Callable[[], Awaitable[Sequence[NodeRow]]],
        shared: bool,
        drain: Callable[[], object],
    ) -> None:
        self._node_id = node_id
        self._journal = journal
        self._sessions = sessions
        self._look_ups = look_ups
        self._manager = manager
        self._clock = clock
        self._nodes = nodes
        self._shared = shared
        self._drain = drain
        self._rates = BucketPerKey(ACTIONS_PER_DAY / _DAY_S, _AT_ONCE_MAX, keys_max=_OPERATORS_MAX)

    async def close_all(self, by: Operator, user_id: str) -> int:
        """End a user's connections on every node; how many there were, 0 for an unknown user.

        Raises:
            ThreadcastError: `rate_limited`, or the store cannot be used.
        """
        context = UserExecutionContext.create(user_id, "ops", request_id=by.request_id)
        closed = 0

        async def act() -> str:
            nonlocal closed
            closed = await self.close(context, None)
            return f"{closed} connection(s)"

        await self._in_trail(by, "disconnect", user_id, user_id, act)
        return closed

    async def disconnect(
        self, by: Operator, user_id: str, connection_id: str | None = None
    ) -> ActionRow:
        """End a user's connections, or one, on whichever node.

        Raises:
            ThreadcastError: `not_found`, `rate_limited`, or the store cannot be used.
        """
        context = UserExecutionContext.create(user_id, "ops", request_id=by.request_id)

        async def act() -> str:
            await self._require_known(context)
            closed = await self.close(context, connection_id)
            if connection_id is not None and not closed:
                raise ThreadcastError("not_found", "connection_id: the user has no such connection")
            return f"{closed} connection(s)"

        target = user_id if connection_id is None else connection_id
        return await self._in_trail(by, "disconnect", target, user_id, act)

    async def close(self, context: UserExecutionContext, connection_id: str | None) -> int:
        """End one connection of the context's user, or all; how many there were.

        Raises:
            ThreadcastError: the store cannot be used, where it has the places.
        """
        if connection_id is not None and self._manager.force_close(context, connection_id):
            return 1
        if self._shared:
            return await self._journal.append(ClosePlaces(context, connection_id, "forced_close"))
        return self._manager.force_close_all(context) if connection_id is None else 0

    async def sign_out(self, by: Operator, user_id: str) -> ActionRow:
        """Revoke a user's credentials that were issued until now.

        Raises:
            ThreadcastError: `not_found`, `rate_limited`, or the store cannot be used.
        """
        context = UserExecutionContext.create(user_id, "ops", request_id=by.request_id)

        async def act() -> str:
            await self._require_known(context)
            await self._journal.append(RevokeSessions(context, before=self._clock.now()))
            return "signed out everywhere"

        return await self._in_trail(by, "sign_out", user_id, user_id, act)

    async def cancel_run(self, by: Operator, run_id: str) -> ActionRow:
        """Cancel a run of any user.

        Raises:
            ThreadcastError: `not_found`, `rate_limited`, or the store cannot be used.
        """
        found = await self._look_ups.find(run_id)

        async def act() -> str:
            if found is None:
                raise ThreadcastError("not_found", "run_id: there is no run of this id")
            context = UserExecutionContext.for_run(
                found.user_id, found.run.thread_id, run_id, operation="ops"
            )
            state = await self._journal.append(CancelRun(context, _REASON))
            return f"the run is {state.status.value}"

        whose = None if found is None else found.user_id
        return await self._in_trail(by, "cancel_run", run_id, whose, act)

    async def drain_node(self, by: Operator, node_id: str) -> ActionRow:
        """Drain a node: no new work, runs handed over, clients disconnected.

        The entry says how many others take new work; the last one may be drained, too.

        Raises:
            ThreadcastError: `not_found`: no living node has this id; `rate_limited`, or the store
                cannot be used.
        """

        async def act() -> str:
            others = taking_work(await self._nodes()) - {node_id}
            if node_id == self._node_id:
                self._drain()
            elif not await self._journal.append(AskToDrain(node_id)):
                raise ThreadcastError("not_found", "node_id: no living node has this id")
            return f"the node drains; {_left(len(others))}"

        return await self._in_trail(by, "drain_node", node_id, None, act)

    async def _require_known(self, context: UserExecutionContext) -> None:
        async with self._sessions.open(context) as session:
            if (await session.journal.head()).feed is None:
                raise ThreadcastError("not_found", "user: nobody of this id has a journal")

    async def _in_trail(
        self,
        by: Operator,
        action: ActionName,
        target: str,
        user_id: str | None,
        act: Callable[[], Awaitable[str]],
    ) -> ActionRow:
        wait_s = self._rates.take(by.user_id, self._clock.monotonic())
        if wait_s:
            raise rate_limited(wait_s, _ACTS_ALLOWED)
        entry = ActionRow(
            action_id=UnifiedIdGenerator.generate_base_id("action"),
            at=int(self._clock.now() * _MICROSECONDS) / _MICROSECONDS,  # in the trail's precision
            operator=by.user_id,
            action=action,
            target=target,
            user_id=user_id,
            reason=by.reason,
            node_id=self._node_id,
            request_id=by.request_id,
        )
        await self._journal.append(BeginAction(entry))
        log.warning("operator %r begins %s of %r (%s)", by.user_id, action, target, by.request_id)
        try:
            detail = await act()
        except OutcomeUnknown:
            raise
        except ThreadcastError as error:
            await self._end(entry, EndAction(entry.action_id, "failed", error.code))
            raise
        await self._end(entry, EndAction(entry.action_id, "done", detail))
        return replace(entry, outcome="done", detail=detail)

    async def _end(self, entry: ActionRow, unit: EndAction) -> None:
        log.warning("%s of %r: %s, %s", entry.action, entry.target, unit.outcome, unit.detail)
        try:
            await self._journal.append(unit)
        except ThreadcastError as error:
            log.warning("the trail keeps %s as begun: %s", entry.action_id, error.code)


def _left(others: int) -> str:
    if others:
        return f"{others} other(s) take new work"
    return "no other takes new work: messages are refused until one does"
