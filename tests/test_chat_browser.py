"""The frame of the chat in a real browser: threads, keyboard, connection, and all kinds of eyes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from page_axe import violations
from page_browser import NEEDS_BROWSER, Screen
from page_server import PageServer, serving

PHONE = {"width": 390, "height": 844}

pytestmark = [
    NEEDS_BROWSER,
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageServer]:
    settings = {
        "AGENTS": "page_agents:quick",
        "HEAD_POLL_S": "0.2",
        "RATE_LIMIT_MODE": "off",
    }
    async with serving(tmp_path_factory.mktemp("server"), **settings) as server:
        yield server


@asynccontextmanager
async def person(
    browser: Browser, server: PageServer, name: str, **context: object
) -> AsyncIterator[Screen]:
    """Somebody who is signed in, with a browser of their own."""
    async with await browser.new_context(**context) as own:  # type: ignore[arg-type]
        screen = Screen(await own.new_page(), server.url)
        await screen.sign_in(name)
        yield screen
        assert screen.problems == []


async def make_threads(server: PageServer, user: str, titles: list[str]) -> None:
    """Threads of a user, made over HTTP, the last title on top of the list."""
    async with httpx2.AsyncClient(base_url=server.url) as client:
        answer = await client.post("dev/token", json={"user": user})
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        for title in titles:
            (await client.post("v1/threads", json={"title": title})).raise_for_status()


def search_field(screen: Screen) -> Locator:
    """Where one searches."""
    return screen.page.get_by_role("searchbox", name="Search conversations")


async def test_a_thread_is_renamed_where_it_stands(browser: Browser, server: PageServer) -> None:
    await make_threads(server, "ada", ["Older", "Newer"])
    async with person(browser, server, "ada") as screen:
        await screen.threads.filter(has_text="Newer").focus()
        await screen.page.keyboard.press("F2")
        field = screen.page.get_by_role("textbox", name="Title")
        await field.fill("Nobody keeps this")
        await field.press("Escape")
        await expect(screen.threads).to_have_text(["Newer", "Older"])
        await screen.page.keyboard.press("F2")
        await field.fill("New letters")
        await field.press("Enter")
        await expect(screen.threads).to_have_text(["New letters", "Older"])
        await screen.page.reload()
        await expect(screen.threads).to_have_text(["New letters", "Older"])


async def test_what_is_archived_is_out_of_the_way_and_can_come_back(
    browser: Browser, server: PageServer
) -> None:
    await make_threads(server, "bela", ["Taxes", "Garden"])
    async with person(browser, server, "bela") as screen:
        await screen.threads.get_by_text("Taxes").click()
        await screen.act("Archive")
        await expect(screen.threads).to_have_text(["Garden"])
        thread = screen.page.get_by_role("main")
        await expect(thread.get_by_text("Archived", exact=True)).to_be_visible()
        middles = [await _middle(screen.page, one) for one in (".toast", "main")]
        assert abs(middles[0] - middles[1]) <= 1
        await screen.page.reload()
        await expect(screen.threads).to_have_text(["Garden"])
        await screen.page.get_by_role("button", name=re.compile("Archived")).click()
        await expect(screen.threads).to_have_text(["Taxes"])
        await screen.act("Unarchive")
        await expect(screen.threads).to_have_count(0)
        await screen.page.get_by_role("button", name="Back to all conversations").click()
        await expect(screen.threads).to_have_count(2)


async def test_what_is_deleted_can_be_brought_back_for_some_seconds(
    browser: Browser, server: PageServer
) -> None:
    await make_threads(server, "cleo", ["Keep", "Drop"])
    async with person(browser, server, "cleo") as screen:
        await screen.threads.filter(has_text="Keep").focus()
        await screen.page.keyboard.press("Delete")
        await expect(screen.threads).to_have_text(["Drop"])
        await screen.page.get_by_role("button", name="Undo").click()
        await expect(screen.threads).to_have_text(["Drop", "Keep"])
        await screen.threads.get_by_text("Drop").click()
        await expect(screen.page.get_by_role("heading", name="Drop")).to_be_visible()
        await screen.act("Delete")
        await expect(screen.page.get_by_role("heading", name="New conversation")).to_be_visible()
        await screen.page.get_by_role("button", name="Undo").click()
        await expect(screen.page.get_by_role("heading", name="Drop")).to_be_visible()
        await screen.threads.filter(has_text="Drop").focus()
        async with screen.page.expect_request(lambda one: one.method == "DELETE"):
            await screen.page.keyboard.press("Delete")
        await expect(screen.threads).to_have_text(["Keep"])
        await screen.page.reload()
        await expect(screen.threads).to_have_text(["Keep"])


async def test_what_was_deleted_is_gone_though_the_page_was_left_at_once(
    browser: Browser, server: PageServer
) -> None:
    await make_threads(server, "dora", ["Keep", "Drop"])
    async with person(browser, server, "dora") as screen:
        await screen.threads.filter(has_text="Drop").focus()
        await screen.page.keyboard.press("Delete")
        await expect(screen.threads).to_have_text(["Keep"])
        await screen.page.goto("about:blank")
        await screen.page.goto(server.url)
        await expect(screen.threads).to_have_text(["Keep"])


async def test_a_search_says_what_it_looked_at_and_looks_further(
    browser: Browser, server: PageServer
) -> None:
    titles = ["Météo à Paris", *(f"Conversation {number}" for number in range(120))]
    await make_threads(server, "emil", titles)
    async with person(browser, server, "emil") as screen:
        await search_field(screen).fill("meteo")
        await expect(screen.page.get_by_text("No conversations found.")).to_be_visible()
        await screen.page.get_by_role("button", name="Search older conversations").click()
        await expect(screen.threads).to_have_text(["Météo à Paris"])
        await expect(screen.threads.locator("mark")).to_have_text("Météo")
        await expect(screen.page.get_by_text("beginnings of 121 conversations")).to_be_visible()
        await search_field(screen).press("Escape")
        await expect(screen.threads.first).to_have_text("Conversation 119")


async def test_the_list_reads_on_as_one_scrolls_and_draws_what_is_seen(
    browser: Browser, server: PageServer
) -> None:
    await make_threads(server, "fritz", [f"Conversation {number}" for number in range(250)])
    async with person(browser, server, "fritz") as screen:
        await expect(screen.threads.first).to_have_text("Conversation 249")
        await screen.threads.first.focus()
        oldest = screen.page.get_by_role("link", name="Conversation 0", exact=True)
        while await oldest.count() == 0:
            await screen.page.keyboard.press("End")
            assert await screen.threads.count() < 80
            await screen.page.evaluate("() => new Promise(requestAnimationFrame)")
        await screen.page.keyboard.press("End")
        await expect(oldest).to_be_focused()
        await screen.page.keyboard.press("Home")
        await expect(screen.threads.first).to_be_focused()


async def test_marks_tell_what_runs_and_what_was_not_looked_at(
    browser: Browser, server: PageServer
) -> None:
    async with (
        person(browser, server, "gerda") as here,
        person(browser, server, "gerda") as there,
    ):
        await here.say("count to 200")
        await expect(there.threads).to_have_text(re.compile("count to 200.*answering"))
        await here.ended()
        await expect(there.threads).to_have_text(re.compile(r"count to 200\s*\(unread\)"))
        await there.page.reload()
        await there.live()
        await there.threads.click()
        await expect(there.threads).to_have_text("count to 200")
        await expect(here.threads).to_have_text("count to 200")
        await there.act("Delete")
        await there.page.goto("about:blank")
        await expect(here.title).to_have_text("Deleted")
        await expect(here.page.get_by_role("alert")).to_contain_text("deleted in another tab")
        await expect(here.announced).to_have_text("")


async def test_the_back_button_goes_back(browser: Browser, server: PageServer) -> None:
    await make_threads(server, "hanna", ["First", "Second"])
    async with person(browser, server, "hanna") as screen:
        await screen.threads.get_by_text("First").click()
        await screen.threads.get_by_text("Second").click()
        await expect(screen.title).to_have_text("Second")
        await screen.page.go_back()
        await expect(screen.title).to_have_text("First")
        await screen.page.go_back()
        await expect(screen.title).to_have_text("New conversation")
        await screen.page.go_forward()
        await expect(screen.title).to_have_text("First")
        await expect(screen.page).to_have_title("First · Threadcast")


async def test_everything_can_be_done_by_keyboard(browser: Browser, server: PageServer) -> None:
    await make_threads(server, "ines", ["Older", "Newer"])
    async with await browser.new_context() as context:
        screen = Screen(await context.new_page(), server.url)
        page, keys = screen.page, screen.page.keyboard
        await page.goto(server.url)
        await keys.type("ines")
        await keys.press("Enter")
        await screen.live()
        message = page.get_by_role("textbox", name="Message")
        await expect(message).to_be_focused()
        await keys.type("What is 15% of 240?")
        await keys.press("Enter")
        await screen.ended()
        await page.evaluate("() => document.activeElement.blur()")
        await keys.press("/")
        await expect(search_field(screen)).to_be_focused()
        await keys.type("older")
        await keys.press("ArrowDown")
        await expect(screen.threads.get_by_text("Older")).to_be_visible()
        await keys.press("Enter")
        await expect(screen.title).to_have_text("Older")
        await expect(message).to_be_focused()
        await search_field(screen).press("Escape")
        await keys.press("Alt+ArrowUp")
        await expect(screen.title).to_have_text("Newer")
        await expect(message).to_be_focused()
        await page.evaluate("() => document.activeElement.blur()")
        await keys.press("?")
        sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
        await expect(sheet).to_contain_text("Search conversations")
        await expect(sheet).to_contain_text("Send the message")
        await keys.press("n")  # belongs to nothing behind the sheet
        await keys.press("Escape")
        await expect(sheet).to_be_hidden()
        await expect(screen.title).to_have_text("Newer")
        await keys.press("n")
        await expect(screen.title).to_have_text("New conversation")
        await expect(message).to_be_focused()
        await page.evaluate("() => document.activeElement.blur()")
        skip = page.get_by_role("button", name="Skip to the message box")
        assert await skip.evaluate("one => one === document.querySelector('button, a, input')")
        await skip.focus()
        await keys.press("Enter")
        await expect(message).to_be_focused()
        assert screen.problems == []


async def test_a_menu_is_moved_in_by_arrows_and_left_by_escape(
    browser: Browser, server: PageServer
) -> None:
    async with person(browser, server, "jan") as screen:
        button = screen.page.get_by_role("button", name="Account and settings")
        await button.focus()
        await screen.page.keyboard.press("Enter")
        items = screen.page.get_by_role("menuitem")
        await expect(items.first).to_be_focused()
        await screen.page.keyboard.press("ArrowUp")
        await expect(items.last).to_be_focused()
        await screen.page.keyboard.press("Escape")
        await expect(items).to_have_count(0)
        await expect(button).to_be_focused()
        await button.click()
        await screen.page.get_by_role("menuitem", name="Dark").click()
        await expect(screen.page.locator("html[data-theme=dark]")).to_be_attached()
        await screen.page.reload()
        await expect(screen.page.locator("html[data-theme=dark]")).to_be_attached()


async def test_on_a_phone_the_list_is_a_drawer(browser: Browser, server: PageServer) -> None:
    await make_threads(server, "kim", ["Only one"])
    async with person(browser, server, "kim", viewport=PHONE, has_touch=True) as screen:
        await expect(screen.threads).to_have_count(0)
        await screen.page.get_by_role("button", name="Show conversations").click()
        await screen.threads.click()
        await expect(screen.title).to_have_text("Only one")
        await expect(screen.threads).to_have_count(0)
        await screen.page.get_by_role("button", name="Show conversations").click()
        await screen.page.keyboard.press("Escape")
        await expect(screen.threads).to_have_count(0)
        width = await screen.page.evaluate("() => document.documentElement.scrollWidth")
        assert width == PHONE["width"]


async def test_a_message_written_offline_waits_and_is_sent_once_after_a_reload(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        serving(tmp_path, AGENTS="page_agents:quick") as server,
        person(browser, server, "lotte") as screen,
    ):
        await screen.say("What is 1 + 1?")
        await screen.ended()
        await server.kill()
        await screen.page.context.set_offline(True)
        await expect(screen.banner).to_contain_text("You are offline")
        await screen.say("What is 20 + 3?")
        await expect(screen.banner).to_contain_text("You are offline: 1 message waiting")
        await server.start()
        await screen.page.context.set_offline(False)
        await screen.page.reload()
        await expect(screen.runs).to_have_count(2)
        await screen.ended()
        assert "23" in await screen.said()
        await screen.page.reload()
        await screen.ended()
        await expect(screen.runs).to_have_count(2)


async def test_a_lasting_cut_is_counted_down_and_need_not_be_waited_for(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        serving(tmp_path, AGENTS="page_agents:quick") as server,
        person(browser, server, "mona") as screen,
    ):
        await server.kill()
        await expect(screen.banner).to_contain_text("Reconnecting in")
        await expect(screen.banner).to_contain_text(re.compile(r"in \d+ s"))
        await screen.page.get_by_role("button", name="Reconnect now").click()
        await server.start()
        await screen.live()
        await expect(screen.banner).to_be_hidden()


async def test_one_device_too_many_is_told_why(browser: Browser, tmp_path: Path) -> None:
    settings = {
        "MAX_CONNECTIONS_PER_USER": "1",
        "CONNECTION_LIMIT_POLICY": "evict_oldest",
    }
    async with (
        serving(tmp_path, **settings) as server,
        person(browser, server, "nora") as here,
        person(browser, server, "nora") as there,
    ):
        await expect(here.banner).to_contain_text("A newer connection took this place.")
        await here.page.get_by_role("button", name="Reconnect").click()
        await here.live()
        await expect(there.banner).to_contain_text("A newer connection took this place.")


async def test_a_slow_network_shows_the_frame_first_and_then_the_rest(
    browser: Browser, server: PageServer
) -> None:
    await make_threads(server, "otto", [f"Conversation {number}" for number in range(60)])
    async with await browser.new_context() as context:
        page = await context.new_page()
        network = await context.new_cdp_session(page)
        await network.send("Network.enable")
        slow = {"offline": False, "latency": 300, "downloadThroughput": 60_000}
        await network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": 20_000})
        screen = Screen(page, server.url)
        await screen.sign_in("otto")
        await expect(screen.threads.first).to_have_text("Conversation 59")
        await screen.say("What is 15% of 240?")
        await screen.ended()
        assert "36" in await screen.said()
        assert screen.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_view_has_anything_that_axe_objects_to(
    browser: Browser, server: PageServer, scheme: str
) -> None:
    await make_threads(server, f"axe {scheme}", ["Older", "Newer"])
    async with await browser.new_context(color_scheme=scheme) as context:  # type: ignore[arg-type]
        screen = Screen(await context.new_page(), server.url)
        page, found = screen.page, dict[str, list[str]]()
        await page.goto(server.url)
        await expect(page.get_by_label("Name")).to_be_visible()
        found["sign in"] = await violations(page)
        await screen.sign_in(f"axe {scheme}")
        found["new conversation"] = await violations(page)
        await screen.say("What is 15% of 240?")
        await screen.ended()
        found["conversation"] = await violations(page)
        await page.get_by_role("button", name="Actions for this conversation").click()
        found["menu"] = await violations(page)
        await page.keyboard.press("Escape")
        await page.evaluate("() => document.activeElement.blur()")
        await page.keyboard.press("?")
        found["shortcuts"] = await violations(page)
        await page.keyboard.press("Escape")
        await search_field(screen).fill("nowhere")
        found["search"] = await violations(page)
        await search_field(screen).fill("")
        await page.goto(f"{server.url}#thread_chat_1763629200001_7_90c65fe4")
        await expect(page.get_by_role("alert").first).to_contain_text("not found")
        found["missing"] = await violations(page)
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.get_by_role("button", name="Show conversations").click()
        found["drawer"] = await violations(page)
        assert {view: problems for view, problems in found.items() if problems} == {}


async def test_the_reference_has_nothing_that_axe_objects_to(
    browser: Browser, server: PageServer
) -> None:
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.goto(f"{server.url}docs")
        await expect(page.locator("main[aria-busy=false]")).to_be_attached()
        assert await violations(page) == []


async def test_from_right_to_left_everything_changes_sides(
    browser: Browser, server: PageServer
) -> None:
    async with person(browser, server, "rahel") as screen:
        page = screen.page
        await page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
        assert await _left(page, "nav.sidebar") > await _left(page, "main")
        await screen.say("מה השעה בטוקיו?")
        await screen.ended()
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


async def _left(page: Page, selector: str) -> float:
    box = await page.locator(selector).bounding_box()
    assert box is not None
    return box["x"]


async def _middle(page: Page, selector: str) -> float:
    box = await page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2
