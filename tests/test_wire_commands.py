"""Invalid commands on an open connection, and a whole server's answers."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from http_world import fresh_id, token
from live_server import LiveServer, Talk, fresh_key
from raw_client import BINARY, TEXT, frame
from threadcast.settings import Settings

pytestmark = pytest.mark.usefixtures("unharmed")

_MAX = 65_536


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("live"), errors_per_minute_max=10_000) as server:
        yield server


def ping(**fields: Any) -> str:
    return json.dumps({"command": "ping", "id": "p", **fields})


def send(**fields: Any) -> str:
    fields = {"content": "x", "client_message_id": "m", **fields}
    return json.dumps({"command": "send_message", "id": "p", **fields})


def create(metadata: object) -> str:
    return json.dumps({"command": "create_thread", "id": "p", "metadata": metadata})


# Each row: a text, and the code of its refusal.
BAD = [
    ("F25", "", "bad_json"),
    ("J1-brace", "{", "bad_json"),
    ("J1-comma", '{"command":"ping","id":"p",}', "bad_json"),
    ("J1-quotes", "{'command':'ping','id':'p'}", "bad_json"),
    ("J1-comment", ping() + "// x", "bad_json"),
    ("J1-trailing", ping() + ping(), "bad_json"),
    ("J1-zero", '{"command":"attach","id":"p","after":01}', "bad_json"),
    ("J1-control", '{"command":"ping","id":"p\n"}', "bad_json"),
    ("J2-nan", '{"command":"ping","id":"p","x":NaN}', "bad_json"),
    ("J2-infinity", '{"command":"ping","id":"p","x":-Infinity}', "bad_json"),
    ("J2-1e400", '{"command":"attach","id":"p","at":1e400}', "bad_json"),
    ("J3-65", '{"command":"ping","id":"p","x":' + "[" * 64 + "]" * 64 + "}", "too_deep"),
    ("J3-100000", "[" * 100_000, "too_deep"),
    (
        "J4-5000-digits",
        '{"command":"attach","id":"p","after":' + "9" * 5_000 + "}",
        "bad_cursor",
    ),
    ("J4-2-64", '{"command":"attach","id":"p","after":18446744073709551616}', "bad_cursor"),
    ("J4-float", '{"command":"attach","id":"p","after":1.0}', "bad_cursor"),
    ("I6-minus", '{"command":"attach","id":"p","after":-1}', "bad_cursor"),
    ("I6-2-63", '{"command":"attach","id":"p","after":9223372036854775808}', "bad_cursor"),
    ("I6-string", '{"command":"attach","id":"p","after":"1"}', "bad_cursor"),
    ("I6-exponent", '{"command":"attach","id":"p","after":1e3}', "bad_cursor"),
    ("J5-surrogate", '{"command":"ping","id":"p","x":"\\ud800"}', "bad_string"),
    ("J5-nul", '{"command":"ping","id":"p","x":"\\u0000"}', "bad_string"),
    ("J5-fffe", ping(x="\ufffe"), "bad_string"),
    ("J5-bom", "\ufeff" + ping(), "bad_string"),
    ("J7-number", "1", "bad_message"),
    ("J7-null", "null", "bad_message"),
    ("J7-string", '"x"', "bad_message"),
    ("J7-array", "[]", "bad_message"),
    ("J8-missing", '{"id":"p"}', "unknown_command"),
    ("J8-number", '{"command":5,"id":"p"}', "unknown_command"),
    ("J8-unknown", '{"command":"drop_tables","id":"p"}', "unknown_command"),
    ("J8-case", '{"command":"Ping","id":"p"}', "unknown_command"),
    ("J8-class", '{"command":"__class__","id":"p"}', "unknown_command"),
    ("J10-number", send(content=5), "bad_field"),
    ("J10-null", send(content=None), "bad_field"),
    ("J10-true", '{"command":"attach","id":"p","after":true}', "bad_cursor"),
    ("J12-none", '{"command":"ping"}', "bad_field"),
    ("J12-object", '{"command":"ping","id":{}}', "bad_field"),
    ("J12-10-KiB", '{"command":"ping","id":"' + "x" * 10_240 + '"}', "bad_field"),
    ("J13-empty", send(content=""), "empty"),
    ("J13-too-long", send(content="x" * (_MAX + 1)), "too_long"),
    ("J15-keys", create({str(key): 1 for key in range(10_000)}), "bad_metadata"),
    ("J15-long-key", create({"k" * 10_240: 1}), "bad_metadata"),
    ("J15-empty-key", create({"": 1}), "bad_metadata"),
    ("J15-proto", create({"__proto__": {"admin": True}}), "bad_metadata"),
    ("J15-deep-proto", create({"a": [{"__proto__": 1}]}), "bad_metadata"),
    ("I3-malformed", send(thread_id="thread_x"), "bad_id"),
    ("I3-case", send(thread_id="THREAD_chat_1_1_90c65fe4"), "bad_id"),
    ("I3-10-KiB", send(thread_id="thread_" + "x" * 10_240), "bad_id"),
    ("I3-dots", send(thread_id="../../etc/passwd"), "bad_id"),
    ("I3-sql", send(thread_id="' OR 1=1 --"), "bad_id"),
    ("I3-emoji", send(thread_id="\U0001f986"), "bad_id"),
    ("I17", send(thread_id="websocket_factory_1757361062151"), "legacy_id"),
    ("I18-run", send(thread_id="run_chat_1763629200001_7_90c65fe4"), "bad_id"),
    (
        "I18-thread",
        '{"command":"cancel_run","id":"p","run_id":"thread_chat_1763629200001_7_90c65fe4"}',
        "bad_id",
    ),
]


@pytest.mark.parametrize(("text", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_refused_and_the_connection_stays(talk: Talk, text: str, code: str) -> None:
    await talk.send_text(text)
    answer = await talk.event()
    assert answer["event_type"] == "command_rejected"
    assert answer["user_id"] == "u-wire"
    data = answer["data"]
    assert data["code"] == code
    assert data["retryable"] is False
    assert data["id"] in ("p", None)
    assert len(data["message"]) < 300
    await talk.ask("ping")


@pytest.mark.parametrize(
    ("text", "code"),
    [(row[1], row[2]) for row in BAD if row[0] in ("F25", "J1-brace", "J3-65", "J7-array")],
    ids=["F25", "J1", "J3", "J7"],
)
async def test_refused_without_a_credential_and_closed(
    live: LiveServer, text: str, code: str
) -> None:
    async with await live.raw() as client:
        await client.send_text(text)
        assert (await client.refused(None))["code"] == code
        assert await client.ending() == (4401, "not_authenticated")


@pytest.mark.parametrize("command", ["ping", "attach", "create_thread"])
async def test_j17_nothing_is_done_before_authentication(live: LiveServer, command: str) -> None:
    async with await live.raw() as client:
        refused = await client.refused(await client.say(command))
        assert refused["code"] == "not_authenticated"
        assert await client.ending() == (4401, "not_authenticated")


@pytest.mark.parametrize("authenticated", [True, False])
async def test_j16_another_version_ends_the_connection(
    live: LiveServer, authenticated: bool
) -> None:
    async with await live.raw("u-wire" if authenticated else None) as client:
        if authenticated:
            await client.until("connection_ready")
        refused = await client.refused(await client.say("ping", version=2))
        assert refused["code"] == "unsupported_version"
        assert await client.ending() == (4400, "unsupported_version")


async def test_j16_a_client_of_another_protocol_is_told(live: LiveServer) -> None:
    response, client = await live.upgrade(("Sec-WebSocket-Protocol", "threadcast.v9"))
    async with client:
        assert response.status == 101
        assert await client.ending() == (4400, "unsupported_version")


async def test_j18_a_connection_keeps_its_user(live: LiveServer, talk: Talk) -> None:
    refused = await talk.refused(await talk.say("authenticate", token=token("u-other")))
    assert refused["code"] == "identity_change"
    assert await talk.ending() == (4403, "identity_change")


async def test_what_follows_an_end_is_not_carried_out(live: LiveServer) -> None:
    """The client pipelines a command behind the one that ends its connection."""
    async with live.talk("u-late") as talk, live.talk("u-late") as witness:
        swap = {"command": "authenticate", "id": "a", "token": token("u-other")}
        late = {"command": "create_thread", "id": "b"}
        await talk.send(b"".join(frame(TEXT, json.dumps(one).encode()) for one in (swap, late)))
        assert await talk.ending() == (4403, "identity_change")
        created = await witness.ask("create_thread", title="mine")
        assert (await witness.event())["thread_id"] == created["thread_id"]


async def test_j19_too_many_bad_messages_end_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    allowed = Settings().errors_per_minute_max
    with LiveServer(tmp_path) as strict:
        async with strict.unharmed(caplog), strict.talk("u-wire") as talk:
            for _ in range(allowed):
                await talk.send_text("{")
                assert (await talk.refused(None))["code"] == "bad_json"
            await talk.ask("ping")
            await talk.send_text("{")
            assert await talk.ending() == (4429, "too_many_errors")


async def test_j12_an_id_is_used_once_until_it_is_answered(talk: Talk) -> None:
    first = send(client_message_id=fresh_key())
    second = send(client_message_id=fresh_key())
    await talk.send(frame(TEXT, first.encode()) + frame(TEXT, second.encode()))
    answers = [await talk.answer("p"), await talk.answer("p")]
    codes = sorted(one["data"].get("code", one["event_type"]) for one in answers)
    assert codes == ["command_accepted", "duplicate_id"]
    await talk.send_text(second)
    assert (await talk.answer("p"))["event_type"] == "command_accepted"


async def test_j6_of_two_threads_the_last_is_judged_and_used(live: LiveServer, talk: Talk) -> None:
    own = (await talk.ask("create_thread"))["thread_id"]
    async with live.talk("u-other") as other:
        foreign = (await other.ask("create_thread"))["thread_id"]

    def both(first: str, last: str) -> str:
        text = send(client_message_id=fresh_key(), thread_id="LAST")
        return text.replace('"thread_id": "LAST"', f'"thread_id":"{first}","thread_id":"{last}"')

    await talk.send_text(both(own, foreign))
    assert (await talk.refused("p"))["code"] == "not_found"
    await talk.send_text(both(foreign, own))
    assert (await talk.accepted("p"))["thread_id"] == own


async def test_j9_unknown_fields_are_ignored_and_named_in_the_debug_log(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    await talk.ask("ping", colour="blue", odd_field={"a": [1]})
    assert "'odd_field'" in caplog.text
    assert "blue" not in caplog.text


TEXTS = [
    ("J13-one", "x"),
    ("J13-max", "x" * _MAX),
    ("J14-script", "<script>alert(1)</script>"),
    ("J14-ansi", "\x1b[2J\x1b]0;title\x07"),
    ("J14-override", "\u202eabc\u202c"),
    ("J14-marks", "e" + "\u0301" * 10_000),
    ("J14-zero-width", "a\u200b\u200d\ufeffb"),
]


@pytest.mark.parametrize("text", [row[1] for row in TEXTS], ids=[row[0] for row in TEXTS])
async def test_text_is_kept_as_it_is(
    live: LiveServer, talk: Talk, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    sent = await talk.ask("send_message", content=text, client_message_id=fresh_key())
    assert (await talk.until("message_created"))["data"]["content"] == text
    async with live.http("u-wire") as client:
        page = (await client.get(f"/v1/threads/{sent['thread_id']}/messages")).json()
    assert page["messages"][0]["content"] == text
    assert len(text) < 2 or text not in caplog.text


async def test_f16_binary_is_not_spoken(talk: Talk) -> None:
    await talk.send(frame(BINARY, ping().encode()))
    assert (await talk.ending())[0] == 1003


async def test_f17_a_bomb_is_not_inflated(live: LiveServer) -> None:
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(bytes(8_388_608)) + packer.flush(zlib.Z_SYNC_FLUSH)
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
    response, client = await live.upgrade(offer, ("Authorization", f"Bearer {token('u-wire')}"))
    async with client:
        assert "sec-websocket-extensions" not in response.headers
        await client.until("connection_ready")
        await client.send(frame(TEXT, bomb[:-4], reserved=4))
        assert await client.ending() == (1002, "")


async def test_f13_the_bound_on_messages_grows_with_the_credential(live: LiveServer) -> None:
    settings = live.settings
    before, after = settings.message_before_authentication_max_bytes, settings.message_max_bytes

    def padded(size: int) -> str:
        return ping() + " " * (size - len(ping()))

    async with await live.raw() as stranger:
        await stranger.send_text(padded(before + 1))
        assert (await stranger.ending())[0] == 1009
    async with live.talk("u-wire") as talk:
        await talk.send_text(padded(after))
        await talk.accepted("p")
        await talk.send_text(padded(after + 1))
        assert (await talk.ending())[0] == 1009


async def test_the_bound_has_grown_when_the_credential_is_accepted(
    live: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the steps take that the node still makes for the connection then."""
    monkeypatch.setattr(live.node.lulls, "wait", partial(asyncio.sleep, 0.1))
    large = ping() + " " * live.settings.message_before_authentication_max_bytes
    async with await live.raw() as talk:
        await talk.accepted(await talk.say("authenticate", token=token("u-wire")))
        await talk.send_text(large)
        await talk.accepted("p")


async def test_a_fast_client_is_slowed_and_a_flood_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    usual = Settings()
    limits: dict[str, Any] = {"commands_per_s": 1.0, "commands_burst": usual.commands_burst}
    with LiveServer(tmp_path, **limits) as strict:
        async with strict.unharmed(caplog), strict.talk("u-wire", attach=False) as talk:
            for _ in range(usual.commands_burst):
                await talk.ask("ping")
            refused = await talk.refused(await talk.say("ping"))
            assert (refused["code"], refused["retryable"]) == ("rate_limited", True)
            assert 0 < refused["retry_after_ms"] <= 1_001
            for number in range(2 * usual.commands_burst):
                await talk.say("ping", id=f"f{number}")
            assert await talk.ending() == (4429, "rate_limited")


async def test_f15_a_flood_of_pings_is_announced_before_it_ends(talk: Talk) -> None:
    await talk.send(frame(9, b"x") * 2_000)
    assert await talk.ending() == (4429, "rate_limited")


async def test_f10_a_dripping_message_is_announced_before_it_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with LiveServer(tmp_path, partial_message_timeout_s=0.2) as quick:
        async with quick.unharmed(caplog):
            async with quick.talk("u-wire") as talk:
                await talk.send(frame(TEXT, b"{", announced=200))
                assert await talk.ending() == (4408, "request_timeout")
            async with await quick.raw() as stranger:
                await stranger.send(frame(TEXT, b"{", announced=200))
                assert await stranger.ending() == (4408, "request_timeout")


async def test_f22_f23_silence_ends_and_any_byte_is_life(tmp_path: Path) -> None:
    with LiveServer(tmp_path, heartbeat_s=0.3, lease_s=10.0) as quick:
        async with quick.talk("u-1") as silent, quick.talk("u-1") as alive:
            silent.answers_pings = False
            silence = asyncio.ensure_future(silent.ending())
            while not silence.done():
                await alive.ask("ping")
            assert (await silence)[0] in (1011, 4408)
            await quick.settled(1)
            await alive.ask("ping")


async def test_r2_unknown_and_foreign_runs_are_one_answer(live: LiveServer, talk: Talk) -> None:
    async with live.talk("u-other") as other:
        sent = await other.ask("send_message", content="x", client_message_id=fresh_key())
        await other.until_run("agent_completed", sent["run_id"])
        done = await other.ask("cancel_run", run_id=sent["run_id"])
        assert done["status"] == "completed"
    answers = []
    for run_id in (sent["run_id"], fresh_id("run")):
        answers.append(await talk.refused(await talk.say("cancel_run", id="x", run_id=run_id)))
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "not_found"
