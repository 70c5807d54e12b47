"""A real browser for tests of the pages, and a person's actions in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from patience import WAIT_S

WAIT_MS = 1_000 * WAIT_S
NAMES = ("chromium", "chromium-browser", "google-chrome")
SHELL = "chromium-headless-shell"  # the same engine without a window: a third of the work
MISSING = (
    "BROWSER TESTS DID NOT RUN: no Chromium was found "
    f"(looked for {', '.join((SHELL, *NAMES))} in PATH and at THREADCAST_BROWSER)"
)
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser(names: Iterable[str] = NAMES) -> str | None:
    """Where the first Chromium of these is, or None; as a rule, one as people have it."""
    named = os.environ.get("THREADCAST_BROWSER")
    return named or next(filter(None, map(shutil.which, names)), None)


BROWSER = find_browser((SHELL, *NAMES))
NEEDS_BROWSER = pytest.mark.skipif(
    BROWSER is None and os.environ.get("CI") != "true", reason=MISSING
)
"""Where there is no browser the tests are left out, but not in continuous integration."""


@asynccontextmanager
async def launched(path: str | None) -> AsyncIterator[Browser]:
    """A browser without a window; where there is none, the test fails."""
    if path is None:
        pytest.fail(MISSING)
    expect.set_options(timeout=WAIT_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


class WatchedPage:
    """A page in a browser. Everything that goes wrong inside is kept in `problems`.

    Attributes:
        url: where what it is about is.
        requests: every address that the page asked for.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.problems: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))


class Screen(WatchedPage):
    """A page with the chat in it."""

    async def sign_in(self, name: str) -> None:
        """Open the page and sign in with a development name."""
        await self.page.goto(self.url)
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.live()

    async def live(self) -> None:
        """Wait until it has caught up."""
        await expect(self.page.locator("html[data-connection=live]")).to_be_attached()

    async def say(self, text: str) -> None:
        """Send a message."""
        await self.page.get_by_role("textbox", name="Message").fill(text)
        await self.page.keyboard.press("Enter")

    @property
    def threads(self) -> Locator:
        """The threads in the list, as links."""
        return self.page.get_by_role("navigation", name="Conversations").get_by_role("link")

    @property
    def title(self) -> Locator:
        """What is open, as its header says."""
        return self.page.get_by_role("heading", level=1)

    @property
    def banner(self) -> Locator:
        """The banner about the connection."""
        return self.page.locator(".banner")

    @property
    def user(self) -> Locator:
        """Who is signed in."""
        return self.page.locator(".user")

    @property
    def announced(self) -> Locator:
        """What screen readers are told of the conversation."""
        return self.page.locator("[data-announcements]")

    async def act(self, action: str) -> None:
        """Choose from the menu of the open thread."""
        await self.page.get_by_role("button", name="Actions for this conversation").click()
        await self.page.get_by_role("menuitem", name=action).click()

    async def sign_out(self) -> None:
        """Sign out by the menu of the account."""
        await self.page.get_by_role("button", name="Account and settings").click()
        await self.page.get_by_role("menuitem", name="Sign out").click()

    @property
    def runs(self) -> Locator:
        """Messages with what answered them."""
        return self.page.locator("article.run")

    @property
    def answer(self) -> Locator:
        """The text of the last answer."""
        return self.runs.last.locator(".prose").last

    async def ended(self, status: str = "completed") -> None:
        """Wait until the last run has ended this way."""
        await expect(self.runs.last).to_have_attribute("data-status", status)

    async def said(self) -> str:
        """The text of the last answer, as it is in the document."""
        return (await self.answer.text_content()) or ""

    async def watch(self) -> None:
        """Keep every text of the last answer that is ever shown, for `shown`."""
        await self.page.evaluate(_WATCH)

    async def shown(self) -> list[str]:
        """The texts that were shown since `watch`, without repetitions."""
        return list(await self.page.evaluate("() => window.shownTexts"))


_WATCH = """() => {
  window.shownTexts = [];
  new MutationObserver(() => {
    const run = [...document.querySelectorAll("article.run")].at(-1);
    const pieces = [...run?.querySelectorAll(".prose") ?? []].map((piece) => piece.textContent);
    const text = pieces.join("");
    if (text !== "" && text !== window.shownTexts.at(-1)) window.shownTexts.push(text);
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
