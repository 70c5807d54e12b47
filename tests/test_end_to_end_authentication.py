"""Suite: end to end with real authentication over real sockets.

A `threadcast serve` in a process of its own, which verifies tokens as it would in production: by a
shared secret, by a public key, by an issuer's key set. What a person does: sign in, chat, lose the
connection, come back, sign out everywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

import token_forge
from key_issuer import Issuer, document, listening
from live_server import Talk
from patience import WAIT_S
from server_process import SECRET, ServerProcess, serving
from threadcast import Event, connect
from threadcast.client import Client, ClientRefused, Sent
from threadcast.ids import derive_thread_id_from_run_id

AUDIENCE, ISSUER = "chat.example", "https://issuer.example"
GOLDEN_PATH = [
    "message_created",
    "agent_started",
    "agent_thinking",
    "tool_executing",
    "tool_completed",
    "agent_delta",
    "agent_delta",
    "agent_completed",
]


@dataclass
class SignIn:
    """How tokens are made and verified in one deployment.

    Attributes:
        sign: makes a token of claims.
        settings: what the server is told.
    """

    sign: Callable[[dict[str, Any]], str]
    settings: dict[str, str] = field(default_factory=dict)

    def token(self, user_id: str, *, lifetime_s: float = 300.0, **claims: Any) -> str:
        """A token of this user, made now."""
        now = time.time()
        return self.sign(
            {
                "sub": user_id,
                "iat": now,
                "exp": now + lifetime_s,
                "aud": AUDIENCE,
                "iss": ISSUER,
                **claims,
            }
        )


def with_secret() -> SignIn:
    return SignIn(lambda claims: token_forge.token(claims, secret=SECRET))


def with_key(algorithm: str, key: token_forge.PrivateKey, folder: Path) -> SignIn:
    pem = folder / "public.pem"
    pem.write_text(token_forge.pem(key))
    return SignIn(
        lambda claims: token_forge.token_by(key, claims, alg=algorithm),
        {"JWT_PUBLIC_KEY": str(pem)},
    )


@asynccontextmanager
async def sign_in(kind: str, folder: Path) -> AsyncIterator[SignIn]:
    """A deployment's way to sign in, its issuer listening where it has one."""
    if kind == "HS256":
        yield with_secret()
    elif kind == "RS256":
        yield with_key(kind, token_forge.rsa_key(), folder)
    elif kind == "ES256":
        yield with_key(kind, token_forge.p256_key(), folder)
    else:
        issuer, key = Issuer(), token_forge.p256_key()
        issuer.body = document(token_forge.jwk(key, kid="2026-01"))
        async with listening(issuer) as url:
            yield SignIn(
                lambda claims: token_forge.token_by(key, claims, alg="ES256", kid="2026-01"),
                {"JWT_JWKS_URL": url, "INSECURE_ALLOW_PRIVATE_JWKS": "true"},
            )


@asynccontextmanager
async def deployed(
    folder: Path, kind: str = "RS256", **settings: str
) -> AsyncIterator[tuple[ServerProcess, SignIn]]:
    """A server that listens, and the way to sign in to it; its log must stay free of secrets."""
    async with sign_in(kind, folder) as door:
        more = {"JWT_AUDIENCE": AUDIENCE, "JWT_ISSUER": ISSUER, **door.settings, **settings}
        async with serving(folder, agents="promise_agents:golden", **more) as server:
            yield server, door
        log = server.log.read_text()
        assert "Traceback" not in log
        assert "eyJ" not in log


async def chat(client: Client, content: str, **fields: Any) -> tuple[Sent, list[Event]]:
    """Send a message and read to the end of its run; the events of that run."""
    sent = await client.send_message(content, **fields)
    events: list[Event] = []
    async with asyncio.timeout(WAIT_S):
        async for item in client:
            assert isinstance(item, Event), item
            events += [item] if item.run_id == sent.run_id else []
            if events and events[-1].event_type == "agent_completed":
                break
    return sent, events


async def history(server: ServerProcess, token: str, thread_id: str) -> list[str]:
    """The texts of a thread, as a page would load them."""
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=server.url, headers=headers) as http:
        answer = await http.get(f"/v1/threads/{thread_id}/messages")
        assert answer.status_code == 200, answer.text
        return [message["content"] for message in answer.json()["messages"]]


def talk(server: ServerProcess, token: str) -> Any:
    """A socket of whoever has this token."""
    return Talk.open_websocket(server.port, headers=[("Authorization", f"Bearer {token}")])


@pytest.mark.parametrize("kind", ["HS256", "RS256", "ES256", "JWKS"])
async def test_sign_in_chat_reconnect_and_the_history_is_there(tmp_path: Path, kind: str) -> None:
    async with deployed(tmp_path, kind) as (server, door):
        async with connect(server.url, door.token("ann")) as laptop:
            sent, events = await chat(laptop, "hi")
            assert [event.event_type for event in events] == GOLDEN_PATH
            assert sent.thread_id == derive_thread_id_from_run_id(sent.run_id)
            assert {event.thread_id for event in events} == {sent.thread_id}
            cursor = laptop.cursor
        async with connect(server.url, door.token("ann")) as phone:
            later, missed = await chat(phone, "still there?", thread_id=sent.thread_id)
        assert await server.terminate() == 0
        await server.start()
        async with connect(
            server.url, door.token("ann"), after=cursor.after, feed=cursor.feed, at=cursor.at
        ) as laptop:
            caught_up = [await anext(laptop) for _ in range(len(GOLDEN_PATH) - 1)]
            assert all(isinstance(item, Event) for item in caught_up)
            assert text_of(caught_up) == text_of(missed) == "heard still there?"
            assert {item.run_id for item in caught_up if isinstance(item, Event)} == {later.run_id}
        assert await history(server, door.token("ann"), sent.thread_id) == [
            "hi",
            "heard hi",
            "still there?",
            "heard still there?",
        ]


def text_of(items: list[Any]) -> str:
    """What was streamed, whether its pieces came one by one or joined."""
    return "".join(item.data["text"] for item in items if item.event_type == "agent_delta")


async def test_two_users_at_once_see_only_their_own(tmp_path: Path) -> None:
    async with deployed(tmp_path) as (server, door):

        async def live(user_id: str) -> tuple[str, list[Event]]:
            async with connect(server.url, door.token(user_id), after=0) as client:
                events: list[Event] = []
                thread_id: str | None = None
                for number in range(5):
                    sent, of_run = await chat(client, f"{user_id} {number}", thread_id=thread_id)
                    thread_id = sent.thread_id
                    events += of_run
            return thread_id or "", events

        (anns, of_ann), (bobs, of_bob) = await asyncio.gather(live("ann"), live("bob"))
        for user_id, own, events in (("ann", anns, of_ann), ("bob", bobs, of_bob)):
            assert {(event.user_id, event.thread_id) for event in events} == {(user_id, own)}
            answers = [e.data["content"] for e in events if e.event_type == "agent_completed"]
            assert answers == [f"heard {user_id} {number}" for number in range(5)]
            texts = await history(server, door.token(user_id), own)
            assert texts[::2] == [f"{user_id} {number}" for number in range(5)]
        headers = {"authorization": f"Bearer {door.token('bob')}"}
        async with httpx2.AsyncClient(base_url=server.url, headers=headers) as http:
            assert (await http.get(f"/v1/threads/{anns}")).status_code == 404
            listed = (await http.get("/v1/threads")).json()["threads"]
            assert [thread["thread_id"] for thread in listed] == [bobs]


async def test_signing_out_everywhere_closes_all_devices_and_refuses_new_ones(
    tmp_path: Path,
) -> None:
    async with deployed(tmp_path) as (server, door):
        token = door.token("ann")
        async with (
            await talk(server, token) as laptop,
            await talk(server, token) as phone,
            await talk(server, door.token("bob")) as other,
            httpx2.AsyncClient(
                base_url=server.url, headers={"authorization": f"Bearer {token}"}
            ) as http,
        ):
            for device in (laptop, phone, other):
                await device.until("connection_ready")
            async with http.stream("GET", "/v1/events") as stream:
                lines = stream.aiter_lines()
                assert (await http.post("/v1/sessions/revoke")).status_code == 204
                assert await laptop.ending() == (4401, "revoked")
                assert await phone.ending() == (4401, "revoked")
                assert "event: connection_closing" in [line async for line in lines]
            assert (await http.get("/v1/threads")).json()["code"] == "revoked"
            async with await talk(server, token) as again:
                assert await again.ending() == (4401, "revoked")
            with pytest.raises(ClientRefused, match="revoked"):
                async with connect(server.url, token):
                    pass
            await other.ask("ping")
        async with connect(server.url, door.token("ann")) as fresh:
            await fresh.ping()


async def test_a_token_ends_on_time_and_a_renewed_one_goes_on(tmp_path: Path) -> None:
    async with deployed(tmp_path, JWT_LEEWAY_S="0") as (server, door):
        given: list[str] = []

        def fresh() -> str:
            given.append(door.token("ann", lifetime_s=2.0 if not given else 300.0))
            return given[-1]

        async with connect(server.url, fresh) as client:
            async with await talk(server, given[0]) as silent:
                await silent.until("connection_ready")
                ends_at = time.time()
                assert await silent.ending() == (4401, "token_expired")
                assert time.time() - ends_at < 3.0
            _, events = await chat(client, "still me?")
            assert events[-1].data["content"] == "heard still me?"
            assert len(given) >= 2
        async with await talk(server, given[0]) as again:
            assert await again.ending() == (4401, "token_expired")


async def test_nobody_else_gets_in(tmp_path: Path) -> None:
    async with deployed(tmp_path) as (server, door):
        key, public = token_forge.rsa_key(number=1), token_forge.pem(token_forge.rsa_key())
        other_key = SignIn(lambda claims: token_forge.token_by(key, claims, alg="RS256"))
        confused = SignIn(lambda claims: token_forge.token(claims, secret=public))
        strangers = {
            "other audience": (door.token("ann", aud="other.example"), "token_invalid"),
            "other issuer": (door.token("ann", iss=f"{ISSUER}.evil.example"), "token_invalid"),
            "too late": (door.token("ann", lifetime_s=-60.0), "token_expired"),
            "other key": (other_key.token("ann"), "token_invalid"),
            "the public key as a secret": (confused.token("ann"), "token_invalid"),
        }
        for name, (token, code) in strangers.items():
            async with await talk(server, token) as stranger:
                assert await stranger.ending() == (4401, code), name
            async with httpx2.AsyncClient(base_url=server.url) as http:
                answer = await http.get("/v1/threads", headers={"authorization": f"Bearer {token}"})
                assert (answer.status_code, answer.json()["code"]) == (401, code), name
