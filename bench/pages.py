"""How soon a browser with an empty cache shows the chat page, over loopback."""

from __future__ import annotations

from statistics import median

from playwright.async_api import Browser

from page_browser import MISSING, find_browser, launched

from .figures import Figure, percentile
from .server import Server

_SHOWN = "first-contentful-paint"
# The entry may come after the load event: wait for it.
_WAIT = f"""() => new Promise((done) => {{
  new PerformanceObserver((list, observer) => {{
    const entry = list.getEntriesByName("{_SHOWN}")[0];
    if (entry === undefined) return;
    observer.disconnect();
    done(entry.startTime);
  }}).observe({{ type: "paint", buffered: true }});
}})"""


async def paints(server: Server, *, loads: int) -> list[Figure]:
    """Load the page with an empty cache.

    Args:
        server: a running server with built pages.
        loads: how often (1..100); the first includes starting the browser's processes.
    """
    if (path := find_browser()) is None:
        raise RuntimeError(MISSING)
    async with launched(path) as browser:
        found = [await _cold(browser, server) for _ in range(loads)]
    note = f"an empty cache each time; Chromium shares a core with this program; {loads} loads"
    shown_ms = [shown for shown, _ in found]
    kib = median(size for _, size in found) / 1024
    name = "first paint of the chat page"
    return [
        Figure(f"{name}, p50", median(shown_ms), "ms", 1_000.0, note=note),
        Figure(f"{name}, p95", percentile(shown_ms, 0.95), "ms", 1_000.0, note=note),
        Figure("sent for it, compressed", kib, "KiB", note="documents, scripts, styles, pictures"),
    ]


async def _cold(browser: Browser, server: Server) -> tuple[float, float]:
    """Milliseconds until the first paint, and the bytes sent for it."""
    context = await browser.new_context()
    try:
        page = await context.new_page()
        await page.goto(f"http://127.0.0.1:{server.port}/")
        shown_ms = float(await page.evaluate(_WAIT))
        size = await page.evaluate(
            "() => ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))"
            ".reduce((sum, { transferSize }) => sum + transferSize, 0)"
        )
        return shown_ms, float(size)
    finally:
        await context.close()
