"""Claiming, losing, cancelling and handing over runs (bad-input rows R3 and R4)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runner_world import FOREVER_S, World, golden, world
from threadcast.agent import Agent, Run
from threadcast.context import UserExecutionContext
from threadcast.testing.clock import ManualClock


async def test_runs_of_a_thread_follow_each_other(tmp_path: Path) -> None:
    async with world(tmp_path, golden) as here, here.running():
        first = await here.send("1")
        others = [await here.send(str(n), thread_id=first.thread_id) for n in range(2, 5)]
        await here.watch.end_of(others[-1].run_id)
        ends = [e.address.run_id for e in here.watch.events if e.event_type == "agent_completed"]
        assert ends == [first.run_id, *(one.run_id for one in others)]


async def test_no_more_than_max_runs_execute_at_once(tmp_path: Path) -> None:
    now, most = 0, 0

    async def busy(run: Run) -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await run.save(now)
        now -= 1
        return "done"

    async with world(tmp_path, Agent("busy", busy)) as here:
        contexts = [await here.send(user_id=f"user-{n}") for n in range(12)]
        async with here.running(max_runs=3):
            for context in contexts:
                await here.watch.end_of(context.run_id)
    assert most == 3


async def test_runs_that_wait_for_people_leave_room_for_others(tmp_path: Path) -> None:
    async def asks(run: Run) -> str:
        return str(await run.ask("Which?")) if run.message == "ask" else "done"

    async with (
        world(tmp_path, Agent("asks", asks)) as here,
        here.running(max_runs=1) as runner,
    ):
        for number in range(9):
            context = await here.send("ask", user_id=f"user-{number}")
            await here.watch.until(here.watch.has(context, "input_requested"))
        other = await here.send("work", user_id="other")
        await here.watch.end_of(other.run_id)
        context = await here.send("ask", user_id="user-9")
        await here.watch.until(here.watch.has(context, "input_requested"))
        late = await here.send("work", user_id="other")
        await runner.claim()  # waiting runs are bounded, too
        assert (await here.row(late)).status == "queued"
        assert runner.active == 10


async def _take_away(here: World, context: UserExecutionContext, clock: ManualClock) -> None:
    clock.advance(11)
    assert (await here.take_over()).requeued == [context.run_id]
    assert (await here.claim_as("node-2")).attempt == 2


async def test_r3_a_write_with_an_old_fence_stops_the_run_here(tmp_path: Path) -> None:
    go, stopped = asyncio.Event(), asyncio.Event()

    async def slow(run: Run) -> None:
        await run.delta("mine")
        await go.wait()
        try:
            for _ in range(1_000):
                await run.delta("not mine")
        except asyncio.CancelledError:
            stopped.set()
            raise

    clock = ManualClock()
    async with world(tmp_path, Agent("slow", slow), store_clock=clock) as here:
        async with here.running(max_runs=1):  # it is full, so the second claim is the other's
            context = await here.send()
            await here.watch.until(here.watch.has(context, "agent_delta"))
            await _take_away(here, context, clock)
            go.set()
            await asyncio.wait_for(stopped.wait(), 10)
        assert here.watch.types_of(context.run_id) == ["agent_started", "agent_delta"]
        assert (await here.row(context)).status == "running"


async def test_r3_a_lease_that_is_reported_lost_ends_the_agent_without_an_append(
    tmp_path: Path,
) -> None:
    cancelled = asyncio.Event()

    async def idle(run: Run) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    clock = ManualClock()
    async with (
        world(tmp_path, Agent("idle", idle), store_clock=clock) as here,
        here.running(max_runs=1, lease_s=FOREVER_S),
    ):
        context = await here.send()
        await here.watch.until(lambda: here.watch.types_of(context.run_id) == ["agent_started"])
        clock.advance(FOREVER_S)
        await _take_away(here, context, clock)
        await here.cancel(context)  # its signal makes the runner look at the lease
        await asyncio.wait_for(cancelled.wait(), 10)
        assert here.watch.types_of(context.run_id) == ["agent_started"]


async def test_r3_a_run_that_this_node_claims_again_has_one_writer(tmp_path: Path) -> None:
    first_ended = asyncio.Event()

    async def twice(run: Run) -> str:
        if run.attempt > 1:
            return "second"
        try:
            await run.delta("first")
            await asyncio.Event().wait()
        finally:
            first_ended.set()
        return "first"

    clock = ManualClock()
    async with world(tmp_path, Agent("twice", twice), store_clock=clock) as here:
        async with here.running(lease_s=FOREVER_S):
            context = await here.send()
            await here.watch.until(here.watch.has(context, "agent_delta"))
            clock.advance(FOREVER_S)
            assert (await here.take_over()).requeued == [context.run_id]
            assert (await here.watch.end_of(context.run_id))[1]["content"] == "second"
            await asyncio.wait_for(first_ended.wait(), 10)
        assert here.watch.types_of(context.run_id) == [
            "agent_started",
            "agent_delta",
            "agent_started",
            "agent_completed",
        ]


async def test_r4_a_lapsed_lease_that_nobody_took_is_still_good(tmp_path: Path) -> None:
    clock = ManualClock()

    async def late(run: Run) -> str:
        clock.advance(1_000)
        await run.delta("late")
        return "but here"

    async with world(tmp_path, Agent("late", late), store_clock=clock) as here, here.running():
        context = await here.send()
        assert (await here.watch.end_of(context.run_id))[0] == "agent_completed"


async def test_a_cancel_is_acted_on_by_its_signal(tmp_path: Path) -> None:
    cleaned = asyncio.Event()

    async def idle(run: Run) -> None:
        try:
            async with run.tool("wait", None):
                await asyncio.Event().wait()
        finally:
            cleaned.set()

    async with world(tmp_path, Agent("idle", idle)) as here, here.running(lease_s=FOREVER_S):
        context = await here.send()
        await here.watch.until(here.watch.has(context, "tool_executing"))
        await here.cancel(context, "enough")
        end = await here.watch.end_of(context.run_id)
        assert end == ("agent_cancelled", {"reason": "enough"})
        assert cleaned.is_set()
        assert (await here.row(context)).status == "cancelled"
        await here.cancel(context, "again")


async def test_a_run_that_begins_while_its_user_is_away_ends_if_it_asked_for_it(
    tmp_path: Path,
) -> None:
    async def idle(run: Run) -> None:
        await run.delta("here")
        await asyncio.Event().wait()

    async with world(tmp_path, Agent("idle", idle)) as here, here.running(lease_s=FOREVER_S):
        earlier = await here.send(on_disconnect="cancel")  # whoever saw the user leave ends it
        await here.watch.until(here.watch.has(earlier, "agent_delta"))
        here.present.discard("ann")
        staying = await here.send(on_disconnect="continue")
        other = await here.send(on_disconnect="cancel", user_id="bob")
        for context in (staying, other):
            await here.watch.until(here.watch.has(context, "agent_delta"))
        leaving = await here.send(on_disconnect="cancel")
        end = await here.watch.end_of(leaving.run_id)
        assert end == ("agent_cancelled", {"reason": "disconnected"})
        for context in (earlier, staying, other):
            assert (await here.row(context)).status == "running"


async def test_a_drained_run_goes_on_at_once_elsewhere(tmp_path: Path) -> None:
    async def steps(run: Run) -> str:
        if run.state is None:
            await run.save({"step": 1})
            await run.delta("first half")
            await asyncio.Event().wait()
        return f"attempt {run.attempt} from {run.state}"

    async with world(tmp_path, Agent("steps", steps)) as here:
        async with here.running() as runner:
            context = await here.send()
            await here.watch.until(here.watch.has(context, "agent_delta"))
            await runner.drain(0.01)
            assert runner.active == 0
            late = await here.send()
            assert (await here.row(late)).status == "queued"
        assert here.watch.types_of(context.run_id) == ["agent_started", "agent_delta"]
        assert (await here.row(context)).status == "queued"
        async with here.running():
            _, end = await here.watch.end_of(context.run_id)
            await here.watch.until(here.watch.has(late, "agent_delta"))
        assert end["content"] == "attempt 2 from {'step': 1}"


async def test_draining_lets_runs_end(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def waits(run: Run) -> str:
        await run.delta("wait for me")
        await go.wait()
        return "done"

    async with world(tmp_path, Agent("waits", waits)) as here, here.running() as runner:
        context = await here.send()
        await here.watch.until(here.watch.has(context, "agent_delta"))
        draining = asyncio.create_task(runner.drain(20))
        go.set()
        await draining
        assert (await here.row(context)).status == "completed"


async def test_no_task_is_left(tmp_path: Path) -> None:
    async def idle(run: Run) -> None:
        await run.delta("here")
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    async with world(tmp_path, Agent("idle", idle)) as here:
        async with here.running():
            context = await here.send()
            await here.watch.until(here.watch.has(context, "agent_delta"))
        assert here.watch.types_of(context.run_id) == ["agent_started", "agent_delta"]
    assert asyncio.all_tasks() == before
