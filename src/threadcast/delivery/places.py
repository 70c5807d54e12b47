"""The places that this node's connections hold in a store that several nodes share.

A connection takes its place in the commit that also opens its user's journal and checks whether its
credential was revoked. Units of one connection are submitted in order, so a place whose outcome is
unknown is always left. What failed because the store was away is retried at every `settle`;
meanwhile the connection lives on without its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Literal

from ..auth.identity import Identity
from ..bus import ConnectionUnwanted, Hint
from ..check_modes import Check
from ..context import UserExecutionContext
from ..errors import OutcomeUnknown, ThreadcastError
from ..store.place_units import ConnectionKind, Credential, LeavePlace, TakePlace
from ..store.records import JournalHead
from ..store.units import Outcome, Rejected
from .journal import Journal

_AGAIN_AT_ONCE = 500


class Places:
    """Takes and leaves places for the connections of one node.

    Args:
        journal: commits.
        node_id: this node's.
        check: how strictly the limit per user is enforced.
        policy: what happens to a connection beyond its user's limit.
        receive: gets a hint for each connection here that cannot have its place back.
    """

    def __init__(
        self,
        journal: Journal,
        node_id: str,
        *,
        check: Check,
        policy: Literal["reject", "evict_oldest"],
        receive: Callable[[Hint], None],
    ) -> None:
        self._journal = journal
        self._node_id = node_id
        self._check = check
        self._receive = receive
        self._held: dict[str, TakePlace] = {}
        self._to_leave: dict[str, LeavePlace] = {}
        self._to_take: set[str] = set()
        self.policy = policy

    def __len__(self) -> int:
        return len(self._held)

    async def take(
        self,
        context: UserExecutionContext,
        identity: Identity,
        *,
        kind: ConnectionKind,
        opened_at: float,
        limit: int,
        agent: str | None = None,
    ) -> JournalHead:
        """Take a place; the caller must `leave` it on every path out, also after an error.

        Args:
            context: the connection's.
            identity: whose it is.
            kind: how it is attached.
            opened_at: when it was authenticated, seconds since the epoch.
            limit: how many its user may have at once, on all nodes.
            agent: how its client names itself.

        Raises:
            ThreadcastError: `revoked`, `too_many_connections`, or the store cannot be used now.
        """
        enforced = self._check.mode == "enforce"
        unit = TakePlace(
            *(context, self._node_id, kind, opened_at, limit),
            on_full=self.policy if enforced else "tolerate",
            credential=_credential_of(identity),
            agent=agent,
        )
        self._held[_id_of(context)] = unit
        try:
            taken = await self._journal.append(unit)
        except OutcomeUnknown as error:
            raise ThreadcastError("unavailable") from error
        if taken.beyond_limit:
            self._notice(limit)
        return taken.head

    def _notice(self, limit: int) -> None:
        reason = f"at most {limit} connections at once"
        self._check.notice(ThreadcastError("too_many_connections", reason))

    def leave(self, context: UserExecutionContext) -> None:
        """Leave a place, taken or not; idempotent."""
        connection_id = _id_of(context)
        if self._held.pop(connection_id, None) is None:
            return
        self._to_take.discard(connection_id)
        self._leave(connection_id, LeavePlace(context))

    def _leave(self, connection_id: str, unit: LeavePlace) -> None:
        self._to_leave[connection_id] = unit

        def done(outcome: Outcome) -> None:
            if not isinstance(outcome, Rejected):
                self._to_leave.pop(connection_id, None)

        self._journal.submit(unit, done)

    def renewed(self, context: UserExecutionContext, identity: Identity) -> None:
        """A connection here renewed its credential."""
        unit = self._held.get(_id_of(context))
        if unit is not None:
            self._held[_id_of(context)] = replace(unit, credential=_credential_of(identity))

    def lost(self) -> None:
        """The store lost this node's places: all have to be taken again."""
        self._to_take |= self._held.keys()

    async def settle(self) -> None:
        """Retry the places that could not be left or taken.

        A connection that cannot have its place back, because its user reached the limit or signed
        out meanwhile, is told to end. What fails because the store is away waits for the next call.
        """
        for connection_id, unit in tuple(self._to_leave.items()):
            self._leave(connection_id, unit)
        waiting = list(self._to_take)
        for start in range(0, len(waiting), _AGAIN_AT_ONCE):
            await self._take_again(waiting[start : start + _AGAIN_AT_ONCE])

    async def _take_again(self, connection_ids: Collection[str]) -> None:
        await asyncio.gather(*map(self._retake, connection_ids))

    async def _retake(self, connection_id: str) -> None:
        unit = self._held.get(connection_id)
        if unit is None:
            return  # it was left meanwhile; a place taken now would never be left
        try:
            await self._journal.append(unit)
        except ThreadcastError as error:
            if error.code not in ("too_many_connections", "revoked"):
                return  # away again, or the answer was lost: retry later
            user_id = unit.context.user_id
            self._receive(ConnectionUnwanted(user_id, connection_id, error.code))
        self._to_take.discard(connection_id)


def _credential_of(identity: Identity) -> Credential:
    return Credential(identity.token_id, identity.issued_at or 0.0)


def _id_of(context: UserExecutionContext) -> str:
    if context.connection_id is None:
        raise AssertionError("a connection has an id")
    return context.connection_id
