"""The TypeScript client in a real browser: what pages share, and what outlives them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from client_page import ClientPage, bundle, client_pages
from page_browser import NEEDS_BROWSER

pytestmark = [
    NEEDS_BROWSER,
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("bundles")
    await bundle(folder)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with client_pages(tmp_path_factory.mktemp("server"), bundles) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    async with await browser.new_context() as context:
        yield context


async def test_two_tabs_share_one_connection(context: BrowserContext, url: str) -> None:
    first = await ClientPage.opened(context, url)
    second = await ClientPage.opened(context, url)
    await first.begin("ada", isShared=True)
    await second.begin("ada", isShared=True)
    thread_id, run_id = await first.say("What is 15% of 240?")
    await second.follow(thread_id)
    answer = await first.answer(thread_id, run_id)
    assert "36" in answer
    assert await second.answer(thread_id, run_id) == answer
    assert await first.connections() == 1
    for page in (first, second):
        seqs = await page.page.evaluate("seen.map(({ seq }) => seq)")
        assert seqs == sorted(set(seqs))
        assert page.problems == []


async def test_a_tab_that_goes_leaves_the_connection_to_the_others(
    context: BrowserContext, url: str
) -> None:
    first = await ClientPage.opened(context, url)
    second = await ClientPage.opened(context, url)
    await first.begin("ben", isShared=True)
    await second.begin("ben", isShared=True)
    await first.page.close()
    thread_id, run_id = await second.say("What is 2 + 2?")
    assert "4" in await second.answer(thread_id, run_id)
    assert await second.connections() == 1
    assert await second.page.evaluate("client.status.transport") == "websocket"


async def test_two_users_in_two_tabs_share_nothing(context: BrowserContext, url: str) -> None:
    first = await ClientPage.opened(context, url)
    second = await ClientPage.opened(context, url)
    await first.begin("carla", isShared=True)
    await second.begin("dora", isShared=True)
    thread_id, run_id = await first.say("What is 3 * 5?")
    assert "15" in await first.answer(thread_id, run_id)
    own_id, own_run = await second.say("What is 3 * 6?")
    assert "18" in await second.answer(own_id, own_run)
    for page, user in ((first, "carla"), (second, "dora")):
        assert await page.page.evaluate("[...new Set(seen.map((one) => one.user_id))]") == [user]
        assert await page.page.evaluate("client.state.threads.size") == 1
        assert await page.connections() == 1


async def test_without_a_shared_worker_each_tab_has_its_own(
    context: BrowserContext, url: str
) -> None:
    await context.add_init_script("delete window.SharedWorker;")
    first = await ClientPage.opened(context, url)
    second = await ClientPage.opened(context, url)
    await first.begin("emil", isShared=True)
    await second.begin("emil", isShared=True)
    assert await first.connections() == 2
    assert first.problems + second.problems == []


async def test_where_websockets_are_blocked_events_come_as_a_stream(
    context: BrowserContext, bundles: Path, tmp_path: Path
) -> None:
    async with client_pages(tmp_path, bundles, websockets=False) as url:
        page = await ClientPage.opened(context, url)
        await page.begin("fritz")
        assert await page.page.evaluate("client.status.transport") == "sse"
        thread_id, run_id = await page.say("What is 15% of 240?")
        assert "36" in await page.answer(thread_id, run_id)
        other = await ClientPage.opened(context, url)
        await other.begin("fritz", isShared=True)
        assert await other.page.evaluate("client.status.transport") == "sse"
        await context.close()


async def test_a_message_that_waits_outlives_the_page_and_is_sent_once(
    context: BrowserContext, url: str
) -> None:
    page = await ClientPage.opened(context, url)
    await page.begin("gerda")
    await page.page.evaluate("client.close()")
    await page.page.evaluate("() => { client.send('What is 6 * 7?'); }")
    stored = await page.page.evaluate("JSON.stringify(localStorage)")
    assert "6 * 7" in stored
    await page.reload()
    await page.start("gerda")
    await page.until("client.outbox.length === 0 && client.state.threads.size === 1")
    await page.until("seen.some((event) => event.event_type === 'agent_completed')")
    types = await page.page.evaluate("seen.map((event) => event.event_type)")
    assert types.count("message_created") == 1
    assert await page.page.evaluate("Object.keys(localStorage)") == []


async def test_no_token_is_kept(context: BrowserContext, url: str) -> None:
    page = await ClientPage.opened(context, url)
    await page.begin("hanna", isShared=True, resume=True)
    thread_id, run_id = await page.say("What is 2 + 2?")
    await page.answer(thread_id, run_id)
    kept = await page.page.evaluate(
        "JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie"
    )
    assert "cursor" in kept
    assert "eyJ" not in kept


async def test_with_a_kept_cursor_nothing_is_missed_between_two_pages(
    context: BrowserContext, url: str
) -> None:
    page = await ClientPage.opened(context, url)
    await page.begin("ines", resume=True)
    thread_id, run_id = await page.say("What is 2 + 2?")
    await page.answer(thread_id, run_id)
    last = await page.page.evaluate("seen.at(-1).seq")
    await page.page.close()
    other = await ClientPage.opened(context, url)
    await other.begin("ines")
    await other.say("What is 3 + 3?")
    later = await ClientPage.opened(context, url)
    await later.begin("ines", resume=True)
    await later.until("seen.length > 0")
    assert await later.page.evaluate("seen[0].first_seq ?? seen[0].seq") == last + 1


async def test_a_page_without_a_network_says_so_and_comes_back(
    context: BrowserContext, url: str
) -> None:
    page = await ClientPage.opened(context, url)
    await page.begin("jan")
    await context.set_offline(True)
    await page.until("client.status.phase === 'offline'")
    await page.page.evaluate("() => { client.send('What is 2 + 3?'); }")
    assert await page.page.evaluate("client.outbox.map(({ status }) => status)") == ["waiting"]
    await context.set_offline(False)
    await page.until("client.status.phase === 'live' && client.outbox.length === 0")
    assert page.problems == []
