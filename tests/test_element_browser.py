"""`<threadcast-chat>` in pages of others, in a real browser: what the guide promises."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, WebSocket, expect

from embedding_site import PageOfOthers, page_of_others
from page_axe import violations
from page_browser import NEEDS_BROWSER, WatchedPage
from page_server import PageServer, serving

SECRET = "a secret of these tests, 32 bytes or more"
NAMES = ("ready", "thread", "message", "error")

pytestmark = [
    NEEDS_BROWSER,
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[PageOfOthers]:
    async with page_of_others() as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    site: PageOfOthers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PageServer]:
    settings = {
        "AGENTS": "page_agents:mirror,page_agents:quick",
        "ALLOWED_ORIGINS": site.origin,
        "JWT_SECRET": SECRET,
    }
    async with serving(tmp_path_factory.mktemp("server"), **settings) as server:
        yield server


def token(user: str) -> str:
    now = time.time()
    return jwt.encode({"sub": user, "iat": now, "exp": now + 900}, SECRET, algorithm="HS256")


def strict(server: str) -> str:
    """The strictest policy that the guide promises to be enough, for a server elsewhere."""
    socket = server.replace("http", "ws", 1)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-page' {server}",
            f"connect-src {server} {socket}",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


class Visitor(WatchedPage):
    """A person at a page of others."""

    def __init__(self, page: Page, site: PageOfOthers, server: PageServer) -> None:
        super().__init__(page, site.url)
        self.sockets: list[WebSocket] = []
        self._site = site
        self._server = server
        page.on("websocket", lambda socket: self.sockets.append(socket))
        page.on("console", lambda said: self._heard(said.type, said.text))

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error":
            self.problems.append(text)

    async def open(self, body: str, script: str = "") -> None:
        """Open a page with this in it; `tokens` has a token of each of some users.

        Everything that elements tell is kept in `told`.
        """
        tokens = {user: token(user) for user in ("ada", "ben")}
        self._site.policy = strict(self._server.url.rstrip("/"))
        self._site.html = f"""<!doctype html><html lang="en"><title>A page of others</title>
            <script nonce="page">
              const tokens = {json.dumps(tokens)}, told = [];
              for (const name of {json.dumps(NAMES)}) {{
                const keep = ({{ detail }}) => told.push({{ name, ...detail }});
                document.addEventListener(`threadcast-${{name}}`, keep);
              }}
              const statuses = [], chat = () => document.querySelector("threadcast-chat");
              const hear = ({{ detail }}) => {{
                statuses.push(detail.phase);
                document.documentElement.dataset.told = statuses.join(" ");
              }};
              document.addEventListener("threadcast-status", hear);
              {script}
            </script>
            <script type="module" src="{self._server.url}threadcast-chat.js"></script>
            <body>{body}</body></html>"""
        await self.page.goto(self._site.url)

    async def until_status(self, phase: str) -> None:
        """Wait until an element told this status."""
        await expect(self.page.locator(f"html[data-told~={phase}]")).to_be_attached()

    def chat(self, name: str = "threadcast-chat") -> Locator:
        """An element of the page."""
        return self.page.locator(name)

    async def say(self, text: str, chat: Locator | None = None) -> None:
        """Write a message and send it."""
        field = (chat or self.chat()).get_by_role("textbox", name="Message")
        await field.fill(text)
        await field.press("Enter")

    async def told(self, name: str) -> list[dict[str, Any]]:
        """The details of what elements told, of one kind."""
        told = await self.page.evaluate("() => told")
        return [one for one in told if one.pop("name") == name]


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(
    browser: Browser, site: PageOfOthers, server: PageServer
) -> AsyncIterator[Visitor]:
    async with await browser.new_context() as context:
        visitor = Visitor(await context.new_page(), site, server)
        yield visitor
        assert visitor.problems == []


ONE = "<threadcast-chat token-provider=token></threadcast-chat>"
OF_ADA = "var token = () => tokens.ada;"


async def test_a_strict_page_elsewhere_has_a_chat_and_is_told_of_it(visitor: Visitor) -> None:
    await visitor.open(ONE, OF_ADA)
    await visitor.say("Hello from elsewhere")
    runs = visitor.chat().locator("article.run")
    await expect(runs).to_have_attribute("data-status", "completed")
    await expect(runs).to_contain_text("Hello from elsewhere")

    said, answered = await visitor.told("message")
    assert (said["role"], said["content"]) == ("user", "Hello from elsewhere")
    assert answered == said | {"role": "assistant"}
    assert await visitor.told("ready") == [{"user": "ada"}]
    assert await visitor.told("thread") == [{"threadId": None}, {"threadId": said["threadId"]}]
    assert await visitor.told("error") == []


async def test_two_people_on_one_page_see_each_their_own(visitor: Visitor) -> None:
    await visitor.open(
        "<threadcast-chat id=a threads></threadcast-chat>"
        "<threadcast-chat id=b threads></threadcast-chat>",
        """addEventListener("DOMContentLoaded", () => {
             a.tokenProvider = async () => tokens.ada;
             b.tokenProvider = () => Promise.resolve(tokens.ben);
           });""",
    )
    a, b = visitor.chat("#a"), visitor.chat("#b")
    await visitor.say("a secret of Ada", a)
    await visitor.say("a secret of Ben", b)
    for chat, name, other in ((a, "Ada", "Ben"), (b, "Ben", "Ada")):
        await expect(chat.locator("article.run")).to_have_attribute("data-status", "completed")
        await expect(chat.locator("article.run")).to_contain_text(name)
        await expect(chat).not_to_contain_text(other)


async def test_an_element_that_moves_keeps_its_connection_and_one_that_leaves_ends_it(
    visitor: Visitor,
) -> None:
    await visitor.open(f"<main>{ONE}</main><footer></footer>", OF_ADA)
    await visitor.say("first")
    await expect(visitor.chat().locator("article.run")).to_contain_text("first")
    [socket] = visitor.sockets

    await visitor.page.evaluate("document.querySelector('footer').append(chat())")
    await visitor.say("second")
    await expect(visitor.chat().locator("article.run").last).to_contain_text("second")
    assert visitor.sockets == [socket]

    async with socket.expect_event("close"):
        await visitor.page.evaluate("void (gone = chat()).remove()")
    assert await visitor.page.evaluate("gone.shadowRoot.textContent") == ""

    async with visitor.page.expect_websocket():  # what is sent is shown before there is one
        await visitor.page.evaluate("document.body.append(gone)")
        await visitor.say("third")
    await expect(visitor.chat().locator("article.run")).to_contain_text("third")
    assert len(visitor.sockets) == 2


async def test_the_page_chooses_thread_agent_and_words(visitor: Visitor) -> None:
    await visitor.open(ONE, OF_ADA)
    chat, page = visitor.chat(), visitor.page
    await page.evaluate("chat().send('one')")
    await expect(chat.locator("article.run")).to_have_attribute("data-status", "completed")
    first = await page.evaluate("chat().thread")

    await page.evaluate("chat().thread = null")
    await expect(chat.locator("article.run")).to_have_count(0)
    await page.evaluate("chat().setAttribute('agent', 'demo')")
    await visitor.say("What is 15% of 240?")
    await expect(chat.locator("article.run").last).to_contain_text("36")

    await page.evaluate("(id) => chat().setAttribute('thread', id)", first)
    await expect(chat.locator("article.run")).to_contain_text("one")
    opened = [one["threadId"] for one in await visitor.told("thread")]
    assert (opened[0], opened[1], opened[2], opened[-1]) == (None, first, None, first)


async def test_what_is_not_set_up_says_what_is_missing(visitor: Visitor) -> None:
    await visitor.open(
        "<threadcast-chat id=a></threadcast-chat>"
        "<threadcast-chat id=b token-provider=shop.token></threadcast-chat>"
        "<threadcast-chat id=c token-provider=token src=ftp://chat.example></threadcast-chat>",
        OF_ADA,
    )
    words = {"#a": 'set the attribute "token-provider"', "#b": '"window.shop.token" is nothing'}
    for name, text in (words | {"#c": "http: or https:, got one with ftp:"}).items():
        await expect(visitor.chat(name).get_by_role("alert")).to_contain_text(text)
    codes = sorted((one["code"], one["final"]) for one in await visitor.told("error"))
    assert codes == [("bad_address", True)] + [("no_token_provider", True)] * 2
    assert [one[:17] for one in visitor.problems] == ["threadcast-chat: "] * 3
    visitor.problems.clear()

    await visitor.page.evaluate("a.tokenProvider = () => tokens.ada")
    await visitor.say("set up later", visitor.chat("#a"))
    await expect(visitor.chat("#a").locator("article.run")).to_contain_text("set up later")


async def test_a_provider_that_fails_is_asked_again_and_nobody_can_sign_in(
    visitor: Visitor,
) -> None:
    await visitor.open(
        ONE,
        """let calls = 0;
           var token = () => {
             calls += 1;
             if (calls === 1) throw new Error("the shop is closed");
             return calls === 2 ? null : tokens.ada;
           };""",
    )
    await expect(visitor.chat().get_by_role("alert")).to_contain_text("signed out")
    problems = [(one["code"], one["final"]) for one in await visitor.told("error")]
    assert problems == [("token_provider_failed", False), ("signed_out", True)]
    assert [one for one in visitor.problems if "the shop is closed" in one]
    visitor.problems.clear()

    await visitor.chat().get_by_role("button", name="Try again").click()
    await visitor.say("and in")
    await expect(visitor.chat().locator("article.run")).to_contain_text("and in")


async def test_signing_out_leaves_nothing_of_the_person(visitor: Visitor) -> None:
    await visitor.open(ONE, OF_ADA)
    await visitor.say("before I go")
    await expect(visitor.chat().locator("article.run")).to_contain_text("before I go")
    await visitor.page.evaluate("chat().signOut()")
    await expect(visitor.chat().get_by_role("alert")).to_contain_text("signed out")
    await expect(visitor.chat()).not_to_contain_text("before I go")
    assert await visitor.page.evaluate("Object.keys(localStorage)") == []


async def test_the_list_folds_away_where_there_is_no_room(visitor: Visitor) -> None:
    await visitor.open("<threadcast-chat threads token-provider=token></threadcast-chat>", OF_ADA)
    chat = visitor.chat()
    await visitor.say("a thread for the list")
    row = chat.get_by_role("link", name="a thread for the list").first
    await expect(row).to_be_visible()
    await visitor.page.evaluate("chat().style.width = '380px'")
    await expect(row).to_be_hidden()
    await chat.get_by_role("button", name="Conversations").click()
    await chat.get_by_role("button", name="New conversation").click()
    await expect(chat.locator("article.run")).to_have_count(0)
    await chat.get_by_role("button", name="Conversations").click()
    await row.click()
    await expect(chat.locator("article.run")).to_contain_text("a thread for the list")
    await expect(row).to_be_hidden()
    assert visitor.page.url.count("#") == 0


async def test_the_page_decides_on_colours_and_size(visitor: Visitor) -> None:
    await visitor.open(ONE, OF_ADA)
    await expect(visitor.chat().get_by_role("textbox", name="Message")).to_be_visible()
    await visitor.page.evaluate(
        """() => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(`threadcast-chat { --tc-paper: rgb(1, 2, 3); height: 300px }
                             p { color: red } textarea { display: none }`);
          document.adoptedStyleSheets = [sheet];
        }"""
    )
    look = await visitor.page.evaluate(
        "(() => { const s = getComputedStyle(chat()); return [s.backgroundColor, s.height] })()"
    )
    assert look == ["rgb(1, 2, 3)", "300px"]
    await expect(visitor.chat().get_by_role("textbox", name="Message")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_in_the_element(visitor: Visitor, theme: str) -> None:
    chat = f"<threadcast-chat threads theme={theme} token-provider=token></threadcast-chat>"
    await visitor.open(f"<main><h1>A page of others</h1>{chat}</main>", OF_ADA)
    await visitor.say("Is this **well** to read?")
    run = visitor.chat().locator("article.run")
    await expect(run).to_have_attribute("data-status", "completed")
    assert await violations(visitor.page) == []
    await visitor.page.evaluate("chat().signOut()")
    await expect(visitor.chat().get_by_role("alert")).to_be_visible()
    assert await violations(visitor.page) == []


async def test_a_page_that_is_not_allowed_gets_no_chat(
    browser: Browser, server: PageServer
) -> None:
    async with page_of_others() as stranger, await browser.new_context() as context:
        visitor = Visitor(await context.new_page(), stranger, server)
        await visitor.open(ONE, OF_ADA)
        await visitor.until_status("waiting")
        assert await visitor.told("ready") == []
        assert [one for one in visitor.problems if "403" in one or "CORS" in one]
