"""Other users' ids and cursors, over TCP to a whole server."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest

from http_world import AGENTS, NAMED, fresh_id
from journal_reading import events_after
from live_server import LiveServer, Talk, fresh_key
from threadcast.agent import Agent, Run
from threadcast.store.units import Sweep

pytestmark = pytest.mark.usefixtures("unharmed")

_PAIRS = 1_000
_IDS = _PAIRS  # each is new to the server in the first round
_ROUNDS_MAX = 5
_CLOSE_ENOUGH = 0.05


async def look(run: Run) -> str:
    """An agent that looks for a text in what its user wrote."""
    hits = await run.search(run.message)
    return "|".join(hit.content for hit in hits if hit.content != run.message)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("live")
    with LiveServer(folder, agents=[*AGENTS, Agent("look", look)]) as server:
        yield server


@pytest.fixture
async def foreign(live: LiveServer) -> str:
    """A thread of another user."""
    async with live.talk("u-other") as other:
        thread_id = (await other.ask("create_thread", title="private"))["thread_id"]
    assert isinstance(thread_id, str)
    return thread_id


WAYS: list[tuple[str, str, dict[str, Any]]] = [
    ("I1-attach", "attach", {}),
    ("I1-attach-after", "attach", {"after": 0}),
    ("I1-send", "send_message", {"content": "x", "client_message_id": "m-1"}),
]


@pytest.mark.parametrize(
    ("command", "fields"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS]
)
async def test_anothers_thread_is_like_none(
    talk: Talk, foreign: str, command: str, fields: dict[str, Any]
) -> None:
    answers = []
    for thread_id in (foreign, fresh_id("thread")):
        sent = await talk.say(command, id="same", thread_id=thread_id, **fields)
        answers.append(await talk.refused(sent))
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "not_found"
    assert foreign not in answers[0]["message"]


REQUESTS: list[tuple[str, str, str, Any]] = [
    ("I1-get", "GET", "", None),
    ("I1-messages", "GET", "/messages", None),
    ("I1-events", "GET", "/events", None),
    ("I1-rename", "PATCH", "", {"title": "mine"}),
    ("I1-delete", "DELETE", "", None),
    ("I1-post", "POST", "/messages", {"content": "x", "client_message_id": "m-2"}),
]


@pytest.mark.parametrize(
    ("method", "below", "body"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS]
)
async def test_anothers_thread_is_like_none_over_http(
    live: LiveServer, foreign: str, method: str, below: str, body: Any
) -> None:
    answers = []
    async with live.http("u-wire") as client:
        for thread_id in (foreign, fresh_id("thread")):
            answer = await client.request(
                method, f"/v1/threads/{thread_id}{below}", json=body, headers=NAMED
            )
            changing = {"date"}
            headers = {key: text for key, text in answer.headers.items() if key not in changing}
            answers.append((answer.status_code, answer.content, headers))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


async def test_i1_anothers_thread_cannot_be_followed_by_a_stream(
    live: LiveServer, foreign: str
) -> None:
    async with live.http("u-wire") as client:
        answers = [
            (await client.get("/v1/events", params={"thread_id": one}, headers=NAMED)).content
            for one in (foreign, fresh_id("thread"))
        ]
    assert answers[0] == answers[1]


async def test_i2_anothers_thread_takes_no_other_time(live: LiveServer, talk: Talk) -> None:
    """Measured in turns, so that whatever else the machine does falls on both.

    As many ids of both kinds, made before: an id that is seen for the first time takes longer.
    """
    async with live.talk("u-other") as owner:
        created = [await owner.ask("create_thread") for _ in range(_IDS)]
    foreign, none = [one["thread_id"] for one in created], [fresh_id("thread") for _ in created]
    taken: dict[str, list[float]] = {"foreign": [], "none": []}
    for _ in range(_ROUNDS_MAX):
        for number in range(_PAIRS):
            pair = [("foreign", foreign[number % _IDS]), ("none", none[number % _IDS])]
            for name, thread_id in pair if number % 2 else reversed(pair):
                begin = time.perf_counter()
                await talk.refused(await talk.say("attach", thread_id=thread_id))
                taken[name].append(time.perf_counter() - begin)
        one, other = (statistics.median(times) for times in taken.values())
        if abs(one - other) <= _CLOSE_ENOUGH * other:
            return
    raise AssertionError(f"median {one * 1e6:.0f} us for another's, {other * 1e6:.0f} for none")


# --- cursors --------------------------------------------------------------------------------------


async def filled(live: LiveServer, user_id: str, threads: int = 3) -> tuple[str, int, list[Any]]:
    """A user's journal with so many events: its feed, its head and the events."""
    async with live.talk(user_id, attach=False) as talk:
        for number in range(threads):
            await talk.ask("create_thread", title=str(number))
        events = await events_after(talk, 0)
        await talk.ask("attach")
        attached = (await talk.until("attached"))["data"]
    assert attached["head"] == events[-1]["seq"] == len(events)
    return attached["feed"], attached["head"], events


async def test_i4_a_cursor_at_the_head_is_live_from_the_next_event(live: LiveServer) -> None:
    feed, head, events = await filled(live, "u-i4")
    async with live.talk("u-i4", attach=False) as talk:
        await talk.ask("attach", after=head, feed=feed, at=events[-1]["timestamp"])
        attached = (await talk.until("attached"))["data"]
        assert attached == {"after": head, "head": head, "feed": feed, "reset": False}
        assert (await talk.event())["data"] == {"seq": head}
        created = await talk.ask("create_thread")
        event = await talk.event()
        assert (event["seq"], event["thread_id"]) == (head + 1, created["thread_id"])


OTHER_FEED = "feed_1763629200000_1_0c5e21aa"
RESETS: list[tuple[str, dict[str, Any], str]] = [
    ("I5-one", {"ahead": 1}, "cursor_ahead"),
    ("I5-2-53", {"after": 2**53 - 1}, "cursor_ahead"),
    ("I7-feed", {"ahead": 0, "feed": OTHER_FEED}, "new_feed"),
    ("I7-feed-0", {"after": 0, "feed": OTHER_FEED}, "new_feed"),
    ("I7-feed-only", {"feed": OTHER_FEED}, "new_feed"),
    ("I7-at", {"ahead": 0, "at": 1_763_629_200.5}, "diverged"),
    ("I7-at-earlier", {"after": 1, "at": 1_763_629_200.5}, "diverged"),
]


@pytest.mark.parametrize(
    ("wanted", "reason"), [row[1:] for row in RESETS], ids=[row[0] for row in RESETS]
)
async def test_a_cursor_that_does_not_fit_is_reset(
    live: LiveServer, wanted: dict[str, Any], reason: str
) -> None:
    _, head, _ = await filled(live, "u-reset", threads=1)
    fields = {name: value for name, value in wanted.items() if name != "ahead"}
    if "ahead" in wanted:
        fields["after"] = head + wanted["ahead"]
    async with live.talk("u-reset", attach=False) as talk:
        await talk.ask("attach", **fields)
        attached = (await talk.until("attached"))["data"]
        assert (attached["reset"], attached["reason"]) == (True, reason)
        assert attached["after"] == attached["head"] == head
        assert (await talk.event())["data"] == {"seq": head}
        await talk.ask("create_thread")
        assert (await talk.event())["seq"] == head + 1


async def test_i7_the_right_moment_continues(live: LiveServer) -> None:
    feed, _, events = await filled(live, "u-i7")
    async with live.talk("u-i7", attach=False) as talk:
        await talk.ask("attach", after=1, feed=feed, at=events[0]["timestamp"])
        assert (await talk.until("attached"))["data"]["reset"] is False
        assert (await talk.event())["seq"] == 2


async def test_i8_anothers_cursor_is_judged_by_ones_own_journal(live: LiveServer) -> None:
    feed, head, events = await filled(live, "u-i8-a", threads=5)
    own_feed, own_head, _ = await filled(live, "u-i8-b", threads=2)
    async with live.talk("u-i8-b", attach=False) as talk:
        await talk.ask("attach", after=head, feed=feed, at=events[-1]["timestamp"])
        attached = (await talk.until("attached"))["data"]
        assert attached == {
            "after": own_head, "head": own_head, "feed": own_feed,
            "reset": True, "reason": "new_feed",
        }  # fmt: skip
        assert {event["user_id"] for event in await events_after(talk, 0)} == {"u-i8-b"}
    for event in events:
        assert event["thread_id"].encode() not in talk.seen


async def test_i9_a_cursor_before_what_is_kept_begins_at_what_is_left(live: LiveServer) -> None:
    _, head, _ = await filled(live, "u-i9")
    node = live.node
    later = node.clock.now() + 60
    await live.on_loop(lambda: node.journal.append(Sweep("trim", before=later, limit=10_000)))
    async with live.talk("u-i9", attach=False) as talk:
        await talk.ask("attach", after=1)
        attached = (await talk.until("attached"))["data"]
        assert (attached["reset"], attached["reason"]) == (True, "trimmed")
        left = attached["after"]
        assert 1 < left <= head
        seqs = [event["seq"] for event in await events_after(talk, left)]
        assert seqs == list(range(left + 1, head + 1))


async def test_i13_a_thread_that_is_deleted_while_it_is_followed(live: LiveServer) -> None:
    async with live.talk("u-i13") as talk:
        thread_id = (await talk.ask("create_thread"))["thread_id"]
        await talk.ask("attach", thread_id=thread_id)
        await talk.until("caught_up")
        async with live.http("u-i13") as client:
            assert (await client.delete(f"/v1/threads/{thread_id}")).status_code == 200
        assert (await talk.until("thread_deleted"))["thread_id"] == thread_id
        late = {"content": "x", "client_message_id": "m", "thread_id": thread_id}
        assert (await talk.refused(await talk.say("send_message", **late)))["code"] == "not_found"
        again = await talk.say("attach", thread_id=thread_id)
        assert (await talk.refused(again))["code"] == "not_found"


async def test_i14_a_second_attach_moves_the_cursor(live: LiveServer) -> None:
    async with live.talk("u-i14", attach=False) as talk:
        for number in range(20):
            await talk.ask("create_thread", title=str(number))
        for after in (0, 15, 5, 0):
            seqs = [event["seq"] for event in await events_after(talk, after)]
            assert seqs == list(range(after + 1, 21))
        await talk.ask("create_thread")
        assert (await talk.event())["seq"] == 21


async def test_i14_an_attach_amid_events_loses_and_doubles_nothing(live: LiveServer) -> None:
    async with live.talk("u-i14-b") as talk, live.talk("u-i14-b") as writer:
        writing = asyncio.ensure_future(_write(writer, 200))
        for _ in range(10):
            await talk.ask("attach", after=0)
        await writing
        await talk.ask("ping")
        attaches = 0
        seqs: list[int] = []
        while len(seqs) < 200 or attaches < 10:
            event = await talk.event()
            if event["event_type"] == "attached":
                attaches, seqs = attaches + 1, []
            elif "seq" in event:
                seqs.append(event["seq"])
                assert seqs == list(range(1, len(seqs) + 1))


async def _write(talk: Talk, count: int) -> None:
    for _ in range(count):
        await talk.ask("create_thread")


# --- searches -------------------------------------------------------------------------------------

SEARCHES = [
    ("I16-percent", "100%", "100 per cent"),
    ("I16-underscore", "a_b", "axb"),
    ("I16-backslash", "c:\\temp", "c:/temp"),
    ("I16-quotes", 'it\'s "so"', "its so very"),
    ("I16-operators", "rain NOT sun", "rain"),
    ("I16-star", "wor*", "words"),
]


@pytest.mark.parametrize(
    ("text", "near"), [row[1:] for row in SEARCHES], ids=[row[0] for row in SEARCHES]
)
async def test_a_search_is_literal(
    request: pytest.FixtureRequest, live: LiveServer, text: str, near: str
) -> None:
    async with live.talk(f"u-{request.node.callspec.id}") as talk:
        for content in (f"this is {text} here", f"this is {near} here"):
            await talk.ask("send_message", content=content, client_message_id=fresh_key())
        sent = await talk.ask(
            "send_message", content=text, client_message_id=fresh_key(), agent="look"
        )
        done = await talk.until_run("agent_completed", sent["run_id"])
        assert done["data"]["content"] == f"this is {text} here"
