"""Group commit: what is batched together, in which order, and the three ways in which it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from delivery_scene import Delivery, delivering
from external_scene import Service
from store_contract_places import connection_of, place
from store_scene import completed, context_of, delta, message, run_context
from threadcast.bus import Hint, JournalGrew, RunSignal, RunsWaiting
from threadcast.errors import OutcomeUnknown, ThreadcastError
from threadcast.events import JournalEvent
from threadcast.store.place_units import VOLATILE, LeavePlace
from threadcast.store.units import (
    AnswerInput,
    AppendToRun,
    CancelRun,
    Command,
    Committed,
    Outcome,
    Rejected,
    RenewLeases,
    Sweep,
    Unit,
)


class Answers:
    """Takes the outcomes of units that were submitted, in the order in which they come."""

    def __init__(self, delivery: Delivery) -> None:
        self.outcomes: list[tuple[int, Outcome]] = []
        self._delivery = delivery
        self._submitted = 0

    def submit(self, *units: Unit[Any]) -> None:
        """Submit units, numbered on."""
        for unit in units:
            self._delivery.journal.submit(unit, partial(self._done, self._submitted))
            self._submitted += 1

    def _done(self, number: int, outcome: Outcome) -> None:
        self.outcomes.append((number, outcome))

    def codes(self) -> list[str]:
        """How each ended, in the order of the answers."""
        return [
            outcome.error.code if isinstance(outcome, Rejected) else "committed"
            for _, outcome in self.outcomes
        ]


async def test_what_gathers_during_a_commit_goes_into_the_next_one(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread())
        await delivery.store.commits.next_arrival()
        answers.submit(*[delivery.thread() for _ in range(5)])
        delivery.store.commits.open()
        await delivery.journal.drained()
        assert [len(batch) for batch in delivery.store.batches] == [1, 5]
        assert [number for number, _ in answers.outcomes] == [0, 1, 2, 3, 4, 5]
        assert answers.codes() == ["committed"] * 6


async def test_events_do_not_wait_for_places_nor_places_for_events(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        delivery.store.commits.close()
        answers = Answers(delivery)
        take, thread = place(connection_of("ann")), delivery.thread()
        for unit in (take, thread):
            answers.submit(unit)
            await delivery.store.commits.next_arrival()
        answers.submit(LeavePlace(take.context), delivery.thread())
        delivery.store.commits.open()
        await delivery.journal.drained()
        of_places = [[type(unit) in VOLATILE for unit in one] for one in delivery.store.batches]
        assert sorted(map(sum, of_places)) == [0, 0, 1, 1]
        assert answers.codes() == ["committed"] * 4


async def test_order_of_submission_is_order_of_seqs(tmp_path: Path) -> None:
    async with delivering(tmp_path, batch=3) as delivery:
        answers = Answers(delivery)
        units = [delivery.thread() for _ in range(20)]
        answers.submit(*units)
        await delivery.journal.drained()
        stored = [event.address.thread_id for event in await delivery.stored()]
        assert stored == [unit.context.thread_id for unit in units]


async def test_a_batch_is_bounded_by_its_events(tmp_path: Path) -> None:
    async with delivering(tmp_path, batch=10) as delivery:
        run = await delivery.run()
        del delivery.store.batches[:]
        units = [AppendToRun(run.lease, [delta("x")] * 4) for _ in range(7)]
        await asyncio.gather(*(delivery.journal.append(unit) for unit in units))
        assert [len(batch) for batch in delivery.store.batches] == [3, 3, 1]


async def test_a_batch_is_bounded_by_its_bytes(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        run = await delivery.run()
        del delivery.store.batches[:]
        large = [AppendToRun(run.lease, [delta("x" * 200_000)] * 10) for _ in range(5)]
        await asyncio.gather(*(delivery.journal.append(unit) for unit in large))
        assert [len(batch) for batch in delivery.store.batches] == [3, 2]


async def test_a_long_message_counts_for_the_work_of_indexing_it(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        sends = [message(context_of("u1"), "x" * 65_000, key=f"k{number}") for number in range(12)]
        await asyncio.gather(*(delivery.journal.append(unit) for unit in sends))
        assert [len(batch) for batch in delivery.store.batches] == [2] * 6


async def test_an_ingested_message_counts_like_a_sent_one(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        service, content = Service(), {"content": "x" * 65_000}
        created = [service.unit(service.event("message_created", data=content)) for _ in range(7)]
        await asyncio.gather(*(delivery.journal.append(unit) for unit in created))
        assert [len(batch) for batch in delivery.store.batches] == [3, 3, 1]


async def test_what_is_ingested_leaves_the_next_commit_to_others(tmp_path: Path) -> None:
    async with delivering(tmp_path, batch=128) as delivery:
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread())
        await delivery.store.commits.next_arrival()
        for _ in range(3):
            service = Service()
            created, updated = service.event("thread_created"), service.event("thread_updated")
            answers.submit(service.unit(created, updated))
        answers.submit(delivery.thread("ann"), delivery.thread("bob"))
        delivery.store.commits.open()
        await delivery.journal.drained()
        assert [len(batch) for batch in delivery.store.batches] == [1, 3, 1, 1]
        assert [number for number, _ in answers.outcomes] == [0, 4, 5, 1, 2, 3]
        assert answers.codes() == ["committed"] * 6


async def test_deltas_of_another_service_share_a_commit(tmp_path: Path) -> None:
    async with delivering(tmp_path, batch=128) as delivery:
        service = Service()
        begun = [service.event(kind) for kind in ("thread_created", "message_created")]
        await delivery.journal.append(service.unit(*begun, service.event("agent_started")))
        del delivery.store.batches[:]
        streams = [service.unit(*[service.event("agent_delta")] * 30) for _ in range(4)]
        await asyncio.gather(*(delivery.journal.append(unit) for unit in streams))
        assert [len(batch) for batch in delivery.store.batches] == [3, 1]


async def test_leases_are_renewed_before_what_waits(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        run = await delivery.run()
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread())
        await delivery.store.commits.next_arrival()
        answers.submit(AppendToRun(run.lease, [delta("x")]), RenewLeases(10.0, [run.lease]))
        answers.submit(RenewLeases(0.0, [run.lease]))  # that gives it back, after the append
        delivery.store.commits.open()
        await delivery.journal.drained()
        assert [number for number, _ in answers.outcomes] == [0, 2, 1, 3]


async def test_an_answer_counts_as_the_longest(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        users = [context_of(f"user-{number}") for number in range(100)]
        answers = [AnswerInput(user, "q", "yes") for user in users]
        await asyncio.gather(
            *(delivery.journal.append(unit) for unit in answers), return_exceptions=True
        )
        assert [len(batch) for batch in delivery.store.batches] == [32, 32, 32, 4]


def users_of(delivery: Delivery) -> list[str]:
    """The first letters of the users of each commit's commands."""
    return [
        "".join(unit.context.user_id[0] for unit in batch if isinstance(unit, Command))
        for batch in delivery.store.batches
    ]


async def test_users_commands_take_turns_and_one_users_fill_at_most_a_quarter(
    tmp_path: Path,
) -> None:
    async with delivering(tmp_path, batch=16 * 32) as delivery:
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread())
        await delivery.store.commits.next_arrival()
        many = [delivery.thread("ann") for _ in range(10)]
        answers.submit(*many, delivery.thread("bob"), *[delivery.thread("cleo") for _ in range(2)])
        delivery.store.commits.open()
        await delivery.journal.drained()
        assert users_of(delivery) == ["a", "abcacaa", "aaaa", "aa"]
        assert answers.codes() == ["committed"] * 14
        stored = [event.address.thread_id for event in await delivery.stored()]
        assert stored[1:] == [unit.context.thread_id for unit in many]


async def test_long_messages_of_one_user_fill_at_most_a_quarter(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread())
        await delivery.store.commits.next_arrival()
        for number in range(4):
            answers.submit(message(context_of("ann"), "x" * 65_000, key=f"k{number}"))
        answers.submit(message(context_of("bob")))
        delivery.store.commits.open()
        await delivery.journal.drained()
        assert users_of(delivery) == ["a", "aba", "aa"]


async def test_users_who_had_no_turn_come_before_those_who_had(tmp_path: Path) -> None:
    async with delivering(tmp_path, batch=4 * 32) as delivery:
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread())
        await delivery.store.commits.next_arrival()
        for user in ("ann", "ann", "bob", "cleo", "dora"):
            answers.submit(delivery.thread(user))
        delivery.store.commits.open()
        await delivery.journal.drained()
        assert users_of(delivery) == ["a", "ab", "cd", "a"]


async def test_commands_leave_half_of_a_commit_to_streams(tmp_path: Path) -> None:
    async with delivering(tmp_path, batch=4 * 32) as delivery:
        run = await delivery.run()
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread())
        await delivery.store.commits.next_arrival()
        del delivery.store.batches[:]
        answers.submit(*[delivery.thread(f"user-{number}") for number in range(6)])
        answers.submit(*[AppendToRun(run.lease, [delta("x")] * 16) for _ in range(6)])
        delivery.store.commits.open()
        await delivery.journal.drained()
        kinds = [
            "".join("c" if isinstance(unit, Command) else "s" for unit in batch)
            for batch in delivery.store.batches
        ]
        assert kinds == ["sssscc", "sscc", "cc"]


async def test_maintenance_is_committed_alone_and_in_turn(tmp_path: Path) -> None:
    async with delivering(tmp_path, batch=4 * 32) as delivery:
        sweeps = [Sweep("purge", 0.0, 10) for _ in range(3)]
        units = [*sweeps, *[delivery.thread(f"user-{number}") for number in range(4)]]
        await asyncio.gather(*(delivery.journal.append(unit) for unit in units))
        kinds = [
            "".join("m" if isinstance(unit, Sweep) else "c" for unit in batch)
            for batch in delivery.store.batches
        ]
        assert kinds == ["cc", "m", "cc", "m", "m"]


async def test_a_unit_grows_until_it_is_taken(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        run = await delivery.run()
        delivery.store.commits.close()
        first = AppendToRun(run.lease, [delta("a")])
        appended = [asyncio.ensure_future(delivery.journal.append(first))]
        await delivery.store.commits.next_arrival()
        assert first.taken
        second = AppendToRun(run.lease, [delta("b")])
        appended.append(asyncio.ensure_future(delivery.journal.append(second)))
        await asyncio.sleep(0)
        assert not second.taken
        second.drafts.append(delta("c"))
        delivery.store.commits.open()
        assert await asyncio.gather(*appended) == [3, 5]


async def test_one_rejection_leaves_the_rest_of_the_batch(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        answers = Answers(delivery)
        missing = CancelRun(context_of("ann"), "user")
        answers.submit(delivery.thread(), missing, delivery.thread())
        await delivery.journal.drained()
        assert answers.codes() == ["committed", "not_found", "committed"]
        assert len(await delivery.stored()) == 2


async def test_beyond_the_bound_appends_are_refused(tmp_path: Path) -> None:
    async with delivering(tmp_path, queue=2) as delivery:
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread())
        await delivery.store.commits.next_arrival()
        answers.submit(*[delivery.thread() for _ in range(3)])
        assert answers.codes() == ["overloaded"]
        refused = answers.outcomes[0][1]
        assert isinstance(refused, Rejected)
        assert refused.error.kind.retryable
        assert refused.error.retry_after_ms
        delivery.store.commits.open()
        await delivery.journal.drained()
        assert answers.codes() == ["overloaded", "committed", "committed", "committed"]


async def test_what_the_store_refuses_is_rejected_and_the_journal_goes_on(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        delivery.store.faults = [ThreadcastError("storage_full"), OutcomeUnknown("a cut")]
        for code in ("storage_full", "unknown_outcome"):
            with pytest.raises(ThreadcastError) as caught:
                await delivery.journal.append(delivery.thread())
            assert caught.value.code == code
        await delivery.grow(1)
        assert len(await delivery.stored()) == 1
        assert failures(delivery, "storage_full") == 1.0


async def test_when_the_store_dies_in_a_commit_its_outcome_is_unknown(tmp_path: Path) -> None:
    """Never rejected, never accepted; what the commit had not taken was certainly not stored."""
    async with delivering(tmp_path) as delivery:
        running = delivery.running
        delivery.store.faults = [LookupError("a fault of the store")]
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread())
        await delivery.store.commits.next_arrival()
        answers.submit(delivery.thread())
        delivery.store.commits.open()
        await delivery.journal.drained()
        assert answers.codes() == ["unknown_outcome", "shutting_down"]
        with pytest.raises(LookupError):
            await running
        answers.submit(delivery.thread())
        assert answers.codes()[2:] == ["shutting_down"]


async def test_stopping_in_a_commit_leaves_its_outcome_unknown(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        running = delivery.running
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread())
        await delivery.store.commits.next_arrival()
        running.cancel()
        await delivery.journal.drained()
        assert answers.codes() == ["unknown_outcome"]


async def test_a_caller_that_goes_away_does_not_withdraw_its_append(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        delivery.store.commits.close()
        caller = asyncio.ensure_future(delivery.journal.append(delivery.thread()))
        await delivery.store.commits.next_arrival()
        caller.cancel()
        delivery.store.commits.open()
        await delivery.journal.drained()
        assert len(await delivery.stored()) == 1


async def test_nothing_is_announced_that_another_connection_could_not_read(tmp_path: Path) -> None:
    """Committed, then delivered: at the moment of the hint the row is there for everybody."""
    async with delivering(tmp_path) as delivery:
        found: list[int] = []

        def look(hint: Hint) -> None:
            if isinstance(hint, JournalGrew):
                with closing(apsw.Connection(str(tmp_path / "journal.db"))) as other:
                    sql = "SELECT count(*) FROM events WHERE seq >= ?"
                    found.append(other.execute(sql, (hint.events[0].seq,)).get)

        delivery.bus.listen(look)
        await delivery.grow(3)
        await delivery.grow(1)
        assert found == [3, 1]


async def test_callers_are_answered_before_readers_hear(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        order: list[str] = []
        delivery.bus.listen(lambda hint: order.append(type(hint).__name__))
        delivery.journal.submit(delivery.thread(), lambda _outcome: order.append("answered"))
        await delivery.journal.drained()
        assert order == ["answered", "JournalGrew"]


async def test_each_user_hears_of_a_commit_once_and_in_order(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        heard: list[tuple[str, Sequence[JournalEvent]]] = []

        def hear(hint: Hint) -> None:
            if isinstance(hint, JournalGrew):
                heard.append((hint.user_id, hint.events))

        delivery.bus.listen(hear)
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread("zoe"))
        await delivery.store.commits.next_arrival()
        answers.submit(*[delivery.thread(user) for user in ("ann", "bob", "ann", "bob", "ann")])
        delivery.store.commits.open()
        await delivery.journal.drained()
        told = [(user, [event.seq for event in events]) for user, events in heard]
        assert told == [("zoe", [1]), ("ann", [1, 2, 3]), ("bob", [1, 2])]
        assert all(event.address.user_id == user for user, events in heard for event in events)


async def test_other_hints_follow_the_events(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        heard: list[type[Any]] = []
        delivery.bus.listen(lambda hint: heard.append(type(hint)))
        run = await delivery.run()
        await delivery.journal.append(CancelRun(run_context(run), "user"))
        assert heard == [JournalGrew, RunsWaiting, RunSignal]


async def test_one_hint_of_a_commit_names_all_whose_runs_wait(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        heard: list[Hint] = []
        delivery.store.commits.close()
        answers = Answers(delivery)
        answers.submit(delivery.thread("zoe"))
        await delivery.store.commits.next_arrival()
        answers.submit(*[message(context_of(user)) for user in ("ann", "bob", "cid")])
        delivery.bus.listen(heard.append)
        delivery.store.commits.open()
        await delivery.journal.drained()
        waiting = [hint for hint in heard if isinstance(hint, RunsWaiting)]
        assert waiting == [RunsWaiting(user_ids=("ann", "bob", "cid"))]


async def test_a_duplicate_is_answered_and_announces_nothing(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        first = await delivery.journal.append(message(context_of("ann")))
        heard: list[Hint] = []
        delivery.bus.listen(heard.append)
        again = await delivery.journal.append(message(context_of("ann")))
        assert (again.seq, again.run_id, again.duplicate) == (first.seq, first.run_id, True)
        assert heard == []


async def test_an_end_is_final(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        run = await delivery.run()
        answers = Answers(delivery)
        ended = AppendToRun(run.lease, [completed()])
        answers.submit(ended, AppendToRun(run.lease, [delta("late")]))
        await delivery.journal.drained()
        assert answers.codes() == ["committed", "run_finished"]
        assert isinstance(answers.outcomes[0][1], Committed)


def failures(delivery: Delivery, code: str) -> float | None:
    """How many commits the metrics say failed so."""
    name = "threadcast_commit_failures_total"
    return delivery.metrics.registry.get_sample_value(name, {"code": code})
