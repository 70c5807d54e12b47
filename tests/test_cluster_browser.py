"""Two browsers at two nodes of a cluster, and every process killed in turn: the chat goes on.

Nothing may be lost or doubled: both pages show the same answers as the journal has, and the same
again after they have been loaded anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Browser, expect

from cluster import Cluster, Node, cluster
from nats_server import NatsServer
from page_browser import BROWSER, NEEDS_BROWSER, Screen, launched
from postgres_server import PostgresServer

COUNT = 60
COUNTED = " ".join(str(number) for number in range(1, COUNT + 1)) + "."
LEASE_S = 1.0
SETTINGS = {"DEV": "true", "LEASE_S": str(LEASE_S), "HEAD_POLL_S": "0.2", "LOG_LEVEL": "error"}

pytestmark = NEEDS_BROWSER


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A server of its own, to be killed."""
    server = PostgresServer()
    server.start()
    yield server
    server.close()


@asynccontextmanager
async def page_at_the_front(browser: Browser, running: Cluster) -> AsyncIterator[Screen]:
    """A browser of its own that is signed in as ann."""
    async with await browser.new_context() as context:
        screen = Screen(await context.new_page(), running.url)
        await screen.sign_in("ann")
        yield screen


async def connections_of(node: Node) -> int:
    """How many connections this node has now."""
    async with httpx2.AsyncClient() as client:
        metrics = (await client.get(f"{node.url}/metrics")).text
    lines = [line for line in metrics.splitlines() if line.startswith("threadcast_connections ")]
    return int(float(lines[0].split()[1]))


async def both_have(pages: tuple[Screen, Screen], count: int) -> None:
    """Wait until both pages show so many runs, the last with its whole answer, exactly once."""
    for page in pages:
        await page.live()
        await expect(page.runs).to_have_count(count)
        await page.ended()
        assert (await page.said()).count(COUNTED) == 1
    assert await texts(pages[0]) == await texts(pages[1])


async def texts(page: Screen) -> list[str]:
    """Every message and answer of the conversation."""
    return await page.runs.locator(".bubble, .prose").all_text_contents()


async def at_two_nodes(pages: tuple[Screen, Screen], running: Cluster) -> None:
    """Have the second page connect again until each node has one of them."""
    for _ in range(10):
        if [await connections_of(node) for node in running.nodes] == [1, 1]:
            return
        await pages[1].page.reload()
        await pages[1].live()
    raise AssertionError("the front gave both pages to one node, ten times")


async def killed(victim: Node | NatsServer | PostgresServer) -> None:
    """End it at once; a database is back at once, too, for nothing goes on without it."""
    if isinstance(victim, Node):
        await victim.kill()
    elif isinstance(victim, NatsServer):
        await asyncio.to_thread(victim.stop, kill=True)
    else:
        await asyncio.to_thread(victim.stop, immediate=True)
        await asyncio.to_thread(victim.start)


async def started_again(victim: Node | NatsServer | PostgresServer) -> None:
    """As it was before."""
    if isinstance(victim, Node):
        await victim.start()
    elif isinstance(victim, NatsServer):
        await asyncio.to_thread(victim.start)


async def test_the_chat_goes_on_whatever_is_killed(
    tmp_path: Path, postgres: PostgresServer, nats: NatsServer
) -> None:
    async with (
        launched(BROWSER) as browser,
        cluster(
            *(tmp_path, postgres), nodes=2, bus=nats, agents="page_agents:quick", settings=SETTINGS
        ) as running,
        page_at_the_front(browser, running) as here,
        page_at_the_front(browser, running) as there,
    ):
        pages = (here, there)
        await at_two_nodes(pages, running)
        victims: list[Node | NatsServer | PostgresServer] = [*running.nodes, nats, postgres]
        for number, victim in enumerate(victims, start=1):
            await here.say(f"count to {COUNT}")
            if number == 1:
                await there.threads.click()
            await expect(there.runs).to_have_count(number)
            await expect(there.answer).to_contain_text(" 10 ")
            await killed(victim)
            await both_have(pages, number)
            await started_again(victim)
        shown = await texts(here)
        for page in pages:
            await page.page.reload()
            await page.live()
        await both_have(pages, len(victims))
        assert await texts(here) == shown
        assert here.problems + there.problems == []
