"""The operator's console in a real browser, against a real server process."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from console_page import VIEWS, Console, answered, asked, asking, connected, token, until
from page_axe import violations
from page_browser import NEEDS_BROWSER
from page_server import PageServer, serving
from threadcast import ThreadcastError

SECRET = "the plan that nobody may read"
SETTINGS = {
    "AGENTS": "page_agents:quick",
    "CONSOLE": "true",
    "DRAIN_S": "0.2",
    "REQUESTS_PER_S": "1000",
    "REQUESTS_BURST": "1000",
}

pytestmark = [
    NEEDS_BROWSER,
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageServer]:
    async with serving(tmp_path_factory.mktemp("server"), **SETTINGS) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def console(browser: Browser, server: PageServer) -> AsyncIterator[Console]:
    async with await browser.new_context(reduced_motion="reduce") as context:
        console = Console(await context.new_page(), server.url)
        yield console
        assert console.problems == []
        assert not [one for one in console.requests if not one.startswith(server.url)]


async def test_the_overview_is_what_the_server_says(console: Console, server: PageServer) -> None:
    async with connected(server.url, "ann") as ann, connected(server.url, "ben"):
        waiting = await asking(ann)
        await console.sign_in()
        await expect(console.verdict).to_have_text("All promises hold.")
        await expect(console.page.get_by_label("State", exact=True)).to_contain_text(
            "1 node, 2 connections of 2 users"
        )
        await expect(console.tile("Foreign deliveries").locator("b")).to_have_text("0")
        said = await asked(server.url, "/ops/overview")
        await expect(console.tile("Database")).to_contain_text(said["versions"]["database"])
        await expect(console.tile("Version")).to_contain_text(said["versions"]["program"])
        await expect(console.row(said["node_id"])).to_contain_text("well")
        await expect(console.row("waiting", waiting)).to_contain_text("ann")
        charts = console.page.get_by_role("region", name="The last hour").get_by_role("img")
        await expect(charts).to_have_count(9)
        await expect(charts.nth(2)).to_have_accessible_name(re.compile("connections now 2"))
        await ann.cancel_run(waiting)


async def test_charts_are_tables_too(console: Console, server: PageServer) -> None:
    async with connected(server.url, "ann"):
        await console.sign_in()
        await console.page.get_by_role("button", name="Show tables").click()
        table = console.page.get_by_role("group", name="Connections, as a table")
        await expect(table.get_by_role("columnheader")).to_have_text(
            ["From", "connections", "users"]
        )
        await expect(table.get_by_role("row").nth(1)).to_contain_text("/ ")


async def test_the_pointer_reads_all_charts_at_one_moment(console: Console) -> None:
    await console.sign_in()
    curves = console.page.locator(".u-over")
    await curves.first.hover(position={"x": 5, "y": 20})
    await expect(console.page.locator(".figure.at")).to_have_count(9)
    await console.page.mouse.move(1, 1)
    await expect(console.page.locator(".figure.at")).to_have_count(0)


async def test_refusals_are_counted_by_their_code(console: Console, server: PageServer) -> None:
    await console.sign_in()
    async with httpx2.AsyncClient(base_url=server.url) as stranger:
        for _ in range(3):
            await stranger.get("/v1/threads", headers={"authorization": "Bearer x.y.z"})
    await expect(console.row("token_invalid").get_by_role("cell").nth(0)).to_have_text("3")


async def test_a_user_is_found_with_devices_and_cursors(
    console: Console, server: PageServer
) -> None:
    async with connected(server.url, "cora lee/ö") as cora:
        run_id = await answered(cora, "count to 20")
        await console.sign_in()
        await console.look_up("Users", "cora lee/ö")
        found = await asked(server.url, "/ops/users/find", user="cora lee/ö")
        device = console.row(found["devices"][0]["connection_id"])
        await expect(device).to_contain_text("WebSocket")
        await expect(device).to_contain_text("none")
        await expect(device.get_by_role("cell").nth(2)).to_have_text(str(found["head"]))
        await expect(console.tile("Journal")).to_contain_text(str(found["head"]))
        await expect(console.row(run_id)).to_contain_text("completed")
        await console.page.reload()  # the token is gone, the view is not
        await console.page.get_by_label("Name").fill("olga")
        await console.page.keyboard.press("Enter")
        await expect(console.heading).to_have_text("cora lee/ö")
        await console.look_up("Users", "nobody")
        await expect(console.page.get_by_role("alert")).to_have_text("There is no such user.")


async def test_disconnecting_is_confirmed_done_and_written_down(
    console: Console, server: PageServer
) -> None:
    async with connected(server.url, "dora") as dora:
        await answered(dora, "count to 3")
        before = await asked(server.url, "/ops/users/find", user="dora")
        connection = before["devices"][0]["connection_id"]
        await console.sign_in()
        await console.look_up("Users", "dora")
        await console.row(connection).get_by_role("button", name="Disconnect").click()
        dialog = console.page.get_by_role("dialog")
        await expect(dialog).to_contain_text("The connection of dora is closed")
        await dialog.get_by_label(re.compile("to confirm")).fill("dora")
        await expect(dialog.get_by_role("button", name="Disconnect")).to_be_disabled()
        await dialog.get_by_label(re.compile("to confirm")).fill("")
        outcome = await console.confirm("Disconnect", connection, "a stuck tab")
        await outcome.get_by_role("link", name="audit trail").click()
        await expect(console.row(connection, "disconnected")).to_contain_text("a stuck tab")
        await expect(console.row(connection, "disconnected")).to_contain_text("olga")
        with pytest.raises(ThreadcastError, match="forced_close"):
            await dora.send_message("am I still there?")


async def test_signing_out_everywhere_makes_tokens_void(
    console: Console, server: PageServer
) -> None:
    old = await token(server.url, "erik")
    async with httpx2.AsyncClient(base_url=server.url) as erik:
        known = {"authorization": f"Bearer {old}"}
        created = await erik.post("/v1/threads", json={"title": "mine"}, headers=known)
        assert created.status_code == 201
        await console.sign_in()
        await console.look_up("Users", "erik")
        await console.page.get_by_role("button", name="Sign out everywhere").click()
        outcome = await console.confirm("Sign out", "erik")
        await outcome.get_by_role("button", name="Close", exact=True).last.click()
        await expect(console.tile("Signed out everywhere")).to_contain_text("ago")
        assert (await erik.get("/v1/threads", headers=known)).status_code == 401


async def test_a_run_is_followed_and_cancelled(console: Console, server: PageServer) -> None:
    async with connected(server.url, "fay") as fay:
        run_id = await asking(fay)
        await console.sign_in()
        await console.open("Runs")
        await console.page.get_by_role("button", name="waiting").click()
        await console.row(run_id, "fay").get_by_role("link", name=run_id).click()
        await expect(console.heading).to_contain_text("waiting")
        timeline = console.panel("Timeline")
        await expect(timeline).to_contain_text("live")
        await expect(timeline.get_by_role("listitem").filter(has_text="Lease")).to_contain_text(
            "fence 1"
        )
        await console.page.get_by_role("button", name="Cancel the run").click()
        outcome = await console.confirm("Cancel the run", run_id, "it hangs")
        await outcome.get_by_role("button", name="Close", exact=True).last.click()
        await until(fay, run_id, "agent_cancelled")
        await expect(console.heading).to_contain_text("cancelled")
        await expect(console.page.get_by_role("button", name="Cancel the run")).to_have_count(0)


async def test_a_run_is_replayed(console: Console, server: PageServer) -> None:
    async with connected(server.url, "gus") as gus:
        run_id = await answered(gus, f"count to 60, {SECRET}")
    await console.sign_in()
    await console.look_up("Runs", run_id)
    timeline = console.panel("Timeline")
    names = timeline.get_by_role("listitem")
    await expect(names.filter(has_text="In the queue")).to_have_count(1)
    await expect(names.filter(has_text="Attempt 1")).to_contain_text("done")
    await expect(names.filter(has_text="Text")).to_have_count(1)
    await expect(timeline).to_contain_text("57 58 59 60.")
    position = timeline.get_by_role("slider", name="Position in the run")
    await position.focus()
    await console.page.keyboard.press("Home")
    await expect(timeline).to_contain_text("Waiting for a runner")
    await expect(timeline).not_to_contain_text("57 58 59 60.")
    await timeline.get_by_role("button", name="Next event").click()
    await expect(timeline).to_contain_text("Started")
    await timeline.get_by_role("button", name="10×").click()
    await timeline.get_by_role("button", name="Replay").click()
    await expect(timeline).to_contain_text("Completed")
    await expect(timeline).to_contain_text("57 58 59 60.")
    await expect(timeline.get_by_role("button", name="Replay")).to_be_visible()
    events = console.panel("Events")
    await expect(events.get_by_role("row").filter(has_text="agent_delta")).to_have_count(1)
    await expect(events).to_contain_text(SECRET)


async def test_a_replay_shows_an_answer_as_its_user_saw_it(
    console: Console, server: PageServer
) -> None:
    async with connected(server.url, "ida") as ida:
        run_id = await answered(ida, "hello")
    await console.sign_in()
    await console.look_up("Runs", run_id)
    answer = console.panel("Timeline").get_by_role("strong")
    await expect(answer.filter(has_text="demonstration agent")).to_be_visible()
    await expect(console.panel("Timeline")).not_to_contain_text("**")


async def test_texts_are_sizes_without_the_scope_content(
    console: Console, server: PageServer
) -> None:
    async with connected(server.url, "hal") as hal:
        run_id = await answered(hal, f"count to 5, {SECRET}")
    await console.show_token(await token(server.url, "olga", "ops"))
    await console.look_up("Runs", run_id)
    await expect(console.page.get_by_text("your token lacks the scope “content”")).to_be_visible()
    await expect(console.row("message_created")).to_contain_text(re.compile(r"content: \d+ bytes"))
    await expect(console.row("agent_delta")).to_contain_text(re.compile(r"text: \d+ bytes"))
    assert SECRET not in await console.page.content()


async def test_a_token_says_what_it_lacks_and_is_kept_nowhere(
    console: Console, server: PageServer
) -> None:
    await console.show_token(await token(server.url, "ivy", "metrics"))
    alert = console.page.get_by_role("alert")
    await expect(alert).to_contain_text("The token of ivy lacks the scope “ops”")
    await expect(alert).to_contain_text("it has: metrics")
    await console.page.get_by_label("Token").fill("nonsense")
    await console.page.keyboard.press("Enter")
    await expect(alert).not_to_contain_text("ivy")
    await expect(alert).not_to_be_empty()
    good = await token(server.url, "ivy", "ops")
    await console.page.get_by_label("Token").fill(good)
    await console.page.keyboard.press("Enter")
    await expect(console.verdict).to_be_visible()
    stored = "() => JSON.stringify([localStorage, sessionStorage, document.cookie])"
    assert good not in await console.page.evaluate(stored)
    assert not [one for one in console.requests if good in one]
    await console.page.get_by_role("button", name="Sign out").click()
    await expect(console.page.get_by_role("heading", name="Operator’s console")).to_be_visible()


async def test_every_view_is_for_everybody(console: Console, server: PageServer) -> None:
    wrong: dict[str, list[str]] = {}

    async def judge(view: str) -> None:
        for scheme in ("light", "dark"):
            await console.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            if found := await violations(console.page):
                wrong[f"{view}, {scheme}"] = found

    await console.page.goto(console.url)
    await judge("sign-in")
    async with connected(server.url, "joy") as joy:
        run_id = await answered(joy, "count to 5")
        await console.sign_in()
        for view in VIEWS:
            await console.open(view)
            await expect(console.page.get_by_text("Loading…")).to_have_count(0)
            await judge(view)
        await console.look_up("Users", "joy")
        await expect(console.row(run_id)).to_be_visible()
        await judge("user")
        await console.page.get_by_role("button", name="Disconnect all").click()
        await judge("question")
        await console.page.keyboard.press("Escape")
        await console.look_up("Runs", run_id)
        await expect(console.row("agent_completed")).to_be_visible()
        await judge("run")
        await console.open("Overview")
        await console.page.get_by_role("button", name="Show tables").click()
        await judge("tables")
    assert wrong == {}


async def test_nothing_is_wider_than_a_phone(console: Console, server: PageServer) -> None:
    await console.page.set_viewport_size({"width": 390, "height": 844})
    async with connected(server.url, "kim") as kim:
        run_id = await answered(kim, "count to 5")
        await console.sign_in()
        ways = console.page.get_by_role("navigation")
        wide = {"ways": await ways.evaluate("way => way.scrollWidth - way.clientWidth")}
        for view in VIEWS:
            await console.open(view)
            wide[view] = await _overflow(console)
        await console.look_up("Users", "kim")
        await expect(console.row(run_id)).to_be_visible()
        wide["user"] = await _overflow(console)
        await console.look_up("Runs", run_id)
        await expect(console.row("agent_completed")).to_be_visible()
        wide["run"] = await _overflow(console)
    assert {view: pixels for view, pixels in wide.items() if pixels > 0} == {}


async def _overflow(console: Console) -> int:
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(await console.page.evaluate(overflow))


async def test_the_keyboard_reaches_everything(console: Console, server: PageServer) -> None:
    async with connected(server.url, "lea") as lea:
        await answered(lea, "count to 3")
        press = console.page.keyboard.press
        await console.sign_in()
        await press("Tab")
        await expect(console.page.get_by_role("button", name="Skip to content")).to_be_focused()
        await press("Tab")
        await press("Tab")
        await expect(console.page.get_by_role("link", name="Users")).to_be_focused()
        await press("Enter")
        await expect(console.page.get_by_role("main")).to_be_focused()
        await press("Tab")
        await console.page.keyboard.type("lea")
        await press("Enter")
        disconnect = console.page.get_by_role("button", name="Disconnect all")
        await expect(disconnect).to_be_visible()
        await disconnect.focus()
        await press("Enter")
        await expect(console.page.get_by_role("dialog")).to_be_visible()
        await press("Escape")
        await expect(console.page.get_by_role("dialog")).to_have_count(0)
        await expect(disconnect).to_be_focused()


async def test_a_node_is_drained_ended_and_started_again(console: Console, tmp_path: Path) -> None:
    async with serving(tmp_path, **SETTINGS) as own:
        console.url = f"{own.url}console"
        state = console.page.get_by_label("State", exact=True)
        await console.sign_in()
        await expect(console.page.get_by_text("live", exact=True)).to_be_visible()
        node_id = (await asked(own.url, "/ops/overview"))["node_id"]
        await console.open("Nodes")
        await console.page.get_by_role("button", name="Drain").click()
        await expect(console.page.get_by_role("dialog")).to_contain_text("there is no other node")
        outcome = await console.confirm("Drain", node_id, "a new version")
        await outcome.get_by_role("button", name="Close", exact=True).last.click()
        await expect(console.panel(node_id)).to_contain_text(re.compile("drain(ing|ed)"))
        await expect(console.page.get_by_role("button", name="Drain")).to_have_count(0)
        await console.open("Actions")
        await expect(console.row(node_id, "drained the node")).to_contain_text("a new version")
        await console.open("Overview")
        await expect(console.verdict).to_have_text("A node takes no new work.")

        await own.kill()
        late = console.page.get_by_text(re.compile(r"^updated \d+ s ago$"))
        await expect(late).to_be_visible()
        await expect(console.verdict).to_have_text("The server is not responding.")
        await expect(state).to_contain_text("What is shown is how it was then.")

        # Its secret is kept beside its database, so the token still holds.
        await own.start()
        await expect(console.verdict).to_have_text("All promises hold.")
        past = console.page.get_by_role("region", name="Resolved in the last hour")
        await expect(past).to_contain_text("No node took new work.")
        await expect(past).to_contain_text("The server did not answer this page.")
        times = re.findall(r"\d\d:\d\d:\d\d", await past.get_by_role("time").first.inner_text())
        await expect(state).to_contain_text(f"Nothing has been wrong since {times[-1]}")
        assert not [one for one in console.requests if not one.startswith(own.url)]
        console.requests.clear()
