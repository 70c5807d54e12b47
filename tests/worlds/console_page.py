"""The operator's console in a browser, and users that give it something to show."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
from playwright.async_api import Locator, Page, expect

from page_browser import WAIT_MS, WatchedPage
from threadcast import Event, connect
from threadcast.client.client import Client

VIEWS = ("Overview", "Users", "Runs", "Nodes", "Actions")


class Console(WatchedPage):
    """A page with the console in it."""

    def __init__(self, page: Page, url: str) -> None:
        super().__init__(page, f"{url.rstrip('/')}/console")

    async def sign_in(self, name: str = "olga") -> None:
        """Open the page and sign in with a development name."""
        await self.page.goto(self.url)
        await self.page.get_by_label("Name").fill(name)
        await self.page.keyboard.press("Enter")
        await expect(self.verdict).to_be_visible()

    async def show_token(self, token: str) -> None:
        """Open the page and pass it a token."""
        await self.page.goto(self.url)
        if await self.page.get_by_role("button", name="Use a token instead").is_visible():
            await self.page.get_by_role("button", name="Use a token instead").click()
        await self.page.get_by_label("Token").fill(token)
        await self.page.keyboard.press("Enter")

    @property
    def verdict(self) -> Locator:
        """The sentence of the verdict."""
        return self.page.get_by_label("State", exact=True).get_by_role("heading", level=1)

    @property
    def heading(self) -> Locator:
        """The name of the open view."""
        return self.page.get_by_role("main").get_by_role("heading", level=1)

    async def open(self, view: str) -> None:
        """Go to a view by its link."""
        link = self.page.get_by_role("navigation").get_by_role("link", name=view)
        await link.click()
        await expect(link).to_have_attribute("aria-current", "page")

    async def look_up(self, what: str, sought: str) -> None:
        """Look up a user or a run; `what` is the name of the view."""
        await self.open(what)
        await expect(self.heading).to_have_text(what)  # not the view of one that was looked up
        await self.page.get_by_role("searchbox").fill(sought)
        await self.page.keyboard.press("Enter")
        await expect(self.heading).to_contain_text(sought)

    def panel(self, title: str) -> Locator:
        """The panel with this heading."""
        return self.page.get_by_role("region", name=title, exact=True).first

    def tile(self, name: str) -> Locator:
        """The figure with this name."""
        return self.page.locator("dl > div").filter(has=self.page.get_by_text(name, exact=True))

    def row(self, *texts: str) -> Locator:
        """The table row with all of these texts."""
        found = self.page.get_by_role("row")
        for text in texts:
            found = found.filter(has_text=text)
        return found.first

    async def confirm(self, verb: str, target: str, reason: str = "") -> Locator:
        """Type the target into the open dialog, confirm, and return the result."""
        dialog = self.page.get_by_role("dialog")
        act = dialog.get_by_role("button", name=verb, exact=True)
        await expect(act).to_be_disabled()
        await dialog.get_by_label(re.compile("to confirm")).fill(target)
        await dialog.get_by_label(re.compile("^Reason")).fill(reason)
        await act.click()
        await expect(dialog.get_by_role("heading", name=re.compile("Done|Begun"))).to_be_visible()
        return dialog


async def token(url: str, user_id: str, *scopes: str) -> str:
    """A token for a development server."""
    body = {"user": user_id, "scopes": list(scopes)}
    async with httpx2.AsyncClient(base_url=url) as client:
        answer = await client.post("/dev/token", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


async def asked(url: str, path: str, **body: Any) -> dict[str, Any]:
    """The server's answer to an operator; with a body, to a POST."""
    headers = {"authorization": f"Bearer {await token(url, 'tester', 'ops')}"}
    async with httpx2.AsyncClient(base_url=url, headers=headers) as client:
        answer = await (client.post(path, json=body) if body else client.get(path))
    assert answer.status_code == 200, answer.text
    return cast("dict[str, Any]", answer.json())


@asynccontextmanager
async def connected(url: str, user_id: str) -> AsyncIterator[Client]:
    """A user with one device."""
    async with connect(url, await token(url, user_id)) as client:
        yield client


async def until(client: Client, run_id: str, event_type: str) -> Event:
    """Read on to this event of a run."""
    async with asyncio.timeout(WAIT_MS / 1_000):
        async for item in client:
            if isinstance(item, Event) and (item.run_id, item.event_type) == (run_id, event_type):
                return item
    raise AssertionError("the client was closed")


async def answered(client: Client, text: str) -> str:
    """Send a message and read its whole answer; the run's id."""
    sent = await client.send_message(text)
    await until(client, sent.run_id, "agent_completed")
    return sent.run_id


async def asking(client: Client) -> str:
    """The id of a run that waits for a person's answer."""
    sent = await client.send_message("ask me for a number")
    await until(client, sent.run_id, "input_requested")
    return sent.run_id
