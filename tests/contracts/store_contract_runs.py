"""The contract of units about runs: cancel, appends, claims, leases, take-over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec

from external_scene import Service
from store_scene import (
    LEASE_S,
    NOW,
    Scene,
    completed,
    context_of,
    data_of,
    delta,
    message,
    question,
    run_context,
    started,
    types_of,
)
from threadcast.bus import RunSignal, RunsWaiting
from threadcast.context import UserExecutionContext
from threadcast.events import Address, AgentThinking, EventDraft, EventType
from threadcast.runs import CLAIM_USERS_MAX
from threadcast.store import Store
from threadcast.store.units import (
    AnswerInput,
    AppendToRun,
    CancelRun,
    Claim,
    ClaimRuns,
    HandOverRun,
    Ingested,
    RenewLeases,
    RunState,
)

PassTime = Callable[[float], Awaitable[None]]

ANN_WAITS = RunsWaiting(user_ids=("ann",))


class RunContract:
    """What users do to runs, and what runs append."""

    async def test_cancel_before_the_start(self, store: Store) -> None:
        scene = Scene(store)
        context = context_of("ann")
        await scene.send(context)
        outcome = await scene.committed(CancelRun(context, "user"))
        assert outcome.result == RunState(context.run_id, outcome.result.status, 3)
        assert outcome.result.status == "cancelled"
        assert data_of(outcome.events[0]) == {"reason": "user"}
        again = await scene.committed(CancelRun(context, "user"))
        assert again.events == ()
        assert again.result.status == "cancelled"
        assert await scene.claim() == []

    async def test_cancel_a_running_run_marks_it(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        for reason in ("first", "second"):
            outcome = await scene.committed(CancelRun(run_context(claimed), reason))
            assert outcome.events == ()
            assert tuple(outcome.hints) == (RunSignal(claimed.lease.run_id, "node-1"),)
            assert outcome.result.status == "running"
        report = await scene.result(RenewLeases(LEASE_S, [claimed.lease]))
        assert dict(report.cancelled) == {claimed.lease.run_id: "first"}
        assert report.lost == frozenset()

    async def test_cancel_a_foreign_run(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        theirs = run_context(claimed)
        await scene.thread("bob")
        for user in ("bob", "nobody"):
            context = UserExecutionContext.for_run(user, theirs.thread_id, theirs.run_id)
            assert await scene.refused(CancelRun(context, "x")) == "not_found"
        assert await scene.refused(CancelRun(context_of("ann"), "x")) == "not_found"

    async def test_a_run_from_start_to_end(self, store: Store) -> None:
        scene = Scene(store)
        context = context_of("ann")
        await scene.send(context)
        scene.now += 1
        claimed = (await scene.claim())[0]
        thinking = EventDraft.of(EventType.AGENT_THINKING, AgentThinking("hm"))
        assert await scene.result(AppendToRun(claimed.lease, [started(), thinking])) == 4
        scene.now += 1
        outcome = await scene.committed(AppendToRun(claimed.lease, [delta("a"), completed("a")]))
        assert outcome.hints == []
        assert {event.address is claimed.lease.address for event in outcome.events} == {True}
        async with scene.session("ann") as session:
            run = await session.run(context.run_id)
        assert run is not None
        assert (run.status, run.attempt) == ("completed", 1)
        assert (run.created_at, run.started_at, run.ended_at) == (NOW, NOW + 1, NOW + 2)

    async def test_nothing_after_the_end(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(AppendToRun(claimed.lease, [completed()]))
        for draft in (delta("x"), completed()):
            assert await scene.refused(AppendToRun(claimed.lease, [draft])) == "run_finished"
        drafts = [started(), completed(), delta("x")]
        other = await scene.running("bob")
        assert await scene.refused(AppendToRun(other.lease, drafts)) == "run_finished"
        assert types_of(await scene.journal("ann")).count("agent_completed") == 1
        assert len(await scene.journal("bob")) == 3

    async def test_an_append_without_events(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        outcome = await scene.committed(AppendToRun(claimed.lease, [], state=b'{"step":1}'))
        assert (outcome.result, list(outcome.events)) == (3, [])

    async def test_append_needs_the_fence_and_the_user(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.thread("bob")
        address = claimed.lease.address
        for fence in (claimed.lease.fence - 1, claimed.lease.fence + 1):
            stale = replace(claimed.lease, fence=fence)
            assert await scene.refused(AppendToRun(stale, [delta("x")])) == "fenced"
        foreign = Address("bob", address.thread_id, address.run_id)
        unit = AppendToRun(replace(claimed.lease, address=foreign), [delta("x")])
        assert await scene.refused(unit) == "not_found"
        assert len(await scene.journal("ann")) == 3

    async def test_only_what_people_see_of_a_thread_moves_it(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")

        async def moved_by() -> int:
            async with scene.session("ann") as session:
                thread = await session.thread(run_context(claimed).thread_id)
            assert thread is not None
            return thread.last_seq

        message = await moved_by()
        thought = EventDraft.of(EventType.AGENT_THINKING, AgentThinking("x"))
        await scene.committed(AppendToRun(claimed.lease, [thought, delta("x")]))
        assert await moved_by() == message
        asked = await scene.committed(question(claimed.lease))
        assert await moved_by() == asked.events[-1].seq
        ended = await scene.committed(AppendToRun(claimed.lease, [delta("x"), completed()]))
        assert await moved_by() == ended.events[-1].seq


class LeaseContract:
    """Who owns a run."""

    async def test_claim_gives_all_that_is_needed(self, store: Store) -> None:
        scene = Scene(store)
        context = context_of("ann")
        await scene.send(context, content="do it")
        claimed = (await scene.claim())[0]
        address = claimed.lease.address
        assert (address.user_id, address.thread_id, address.run_id) == context.isolation_key
        assert claimed.lease.fence > 0
        assert claimed.attempt == 1
        assert (claimed.agent, claimed.message, claimed.message_seq) == ("demo", "do it", 2)
        assert (claimed.state, claimed.cancel_reason) == (None, None)
        assert claimed.on_disconnect == "continue"
        assert await scene.claim() == []

    async def test_claim_in_the_batch_that_sends(self, store: Store) -> None:
        scene = Scene(store)
        _, claim = await scene.outcomes(
            message(context_of("ann"), "now"), ClaimRuns("node-1", LEASE_S, ["demo"], 1)
        )
        assert [run.message for run in claim.result.runs] == ["now"]  # type: ignore[union-attr]

    async def test_claim_oldest_first_within_the_limit(self, store: Store) -> None:
        scene = Scene(store)
        contexts = [context_of(user) for user in ("ann", "bob", "cid")]
        for context in contexts:
            await scene.send(context)
        first = await scene.claim(2)
        rest = await scene.claim(2)
        assert [run.lease.run_id for run in (*first, *rest)] == [c.run_id for c in contexts]

    async def test_claim_only_known_agents(self, store: Store) -> None:
        scene = Scene(store)
        await scene.send(context_of("ann"), agent="other")
        assert await scene.claim() == []
        claim = await scene.result(ClaimRuns("n", LEASE_S, {"other", "demo"}, 5))
        assert len(claim.runs) == 1

    async def test_a_thread_has_one_run_at_a_time_in_order(self, store: Store) -> None:
        scene = Scene(store)
        first = context_of("ann")
        contexts = [first, *(context_of("ann", first.thread_id) for _ in range(2))]
        for number, context in enumerate(contexts):
            await scene.send(context, key=f"k{number}", new_thread=number == 0)
        for number, context in enumerate(contexts):
            claimed = await scene.claim()
            assert [run.lease.run_id for run in claimed] == [context.run_id]
            assert await scene.claim() == []
            outcome = await scene.committed(AppendToRun(claimed[0].lease, [started(), completed()]))
            assert (ANN_WAITS in outcome.hints) == (number < 2)

    async def test_a_waiting_run_holds_its_thread(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(question(claimed.lease))
        await scene.send(
            context_of("ann", run_context(claimed).thread_id), key="k2", new_thread=False
        )
        assert await scene.claim() == []

    async def test_a_lapsed_lease_that_nobody_took_still_writes(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await pass_time(LEASE_S + 1)
        await scene.committed(AppendToRun(claimed.lease, [delta("x")]))
        report = await scene.result(RenewLeases(LEASE_S, [claimed.lease]))
        assert report.lost == frozenset()
        assert (await scene.take_over()).requeued == []

    async def test_renewed_leases_are_not_taken(self, store: Store, pass_time: PassTime) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await pass_time(LEASE_S - 1)
        await scene.committed(RenewLeases(LEASE_S, [claimed.lease]))
        await pass_time(LEASE_S - 1)
        taken = await scene.take_over()
        assert (list(taken.requeued), list(taken.ended)) == ([], [])

    async def test_take_over_fences_the_old_owner_at_once(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        run_id = claimed.lease.run_id
        await scene.committed(AppendToRun(claimed.lease, [delta("x")], state=b'{"step":2}'))
        await pass_time(LEASE_S + 1)
        assert list((await scene.take_over()).requeued) == [run_id]
        assert await scene.refused(AppendToRun(claimed.lease, [delta("y")])) == "fenced"
        report = await scene.result(RenewLeases(LEASE_S, [claimed.lease]))
        assert report.lost == {run_id}
        again = (await scene.claim(owner="node-2"))[0]
        assert again.lease.run_id == run_id
        assert again.lease.fence > claimed.lease.fence
        assert (again.attempt, again.state, again.message) == (2, b'{"step":2}', "hello")
        assert await scene.refused(AppendToRun(claimed.lease, [completed()])) == "fenced"
        await scene.committed(AppendToRun(again.lease, [started(2), completed()]))
        assert types_of(await scene.journal("ann")).count("agent_completed") == 1

    async def test_leases_given_up_are_taken_at_once(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(RenewLeases(0, [claimed.lease]))
        assert list((await scene.take_over()).requeued) == [claimed.lease.run_id]

    async def test_a_run_that_may_not_be_retried_fails(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Scene(store)
        once = await scene.running("ann", on_crash="fail")
        often = await scene.running("bob")
        await pass_time(LEASE_S + 1)
        taken = await scene.take_over(attempts_max=1)
        assert set(taken.ended) == {once.lease.run_id, often.lease.run_id}
        assert {(one.run_id, one.user_id, one.agent, one.code) for one in taken.failed} == {
            (run.lease.run_id, user, run.agent, "node_lost")
            for run, user in ((once, "ann"), (often, "bob"))
        }
        for user in ("ann", "bob"):
            last = (await scene.journal(user))[-1]
            assert last.event_type is EventType.AGENT_FAILED
            assert data_of(last)["code"] == "node_lost"
        assert await scene.refused(AppendToRun(once.lease, [delta("x")])) == "fenced"
        assert await scene.claim() == []

    async def test_a_cancelled_run_whose_owner_is_gone_ends_as_cancelled(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(CancelRun(run_context(claimed), "user"))
        await pass_time(LEASE_S + 1)
        taken = await scene.take_over()
        assert (list(taken.ended), taken.failed) == ([claimed.lease.run_id], [])
        last = (await scene.journal("ann"))[-1]
        assert (last.event_type.value, data_of(last)) == ("agent_cancelled", {"reason": "user"})

    async def test_an_answer_reaches_a_run_between_two_owners(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        context = run_context(claimed)
        await scene.committed(question(claimed.lease))
        await pass_time(LEASE_S + 1)
        await scene.take_over()
        assert (await scene.result(AnswerInput(context, "input-1", "yes"))).status == "queued"
        again = (await scene.claim(owner="node-2"))[0]
        assert again.lease.run_id == context.run_id
        await scene.committed(question(again.lease))
        async with scene.session("ann") as session:
            assert [row.value for row in await session.inputs(context.run_id)] == ["yes"]

    async def test_renew_many_of_which_some_are_lost(self, store: Store) -> None:
        scene = Scene(store)
        for user in ("ann", "bob", "cid"):
            await scene.send(context_of(user))
        one, two, three = (run.lease for run in await scene.claim())
        await scene.committed(AppendToRun(two, [started(), completed()]))
        nowhere = Address("dan", three.address.thread_id, context_of("dan").run_id)
        unknown = replace(three, address=nowhere, fence=1)
        stale = replace(three, fence=three.fence + 1)
        report = await scene.result(RenewLeases(LEASE_S, [one, two, stale, unknown]))
        assert report.lost == {two.run_id, three.run_id, unknown.run_id}
        assert msgspec.to_builtins(dict(report.cancelled)) == {}


class HandOverContract:
    """Owners that release their runs, and what owners learn without hints."""

    async def test_a_hand_over_is_no_crash(self, store: Store, pass_time: PassTime) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        for _ in range(3):
            outcome = await scene.committed(HandOverRun(claimed.lease, begun=True))
            assert ANN_WAITS in outcome.hints
            assert await scene.refused(AppendToRun(claimed.lease, [delta("x")])) == "fenced"
            assert await scene.refused(HandOverRun(claimed.lease, begun=True)) == "fenced"
            (claimed,) = await scene.claim(owner="node-2")
        assert claimed.attempt == 4
        await pass_time(LEASE_S + 1)
        assert list((await scene.take_over(attempts_max=2)).requeued) == [claimed.lease.run_id]
        await scene.claim()
        await pass_time(LEASE_S + 1)
        assert list((await scene.take_over(attempts_max=2)).ended) == [claimed.lease.run_id]

    async def test_a_run_that_may_not_begin_twice_is_handed_over_unbegun(
        self, store: Store
    ) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann", on_crash="fail")
        await scene.committed(HandOverRun(claimed.lease, begun=False))
        (again,) = await scene.claim()
        await scene.committed(HandOverRun(again.lease, begun=True))
        last = (await scene.journal("ann"))[-1]
        assert (last.event_type.value, data_of(last)["code"]) == ("agent_failed", "node_lost")
        assert await scene.refused(HandOverRun(again.lease, begun=True)) == "fenced"

    async def test_a_run_that_is_to_end_ends_when_it_is_handed_over(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(CancelRun(run_context(claimed), "user"))
        await scene.committed(HandOverRun(claimed.lease, begun=True))
        last = (await scene.journal("ann"))[-1]
        assert (last.event_type.value, data_of(last)) == ("agent_cancelled", {"reason": "user"})

    async def test_an_ended_run_cannot_be_handed_over(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(AppendToRun(claimed.lease, [completed()]))
        assert await scene.refused(HandOverRun(claimed.lease, begun=True)) == "run_finished"
        address = claimed.lease.address
        foreign = replace(claimed.lease, address=Address("bob", address.thread_id, address.run_id))
        assert await scene.refused(HandOverRun(foreign, begun=True)) == "not_found"

    async def test_an_owner_can_ask_which_of_its_runs_are_to_end(self, store: Store) -> None:
        scene = Scene(store)
        runs = [await scene.running(user) for user in ("ann", "bob")]
        assert await store.run_notices("node-1", []) == []
        await scene.committed(CancelRun(run_context(runs[0]), "user"))
        assert await store.run_notices("node-1", []) == [runs[0].lease.run_id]
        assert await store.run_notices("node-2", []) == []
        await scene.committed(AppendToRun(runs[0].lease, [completed()]))
        assert await store.run_notices("node-1", []) == []

    async def test_an_owner_can_ask_which_questions_were_answered(self, store: Store) -> None:
        scene = Scene(store)
        runs = [await scene.running(user) for user in ("ann", "bob")]
        leases = [run.lease for run in runs]
        for lease in leases:
            await scene.committed(question(lease))
        assert await store.run_notices("node-1", leases) == []
        await scene.committed(AnswerInput(run_context(runs[1]), "input-1", "yes"))
        assert await store.run_notices("node-1", leases) == [leases[1].run_id]

    async def test_an_answer_is_noticed_while_another_question_is_open(self, store: Store) -> None:
        scene = Scene(store)
        run = await scene.running("ann")
        for ordinal in (1, 2):
            await scene.committed(question(run.lease, ordinal=ordinal))
        await scene.committed(AnswerInput(run_context(run), "input-2", "yes"))
        assert await store.run_notices("node-1", [run.lease]) == [run.lease.run_id]

    async def test_an_end_tells_that_more_of_the_user_waits(self, store: Store) -> None:
        scene = Scene(store)
        first = await scene.running("ann", user_executing_max=1)
        await scene.send(context_of("ann"), key="k2", user_executing_max=1)
        outcome = await scene.committed(AppendToRun(first.lease, [completed()]))
        assert ANN_WAITS in outcome.hints
        (second,) = await scene.claim()
        outcome = await scene.committed(AppendToRun(second.lease, [started(), completed()]))
        assert ANN_WAITS not in outcome.hints


class TurnContract:
    """Which run is claimed next: users take turns."""

    async def _queue(self, scene: Scene, user: str, count: int, **settings: Any) -> list[str]:
        """Messages in threads of their own; their runs."""
        contexts = [context_of(user) for _ in range(count)]
        for number, context in enumerate(contexts):
            await scene.send(context, key=f"k{number}", user_runs_max=10_000, **settings)
        return [context.run_id for context in contexts]

    async def _claim_ids(self, scene: Scene, limit: int = 10) -> list[str]:
        return [run.lease.run_id for run in await scene.claim(limit)]

    async def test_a_light_user_is_next_whatever_another_has_queued(self, store: Store) -> None:
        scene = Scene(store)
        heavy = await self._queue(scene, "ann", 40)
        assert await self._claim_ids(scene, 5) == heavy[:5]
        (light,) = await self._queue(scene, "bob", 1)
        assert await self._claim_ids(scene, 1) == [light]
        assert await self._claim_ids(scene, 1) == heavy[5:6]

    async def test_users_with_much_to_do_take_turns(self, store: Store) -> None:
        scene = Scene(store)
        queued = {user: await self._queue(scene, user, 6) for user in ("ann", "bob", "cid")}
        for turn in range(3):
            claimed = [(await self._claim_ids(scene, 1))[0] for _ in queued]
            assert sorted(claimed) == sorted(runs[turn] for runs in queued.values())
        both = await self._claim_ids(scene, 6)
        assert [len({*both} & {*runs[3:5]}) for runs in queued.values()] == [2, 2, 2]

    async def test_a_user_executes_no_more_than_was_allowed(self, store: Store) -> None:
        scene = Scene(store)
        runs = await self._queue(scene, "ann", 5, user_executing_max=2)
        first = await scene.claim(10)
        assert [run.lease.run_id for run in first] == runs[:2]
        assert await self._claim_ids(scene) == []
        await scene.committed(AppendToRun(first[0].lease, [started(), completed()]))
        assert await self._claim_ids(scene) == [runs[2]]
        await scene.committed(question(first[1].lease))  # still executing
        assert await self._claim_ids(scene) == []

    async def test_a_run_keeps_the_bound_it_was_sent_with(self, store: Store) -> None:
        scene = Scene(store)
        (first,) = await self._queue(scene, "ann", 1, user_executing_max=1)
        await scene.claim()
        context = context_of("ann")
        await scene.send(context, key="more", user_executing_max=2)
        assert await self._claim_ids(scene) == [context.run_id] != [first]

    async def test_a_full_thread_holds_up_no_other(self, store: Store) -> None:
        scene = Scene(store)
        full = context_of("ann")
        await scene.send(full, user_runs_max=10_000)
        for number in range(20):
            context = context_of("ann", full.thread_id)
            await scene.send(context, key=f"f{number}", new_thread=False, user_runs_max=10_000)
        (other,) = await self._queue(scene, "ann", 1)
        assert await self._claim_ids(scene) == [full.run_id, other]

    async def test_what_another_service_executes_takes_no_turn(self, store: Store) -> None:
        scene = Scene(store)
        begun = Service("ann").unit("thread_created", "agent_started")
        assert [type(one) for one in await scene.result(begun)] == [Ingested] * 2
        runs = await self._queue(scene, "ann", 2, user_executing_max=1)
        assert await self._claim_ids(scene) == runs[:1]

    async def test_who_goes_on_from_claim_to_claim_looks_at_everybody(self, store: Store) -> None:
        scene = Scene(store)
        await self._blocked(scene, 5 * CLAIM_USERS_MAX)
        for key, after in (("first", 0), ("second", 17)):
            await scene.send(context_of("ann"), key=key)
            found: list[str] = []
            for _ in range(5 + 1):
                claim = await scene.result(ClaimRuns("node-1", LEASE_S, ["demo"], 1, after))
                found += [run.lease.address.user_id for run in claim.runs]
                assert claim.reached is not None
                after = claim.reached
            assert found == ["ann"]

    async def test_nobody_is_passed_over_while_others_come_and_go(self, store: Store) -> None:
        scene = Scene(store)
        users = await self._blocked(scene, 3 * CLAIM_USERS_MAX)
        for late in users[::20]:
            await scene.send(context_of(late), key="late")
        served: list[str] = []
        after = 0
        for turn in range(5):
            await self._blocked(scene, 9, f"newcomer-{turn}")
            gone = await scene.result(ClaimRuns("other", LEASE_S, ["not here"], 9, after))
            assert len(gone.runs) == 9  # of those who are next in the circle
            claim = await scene.result(ClaimRuns("node-1", LEASE_S, ["demo"], 99, after))
            served += [run.lease.address.user_id for run in claim.runs]
            assert claim.reached is not None
            after = claim.reached
        assert sorted(served) == sorted(users[::20])

    async def test_those_whom_a_claim_names_are_found_wherever_they_stand(
        self, store: Store
    ) -> None:
        scene = Scene(store)
        await self._blocked(scene, 3 * CLAIM_USERS_MAX)
        looked = await scene.result(ClaimRuns("node-1", LEASE_S, ["demo"], 9))
        for named in (f"late-{number}" for number in range(10)):
            await scene.send(context_of(named))
            unit = ClaimRuns("node-1", LEASE_S, ["demo"], 9, users=(named, "nobody", "user-1"))
            claim = await scene.result(unit)
            assert [run.lease.address.user_id for run in claim.runs] == [named]
            assert (claim.reached or 0) <= (looked.reached or 0)  # it looked no farther for that

    async def test_a_claim_may_look_at_nobody_but_those_named(self, store: Store) -> None:
        scene = Scene(store)
        await self._queue(scene, "ann", 1)
        (bobs,) = await self._queue(scene, "bob", 1)
        unit = ClaimRuns("node-1", LEASE_S, ["demo"], 9, None, users=("bob", "nobody"))
        claim = await scene.result(unit)
        assert ([run.lease.run_id for run in claim.runs], claim.reached) == ([bobs], None)
        nobody = ClaimRuns("node-1", LEASE_S, ["demo"], 9, None)
        assert await scene.result(nobody) == Claim([])
        assert len((await scene.result(ClaimRuns("node-1", LEASE_S, ["demo"], 9))).runs) == 1

    async def test_who_is_named_takes_turns_with_the_others(self, store: Store) -> None:
        scene = Scene(store)
        runs = await self._queue(scene, "ann", 2)
        (other,) = await self._queue(scene, "bob", 1)
        for next_one in (runs[0], other, runs[1]):
            unit = ClaimRuns("node-1", LEASE_S, ["demo"], 1, users=("ann",))
            claim = await scene.result(unit)
            assert [run.lease.run_id for run in claim.runs] == [next_one]

    async def _blocked(self, scene: Scene, count: int, name: str = "user") -> list[str]:
        """Users with a run that no node here can execute."""
        users = [f"{name}-{number}" for number in range(count)]
        await scene.outcomes(*(message(context_of(user), agent="not here") for user in users))
        return users

    async def test_a_claim_says_where_it_stopped_unless_it_has_seen_all(self, store: Store) -> None:
        scene = Scene(store)
        assert await scene.result(ClaimRuns("n", LEASE_S, ["demo"], 1)) == Claim([])
        for number in range(CLAIM_USERS_MAX - 1):
            await scene.send(context_of(f"user-{number}"), agent="not here")
        assert await scene.result(ClaimRuns("n", LEASE_S, ["demo"], 1)) == Claim([])
        for number in range(CLAIM_USERS_MAX, 2 * CLAIM_USERS_MAX + 2):
            await scene.send(context_of(f"user-{number}"), agent="not here")
        laps = [0]
        for _ in range(3):
            claim = await scene.result(ClaimRuns("n", LEASE_S, ["demo"], 1, laps[-1]))
            assert claim.runs == []
            assert claim.reached is not None
            laps.append(claim.reached)
        assert laps[0] < laps[1] < laps[2] > laps[3] < laps[1]  # the third came round

    async def test_more_users_than_a_claim_looks_at_all_get_their_turn(self, store: Store) -> None:
        scene = Scene(store)
        users = [f"user-{number}" for number in range(CLAIM_USERS_MAX + 10)]
        turns = range(4)
        await scene.outcomes(*(message(context_of(u), key=f"k{t}") for u in users for t in turns))
        served: list[str] = []
        after = 0
        for _ in range(2 * len(users)):
            claim = await scene.result(ClaimRuns("node-1", LEASE_S, ["demo"], 1, after))
            served += [run.lease.address.user_id for run in claim.runs]
            after = claim.reached or 0
        assert set(served) == set(users)
