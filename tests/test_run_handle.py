"""What an agent can read and emit (bad-input row R6, splitting and back-pressure)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from runner_world import LIMITS, world
from threadcast.agent import Agent, Run
from threadcast.errors import ThreadcastError


async def test_history_and_search_are_the_users_own(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    async def reader(run: Run) -> str:
        seen["history"] = [(one.role, one.content) for one in await run.history()]
        seen["last"] = [one.content for one in await run.history(1)]
        seen["found"] = [one.content for one in await run.search("pelican")]
        seen["context"] = run.context.isolation_key
        for limit in (0, 1_001, True):
            with pytest.raises(ValueError, match="limit"):
                await run.history(limit)
        return "read"

    async with world(tmp_path, Agent("reader", reader)) as here, here.running():
        other = await here.send("my pelican is secret", user_id="bob")
        await here.watch.end_of(other.run_id)
        first = await here.send("a pelican for me")
        await here.watch.end_of(first.run_id)
        second = await here.send("and now?", thread_id=first.thread_id)
        await here.watch.end_of(second.run_id)
    assert seen["history"] == [("user", "a pelican for me"), ("assistant", "read")]
    assert seen["last"] == ["read"]
    assert "my pelican is secret" not in seen["found"]
    assert "a pelican for me" in seen["found"]
    assert seen["context"] == ("ann", first.thread_id, second.run_id)


async def test_a_tool_that_fails_says_so_and_keeps_its_secret(tmp_path: Path) -> None:
    async def clumsy(run: Run) -> str:
        with pytest.raises(RuntimeError):
            async with run.tool("break", None):
                raise RuntimeError("password is hunter2")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0), run.tool("slow", None):
                await asyncio.Event().wait()
        with pytest.raises(ThreadcastError):
            async with run.tool("model", []):
                raise ThreadcastError("model_error", "The model said no.")
        async with run.tool("silent", []):
            pass
        return "still here"

    async with world(tmp_path, Agent("clumsy", clumsy)) as here, here.running():
        context = await here.send()
        assert (await here.watch.end_of(context.run_id))[0] == "agent_completed"
        ends = [data for kind, data in here.watch.of(context.run_id) if kind == "tool_completed"]
    assert [(one["tool"], one["result"], one["is_error"]) for one in ends] == [
        ("break", "The tool failed.", True),
        ("slow", "The tool call was cancelled.", True),
        ("model", "The model said no.", True),
        ("silent", None, False),
    ]


async def test_r6_a_long_delta_is_split(tmp_path: Path) -> None:
    text = "é" * 100_000

    async def long(run: Run) -> None:
        await run.delta(text)

    async with world(tmp_path, Agent("long", long)) as here, here.running():
        context = await here.send()
        kind, end = await here.watch.end_of(context.run_id)
        deltas = [d["text"] for k, d in here.watch.of(context.run_id) if k == "agent_delta"]
    assert (kind, end["content"]) == ("agent_completed", text)
    assert "".join(deltas) == text
    assert max(map(len, deltas)) <= 4_096


async def test_r6_a_fast_agent_is_held_back_and_loses_nothing(tmp_path: Path) -> None:
    most_ahead = 0

    async def fast(run: Run) -> None:
        nonlocal most_ahead
        for number in range(20_000):
            await run.delta(f"{number} ")
            most_ahead = max(most_ahead, number - len(here.watch.events))

    async with world(tmp_path, Agent("fast", fast)) as here, here.running():
        context = await here.send()
        _, end = await here.watch.end_of(context.run_id)
        deltas = [d["text"] for k, d in here.watch.of(context.run_id) if k == "agent_delta"]
    assert deltas == [f"{number} " for number in range(20_000)]
    assert end["content"] == "".join(deltas)
    assert most_ahead <= LIMITS.outbox.events_max
