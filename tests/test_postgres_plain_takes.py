"""Places in PostgreSQL: taken in one call or one by one, and committed beside events."""

from __future__ import annotations

import asyncio

from database_proxy import Verdict
from postgres_scene import PostgresScene
from store_contract_places import Cluster, connection_of, place
from store_scene import NOW, context_of
from threadcast.store.place_units import Credential, LeavePlace, PlaceTaken, TakePlace
from threadcast.store.units import Committed, Outcome, Rejected, RevokeSessions

CROWD = [f"user-{number}" for number in range(20)]
PREPARED_WAYS = 3  # BEGIN, the call, COMMIT


async def cluster(database: PostgresScene, *, prepared: bool) -> Cluster:
    """A store behind the proxy, with a node and a crowd that has journals."""
    node = Cluster(await database.store(lossy=True, prepare_statements=prepared))
    await node.register("node-1")
    for number, user in enumerate(CROWD):
        for _ in range(number % 3 + 1):
            await node.thread(user)
    return node


def code_of(outcome: Outcome) -> str:
    """Why it was rejected; an empty text where a place was taken."""
    if isinstance(outcome, Rejected):
        return outcome.error.code
    assert isinstance(outcome.result, PlaceTaken)
    return ""


async def test_many_places_are_taken_in_one_call(database: PostgresScene) -> None:
    node = await cluster(database, prepared=True)
    gone = await node.taken("user-0")
    before = database.proxy.pieces
    takes = [place(connection_of(user), limit=1) for user in reversed(CROWD[1:])]
    outcomes = await node.outcomes(*takes)
    assert database.proxy.pieces - before == PREPARED_WAYS
    for take, outcome in zip(takes, outcomes, strict=True):
        user = take.context.user_id
        assert isinstance(outcome, Committed)
        async with node.session(user) as session:
            assert outcome.result == PlaceTaken(await session.journal())
        assert await node.places(user) == [take.context.connection_id]
    again, _ = await node.outcomes(takes[0], LeavePlace(gone))
    assert code_of(again) == ""
    assert await node.places(CROWD[-1]) == [takes[0].context.connection_id]
    assert await node.places("user-0") == []


async def test_places_that_may_be_refused_are_decided_one_by_one(
    database: PostgresScene,
) -> None:
    node = await cluster(database, prepared=True)
    await node.taken("user-0")
    await node.committed(RevokeSessions(context_of("user-1"), None, "jti-1", NOW + 60))
    await node.committed(RevokeSessions(context_of("user-2"), NOW, None, None))

    def take(user: str, token_id: str | None = None, issued_at: float = NOW) -> TakePlace:
        return place(connection_of(user), limit=1, credential=Credential(token_id, issued_at))

    outcomes = await node.outcomes(
        *(take("user-0"), take("user-1", "jti-1"), take("user-1", "jti-2")),
        *(take("user-2", issued_at=NOW - 1), take("user-2"), take("new"), take("new")),
    )
    full = "too_many_connections"
    assert [code_of(one) for one in outcomes] == [full, "revoked", "", "revoked", "", "", full]


async def test_neither_events_nor_places_wait_for_each_other(database: PostgresScene) -> None:
    node = await cluster(database, prepared=False)
    held = database.proxy.hold(b"take_places")
    taking = asyncio.create_task(node.outcomes(place(connection_of("user-0"))))
    await held.reached.wait()
    await node.thread("user-1")
    held.decide(Verdict.PASS)
    assert isinstance((await taking)[0], Committed)
    held = database.proxy.hold(b"INSERT INTO events")
    growing = asyncio.create_task(node.thread("user-1"))
    await held.reached.wait()
    await node.taken("user-2")
    assert await node.renew("node-1")
    held.decide(Verdict.PASS)
    await growing


async def test_a_node_that_leaves_is_in_order_with_its_places(database: PostgresScene) -> None:
    node = await cluster(database, prepared=False)
    held = database.proxy.hold(b"take_places")
    taking = asyncio.create_task(node.outcomes(place(connection_of("user-0"))))
    await held.reached.wait()
    renewing = asyncio.create_task(node.renew("node-1"))
    await node.thread("user-1")
    assert not renewing.done()
    held.decide(Verdict.PASS)
    await taking
    assert await renewing
