"""Runs whose users or agents misbehave, and readers that do not read, over TCP to a server."""

from __future__ import annotations

import asyncio
import math
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from http_world import AGENTS, fresh_id
from live_server import LiveServer, Talk, fresh_key
from patience import WAIT_S
from threadcast.agent import Agent, AgentFunction, Run
from threadcast.clock import SystemClock
from threadcast.settings import Settings
from threadcast.store.units import TakeOverRuns

_TERMINAL = ("agent_completed", "agent_failed", "agent_cancelled")


async def hold(run: Run) -> str:
    """An agent that never ends."""
    await asyncio.Event().wait()
    return run.message


async def pour(run: Run) -> str:
    """An agent that thinks so many times."""
    for number in range(int(run.message)):
        await run.thinking(f"{number} " + "x" * 500)
    return "done"


async def long_text(run: Run) -> str:
    """An agent that streams so many characters as one piece."""
    await run.delta("y" * int(run.message))
    return "done"


async def bytes_out(run: Run) -> Any:
    return b"bytes"


async def nan_out(run: Run) -> str:
    async with run.tool("measure", {"value": math.nan}):
        return "x"


async def circle_out(run: Run) -> str:
    ring: list[Any] = []
    ring.append(ring)
    async with run.tool("ring", ring):
        return "x"


async def object_out(run: Run) -> str:
    async with run.tool("odd", {"value": object()}):
        return "x"


async def surrogate_out(run: Run) -> str:
    await run.delta("\ud800")
    return "x"


async def raises(run: Run) -> str:
    raise LookupError("secret detail 4711")


async def exits(run: Run) -> str:
    sys.exit(3)


async def interrupts(run: Run) -> str:
    raise KeyboardInterrupt


async def recurses(run: Run) -> str:
    return await recurses(run)


BAD_OUTPUT: list[tuple[str, AgentFunction]] = [
    ("R6-bytes", bytes_out),
    ("R6-nan", nan_out),
    ("R6-circle", circle_out),
    ("R6-object", object_out),
    ("R6-surrogate", surrogate_out),
]
FAILING: list[tuple[str, AgentFunction]] = [
    ("R7-raises", raises),
    ("R7-exit", exits),
    ("R7-interrupt", interrupts),
    ("R7-recursion", recurses),
]
OWN = [
    *AGENTS,
    Agent("hold", hold),
    Agent("pour", pour),
    Agent("long", long_text),
    Agent("brief", hold, timeout_s=0.2),
    *(Agent(name.lower(), function) for name, function in [*BAD_OUTPUT, *FAILING]),
]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("live"), agents=OWN) as server:
        yield server


@pytest.fixture(autouse=True)
async def unharmed(live: LiveServer, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    caplog.set_level("CRITICAL", logger="threadcast.runner")  # an agent's own trace belongs there
    async with live.unharmed(caplog):
        yield


async def start(talk: Talk, agent: str, content: str = "x", **more: Any) -> dict[str, Any]:
    """Send a message to an agent; the answer's data."""
    key = fresh_key()
    return await talk.ask(
        "send_message", content=content, client_message_id=key, agent=agent, **more
    )


async def end_of(talk: Talk, run_id: str, *, deadline_s: float = WAIT_S) -> dict[str, Any]:
    """The terminal event of a run."""
    async with asyncio.timeout(deadline_s):
        while True:
            event = await talk.event(deadline_s=deadline_s)
            if event["event_type"] in _TERMINAL and event["run_id"] == run_id:
                return event


async def test_r1_a_busy_thread_does_as_it_was_asked(talk: Talk) -> None:
    first = await start(talk, "hold")
    thread_id = first["thread_id"]
    await talk.until_run("agent_started", first["run_id"])
    fields = {"content": "x", "thread_id": thread_id, "on_busy": "reject"}
    refused = await talk.refused(await talk.say("send_message", client_message_id="r", **fields))
    assert (refused["code"], refused["retryable"]) == ("run_active", True)
    queued = await start(talk, "answer", "second", thread_id=thread_id)
    assert (await talk.until_run("run_queued", queued["run_id"]))["data"]["position"] >= 1
    urgent = await start(talk, "answer", "third", thread_id=thread_id, on_busy="interrupt")
    assert (await end_of(talk, first["run_id"]))["event_type"] == "agent_cancelled"
    done = await end_of(talk, urgent["run_id"])
    assert done["data"]["content"] == "heard third"


async def test_r2_cancelling_is_idempotent_and_shows_the_state(live: LiveServer) -> None:
    async with live.talk("u-wire") as talk, live.talk("u-other") as other:
        held = await start(talk, "hold")
        await talk.until_run("agent_started", held["run_id"])
        foreign = await other.refused(await other.say("cancel_run", run_id=held["run_id"]))
        unknown = await other.refused(await other.say("cancel_run", run_id=fresh_id("run")))
        assert foreign["code"] == unknown["code"] == "not_found"
        assert foreign["message"] == unknown["message"]
        for _ in range(2):
            assert (await talk.ask("cancel_run", run_id=held["run_id"]))["status"] in (
                "running",
                "cancelled",
            )
        assert (await end_of(talk, held["run_id"]))["event_type"] == "agent_cancelled"
        assert (await talk.ask("cancel_run", run_id=held["run_id"]))["status"] == "cancelled"


@pytest.mark.parametrize("name", [name for name, _ in BAD_OUTPUT])
async def test_unusable_output_fails_the_run(talk: Talk, name: str) -> None:
    sent = await start(talk, name.lower())
    data = (await end_of(talk, sent["run_id"]))["data"]
    assert data["code"] == "bad_agent_output"
    assert set(data) == {"code", "message", "retryable"}


@pytest.mark.parametrize("name", [name for name, _ in FAILING])
async def test_a_failing_agent_ends_its_run_and_nothing_else(talk: Talk, name: str) -> None:
    sent = await start(talk, name.lower())
    event = await end_of(talk, sent["run_id"])
    assert event["event_type"] == "agent_failed"
    assert event["data"]["code"] == "agent_error"
    assert "4711" not in event["data"]["message"]


async def events_of(talk: Talk, run_id: str) -> list[dict[str, Any]]:
    """A run's events to its end, in order and with no hole in the journal between them."""
    events: list[dict[str, Any]] = []
    seq: int | None = None
    async with asyncio.timeout(WAIT_S):
        while not events or events[-1]["event_type"] not in _TERMINAL:
            event = await talk.event(deadline_s=WAIT_S)
            if "seq" in event:
                assert seq is None or event.get("first_seq", event["seq"]) == seq + 1
                seq = event["seq"]
            if event.get("run_id") == run_id:
                events.append(event)
    return events


async def test_r6_a_long_piece_is_split_and_arrives_whole(talk: Talk) -> None:
    sent = await start(talk, "long", "200000")
    events = await events_of(talk, sent["run_id"])
    pieces = [one["data"]["text"] for one in events if one["event_type"] == "agent_delta"]
    assert events[-1]["event_type"] == "agent_completed"
    assert len(pieces) > 1
    assert "".join(pieces) == "y" * 200_000


async def test_r6_ten_mebibytes_are_too_much(talk: Talk) -> None:
    sent = await start(talk, "long", "10485760")
    assert (await end_of(talk, sent["run_id"]))["data"]["code"] == "bad_agent_output"


async def test_r6_a_fast_agent_loses_nothing(talk: Talk) -> None:
    sent = await start(talk, "pour", "5000")
    events = await events_of(talk, sent["run_id"])
    said = [one["data"]["text"] for one in events if one["event_type"] == "agent_thinking"]
    assert [int(text.split(" ")[0]) for text in said] == list(range(5_000))


async def test_r5_r8_an_agent_that_never_ends_is_timed_out_and_its_place_is_free(
    talk: Talk,
) -> None:
    first = await start(talk, "brief")
    data = (await end_of(talk, first["run_id"]))["data"]
    assert data["code"] == "timed_out"
    await talk.ask("cancel_run", run_id=first["run_id"])
    fields = {"run_id": first["run_id"], "input_id": "input_1763629203000_9_5b0d7e13", "value": 1}
    refused = await talk.refused(await talk.say("respond", **fields))
    assert refused["code"] in ("run_finished", "not_found")
    again = await start(talk, "answer", thread_id=first["thread_id"])
    assert (await end_of(talk, again["run_id"]))["event_type"] == "agent_completed"


async def test_r9_a_user_who_starts_too_many_runs_is_slowed_alone(tmp_path: Path) -> None:
    burst = Settings().run_starts_burst
    limits: dict[str, Any] = {
        "run_starts_per_s": 0.1,
        "run_starts_burst": burst,
        "max_runs_per_user": 1_000,
    }
    with LiveServer(tmp_path, **limits) as strict:
        async with strict.talk("u-greedy", attach=False) as greedy, strict.talk("u-2") as other:
            storm = asyncio.ensure_future(_storm(greedy, 1_000))
            for _ in range(min(20, burst)):  # each is taken and ends, whatever the other does
                await end_of(other, (await start(other, "answer"))["run_id"])
            accepted, codes = await storm
            assert burst <= accepted <= burst + 10
            assert codes == {"rate_limited"}


async def _storm(talk: Talk, count: int) -> tuple[int, set[str]]:
    """Start that many runs at once: how many were accepted, and the codes of the others."""
    for number in range(count):
        await talk.say("send_message", id=f"s{number}", content="x", client_message_id=f"s{number}")
    accepted, codes = 0, set()
    for _ in range(count):
        event = await talk.event()
        while event["event_type"] not in ("command_accepted", "command_rejected"):
            event = await talk.event()
        if event["event_type"] == "command_accepted":
            accepted += 1
        else:
            assert event["data"]["retry_after_ms"] > 0
            codes.add(event["data"]["code"])
    return accepted, codes


async def test_r10_a_question_is_answered_once_and_by_its_user(live: LiveServer) -> None:
    async with live.talk("u-wire") as talk, live.talk("u-other") as other:
        sent = await start(talk, "ask")
        asked = await talk.until("input_requested")
        answer = {"run_id": sent["run_id"], "input_id": asked["data"]["input_id"], "value": "a"}
        assert (await other.refused(await other.say("respond", **answer)))["code"] == "not_found"
        assert (await talk.ask("respond", **answer))["seq"] > asked["seq"]
        twice = await talk.refused(await talk.say("respond", **{**answer, "value": "b"}))
        assert twice["code"] in ("already_answered", "run_finished")
        done = await end_of(talk, sent["run_id"])
        assert done["data"]["content"] == "got a"
        late = await talk.refused(await talk.say("respond", **answer))
        assert late["code"] in ("already_answered", "run_finished")


async def test_r10_an_answer_comes_too_late(tmp_path: Path) -> None:
    async def impatient(run: Run) -> str:
        try:
            await run.ask("Well?", timeout_s=0.1)
        except TimeoutError:
            await run.thinking("too late")
        await asyncio.Event().wait()
        return ""

    with LiveServer(tmp_path, agents=[Agent("impatient", impatient)]) as quick:
        async with quick.talk("u-wire") as talk:
            sent = await start(talk, "impatient")
            asked = await talk.until("input_requested")
            await talk.until("agent_thinking")
            answer = {"run_id": sent["run_id"], "input_id": asked["data"]["input_id"], "value": 1}
            assert (await talk.refused(await talk.say("respond", **answer)))["code"] == "expired"


# --- readers that do not read, and a store that is gone -------------------------------------------


async def test_f24_a_reader_that_never_reads_costs_little_and_loses_nothing(
    tmp_path: Path,
) -> None:
    with LiveServer(tmp_path, agents=OWN, stall_max_s=2.0, heartbeat_s=2.0) as small:
        async with small.talk("u-1") as quick:
            slow = await small.raw("u-1", receive_buffer_bytes=4_096)
            ready = await slow.until("connection_ready")
            await slow.ask("attach")
            await slow.until("caught_up")
            slow.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport
            sent = await start(quick, "pour", "10000")
            reading = asyncio.ensure_future(end_of(quick, sent["run_id"]))
            await small.settled(1)  # the slow one was closed, the quick one was not
            await slow.leave()
            await reading
            head = (await quick.ask("create_thread"))["seq"]
        cursor, feed = ready["data"]["head"], ready["data"]["feed"]
        async with small.talk("u-1", attach=False) as again:
            await again.ask("attach", after=cursor, feed=feed)
            assert (await again.until("attached"))["data"]["reset"] is False
            while cursor < head:
                event = await again.event()
                assert event.get("first_seq", event["seq"]) == cursor + 1
                cursor = event["seq"]


async def test_f24_a_reader_that_lags_is_bounded_and_catches_up(tmp_path: Path) -> None:
    with LiveServer(tmp_path, agents=OWN) as small:
        async with (
            small.talk("u-1") as quick,
            await small.raw("u-1", receive_buffer_bytes=4_096) as slow,
        ):
            await slow.until("connection_ready")
            await slow.ask("attach", after=0)
            await slow.until("caught_up")
            slow.writer.transport.pause_reading()  # type: ignore[attr-defined]  # see above
            sent = await start(quick, "pour", "10000")
            end = await end_of(quick, sent["run_id"])
            assert 0 < await small.waiting_bytes() <= 2 * small.settings.send_buffer_max_bytes
            slow.writer.transport.resume_reading()  # type: ignore[attr-defined]  # see above
            cursor = 0
            while cursor < end["seq"]:
                event = await slow.event(deadline_s=WAIT_S)
                if "seq" in event:
                    assert event.get("first_seq", event["seq"]) == cursor + 1
                    cursor = event["seq"]


async def test_f24_a_client_that_leaves_with_unsent_answers_gives_up_its_place(
    tmp_path: Path,
) -> None:
    with LiveServer(tmp_path, agents=OWN) as small:
        async with (
            small.talk("u-1") as quick,
            await small.raw("u-1", receive_buffer_bytes=4_096) as rude,
        ):
            await rude.until("connection_ready")
            await rude.ask("attach", after=0)
            await rude.until("caught_up")
            rude.writer.transport.pause_reading()  # type: ignore[attr-defined]  # see above
            sent = await start(quick, "pour", "10000")
            await end_of(quick, sent["run_id"])
            assert await small.waiting_bytes() > 0
            await rude.say("no_such_command")  # its answer has to wait for room
            await refused_once(small, "unknown_command")
            rude.reset()
            await small.settled(1)


async def refused_once(small: LiveServer, code: str) -> None:
    """Return when the server has refused something with this code."""

    async def count() -> float | None:
        name, labels = "threadcast_refusals_total", {"code": code}
        return small.node.metrics.registry.get_sample_value(name, labels)

    async with asyncio.timeout(WAIT_S):
        while not await small.on_loop(count):
            pass


class LeapingClock(SystemClock):
    """The machine's clocks, with leaps."""

    def __init__(self) -> None:
        self.leapt_s = 0.0

    def now(self) -> float:
        return super().now() + self.leapt_s

    def monotonic(self) -> float:
        return super().monotonic() + self.leapt_s


async def test_r3_r4_a_run_that_was_taken_over_is_written_by_its_new_owner_only(
    tmp_path: Path,
) -> None:
    clock = LeapingClock()

    async def twofold(run: Run) -> str:
        if run.attempt == 1:
            try:
                await asyncio.Event().wait()
            finally:
                await run.delta("stale")
        return "fresh"

    with LiveServer(tmp_path, agents=[Agent("twofold", twofold)], clock=clock) as server:
        async with server.talk("u-wire") as talk:
            sent = await start(talk, "twofold")
            await talk.until("agent_started", attempt=1)

            async def lose() -> None:
                clock.leapt_s += server.settings.lease_s + 1
                await server.node.journal.append(TakeOverRuns(3, 10))

            await server.on_loop(lose)
            await talk.until("agent_started", attempt=2)
            events = await events_of(talk, sent["run_id"])
            assert [event["event_type"] for event in events] == ["agent_completed"]
            assert events[0]["data"]["content"] == "fresh"
            await talk.ask("create_thread")
            assert (await talk.event())["event_type"] == "thread_created"


@pytest.mark.parametrize("how", ["deleted", "replaced"])
async def test_d8_a_database_that_is_gone_is_noticed(tmp_path: Path, how: str) -> None:
    clock = LeapingClock()
    with LiveServer(tmp_path, clock=clock) as doomed:
        async with doomed.talk("u-1") as talk, doomed.http() as http:
            await talk.ask("create_thread")
            database = tmp_path / "events.db"
            if how == "replaced":
                other = tmp_path / "other.db"
                other.write_bytes(database.read_bytes())
                os.replace(other, database)
            else:
                database.unlink()
            clock.leapt_s += 5.0
            refused = await talk.refused(await talk.say("create_thread"))
            assert (refused["code"], refused["retryable"]) == ("unavailable", True)
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
            assert (await http.get("/healthz")).status_code == 200
            await talk.ask("ping")
