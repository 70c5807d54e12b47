"""Questions to people, across attempts (bad-input row R10)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from runner_world import FOREVER_S, FaultyStore, World, outcome, world
from threadcast.agent import Agent, Run
from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.errors import ThreadcastError
from threadcast.store.units import AnswerInput, Outcome, Unit
from threadcast.testing.clock import ManualClock


async def _asking(run: Run) -> str:
    first = await run.ask("Colour?", {"type": "string"})
    second = await run.ask("Size?", timeout_s=60)
    return f"{first} {second}"


def _questions(here: World, context: UserExecutionContext) -> list[dict[str, Any]]:
    return [d for kind, d in here.watch.of(context.run_id) if kind == "input_requested"]


async def test_r10_the_first_answer_wins_and_only_the_owners(tmp_path: Path) -> None:
    async with (
        world(tmp_path, Agent("asking", _asking)) as here,
        here.running(lease_s=FOREVER_S),
    ):
        context = await here.send()
        await here.watch.until(lambda: len(_questions(here, context)) == 1)
        assert (await here.row(context)).status == "waiting"
        question = _questions(here, context)[0]
        assert question["prompt"] == "Colour?"
        assert question["schema"] == {"type": "string"}
        stranger = UserExecutionContext.for_run("bob", context.thread_id, context.run_id)
        with pytest.raises(ThreadcastError, match="not_found"):
            await here.answer(stranger, question["input_id"], "black")
        await here.answer(context, question["input_id"], {"red": [1]})
        with pytest.raises(ThreadcastError, match="already_answered"):
            await here.answer(context, question["input_id"], "blue")
        await here.watch.until(lambda: len(_questions(here, context)) == 2)
        await here.answer(context, _questions(here, context)[1]["input_id"], 5)
        _, end = await here.watch.end_of(context.run_id)
        assert end["content"] == "{'red': [1]} 5"


async def test_r10_an_answer_after_the_expiry_is_refused(tmp_path: Path) -> None:
    expired, go = asyncio.Event(), asyncio.Event()

    async def asks(run: Run) -> str:
        try:
            return str(await run.ask("Quick?", timeout_s=0.05))
        except TimeoutError:
            expired.set()
            await go.wait()
            return "too late"

    async with world(tmp_path, Agent("asks", asks)) as here, here.running():
        context = await here.send()
        await asyncio.wait_for(expired.wait(), 10)
        with pytest.raises(ThreadcastError, match="expired"):
            await here.answer(context, _questions(here, context)[0]["input_id"], "yes")
        go.set()
        _, end = await here.watch.end_of(context.run_id)
        assert end["content"] == "too late"


class SlowDisk(FaultyStore):
    """A store whose commits of answers begin when it is asked to, and are seen after a while."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, clock=SystemClock(), faults=())
        self.answering = asyncio.Event()
        self.may_commit = asyncio.Event()

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        if any(isinstance(unit, AnswerInput) for unit in units):
            self.answering.set()
            await self.may_commit.wait()
        return await super().commit(units, now=now)


async def test_r10_an_answer_that_was_accepted_in_time_is_given_to_the_agent(
    tmp_path: Path,
) -> None:
    """The commit of the answer begins before the expiry and ends after it."""
    store = SlowDisk(tmp_path / "journal.db")

    async def asks(run: Run) -> str:
        return str(await run.ask("Quick?", timeout_s=0.5))

    async with world(tmp_path, Agent("asks", asks), store=store) as here, here.running():
        context = await here.send()
        await here.watch.until(lambda: len(_questions(here, context)) == 1)
        asked = _questions(here, context)[0]
        answering = asyncio.ensure_future(here.answer(context, asked["input_id"], "yes"))
        await asyncio.wait_for(store.answering.wait(), 10)
        late_s = asked["expires_at"] - here.clock.now() + 0.2
        asyncio.get_running_loop().call_later(late_s, store.may_commit.set)
        await answering
        _, end = await here.watch.end_of(context.run_id)
        assert end.get("content") == "yes", end


async def test_r10_an_expiry_that_the_agent_lets_out_is_named_and_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="threadcast.runner")

    async def asks(run: Run) -> str:
        return str(await run.ask("Quick?", timeout_s=0.05))

    kind, data = await outcome(tmp_path, asks)
    assert (kind, data["code"], data["retryable"]) == ("agent_failed", "expired", True)
    assert [one.levelname for one in caplog.records] == ["INFO"]


@pytest.mark.parametrize("is_answered_between", [True, False])
async def test_a_later_attempt_finds_its_questions_again(
    tmp_path: Path, *, is_answered_between: bool
) -> None:
    clock = ManualClock()
    async with world(tmp_path, Agent("asking", _asking), store_clock=clock) as here:
        async with here.running():
            context = await here.send()
            await here.watch.until(lambda: len(_questions(here, context)) == 1)
            await here.answer(context, _questions(here, context)[0]["input_id"], "red")
            await here.watch.until(lambda: len(_questions(here, context)) == 2)
        open_id = _questions(here, context)[1]["input_id"]
        if is_answered_between:
            await here.answer(context, open_id, "XL")
        clock.advance(11)
        assert (await here.take_over()).requeued == [context.run_id]
        async with here.running():
            if not is_answered_between:
                await here.watch.until(here.watch.has(context, "agent_started", 2))
                await here.answer(context, open_id, "XL")
            _, end = await here.watch.end_of(context.run_id)
        assert end["content"] == "red XL"
        assert len(_questions(here, context)) == 2


async def test_a_question_that_a_lost_tail_took_away_expires_at_its_time(tmp_path: Path) -> None:
    """Nobody can answer it any more; the run must not hold its lease for ever."""

    async def asks(run: Run) -> str:
        try:
            return str(await run.ask("Still there?", timeout_s=0.5))
        except TimeoutError:
            return "too late"

    async with world(tmp_path, Agent("asks", asks)) as here, here.running():
        context = await here.send()
        await here.watch.until(lambda: len(_questions(here, context)) == 1)
        with closing(apsw.Connection(str(tmp_path / "journal.db"))) as connection:
            connection.set_busy_timeout(5_000)
            connection.execute("DELETE FROM inputs")
        _, end = await here.watch.end_of(context.run_id)
        assert end["content"] == "too late"
