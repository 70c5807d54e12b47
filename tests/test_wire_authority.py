"""Tokens, limits and revocation, over TCP to a whole server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

import token_forge
from http_world import SECRET, bearer, token
from live_server import LiveServer, Talk
from raw_client import TEXT, frame
from threadcast.auth.dev_tokens import mint

pytestmark = pytest.mark.usefixtures("unharmed")

_REVOCATION_MAX_S = 2.0


def lasting(seconds: float, user_id: str = "u-wire", **more: Any) -> str:
    """A token that was made now and lives so long."""
    return mint(SECRET, user_id, now=time.time(), lifetime_s=seconds, **more)


def forged(secret: str = SECRET, head: Any = None, **changes: Any) -> str:
    """A token with these claims, good or not."""
    now = time.time()
    claims = {"sub": "u-wire", "iat": now - 5, "exp": now + 300, **changes}
    payload = {name: value for name, value in claims.items() if value is not ...}
    return token_forge.token(payload, head, secret=secret)


BAD = [
    ("A1-none", forged(head={"alg": "none"}), "token_invalid"),
    ("A1-case", forged(head={"alg": "nOnE"}), "token_invalid"),
    ("A3", forged(head={"alg": "HS512"}), "token_invalid"),
    ("A4-secret", forged(secret=token_forge.OTHER_SECRET), "token_invalid"),
    ("A4-cut", forged()[:-8], "token_invalid"),
    ("A5-json", '{"payload":"x"}', "token_invalid"),
    ("A5-jwe", "a.b.c.d.e", "token_invalid"),
    ("A8", forged(head={"alg": "HS256", "crit": ["x"], "x": 1}), "token_invalid"),
    ("A9-none", forged(exp=...), "token_invalid"),
    ("A9-past", forged(exp=time.time() - 60), "token_expired"),
    ("A9-text", forged(exp="tomorrow"), "token_invalid"),
    ("A10", forged(nbf=time.time() + 3_600, exp=time.time() + 7_200), "token_not_yet_valid"),
    ("A14-none", forged(sub=...), "token_invalid"),
    ("A14-line", forged(sub="a\nb"), "token_invalid"),
    ("A14-long", forged(sub="u" * 1_024), "token_invalid"),
    ("A16", "x" * 9_216, "token_too_large"),
    ("A16-dots", "." * 9_216, "token_too_large"),
]


@pytest.mark.parametrize(("bad", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_a_bad_token_ends_what_it_began(live: LiveServer, bad: str, code: str) -> None:
    async with await live.raw() as client:
        refused = await client.refused(await client.say("authenticate", token=bad))
        assert refused["code"] == code
        assert await client.ending() == (4401, code)
    if len(bad) < 8_000:
        async with await live.raw("u-wire", token=bad) as client:
            assert await client.ending() == (4401, code)
    async with live.http() as http:
        answer = await http.get("/v1/threads", headers={"authorization": f"Bearer {bad}"})
        assert answer.status_code in (400, 401, 431)
        assert bad not in answer.text


@pytest.mark.parametrize(
    "name", ["\u00e9", "e\u0301", "a", "\u0430", "a:b", "a.*.>", "a/b", "' --"]
)
async def test_a14_a15_odd_and_twin_names_are_users_of_their_own(
    live: LiveServer, name: str
) -> None:
    async with live.talk(name, attach=False) as talk:
        await talk.ask("create_thread", title="mine")
        await talk.ask("attach", after=0)
        await talk.until("attached")
        event = await talk.event()
        assert (event["event_type"], event["user_id"], event["seq"]) == ("thread_created", name, 1)
        assert (await talk.event())["event_type"] == "caught_up"


async def test_a18_authority_ends_on_time_and_nothing_comes_after(tmp_path: Path) -> None:
    with LiveServer(tmp_path, jwt_leeway_s=0.0) as strict:
        ends_at = time.time() + 0.6
        short = lasting(0.6)
        async with (
            strict.talk("u-wire", token=short) as talk,
            strict.talk("u-wire", attach=False) as writer,
        ):
            writing = asyncio.ensure_future(_write(writer))
            assert await talk.ending() == (4401, "token_expired")
            ended_at = time.time()
            writing.cancel()
            assert -0.05 < ended_at - ends_at < 1.0
            assert all(event["timestamp"] <= ended_at for event in talk.held)
            await talk.send(frame(TEXT, b'{"command":"create_thread","id":"late"}'))
            assert len(talk.held) > 1
        async with await strict.raw("u-wire", token=short) as again:
            assert await again.ending() == (4401, "token_expired")


async def _write(talk: Talk) -> None:
    while True:
        await talk.ask("create_thread")


async def test_a19_a_renewal_takes_the_place_of_the_old_token(tmp_path: Path) -> None:
    with LiveServer(tmp_path, jwt_leeway_s=0.0, jwt_audience="us") as strict:
        first = lasting(0.6, audience="us")
        async with strict.talk("u-wire", token=first) as talk:
            later = lasting(300, audience="us")
            answer = await talk.ask("authenticate", token=later)
            assert answer["user_id"] == "u-wire"
            assert answer["expires_at"] > time.time() + 200
            for wrong in (lasting(400, audience="them"), lasting(400), first, "x.y.z"):
                refused = await talk.refused(await talk.say("authenticate", token=wrong))
                assert refused["code"] == "token_invalid"
            async with strict.talk("u-wire", token=lasting(0.6, audience="us")) as other:
                assert await other.ending() == (4401, "token_expired")
            await talk.ask("ping")  # the first token has ended, too


async def test_a20_only_the_token_says_who_it_is(live: LiveServer) -> None:
    async with live.talk("u-wire", attach=False) as talk:
        claims = {"user_id": "bystander", "role": "admin", "scopes": ["ops"], "plan": "enterprise"}
        created = await talk.ask("create_thread", **claims)
        sent = await talk.ask(
            "send_message", content="x", client_message_id="m", **claims, on_busy="queue"
        )
        await talk.ask("attach", after=0, **claims)
        while (event := await talk.event())["event_type"] != "caught_up":
            assert event["user_id"] == "u-wire"
        async with live.http("bystander") as http:
            for path in (f"/v1/threads/{created['thread_id']}", f"/v1/runs/{sent['run_id']}"):
                assert (await http.get(path)).status_code == 404
        async with live.http("u-wire") as http:
            answer = await http.get("/v1/threads", headers={"x-user-id": "bystander"})
            assert {one["thread_id"] for one in answer.json()["threads"]} >= {created["thread_id"]}
            answer = await http.get("/metrics", headers={"x-forwarded-for": "198.51.100.1"})
            assert answer.status_code == 403


async def test_a24_signing_out_everywhere_closes_all_and_refuses_what_was(
    live: LiveServer,
) -> None:
    old = lasting(300, "u-leaver")
    async with (
        live.talk("u-leaver", token=old) as one,
        live.talk("u-leaver", token=old, attach=False) as two,
        live.talk("u-stays") as other,
    ):
        begin = time.monotonic()
        async with live.http() as http:
            headers = {"authorization": f"Bearer {old}"}
            assert (await http.post("/v1/sessions/revoke", headers=headers)).status_code == 204
        for talk in (one, two):
            assert await talk.ending() == (4401, "revoked")
        assert time.monotonic() - begin < _REVOCATION_MAX_S
        async with await live.raw("u-leaver", token=old) as again:
            assert await again.ending() == (4401, "revoked")
        async with live.http() as http:
            answer = await http.get("/v1/threads", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "revoked")
        await other.ask("ping")
    async with live.talk("u-leaver", token=lasting(300, "u-leaver")) as fresh:
        await fresh.ask("ping")


async def test_a24_one_token_is_signed_out_alone(live: LiveServer) -> None:
    one = lasting(300, "u-two", token_id="token_1763629200001_7_90c65fe4")
    other = lasting(300, "u-two", token_id="token_1763629200002_8_90c65fe4")
    async with (
        live.talk("u-two", token=one) as ending,
        live.talk("u-two", token=other) as staying,
        live.http() as http,
    ):
        body = {"token_id": "token_1763629200001_7_90c65fe4"}
        headers = {"authorization": f"Bearer {other}"}
        answer = await http.post("/v1/sessions/revoke", json=body, headers=headers)
        assert answer.status_code == 204
        assert await ending.ending() == (4401, "revoked")
        await staying.ask("ping")
        async with await live.raw("u-two", token=one) as again:
            assert await again.ending() == (4401, "revoked")


async def test_a24_a_token_that_was_signed_out_renews_nothing(live: LiveServer) -> None:
    stolen = lasting(600, "u-three", token_id="token_1763629200001_7_90c65fe4")
    async with live.talk("u-three", token=lasting(300, "u-three")) as talk, live.http() as http:
        body = {"token_id": "token_1763629200001_7_90c65fe4"}
        headers = {"authorization": f"Bearer {lasting(300, 'u-three')}"}
        await http.post("/v1/sessions/revoke", json=body, headers=headers)
        refused = await talk.refused(await talk.say("authenticate", token=stolen))
        assert refused["code"] == "revoked"
        await talk.ask("authenticate", token=lasting(600, "u-three"))  # its own stayed in force


async def test_a25_a_credential_comes_in_time_or_not_at_all(tmp_path: Path) -> None:
    with LiveServer(tmp_path, authentication_timeout_s=0.5) as quick:
        begin = time.monotonic()
        async with await quick.raw() as silent, await quick.raw() as late:
            await asyncio.sleep(0.4)  # this is the input: most of the time that there is
            await late.ask("authenticate", token=token("u-wire"))
            assert await silent.ending() == (4408, "authentication_timeout")
            assert 0.4 < time.monotonic() - begin < 1.5
            await late.ask("ping")


async def test_a25_a_credential_may_come_in_three_frames(live: LiveServer) -> None:
    text = b'{"command":"authenticate","id":"a","token":"%b"}' % token("u-wire").encode()
    async with await live.raw() as talk:
        await talk.send(frame(TEXT, text[:10], final=False) + frame(0, text[10:50], final=False))
        await talk.send(frame(0, text[50:]))
        assert (await talk.accepted("a"))["user_id"] == "u-wire"
        await talk.until("connection_ready")


async def test_a27_wrong_tokens_are_bounded_and_good_ones_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with LiveServer(
        tmp_path, unauthenticated_per_address=20, unauthenticated_window_s=3_600.0
    ) as strict:
        async with strict.unharmed(caplog):
            codes = []
            for number in range(60):
                wrong = forged(secret=token_forge.OTHER_SECRET, jti=str(number))
                async with await strict.raw("u-wire", token=wrong) as client:
                    codes.append(await client.ending())
            assert codes == [(4401, "token_invalid")] * 20 + [(4429, "rate_limited")] * 40
            async with strict.http() as http:
                headers = {"authorization": f"Bearer {wrong}"}
                answer = await http.get("/v1/threads", headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
                assert int(answer.headers["retry-after"]) >= 1
            async with strict.talk("u-wire") as talk, strict.http("u-wire") as http:
                await talk.ask("ping")
                assert (await http.get("/v1/threads")).status_code == 200


# --- how many -------------------------------------------------------------------------------------


async def test_the_connections_of_a_user_are_bounded(tmp_path: Path) -> None:
    with LiveServer(tmp_path, max_connections_per_user=2) as small:
        async with small.talk("u-1") as one:
            async with small.talk("u-1"), await small.raw("u-1") as third:
                assert await third.ending() == (4429, "too_many_connections")
                async with small.http("u-1") as http, small.talk("u-2") as other:
                    stream = await http.get("/v1/events")
                    assert stream.json()["code"] == "too_many_connections"
                    assert len((await http.get("/v1/connections")).json()["connections"]) == 2
                    await other.ask("ping")
            await small.settled(1)
            async with small.talk("u-1") as again:
                await again.ask("ping")
            await one.ask("ping")


async def test_the_oldest_connection_can_give_way(tmp_path: Path) -> None:
    policy: dict[str, Any] = {
        "max_connections_per_user": 2,
        "connection_limit_policy": "evict_oldest",
    }
    with LiveServer(tmp_path, **policy) as small:
        async with small.talk("u-1") as one, small.talk("u-1") as two, small.talk("u-1") as three:
            assert await one.ending() == (4429, "evicted")
            await small.settled(2)
            await two.ask("ping")
            await three.ask("ping")


async def test_a_plan_has_its_own_limit(tmp_path: Path) -> None:
    plans: dict[str, Any] = {
        "max_connections_per_user": 1,
        "max_connections_per_plan": {"premium": 3},
    }
    with LiveServer(tmp_path, **plans) as small:
        premium = lasting(300, "u-1", plan="premium")
        async with (
            small.talk("u-1", token=premium) as one,
            small.talk("u-1", token=premium),
            small.talk("u-1", token=premium),
            await small.raw("u-1", token=premium) as fourth,
            small.talk("u-2") as usual,
            await small.raw("u-2") as second,
        ):
            assert await fourth.ending() == (4429, "too_many_connections")
            assert await second.ending() == (4429, "too_many_connections")
            await one.ask("ping")
            await usual.ask("ping")


async def test_a_connection_is_closed_by_its_own_user_only(live: LiveServer) -> None:
    async with await live.raw("u-wire") as talk:
        connection_id = (await talk.until("connection_ready"))["data"]["connection_id"]
        path = f"/v1/connections/{connection_id}"
        async with live.http() as http:
            refused = await http.delete(path, headers=bearer("u-other"))
            assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
            await talk.ask("ping")
            assert (await http.delete(path, headers=bearer("u-wire"))).status_code == 204
        assert await talk.ending() == (4403, "forced_close")
