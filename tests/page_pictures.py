"""Takes the pictures of docs/images from the real pages and a real server. Run by scripts/pictures.

A person must look at the pictures before they are committed.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import sys
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.async_api import Browser, Page, ViewportSize, expect

from console_page import Console, connected
from page_browser import MISSING, Screen, find_browser, launched
from page_server import PageServer, serving
from picture_agents import FOLLOW_UP, QUESTION, TITLES
from threadcast import Event

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
Scheme = Literal["light", "dark"]
MAX_BYTES = 120_000
COLOURS = 128
WIDE = ViewportSize(width=1360, height=860)
CONSOLE = ViewportSize(width=1360, height=940)
PEOPLE, BUSY_S = 12, 75.0
PHONE = ViewportSize(width=390, height=844)


async def main() -> None:
    """Take all of them."""
    if (path := find_browser()) is None:
        sys.exit(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="threadcast-pictures-"))
    (folder / "console").mkdir()
    settings = {"AGENTS": "picture_agents:assistant"}
    busy = {"AGENTS": "picture_agents:talker", "CONSOLE": "true"}
    async with (
        serving(folder, **settings) as server,
        serving(folder / "console", **busy) as other,
        launched(path) as browser,
        asyncio.TaskGroup() as work,
    ):
        work.create_task(_console(browser, other))  # most of it is waiting
        await _conversations(browser, server)
        await _chat(browser, server, "light", WIDE, "chat")
        await _chat(browser, server, "dark", PHONE, "phone")


async def _conversations(browser: Browser, server: PageServer) -> None:
    """The chat's pictures: a list of threads and an open one."""
    async with await browser.new_context() as context:
        screen = Screen(await context.new_page(), server.url)
        await screen.sign_in("ada")
        for title in reversed(TITLES):
            await screen.say(title)
            await screen.ended()
            await screen.page.get_by_role("button", name="New conversation").click()
        await screen.say(QUESTION)
        await screen.ended()
        await screen.say(FOLLOW_UP)
        await expect(screen.runs.last).to_contain_text("watch_latency")


async def _chat(
    browser: Browser, server: PageServer, scheme: Scheme, size: ViewportSize, name: str
) -> None:
    async with await browser.new_context(
        viewport=size, color_scheme=scheme, device_scale_factor=1.5
    ) as context:
        screen = Screen(await context.new_page(), server.url)
        await screen.sign_in("ada")
        await _open(screen)
        _keep(await screen.page.screenshot(), name)


async def _console(browser: Browser, server: PageServer) -> None:
    """The console's overview, after some activity."""
    async with asyncio.TaskGroup() as people:
        talks = [
            people.create_task(_talk(server, f"user-{number}", number * BUSY_S / PEOPLE / 2))
            for number in range(PEOPLE)
        ]
        await asyncio.sleep(BUSY_S)  # the charts need some history
        async with await browser.new_context(
            viewport=CONSOLE, color_scheme="dark", device_scale_factor=1.5
        ) as context:
            console = Console(await context.new_page(), server.url)
            await console.sign_in()
            await expect(console.verdict).to_have_text("All promises hold.")
            await _rest(console.page)
            _keep(await console.page.screenshot(), "console")
        for talk in talks:
            talk.cancel()


async def _talk(server: PageServer, user_id: str, after_s: float) -> None:
    await asyncio.sleep(after_s)
    async with connected(server.url, user_id) as client:
        for number in itertools.count():
            sent = await client.send_message("and then? " + "." * number)
            async for item in client:  # even on a busy machine
                if isinstance(item, Event) and (item.run_id, item.event_type) == (
                    sent.run_id,
                    "agent_completed",
                ):
                    break


async def _open(screen: Screen) -> None:
    """Open the latest thread and scroll to its end."""
    if not await screen.threads.first.is_visible():
        await screen.page.get_by_role("button", name="conversations").first.click()
    await screen.threads.first.click()
    await expect(screen.runs.last).to_contain_text("watch_latency")
    await _rest(screen.page)


async def _rest(page: Page) -> None:
    """Wait for animations to end."""
    await page.evaluate(
        "() => Promise.all(document.getAnimations().map(({ finished, effect }) =>"
        " effect.getComputedTiming().iterations === Infinity ? null : finished))"
    )


def _keep(picture: bytes, name: str) -> None:
    """Write it with few colours, for a small file; text stays sharp."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    small = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    file = IMAGES / f"{name}.png"
    small.save(file, optimize=True)
    size = file.stat().st_size
    print(f"{file.relative_to(Path.cwd())}: {image.width}x{image.height}, {size:,} bytes")
    if size > MAX_BYTES:
        sys.exit(f"{file.name} has {size:,} bytes, expected at most {MAX_BYTES:,}")


if __name__ == "__main__":
    asyncio.run(main())
