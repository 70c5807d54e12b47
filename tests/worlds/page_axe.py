"""Checks the accessibility of pages with axe."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from playwright.async_api import Page

_AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run(document, { runOnly: { type: "tag", values: tags } });
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ` + nodes.slice(0, 3).map(
    (node) => `${node.target.join(" ")} (${node.any.map((one) => one.message).join("; ")})`,
  ).join(" | "));
}"""

_STILL = "() => Promise.allSettled(document.getAnimations().map((one) => one.finished))"


@cache
def _program() -> str:
    return _AXE.read_text(encoding="utf-8")


async def violations(page: Page) -> list[str]:
    """axe's violations in the current page."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_program())
    # During a fade-in, axe would check the colours of that moment. An animation may also be
    # cancelled.
    await page.evaluate(_STILL)
    return list(await page.evaluate(_RUN))
