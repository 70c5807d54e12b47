"""Messages of one batch in PostgreSQL: to idle threads together, to busy ones one by one."""

from __future__ import annotations

from postgres_scene import PostgresScene
from store_scene import Scene, completed, context_of, delta, message, types_of
from threadcast.store.units import AppendToRun, Committed, MessageAccepted, OpenJournal, Outcome


def accepted(outcome: Outcome) -> MessageAccepted:
    assert isinstance(outcome, Committed), outcome
    assert isinstance(outcome.result, MessageAccepted)
    return outcome.result


def code(outcome: Outcome) -> str:
    return "" if isinstance(outcome, Committed) else outcome.error.code


async def test_a_batch_of_messages_costs_what_one_costs(database: PostgresScene) -> None:
    node = await database.node(lossy=True, prepare_statements=True)
    users = [f"user-{number}" for number in range(30)]
    for user in users:
        await node.committed(OpenJournal(context_of(user)))
    ways = []
    for turn, count in enumerate((1, 1, 30)):  # what is prepared first does not count
        before = database.proxy.pieces
        batch = [message(context_of(user), key=f"key-{turn}") for user in users[:count]]
        outcomes = await node.outcomes(*batch)
        ways.append(database.proxy.pieces - before)
        for user, outcome in zip(users, outcomes, strict=False):
            assert isinstance(outcome, Committed)
            read = await node.journal(user, after=outcome.events[0].seq - 1)
            assert [event.payload for event in read] == [one.payload for one in outcome.events]
            assert types_of(read) == ["thread_created", "message_created"]
            assert accepted(outcome).seq == read[-1].seq
    assert ways[1] == ways[2] == 6
    claimed = await node.claim(100)
    assert len(claimed) == 32


async def test_messages_in_a_batch_get_the_same_outcomes_as_alone(node: Scene) -> None:
    """A new thread, an idle one, a busy one, a key once more, two that are refused."""
    idle, busy = await node.running("idle"), await node.running("busy")
    await node.committed(AppendToRun(idle.lease, [completed()]))
    await node.committed(OpenJournal(context_of("new")))
    again = message(context_of("again"))
    first = accepted((await node.outcomes(again))[0])
    outcomes = await node.outcomes(
        message(context_of("new")),
        message(context_of("idle", idle.lease.address.thread_id), key="2", new_thread=False),
        message(context_of("busy", busy.lease.address.thread_id), key="2", new_thread=False),
        again,
        message(context_of("refused"), user_runs_max=0),
        message(context_of("idle", busy.lease.address.thread_id), key="3", new_thread=False),
        AppendToRun(busy.lease, [delta("meanwhile")]),
    )
    assert [code(one) for one in outcomes] == ["", "", "", "", "too_many_runs", "not_found", ""]
    repeated = accepted(outcomes[3])
    assert (repeated.duplicate, repeated.run_id, repeated.seq) == (True, first.run_id, first.seq)
    assert types_of(await node.journal("idle"))[-1] == "message_created"
    assert types_of(await node.journal("busy"))[-3:] == [
        "message_created",
        "run_queued",
        "agent_delta",
    ]
    for user in ("new", "idle", "busy", "again"):
        seqs = [event.seq for event in await node.journal(user)]
        assert seqs == list(range(1, len(seqs) + 1))


async def test_messages_of_one_user_in_one_batch(node: Scene) -> None:
    """Each meets what those before it did: a thread that is busy now, a key that is used."""
    await node.committed(OpenJournal(context_of("ann")))
    context = context_of("ann")
    same = message(context, key="first")
    behind = message(context_of("ann", context.thread_id), key="second", new_thread=False)
    beside = message(context_of("ann"), key="third")
    outcomes = await node.outcomes(same, behind, beside, same)
    assert [code(one) for one in outcomes] == [""] * 4
    assert [accepted(one).duplicate for one in outcomes] == [False, False, False, True]
    assert types_of(await node.journal("ann")) == [
        *("thread_created", "message_created"),
        *("message_created", "run_queued"),
        *("thread_created", "message_created"),
    ]
