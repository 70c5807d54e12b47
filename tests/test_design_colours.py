"""The colours that are made of the accent: they follow whatever accent a page gives, legibly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Page

from doc_pages import ROOT
from page_browser import BROWSER, NEEDS_BROWSER, launched

TOKENS = (ROOT / "web" / "src" / "design" / "tokens.css").read_text(encoding="utf-8")
TEXT_CONTRAST_MIN = 4.5
SHIPPED, PURPLE = "light-dark(#0f766e, #5ec8ba)", "light-dark(#7a3e9d, #cba3e6)"
_DRAWN = """
(name) => {
  const drawn = document.createElement("canvas").getContext("2d", { colorSpace: "srgb" });
  document.body.style.color = `var(${name})`;
  drawn.fillStyle = getComputedStyle(document.body).color;
  drawn.fillRect(0, 0, 1, 1);
  return [...drawn.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
"""

pytestmark = [NEEDS_BROWSER, pytest.mark.asyncio(loop_scope="module")]


class Palette:
    """A page that has nothing but the variables."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def show(self, accent: str, scheme: Literal["light", "dark"]) -> None:
        """Take another accent, in a light or a dark system."""
        await self._page.emulate_media(color_scheme=scheme)
        own = f":root {{ --tc-accent: {accent}; }}"
        await self._page.set_content(f"<style>{TOKENS}{own}</style>")

    async def drawn(self, name: str) -> list[int]:
        """Red, green and blue of the variable's colour, 0..255 each."""
        drawn: list[int] = await self._page.evaluate(_DRAWN, f"--tc-{name}")
        return drawn

    async def luminance(self, name: str) -> float:
        """How bright the variable's colour is, 0..1."""
        red, green, blue = (_linear(byte / 255) for byte in await self.drawn(name))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    async def contrast(self, text: str, ground: str) -> float:
        """Of one variable's colour on another's, 1..21."""
        dark, light = sorted([await self.luminance(text), await self.luminance(ground)])
        return (light + 0.05) / (dark + 0.05)


def _linear(part: float) -> float:
    return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def palette() -> AsyncIterator[Palette]:
    async with launched(BROWSER) as browser:
        yield Palette(await browser.new_page())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("accent", [SHIPPED, PURPLE])
async def test_texts_are_legible_on_what_follows_the_accent(
    palette: Palette, accent: str, scheme: Literal["light", "dark"]
) -> None:
    await palette.show(accent, scheme)
    for text, ground in (
        ("accent-ink", "accent"),
        ("accent-ink", "accent-strong"),
        ("accent", "accent-soft"),
        ("accent-strong", "accent-soft"),
        ("ink", "accent-soft"),
        ("soft", "accent-soft"),
    ):
        assert await palette.contrast(text, ground) >= TEXT_CONTRAST_MIN, (text, ground)


@pytest.mark.parametrize("accent", ["#facc15", "#111", "#777", "#e11d48", "rebeccapurple", "#fff"])
async def test_what_is_written_on_any_accent_is_legible(palette: Palette, accent: str) -> None:
    await palette.show(accent, "light")
    assert await palette.contrast("accent-ink", "accent") >= TEXT_CONTRAST_MIN


@pytest.mark.parametrize("name", ["accent-strong", "accent-soft"])
async def test_it_is_of_the_hue_of_the_accent(palette: Palette, name: str) -> None:
    for accent, strongest in (("#b91c1c", 0), ("#15803d", 1), ("#1d4ed8", 2)):
        await palette.show(accent, "light")
        drawn = await palette.drawn(name)
        assert max(drawn) == drawn[strongest]
        assert max(drawn) - min(drawn) > 12
