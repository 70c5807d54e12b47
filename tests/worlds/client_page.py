"""A page with only the TypeScript client, on a server with the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from node_program import ROOT, run_node
from page_browser import WatchedPage
from threadcast.agents.demo import demo_agent
from threadcast.app import Threadcast
from threadcast.edge import EdgeLimits, ServeOptions, build_server
from threadcast.page.policy import page_headers
from threadcast.settings import Settings

_SOURCES = ROOT / "clients" / "typescript" / "src"
BUNDLE_MAX_S = 60.0
_PAGE = '<!doctype html><title>Client</title><script type="module" src="page.js"></script>'
_SCRIPT = """
import { ChatClient, textOf } from "SOURCES/chat.ts";
import { ownTransports } from "SOURCES/index.ts";
import { sharedBy } from "SOURCES/shared.ts";
const headers = { "Content-Type": "application/json" };
window.begin = (user, { isShared = false, ...options } = {}) => {
  const token = async () => {
    const body = JSON.stringify({ user });
    const answer = await fetch("/dev/token", { method: "POST", headers, body });
    return (await answer.json()).token;
  };
  const url = new URL("/", location.href);
  const script = new URL("shared_worker.js", import.meta.url);
  const transports = isShared ? [sharedBy(script), ...ownTransports] : ownTransports;
  window.seen = [];
  window.client = new ChatClient({ url, token, storage: localStorage, transports, ...options });
  client.on("*", (event) => seen.push(event));
  client.start();
};
window.answerOf = (threadId, runId) => {
  const run = client.state.threads.get(threadId)?.history?.runs.get(runId);
  return run?.status === "completed" ? textOf(run) : null;
};
window.isThere = true;
"""


async def bundle(folder: Path) -> None:
    """Bundle a page's script and the shared worker, as an application would."""
    page = folder / "source" / "page.js"
    page.parent.mkdir()
    page.write_text(_SCRIPT.replace("SOURCES", str(_SOURCES)), encoding="utf-8")
    for script in (page, _SOURCES / "shared_worker.ts"):
        status, written = await run_node(
            str(ROOT / "node_modules" / "rolldown" / "bin" / "cli.mjs"),
            str(script),
            "--dir",
            str(folder),
            folder=ROOT,
            within_s=BUNDLE_MAX_S,
        )
        assert status == 0, written


@asynccontextmanager
async def client_pages(
    folder: Path, bundles: Path, *, websockets: bool = True
) -> AsyncIterator[str]:
    """A server with the page, under the chat pages' content security policy; its address.

    Args:
        folder: where the database is.
        bundles: what `bundle` made.
        websockets: whether WebSockets are let through.
    """

    async def loaded(request: Request) -> Response:
        name = request.path_params["name"]
        content = (bundles / name).read_bytes() if name else _PAGE.encode()
        kind = "text/javascript" if name else "text/html"
        return Response(content, headers=page_headers(), media_type=kind)

    settings = Settings(
        dev=True,
        jwt_secret="a secret of this test, 32 bytes long",
        database_url=f"sqlite:///{folder}/t.db",
    )
    threadcast = Threadcast(settings, [demo_agent(pace_s=0.01)], listens_on="127.0.0.1")
    app = Starlette(
        routes=[Route("/client/{name:path}", loaded), Mount("/", threadcast.asgi())],
        lifespan=threadcast.lifespan,
    )

    async def blocking(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # like a proxy without support for them
            await send({"type": "websocket.close"})
        else:
            await app(scope, receive, send)

    serving = app if websockets else blocking
    options = ServeOptions()
    server = build_server(serving, host="127.0.0.1", port=0, limits=EdgeLimits(), options=options)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await server.wait_ready()
        try:
            yield f"http://127.0.0.1:{server.bound_port}/client/"
        finally:
            server.stop()


class ClientPage(WatchedPage):
    """One page with the client in it."""

    @classmethod
    async def opened(cls, context: BrowserContext, url: str) -> ClientPage:
        """A new page, loaded."""
        page = cls(await context.new_page(), url)
        await page.page.goto(url)
        await page.until("window.isThere")
        return page

    async def begin(self, user: str, **options: Any) -> None:
        """Create the client of this user, and wait until it is live."""
        await self.start(user, **options)
        await self.until("client.status.phase === 'live'")

    async def start(self, user: str, **options: Any) -> None:
        """Create the client of this user."""
        await self.page.evaluate("([user, options]) => begin(user, options)", [user, options])

    async def reload(self) -> None:
        """Load the page again."""
        await self.page.reload()
        await self.until("window.isThere")

    async def until(self, condition: str) -> None:
        """Wait for a condition."""
        await self.page.wait_for_function(f"() => {condition}")

    async def say(self, text: str) -> tuple[str, str]:
        """Send a message and open its thread: the thread's id and the run's."""
        sent = await self.page.evaluate("(text) => client.send(text)", text)
        await self.follow(sent["thread_id"])
        return sent["thread_id"], sent["run_id"]

    async def follow(self, thread_id: str) -> None:
        """Open a thread."""
        await self.page.evaluate("(id) => client.open(id)", thread_id)

    async def answer(self, thread_id: str, run_id: str) -> str:
        """The whole answer of a run in the open thread, once it is there."""
        found = await self.page.wait_for_function(
            "([thread, run]) => answerOf(thread, run)", arg=[thread_id, run_id]
        )
        return str(await found.json_value())

    async def connections(self) -> int:
        """The number of this user's connections on the server."""
        return int(
            await self.page.evaluate(
                """async () => {
                  const user = client.user;
                  const headers = { "Content-Type": "application/json" };
                  const body = JSON.stringify({ user });
                  const minted = await fetch("/dev/token", { method: "POST", headers, body });
                  const { token } = await minted.json();
                  const own = { Authorization: `Bearer ${token}` };
                  const answer = await fetch("/v1/connections", { headers: own });
                  return (await answer.json()).connections.length;
                }"""
            )
        )
