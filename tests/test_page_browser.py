"""The chat page in a real browser, against a real server process."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, WebSocketRoute, expect

from page_browser import BROWSER, MISSING, NEEDS_BROWSER, Screen
from page_server import PageServer, serving

IN_CI = os.environ.get("CI") == "true"
COUNT = 200
COUNTED = " ".join(str(number) for number in range(1, COUNT + 1)) + "."

if BROWSER is None and not IN_CI:
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # a line in the summary, not an error
        warnings.warn(pytest.PytestWarning(MISSING), stacklevel=1)

pytestmark = [
    NEEDS_BROWSER,
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageServer]:
    folder = tmp_path_factory.mktemp("server")
    settings = {
        "AGENTS": "page_agents:quick",
        "LEASE_S": "1",
        "HEAD_POLL_S": "0.2",
    }
    async with serving(folder, **settings) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def screen(browser: Browser, server: PageServer) -> AsyncIterator[Screen]:
    async with await browser.new_context() as context:
        screen = Screen(await context.new_page(), server.url)
        yield screen
        assert screen.problems == []


async def test_the_golden_path_and_the_same_after_a_reload(screen: Screen) -> None:
    await screen.sign_in("ada")
    await screen.say("What is 15% of 240?")
    await screen.ended()
    assert "36" in await screen.said()
    run = screen.runs.last
    await expect(run.locator(".thinking summary")).to_have_text(re.compile("Thought"))
    tool = run.locator("details.tool")
    await expect(tool).to_have_attribute("data-status", "completed")
    await tool.locator("summary").click()
    await expect(tool).to_contain_text("15% of 240")
    current = screen.page.locator(".thread-link[aria-current=page]")
    await expect(current).to_have_text(re.compile("15% of 240"))
    before = await screen.said()
    await screen.page.reload()
    await screen.live()
    await screen.ended()
    assert await screen.said() == before
    await expect(screen.runs.last.locator(".bubble")).to_have_text("What is 15% of 240?")
    await expect(screen.page.locator(".mark-running")).to_have_count(0)


async def test_the_page_itself_has_nothing_to_scroll(screen: Screen) -> None:
    await screen.sign_in("ada")
    heights = "() => [document.documentElement.scrollHeight, window.innerHeight]"
    content, window = await screen.page.evaluate(heights)
    assert content <= window


async def test_the_token_is_nowhere_but_in_memory(screen: Screen) -> None:
    await screen.sign_in("ada")
    await screen.say("What is 15% of 240?")
    await screen.ended()
    kept: dict[str, str] = await screen.page.evaluate(
        "() => ({ ...sessionStorage, ...localStorage, cookie: document.cookie })"
    )
    assert kept.pop("threadcast.development_name") == "ada"
    assert not [name for name, text in kept.items() if "eyJ" in name + text]
    assert {name.split(".")[1] for name in kept if "." in name} <= {"seen", "text"}
    assert not [url for url in screen.requests if "eyJ" in url]
    page_html = await screen.page.content()
    assert "eyJ" not in page_html


async def test_a_reload_in_mid_stream_loses_and_doubles_nothing(screen: Screen) -> None:
    await screen.sign_in("bela")
    await screen.say(f"count to {COUNT}")
    await expect(screen.answer).to_contain_text(" 30 ")
    await screen.page.reload()
    await screen.watch()
    await screen.ended()
    assert COUNTED in await screen.said()
    _only_grew(await screen.shown(), await screen.said())


async def test_a_killed_server_is_gone_on_with(screen: Screen, server: PageServer) -> None:
    await screen.sign_in("cleo")
    await screen.say(f"count to {COUNT}")
    await expect(screen.answer).to_contain_text(" 30 ")
    await screen.watch()
    await server.kill()
    await expect(screen.banner).to_contain_text("Reconnecting")
    await server.start()
    await expect(screen.runs.last.locator(".attempt")).to_contain_text(
        re.compile("Interrupted.*attempt 2")
    )
    await screen.ended()
    assert COUNTED in await screen.said()
    assert (await screen.said()).count(COUNTED) == 1
    _only_grew(await screen.shown(), await screen.said())
    await expect(screen.banner).to_be_hidden()


async def test_a_message_whose_answer_was_lost_is_stored_once(screen: Screen) -> None:
    losses: list[str] = []

    def pass_on(page_side: WebSocketRoute) -> None:
        server_side = page_side.connect_to_server()
        is_lossy = not losses

        async def hear(message: str | bytes) -> None:
            text = str(message)
            is_answer = '"command":"send_message"' in text
            if is_lossy and (is_answer or '"message_created"' in text):
                losses.append(text)
            if not (is_lossy and losses):
                page_side.send(message)
            elif is_answer:
                await page_side.close(code=1012)

        server_side.on_message(hear)

    # What is in the way is in the page's own connection, not in one that tabs share.
    await screen.page.add_init_script("delete window.SharedWorker")
    await screen.page.route_web_socket(re.compile("/v1/ws"), pass_on)
    await screen.sign_in("nora")
    await screen.say("What is 6 * 7?")
    await screen.ended()
    assert losses
    await expect(screen.runs).to_have_count(1)
    await screen.page.reload()
    await screen.ended()
    await expect(screen.runs).to_have_count(1)
    await expect(screen.threads).to_have_count(1)


async def test_two_screens_of_a_user_follow_live(browser: Browser, server: PageServer) -> None:
    async with await browser.new_context() as context:
        here = Screen(await context.new_page(), server.url)
        there = Screen(await context.new_page(), server.url)
        await here.sign_in("emil")
        await there.page.goto(server.url)
        await there.live()
        await expect(there.user).to_have_text("emil")
        await here.say(f"count to {COUNT}")
        await there.threads.click()
        await expect(there.answer).to_contain_text("10 11 12")
        await there.ended()
        assert COUNTED in await there.said()
        await there.say("What is 3 * 4?")
        for one in (here, there):
            await expect(one.runs).to_have_count(2)
            await one.ended()
        assert await here.said() == await there.said()
        assert here.problems + there.problems == []


async def test_a_tab_keeps_its_user_and_signing_out_ends_every_tab(
    browser: Browser, server: PageServer
) -> None:
    async with await browser.new_context() as context, await browser.new_context() as another:
        first = Screen(await context.new_page(), server.url)
        second = Screen(await context.new_page(), server.url)
        third = Screen(await context.new_page(), server.url)
        apart = Screen(await another.new_page(), server.url)
        await second.page.goto(server.url)  # nobody has signed in yet
        await first.sign_in("otto")
        await second.page.get_by_label("Name").fill("paula")
        await second.page.keyboard.press("Enter")
        await second.live()
        await apart.sign_in("quirin")
        await expect(first.user).to_have_text("otto")
        await first.page.reload()
        await first.live()
        await expect(first.user).to_have_text("otto")
        await third.page.goto(server.url)
        await expect(third.user).to_have_text("paula")
        await first.sign_out()
        for screen in (first, second, third):
            await expect(screen.page.get_by_label("Name")).to_be_visible()
        await expect(second.page.get_by_role("alert")).to_have_text(
            "You signed out in another tab."
        )
        await second.page.reload()
        await expect(second.page.get_by_label("Name")).to_be_visible()
        await expect(apart.page.locator("html[data-connection=live]")).to_be_attached()
        for screen in (first, second, third, apart):
            assert screen.problems == []


async def test_nothing_of_who_signed_out_stays_in_the_page(
    browser: Browser, server: PageServer
) -> None:
    async with await browser.new_context() as context:
        here = Screen(await context.new_page(), server.url)
        there = Screen(await context.new_page(), server.url)
        await here.sign_in("rosa")
        await here.say("What is 1111 * 7?")
        await expect(here.announced).to_contain_text("7777")
        spoken = await here.announced.text_content() or ""
        assert "**" not in spoken
        assert "`" not in spoken
        await there.page.goto(here.page.url)
        await there.ended()
        await there.page.get_by_role("textbox", name="Message").fill("a secret draft")
        await there.act("Rename")
        await here.sign_out()
        for screen in (here, there):
            await expect(screen.page.get_by_label("Name")).to_be_visible()
            kept = await screen.page.evaluate(
                "() => document.title + document.documentElement.textContent"
                " + [...document.querySelectorAll('input, textarea')].map(one => one.value)"
            )
            assert not [word for word in ("7777", "1111", "rosa", "secret") if word in kept]
            assert "#" not in screen.page.url
            assert screen.problems == []


async def test_titles_need_no_events_and_no_sight_of_the_list(screen: Screen) -> None:
    await screen.sign_in("selma")
    await screen.say("What is 15% of 240?")
    await screen.ended()
    await screen.page.add_init_script(
        "window.IntersectionObserver = class { observe() {} unobserve() {} };"
    )
    await screen.page.reload()
    await screen.ended()
    title = screen.threads
    await expect(title).to_have_text(re.compile("What is 15% of 240"))
    await expect(screen.title).to_have_text("What is 15% of 240?")
    await screen.page.route(re.compile("/events|/messages"), lambda route: route.abort())
    await screen.page.reload()
    await screen.live()
    await expect(title).to_have_text(re.compile("What is 15% of 240"))
    await expect(screen.title).to_have_text("What is 15% of 240?")


async def test_one_reload_reads_the_open_conversation_once(screen: Screen) -> None:
    await screen.sign_in("theo")
    await screen.say("What is 15% of 240?")
    await screen.ended()
    before = len(screen.requests)
    await screen.page.reload()
    await screen.ended()
    await screen.live()
    # One for where the messages begin, one for the events from there.
    reads = [url for url in screen.requests[before:] if "/events?" in url]
    assert len(reads) == len(set(reads))
    assert 1 <= len(reads) <= 2


async def test_two_users_see_only_their_own(browser: Browser, server: PageServer) -> None:
    async with await browser.new_context() as one, await browser.new_context() as other:
        fritz = Screen(await one.new_page(), server.url)
        gerda = Screen(await other.new_page(), server.url)
        await fritz.sign_in("fritz")
        await gerda.sign_in("gerda")
        await fritz.say("What is 7 * 191?")
        await fritz.ended()
        await gerda.say("What is 5 * 5?")
        await gerda.ended()
        await expect(gerda.threads).to_have_count(1)
        assert "191" not in await gerda.page.locator("body").inner_text()
        foreign = fritz.page.url.partition("#")[2]
        for link in (foreign, "thread_chat_1763629200001_7_90c65fe4", "thread_no"):
            await gerda.page.goto(f"{server.url}#{link}")
            page = gerda.page.get_by_role("main")
            await expect(page.get_by_role("alert").first).to_contain_text("not found")
            await expect(page.get_by_role("button", name="Try again")).to_have_count(0)
            await expect(page.get_by_role("textbox", name="Message")).to_be_hidden()
            assert "191" not in await gerda.page.locator("body").inner_text()
        await gerda.page.get_by_role("button", name="Start a new conversation").click()
        await gerda.say("What is 6 * 5?")
        await gerda.ended()
        await expect(gerda.threads).to_have_count(2)


async def test_stop_ends_the_run_on_the_server(screen: Screen) -> None:
    await screen.sign_in("hanna")
    await screen.say("a long answer")
    await expect(screen.answer).to_contain_text("5 is prime")
    await screen.page.get_by_role("button", name="Stop").press("Enter")
    await screen.ended("cancelled")
    await expect(screen.runs.last).to_contain_text("Stopped.")
    await expect(screen.page.get_by_role("button", name="Stop")).to_be_hidden()
    await expect(screen.page.get_by_role("textbox", name="Message")).to_be_focused()
    await screen.page.reload()
    await screen.ended("cancelled")


async def test_a_question_of_the_agent_is_answered(screen: Screen) -> None:
    await screen.sign_in("ines")
    await screen.say("ask me for a number")
    question = screen.runs.last.get_by_role("region", name="A question for you")
    await question.get_by_role("textbox").fill("42")
    await question.get_by_role("button", name="Answer").click()
    await screen.ended()
    await expect(question).to_contain_text("Answered: 42")
    assert "42" in await screen.said()


async def test_a_question_outlives_the_server_that_asked_it(
    screen: Screen, server: PageServer
) -> None:
    await screen.sign_in("lotte")
    await screen.say("ask me for a number")
    question = screen.runs.last.get_by_role("region", name="A question for you")
    await question.get_by_role("textbox").fill("17")
    await server.kill()
    await expect(screen.banner).to_contain_text("Reconnecting")
    await question.get_by_role("button", name="Answer").click()
    await expect(question).to_contain_text("Will be sent…")
    await server.start()
    await screen.ended()
    await expect(question).to_contain_text("Answered: 17")
    assert "17" in await screen.said()


async def test_who_scrolls_away_is_not_moved(screen: Screen) -> None:
    await screen.page.set_viewport_size({"width": 390, "height": 500})
    await screen.sign_in("jan")
    await screen.say("a long answer")
    await expect(screen.answer).to_contain_text("20 =")
    scroller = screen.page.get_by_role("region", name="Conversation", exact=True)
    await scroller.hover()
    await screen.page.mouse.wheel(0, -200)
    jump = screen.page.get_by_role("button", name="Jump to latest")
    await expect(jump).to_be_visible()
    before = await scroller.evaluate("place => place.scrollTop")
    await expect(screen.answer).to_contain_text("40 =")
    assert await scroller.evaluate("place => place.scrollTop") == before
    await jump.click()
    await expect(jump).to_be_hidden()
    await expect(screen.answer).to_contain_text("60 =")
    left = await scroller.evaluate(
        "place => place.scrollHeight - place.scrollTop - place.clientHeight"
    )
    assert left < 2
    await screen.page.get_by_role("button", name="Stop").click()
    await screen.ended("cancelled")


HOSTILE = """# Heading <script>window.hacked = 1</script>

<img src=x onerror="window.hacked = 2"> and <b>bold</b> of HTML

[click](javascript:window.hacked=3) [data](data:text/html,<script>window.hacked=4</script>)
[vb](vbscript:x) [good](https://example.com/a?b=c) <https://example.org/> <javascript:alert(1)>
![tracker](http://127.0.0.1:9/pixel.png) [JaVa](JaVaScRiPt:alert(1)) [rel](//example.net/x)

| a | b |
| - | -: |
| <svg onload=window.hacked=5> | **2** |

```html
<iframe src="javascript:parent.hacked=6"></iframe>
```
"""


async def test_unsafe_markdown_is_inert(browser: Browser, tmp_path: Path) -> None:
    async with (
        serving(tmp_path, AGENTS="page_agents:mirror") as server,
        await browser.new_context() as context,
    ):
        screen = Screen(await context.new_page(), server.url)
        await screen.sign_in("mallory")
        await screen.say(HOSTILE)
        await screen.ended()
        assert await screen.page.evaluate("() => window.hacked") is None
        inside = screen.answer.locator(
            "script, img, iframe, svg:not(.icon), b, [onload], [onerror], [style]"
        )
        assert await inside.count() == 0
        links = await screen.answer.locator("a").evaluate_all("all => all.map(one => one.href)")
        assert links == [
            "https://example.com/a?b=c",
            "https://example.org/",
            "http://127.0.0.1:9/pixel.png",
        ]
        text = await screen.said()
        assert "<script>window.hacked = 1</script>" in text
        assert '<iframe src="javascript:parent.hacked=6"></iframe>' in text
        await expect(screen.answer.locator("td.align-end strong")).to_have_text("2")
        own = (server.url, server.url.replace("http", "ws"))
        assert [url for url in screen.requests if not url.startswith(own)] == []
        assert screen.problems == []


async def test_the_reference_shows_every_operation_command_and_code(screen: Screen) -> None:
    page = screen.page
    await page.goto(f"{screen.url}docs")
    await expect(page.locator("main[aria-busy=false]")).to_be_attached()
    http = await (await page.request.get(f"{screen.url}openapi.json")).json()
    connection = await (await page.request.get(f"{screen.url}asyncapi.json")).json()
    for path, methods in http["paths"].items():
        for operation in methods.values():
            entry = page.locator(f"#http-{operation['operationId']} h3")
            assert path in await entry.inner_text()
    for name in connection["channels"]["connection"]["messages"]:
        assert await page.locator(f"#command-{name}, #event-{name}").count() == 1
    errors = await page.locator("#schema-ErrorCode").inner_text()
    for code in http["components"]["schemas"]["ErrorCode"]["enum"]:
        assert code in errors
    links = await page.locator("main a[href^='#']").evaluate_all(
        "all => all.map(one => one.hash).filter(hash => !document.getElementById(hash.slice(1)))"
    )
    assert links == []


def _only_grew(shown: list[str], final: str) -> None:
    """At every moment, what was shown was a beginning of the answer."""
    assert shown
    assert [text for text in shown if not final.startswith(text)] == []
