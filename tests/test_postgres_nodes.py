"""Several nodes on one PostgreSQL database: one order and one owner, even with slow nodes."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from database_proxy import Verdict
from database_statements import executions_in
from postgres_scene import PostgresScene
from store_scene import (
    LEASE_S,
    NOW,
    Scene,
    completed,
    context_of,
    delta,
    message,
    question,
    run_context,
    started,
)
from threadcast.bus import Hint, JournalGrew, LocalBus
from threadcast.delivery.journal import Journal
from threadcast.metrics import Metrics
from threadcast.store.units import (
    AliasThread,
    AnswerInput,
    AppendToRun,
    CancelRun,
    Committed,
    CreateThread,
    DeleteThread,
    HandOverRun,
    OpenJournal,
    Rejected,
    RenewLeases,
    RevokeSessions,
    Sweep,
    TakeOverRuns,
)
from threadcast.testing.clock import ManualClock

HOUR_S = 3_600.0


async def test_a_plain_legacy_id_that_another_node_stored_is_known_with_the_next_poll(
    database: PostgresScene,
) -> None:
    here, there = await database.node(), await database.node()
    await here.committed(AliasThread(await here.thread("ann"), "conv:42"))
    assert not there.store.has_plain_aliases
    await there.store.notices("node_b", within_s=2.0)
    assert there.store.has_plain_aliases


async def test_journals_that_two_nodes_write_have_one_order(database: PostgresScene) -> None:
    nodes = [await database.node() for _ in range(3)]
    users = [f"user-{number}" for number in range(6)]

    async def write(node: Scene, number: int) -> None:
        for turn in range(10):
            outcomes = await node.outcomes(
                *(CreateThread(context_of(user), f"{number}-{turn}", {}) for user in users)
            )
            assert all(isinstance(outcome, Committed) for outcome in outcomes)

    await asyncio.gather(*(write(node, number) for number, node in enumerate(nodes)))
    for user in users:
        assert [event.seq for event in await nodes[0].journal(user)] == list(range(1, 31))


async def test_users_made_by_two_nodes_at_once_are_made_once(database: PostgresScene) -> None:
    nodes = [await database.node() for _ in range(3)]
    for turn in range(5):
        users = [f"{turn}-{number}" for number in range(10)]
        units = [[message(context_of(user), key=f"k{n}") for user in users] for n in range(3)]
        found = await asyncio.gather(
            *(node.outcomes(*mine) for node, mine in zip(nodes, units, strict=True))
        )
        assert all(isinstance(outcome, Committed) for one in found for outcome in one)
        assert await nodes[0].store.heads(users) == dict.fromkeys(users, 6)


async def test_all_seqs_before_a_visible_one_are_visible(database: PostgresScene) -> None:
    slow, quick = await database.node(lossy=True), await database.node()
    await quick.thread("ann")
    await slow.thread("bob")
    held = database.proxy.hold(b"COMMIT")
    first = asyncio.create_task(slow.thread("ann"))
    await held.reached.wait()
    second = asyncio.create_task(quick.thread("ann"))
    other = await quick_reader(database)
    for _ in range(5):
        assert [event.seq for event in await other.journal("ann")] == [1]
    assert not second.done()
    held.decide(Verdict.PASS)
    await asyncio.gather(first, second)
    assert [event.seq for event in await other.journal("ann")] == [1, 2, 3]


async def quick_reader(database: PostgresScene) -> Scene:
    return await database.node()


async def test_the_same_key_at_two_nodes_is_one_message(database: PostgresScene) -> None:
    nodes = [await database.node() for _ in range(3)]
    for turn in range(10):
        sent = await asyncio.gather(
            *(node.send(context_of("ann"), key=f"k{turn}", user_runs_max=100) for node in nodes)
        )
        assert sorted(one.duplicate for one in sent) == [False, True, True]
        assert len({(one.run_id, one.seq) for one in sent}) == 1


async def test_a_run_is_claimed_by_one_node(database: PostgresScene) -> None:
    nodes = [await database.node() for _ in range(3)]
    for user in range(30):
        await nodes[0].send(context_of(f"user-{user}"))
    claimed: list[str] = []
    while len(claimed) < 30:
        for runs in await asyncio.gather(*(node.claim(4) for node in nodes)):
            claimed += [run.lease.run_id for run in runs]
    assert len(set(claimed)) == 30


async def test_opening_a_store_ends_no_lease(database: PostgresScene) -> None:
    node = await database.node()
    claimed = await node.running("ann")
    await node.store.close()
    other = await database.node()
    assert not (await other.take_over()).requeued
    await other.committed(AppendToRun(claimed.lease, [delta("still its own")]))


@pytest.mark.parametrize("way", ["plain", "long"])
async def test_what_was_checked_is_stored_before_its_run_can_be_taken(
    database: PostgresScene, way: str
) -> None:
    """A node stops between its look at the fence and its commit: nobody takes over meanwhile."""
    slow, other = await database.node(lossy=True, timeout_s=30.0), await database.node()
    claimed = await slow.running("ann")
    await database.pass_time(LEASE_S + 1)
    held = database.proxy.hold(b"COMMIT" if way == "plain" else b"INSERT INTO events")
    first = [OpenJournal(context_of("ann"))] if way == "long" else []
    unit = AppendToRun(claimed.lease, [delta("x")])
    append = asyncio.create_task(slow.outcomes(*first, unit))
    await held.reached.wait()
    assert not (await other.take_over()).requeued
    held.decide(Verdict.PASS)
    assert isinstance((await append)[-1], Committed)
    assert list((await other.take_over()).requeued) == [claimed.lease.run_id]
    assert await slow.refused(AppendToRun(claimed.lease, [delta("y")])) == "fenced"


async def test_a_fence_is_the_present_one_whatever_isolation_the_role_has_by_default(
    database: PostgresScene,
) -> None:
    """An append waits for a take-over of its run: what it sees then is no snapshot of before."""
    database.url += "&default_transaction_isolation=repeatable%20read"
    owner, other = await database.node(), await database.node(lossy=True)
    claimed = await owner.running("ann")
    await database.pass_time(LEASE_S + 1)
    held = database.proxy.hold(b"COMMIT")
    take_over = asyncio.create_task(other.take_over())
    await held.reached.wait()
    append = asyncio.create_task(owner.refused(AppendToRun(claimed.lease, [delta("x")])))
    while not await database.run("SELECT FROM pg_locks WHERE NOT granted AND pid > $1", 0):
        assert not append.done()
    held.decide(Verdict.PASS)
    assert list((await take_over).requeued) == [claimed.lease.run_id]
    assert await append == "fenced"


async def test_a_long_lock_on_one_user_delays_no_other(database: PostgresScene) -> None:
    node = await database.node(timeout_s=0.5)
    ann, bob = [await node.running(user) for user in ("ann", "bob")]
    somebody = await asyncpg.connect(database.server.url(search_path=database.schema))
    try:
        async with somebody.transaction():
            await somebody.execute("SELECT FROM users WHERE user_id = 'ann' FOR UPDATE")
            for _ in range(3):
                refused, report, stored = await node.outcomes(
                    AppendToRun(ann.lease, [delta("x")]),
                    RenewLeases(LEASE_S, [ann.lease, bob.lease]),
                    AppendToRun(bob.lease, [delta("x")]),
                )
                assert isinstance(refused, Rejected)
                assert refused.error.code == "unavailable"
                assert isinstance(stored, Committed)
                assert isinstance(report, Committed)
                assert not report.result.lost
                assert report.result.left_out == {ann.lease.run_id}
    finally:
        await somebody.close()
    await node.committed(AppendToRun(ann.lease, [delta("x")]))
    assert [len(await node.journal(user)) for user in ("ann", "bob")] == [4, 6]
    assert node.store.losses == 0


async def test_a_node_suspended_in_a_transaction_blocks_others_only_briefly(
    database: PostgresScene,
) -> None:
    slow = await database.node(lossy=True, timeout_s=1.0)
    other = await database.node(timeout_s=10.0)
    await slow.thread("ann")
    held = database.proxy.hold(b"INSERT INTO events")
    stopped = asyncio.create_task(slow.outcomes(CreateThread(context_of("ann"), None, {})))
    await held.reached.wait()
    assert (await other.send(context_of("ann"))).seq == 3
    with pytest.raises(Exception, match="unavailable"):
        await stopped
    held.decide(Verdict.CUT)


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
async def test_d13_the_clocks_of_nodes_do_not_matter_to_leases(
    database: PostgresScene, ahead_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    node = await database.node()
    wrong = await database.node(clock=ManualClock(NOW + ahead_s))
    wrong.now += ahead_s
    held = await node.running("ann")
    theirs = await wrong.running("bob")
    for one in (node, wrong):
        assert not (await one.take_over()).requeued
    await node.committed(RenewLeases(LEASE_S, [theirs.lease]))
    await wrong.committed(AppendToRun(held.lease, [delta("x")]))
    await database.pass_time(LEASE_S + 1)
    taken = await wrong.take_over()
    assert set(taken.requeued) == {held.lease.run_id, theirs.lease.run_id}
    assert "the database's clock is" in caplog.text


async def test_nodes_sweep_at_once(database: PostgresScene) -> None:
    nodes = [await database.node() for _ in range(3)]
    for user in range(10):
        claimed = await nodes[0].running(f"user-{user}")
        await nodes[0].committed(
            AppendToRun(claimed.lease, [*(delta("x") for _ in range(10)), completed()])
        )
    for what in ("compact", "trim"):
        for _ in range(60):
            done = await asyncio.gather(*(node.result(Sweep(what, NOW + 1, 20)) for node in nodes))
            if not any(done):
                break
        assert not any(done)
    for user in range(10):
        assert await nodes[0].journal(f"user-{user}") == []
        assert (await nodes[0].send(context_of(f"user-{user}"))).duplicate


async def test_a_sweep_takes_as_many_statements_for_many_users_as_for_one(
    database: PostgresScene,
) -> None:
    node = await database.node(lossy=True)
    for user in range(30):
        claimed = await node.running(f"user-{user}")
        await node.committed(AppendToRun(claimed.lease, [delta("x"), completed()]))
        await node.committed(DeleteThread(run_context(claimed)))
    for what in ("compact", "purge", "trim", "forget"):
        database.proxy.kept = []
        done = await node.result(Sweep(what, NOW + 1, 1_000))
        assert done >= 30 or what == "forget"
        assert executions_in(database.proxy.kept) <= 4


async def test_one_node_sweeps_at_a_time(database: PostgresScene) -> None:
    """Two that delete of many users would lock each other out."""
    node = await database.node()
    claimed = await node.running("ann")
    await node.committed(AppendToRun(claimed.lease, [delta("x"), completed()]))
    other = await asyncpg.connect(database.server.url(search_path=database.schema))
    try:
        async with other.transaction():
            lock = "SELECT pg_advisory_xact_lock(hashtextextended($1 || ' is swept', 0))"
            await other.execute(lock, database.schema)
            assert await node.result(Sweep("compact", NOW + 1, 100)) == 0
        assert await node.result(Sweep("compact", NOW + 1, 100)) > 0
    finally:
        await other.close()


async def test_a_compaction_begins_no_run_that_it_has_no_room_for(database: PostgresScene) -> None:
    node = await database.node()
    for user in range(4):
        claimed = await node.running(f"user-{user}")
        await node.committed(AppendToRun(claimed.lease, [delta("x")] * 30))
        node.now += 1
        await node.committed(AppendToRun(claimed.lease, [completed()]))
    assert await node.result(Sweep("compact", NOW + 10, 40)) == 40
    lengths = [len(await node.journal(f"user-{user}")) for user in range(4)]
    assert lengths[0] == lengths[2] - 30
    assert lengths[1] < lengths[2] == lengths[3]


async def test_appends_under_an_old_fence_never_follow_the_new_owners(
    database: PostgresScene,
) -> None:
    """Two nodes append to one run while a third takes it over, again and again."""
    nodes = [await database.node() for _ in range(3)]
    await nodes[0].send(context_of("ann"))
    (claimed,) = await nodes[0].claim()
    for turn in range(10):
        old = claimed.lease
        await database.pass_time(LEASE_S + 1)
        append = [AppendToRun(old, [delta(f"{turn} old")]) for _ in range(4)]
        late = asyncio.gather(*(nodes[n % 2].outcomes(unit) for n, unit in enumerate(append)))
        while not (await nodes[2].take_over(attempts_max=1_000)).requeued:
            pass
        (claimed,) = await nodes[2].claim(owner=f"node-{turn}")
        begun = await nodes[2].result(AppendToRun(claimed.lease, [started(claimed.attempt)]))
        await late
        after = await nodes[0].journal("ann", after=begun)
        assert [event for event in after if b" old" in event.data] == []


async def test_a_claim_in_a_lost_tail_does_not_own_the_run(
    database: PostgresScene,
) -> None:
    """A failover to a copy without the claim: another node claims, and both seem to be right."""
    before, after = await database.node(), await database.node()
    await before.send(context_of("ann"))
    (lost,) = await before.claim()
    await database.run(
        "UPDATE runs SET status = 1, owner = NULL, lease_until = NULL, fence = 0, attempt = 0"
    )
    (claimed,) = await after.claim(owner="node-2")

    assert await before.refused(AppendToRun(lost.lease, [started()])) == "fenced"
    await after.committed(AppendToRun(claimed.lease, [started()]))
    report = await before.result(RenewLeases(LEASE_S, [lost.lease]))
    assert report.lost == {claimed.lease.run_id}


async def test_what_one_commit_brought_is_announced_in_the_order_of_seqs(
    database: PostgresScene,
) -> None:
    """Runs are taken over after all else in a commit, wherever the unit stood in it."""
    node = await database.node()
    claimed = await node.running("ann")
    await node.committed(CancelRun(run_context(claimed), "user"))
    await database.pass_time(LEASE_S + 1)
    heard: list[Hint] = []
    bus = LocalBus()
    bus.listen(heard.append)
    journal = Journal(
        node.store, bus, ManualClock(NOW), Metrics(), batch_max_events=100, queue_max_units=100
    )
    appends = asyncio.gather(
        journal.append(TakeOverRuns(3, 10)),
        journal.append(CreateThread(context_of("ann"), None, {})),
    )
    writing = asyncio.create_task(journal.run())
    await appends
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    grown = [hint for hint in heard if isinstance(hint, JournalGrew)]
    assert [[event.seq for event in hint.events] for hint in grown] == [[4, 5]]


async def test_a_node_whose_clock_is_ahead_forgets_no_revocation(database: PostgresScene) -> None:
    node, ahead = await database.node(), await database.node()
    now = time.time()
    in_half_an_hour = now + HOUR_S / 2
    await node.committed(RevokeSessions(context_of("ann"), None, "jti-1", in_half_an_hour))
    ahead.now = now + HOUR_S
    assert await ahead.result(Sweep("forget", ahead.now, 10)) == 0
    async with node.session("ann") as session:
        assert (await session.journal("jti-1")).token_revoked


@pytest.mark.parametrize("ahead_s", [-HOUR_S, HOUR_S])
async def test_d13_a_question_is_open_as_long_whichever_clock_the_others_have(
    database: PostgresScene, ahead_s: float
) -> None:
    asks, other = await database.node(), await database.node()
    other.now += ahead_s
    claimed = await asks.running("ann")
    context = run_context(claimed)
    await asks.committed(question(claimed.lease, expires_at=NOW + 60))
    async with other.session("ann") as session:
        (row,) = await session.inputs(context.run_id)
        run = await session.run(context.run_id)
    assert row.open_s is not None
    assert 0 < row.open_s <= 60
    assert (row.expires_at, run is not None and run.status) == (NOW + 60, "waiting")
    await asks.committed(HandOverRun(claimed.lease, begun=True))
    await other.claim(owner="node-2")
    async with other.session("ann") as session:
        run = await session.run(context.run_id)
    assert run is not None
    assert run.status == "waiting"  # in the next attempt, too
    await other.committed(AnswerInput(context, "input-1", "yes"))
