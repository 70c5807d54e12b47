"""The client against a real server on loopback: exactly once, whatever the connection does."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patience import WAIT_S
from threadcast.client import (
    Client,
    ClientRefused,
    ClientState,
    CommandRejected,
    Event,
    Phase,
    ProtocolViolation,
    Reset,
    ServerUnreachable,
    Snapshots,
    UnusableUrl,
    connect,
    typed,
)
from threadcast.client.backoff import RETRY_AFTER_MAX_S, Backoff
from threadcast.client.endpoint import endpoint_of
from threadcast.client.network_reason import network_reason
from threadcast.client.token_source import renewal_in_s
from threadcast.errors import OutcomeUnknown, ThreadcastError
from threadcast.events import AgentDelta
from wire_server import FEED, OTHER_FEED, RUN, THREAD, Plan, WireServer, seqs_of

FAST: dict[str, Any] = {"retry_first_s": 0.001, "retry_max_s": 0.005}


def client_of(server: WireServer, **options: Any) -> Client:
    return connect(server.url, "a.b.c", **FAST | {"first_attempts": None} | options)


async def read(client: Client, until_seq: int) -> list[Event | Reset]:
    """Everything up to the event with this seq."""
    items: list[Event | Reset] = []
    async with asyncio.timeout(20):
        async for item in client:
            items.append(item)
            if isinstance(item, Event) and item.seq == until_seq:
                return items
    raise AssertionError("the client ended")


def fill(server: WireServer, events: int, *, every: int = 4) -> None:
    """Deltas, with something else between them now and then."""
    for index in range(events):
        if index % every == every - 1:
            server.append("agent_thinking", text=f"thought {index}")
        else:
            server.append("agent_delta", text=f"<{index}>")


def text_of(items: list[Any]) -> str:
    return "".join(item.data["text"] for item in items)


# --- exactly once ---------------------------------------------------------------------------------

cuts = st.builds(
    Plan,
    cut_after_frames=st.integers(0, 14),
    cut_bytes=st.integers(0, 200),
    repeat=st.integers(0, 5),
    merge=st.just(False),
    per_frame=st.integers(1, 4),
)
merging_cuts = st.builds(
    Plan,
    cut_after_frames=st.integers(0, 9),
    cut_bytes=st.integers(0, 200),
    merge=st.just(True),
    per_frame=st.integers(1, 4),
)


@settings(max_examples=60, deadline=None)
@given(
    plans=st.lists(cuts | merging_cuts, max_size=6),
    before=st.integers(0, 25),
    later=st.integers(1, 10),
    share=st.floats(0, 1),
)
def test_exactly_once_in_order_whatever_is_cut(
    plans: list[Plan], before: int, later: int, share: float
) -> None:
    asyncio.run(_exactly_once(plans, before, later, int(before * share)))


async def _exactly_once(plans: list[Plan], before: int, later: int, after: int) -> None:
    server = WireServer(plans)
    fill(server, before)
    async with server.running(), client_of(server, after=after, feed=FEED) as client:
        reading = asyncio.create_task(read(client, before + later))
        for _ in range(later):
            fill(server, 1)
            await asyncio.sleep(0)
        items = await reading
    assert list(seqs_of(items)) == list(range(after + 1, before + later + 1))
    assert text_of(items) == "".join(e["data"]["text"] for e in server.journal[after:])


@settings(max_examples=30, deadline=None)
@given(
    fates=st.lists(st.sampled_from(["", "drop", "lose", "unknown"]), max_size=6),
    messages=st.integers(1, 4),
)
def test_a_message_is_sent_once_whatever_becomes_of_the_answer(
    fates: list[str], messages: int
) -> None:
    asyncio.run(_sent_once(fates, messages))


async def _sent_once(fates: list[str], messages: int) -> None:
    server = WireServer([Plan(at_command=fate) for fate in fates])
    async with server.running(), client_of(server) as client:
        sent = [await client.send_message(f"message {index}") for index in range(messages)]
    assert [e["data"]["content"] for e in server.journal] == [
        f"message {i}" for i in range(messages)
    ]
    assert [one.seq for one in sent] == list(range(1, messages + 1))


async def test_messages_under_way_at_once_all_arrive_once() -> None:
    server = WireServer([Plan(at_command="lose"), Plan(at_command="drop"), Plan(at_command="lose")])
    async with server.running(), client_of(server) as client:
        sent = await asyncio.gather(*(client.send_message(f"m{index}") for index in range(20)))
    assert sorted(e["data"]["content"] for e in server.journal) == sorted(
        f"m{index}" for index in range(20)
    )
    assert len({one.run_id for one in sent}) == 20


async def test_the_resumed_cursor_has_feed_and_timestamp() -> None:
    server = WireServer()
    fill(server, 3)
    async with server.running(), client_of(server, after=0) as client:
        await read(client, 3)
        server.cut_all()
        fill(server, 1)
        await read(client, 4)
        cursor = client.cursor
    first, second = server.attaches()
    assert (first["after"], first.get("feed"), first.get("at")) == (0, None, None)
    assert (second["after"], second["feed"]) == (3, FEED)
    assert second["at"] == server.journal[2]["timestamp"]
    assert (cursor.after, cursor.feed, cursor.at) == (4, FEED, server.journal[3]["timestamp"])
    assert set(server.subprotocols) == {"threadcast.v1.lines"}


async def test_without_a_cursor_reading_starts_at_the_head() -> None:
    server = WireServer([Plan(cut_after_frames=2)])  # cut between greeting and `attached`
    fill(server, 5)
    async with server.running(), client_of(server) as client:
        assert client.cursor.after == 5
        fill(server, 1)
        assert [item.seq for item in await read(client, 6) if isinstance(item, Event)] == [6]


async def test_merged_deltas_that_overlap_are_asked_for_again() -> None:
    server = WireServer([Plan(repeat=2, merge=True)])
    for _ in range(4):
        server.append("agent_delta", text="x")
    async with server.running(), client_of(server, after=2) as client:
        items = await read(client, 4)
    assert text_of(items) == "xx"
    assert [attach["after"] for attach in server.attaches()] == [2, 2]


async def test_typed_data() -> None:
    server = WireServer()
    server.append("agent_delta", text="x")
    server.append("from_the_future", anything=1)
    server.append("agent_delta", wrong=1)
    async with server.running(), client_of(server, after=0) as client:
        delta, future, wrong = await read(client, 3)
    assert isinstance(delta, Event)
    assert isinstance(future, Event)
    assert isinstance(wrong, Event)
    assert typed(delta) == AgentDelta("x")
    assert typed(future) is None
    with pytest.raises(ProtocolViolation):
        typed(wrong)


# --- resets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason", "after"),
    [
        ({"after": 2, "feed": OTHER_FEED}, "new_feed", 6),
        ({"after": 99, "feed": FEED}, "cursor_ahead", 6),
        ({"after": 4, "feed": FEED, "at": 5.0}, "diverged", 6),
        ({"after": 1, "feed": FEED}, "trimmed", 3),
    ],
)
async def test_l7_a_reset_is_an_item_and_reading_goes_on_after_it(
    options: dict[str, Any], reason: str, after: int
) -> None:
    server = WireServer()
    fill(server, 6)
    server.trimmed = 3
    async with server.running(), client_of(server, **options) as client:
        reset = await anext(client)
        assert reset == Reset(reason, after, 6, FEED)
        assert client.cursor.after == after
        fill(server, 1)
        items = await read(client, 7)
    assert list(seqs_of(items)) == list(range(after + 1, 8))


async def test_a_feed_that_changes_between_connections_is_a_reset() -> None:
    server = WireServer()
    fill(server, 3)
    async with server.running(), client_of(server, after=0) as client:
        await read(client, 3)
        server.feed = OTHER_FEED
        server.cut_all()
        reset = await anext(client)
    assert reset == Reset("new_feed", 3, 3, OTHER_FEED)
    assert client.cursor.feed == OTHER_FEED


async def test_events_of_another_user_end_the_client() -> None:
    server = WireServer()
    async with server.running(), client_of(server, after=0) as client:
        server.user_id = "somebody else"
        fill(server, 1)
        with pytest.raises(ProtocolViolation, match="another user"):
            await anext(client)


async def test_a_credential_of_another_user_does_not_continue() -> None:
    server = WireServer()
    async with server.running(), client_of(server, after=0) as client:
        server.user_id = "somebody else"
        server.cut_all()
        with pytest.raises(ClientRefused, match="another user"):
            await anext(client)


# --- the end of connections -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (Plan(close=(4400, "unusable")), "unsupported_version"),
        (Plan(close=(4401, "expired")), "token_invalid"),
        (Plan(close=(4403, "forbidden")), "forbidden"),
        (Plan(close=(4429, "x"), closing={"reconnect": False, "error": "evicted"}), "evicted"),
        (Plan(status=401), "token_invalid"),
        (Plan(status=403, code="origin_not_allowed"), "origin_not_allowed"),
        (Plan(status=403), "unavailable"),
        (Plan(status=404), "unavailable"),
        (Plan(status=302, headers={"Location": "http://example.org/"}), "unavailable"),
    ],
)
async def test_what_is_final_is_said(plan: Plan, code: str) -> None:
    server = WireServer([plan])
    async with server.running():
        with pytest.raises(ClientRefused) as caught:
            async with client_of(server) as client:
                await anext(client)
    assert caught.value.code == code
    assert len(server.tokens) == 1


@pytest.mark.parametrize(
    "plan",
    [
        Plan(close=(1000, "bye")),
        Plan(close=(1012, "restart"), closing={"reconnect": True, "retry_after_ms": 1}),
        Plan(close=(1011, "")),
        Plan(close=(4408, "stalled")),
        Plan(status=503, headers={"Retry-After": "0"}),
        Plan(status=429),
        Plan(status=500),
    ],
)
async def test_what_passes_is_tried_again(plan: Plan) -> None:
    server = WireServer([plan, plan])
    async with server.running(), client_of(server, after=0) as client:
        fill(server, 1)
        await read(client, 1)
        await server.until(lambda: len(server.tokens) == 3)


async def test_a_fresh_token_is_used_for_every_connection_and_tried_once_when_refused() -> None:
    made: list[str] = []

    async def fresh() -> str:
        made.append(f"token{len(made)}")
        return made[-1]

    server = WireServer([Plan(), Plan(status=401), Plan(), Plan(status=401), Plan(status=401)])
    async with server.running():
        client = connect(server.url, fresh, **FAST)
        async with client:
            server.cut_all()  # the next is refused once, then taken
            await server.until(lambda: len(server.attaches()) == 2)
            server.cut_all()  # refused twice
            with pytest.raises(ClientRefused):
                await anext(client)
    assert server.tokens == made
    assert len(made) == 5


async def test_a_token_is_renewed_before_it_ends() -> None:
    made: list[str] = []

    def fresh() -> str:
        made.append(f"token{len(made)}")
        return made[-1]

    assert renewal_in_s(1100.0, now=1000.0) == 75.0
    assert renewal_in_s(900.0, now=1000.0) == 0.5
    assert renewal_in_s(None, now=1000.0) is None
    server = WireServer([Plan(expires_at=1763629200.1)])
    async with server.running(), connect(server.url, fresh, **FAST):
        await server.until(lambda: bool(server.commands[1:]))
    assert server.tokens == ["token0", "token1"]
    assert [command["command"] for command in server.commands] == ["attach", "authenticate"]


async def test_a_token_callable_that_cannot_be_reached_is_tried_again() -> None:
    calls = 0

    def flaky() -> str:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise ConnectionError("no")
        return "a.b.c"

    server = WireServer()
    async with server.running(), connect(server.url, flaky, first_attempts=None, **FAST):
        assert calls == 3


async def test_a_token_callable_that_fails_ends_the_client() -> None:
    def broken() -> str:
        raise LookupError("no such key")

    server = WireServer()
    async with server.running():
        with pytest.raises(LookupError):
            async with connect(server.url, broken, **FAST):
                pass


async def test_unreachable_at_first_is_an_error_and_later_is_not() -> None:
    server = WireServer()
    async with server.running():
        url = server.url
    with pytest.raises(
        ServerUnreachable, match=f"cannot reach the server at {url}: Connection refused"
    ):
        async with connect(url, "a.b.c", first_attempts=2, **FAST):
            pass
    port = int(url.rpartition(":")[2])
    async with server.running(port):
        client = client_of(server, after=0)
        await client.__aenter__()
    fill(server, 1)
    async with server.running(port):
        assert await read(client, 1)
        await client.close()


async def test_states_are_told_in_order() -> None:
    states: list[ClientState] = []
    server = WireServer()
    async with server.running(), client_of(server, after=0, on_state=states.append) as client:
        fill(server, 1)
        await read(client, 1)
        server.cut_all()
        fill(server, 1)
        await read(client, 2)
        await client.ping()  # answered after `caught_up`
    phases = [state.phase for state in states]
    once = [Phase.CATCHING_UP, Phase.LIVE]
    assert phases == [*once, Phase.WAITING, Phase.CONNECTING, *once, Phase.CLOSED]
    waiting = states[2]
    assert waiting.retry_in_s > 0
    assert waiting.reason == "the connection was lost"


class _Refuses:
    """An `on_state` that raises in one phase, and at the end if asked to."""

    def __init__(self, phase: Phase, *, at_the_end: bool = False) -> None:
        self._phases = {phase, *([Phase.CLOSED] if at_the_end else [])}

    def __call__(self, state: ClientState) -> None:
        if state.phase in self._phases:
            raise LookupError(f"refused {state.phase}")


@pytest.mark.parametrize("at_the_end", [False, True])
async def test_what_on_state_raises_at_first_is_raised_to_who_connects(*, at_the_end: bool) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    server = WireServer()
    refuses = _Refuses(Phase.CATCHING_UP, at_the_end=at_the_end)
    async with server.running(), asyncio.timeout(WAIT_S):
        with pytest.raises(LookupError, match="refused catching_up"):
            async with client_of(server, on_state=refuses):
                raise AssertionError("it is open")


async def test_what_on_state_raises_later_is_raised_to_the_reader() -> None:
    server = WireServer()
    fill(server, 1)
    refuses = _Refuses(Phase.WAITING)
    async with server.running(), client_of(server, after=0, on_state=refuses) as client:
        await read(client, 1)
        server.cut_all()
        with pytest.raises(LookupError, match="refused waiting"):
            await read(client, 2)
        assert client.state.phase is Phase.CLOSED


async def test_what_on_state_raises_at_the_end_is_told_to_the_loop() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    server = WireServer()
    async with server.running(), asyncio.timeout(WAIT_S):
        async with client_of(server, on_state=_Refuses(Phase.CLOSED)) as client:
            pass
        assert [item async for item in client] == []
    assert [str(context["exception"]) for context in told] == ["refused closed"]


async def test_garbage_ends_the_client_and_nothing_leaks() -> None:
    server = WireServer()
    async with server.running(), client_of(server, after=0) as client:
        for wire in server.connections:
            await wire.socket.send("{")
        with pytest.raises(ProtocolViolation, match="unreadable"):
            await anext(client)
        with pytest.raises(StopAsyncIteration):
            await anext(client)
        with pytest.raises(ProtocolViolation):
            await client.ping()
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- commands -------------------------------------------------------------------------------------


async def test_every_command_has_its_answer() -> None:
    server = WireServer()
    async with server.running(), client_of(server) as client:
        thread_id = await client.create_thread("title")
        sent = await client.send_message("hello", thread_id, client_message_id="mine", agent="demo")
        assert (sent.seq, sent.duplicate, sent.client_message_id) == (2, False, "mine")
        again = await client.send_message("hello", thread_id, client_message_id="mine")
        assert (again.run_id, again.duplicate) == (sent.run_id, True)
        assert await client.respond(sent.run_id, "input_1763629203000_9_5b0d7e13", None) == 3
        assert await client.cancel_run(sent.run_id) == "cancelled"
        assert await client.ping() == 1763629200.5
    respond = next(c for c in server.commands if c["command"] == "respond")
    assert respond["value"] is None


async def test_a_lost_answer_to_create_thread_is_said_and_not_repeated() -> None:
    server = WireServer([Plan(at_command="lose")])
    async with server.running(), client_of(server) as client:
        with pytest.raises(OutcomeUnknown, match="thread_created"):
            await client.create_thread()
    assert [e["event_type"] for e in server.journal] == ["thread_created"]


async def test_a_lost_answer_to_cancel_is_asked_for_again() -> None:
    server = WireServer([Plan(at_command="lose")])
    fill(server, 1)
    async with server.running(), client_of(server) as client:
        assert await client.cancel_run(RUN) == "cancelled"
    assert [e["event_type"] for e in server.journal] == ["agent_delta", "agent_cancelled"]


async def test_a_rejection_is_an_error_and_a_passing_one_is_repeated() -> None:
    server = WireServer()
    answers = iter(
        [
            {"code": "run_active", "message": "busy", "retryable": True},
            {"code": "rate_limited", "message": "slow", "retryable": True, "retry_after_ms": 1},
            None,
            {"code": "brand_new", "message": "?", "retryable": False},
        ]
    )
    server.on_command = lambda _command: next(answers)
    async with server.running(), client_of(server) as client:
        with pytest.raises(CommandRejected, match="busy"):
            await client.send_message("x", on_busy="reject")
        assert (await client.send_message("y")).seq == 1
        with pytest.raises(CommandRejected) as caught:
            await client.ping()
    assert caught.value.server_code == "brand_new"


@pytest.mark.parametrize(
    ("content", "code"), [("", "empty"), ("x" * 65_537, "too_long"), ("😀" * 65_536, "too_long")]
)
async def test_what_the_server_would_refuse_is_not_sent(content: str, code: str) -> None:
    server = WireServer()
    async with server.running(), client_of(server) as client:
        with pytest.raises(ThreadcastError) as caught:
            await client.send_message(content)
    assert caught.value.code == code
    assert len(server.commands) == 1


async def test_no_answer_in_time_is_an_unknown_outcome() -> None:
    server = WireServer()
    async with server.running(), client_of(server, command_max_s=0.05) as client:
        for wire in server.connections:
            wire.socket.transport.pause_reading()
        with pytest.raises(OutcomeUnknown, match="client_message_id mine"):
            await client.send_message("x", client_message_id="mine")
        server.cut_all()


async def test_a_client_that_is_not_open_says_so() -> None:
    client = connect("http://127.0.0.1:1", "a.b.c")
    with pytest.raises(ThreadcastError, match="not open"):
        await client.ping()
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(ThreadcastError, match="not open"):
            await anext(aiter(client))
    await client.close()


async def test_a_goodbye_that_is_cancelled_leaves_no_task() -> None:
    server = WireServer()
    async with server.running():
        client = client_of(server)
        await client.__aenter__()
        for wire in server.connections:
            wire.socket.transport.pause_reading()  # it never answers the closing handshake
        closing = asyncio.create_task(client.close())
        for _ in range(10):  # turns, until it waits for the server
            await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert client.state.phase is Phase.CLOSED


# --- bounds ---------------------------------------------------------------------------------------


async def test_a_reader_that_does_not_read_stops_the_client_from_reading() -> None:
    server = WireServer()
    async with server.running(), client_of(server, after=0, buffer_max_events=10) as client:
        for _ in range(4_000):
            server.append("agent_delta", text="x" * 2_000)
        (wire,) = server.connections
        sent = -1
        while sent != wire._frames:
            sent = wire._frames
            for _ in range(200):
                await asyncio.sleep(0)
        assert sent < 3_900  # the rest waits on the server's side of the socket
        assert len(client._buffer._items) == 10
        items = await read(client, 4_000)
    assert list(seqs_of(items)) == list(range(1, 4_001))


async def test_commands_are_answered_while_nobody_reads_and_nothing_is_lost() -> None:
    server = WireServer()
    async with server.running(), client_of(server, after=0, buffer_max_events=4) as client:
        fill(server, 50)
        for index in range(3):
            assert (await client.send_message(f"m{index}")).seq == 51 + index
        items = await read(client, 53)
    assert list(seqs_of(items)) == list(range(1, 54))
    assert len(server.attaches()) > 1


async def test_a_thread_filter_is_asked_for_again() -> None:
    server = WireServer()
    fill(server, 2)
    async with server.running(), client_of(server, after=0, thread_id=THREAD) as client:
        await read(client, 2)
        server.cut_all()
        await server.until(lambda: len(server.attaches()) == 2)
    assert {attach["thread_id"] for attach in server.attaches()} == {THREAD}


def test_waits_grow_are_bounded_and_jittered() -> None:
    waits = Backoff(first_s=1, max_s=8, jitter=lambda: 1.0)
    assert [waits.next_s() for _ in range(6)] == [1, 2, 4, 8, 8, 8]
    assert waits.next_s(5) == 13
    assert waits.next_s(1e9) == 8 + RETRY_AFTER_MAX_S
    waits.reset()
    assert waits.next_s() == 1
    assert Backoff(first_s=1, max_s=8, jitter=lambda: 0.0).next_s() == 0.5
    with pytest.raises(ValueError, match="first_s"):
        Backoff(first_s=0, max_s=8, jitter=lambda: 0.0)


@pytest.mark.parametrize(
    ("url", "websocket_url"),
    [
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/v1/ws"),
        ("https://example.org/chat/", "wss://example.org/chat/v1/ws"),
        ("ws://[::1]:8080/v1/ws", "ws://[::1]:8080/v1/ws"),
    ],
)
def test_urls(url: str, websocket_url: str) -> None:
    assert endpoint_of(url).websocket_url == websocket_url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "127.0.0.1:80",
        "ftp://x",
        "http://",
        "http://x:y",
        "http://u:p@x",
        "http://x?token=y",
    ],
)
def test_unusable_urls_are_named_and_not_repeated(url: str) -> None:
    with pytest.raises(UnusableUrl) as caught:
        endpoint_of(url)
    assert "token=y" not in str(caught.value)
    assert "u:p" not in str(caught.value)


# --- snapshots ------------------------------------------------------------------------------------


async def test_snapshots_are_read_over_http() -> None:
    server = WireServer()
    message = {"seq": 3, "role": "user", "content": "x", "run_id": RUN, "timestamp": 1.0}
    server.snapshots[f"/v1/threads/{THREAD}/messages"] = {
        "seq": 7,
        "messages": [message],
        "next": None,
    }
    async with server.running(), Snapshots(server.url, "a.b.c") as snapshots:
        url = server.url
        page = await snapshots.messages(THREAD)
        assert (page.seq, page.messages[0].content) == (7, "x")
        with pytest.raises(CommandRejected, match="no such thing"):
            await snapshots.threads()
    with pytest.raises(ServerUnreachable):
        await threads_of(url)


async def threads_of(url: str) -> None:
    async with Snapshots(url, "a.b.c") as snapshots:
        await snapshots.threads()


@pytest.mark.parametrize(
    ("sends", "resets", "reason"),
    [
        (b"", True, "Connection reset by peer"),
        (b"", False, "Server disconnected without sending a response"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", False, "peer closed connection"),
    ],
    ids=["reset", "closed", "cut short"],
)
async def test_why_a_snapshot_did_not_come_is_told(sends: bytes, resets: bool, reason: str) -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sends)
        if resets:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async with await asyncio.start_server(drop, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ServerUnreachable, match=f"cannot reach the server at {url}: {reason}"):
            await threads_of(url)


async def test_a_server_that_does_not_speak_tls_is_told() -> None:
    def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ServerUnreachable, match=f"{url}: TLS: "):
            await threads_of(url)


def test_the_reason_of_a_network_is_none_that_the_caller_handled() -> None:
    handled = FileNotFoundError(2, "No such file or directory")
    lost = httpx2.ReadError("")
    lost.__context__ = handled
    assert network_reason(lost, handled=handled) == "the connection was lost"
    assert network_reason(lost) == "No such file or directory"


def test_a_ring_of_causes_ends() -> None:
    first, second = ConnectionError("a"), ConnectionError("b")
    first.__cause__ = second
    second.__context__ = first  # as `raise first from second` makes it, which Python allows
    assert network_reason(first) == "a"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1)"), "refused"),
        (socket.gaierror(8, "nodename nor servname provided"), "nodename nor servname provided"),
        (ssl.SSLEOFError(8, "EOF occurred"), "TLS: EOF occurred"),
        (httpx2.ReadTimeout(""), "it did not answer in time"),
    ],
)
def test_the_words_of_a_networks_error(error: Exception, reason: str) -> None:
    assert network_reason(error).endswith(reason)


def test_of_several_addresses_the_first_ones_error_is_told() -> None:
    error = OSError("All connection attempts failed")
    error.__cause__ = ExceptionGroup("both", [OSError(111, "refused"), OSError(113, "no route")])
    assert network_reason(error) == "Connection refused"
