"""The guide to embedding, word for word, and the example that it names, in a real browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, expect

from doc_pages import ROOT, blocks, files_of
from embedding_site import EXAMPLE, uvicorn
from page_browser import BROWSER, NEEDS_BROWSER, WAIT_MS, launched

GUIDE = ROOT / "docs" / "guides" / "embedding.md"
TEXT = GUIDE.read_text(encoding="utf-8")
SOURCE = ROOT / "web" / "src"
WHITE = "rgb(255, 255, 255)"


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    async with launched(BROWSER) as browser:
        yield await page_of(browser)


async def page_of(browser: Browser) -> Page:
    """A page that fails the test for whatever its policy forbids."""
    page = await browser.new_page()
    page.set_default_timeout(WAIT_MS)
    await page.add_init_script(_KEEP_WHAT_IS_FORBIDDEN)
    return page


_KEEP_WHAT_IS_FORBIDDEN = """
addEventListener("securitypolicyviolation", (event) => {
  (window.forbidden ??= []).push(`${event.effectiveDirective} ${event.blockedURI}`);
});
"""


async def ask(page: Page, text: str, answer: str) -> None:
    """Ask the chat in the page, and wait for the end of its answer."""
    field = page.locator("threadcast-chat").get_by_role("textbox", name="Message")
    await field.fill(text)
    await field.press("Enter")
    run = page.locator("threadcast-chat article.run").last
    await expect(run).to_have_attribute("data-status", "completed")
    await expect(run).to_contain_text(answer)


def rows(heading: str) -> Iterator[str]:
    """The first cells of the tables below a heading of the guide."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield line.split("|")[1].strip()


def words(cells: Iterator[str]) -> set[str]:
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


@NEEDS_BROWSER
async def test_the_guide_gives_a_page_with_a_chat(tmp_path: Path, page: Page) -> None:
    for name, code in files_of(GUIDE).items():
        (tmp_path / name).write_text(code)
    [html] = [
        one.code for one in blocks(GUIDE, "html") if one.code.startswith("<!-- page.html -->")
    ]
    (tmp_path / "page.html").write_text(html)
    assert "uvicorn app:app --ws-max-size 262144" in TEXT

    async with uvicorn("app:app", tmp_path) as url:
        await page.goto(url)
        [listener] = blocks(GUIDE, "js")
        await page.evaluate(listener.code)
        await page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
        await ask(page, "What is 15% of 240?", "36")
        await expect(page).to_have_title("(1) My product")
        own_page = await page.request.get(f"{url}chat/")
        assert own_page.ok
        browser = page.context.browser
        assert browser is not None
        await look_by_phone_in_the_dark(browser, url)
        await page.close()


async def look_by_phone_in_the_dark(browser: Browser, url: str) -> None:
    """The guide's page is as wide as the phone, and as dark as the chat in it."""
    size = ViewportSize(width=390, height=844)
    phone = await browser.new_context(viewport=size, is_mobile=True, color_scheme="dark")
    page = await phone.new_page()
    await page.goto(url)
    chat = page.locator("threadcast-chat")
    await expect(chat.get_by_role("button", name="Conversations")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == size["width"]
    await expect(page.get_by_role("heading", name="My product")).to_have_css("color", WHITE)
    await phone.close()


@NEEDS_BROWSER
async def test_the_shop_of_the_example_has_a_chat_of_its_customer(
    tmp_path: Path, page: Page
) -> None:
    async with uvicorn("app:app", tmp_path, "--app-dir", str(EXAMPLE)) as url:
        await page.goto(url)
        await page.get_by_label("Your name").fill("ada")
        await page.get_by_role("button", name="Sign in").click()
        await ask(page, "What is 15% of 240?", "36")
        await page.reload()
        await page.locator("threadcast-chat").get_by_role("link", name="What is 15%").click()
        await expect(page.locator("threadcast-chat article.run")).to_contain_text("36")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Your name")).to_be_visible()
        assert await page.evaluate("window.forbidden ?? []") == []
        await page.close()


def test_the_readme_of_the_example_says_what_the_program_says() -> None:
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    program = (EXAMPLE / "app.py").read_text(encoding="utf-8")
    [shell] = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    for line in shell.splitlines():
        assert line in program
        assert line in TEXT


def test_the_guide_names_every_attribute_property_and_event() -> None:
    element = (SOURCE / "element" / "threadcast_chat.tsx").read_text(encoding="utf-8")
    [observed] = re.findall(r"observedAttributes = \[(.*?)\]", element, re.DOTALL)
    assert words(rows("Attributes")) == {*re.findall(r'"([a-z-]+)"', observed), "theme"}

    public = set(re.findall(r"^  (?:get |set )?([a-z]\w+)\(", element, re.MULTILINE))
    callbacks = {name for name in public if name.endswith("Callback")} | {"constructor"}
    named = {word.split("(")[0] for word in words(rows("Properties and methods"))}
    assert named == public - callbacks

    types = (ROOT / "clients" / "typescript" / "src" / "element.ts").read_text(encoding="utf-8")
    events = types.split("interface ThreadcastChatEvents")[1].split("\n}\n")[0]
    assert words(rows("Events")) == set(re.findall(r'^  "(threadcast-[a-z]+)":', events, re.M))


def test_the_guide_names_variables_that_there_are() -> None:
    tokens = (SOURCE / "design" / "tokens.css").read_text(encoding="utf-8")
    there = set(re.findall(r"^  (--tc-[\w-]+):", tokens, re.MULTILINE))
    named = {word for word in words(rows("Looks")) if word.startswith("--")}
    assert len(named) > 20
    assert named - there == set()
