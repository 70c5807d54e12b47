"""Steps for arriving readers are made between commits, one at a time, and never starve."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
import uvloop
from starlette.types import Message, Scope

from delivery_scene import delivering
from eventually import until
from http_world import World, bearer
from patience import WAIT_S
from store_scene import context_of
from threadcast.delivery.lulls import WAITING_MAX, Lulls

ATTACH = '{"command": "attach", "id": "c-1", "after": 0}'


def patient() -> Lulls:
    """Lulls that outlast a busy machine."""
    return Lulls(wait_max_s=WAIT_S)


def websocket_of(user_id: str) -> Scope:
    """The scope of a user's WebSocket."""
    headers = {"host": "127.0.0.1", **bearer(user_id)}
    return {
        "type": "websocket",
        "path": "/v1/ws",
        "scheme": "ws",
        "query_string": b"",
        "subprotocols": ["threadcast.v1"],
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.7", 50_000),
    }


async def turns(count: int) -> None:
    """Let the loop turn so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_in_a_lull_one_step_is_made_per_turn_of_the_loop() -> None:
    lulls, made = Lulls(), list[int]()
    for number in range(3):
        lulls.call(partial(made.append, number))
    for count in range(4):
        assert made == list(range(count))
        await turns(1)


async def test_steps_wait_while_a_commit_is_under_way() -> None:
    lulls, made = patient(), list[int]()
    lulls.call(partial(made.append, 0))
    lulls.end()  # it was to be made in the next turn
    lulls.call(partial(made.append, 1))
    await turns(2)
    assert made == []
    lulls.begin()
    lulls.begin()
    await turns(2)
    assert made == [0, 1]


async def test_steps_are_made_in_the_end_where_there_is_no_lull() -> None:
    lulls, made = Lulls(), list[int]()
    lulls.end()
    for number in range(3):
        lulls.call(partial(made.append, number))
    await until(lambda: made == [0, 1, 2])


def test_a_clock_of_whole_milliseconds_makes_nobody_look_again_and_again() -> None:
    """uvloop's: the time of a timer is rounded, so that it may seem to have come too early."""

    class Looked(Lulls):
        times = 0

        def _make_one(self) -> None:
            self.times += 1
            super()._make_one()

    class OldLoop(uvloop.Loop):
        """On a machine that started an hour ago, when sums of such times are not exact."""

        started = 0.0

        def time(self) -> float:
            now = super().time()
            self.started = self.started or now - 3_600.0
            return round(now - self.started, 3)

    async def wait_often() -> None:
        lulls = Looked()
        lulls.end()
        for count in range(1, 41):
            await lulls.wait()
            assert lulls.times == count

    with asyncio.Runner(loop_factory=OldLoop) as runner:
        runner.run(wait_often())


async def test_a_crowd_does_not_wait() -> None:
    lulls, made = patient(), list[int]()
    lulls.end()
    for number in range(WAITING_MAX + 2):
        lulls.call(partial(made.append, number))
    assert made == [WAITING_MAX, WAITING_MAX + 1]
    await lulls.wait()
    assert len(made) == 2
    lulls.begin()
    await until(lambda: made[2:] == list(range(WAITING_MAX)))


async def test_a_client_that_leaves_while_it_waits_holds_nobody_up() -> None:
    lulls = patient()
    lulls.end()
    leaving, staying = [asyncio.create_task(lulls.wait()) for _ in range(2)]
    await turns(1)
    leaving.cancel()
    lulls.begin()
    await staying
    assert leaving.cancelled()


async def test_the_journal_has_a_lull_when_nothing_waits_for_its_commit(tmp_path: Path) -> None:
    async with delivering(tmp_path, lulls=patient()) as delivery:
        made = list[str]()
        delivery.store.commits.close()
        appended = asyncio.create_task(delivery.journal.append(delivery.thread()))
        await delivery.store.commits.next_arrival()
        delivery.lulls.call(partial(made.append, "step"))
        await turns(3)
        assert made == []
        delivery.store.commits.open()
        await appended
        await until(lambda: made == ["step"])


async def test_a_reader_that_was_live_waits_for_no_lull(tmp_path: Path) -> None:
    async with delivering(tmp_path, lulls=patient()) as delivery:
        delivery.lulls.end()
        read = delivery.catch_ups.read
        arriving = asyncio.create_task(read(context_of("ann"), 0, first=False))
        await read(context_of("ann"), 0, first=True)
        assert not arriving.done()
        delivery.lulls.begin()
        await arriving


async def test_each_step_of_an_arrival_waits_for_a_lull(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, heard = asyncio.Queue[Message](), asyncio.Queue[Message]()
    asked = asyncio.Queue[asyncio.Future[None]]()

    async def wait() -> None:
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asked.put_nowait(granted)
        await granted

    async def after(lulls: int) -> str:
        async with asyncio.timeout(WAIT_S):
            for _ in range(lulls):
                granted = await asked.get()
                assert heard.empty()
                granted.set_result(None)
            message = await heard.get()
        return str(message.get("text", message["type"]))

    await world.thread("u-1")  # there is something to read
    monkeypatch.setattr(world.node.lulls, "wait", wait)
    said.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(world.node.gateway(websocket_of("u-1"), said.get, heard.put))
    assert await after(lulls=1) == "websocket.accept"
    assert "connection_ready" in await after(lulls=2)  # to join, and to read the head
    said.put_nowait({"type": "websocket.receive", "text": ATTACH})
    assert "command_accepted" in await after(lulls=1)
    said.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await serving
