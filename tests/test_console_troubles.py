"""The operator's console at the front of a cluster, while its parts are taken away."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import expect

from cluster import cluster
from console_page import Console, asking, connected
from nats_server import NatsServer
from page_browser import BROWSER, NEEDS_BROWSER, launched
from postgres_server import NEWEST, PostgresServers

AGENTS = "page_agents:quick"
SETTINGS = {
    "DEV": "true",
    "CONSOLE": "true",
    "NODE_LEASE_S": "1.5",
    "LEASE_S": "1.0",
    "HEAD_POLL_S": "0.2",
    "REQUESTS_PER_S": "1000",
    "REQUESTS_BURST": "1000",
    "LOG_LEVEL": "error",
}

pytestmark = NEEDS_BROWSER


async def test_what_is_wrong_for_whom_and_since_when(
    tmp_path: Path, postgres_servers: PostgresServers, nats: NatsServer
) -> None:
    database = postgres_servers.of(NEWEST)
    async with (
        cluster(tmp_path, database, nodes=2, bus=nats, agents=AGENTS, settings=SETTINGS) as running,
        launched(BROWSER) as browser,
        connected(running.url, "ann") as ann,
    ):
        run_id = await asking(ann)
        console = Console(await browser.new_page(), running.url)
        state = console.page.get_by_label("State", exact=True)
        await console.sign_in()
        await expect(console.verdict).to_have_text("All promises hold.")
        await expect(state).to_contain_text("2 nodes, 1 connection of 1 user, 1 run.")
        await expect(console.row("waiting", run_id)).to_be_visible()

        nats.stop(kill=True)
        await expect(console.verdict).to_have_text("2 nodes cannot reach the bus.")
        await expect(state).to_contain_text(re.compile(r"For everyone, since \d\d:\d\d:\d\d"))
        nats.start()
        await expect(console.verdict).to_have_text("All promises hold.")

        await running.nodes[1].kill()
        await expect(console.verdict).to_have_text("A node is lost.")
        await expect(state).to_contain_text(re.compile(r"since about \d\d:\d\d:\d\d"))
        await expect(state).to_contain_text("its runs are taken over")
        await expect(console.page.get_by_text("lost", exact=True)).to_be_visible()
        assert console.problems == []
