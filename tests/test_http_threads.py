"""Threads, messages and events over HTTP, for their owner and for everybody else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from http_world import NAMED, World, fresh_id, running
from threadcast.context import UserExecutionContext
from threadcast.ids import id_kind
from threadcast.store.units import AliasThread, Sweep
from token_forge import claims, flip_bit, p256_key, pem, token_by


async def test_a_thread_is_created_read_changed_and_deleted(world: World) -> None:
    async with world.client("u-1") as client:
        created = await client.post("/v1/threads", json={"title": "One", "metadata": {"a": 1}})
        assert created.status_code == 201
        thread_id = created.json()["thread_id"]
        path = created.headers["location"]
        assert path == f"/v1/threads/{thread_id}"

        read = await client.get(path)
        assert read.status_code == 200
        assert read.json()["seq"] == created.json()["seq"] == 1
        assert read.json()["thread"]["title"] == "One"
        assert read.json()["thread"]["metadata"] == {"a": 1}

        changed = await client.patch(path, json={"title": "Two"})
        assert changed.status_code == 200
        assert changed.json() == {"thread_id": thread_id, "seq": 2}
        read = await client.get(path)
        assert (read.json()["thread"]["title"], read.json()["thread"]["metadata"]) == (
            "Two",
            {"a": 1},
        )

        deleted = await client.delete(path)
        assert deleted.json() == {"thread_id": thread_id, "seq": 3}
        assert (await client.get(path)).json()["code"] == "not_found"
        assert (await client.delete(path)).json()["code"] == "not_found"


async def test_every_answer_names_the_request_and_is_safe_to_show(world: World) -> None:
    async with world.client("u-1") as client:
        for answer in (await client.get("/v1/threads"), await client.get("/v1/nothing")):
            assert id_kind(answer.headers["x-request-id"]) == "request"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"


async def test_threads_come_in_pages_latest_first(world: World) -> None:
    made = [await world.thread("u-1", title=str(number)) for number in range(5)]
    await world.thread("u-2")
    async with world.client("u-1") as client:
        query: dict[str, Any] = {"limit": 2}
        seen = []
        while True:
            page = (await client.get("/v1/threads", params=query)).json()
            assert page["seq"] == 5
            seen += [thread["thread_id"] for thread in page["threads"]]
            if page["next"] is None:
                break
            query["before"] = page["next"]
    assert seen == made[::-1]


async def test_messages_come_in_pages_oldest_first(world: World) -> None:
    thread_id = await world.thread("u-1")
    for number in range(3):
        await world.message("u-1", thread_id, f"m{number}")
    async with world.client("u-1") as client:
        path = f"/v1/threads/{thread_id}/messages"
        last = (await client.get(path, params={"limit": 2})).json()
        query = {"limit": 200, "before": last["next"]}
        first = (await client.get(path, params=query)).json()
    contents = [one["content"] for one in first["messages"] + last["messages"]]
    assert [one for one in contents if not one.startswith("heard")] == ["m0", "m1", "m2"]
    assert len(last["messages"]) == 2
    assert first["next"] is None


async def test_a_threads_events_are_read_after_a_cursor(world: World) -> None:
    thread_id = await world.thread("u-1")
    other_id = await world.thread("u-1")
    async with world.client("u-1") as client:
        for number in range(3):
            await client.patch(f"/v1/threads/{thread_id}", json={"title": str(number)})
            await client.patch(f"/v1/threads/{other_id}", json={"title": str(number)})
        path = f"/v1/threads/{thread_id}/events"
        page: dict[str, Any] = {"next": 0}
        seen: list[dict[str, Any]] = []
        while page["next"] is not None:
            query = {"after": page["next"], "limit": 3}
            page = (await client.get(path, params=query)).json()
            assert page["seq"] == 8
            seen += page["events"]
        ahead = await client.get(path, params={"after": 9})
    assert [event["seq"] for event in seen] == [1, 3, 5, 7]
    assert {event["thread_id"] for event in seen} == {thread_id}
    assert ahead.json()["code"] == "bad_cursor"


async def test_i9_a_cursor_before_what_is_kept_is_refused_not_skipped(world: World) -> None:
    thread_id = await world.thread("u-1")
    async with world.client("u-1") as client:
        path = f"/v1/threads/{thread_id}"
        for number in range(3):
            await client.patch(path, json={"title": str(number)})
        later = world.node.clock.now() + 60
        assert await world.node.journal.append(Sweep("trim", before=later, limit=1_000)) > 0
        refused = await client.get(f"{path}/events", params={"after": 1})
        kept = await client.get(f"{path}/events")
    assert (refused.status_code, refused.json()["code"]) == (410, "trimmed")
    assert (kept.status_code, kept.json()["seq"]) == (200, 4)
    assert kept.json()["trimmed"] == 4, "from 0, it says what is gone"


async def test_a_message_starts_a_run_that_answers(world: World) -> None:
    thread_id = await world.thread("u-1")
    async with world.client("u-1") as client:
        sent = await client.post(
            f"/v1/threads/{thread_id}/messages",
            json={"content": "hello"},
            headers={"idempotency-key": "k1"},
        )
        assert sent.status_code == 202
        body = sent.json()
        assert (body["thread_id"], body["duplicate"]) == (thread_id, False)
        assert sent.headers["location"] == f"/v1/runs/{body['run_id']}"
        assert (await client.get(sent.headers["location"])).json()["run"]["agent"] == "answer"


async def test_h21_a_key_is_good_for_one_message_for_ever(world: World) -> None:
    thread_id = await world.thread("u-1")
    path = f"/v1/threads/{thread_id}/messages"
    async with world.client("u-1") as client:
        first = await client.post(path, json={"content": "a", "client_message_id": "k"})
        headers = {"idempotency-key": "k"}
        again = await client.post(path, json={"content": "a"}, headers=headers)
        other = await client.post(path, json={"content": "b"}, headers=headers)
    assert again.status_code == 202
    assert again.json() == {**first.json(), "duplicate": True}
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


async def test_a_snapshot_says_how_the_first_message_begins(world: World) -> None:
    async with world.client("u-1") as client:
        thread_id = (await client.post("/v1/threads", json={})).json()["thread_id"]
        path = f"/v1/threads/{thread_id}"
        previews = [(await client.get(path)).json()["thread"]["preview"]]
        for content in ("\n Hello,\nduck " + "x" * 100, "more"):
            body = {"content": content, "client_message_id": f"key-{len(content)}"}
            assert (await client.post(f"{path}/messages", json=body)).status_code == 202
        previews.append((await client.get(path)).json()["thread"]["preview"])
        previews.append((await client.get("/v1/threads")).json()["threads"][0]["preview"])
    assert previews == [None, *["Hello,\nduck " + "x" * 68] * 2]


async def test_a_first_message_makes_its_thread_once(world: World) -> None:
    body = {"content": "What is 2 + 2?", "client_message_id": "m-1"}
    async with world.client("u-1") as client:
        first = await client.post("/v1/messages", json=body)
        again = await client.post("/v1/messages", json=body)
        threads = (await client.get("/v1/threads")).json()["threads"]
        keyless = await client.post("/v1/messages", json={"content": "x"})
    assert (first.status_code, first.json()["duplicate"]) == (202, False)
    assert again.json() == {**first.json(), "duplicate": True}
    assert [thread["thread_id"] for thread in threads] == [first.json()["thread_id"]]
    assert threads[0]["preview"] == "What is 2 + 2?"
    assert keyless.json()["code"] == "bad_field"


@pytest.mark.parametrize(
    ("key", "field", "code"),
    [
        ("", None, "bad_idempotency_key"),
        ("k" * 129, None, "bad_idempotency_key"),
        ("a\tb", None, "bad_idempotency_key"),
        ("one", "two", "bad_idempotency_key"),
        (None, None, "bad_field"),
        (None, "", "empty"),
        (None, "k" * 129, "too_long"),
    ],
)
async def test_h20_a_message_has_one_usable_key(
    world: World, key: str | None, field: str | None, code: str
) -> None:
    body = {"content": "a"} if field is None else {"content": "a", "client_message_id": field}
    headers = {} if key is None else {"idempotency-key": key}
    path = f"/v1/threads/{fresh_id('thread')}/messages"
    async with world.client("u-1") as client:
        refused = await client.post(path, json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, code)


READS_AND_WRITES: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PATCH", "", {"title": "x"}),
    ("DELETE", "", None),
    ("GET", "/messages", None),
    ("POST", "/messages", {"content": "x", "client_message_id": "k"}),
    ("GET", "/events", None),
]


@pytest.mark.parametrize(("method", "below", "body"), READS_AND_WRITES)
async def test_i1_anothers_thread_is_like_none(
    world: World, method: str, below: str, body: Any
) -> None:
    theirs = await world.thread("u-1", title="secret")
    async with world.client("u-2") as client:
        answers = [
            await client.request(
                method, f"/v1/threads/{thread_id}{below}", json=body, headers=NAMED
            )
            for thread_id in (theirs, fresh_id("thread"))
        ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["code"] == "not_found"
    async with world.client("u-1") as client:
        thread = (await client.get(f"/v1/threads/{theirs}")).json()["thread"]
    assert (thread["title"], thread["last_seq"]) == ("secret", 1)


@pytest.mark.parametrize(("method", "below", "body"), READS_AND_WRITES)
async def test_i17_an_unknown_legacy_id_names_the_migration(
    world: World, method: str, below: str, body: Any
) -> None:
    async with world.client("u-1") as client:
        path = f"/v1/threads/websocket_factory_1757361062151{below}"
        refused = await client.request(method, path, json=body)
    assert (refused.status_code, refused.json()["code"]) == (404, "legacy_id")
    assert "migrate the thread first" in refused.json()["detail"]


async def test_i17_a_migrated_legacy_id_resolves_for_its_owner_only(world: World) -> None:
    legacy_id = "websocket_factory_1757361062151"
    thread_id = await world.thread("u-1")
    context = UserExecutionContext.create("u-1", "migrate", thread_id=thread_id)
    await world.node.journal.append(AliasThread(context, legacy_id))
    async with world.client("u-1") as client:
        read = await client.get(f"/v1/threads/{legacy_id}")
        changed = await client.patch(f"/v1/threads/{legacy_id}", json={"title": "x"})
        body = {"content": "x", "client_message_id": "k"}
        sent = await client.post(f"/v1/threads/{legacy_id}/messages", json=body)
    assert read.json()["thread"]["thread_id"] == thread_id
    assert changed.json()["thread_id"] == sent.json()["thread_id"] == thread_id
    async with world.client("u-2") as client:
        assert (await client.get(f"/v1/threads/{legacy_id}")).status_code == 404


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1000000", "1.0", "1e1", "x", "", "٣"])
async def test_i15_a_page_size_out_of_bounds_is_refused(world: World, limit: str) -> None:
    thread_id = await world.thread("u-1")
    async with world.client("u-1") as client:
        for path in ("/v1/threads", f"/v1/threads/{thread_id}/messages"):
            refused = await client.get(path, params={"limit": limit})
            assert (refused.status_code, refused.json()["code"]) == (400, "bad_limit")


async def test_i15_a_page_token_is_good_for_its_user_and_its_list_only(world: World) -> None:
    threads = [await world.thread("u-1"), await world.thread("u-1")]
    await world.thread("u-2")
    async with world.client("u-1") as client:
        good = (await client.get("/v1/threads", params={"limit": 1})).json()["next"]
        swapped = "A" if good[5] != "A" else "B"
        edited = good[:5] + swapped + good[6:]
        paths = {
            "/v1/threads": [edited, good[:-1], good + "A", "", "x", "é" * 32, "-" * 32],
            f"/v1/threads/{threads[0]}/messages": [good],
        }
        for path, tokens in paths.items():
            for token in tokens:
                refused = await client.get(path, params={"before": token})
                assert (refused.status_code, refused.json()["code"]) == (400, "bad_page_token")
        assert (await client.get("/v1/threads", params={"before": good})).status_code == 200
    async with world.client("u-2") as client:
        refused = await client.get("/v1/threads", params={"before": good})
        assert refused.json()["code"] == "bad_page_token"


async def test_a_list_goes_on_at_a_node_that_shares_no_secret(tmp_path: Path) -> None:
    key, now = p256_key(), time.time()
    token = token_by(key, claims(sub="u-1", iat=now - 5, exp=now + 300), alg="ES256")
    bearer = {"authorization": f"Bearer {token}"}
    async with running(tmp_path) as world, world.client("u-1") as client:
        made = [await world.thread("u-1") for _ in range(3)]
        first = (await client.get("/v1/threads", params={"limit": 2})).json()
    public: dict[str, Any] = {"jwt_secret": None, "jwt_public_key": pem(key)}
    async with running(tmp_path, **public) as world, world.client() as client:
        query = {"limit": 2, "before": first["next"]}
        rest = (await client.get("/v1/threads", params=query, headers=bearer)).json()
        seen = [thread["thread_id"] for thread in [*first["threads"], *rest["threads"]]]
        assert seen == made[::-1]
        query["before"] = flip_bit(first["next"], 3)
        refused = await client.get("/v1/threads", params=query, headers=bearer)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_page_token")


@pytest.mark.parametrize("after", ["-1", str(2**53), "1.0", "x", ""])
async def test_i6_a_cursor_is_a_seq(world: World, after: str) -> None:
    thread_id = await world.thread("u-1")
    async with world.client("u-1") as client:
        refused = await client.get(f"/v1/threads/{thread_id}/events", params={"after": after})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")
