"""Plain appends in PostgreSQL: the fast path, and when a batch takes the slow one."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from postgres_scene import PostgresScene
from store_scene import Scene, completed, context_of, delta, message, question, started
from threadcast.bus import RunsWaiting
from threadcast.events import AgentThinking, EventDraft, EventType
from threadcast.store.units import (
    AppendToRun,
    ClaimedRun,
    Committed,
    HandOverRun,
    Lease,
    Rejected,
    RenewLeases,
    Unit,
)

# BEGIN, the call, COMMIT; a statement that is not prepared goes there and back twice.
# Unless somebody says, statements are prepared where no pooler stands between.
WAYS = {True: 3, False: 4, None: 3}


def thinking(text: str) -> EventDraft:
    return EventDraft.of(EventType.AGENT_THINKING, AgentThinking(text))


def fenced(run: ClaimedRun) -> Lease:
    return replace(run.lease, fence=run.lease.fence - 1)


async def texts(node: Scene, user: str) -> list[str]:
    """The data of what was streamed, in the order of seqs, which have no holes."""
    events = await node.journal(user)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [
        event.data.decode()
        for event in events
        if event.event_type in ("agent_delta", "agent_thinking")
    ]


def streamed(*said: str) -> list[str]:
    return [f'{{"text":"{text}"}}' for text in said]


@pytest.mark.parametrize("prepared", WAYS)
async def test_a_batch_of_plain_appends_is_one_call(
    database: PostgresScene, prepared: bool | None
) -> None:
    node = await database.node(lossy=True, prepare_statements=prepared)
    runs = [await node.running(f"user-{number}") for number in range(20)]
    for turn in range(3):
        before = database.proxy.pieces
        units = [AppendToRun(run.lease, [delta(f"{turn}a"), thinking(f"{turn}b")]) for run in runs]
        outcomes = await node.outcomes(*units)
        assert database.proxy.pieces - before == WAYS[prepared] or turn == 0
        for run, outcome in zip(runs, outcomes, strict=True):
            assert isinstance(outcome, Committed)
            assert outcome.result == outcome.events[-1].seq
            read = await node.journal(run.lease.address.user_id, after=outcome.events[0].seq - 1)
            assert [event.payload for event in read] == [one.payload for one in outcome.events]


async def test_ends_of_runs_are_part_of_the_call(database: PostgresScene) -> None:
    node = await database.node(lossy=True, prepare_statements=True)
    runs = [await node.running(f"user-{number}") for number in range(10)]
    await node.committed(AppendToRun(runs[0].lease, [delta("it is prepared")]))
    before = database.proxy.pieces
    outcomes = await node.outcomes(
        *(AppendToRun(run.lease, [delta("a"), completed("a")]) for run in runs[:5]),
        *(AppendToRun(run.lease, [delta("b")]) for run in runs[5:]),
    )
    assert database.proxy.pieces - before == WAYS[True]
    for run, outcome in zip(runs, outcomes, strict=True):
        assert isinstance(outcome, Committed)
        assert not outcome.hints
        async with node.session(run.lease.address.user_id) as session:
            row = await session.run(run.lease.run_id)
        assert row is not None
        assert row.status == ("completed" if run in runs[:5] else "running")
        assert (row.ended_at is not None) == (run in runs[:5])
    late = await node.outcomes(*(AppendToRun(run.lease, [delta("late")]) for run in runs))
    assert [_code(outcome) for outcome in late] == ["run_finished"] * 5 + [""] * 5


async def test_the_same_fence_of_another_owner_is_fenced(
    database: PostgresScene, node: Scene
) -> None:
    """So it is after a failover that lost a claim: the fence may be given out once more."""
    lease = (await node.running("ann")).lease
    await database.run("UPDATE runs SET owner = 'another'")
    late = AppendToRun(lease, [delta("late")])
    others: list[Unit[Any]] = [
        AppendToRun(lease, [delta("late")], state=b"1"),
        AppendToRun(lease, [completed()]),
        HandOverRun(lease, begun=True),
    ]
    for unit in (late, *others):
        assert await node.refused(unit) == "fenced"
    assert (await node.result(RenewLeases(60.0, [lease]))).lost == {lease.run_id}
    assert await texts(node, "ann") == []
    await node.committed(AppendToRun(replace(lease, owner="another"), [delta("goes on")]))


async def test_nothing_of_a_run_follows_its_end_in_one_batch(node: Scene) -> None:
    run, other = await node.running("ann"), await node.running("ann", key="key-2")
    outcomes = await node.outcomes(
        AppendToRun(run.lease, [completed()]),
        AppendToRun(run.lease, [delta("late")]),
        AppendToRun(other.lease, [delta("goes on")]),
        AppendToRun(run.lease, [completed()]),
    )
    assert [_code(one) for one in outcomes] == ["", "run_finished", "", "run_finished"]
    assert await texts(node, "ann") == streamed("goes on")


async def test_an_end_tells_that_another_run_of_its_user_waits(node: Scene) -> None:
    ann, bob = await node.running("ann"), await node.running("bob")
    thread_id = ann.lease.address.thread_id
    await node.send(context_of("ann", thread_id), new_thread=False, key="key-2")
    outcomes = await node.outcomes(
        AppendToRun(bob.lease, [delta("goes on")]), AppendToRun(ann.lease, [completed()])
    )
    hints = [outcome.hints for outcome in outcomes if isinstance(outcome, Committed)]
    assert [list(one) for one in hints] == [[], [RunsWaiting(user_ids=("ann",))]]
    (claimed,) = await node.claim()
    assert claimed.lease.address.thread_id == thread_id


async def test_a_run_that_waits_for_a_person_ends_the_long_way(node: Scene) -> None:
    run = await node.running("ann")
    await node.committed(question(run.lease))
    await node.committed(AppendToRun(run.lease, [completed()]))
    kinds = [event.event_type.value for event in await node.journal("ann")]
    assert kinds[-2:] == ["input_requested", "agent_completed"]


async def test_runs_and_units_of_one_user_in_one_batch(node: Scene) -> None:
    first = await node.running("ann")
    second = await node.running("ann", key="key-2")
    outcomes = await node.outcomes(
        AppendToRun(first.lease, [delta("1"), thinking("2")]),
        AppendToRun(second.lease, [delta("3")]),
        AppendToRun(first.lease, [delta("4")]),
        AppendToRun(second.lease, [thinking("5"), delta("6")]),
    )
    seqs = [event.seq for outcome in outcomes for event in outcome.events]  # type: ignore[union-attr]
    assert seqs == list(range(seqs[0], seqs[0] + 6))
    assert await texts(node, "ann") == streamed(*"123456")


async def test_the_end_of_a_run_moves_its_thread_and_nothing_before_it_does(node: Scene) -> None:
    run = await node.running("ann")

    async def moved_by() -> int:
        async with node.session("ann") as session:
            (thread,) = await session.threads(limit=2, before=None)
        return thread.last_seq

    message = await moved_by()
    await node.committed(AppendToRun(run.lease, [thinking("a"), delta("b")]))
    assert await moved_by() == message
    end = await node.result(AppendToRun(run.lease, [delta("c"), completed()]))
    assert await moved_by() == end


async def test_what_cannot_be_stored_rejects_itself_only(node: Scene) -> None:
    ann, bob, cid = [await node.running(user) for user in ("ann", "bob", "cid")]
    await node.committed(AppendToRun(cid.lease, [completed()]))
    outcomes = await node.outcomes(
        AppendToRun(ann.lease, [delta("kept")]),
        AppendToRun(fenced(bob), [delta("old")]),
        AppendToRun(cid.lease, [delta("late")]),
        AppendToRun(bob.lease, [delta("new")]),
    )
    assert [_code(outcome) for outcome in outcomes] == ["", "fenced", "run_finished", ""]
    assert await texts(node, "ann") == streamed("kept")
    assert await texts(node, "bob") == streamed("new")
    assert await texts(node, "cid") == []


def _code(outcome: Committed | Rejected) -> str:
    return outcome.error.code if isinstance(outcome, Rejected) else ""


async def test_the_units_of_a_user_keep_their_order_in_a_mixed_batch(node: Scene) -> None:
    ann, bob = await node.running("ann"), await node.running("bob")
    units: list[Unit[object]] = [
        AppendToRun(ann.lease, [delta("1")]),
        message(context_of("bob"), key="key-2"),
        AppendToRun(bob.lease, [delta("behind the message")]),
        RenewLeases(20.0, [ann.lease, bob.lease]),
        AppendToRun(ann.lease, [delta("2"), completed()]),
        AppendToRun(ann.lease, [delta("late")]),
    ]
    outcomes = await node.outcomes(*units)
    assert [_code(outcome) for outcome in outcomes] == [""] * 5 + ["run_finished"]
    assert await texts(node, "ann") == streamed("1", "2")
    kinds = [event.event_type for event in await node.journal("bob")]
    assert kinds[-1] is EventType.AGENT_DELTA
    assert kinds.count(EventType.MESSAGE_CREATED) == 2


async def test_a_batch_with_a_new_user_goes_the_long_way(node: Scene) -> None:
    ann = await node.running("ann")
    outcomes = await node.outcomes(
        AppendToRun(ann.lease, [started(1)]), message(context_of("new here"))
    )
    assert all(isinstance(outcome, Committed) for outcome in outcomes)
    assert [event.event_type for event in await node.journal("ann")][-1] == "agent_started"


async def test_a_failure_of_one_value_fails_one_unit(node: Scene) -> None:
    ann, bob = await node.running("ann"), await node.running("bob")
    broken = AppendToRun(bob.lease, [EventDraft(EventType.AGENT_DELTA, "no bytes")])  # type: ignore[arg-type]
    outcomes = await node.outcomes(AppendToRun(ann.lease, [delta("kept")]), broken)
    assert [_code(outcome) for outcome in outcomes] == ["", "internal"]
    assert await texts(node, "ann") == streamed("kept")


async def test_two_nodes_stream_into_one_journal(
    database: PostgresScene, caplog: pytest.LogCaptureFixture
) -> None:
    """They take turns: none appends to a head that another has moved, and so none tries again."""
    caplog.set_level(logging.INFO, "threadcast.store.postgres")
    nodes = [await database.node() for _ in range(3)]
    runs = [await node.running("ann", key=f"k{n}") for n, node in enumerate(nodes)]

    async def stream(node: Scene, run: ClaimedRun) -> None:
        for turn in range(40):
            await node.committed(AppendToRun(run.lease, [delta(f"{turn}")]))
            assert "applied again" not in caplog.text

    await asyncio.gather(*map(stream, nodes, runs))
    assert len(await texts(nodes[0], "ann")) == 120
