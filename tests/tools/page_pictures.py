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

from PIL import Image, ImageChops, ImageDraw, ImageFilter
from playwright.async_api import Browser, Page, ViewportSize, expect

from console_page import Console, connected
from page_browser import MISSING, Screen, find_browser, launched
from page_server import PageServer, serving
from picture_agents import FOLLOW_UP, QUESTION, TITLES
from threadcast import Event

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
Scheme = Literal["light", "dark"]
MAX_BYTES = 160_000
COLOURS = 256
LAPTOP = ViewportSize(width=1240, height=800)
PHONE = ViewportSize(width=390, height=844)
CONSOLE = ViewportSize(width=1360, height=940)
SCALE = 1.5
PEOPLE, BUSY_S = 12, 240.0
BACKGROUND, SHADOW = (231, 233, 232), (80, 88, 86)


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
        laptop = await _chat(browser, server, "light", LAPTOP)
        phone = await _chat(browser, server, "dark", PHONE)
        _keep(_together(laptop, phone), "chat")
        _keep(phone, "phone")


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
    browser: Browser, server: PageServer, scheme: Scheme, size: ViewportSize
) -> Image.Image:
    async with await browser.new_context(
        viewport=size, color_scheme=scheme, device_scale_factor=SCALE
    ) as context:
        screen = Screen(await context.new_page(), server.url)
        await screen.sign_in("ada")
        await _open(screen)
        return _image(await screen.page.screenshot())


async def _console(browser: Browser, server: PageServer) -> None:
    """The console's overview, after some activity."""
    async with asyncio.TaskGroup() as people:
        talks = [
            people.create_task(_talk(server, f"user-{number}", number * BUSY_S / PEOPLE / 2))
            for number in range(PEOPLE)
        ]
        await asyncio.sleep(BUSY_S)  # the charts need some history
        async with await browser.new_context(
            viewport=CONSOLE, color_scheme="dark", device_scale_factor=SCALE
        ) as context:
            console = Console(await context.new_page(), server.url)
            await console.sign_in()
            await expect(console.verdict).to_have_text("All promises hold.")
            await console.page.get_by_text("10 min", exact=True).click()
            await _rest(console.page)
            _keep(_image(await console.page.screenshot()), "console")
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


def _image(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGB")


def _together(laptop: Image.Image, phone: Image.Image) -> Image.Image:
    """Two screens of one user in one picture: the phone stands before the laptop's corner."""
    phone = phone.resize((phone.width * 3 // 4, phone.height * 3 // 4), Image.Resampling.LANCZOS)
    margin, aside = 48, phone.width - 120
    size = (margin * 2 + laptop.width + aside, margin * 2 + laptop.height + margin)
    whole = Image.new("RGB", size, BACKGROUND)
    _paste(whole, laptop, (margin, margin), radius=20)
    at = (size[0] - margin - phone.width, size[1] - margin - phone.height)
    _paste(whole, phone, at, radius=48)
    return whole


def _paste(whole: Image.Image, picture: Image.Image, at: tuple[int, int], *, radius: int) -> None:
    """Paste a picture with round corners and a soft shadow."""
    corners = Image.new("L", picture.size, 0)
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, *picture.size), radius, fill=255)
    shadow = Image.new("L", whole.size, 0)
    shadow.paste(corners, (at[0], at[1] + 10))
    shadow = ImageChops.multiply(
        shadow.filter(ImageFilter.GaussianBlur(16)), Image.new("L", whole.size, 150)
    )
    whole.paste(Image.new("RGB", whole.size, SHADOW), (0, 0), shadow)
    whole.paste(picture, at, corners)


def _keep(image: Image.Image, name: str) -> None:
    """Write it with few colours, for a small file; text stays sharp."""
    small = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    file = IMAGES / f"{name}.png"
    small.save(file, optimize=True)
    size = file.stat().st_size
    print(f"{file.relative_to(Path.cwd())}: {image.width}x{image.height}, {size:,} bytes")
    if size > MAX_BYTES:
        sys.exit(f"{file.name} has {size:,} bytes, expected at most {MAX_BYTES:,}")


if __name__ == "__main__":
    asyncio.run(main())
