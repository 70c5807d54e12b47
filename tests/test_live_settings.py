"""Settings that a running server takes anew: which, how at once, and what is left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from http_world import BASE_URL, World, bearer
from live_server import LiveServer, fresh_key
from threadcast.errors import ConfigurationError, ThreadcastError
from threadcast.settings import SETTINGS, LiveChange, Settings, live_change, risks

SECRET = "0123456789abcdef0123456789abcdef"
MODES = [one.key for one in SETTINGS if one.note.choices == ("enforce", "warn", "off")]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path) as live:
        yield live


def change(world: World, **values: Any) -> LiveChange:
    """Have a node take its own settings with these changes."""
    present = world.node.settings
    kept = {one.key: getattr(present, one.key) for one in SETTINGS}
    return world.node.take_settings(Settings(**{**kept, **values}))


async def change_live(live: LiveServer, **values: Any) -> None:
    async def take() -> None:
        present = live.node.settings
        kept = {one.key: getattr(present, one.key) for one in SETTINGS}
        live.node.take_settings(Settings(**{**kept, **values}))

    await live.on_loop(take)


def test_what_is_live_is_taken_and_the_rest_waits() -> None:
    present = Settings(jwt_secret=SECRET)
    wanted = Settings(jwt_secret=SECRET, port=81, requests_per_s=5.0, id_validation="warn")
    taken = live_change(present, wanted)
    assert taken.applied == ("requests_per_s", "id_validation")
    assert taken.waiting == ("port",)
    assert (taken.settings.port, taken.settings.requests_per_s) == (present.port, 5.0)


def test_nothing_is_taken_that_contradicts_what_has_to_wait() -> None:
    present = Settings(jwt_secret=SECRET)
    wanted = Settings(
        jwt_secret=SECRET, allowed_origins=("*",), insecure_allow_any_origin=True, dev=True
    )
    assert live_change(present, wanted).waiting == ("dev",)
    with pytest.raises(ConfigurationError, match="origin_check_mode"):
        live_change(
            Settings(jwt_secret=SECRET, dev=True),
            Settings(jwt_secret=SECRET, origin_check_mode="off"),
        )


def test_every_mode_is_live_and_a_risk_where_it_does_not_enforce() -> None:
    assert len(MODES) == 6
    for key in MODES:
        (setting,) = (one for one in SETTINGS if one.key == key)
        assert setting.note.live
        values: dict[str, Any] = {"jwt_secret": SECRET, key: "warn"}
        lines = risks(Settings(**values))
        assert [line for line in lines if line.startswith(f"{key}: warn, ")]


@pytest.mark.parametrize("key", ["origin_check_mode", "host_check_mode"])
def test_whoever_mints_tokens_for_anybody_keeps_strange_pages_out(key: str) -> None:
    values: dict[str, Any] = {"dev": True, key: "warn"}
    with pytest.raises(ConfigurationError, match=f"^{key}: got warn, expected enforce with dev"):
        Settings(**values)


async def test_rates_are_taken_at_once_and_can_be_lifted(world: World) -> None:
    async def statuses() -> list[int]:
        async with world.client("u-1") as client:
            return [(await client.get("/v1/threads")).status_code for _ in range(4)]

    change(world, requests_per_s=0.01, requests_burst=2)
    assert await statuses() == [200, 200, 429, 429]
    change(world, rate_limit_mode="warn")
    assert await statuses() == [200] * 4
    exposed = world.node.metrics.exposition().decode()
    assert 'threadcast_tolerated_total{check="rate_limit_mode"} 4.0' in exposed
    change(world, rate_limit_mode="enforce")
    assert await statuses() == [429] * 4


async def test_strangers_are_bounded_anew(world: World) -> None:
    change(world, unauthenticated_per_address=1, unauthenticated_window_s=3_600.0)
    async with world.client() as client:
        assert (await client.get("/v1/threads")).status_code == 401
        assert (await client.get("/v1/threads")).status_code == 429
        change(world, rate_limit_mode="off")
        assert (await client.get("/v1/threads")).status_code == 401


async def test_hosts_and_origins_are_taken_at_once(world: World) -> None:
    page = {"origin": "https://app.example"}
    async with world.client("u-1") as client:
        assert (await client.get("/v1/threads", headers=page)).status_code == 403
        change(world, allowed_origins=("https://app.example",))
        assert (await client.get("/v1/threads", headers=page)).status_code == 200
        change(world, allowed_origins=(), origin_check_mode="warn")
        assert (await client.get("/v1/threads", headers=page)).status_code == 200
        host = {"host": "chat.example"}
        assert (await client.get("/v1/threads", headers=host)).status_code == 421
        change(world, allowed_hosts=("chat.example",))
        assert (await client.get("/v1/threads", headers=host)).status_code == 200
        change(world, allowed_hosts=(), host_check_mode="off")
        assert (await client.get("/v1/threads", headers=host)).status_code == 200
        bad = {"host": "a b"}
        assert (await client.get("/v1/threads", headers=bad)).status_code == 400
    assert BASE_URL


async def test_no_mode_lets_in_whoever_has_no_credential(world: World) -> None:
    change(world, **dict.fromkeys(MODES, "off"))
    mine = await world.thread("u-1")
    async with world.client() as client:
        assert (await client.get(f"/v1/threads/{mine}")).status_code == 401
        forged = {"authorization": "Bearer a.b.c"}
        assert (await client.get(f"/v1/threads/{mine}", headers=forged)).status_code == 401
        assert (await client.get("/ops/validation", headers=bearer("u-1"))).status_code == 403
    async with world.client("u-2") as client:
        assert (await client.get(f"/v1/threads/{mine}")).status_code == 404
        assert (await client.delete(f"/v1/threads/{mine}")).status_code == 404


async def test_ids_in_sessions_follow_the_same_setting(world: World) -> None:
    change(world, id_validation="warn")
    async with world.client("u-1") as client:
        assert (await client.get("/v1/threads/x")).status_code == 404
        change(world, id_validation="enforce")
        assert (await client.get("/v1/threads/x")).json()["code"] == "bad_id"


async def test_run_limits_are_taken_at_once_and_what_passes_is_counted(world: World) -> None:
    thread_id = await world.thread("u-1")
    change(world, max_runs_per_user=1)

    async def send() -> int:
        body = {"content": "?", "client_message_id": fresh_key(), "agent": "ask"}
        async with world.client("u-1") as client:
            sent = await client.post(f"/v1/threads/{thread_id}/messages", json=body)
            return sent.status_code

    assert [await send(), await send()] == [202, 429]
    change(world, run_limit_mode="warn")
    assert await send() == 202
    exposed = world.node.metrics.exposition().decode()
    assert 'threadcast_tolerated_total{check="run_limit_mode"} 1.0' in exposed
    change(world, run_limit_mode="enforce")
    assert await send() == 429


@pytest.mark.parametrize("policy", ["reject", "evict_oldest"])
async def test_connection_limits_of_a_user(live: LiveServer, policy: str) -> None:
    await change_live(
        live,
        max_connections_per_user=1,
        connection_limit_policy=policy,
        connection_limit_mode="warn",
    )
    async with live.talk("u-1") as one, live.talk("u-1") as two:
        assert (await one.ask("ping"))["timestamp"] > 0
        assert (await two.ask("ping"))["timestamp"] > 0
        await change_live(live, connection_limit_mode="enforce")
        async with await live.raw("u-1") as third:
            if policy == "reject":
                assert await third.ending() == (4429, "too_many_connections")
            else:
                await third.until("connection_ready")
                assert await one.ending() == (4429, "evicted")


async def test_commands_beyond_their_rate(live: LiveServer) -> None:
    await change_live(live, commands_per_s=0.01, commands_burst=2)
    async with live.talk("u-1") as talk:  # attaching was the first
        await talk.ask("ping")
        assert (await talk.refused(await talk.say("ping")))["code"] == "rate_limited"
        await change_live(live, rate_limit_mode="off")
        assert (await talk.ask("ping"))["timestamp"] > 0


async def test_contexts_are_followed_from_the_change_on(world: World) -> None:
    followed = []
    for on in (False, True, False):
        change(world, track_consistency=on, track_consistency_sample=0.5)
        tracker = world.node.consistency.active
        followed.append(None if tracker is None else tracker.sample)
    assert followed == [None, 0.5, None]


async def test_services_are_bounded_anew(world: World) -> None:
    change(world, ingest_events_per_s=0.01, ingest_events_burst=256)
    world.node.ingestion.admit("billing", 256)
    with pytest.raises(ThreadcastError, match="rate_limited"):
        world.node.ingestion.admit("billing", 1)
    change(world, rate_limit_mode="off")
    world.node.ingestion.admit("billing", 1)


async def test_a_rejected_change_leaves_everything(world: World) -> None:
    before = world.node.settings
    with pytest.raises(ConfigurationError):
        change(world, max_runs_per_user=0)
    assert world.node.settings is before
    with pytest.raises(ThreadcastError):
        world.node.checks.runs.refuse(ThreadcastError("too_many_runs"))
