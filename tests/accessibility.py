"""What axe finds wrong with a page for people who do not see it, or do not use a mouse.

axe comes with `web`'s development packages. It is handed to the page past its content policy, as
the browser's own tools would.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from playwright.async_api import Page

_AXE = Path(__file__).resolve().parent.parent / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => {
  const found = await window.axe.run(document, { resultTypes: ["violations"] });
  return found.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${rule.help}: ${node.target.join(" ")}`));
}"""


async def violations(page: Page) -> list[str]:
    """Everything that axe objects to in the page as it is: rule, what it asks for, where."""
    await page.evaluate(_axe())
    return list(await page.evaluate(_RUN))


@cache
def _axe() -> str:
    assert _AXE.exists(), "scripts/test installs it (`node_modules` of scripts/web.sh)"
    return _AXE.read_text(encoding="utf-8")
