"""The key cache against a real HTTP server on the loopback address."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from key_issuer import Issuer, document, listening
from threadcast.auth.jwks import BODY_MAX_BYTES, JwksCache, check_jwks_url
from threadcast.errors import ConfigurationError, ThreadcastError
from token_forge import ManualClock, ed25519_key, jwk, p256_key, rsa_key

RSA_ONLY = document(jwk(rsa_key(), kid="a"))
BOTH = document(jwk(rsa_key(), kid="a"), jwk(p256_key(), kid="b"))


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    made = Issuer()
    async with listening(made) as url:
        made.url = url
        yield made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def cache(issuer: Issuer, clock: ManualClock) -> AsyncIterator[JwksCache]:
    made = JwksCache(issuer.url, clock=clock, allow_private=True, timeout_s=2)
    yield made
    await made.aclose()


async def settle(cache: JwksCache, issuer: Issuer, requests: int) -> None:
    """Wait until a fetch beside the work has been made and used."""
    while len(issuer.requests) < requests:
        issuer.asked.clear()
        await asyncio.wait_for(issuer.asked.wait(), 2)
    await cache.start()


async def test_known_key_is_fetched_once(cache: JwksCache, issuer: Issuer) -> None:
    before = cache.degraded
    await cache.start()
    assert (before, cache.degraded) == (True, False)
    key = await cache.find("a", "RS256")
    assert key is not None
    assert await cache.find("a", "RS256") is key
    assert await cache.find("a", "ES256") is None
    assert len(issuer.requests) == 1


async def test_first_callers_share_one_fetch(cache: JwksCache, issuer: Issuer) -> None:
    issuer.may_answer.clear()
    callers = [asyncio.create_task(cache.find("a", "RS256")) for _ in range(50)]
    await issuer.asked.wait()
    callers[0].cancel()
    issuer.may_answer.set()
    results = await asyncio.gather(*callers[1:])
    assert all(key is results[0] is not None for key in results)
    assert callers[0].cancelled()
    assert len(issuer.requests) == 1


async def test_a6_unknown_key_ids_cost_one_fetch_per_30_s(
    cache: JwksCache, issuer: Issuer, clock: ManualClock
) -> None:
    await cache.start()
    for number in range(10_000):
        assert await cache.find(f"unknown-{number}", "RS256") is None
    assert len(issuer.requests) == 1
    clock.elapsed_s += 30
    for number in range(10_000):
        assert await cache.find(f"unknown-{number}", "RS256") is None
    assert len(issuer.requests) == 2


async def test_a23_new_key_is_found_at_the_next_fetch(
    cache: JwksCache, issuer: Issuer, clock: ManualClock
) -> None:
    await cache.start()
    old = await cache.find("a", "RS256")
    issuer.body = BOTH
    clock.elapsed_s += 30
    assert await cache.find("b", "ES256") is not None
    assert await cache.find("a", "RS256") is old


async def test_a23_removed_key_is_gone_after_the_cache_life(
    cache: JwksCache, issuer: Issuer, clock: ManualClock
) -> None:
    await cache.start()
    issuer.body = document(jwk(p256_key(), kid="b"))
    clock.elapsed_s += 140
    assert await cache.find("a", "RS256") is not None
    clock.elapsed_s += 161
    assert await cache.find("a", "RS256") is None
    assert await cache.find("b", "ES256") is not None


async def test_keys_are_fetched_beside_the_work_before_they_are_old(
    cache: JwksCache, issuer: Issuer, clock: ManualClock
) -> None:
    await cache.start()
    issuer.may_answer.clear()
    clock.elapsed_s += 151
    assert await cache.find("a", "RS256") is not None
    issuer.body = BOTH
    issuer.may_answer.set()
    await settle(cache, issuer, requests=2)
    assert await cache.find("b", "ES256") is not None
    assert len(issuer.requests) == 2


def answer_nothing_good(issuer: Issuer, row: str) -> None:
    if row == "500":
        issuer.status = "500 Internal Server Error"
    elif row == "slow":
        issuer.may_answer.clear()
    elif row == "drip":
        issuer.drips = True
    elif row == "huge":
        issuer.body = b" " * (BODY_MAX_BYTES + 1) + RSA_ONLY
    elif row == "redirect":
        issuer.status = "302 Found"
        issuer.headers = "Location: http://169.254.169.254/latest/\r\n"
    elif row == "redirect-home":
        issuer.status = "301 Moved Permanently"
        issuer.headers = f"Location: {issuer.url}?again\r\n"
    elif row == "not-json":
        issuer.body = b"<html>sorry</html>"
    elif row == "gzip":
        issuer.headers = "Content-Encoding: gzip\r\n"
    elif row == "cut":
        issuer.headers = "Content-Length: 100000\r\n"
    elif row == "no-http":
        issuer.status = "\x00\x01\x02"


ROWS = [
    "500",
    "slow",
    "drip",
    "huge",
    "redirect",
    "redirect-home",
    "not-json",
    "gzip",
    "cut",
    "no-http",
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"A21-{row}")
async def test_a21_known_keys_outlive_the_endpoint(
    row: str, issuer: Issuer, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    cache = JwksCache(issuer.url, clock=clock, allow_private=True, timeout_s=0.3)
    await cache.start()
    known = await cache.find("a", "RS256")
    answer_nothing_good(issuer, row)
    clock.elapsed_s += 31
    with caplog.at_level(logging.WARNING, logger="threadcast.auth.jwks"):
        with pytest.raises(ThreadcastError, match="keys_unavailable") as caught:
            async with asyncio.timeout(2):
                await cache.find("b", "ES256")
        assert len(issuer.requests) == 2, "no redirect is followed, nothing is tried again"
        assert cache.degraded
        assert caught.value.kind.status == 503
        assert caught.value.retry_after_ms is not None
        for elapsed_s in (400, 86_399):
            clock.elapsed_s = elapsed_s
            assert await cache.find("a", "RS256") is known
        clock.elapsed_s = 86_401
        with pytest.raises(ThreadcastError, match="keys_unavailable"):
            await cache.find("a", "RS256")
    assert len(caplog.records) == 1, "one warning while it lasts"
    await cache.aclose()


async def test_a21_endpoint_down_and_back(
    cache: JwksCache, issuer: Issuer, clock: ManualClock
) -> None:
    issuer.status = "503 Service Unavailable"
    await cache.start()
    assert cache.degraded
    with pytest.raises(ThreadcastError, match="keys_unavailable"):
        await cache.find("a", "RS256")
    assert len(issuer.requests) == 1
    issuer.status = "200 OK"
    clock.elapsed_s += 5
    assert await cache.find("a", "RS256") is not None
    assert not cache.degraded


async def test_a21_a_refused_connection_is_unavailable(clock: ManualClock) -> None:
    issuer = Issuer()
    async with listening(issuer) as url:
        pass
    cache = JwksCache(url, clock=clock, allow_private=True, timeout_s=2)
    with pytest.raises(ThreadcastError, match="keys_unavailable"):
        await cache.find("a", "RS256")
    await cache.aclose()


async def test_failing_endpoint_never_makes_a_known_key_wait(
    cache: JwksCache, issuer: Issuer, clock: ManualClock
) -> None:
    await cache.start()
    issuer.status = "500 Internal Server Error"
    clock.elapsed_s += 31
    with pytest.raises(ThreadcastError, match="keys_unavailable"):
        await cache.find("b", "ES256")
    issuer.may_answer.clear()
    clock.elapsed_s += 1_000
    async with asyncio.timeout(1):
        assert await cache.find("a", "RS256") is not None


async def test_a22_bad_keys_are_one_warning(
    cache: JwksCache, issuer: Issuer, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.body = document(
        jwk(rsa_key(), kid="a"),
        jwk(rsa_key(1_024), kid="weak"),
        {"kty": "oct", "k": "canary-secret", "kid": "shared"},
        jwk(p256_key(), kid="enc", use="enc"),
        jwk(ed25519_key(), kid="twin"),
        jwk(ed25519_key(), kid="twin"),
    )
    with caplog.at_level(logging.WARNING, logger="threadcast.auth.jwks"):
        await cache.start()
        clock.elapsed_s += 301
        assert await cache.find("a", "RS256") is not None
    assert len(issuer.requests) == 2
    assert len(caplog.records) == 1
    assert "5 keys" in caplog.text
    assert "canary-secret" not in caplog.text


async def test_emptied_key_set_is_believed(
    cache: JwksCache, issuer: Issuer, clock: ManualClock
) -> None:
    await cache.start()
    issuer.body = document()
    clock.elapsed_s += 301
    assert await cache.find("a", "RS256") is None
    assert cache.degraded


async def test_request_carries_nothing_of_ours(cache: JwksCache, issuer: Issuer) -> None:
    await cache.start()
    request = issuer.requests[0].lower()
    assert request.startswith(b"get /keys.json http/1.1\r\n")
    assert b"authorization" not in request
    assert b"cookie" not in request


async def test_closing_stops_a_fetch_under_way(
    cache: JwksCache, issuer: Issuer, clock: ManualClock
) -> None:
    issuer.may_answer.clear()
    caller = asyncio.create_task(cache.start())
    await issuer.asked.wait()
    await cache.aclose()
    with pytest.raises(asyncio.CancelledError):
        await caller
    clock.elapsed_s += 60
    await cache.start()
    assert len(issuer.requests) == 1


async def test_https_is_verified(clock: ManualClock) -> None:
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    issuer = Issuer()
    async with listening(issuer, server_context) as url:
        trusting = JwksCache(url, clock=clock, allow_private=True, ssl_context=client_context)
        await trusting.start()
        assert not trusting.degraded
        await trusting.aclose()
        doubting = JwksCache(url, clock=clock, allow_private=True)
        await doubting.start()
        assert doubting.degraded
        await doubting.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "https://issuer.example/keys.json",
        "https://issuer.example:8443/realms/x/keys?v=2",
        "https://8.8.8.8/keys",
    ],
)
def test_public_https_is_allowed(url: str) -> None:
    assert check_jwks_url(url).host in url


PRIVATE = [
    "https://localhost/k",
    "https://keys.localhost/k",
    "https://127.0.0.1/k",
    "https://127.1/k",
    "https://2130706433/k",
    "https://0x7f.1/k",
    "https://[::1]/k",
    "https://[::ffff:127.0.0.1]/k",
    "https://10.1.2.3/k",
    "https://192.168.0.1/k",
    "https://169.254.169.254/latest/",
    "https://[fd00::1]/k",
    "https://0.0.0.0/k",
    "https://keycloak/k",
    "https://keys.internal/k",
]


@pytest.mark.parametrize("url", PRIVATE, ids=lambda url: f"C5-{url}")
def test_private_address_needs_the_permission(url: str) -> None:
    with pytest.raises(ConfigurationError, match="private address"):
        check_jwks_url(url)
    assert check_jwks_url(url, allow_private=True).scheme == "https"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://issuer.example/k", id="C5-http"),
        pytest.param("https://user:canary@issuer.example/k", id="C5-user-and-password"),
        pytest.param("https://canary@issuer.example/k", id="C5-user"),
        pytest.param("https://@issuer.example/k", id="C5-empty-user"),
        pytest.param("https://issuer.example/k#x", id="fragment"),
        pytest.param("https:///k", id="no-host"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("issuer.example/k", id="no-scheme"),
        pytest.param("https://issuer.example:99999/k", id="port-too-high"),
        pytest.param("https://iss uer.example/k", id="space"),
        pytest.param("", id="empty"),
        pytest.param("https://issuer.example/\x00", id="nul"),
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_url_that_cannot_be(url: str, allow_private: bool) -> None:
    with pytest.raises(ConfigurationError, match=r"^jwt_jwks_url: ") as caught:
        JwksCache(url, clock=ManualClock(), allow_private=allow_private)
    assert "canary" not in str(caught.value)
