"""The contract of units about questions: who asks, who answers, how the run stands meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from store_scene import (
    NOW,
    Scene,
    completed,
    context_of,
    data_of,
    delta,
    question,
    run_context,
    started,
)
from threadcast.bus import RunSignal
from threadcast.context import UserExecutionContext
from threadcast.store import Store
from threadcast.store.units import AnswerInput, AppendToRun, HandOverRun, Lease
from vector_files import vectors

PassTime = Callable[[float], Awaitable[None]]


class QuestionContract:
    """What runs ask people."""

    async def test_a_question_and_its_answer(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        context = run_context(claimed)
        await scene.committed(question(claimed.lease))
        async with scene.session("ann") as session:
            run = await session.run(context.run_id)
            inputs = await session.inputs(context.run_id)
        assert run is not None
        assert run.status == "waiting"
        assert [(row.input_id, row.ordinal, row.answered) for row in inputs] == [
            ("input-1", 1, False)
        ]
        outcome = await scene.committed(AnswerInput(context, "input-1", {"yes": None}))
        assert data_of(outcome.events[0]) == {"input_id": "input-1", "value": {"yes": None}}
        assert tuple(outcome.hints) == (RunSignal(context.run_id, "node-1"),)
        assert outcome.result.status == "running"
        assert await scene.refused(AnswerInput(context, "input-1", 1)) == "already_answered"
        async with scene.session("ann") as session:
            assert [row.value for row in await session.inputs(context.run_id)] == [{"yes": None}]
        await scene.committed(AppendToRun(claimed.lease, [delta("thanks")]))

    async def test_null_is_an_answer(self, store: Store) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(question(claimed.lease))
        await scene.committed(AnswerInput(run_context(claimed), "input-1", None))
        async with scene.session("ann") as session:
            rows = await session.inputs(claimed.lease.run_id)
        assert [(row.answered, row.value) for row in rows] == [(True, None)]

    async def test_answers_that_are_refused(self, store: Store, pass_time: PassTime) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        context = run_context(claimed)
        await scene.thread("bob")
        await scene.committed(question(claimed.lease, expires_at=NOW + 5))
        foreign = UserExecutionContext.for_run("bob", context.thread_id, context.run_id)
        assert await scene.refused(AnswerInput(foreign, "input-1", 1)) == "not_found"
        assert await scene.refused(AnswerInput(context, "input-9", 1)) == "not_found"
        await scene.committed(AppendToRun(claimed.lease, [completed()]))
        assert await scene.refused(AnswerInput(context, "input-1", 1)) == "run_finished"
        scene.now = NOW + 5
        await pass_time(5)
        assert await scene.refused(AnswerInput(context, "input-1", 1)) == "expired"
        async with scene.session("bob") as session:
            assert await session.inputs(context.run_id) == []
            assert await session.run(context.run_id) is None

    async def test_nobody_answers_a_live_run_too_late(
        self, store: Store, pass_time: PassTime
    ) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        await scene.committed(question(claimed.lease, expires_at=NOW + 5))
        scene.now = NOW + 5
        await pass_time(5)
        context = run_context(claimed)
        assert await scene.refused(AnswerInput(context, "input-1", 1)) == "expired"

    @pytest.mark.parametrize("vector", vectors("run_statuses"))
    async def test_a_run_waits_while_one_of_its_questions_is_open(
        self, store: Store, pass_time: PassTime, vector: dict[str, Any]
    ) -> None:
        scene = Scene(store)
        context = context_of("ann")
        await scene.send(context)
        lease: Lease | None = None
        for step in vector["steps"]:
            await pass_time(NOW + step["at"] - scene.now)
            scene.now = NOW + step["at"]
            lease = await _happens(scene, context, lease, step)
            async with scene.session("ann") as session:
                run = await session.run(context.run_id)
                thread = await session.thread(context.thread_id)
            assert run is not None
            assert thread is not None
            assert [run.status, thread.live_runs[0].status] == [step["status"]] * 2, step


async def _happens(
    scene: Scene, context: UserExecutionContext, lease: Lease | None, step: dict[str, Any]
) -> Lease:
    """One step of a vector; who starts takes over from who had the run before. The lease then."""
    if step["event_type"] == "agent_started":
        if lease is not None:
            await scene.committed(HandOverRun(lease, begun=True))
        (claimed,) = await scene.claim()
        await scene.committed(AppendToRun(claimed.lease, [started(claimed.attempt)]))
        return claimed.lease
    assert lease is not None
    if step["event_type"] == "input_requested":
        ordinal = int(step["input_id"].removeprefix("input-"))
        unit = question(lease, ordinal=ordinal, expires_at=NOW + step["expires_at"])
        await scene.committed(unit)
    elif step["event_type"] == "input_received":
        await scene.committed(AnswerInput(context, step["input_id"], "yes"))
    else:
        await scene.committed(AppendToRun(lease, [delta("x")]))
    return lease
