"""Signing in otherwise than by a name, in a real browser: at a provider, and from a frame."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import jwt
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from embedding_site import page_of_others
from oidc_provider import AUDIENCE, CLIENT_ID, Provider, provider_running
from page_browser import NEEDS_BROWSER, Screen
from page_server import PageServer, serving

SECRET = "a secret of this test, 32 bytes long"
LIFE_S = 6.0

pytestmark = [
    NEEDS_BROWSER,
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[Provider]:
    async with provider_running() as provider:
        yield provider
        assert provider.problems == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PageServer]:
    settings = {
        "DEV": "false",
        "AGENTS": "page_agents:quick",
        "JWT_JWKS_URL": f"{provider.issuer}/keys",
        "JWT_AUDIENCE": AUDIENCE,
        "JWT_ISSUER": provider.issuer,
        "JWT_LEEWAY_S": "0",
        "OIDC_ISSUER": provider.issuer,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "INSECURE_ALLOW_PRIVATE_JWKS": "true",
    }
    async with serving(tmp_path_factory.mktemp("server"), **settings) as server:
        yield server


@asynccontextmanager
async def person(browser: Browser, server: PageServer) -> AsyncIterator[Screen]:
    """Somebody with a browser of their own."""
    async with await browser.new_context() as context:
        screen = Screen(await context.new_page(), server.url)
        yield screen
        assert screen.problems == []


async def sign_in(screen: Screen, name: str, path: str = "") -> None:
    """Go to the page and sign in at the provider."""
    await screen.page.goto(screen.url + path)
    await screen.page.get_by_role("button", name="Sign in").click()
    await screen.page.get_by_label("Your name").fill(name)
    await screen.page.get_by_role("button", name="Continue").click()
    await screen.live()


async def stored(page: Page) -> str:
    """Everything that the page keeps in the browser."""
    text: str = await page.evaluate(
        "() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie])"
    )
    return text


async def token_in(page: Page) -> str:
    """The access token that the page sends with its next request."""
    async with page.expect_request(re.compile("/v1/threads")) as caught:
        await page.reload()
    return (await (await caught.value).all_headers())["authorization"].removeprefix("Bearer ")


async def test_a_sign_in_at_the_provider_leads_back_to_where_one_was(
    browser: Browser, server: PageServer
) -> None:
    async with person(browser, server) as screen:
        await sign_in(screen, "ada", "#thread_chat_1763629200001_7_90c65fe4")
        await expect(screen.page.get_by_role("alert")).to_contain_text("not found")
        await expect(screen.user).to_have_text("ada")
        assert screen.page.url == f"{screen.url}#thread_chat_1763629200001_7_90c65fe4"
        kept = await stored(screen.page)
        for secret in ("eyJ", "refresh", "nonce", "verifier", "code"):
            assert secret not in kept
        assert [url for url in screen.requests if "eyJ" in url or "refresh_" in url] == []


async def test_a_reload_signs_in_without_a_question(browser: Browser, server: PageServer) -> None:
    async with person(browser, server) as screen:
        await sign_in(screen, "bela")
        await screen.say("What is 15% of 240?")
        await screen.ended()
        await screen.page.reload()
        await screen.ended()
        await expect(screen.user).to_have_text("bela")
        assert "36" in await screen.said()


async def test_signing_out_ends_the_session_there_too_and_every_tab(
    browser: Browser, server: PageServer
) -> None:
    async with person(browser, server) as screen:
        await sign_in(screen, "cleo")
        other = Screen(await screen.page.context.new_page(), screen.url)
        await other.page.goto(other.url)
        await other.live()
        await screen.sign_out()
        for one in (screen, other):
            await expect(one.page.get_by_role("button", name="Sign in")).to_be_visible()
        await expect(other.page.get_by_role("alert")).to_have_text("You signed out in another tab.")
        await screen.page.get_by_role("button", name="Sign in").click()
        await expect(screen.page.get_by_label("Your name")).to_be_visible()


async def test_who_has_no_session_any_more_is_asked(browser: Browser, server: PageServer) -> None:
    async with person(browser, server) as screen:
        await sign_in(screen, "dora")
        await screen.page.context.clear_cookies()
        await screen.page.reload()
        await expect(screen.page.get_by_role("alert")).to_have_text("Please sign in.")
        assert "?" not in screen.page.url


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?code=stolen&state=guessed", "This sign-in was not started here. Please sign in again."),
        ("?error=access_denied", "This sign-in was not started here. Please sign in again."),
    ],
)
async def test_an_answer_that_nobody_asked_for_is_no_sign_in(
    browser: Browser, server: PageServer, query: str, said: str
) -> None:
    async with person(browser, server) as screen:
        await screen.page.goto(screen.url + query)
        await expect(screen.page.get_by_role("alert")).to_have_text(said)
        assert screen.page.url == screen.url


async def test_a_token_is_renewed_before_its_end_until_the_provider_refuses(
    browser: Browser, server: PageServer, provider: Provider
) -> None:
    provider.token_life_s = LIFE_S
    try:
        async with person(browser, server) as screen:
            await sign_in(screen, "emil")
            provider.grants.clear()
            await screen.say("a long answer")
            await expect(screen.answer).to_contain_text("5 is prime")
            lost = screen.page.locator("html:not([data-connection=live])")
            async with httpx2.AsyncClient() as client:
                while provider.grants.count("refresh_token") < 2:
                    assert await lost.count() == 0
                    await client.get(f"{server.url}healthz")
            provider.refuses_renewal = True
            await expect(screen.page.get_by_role("alert")).to_have_text(
                "Your sign-in has expired. Please sign in again."
            )
    finally:
        provider.token_life_s, provider.refuses_renewal = 300.0, False


async def test_signing_out_everywhere_ends_the_page(browser: Browser, server: PageServer) -> None:
    async with person(browser, server) as screen:
        await sign_in(screen, "fritz")
        token = await token_in(screen.page)
        await screen.live()
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
            answer = await client.post(f"{server.url}v1/sessions/revoke", json={"all": True})
        assert answer.is_success
        await expect(screen.page.get_by_role("alert")).to_have_text(
            "You were signed out elsewhere."
        )


HOST = """<!doctype html><title>Shop</title><iframe src="{url}" title="Chat"></iframe><script>
  window.asked = [];
  addEventListener("message", ({{ data, source, origin }}) => {{
    if (data?.type !== "threadcast-token-wanted" || origin !== "{origin}") return;
    window.asked.push(data.renew);
    source.postMessage({{ type: "threadcast-token", id: data.id, token: "{token}" }}, origin);
  }});
</script>"""


def shop(server: PageServer) -> str:
    """A page of somebody else that shows the chat and has a token for it."""
    claims = {"sub": "gerda", "iat": time.time(), "exp": time.time() + 300}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    return HOST.format(url=server.url, origin=server.url.rstrip("/"), token=token)


async def test_a_page_that_is_allowed_to_hands_over_a_token_and_no_other(
    browser: Browser, tmp_path: Path
) -> None:
    settings = {"JWT_SECRET": SECRET, "DEV": "false"}
    async with page_of_others() as ours, page_of_others() as others:
        settings["EMBEDDING_ORIGINS"] = ours.origin
        async with serving(tmp_path, **settings) as server, await browser.new_context() as own:
            ours.html = others.html = shop(server)
            page = await own.new_page()
            await page.goto(ours.url)
            frame = page.frame_locator("iframe")
            await expect(frame.locator("html[data-connection=live]")).to_be_attached()
            assert await page.evaluate("window.asked") == [False]
            async with page.expect_event("console", lambda one: "frame-ancestors" in one.text):
                await page.goto(others.url)
            assert await page.evaluate("window.asked") == []
