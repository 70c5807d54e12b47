"""Places of one node's connections: left, taken again, and refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

from delivery_scene import Delivery, delivering
from store_contract_places import connection_of, node_of
from store_scene import LEASE_S, NOW, context_of
from threadcast.auth.identity import Identity
from threadcast.bus import ConnectionUnwanted, Hint
from threadcast.check_modes import Check
from threadcast.context import UserExecutionContext
from threadcast.delivery.places import Places
from threadcast.store.place_units import RegisterNode, RemoveNode
from threadcast.store.units import RevokeSessions


class PlacedNode:
    """A node's places, and what it was told of them.

    Attributes:
        told: the hints, in order.
    """

    def __init__(self, delivery: Delivery) -> None:
        self.told: list[Hint] = []
        self._delivery = delivery
        self.places = Places(
            delivery.journal,
            "node-1",
            check=Check(
                "connections", "enforce", clock=delivery.clock, on_tolerated=lambda _name: None
            ),
            policy="reject",
            receive=self.told.append,
        )

    async def take(self, token_id: str) -> UserExecutionContext:
        """A connection of ann's with this token."""
        context = connection_of("ann")
        identity = _identity(token_id)
        await self.places.take(context, identity, kind="websocket", opened_at=NOW, limit=5)
        return context

    async def forgotten(self) -> None:
        """The store forgets this node and its places, which then knows that."""
        await self._delivery.journal.append(RemoveNode("node-1"))
        await self._delivery.journal.append(RegisterNode(node_of("node-1"), LEASE_S))
        self.places.lost()

    async def stored(self) -> set[str]:
        """Ann's connections, as the store has them."""
        async with self._delivery.sessions.open(context_of("ann")) as session:
            return {row.connection_id for row in await session.connections.list()}


def _identity(token_id: str) -> Identity:
    return Identity(user_id="ann", expires_at=NOW + 60, issued_at=NOW, token_id=token_id)


async def test_a_sign_out_that_nobody_told_of_is_found_when_places_are_taken_again(
    tmp_path: Path,
) -> None:
    async with delivering(tmp_path) as delivery:
        node = PlacedNode(delivery)
        kept, signed_out, renewed = [await node.take(f"jti-{number}") for number in range(3)]
        node.places.renewed(renewed, _identity("jti-later"))
        for token_id in ("jti-1", "jti-2"):
            unit = RevokeSessions(context_of("ann"), None, token_id, NOW + 60)
            await delivery.journal.append(unit)
        await node.forgotten()
        await node.places.settle()
        assert node.told == [ConnectionUnwanted("ann", str(signed_out.connection_id), "revoked")]
        assert await node.stored() == {kept.connection_id, renewed.connection_id}


async def test_a_connection_that_ends_before_its_turn_leaves_no_place(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        node = PlacedNode(delivery)
        stays, goes = [await node.take(f"jti-{number}") for number in range(2)]
        await node.forgotten()
        settling = asyncio.create_task(node.places.settle())
        await asyncio.sleep(0)  # it has begun, and nothing is taken yet
        node.places.leave(goes)
        await settling
        await delivery.journal.drained()
        assert await node.stored() == {stays.connection_id}
        assert len(node.places) == 1
