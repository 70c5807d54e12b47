"""The pages under a prefix, in a real browser.

The prefix is that of somebody else's application, or that of a proxy which takes it away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.routing import Mount

from page_browser import BROWSER, NEEDS_BROWSER, Screen, launched
from stripping_proxy import stripping
from threadcast.agents.demo import demo_agent
from threadcast.app import Threadcast
from threadcast.edge import EdgeLimits, ServeOptions, build_server
from threadcast.settings import Settings

pytestmark = NEEDS_BROWSER


Place = Callable[[Path], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def mounted(folder: Path) -> AsyncIterator[str]:
    """A server with Threadcast at `/chat`: the address of its page."""
    async with listening(folder, "/chat") as port:
        yield f"http://127.0.0.1:{port}/chat/"


@asynccontextmanager
async def behind_a_proxy(folder: Path) -> AsyncIterator[str]:
    """A server that knows of no prefix, behind a proxy that takes one away."""
    async with listening(folder, "") as port, stripping("/deep/chat", port, folder) as url:
        yield url


@asynccontextmanager
async def listening(folder: Path, prefix: str) -> AsyncIterator[int]:
    """A server with Threadcast at a prefix: its port."""
    settings = Settings(
        dev=True,
        jwt_secret="a secret of this test, 32 bytes long",
        database_url=f"sqlite:///{folder}/t.db",
    )
    threadcast = Threadcast(settings, [demo_agent(pace_s=0)], listens_on="127.0.0.1")
    app = Starlette(routes=[Mount(prefix, threadcast.asgi())], lifespan=threadcast.lifespan)
    options = ServeOptions(websocket_paths=(f"{prefix}/v1/ws",))
    server = build_server(app, host="127.0.0.1", port=0, limits=EdgeLimits(), options=options)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await server.wait_ready()
        try:
            yield server.bound_port
        finally:
            server.stop()


@pytest.mark.parametrize("place", [mounted, behind_a_proxy])
async def test_everything_works_under_a_prefix(tmp_path: Path, place: Place) -> None:
    async with place(tmp_path) as url, launched(BROWSER) as browser:
        screen = Screen(await browser.new_page(), url)
        await screen.sign_in("ada")
        await screen.say("What is 15% of 240?")
        await screen.ended()
        await screen.page.reload()
        await screen.ended()
        assert "36" in await screen.said()
        await screen.page.goto(f"{url}docs")
        await expect(screen.page.locator("main[aria-busy=false]")).to_be_attached()
        await expect(screen.page.locator("#command-send_message")).to_be_visible()
        own = (url, url.replace("http", "ws"))
        assert [one for one in screen.requests if not one.startswith(own)] == []
        assert screen.problems == []
        await screen.page.close()
