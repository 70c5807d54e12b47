"""The way into the journal when it refuses, fails or cannot say (bad-input row R5)."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from pathlib import Path

import pytest

from runner_world import LIMITS, golden, world
from threadcast.agent import Agent, Run
from threadcast.errors import OutcomeUnknown, ThreadcastError
from threadcast.events import AgentCancelled, AgentDelta, EventDraft, EventType
from threadcast.runner.outbox import RunOutbox


async def test_r5_nothing_is_stored_after_the_terminal_event(tmp_path: Path) -> None:
    lost = asyncio.Event()
    async with world(tmp_path, golden) as here:
        context = await here.send()
        lease = (await here.claim_as("node-1")).lease
        outbox = RunOutbox(here.journal, lease, LIMITS.outbox, lost.set)
        outbox.add(EventDraft.of(EventType.AGENT_CANCELLED, AgentCancelled("user")))
        assert await outbox.flushed()
        outbox.add(EventDraft.of(EventType.AGENT_DELTA, AgentDelta("more")))
        assert not await outbox.flushed()
        assert lost.is_set()
        assert outbox.lost is not None
        assert outbox.lost.code == "run_finished"
        with pytest.raises(asyncio.CancelledError):
            await outbox.room()
        assert here.watch.types_of(context.run_id) == ["agent_cancelled"]


async def _streams(run: Run) -> None:
    for number in range(600):
        await run.delta(f"{number} ")


async def test_refused_appends_are_tried_again_in_order(tmp_path: Path) -> None:
    away = ThreadcastError("unavailable")
    full = ThreadcastError("storage_full")
    faults = [away, None, full, full, None, away, away, away]
    streams = Agent("streams", _streams)
    async with world(tmp_path, streams, faults=list(faults)) as here, here.running():
        context = await here.send()
        _, end = await here.watch.end_of(context.run_id)
        deltas = [d["text"] for k, d in here.watch.of(context.run_id) if k == "agent_delta"]
    assert deltas == [f"{number} " for number in range(600)]
    assert end["content"] == "".join(deltas)


async def test_an_unknown_outcome_is_never_sent_again(tmp_path: Path) -> None:
    faults: list[ThreadcastError | None] = [None, OutcomeUnknown("the answer was lost")]
    streams = Agent("streams", _streams)
    async with world(tmp_path, streams, faults=faults) as here, here.running(max_runs=1):
        context = await here.send()
        await asyncio.wait_for(here.store.spent.wait(), 10)
        while not (await here.take_over()).requeued:
            pass
        await here.watch.end_of(context.run_id)
        stored = await here.stored(context)
    attempts: list[list[bytes]] = []
    for event in stored:
        if event.event_type is EventType.AGENT_STARTED:
            attempts.append([])
        elif event.event_type is EventType.AGENT_DELTA:
            attempts[-1].append(event.data)
    assert len(attempts) == 2
    assert all(len(one) == len(set(one)) for one in attempts)
    assert len(attempts[1]) == 600


async def test_a_store_that_stays_away_loses_the_run_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    outbox = dataclasses.replace(LIMITS.outbox, retry_total_s=0.05)
    limits = dataclasses.replace(LIMITS, outbox=outbox)
    faults: list[ThreadcastError | None] = [None] + [ThreadcastError("unavailable")] * 50
    ended = asyncio.Event()

    async def endless(run: Run) -> None:
        try:
            while True:
                await run.thinking("x" * 4_000)
        finally:
            ended.set()

    made = Agent("endless", endless)
    async with world(tmp_path, made, faults=faults, limits=limits) as here:
        async with here.running() as runner:
            context = await here.send()
            await asyncio.wait_for(ended.wait(), 10)
            await runner.drain(5)
        assert (await here.row(context)).status == "running"
        assert (await here.take_over()).requeued == [context.run_id]
    assert not caplog.records
