"""Messages that meet in PostgreSQL: of several nodes, and with what ends or deletes threads."""

from __future__ import annotations

import asyncio

import pytest

from postgres_scene import PostgresScene
from store_scene import Scene, completed, context_of, delta, message, types_of
from threadcast.context import UserExecutionContext
from threadcast.store.units import (
    AppendToRun,
    CancelRun,
    Committed,
    DeleteThread,
    MessageAccepted,
    OpenJournal,
    Outcome,
    RevokeSessions,
    SendMessage,
    Unit,
)


def accepted(outcome: Outcome) -> MessageAccepted:
    assert isinstance(outcome, Committed), outcome
    assert isinstance(outcome.result, MessageAccepted)
    return outcome.result


def codes(outcomes: list[Outcome]) -> list[str]:
    return ["" if isinstance(one, Committed) else one.error.code for one in outcomes]


def behind(context: UserExecutionContext, key: str, **more: object) -> SendMessage:
    """One more message of a thread."""
    again = context_of(context.user_id, context.thread_id)
    return message(again, key=key, new_thread=False, **more)  # type: ignore[arg-type]


async def without_holes(node: Scene, user: str) -> list[str]:
    """The types of a journal whose seqs have no holes."""
    events = await node.journal(user)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return types_of(events)


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
async def test_one_key_from_many_nodes_is_one_message(
    database: PostgresScene, *, known: bool
) -> None:
    nodes = [await database.node() for _ in range(4)]
    if known:
        await nodes[0].committed(OpenJournal(context_of("ann")))
    for turn in range(10):
        sends = [message(context_of("ann"), key=f"key-{turn}") for _ in nodes]
        others = [message(context_of(f"user-{n}"), key=f"key-{turn}") for n in range(4)]
        found = await asyncio.gather(
            *(
                one.outcomes(others[n], send, others[-n])
                for n, (one, send) in enumerate(zip(nodes, sends, strict=True))
            )
        )
        of_ann = [accepted(outcomes[1]) for outcomes in found]
        assert sorted(one.duplicate for one in of_ann) == [False, True, True, True]
        assert len({(one.run_id, one.thread_id, one.seq) for one in of_ann}) == 1
    assert await without_holes(nodes[0], "ann") == ["thread_created", "message_created"] * 10
    for n in range(4):
        await without_holes(nodes[0], f"user-{n}")


async def test_one_key_with_two_bodies_from_two_nodes_is_a_conflict(
    database: PostgresScene,
) -> None:
    first, second = [await database.node() for _ in range(2)]
    found = await asyncio.gather(
        first.outcomes(message(context_of("ann"), content="one", digest=b"1" * 16)),
        second.outcomes(message(context_of("ann"), content="two", digest=b"2" * 16)),
    )
    assert sorted(codes([one for (one,) in found])) == ["", "idempotency_conflict"]
    assert await without_holes(first, "ann") == ["thread_created", "message_created"]


@pytest.mark.parametrize("deleted_first", [True, False])
async def test_a_message_and_the_end_of_its_thread_in_one_batch(
    node: Scene, *, deleted_first: bool
) -> None:
    context = context_of("ann")
    await node.send(context, key="1")
    units: list[Unit[object]] = [DeleteThread(context), behind(context, "2")]
    outcomes = await node.outcomes(*(units if deleted_first else reversed(units)))
    assert codes(outcomes) == (["", "not_found"] if deleted_first else ["", ""])
    assert types_of(await node.journal("ann")) == ["thread_deleted"]
    assert await node.claim() == []
    assert codes(await node.outcomes(behind(context, "3"))) == ["not_found"]


async def test_an_interrupt_and_what_else_meets_its_thread_in_one_batch(node: Scene) -> None:
    """A live run is asked to end, one that waits is ended, and the order is kept."""
    running = await node.running("ann")
    context = context_of("ann", running.lease.address.thread_id)
    outcomes = await node.outcomes(
        AppendToRun(running.lease, [delta("a")]),
        behind(context, "waits"),
        behind(context, "now", on_busy="interrupt"),
        behind(context, "refused", on_busy="reject"),
        AppendToRun(running.lease, [delta("b")]),
        message(context_of("ann"), key="beside"),
        AppendToRun(running.lease, [completed()]),
        behind(context, "last", on_busy="interrupt"),
    )
    assert codes(outcomes) == ["", "", "", "run_active", "", "", "", ""]
    kinds = await without_holes(node, "ann")
    assert kinds == [
        *("thread_created", "message_created", "agent_started", "agent_delta"),
        *("message_created", "run_queued", "agent_cancelled", "message_created", "run_queued"),
        *("agent_delta", "thread_created", "message_created", "agent_completed"),
        *("agent_cancelled", "message_created"),
    ]
    claimed = await node.claim()
    assert {one.lease.run_id for one in claimed} == {
        accepted(outcomes[5]).run_id,
        accepted(outcomes[7]).run_id,
    }


async def test_one_that_is_refused_between_good_ones_leaves_no_trace(node: Scene) -> None:
    users = ["ann", "bob", "cid"]
    for user in users:
        await node.committed(OpenJournal(context_of(user)))
    outcomes = await node.outcomes(
        message(context_of("ann"), key="1"),
        message(context_of("bob", context_of("bob").thread_id), key="1", new_thread=False),
        message(context_of("cid"), key="1"),
        message(context_of("bob"), key="1", user_runs_max=0),
        message(context_of("bob"), key="1"),
        message(context_of("nobody", context_of("x").thread_id), key="1", new_thread=False),
    )
    assert codes(outcomes) == ["", "not_found", "", "too_many_runs", "", "not_found"]
    for user in users:
        assert await without_holes(node, user) == ["thread_created", "message_created"]
    assert await node.journal("nobody") == []


async def test_an_id_of_another_user_is_nothing_to_this_one(node: Scene) -> None:
    """The same thread id and run id in one batch, for two users."""
    context = context_of("ann")
    foreign = UserExecutionContext.for_run(
        "bob", context.thread_id, context.run_id, operation="chat"
    )
    for user in ("ann", "bob"):
        await node.committed(OpenJournal(context_of(user)))
    outcomes = await node.outcomes(message(context, "of ann"), message(foreign, "of bob"))
    assert codes(outcomes) == ["", ""]
    for user, text in (("ann", b"of ann"), ("bob", b"of bob")):
        _, stored = await node.journal(user)
        assert text in stored.data
        async with node.session(user) as session:
            (thread,) = await session.threads(limit=9, before=None)
        assert thread.thread_id == context.thread_id
    await node.committed(CancelRun(context, "enough"))
    async with node.session("bob") as session:
        row = await session.run(context.run_id)
    assert row is not None
    assert row.status == "queued"


async def test_two_nodes_send_and_stream_and_delete_at_once(database: PostgresScene) -> None:
    """Whatever wins, journals have no holes, and nobody waits for another for ever."""
    nodes = [await database.node() for _ in range(3)]
    for user in ("ann", "bob"):
        await nodes[0].committed(OpenJournal(context_of(user)))

    async def use(number: int) -> None:
        node = nodes[number]
        for turn in range(12):
            users = ("ann", "bob") if number % 2 else ("bob", "ann")
            sends = [message(context_of(user), key=f"{number}-{turn}") for user in users]
            assert codes(await node.outcomes(*sends)) == ["", ""]
            for claimed in await node.claim(2):
                units = (
                    AppendToRun(claimed.lease, [delta("x")]),
                    AppendToRun(claimed.lease, [completed()]),
                )
                assert codes(await node.outcomes(*units)) in (
                    [""] * 2,
                    ["fenced"] * 2,
                    ["run_finished"] * 2,
                )
            gone = sends[turn % 2].context
            assert codes(await node.outcomes(DeleteThread(gone))) == [""]

    async with asyncio.timeout(60):
        await asyncio.gather(*map(use, range(3)))
    for user in ("ann", "bob"):
        assert types_of(await nodes[0].journal(user)).count("thread_deleted") == 18
        rows = await database.run(
            "SELECT min(e.seq), max(e.seq), count(*), max(u.head) FROM events AS e"
            " JOIN users AS u USING (user_key) WHERE u.user_id = $1",
            user,
        )
        first, last, count, head = rows[0]
        assert (first, last, count) == (1, head, head)


async def test_a_sign_out_beside_messages_of_its_user(node: Scene) -> None:
    outcomes = await node.outcomes(
        RevokeSessions(context_of("ann"), before=5.0),
        message(context_of("ann"), key="1"),
        message(context_of("bob"), key="1"),
        RevokeSessions(context_of("bob"), before=6.0),
    )
    assert codes(outcomes) == [""] * 4
    for user, before in (("ann", 5.0), ("bob", 6.0)):
        async with node.session(user) as session:
            assert (await session.journal()).revoked_before == before
