"""What can happen to nodes, to the database and to the ways between: each fault heals itself.

A fault begins, lasts and is over when its function returns. Which node, how long and how hard the
world's dice decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from postgres_server import free_port
from proving.world import LEASE_S, NODES_MAX, World
from tcp_relay import Link
from threadcast.testing.history import TailLost

Fault = Callable[[World], Awaitable[None]]

_HALF_HOUR_S = 1_800.0
_END_SOME = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'threadcast' AND (query LIKE '%COMMIT%' AND state = 'active')
"""
_END_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'threadcast'
"""
_SLOW_COMMITS = """
ALTER ROLE threadcast SET commit_delay = 20000; ALTER ROLE threadcast SET commit_siblings = 0
"""
_OVERLOAD_MAX_S, _STOPPED_MAX_S, _GOES_ON_MAX_S = 20.0, 3.0, 0.3
_ENDINGS, _ENDING_PAUSE_S = 25, 0.04


# --- nodes -------------------------------------------------------------------------------------


async def node_killed(world: World) -> None:
    """`kill -9`, and a new start a while later."""
    async with world.troubled_node() as node:
        await node.kill()
        await world.last(0.0, 2 * LEASE_S)
        await node.start_again()


async def node_stopped_and_continued(world: World) -> None:
    """SIGSTOP for half a lease to three leases, then it goes on as if nothing had been."""
    async with world.troubled_node() as node:
        node.pause()
        try:
            await world.last(0.5 * LEASE_S, 3 * LEASE_S)
        finally:
            node.resume()


async def rolling_restart(world: World) -> None:
    """SIGTERM to one node after the other, each started again before the next.

    If there is an older version, each node changes to the other version.
    """
    for node in world.nodes:
        if node.troubled:
            continue
        node.troubled = True
        try:
            await node.terminate()
            node.source = None if node.source else world.older
            await node.start_again()
        finally:
            node.troubled = False


async def node_joins(world: World) -> None:
    """One node more; from a number of nodes on, one leaves for it by SIGTERM."""
    if len(world.nodes) < NODES_MAX:
        await world.start_node()
        return
    async with world.troubled_node() as node:
        await node.terminate()
        await world.last(0.0, LEASE_S)
        await node.start_again()


async def node_comes_back_at_another_hour(world: World) -> None:
    """`kill -9`, and a new start with a clock that is half an hour ahead, behind, or right.

    So two nodes can be an hour apart.
    """
    async with world.troubled_node() as node:
        await node.kill()
        node.clock_ahead_s = world.dice.choice((-_HALF_HOUR_S, 0.0, _HALF_HOUR_S))
        await node.start_again()


# --- the ways ----------------------------------------------------------------------------------


async def node_cut_from_the_database(world: World) -> None:
    """Its connections end and no new one succeeds; the bus still reaches it."""
    async with world.troubled_node() as node:
        await _cut(world, node.database_link)


async def node_hears_nothing_of_the_database(world: World) -> None:
    """Nothing arrives, there, here or both, and nobody is told; then it does after all."""
    async with world.troubled_node() as node:
        await _frozen(world, node.database_link)


async def node_cut_from_the_bus(world: World) -> None:
    """Its connection to NATS ends and no new one succeeds; the database still answers."""
    async with world.troubled_node() as node:
        await _cut(world, node.bus_link)


async def node_hears_nothing_of_the_bus(world: World) -> None:
    """The same with NATS; what arrives after all comes far too late."""
    async with world.troubled_node() as node:
        await _frozen(world, node.bus_link)


async def _cut(world: World, link: Link | None) -> None:
    assert link is not None
    await link.cut()
    await _mended_later(world, link)


async def _frozen(world: World, link: Link | None) -> None:
    assert link is not None
    requests, answers = world.dice.choice(((True, True), (True, False), (False, True)))
    link.freeze(requests=requests, answers=answers)
    await _mended_later(world, link)


async def _mended_later(world: World, link: Link) -> None:
    try:
        await world.last(0.2, 3 * LEASE_S)
    finally:
        link.mend()


# --- the database ------------------------------------------------------------------------------


async def database_restarted(world: World) -> None:
    """PostgreSQL stops in immediate mode, as if its machine had gone, and starts again."""
    await asyncio.to_thread(world.postgres.stop, immediate=True)
    await asyncio.to_thread(world.postgres.start)


async def database_away(world: World) -> None:
    """The same, and it stays away for up to 30 s."""
    await asyncio.to_thread(world.postgres.stop, immediate=True)
    try:
        await world.last(1.0, 30.0)
    finally:
        await asyncio.to_thread(world.postgres.start)


async def connections_exhausted(world: World) -> None:
    """No connection can be had, and all that there were are gone."""
    await world.postgres.run("ALTER ROLE threadcast CONNECTION LIMIT 0")
    try:
        await world.postgres.run(_END_ALL)
        await world.last(0.5, 10.0)
    finally:
        await world.postgres.run("ALTER ROLE threadcast CONNECTION LIMIT -1")


async def backends_terminated_in_commit(world: World) -> None:
    """For a second, commits take long, and whichever connection is found in one is ended."""
    await world.postgres.run(_SLOW_COMMITS)
    try:
        await world.postgres.run(_END_ALL)
        for _ in range(_ENDINGS):
            await world.postgres.run(_END_SOME)
            await asyncio.sleep(_ENDING_PAUSE_S)
    finally:
        await world.postgres.run("ALTER ROLE threadcast RESET ALL")
        await world.postgres.run(_END_ALL)


async def database_overloaded(world: World) -> None:
    """Starve PostgreSQL of CPU: statements take longer than nodes wait."""
    loop = asyncio.get_running_loop()
    until = loop.time() + world.dice.uniform(1.0, min(_OVERLOAD_MAX_S, world.sizes.away_max_s))
    while loop.time() < until:
        world.postgres.pause()
        try:
            await world.last(0.2, _STOPPED_MAX_S)
        finally:
            world.postgres.resume()
        await world.last(0.01, _GOES_ON_MAX_S)


async def database_lost_its_tail(world: World) -> None:
    """A copy that lacks the last seconds takes the place of the database; nobody renews a feed."""
    postgres = world.postgres
    await asyncio.to_thread(postgres.stop, immediate=True)
    kept = await asyncio.to_thread(postgres.keep)
    await asyncio.to_thread(postgres.start)
    await world.last(0.5, 5.0)
    await asyncio.to_thread(postgres.stop, immediate=True)
    await world.all_delivered()
    postgres.go_back(kept)
    port, postgres.port = postgres.port, free_port()  # nobody is to write before it is looked at
    await asyncio.to_thread(postgres.start)
    heads = dict(map(tuple, await world.sql("SELECT user_id, head FROM users WHERE head >= $1", 0)))
    for user in world.users:
        world.history.add(TailLost(user, heads.get(user, 0)))
    await asyncio.to_thread(postgres.stop)
    postgres.port = port
    await asyncio.to_thread(postgres.start)


# --- the bus -----------------------------------------------------------------------------------


async def bus_killed(world: World) -> None:
    """NATS is killed, and started again a while later."""
    await asyncio.to_thread(world.bus.server.stop, kill=True)
    try:
        await world.last(0.0, 5.0)
    finally:
        await asyncio.to_thread(world.bus.server.start)


async def bus_unruly(world: World) -> None:
    """It loses, doubles and delays messages, each a share between none and all."""
    proxy = world.bus.proxy
    proxy.loss, proxy.double, proxy.late = (world.dice.random() for _ in range(3))
    try:
        await world.last(1.0, 8.0)
    finally:
        proxy.loss = proxy.double = proxy.late = 0.0


async def bus_deaf(world: World) -> None:
    """It loses every message, and its connections stay alive."""
    world.bus.proxy.loss = 1.0
    try:
        await world.last(1.0, 8.0)
    finally:
        world.bus.proxy.loss = 0.0
