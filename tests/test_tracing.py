"""Spans of a running server, recorded with the real SDK, and what must never be in one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, SpanKind, StatusCode

from http_world import NAMED, Stream, World, bearer, fresh_id
from live_server import LiveServer
from threadcast.agent import Agent, Run
from threadcast.errors import ThreadcastError
from threadcast.tracing import CommandSpans, Tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET_TEXT = "the canary sings at midnight"


async def worker(run: Run) -> AsyncIterator[str]:
    """Uses a tool and streams."""
    async with run.tool("look_up", {"what": SECRET_TEXT}) as tool:
        tool.result(SECRET_TEXT)
    for _ in range(20):
        yield "word "


async def broken(run: Run) -> str:
    """Fails inside a tool."""
    async with run.tool("look_up", {}):
        raise RuntimeError(SECRET_TEXT)


WORKERS = (Agent("worker", worker), Agent("broken", broken))


class Recorded:
    """A provider and what was recorded with it."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    recorded = Recorded()
    yield recorded
    recorded.provider.shutdown()


@pytest.fixture
def world(world: World, recorded: Recorded) -> World:
    world.node.tracing.use(recorded.provider)
    return world


def test_without_an_sdk_nothing_is_made() -> None:
    tracing = Tracing()
    tracing.use_configured()
    for stand_in in (ProxyTracerProvider(), NoOpTracerProvider()):
        tracing.use(stand_in)
        assert not tracing.recording
    assert tracing.span("a") is tracing.span("b")
    assert tracing.begin("c", {}) is None
    with tracing.span("d") as span:
        assert not span.is_recording()


async def test_a_request_continues_the_trace_that_it_brings(
    world: World, recorded: Recorded
) -> None:
    thread_id = fresh_id("thread")
    async with world.client("ann") as client:
        await client.get(f"/v1/threads/{thread_id}", headers={"traceparent": PARENT, **NAMED})
    span = recorded.one("GET /v1/threads/{thread_id}")
    assert span.kind is SpanKind.SERVER
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}" in PARENT
    assert f"{span.parent.span_id:016x}" in PARENT
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/v1/threads/{thread_id}",
        "http.response.status_code": 404,
        "threadcast.request_id": NAMED["x-request-id"],
        "threadcast.thread_id": thread_id,
    }


@pytest.mark.parametrize("brought", ["", "nonsense", "00-0-0-01", PARENT + "x" * 5_000, "\xff"])
async def test_a_bad_traceparent_begins_a_new_trace(
    world: World, recorded: Recorded, brought: str
) -> None:
    headers = [(b"traceparent", brought.encode("latin-1"))]
    async with world.client() as client:
        assert (await client.get("/healthz", headers=headers)).status_code == 200
    assert recorded.one("GET /healthz").parent is None


async def test_a_span_under_way_goes_before_what_a_request_brings(
    world: World, recorded: Recorded
) -> None:
    with recorded.provider.get_tracer("host").start_as_current_span("host") as host:
        async with world.client() as client:
            await client.get("/healthz", headers={"traceparent": PARENT})
    parent = recorded.one("GET /healthz").parent
    assert parent is not None
    assert parent.span_id == host.get_span_context().span_id


async def test_an_unknown_method_does_not_become_a_name(world: World, recorded: Recorded) -> None:
    async with world.client() as client:
        await client.request("SECRETVERB", "/healthz")
    assert recorded.one("_OTHER /healthz").attributes


@pytest.mark.parametrize("agent", ["worker", "broken"])
async def test_a_message_its_run_and_its_tool(
    tmp_path: Path, recorded: Recorded, agent: str
) -> None:
    with LiveServer(tmp_path, agents=WORKERS) as live:

        async def record() -> None:
            live.node.tracing.use(recorded.provider)

        await live.on_loop(record)
        async with live.talk("ann@example.org", headers=[("traceparent", PARENT)]) as talk:
            sent = await talk.ask(
                "send_message", content=SECRET_TEXT, client_message_id="m", agent=agent
            )
            await talk.until_run(
                "agent_completed" if agent == "worker" else "agent_failed", sent["run_id"]
            )
            await talk.refused(await talk.say("cancel_run", run_id=fresh_id("run")))
        await live.settled(0)
    sign_in, command, run = map(recorded.one, ("websocket sign-in", "command send_message", "run"))
    tool = recorded.one("tool")
    assert sign_in.parent is not None
    assert f"{sign_in.parent.span_id:016x}" in PARENT
    assert command.attributes is not None
    assert run.attributes is not None
    assert command.attributes["threadcast.run_id"] == sent["run_id"]
    assert [link.context.span_id for link in run.links] == [_span_id(command)]
    assert run.attributes["threadcast.run_id"] == sent["run_id"]
    assert run.attributes["threadcast.thread_id"] == sent["thread_id"]
    assert (run.attributes["threadcast.agent"], run.attributes["threadcast.attempt"]) == (agent, 1)
    ended = {"worker": "completed", "broken": "failed"}
    assert run.attributes["threadcast.outcome"] == ended[agent]
    assert tool.parent is not None
    assert tool.parent.span_id == _span_id(run)
    failed = tool.status.status_code is StatusCode.ERROR
    assert failed is (agent == "broken")
    assert recorded.one("command cancel_run").status.status_code is StatusCode.ERROR
    commits = recorded.named("journal commit")
    assert 1 <= len(commits) < 25, "one for each commit, not for each event"
    assert all((one.attributes or {})["threadcast.units"] for one in commits)
    _hold_no_secret(recorded)


def _span_id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def _hold_no_secret(recorded: Recorded) -> None:
    told = "".join(span.to_json() for span in recorded.spans)
    assert SECRET_TEXT not in told
    assert "ann@example.org" not in told
    assert "eyJ" not in told


async def test_a_stream_is_a_span_until_it_begins(world: World, recorded: Recorded) -> None:
    stream = Stream(world.app, bearer("ann"))
    await stream.until("connection_ready")
    assert recorded.one("GET /v1/events").end_time is not None
    await stream.leave()
    assert len(recorded.named("GET /v1/events")) == 1


async def test_an_exception_is_a_code_and_no_text(recorded: Recorded) -> None:
    tracing = Tracing()
    tracing.use(recorded.provider)
    with pytest.raises(ValueError, match="canary"), tracing.span("a"):
        raise ValueError(SECRET_TEXT)
    with pytest.raises(ThreadcastError), tracing.span("b"):
        raise ThreadcastError("not_found", SECRET_TEXT)
    errors = [(span.name, (span.attributes or {})["error.type"]) for span in recorded.spans]
    assert errors == [("a", "ValueError"), ("b", "not_found")]
    _hold_no_secret(recorded)


async def test_a_cancelled_block_ends_its_span(recorded: Recorded) -> None:
    tracing = Tracing()
    tracing.use(recorded.provider)
    begun = asyncio.Event()

    async def work() -> None:
        with tracing.span("work"):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert (recorded.one("work").attributes or {})["error.type"] == "CancelledError"


def test_a_command_without_an_answer_ends_with_its_connection(recorded: Recorded) -> None:
    tracing = Tracing()
    tracing.use(recorded.provider)
    spans = CommandSpans(tracing, NAMED["x-request-id"])
    spans.begin("c1", "ping")
    spans.begin("c1", "ping")
    spans.end("c2")
    spans.end(None)
    assert recorded.spans == []
    spans.end_all()
    assert (recorded.one("command ping").attributes or {})["error.type"] == "abandoned"


def test_origins_of_runs_are_bounded(recorded: Recorded) -> None:
    tracing = Tracing()
    tracing.use(recorded.provider)
    with tracing.span("message"):
        for number in range(10_001):
            tracing.remember_origin(f"r{number}")
    assert tracing.links_of("r0") == ()
    assert len(tracing.links_of("r1")) == 1
    assert tracing.links_of("r1") == ()
