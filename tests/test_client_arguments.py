"""Arguments that no server would take are refused at once, with what was expected and what came."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from threadcast import ThreadcastError
from threadcast.client import Client, ClientState, Snapshots, UnusableArgument, UnusableUrl, connect
from threadcast.client.wire import encode_command
from threadcast.wire.commands import SendMessage
from wire_server import RUN, THREAD, WireServer

INPUT = "input_1763629203000_9_5b0d7e13"
NOWHERE = "http://127.0.0.1:1"


async def _async_on_state(_state: ClientState) -> None:
    """What `on_state` may not be: nobody awaits it."""


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    server = WireServer()
    async with server.running(), connect(server.url, "a.b.c") as opened:
        yield opened
        assert [one["command"] for one in server.commands] == ["attach"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"token": 5}, "token: expected text, or a function that gives it, got 5"),
        ({"token": None}, "token: expected text, or a function that gives it, got nothing"),
        ({"token": b"a.b.c"}, "token: expected text, or a function that gives it, got bytes"),
        ({"on_state": None}, "on_state: expected a function, got nothing"),
        ({"on_state": _async_on_state}, "on_state: expected a plain function, got an async one"),
        ({"first_attempts": 0}, "first_attempts: expected an integer of 1 or more, got 0"),
        ({"first_attempts": True}, "first_attempts: expected an integer of 1 or more, got bool"),
        ({"buffer_max_events": 0}, "buffer_max_events: expected an integer of 1 or more, got 0"),
        ({"buffer_max_bytes": 1.5}, "buffer_max_bytes: expected an integer of 1 or more, got 1.5"),
        ({"command_max_s": 0}, "command_max_s: expected seconds above 0, got 0"),
        ({"command_max_s": "10s"}, "command_max_s: expected seconds above 0, got str"),
        ({"retry_max_s": math.inf}, "retry_max_s: expected seconds above 0, got inf"),
        (
            {"retry_first_s": 40.0},
            "retry_max_s: expected at least retry_first_s, which is 40, got 30.0",
        ),
        ({"after": -1}, "after: expected an integer in 0..9007199254740991, got -1"),
        ({"after": "5"}, "after: expected"),
        ({"feed": "feed"}, "feed: expected a feed id"),
        ({"at": "now"}, "at: expected"),
        ({"thread_id": RUN}, "thread_id: expected a thread id, got a run id"),
        ({"thread_id": 5}, "thread_id: expected"),
    ],
)
def test_connect(given: dict[str, Any], line: str) -> None:
    with pytest.raises(UnusableArgument) as caught:
        connect(NOWHERE, **{"token": "a.b.c"} | given)
    assert caught.value.message.startswith(line)


@pytest.mark.parametrize("url", [None, 5, b"http://127.0.0.1:1"])
def test_what_is_no_url(url: Any) -> None:
    with pytest.raises(UnusableUrl, match="url: expected text, got"):
        connect(url, "a.b.c")


async def test_a_callable_that_gives_no_text_is_told() -> None:
    def gives_nothing() -> Any:
        return None

    with pytest.raises(ThreadcastError, match="token: expected text, got nothing"):
        async with connect(NOWHERE, gives_nothing):
            raise AssertionError("it is open")


CALLS: list[tuple[Callable[[Any], Awaitable[object]], str, str]] = [
    (lambda c: c.send_message(""), "empty", "content: expected"),
    (lambda c: c.send_message("x" * 65_537), "too_long", "content: expected"),
    (lambda c: c.send_message(5), "bad_field", "content: expected"),
    (lambda c: c.send_message(None), "bad_field", "content: expected"),
    (lambda c: c.send_message(b"hello"), "bad_field", "content: expected what JSON can hold"),
    (lambda c: c.send_message("\ud800"), "bad_field", "send_message: expected JSON"),
    (lambda c: c.send_message("x", "elsewhere!"), "bad_id", "thread_id: expected a thread id"),
    (lambda c: c.send_message("x", RUN), "bad_id", "thread_id: expected a thread id, got a run id"),
    (lambda c: c.send_message("x", client_message_id=""), "empty", "client_message_id: expected"),
    (lambda c: c.send_message("x", client_message_id=7), "bad_field", "client_message_id: expect"),
    (lambda c: c.send_message("x", agent="a" * 65), "too_long", "agent: expected"),
    (lambda c: c.send_message("x", on_busy="wait"), "bad_field", "on_busy: expected"),
    (lambda c: c.create_thread("x" * 201), "too_long", "title: expected"),
    (lambda c: c.create_thread(metadata=[]), "bad_field", "metadata: expected"),
    (lambda c: c.create_thread(metadata={"a": {1, 2}}), "bad_field", "metadata: expected what"),
    (lambda c: c.cancel_run(THREAD), "bad_id", "run_id: expected a run id, got a thread id"),
    (lambda c: c.cancel_run(None), "bad_field", "run_id: expected"),
    (lambda c: c.respond(RUN, "1", True), "bad_id", "input_id: expected"),
    (lambda c: c.respond(RUN, INPUT, math.nan), "bad_field", "value: expected what JSON can hold"),
    (
        lambda c: c.respond(RUN, INPUT, datetime.date(2026, 1, 1)),
        "bad_field",
        "value: expected what JSON can hold",
    ),
    (lambda c: c.respond(RUN, INPUT, "x" * 65_536), "too_long", "value: expected at most"),
]


@pytest.mark.parametrize(("call", "code", "line"), CALLS)
async def test_a_command_is_refused_before_it_is_sent(
    client: Client, call: Callable[[Any], Awaitable[object]], code: str, line: str
) -> None:
    with pytest.raises(ValueError, match=line) as caught:
        await call(client)
    assert isinstance(caught.value, UnusableArgument)
    assert caught.value.code == code


READS: list[tuple[Callable[[Any], Awaitable[object]], str]] = [
    (lambda s: s.threads(limit=0), "limit: expected an integer in 1..200, got 0"),
    (lambda s: s.threads(limit=-1), "limit: expected an integer in 1..200, got -1"),
    (lambda s: s.threads(limit="5"), "limit: expected an integer in 1..200, got str"),
    (lambda s: s.threads(before=5), "before: expected text, got 5"),
    (lambda s: s.messages(THREAD, limit=201), "limit: expected an integer in 1..200, got 201"),
    (lambda s: s.messages("../x"), "thread_id: expected a thread id"),
    (lambda s: s.messages(None), "thread_id: expected a thread id, got nothing"),
    (lambda s: s.run(THREAD), "run_id: expected a run id, got a thread id"),
    (lambda s: s.consistency(limit=-1), "limit: expected an integer in 1..200, got -1"),
    (lambda s: s.consistency(named=5), "named: expected text, got 5"),
]


@pytest.mark.parametrize(("call", "line"), READS)
async def test_a_snapshot_is_refused_before_it_is_asked_for(
    call: Callable[[Any], Awaitable[object]], line: str
) -> None:
    async with Snapshots(NOWHERE, "a.b.c") as snapshots:
        with pytest.raises(UnusableArgument, match=line):
            await call(snapshots)


def test_text_of_a_subclass_is_sent_as_text() -> None:
    class Safe(str):  # as of a template engine
        __slots__ = ()

    command = SendMessage(id="c1", content=Safe("<b>"), client_message_id="k1")
    assert json.loads(encode_command(command))["content"] == "<b>"
