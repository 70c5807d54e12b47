"""How one attempt ends, whatever its agent does (bad-input rows R5 to R8)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import math
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from runner_world import FOREVER_S, LIMITS, golden, outcome, raises, world
from threadcast.agent import Agent, AgentFunction, Run
from threadcast.errors import ThreadcastError
from threadcast.events import EventDraft
from threadcast.runner.execution import RunExecution
from threadcast.store.records import RunFailure


async def test_the_golden_path(tmp_path: Path) -> None:
    async with world(tmp_path, golden) as here, here.running() as runner:
        context = await here.send("what is 1 + 2?")
        await here.watch.end_of(context.run_id)
        events = here.watch.of(context.run_id)
        kinds = [kind for kind, _ in events]
        assert kinds == [
            "message_created",
            "agent_started",
            "agent_thinking",
            "tool_executing",
            "tool_completed",
            *["agent_delta"] * 3,
            "agent_completed",
        ]
        data = [data for _, data in events]
        assert data[1] == {"agent": "golden", "attempt": 1}
        assert data[2] == {"text": "hm"}
        call_id = data[3]["tool_call_id"]
        assert data[3] == {"tool_call_id": call_id, "tool": "add", "arguments": {"a": 1, "b": 2}}
        assert data[4].pop("duration_ms") >= 0
        assert data[4] == {"tool_call_id": call_id, "tool": "add", "result": 3, "is_error": False}
        assert data[8].pop("duration_ms") >= 0
        assert data[8] == {"content": "The answer is 3.", "usage": {"tokens": 7}}
        assert (await here.row(context)).status == "completed"
        async with here.sessions.open(context) as session:
            rows = await session.messages.list(context.thread_id, limit=10)
        assert [row.message.content for row in rows] == ["what is 1 + 2?", "The answer is 3."]
        await runner.drain(5)
        assert runner.active == 0


async def test_a_generator_streams_its_answer(tmp_path: Path) -> None:
    async def count(run: Run) -> AsyncIterator[str]:
        yield "one "
        yield "two"

    kind, data = await outcome(tmp_path, count)
    assert (kind, data["content"]) == ("agent_completed", "one two")


async def test_a_returned_text_is_the_answer(tmp_path: Path) -> None:
    async def reply(run: Run) -> str:
        await run.delta("draft")
        return run.message.upper()

    kind, data = await outcome(tmp_path, reply)
    assert (kind, data["content"]) == ("agent_completed", "HELLO")


async def test_r5_an_agent_that_goes_on_after_its_end_is_refused(tmp_path: Path) -> None:
    refused = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def leaky(run: Run) -> str:
        async def later() -> None:
            await ended.wait()
            try:
                await run.delta("late")
            except asyncio.CancelledError:
                refused.set()

        tasks.append(asyncio.create_task(later()))
        return "done"

    ended = asyncio.Event()
    async with world(tmp_path, Agent("leaky", leaky)) as here, here.running():
        context = await here.send()
        await here.watch.end_of(context.run_id)
        ended.set()
        await asyncio.wait_for(refused.wait(), 10)
        assert here.watch.types_of(context.run_id) == ["agent_started", "agent_completed"]


_CYCLE: list[Any] = []
_CYCLE.append(_CYCLE)


def _yields(value: Any) -> AgentFunction:
    async def bad(run: Run) -> AsyncIterator[str]:
        yield "fine so far"
        yield value

    return bad


def _calls_with(value: Any) -> AgentFunction:
    async def bad(run: Run) -> str:
        async with run.tool("tool", {}) as call:
            call.result(value)
        return "not reached"

    return bad


async def _saves_nan(run: Run) -> None:
    await run.save({"score": math.nan})


async def _reports_bytes(run: Run) -> None:
    run.usage(b"many")


async def _names_no_tool(run: Run) -> None:
    async with run.tool("", {}):
        raise AssertionError("not reached")


async def _asks_with_an_object(run: Run) -> None:
    await run.ask("Really?", object())


async def _thinks_bytes(run: Run) -> None:
    await run.thinking(b"hm")  # type: ignore[arg-type]


def _returns(value: Any) -> AgentFunction:
    async def bad(run: Run) -> Any:
        return value

    return bad


async def _swallows(run: Run) -> AsyncIterator[str]:
    for value in (b"bytes", "good"):
        try:
            await run.delta(value)  # type: ignore[arg-type]
        except ThreadcastError:
            yield "no matter"


async def _swallows_and_answers(run: Run) -> str:
    with contextlib.suppress(ThreadcastError):
        run.usage(math.inf)
    return "as if nothing had happened"


async def _is_async(run: Run) -> str:
    return "text"


@functools.wraps(_is_async)
def _is_not_async(run: Run) -> Any:
    return "text"


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(_yields(b"bytes"), id="bytes"),
        pytest.param(_yields({"no": "text"}), id="no text"),
        pytest.param(_yields("x" * (10 << 20)), id="10 MiB"),
        pytest.param(_yields("a\0"), id="NUL"),
        pytest.param(_yields("\ud800"), id="surrogate"),
        pytest.param(_yields("\ufffe"), id="noncharacter"),
        pytest.param(_calls_with(math.nan), id="NaN"),
        pytest.param(_calls_with(_CYCLE), id="circular"),
        pytest.param(_calls_with(object()), id="no JSON"),
        pytest.param(_calls_with("x" * 300_000), id="large result"),
        pytest.param(_returns(5), id="returns int"),
        pytest.param(_returns("x" * 300_000), id="large answer"),
        pytest.param(_returns("\ud800"), id="returns surrogate"),
        pytest.param(_swallows, id="swallows the error"),
        pytest.param(_swallows_and_answers, id="swallows it and answers"),
        pytest.param(_is_not_async, id="not async"),
        pytest.param(_saves_nan, id="checkpoint"),
        pytest.param(_reports_bytes, id="usage"),
        pytest.param(_names_no_tool, id="tool name"),
        pytest.param(_asks_with_an_object, id="schema"),
        pytest.param(_thinks_bytes, id="thought"),
    ],
)
async def test_r6_bad_output_fails_the_run_and_the_log_says_how(
    tmp_path: Path, function: AgentFunction, caplog: pytest.LogCaptureFixture
) -> None:
    kind, data = await outcome(tmp_path, function)
    assert kind == "agent_failed"
    assert data["code"] == "bad_agent_output"
    assert data["message"] == "The agent gave an unusable answer."
    assert data["retryable"] is False
    [logged] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert logged.exc_info is not None


class _Hostile(BaseException):
    """Not even an Exception."""


def _recurse(depth: int) -> int:
    return _recurse(depth + 1) + 1


async def _exits(run: Run) -> str:
    sys.exit(3)


async def _recurses(run: Run) -> str:
    return str(_recurse(0))


async def _cancels_itself(run: Run) -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.Event().wait()
    return "not reached"


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(raises(RuntimeError("hunter2")), id="raises"),
        pytest.param(_exits, id="sys.exit"),
        pytest.param(raises(KeyboardInterrupt()), id="KeyboardInterrupt"),
        pytest.param(_recurses, id="recursion"),
        pytest.param(raises(_Hostile("hunter2")), id="BaseException"),
        pytest.param(raises(GeneratorExit()), id="GeneratorExit"),
        pytest.param(raises(StopAsyncIteration()), id="StopAsyncIteration"),
        pytest.param(raises(asyncio.CancelledError()), id="CancelledError"),
        pytest.param(_cancels_itself, id="cancels itself"),
    ],
)
async def test_r7_an_agent_that_fails_ends_its_own_run_only(
    tmp_path: Path, function: AgentFunction, caplog: pytest.LogCaptureFixture
) -> None:
    bad = Agent("bad", function)
    async with world(tmp_path, bad, golden) as here, here.running():
        context = await here.send(agent="bad")
        kind, data = await here.watch.end_of(context.run_id)
        good = await here.send(agent="golden")
        assert (await here.watch.end_of(good.run_id))[0] == "agent_completed"
    assert here.failures == [RunFailure(context.run_id, context.user_id, "bad", "agent_error")]
    assert kind == "agent_failed"
    assert data == {"code": "agent_error", "message": "The agent failed.", "retryable": True}
    logged = [one for one in caplog.records if context.run_id in one.getMessage()]
    assert len(logged) == 1


async def test_an_error_of_the_table_keeps_its_words_and_is_one_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    error = ThreadcastError("model_error", "The model answered 500.")
    kind, data = await outcome(tmp_path, raises(error))
    expected = {"code": "model_error", "message": "The model answered 500.", "retryable": True}
    assert (kind, data) == ("agent_failed", expected)
    assert [(one.levelname, one.exc_info) for one in caplog.records] == [("WARNING", None)]
    assert "model_error: The model answered 500." in caplog.text


async def test_an_error_with_unusable_words_gets_the_tables(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", logger="threadcast")  # a test report cannot carry such a word
    _, data = await outcome(tmp_path, raises(ThreadcastError("model_error", "\ud800")))
    assert data["message"] == "The model failed."


async def test_r7_an_agent_that_swallows_its_cancel_is_left_behind(tmp_path: Path) -> None:
    release, over = asyncio.Event(), asyncio.Event()
    refused = 0

    async def stubborn(run: Run) -> str:
        nonlocal refused
        while not release.is_set():
            try:
                await run.delta("still here")
                await release.wait()
            except asyncio.CancelledError:
                refused += 1
                if refused > 30:
                    break
        over.set()
        return "never an answer"

    async with world(tmp_path, Agent("stubborn", stubborn)) as here:
        async with here.running(lease_s=FOREVER_S) as runner:
            context = await here.send()
            await here.watch.until(here.watch.has(context, "agent_delta"))
            await here.cancel(context)
            assert await here.watch.end_of(context.run_id) == (
                "agent_cancelled",
                {"reason": "user"},
            )
            await runner.drain(5)
            assert runner.active == 0
            release.set()
            await asyncio.wait_for(over.wait(), 10)
        assert here.watch.types_of(context.run_id) == [
            "agent_started",
            "agent_delta",
            "agent_cancelled",
        ]


@pytest.mark.parametrize("own_limit_s", [0.05, None])
async def test_r8_an_agent_that_never_ends_times_out(
    tmp_path: Path, own_limit_s: float | None
) -> None:
    async def endless(run: Run) -> None:
        await asyncio.Event().wait()

    limits = dataclasses.replace(LIMITS, timeout_s=0.05 if own_limit_s is None else 30.0)
    endless_agent = Agent("endless", endless, timeout_s=own_limit_s)
    async with world(tmp_path, endless_agent, limits=limits) as here, here.running() as runner:
        context = await here.send()
        kind, data = await here.watch.end_of(context.run_id)
        assert (kind, data["code"]) == ("agent_failed", "timed_out")
        await runner.drain(5)
        assert runner.active == 0


async def test_r8_waiting_for_a_person_does_not_count(tmp_path: Path) -> None:
    async def asks(run: Run) -> str:
        with pytest.raises(TimeoutError):
            await run.ask("?", timeout_s=0.3)
        return "patient"

    kind, data = await outcome(tmp_path, asks, timeout_s=0.2)
    assert (kind, data["content"]) == ("agent_completed", "patient")


async def test_a_run_that_is_claimed_after_its_cancel_does_not_start(tmp_path: Path) -> None:
    async with world(tmp_path, golden) as here:
        context = await here.send()
        claimed = dataclasses.replace(await here.claim_as("node-1"), cancel_reason="user")
        execution = RunExecution(
            claimed,
            golden,
            journal=here.journal,
            sessions=here.sessions,
            clock=here.clock,
            limits=LIMITS,
            keep=_never_kept,
            on_waits=_never_waits,
        )
        assert await execution.run() == "cancelled"
        assert here.watch.types_of(context.run_id) == ["agent_cancelled"]


def _never_waits() -> None:
    raise AssertionError("no agent was started")


def _never_kept(agent: asyncio.Task[EventDraft]) -> None:
    raise AssertionError("no agent was started")
