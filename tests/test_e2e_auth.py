"""The helper for authentication: a real server takes its good tokens and refuses its bad ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from starlette.responses import PlainTextResponse

from saboteur import SabotagedServer, Saboteur
from threadcast import E2EAuthHelper, connect
from threadcast.client import ClientRefused
from threadcast.testing import SignInFailed
from threadcast.testing.server import LocalServer
from token_forge import PrivateKey, ed25519_key, p256_key, p521_key, pem, rsa_key

SECRET = "auth-helper-tests-5d1c0b7e9f2a4c63"
AUDIENCE = "chat"


def private_pem(key: PrivateKey) -> str:
    encoded = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return encoded.decode()


def status_of(server: LocalServer, token: str) -> tuple[int, str]:
    """What a request with this token is answered: status and error code."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx2.get(f"{server.url}/v1/threads", headers=headers, trust_env=False)
    return answer.status_code, str(answer.json().get("code", ""))


GENEROUS: dict[str, Any] = {"jwt_audience": AUDIENCE, "unauthenticated_per_address": 1_000}


@pytest.fixture(scope="module", params=["HS256", "RS256", "ES256", "EdDSA"])
def signing(request: pytest.FixtureRequest) -> Iterator[tuple[LocalServer, E2EAuthHelper]]:
    """A server and a helper that has its key, or the private half of it."""
    if request.param == "HS256":
        with LocalServer(jwt_secret=SECRET, **GENEROUS) as server:
            yield server, server.auth
        return
    keys: dict[str, PrivateKey] = {
        "RS256": rsa_key(),
        "ES256": p256_key(),
        "EdDSA": ed25519_key(),
    }
    key = keys[request.param]
    with LocalServer(jwt_public_key=pem(key), **GENEROUS) as server:
        yield server, E2EAuthHelper(private_key=private_pem(key), audience=AUDIENCE)


def test_a_good_token_is_taken(signing: tuple[LocalServer, E2EAuthHelper]) -> None:
    server, auth = signing
    assert status_of(server, auth.token("alice")) == (200, "")
    assert status_of(server, auth.almost_expired_token("alice", lifetime_s=30.0)) == (200, "")
    answer = httpx2.get(f"{server.url}/v1/threads", headers=auth.headers("alice"), trust_env=False)
    assert answer.status_code == 200


def test_each_bad_token_is_refused_for_its_own_reason(
    signing: tuple[LocalServer, E2EAuthHelper],
) -> None:
    server, auth = signing
    assert status_of(server, auth.expired_token("alice")) == (401, "token_expired")
    assert status_of(server, auth.wrong_audience_token("alice")) == (401, "token_invalid")
    assert status_of(server, auth.wrong_key_token("alice")) == (401, "token_invalid")


async def test_a_source_serves_the_client(signing: tuple[LocalServer, E2EAuthHelper]) -> None:
    server, auth = signing
    async with connect(server.url, auth.source("alice")) as client:
        assert await client.ping() > 0
    with pytest.raises(ClientRefused):
        async with connect(server.url, auth.wrong_key_token("alice")):
            pass


def test_what_a_token_says_can_be_chosen() -> None:
    auth = E2EAuthHelper(secret=SECRET, issuer="me", plan_claim="tier", now=lambda: 1_000.0)
    token = auth.token("alice", lifetime_s=5.0, plan="premium", scopes=["ops", "ingest"], jti="t-1")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims == {
        "sub": "alice",
        "iat": 999.0,
        "exp": 1_005.0,
        "iss": "me",
        "tier": "premium",
        "scope": "ops ingest",
        "jti": "t-1",
    }


def test_a_key_id_is_in_the_header() -> None:
    token = E2EAuthHelper(secret=SECRET, key_id="k-1").token("alice")
    assert jwt.get_unverified_header(token)["kid"] == "k-1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "expected one of secret, private_key and sign_in_url"),
        ({"secret": SECRET, "sign_in_url": "http://h"}, "expected one of"),
        ({"secret": "short"}, "secret: expected at least 32 bytes"),
        ({"private_key": "nonsense"}, "private_key: expected a private key in PEM"),
        ({"private_key": private_pem(p521_key())}, "private_key: expected an RSA, P-256 or"),
        ({"secret": SECRET, "lifetime_s": 0}, "lifetime_s: expected seconds above 0"),
    ],
    ids=["nothing", "two", "short", "no key", "other curve", "no life"],
)
def test_an_unusable_helper_is_not_made(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        E2EAuthHelper(**arguments)
    assert "nonsense" not in str(raised.value)


# --- a sign-in endpoint ---------------------------------------------------------------------------


class _SignsInElsewhere(Saboteur):
    """Answers in the shape of another endpoint."""

    async def answer(self, method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if path == "/dev/token" and status == 200:
            return 200, {"data": {"access": document["token"]}}
        return status, document


async def test_a_development_server_is_the_endpoint_by_default() -> None:
    with LocalServer(dev=True) as server:
        auth = E2EAuthHelper(sign_in_url=server.url)
        assert not auth.signs
        assert status_of(server, auth.token("alice"))[0] == 200
        assert status_of(server, await auth.token_async("bob"))[0] == 200
        assert status_of(server, auth.wrong_key_token("alice")) == (401, "token_invalid")
        async with connect(server.url, auth.source("alice")) as client:
            assert await client.ping() > 0


def test_an_endpoint_may_have_another_shape() -> None:
    with SabotagedServer(_SignsInElsewhere, dev=True) as server:
        url = f"{server.url}/dev/token"
        auth = E2EAuthHelper(
            sign_in_url=url, sign_in_body=lambda user: {"user": user}, token_field="data.access"
        )
        assert status_of(server, auth.token("alice"))[0] == 200
        with pytest.raises(SignInFailed, match=r"expected a token in 'data\.token', got none"):
            E2EAuthHelper(sign_in_url=url, token_field="data.token").token("alice")


async def test_an_endpoint_that_gives_no_token_is_named() -> None:
    with LocalServer() as server:  # not for development
        auth = E2EAuthHelper(sign_in_url=server.url)
        with pytest.raises(SignInFailed, match="expected a token, got HTTP 404"):
            await auth.token_async("alice")
    with pytest.raises(SignInFailed, match=f"sign-in at {server.url}/dev/token"):
        auth.token("alice")


def test_an_endpoint_that_speaks_no_json_is_named() -> None:
    with SabotagedServer(lambda _app: PlainTextResponse("welcome")) as server:
        auth = E2EAuthHelper(sign_in_url=server.url)
        with pytest.raises(SignInFailed, match="expected JSON, got something else"):
            auth.token("alice")


def test_an_endpoint_decides_what_is_in_its_tokens() -> None:
    auth = E2EAuthHelper(sign_in_url="http://127.0.0.1:9")
    with pytest.raises(ValueError, match="the sign-in endpoint decides"):
        auth.token("alice", plan="premium")
    for make in (auth.expired_token, auth.almost_expired_token, auth.wrong_audience_token):
        with pytest.raises(ValueError, match="needs a secret or a private key"):
            make("alice")


def test_the_server_without_a_secret_makes_no_helper() -> None:
    with LocalServer(jwt_public_key=pem(p256_key())) as server:
        with pytest.raises(ValueError, match="this server has no secret"):
            _ = server.auth
        assert json.loads(httpx2.get(f"{server.url}/healthz", trust_env=False).text)
