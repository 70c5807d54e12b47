"""Owned tasks: independent of each other, and none is left."""

from __future__ import annotations

import asyncio
import logging

import pytest

from threadcast.tasks import OwnedTasks, set_within


async def forever(ended: list[str], name: str) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append(name)


async def test_closing_ends_all_and_waits_for_them() -> None:
    tasks, ended = OwnedTasks("test"), list[str]()
    for name in ("a", "b"):
        tasks.start(forever(ended, name))
    await asyncio.sleep(0)
    assert len(tasks) == 2
    await tasks.close()
    assert sorted(ended) == ["a", "b"]
    assert len(tasks) == 0


async def test_one_failure_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    tasks, ended = OwnedTasks("test"), list[str]()

    async def fails() -> None:
        raise LookupError("no luck")

    other = tasks.start(forever(ended, "other"))
    with caplog.at_level(logging.ERROR):
        failed = tasks.start(fails())
        await asyncio.wait([failed])
        await asyncio.sleep(0)
    assert not other.done()
    assert [record.message for record in caplog.records] == ["a test failed"]
    await tasks.close()


async def test_a_task_that_starts_another_while_it_ends_is_waited_for() -> None:
    tasks, ended = OwnedTasks("test"), list[str]()

    async def starts_another() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            tasks.start(forever(ended, "late"))

    tasks.start(starts_another())
    await asyncio.sleep(0)
    await tasks.close()
    assert len(tasks) == 0


async def test_an_ended_task_is_forgotten() -> None:
    tasks = OwnedTasks("test")

    async def short() -> None:
        return

    await tasks.start(short())
    await asyncio.sleep(0)
    assert len(tasks) == 0
    await tasks.close()


async def test_finished_is_bounded() -> None:
    tasks, ended = OwnedTasks("test"), list[str]()
    assert await tasks.finished(0.0)
    tasks.start(forever(ended, "a"))
    assert not await tasks.finished(0.01)
    await tasks.close()
    assert await tasks.finished(0.01)


async def test_set_within() -> None:
    signal = asyncio.Event()
    assert not await set_within(signal, 0.01)
    asyncio.get_running_loop().call_soon(signal.set)
    assert await set_within(signal, 10.0)
