"""Runs over HTTP: reading, cancelling, answering."""

from __future__ import annotations

from typing import Any

import pytest

from http_world import NAMED, Stream, World, bearer, fresh_id


async def waiting_run(world: World, user_id: str) -> tuple[str, str]:
    """A run that waits for a person: its id and the question's."""
    thread_id = await world.thread(user_id)
    stream = Stream(world.app, bearer(user_id))
    await stream.until("caught_up")
    run_id = (await world.message(user_id, thread_id, "hi", agent="ask"))["run_id"]
    question = await stream.until("input_requested")
    await stream.leave()
    return run_id, question.data["data"]["input_id"]


async def test_a_run_is_read_and_answered(world: World) -> None:
    run_id, input_id = await waiting_run(world, "u-1")
    async with world.client("u-1") as client:
        snapshot = (await client.get(f"/v1/runs/{run_id}")).json()
        assert snapshot["run"]["status"] == "waiting"
        assert [one["input_id"] for one in snapshot["inputs"]] == [input_id]
        path = f"/v1/runs/{run_id}/respond"
        answered = await client.post(path, json={"input_id": input_id, "value": {"n": 1}})
        assert answered.status_code == 200
        assert answered.json()["seq"] > snapshot["seq"]
        again = await client.post(path, json={"input_id": input_id, "value": 2})
    # R10: the first answer wins, and the run may have ended meanwhile
    assert (again.status_code, again.json()["code"]) in [
        (409, "already_answered"),
        (409, "run_finished"),
    ]


async def test_r2_a_cancel_is_idempotent_and_shows_the_state(world: World) -> None:
    run_id, _ = await waiting_run(world, "u-1")
    stream = Stream(world.app, bearer("u-1"))
    await stream.until("caught_up")
    async with world.client("u-1") as client:
        path = f"/v1/runs/{run_id}/cancel"
        asked = await client.post(path)
        assert asked.status_code == 200
        assert asked.json()["run_id"] == run_id
        await stream.until("agent_cancelled")
        again = await client.post(path, json={})
        assert (again.status_code, again.json()["status"]) == (200, "cancelled")
        assert again.json()["seq"] is None
    await stream.leave()


ACTS: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("POST", "/cancel", None),
    ("POST", "/respond", {"input_id": "input_1763629203000_9_5b0d7e13", "value": 1}),
]


@pytest.mark.parametrize(("method", "below", "body"), ACTS)
async def test_r2_anothers_run_is_like_none(
    world: World, method: str, below: str, body: Any
) -> None:
    theirs, _ = await waiting_run(world, "u-1")
    async with world.client("u-2") as client:
        answers = [
            await client.request(method, f"/v1/runs/{run_id}{below}", json=body, headers=NAMED)
            for run_id in (theirs, fresh_id("run"))
        ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    async with world.client("u-1") as client:
        assert (await client.get(f"/v1/runs/{theirs}")).json()["run"]["status"] == "waiting"


async def test_r1_a_busy_thread_refuses_by_policy(world: World) -> None:
    run_id, _ = await waiting_run(world, "u-1")
    async with world.client("u-1") as client:
        thread_id = (await client.get(f"/v1/runs/{run_id}")).json()["run"]["thread_id"]
        body = {"content": "x", "client_message_id": "k2", "on_busy": "reject"}
        refused = await client.post(f"/v1/threads/{thread_id}/messages", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "run_active")
    assert refused.json()["retryable"]
    assert int(refused.headers["retry-after"]) >= 1
