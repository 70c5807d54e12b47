"""No event crosses users, even where the bus or the store lies: on every way to a reader."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from delivery_scene import delivering
from http_world import Stream, World, bearer, running
from live_server import LiveServer, Talk, fresh_key
from lying_parts import STOLEN, LyingBus, LyingStore
from plain_server import bearer_headers, plain
from store_scene import context_of
from threadcast.events import Address, EventType, JournalEvent
from threadcast.node import Node

RARELY: dict[str, Any] = {"alert_sample_s": 300.0}  # only the guard can have raised the alert
LIES = ["first", "last"]
_TURNS_MAX = 10


def counted(node: Node) -> float:
    """How many events were stopped."""
    return node.metrics.registry.get_sample_value("threadcast_foreign_deliveries_total") or 0.0


async def alerted(node: Node) -> None:
    """The highest alert is there within a few turns of the node's loop, which this runs on."""
    for _ in range(_TURNS_MAX):
        await asyncio.sleep(0)
    labels = {"rule": "foreign_delivery", "severity": "critical"}
    assert node.metrics.registry.get_sample_value("threadcast_alerts_firing", labels) == 1


async def expect_end(talk: Talk, node: Node, caplog: pytest.LogCaptureFixture) -> None:
    """The connection is closed, nothing foreign was sent, and it was counted and told."""
    assert await talk.ending() == (1011, "internal")
    assert STOLEN.encode() not in talk.seen
    assert counted(node) >= 1
    assert "of another user were stopped" in caplog.text


@pytest.mark.parametrize("protocol", ["threadcast.v1", "threadcast.v1.lines"])
@pytest.mark.parametrize("lies", LIES)
async def test_live_on_a_websocket(
    tmp_path: Path, lies: str, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus = LyingBus()
    with LiveServer(tmp_path, bus=bus, **RARELY) as server:
        more: dict[str, Any] = {"headers": [("Sec-WebSocket-Protocol", protocol)]}
        async with server.talk("u-1", **more) as talk:
            bus.lies = lies
            await talk.say("create_thread", title="mine")
            await expect_end(talk, server.node, caplog)
            await server.on_loop(lambda: alerted(server.node))
        await server.settled(0)


async def test_catching_up_on_a_websocket(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with LiveServer(tmp_path, store=LyingStore(tmp_path), **RARELY) as server:
        async with server.talk("u-1") as talk:
            await talk.ask("create_thread", title="mine")
        async with server.talk("u-1", attach=False) as talk:
            await talk.say("attach", after=0)
            await expect_end(talk, server.node, caplog)
            await server.on_loop(lambda: alerted(server.node))


@pytest.mark.parametrize("lies", LIES)
async def test_live_on_a_stream(tmp_path: Path, lies: str) -> None:
    bus = LyingBus()
    async with running(tmp_path, bus=bus, **RARELY) as world:
        stream = Stream(world.app, bearer("u-1"))
        await stream.until("caught_up")
        bus.lies = lies
        await world.thread("u-1", title="mine")
        await expect_stream_end(stream, world)


async def test_catching_up_on_a_stream(tmp_path: Path) -> None:
    async with running(tmp_path, store=LyingStore(tmp_path), **RARELY) as world:
        await world.thread("u-1", title="mine")
        stream = Stream(world.app, bearer("u-1"), "after=0")
        await expect_stream_end(stream, world)


async def expect_stream_end(stream: Stream, world: World) -> None:
    """As `expect_end`, of server-sent events."""
    said = []
    while (block := await stream.block()).event != "connection_closing":
        said.append(block)
    assert block.data["data"]["error"] == "internal"
    await stream.finished()
    assert STOLEN not in repr(said)
    assert counted(world.node) >= 1
    await alerted(world.node)
    assert len(world.node.manager) == 0


@pytest.mark.parametrize("lies", LIES)
async def test_live_through_plain_asgi(
    tmp_path: Path, lies: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus = LyingBus()
    async with (
        plain(tmp_path, bus=bus, **RARELY) as (port, threadcast),
        await Talk.open_websocket(port, headers=bearer_headers()) as talk,
    ):
        await talk.until("connection_ready")
        await talk.ask("attach")
        await talk.until("caught_up")
        bus.lies = lies
        await talk.say("create_thread", title="mine")
        await expect_end(talk, threadcast.node, caplog)
        await alerted(threadcast.node)


async def test_a_page_of_events_over_http(tmp_path: Path) -> None:
    async with (
        running(tmp_path, store=LyingStore(tmp_path), **RARELY) as world,
        world.client("u-1") as client,
    ):
        thread_id = await world.thread("u-1", title="mine")
        answer = await client.get(f"/v1/threads/{thread_id}/events")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert STOLEN not in answer.text
        await alerted(world.node)


async def test_an_alert_is_told_once_and_others_go_on(tmp_path: Path) -> None:
    bus = LyingBus()
    with LiveServer(tmp_path, bus=bus, **RARELY) as server:
        async with server.talk("u-2") as other:
            for _ in range(3):
                async with server.talk("u-1") as talk:
                    bus.lies = "last"
                    await talk.say("create_thread", title="mine")
                    assert await talk.ending() == (1011, "internal")
                    bus.lies = ""
            await server.on_loop(lambda: alerted(server.node))
            assert [told.rule for told in server.node.alerts.history] == ["foreign_delivery"]
            sent = await other.ask("send_message", content="x", client_message_id=fresh_key())
            done = await other.until_run("agent_completed", sent["run_id"])
            assert done["data"]["content"] == "heard x"


# --- the cursor by itself ---------------------------------------------------------------------


def events_of(*user_ids: str, thread_id: str = "", first_seq: int = 1) -> list[JournalEvent]:
    """Events with seqs one after the other, each of the user that is named."""
    return [
        JournalEvent(
            EventType.THREAD_UPDATED,
            b"1.000000",
            Address(user_id, thread_id or None, None),
            seq,
            b'{"title":null}',
        )
        for seq, user_id in enumerate(user_ids, first_seq)
    ]


async def test_nothing_is_written_after_a_lie(tmp_path: Path) -> None:
    """Not even what is true: a large commit is written page by page, and one page was foreign."""
    async with delivering(tmp_path, page_bytes=10) as delivery:
        reader = delivery.reader("ann")
        await reader.attach()
        assert reader.cursor.offer(events_of("ann", "bob", "ann")) == 1
        assert reader.sink.seqs == [1]
        assert reader.stopped.is_set()
        assert reader.cursor.offer(events_of("ann", first_seq=4)) == 0
        assert (reader.sink.seqs, delivery.alarms) == ([1], 1)


async def test_a_lie_about_another_thread_is_a_lie_too(tmp_path: Path) -> None:
    """It would be filtered out, but its seq would take the place of an event of the reader's."""
    async with delivering(tmp_path) as delivery:
        await delivery.grow(1, "ann")
        (own,) = await delivery.stored("ann")
        reader = delivery.reader("ann")
        await reader.attach(1, thread_id=own.address.thread_id)
        assert reader.cursor.offer(events_of("bob", thread_id="another", first_seq=2)) == 0
        assert reader.stopped.is_set()


async def test_every_foreign_event_is_counted_and_each_stop_is_reported(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        passes, ann = delivery.guard.passes, context_of("ann")
        assert passes(ann, events_of("ann", "ann"))
        assert not passes(ann, events_of("bob", "ann", "bob"))
        assert not passes(ann, events_of("ANN"))
        name = "threadcast_foreign_deliveries_total"
        assert delivery.metrics.registry.get_sample_value(name) == 3
        assert delivery.alarms == 2
