"""The open conversation in a real browser: how answers grow, what they consist of, and its keys."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from conversation_scene import (
    SECRET,
    Writer,
    completed,
    delta,
    thought,
    tool,
    tool_ended,
)
from page_browser import NEEDS_BROWSER, Screen
from page_server import PageServer, serving

LONG_RUNS = 2_500

pytestmark = [
    NEEDS_BROWSER,
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageServer]:
    settings = {"AGENTS": "page_agents:form", "JWT_SECRET": SECRET}
    async with serving(tmp_path_factory.mktemp("server"), **settings) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def screen(browser: Browser, server: PageServer) -> AsyncIterator[Screen]:
    permissions = ["clipboard-read", "clipboard-write"]
    async with await browser.new_context(permissions=permissions) as context:
        screen = Screen(await context.new_page(), server.url)
        yield screen
        assert screen.problems == []


async def opened(screen: Screen, user: str) -> Writer:
    """The user is signed in and looks at a thread that another service writes."""
    writer = Writer(screen.url, user)
    await writer.runs([])
    await screen.sign_in(user)
    await screen.page.goto(f"{screen.url}#{writer.thread_id}")
    return writer


# --- how an answer grows --------------------------------------------------------------------------

_SELECT = """([selector, text]) => {
  const walker = document.createTreeWalker(document.querySelector(selector), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const at = node.data.indexOf(text);
    if (at !== -1) getSelection().setBaseAndExtent(node, at, node, at + text.length);
  }
}"""


async def test_what_is_selected_stays_selected_while_the_answer_grows(screen: Screen) -> None:
    writer = await opened(screen, "sela")
    await writer.say("Begin", delta("A first one.\n\nThe **second** gr"))
    await expect(screen.answer).to_contain_text("The second gr")
    await screen.page.evaluate(_SELECT, [".prose", "second"])
    await screen.page.evaluate("() => { document.querySelector('.prose p').dataset.kept = '1'; }")
    await writer.add(delta("ows on and "), delta("on.\n\n- and\n- a list"))
    await expect(screen.answer.locator("li")).to_have_count(2)
    await writer.add(
        completed("A first one.\n\nThe **second** grows on and on.\n\n- and\n- a list")
    )
    await screen.ended()
    assert await screen.page.evaluate("() => getSelection().toString()") == "second"
    await expect(screen.answer.locator("p").first).to_have_attribute("data-kept", "1")
    assert await screen.said() == "A first one.The second grows on and on.anda list"


async def test_what_is_unfinished_looks_as_it_will(screen: Screen) -> None:
    writer = await opened(screen, "unfi")
    await writer.say("Begin", delta("Some **bold"))
    await expect(screen.answer.locator("strong")).to_have_text("bold")
    await writer.add(delta("** and\n\n| a | b"))
    await expect(screen.answer.get_by_role("columnheader")).to_have_text(["a", "b"])
    await writer.add(delta(" |\n|--|--|\n| 1 | 2 |\n\n```py\nx = 1\ny"))
    await expect(screen.answer.locator("pre")).to_have_text("x = 1\ny")
    await expect(screen.answer.get_by_role("cell")).to_have_text(["1", "2"])
    await expect(screen.answer.locator("pre .hljs-number")).to_have_text("1")
    await writer.add(delta("\n`"))
    await writer.add(delta("``\n\nSee [the do"))
    await expect(screen.answer.locator("p").last).to_have_text("See the do")
    await expect(screen.answer.get_by_role("link")).to_have_count(0)
    await writer.add(delta("cs](https://example.org/)"))
    await expect(screen.answer.get_by_role("link")).to_have_attribute(
        "href", "https://example.org/"
    )


async def test_screen_readers_are_told_whole_sentences(screen: Screen) -> None:
    writer = await opened(screen, "anna")
    await writer.say("Begin", delta("It **is** so. And th"))
    await expect(screen.announced).to_have_text("It is so.")
    await writer.add(delta("en `more`."), completed("It **is** so. And then `more`."))
    await expect(screen.announced).to_have_text("And then more.")


# --- what an answer consists of -------------------------------------------------------------------


async def test_thoughts_and_tools_say_how_they_stand(screen: Screen) -> None:
    writer = await opened(screen, "tova")
    await writer.say(
        "Begin", thought("First this."), thought("Then that."), tool("t-1", zone="UTC")
    )
    run = screen.runs.last
    await expect(run.locator(".thinking summary")).to_have_text(re.compile(r"^Thought for "))
    await expect(run.locator(".thinking")).not_to_have_attribute("open", "")
    await run.locator(".thinking summary").click()
    await expect(run.locator(".thinking p")).to_have_text(["First this.", "Then that."])
    card = run.locator(".tool")
    await expect(card.locator("summary")).to_contain_text("clock")
    await expect(card).to_contain_text("running")
    await card.locator("summary").click()
    await expect(card.locator("pre")).to_have_text('{\n  "zone": "UTC"\n}')
    await writer.add(tool_ended("t-1", "no such zone", is_error=True), tool("t-2"))
    await expect(card.first).to_contain_text("failed after 128 ms")
    await expect(card.first.locator("pre").last).to_have_text("no such zone")
    await writer.add(
        ("agent_failed", {"code": "model_error", "message": "No model.", "retryable": False})
    )
    await expect(card.last).to_contain_text("not finished")
    await expect(run).to_contain_text("No model. Sending it again would most likely")
    await expect(run.get_by_role("button", name="Try again")).to_have_count(0)


async def test_another_attempt_is_told_of_and_what_was_written_before_is_gone(
    screen: Screen,
) -> None:
    writer = await opened(screen, "atta")
    await writer.say("Begin", delta("Lost words"))
    await expect(screen.answer).to_contain_text("Lost words")
    await writer.add(("agent_started", {"agent": "theirs", "attempt": 2}), delta("Again"))
    run = screen.runs.last
    await expect(run).to_contain_text("Interrupted; starting again (attempt 2).")
    await expect(screen.answer).to_have_text("Again")
    await writer.add(completed("Again", usage={"input_tokens": 900, "output_tokens": 304}))
    await expect(run).to_contain_text("this is attempt 2")
    await expect(run.locator(".fact")).to_have_text(["2.3 s", "1,204 tokens"])


async def test_a_failure_that_may_pass_can_be_tried_again(screen: Screen) -> None:
    writer = await opened(screen, "faye")
    failure = {"code": "node_lost", "message": "The server was lost.", "retryable": True}
    await writer.say("size", ("agent_failed", failure))
    await screen.runs.last.get_by_text("Details").click()
    await expect(screen.runs.last.locator("pre")).to_have_text(
        re.compile(r"^node_lost: The server was lost\.\nrun_")
    )
    await screen.runs.last.get_by_role("button", name="Try again").click()
    await expect(screen.runs).to_have_count(2)
    await expect(screen.runs.last.locator(".bubble")).to_have_text("size")
    await screen.runs.last.get_by_role("button", name="large").click()
    await screen.ended()
    assert await screen.said() == '"large"'


async def test_texts_are_copied_as_they_were_written(screen: Screen) -> None:
    writer = await opened(screen, "copa")
    answer = "Some **bold**:\n\n```py\nx = 1\n```"
    await writer.say("Begin", completed(answer))
    await screen.ended()
    await screen.page.get_by_role("button", name="Copy code").click()
    assert await screen.page.evaluate("() => navigator.clipboard.readText()") == "x = 1"
    await screen.page.get_by_role("button", name="Copy answer").click()
    assert await screen.page.evaluate("() => navigator.clipboard.readText()") == answer


# --- questions ------------------------------------------------------------------------------------


async def test_a_form_says_what_is_wrong_and_sends_what_is_right(screen: Screen) -> None:
    await screen.page.set_viewport_size({"width": 1280, "height": 560})  # lower than the form
    await screen.sign_in("fora")
    await screen.say("order")
    question = screen.page.get_by_role("region", name="A question for you")
    await expect(question.get_by_text("What shall it be?")).to_be_in_viewport()
    await expect(question).to_contain_text("The parcel leaves today.")
    await question.get_by_label("Name").fill("A")
    await question.get_by_label("Count", exact=True).fill("12")
    await question.get_by_label("Zip").fill("x")
    await question.get_by_role("button", name="Answer").click()
    alerts = question.get_by_role("alert").filter(has_text=re.compile("."))
    await expect(alerts).to_have_text(
        ["At least 2 characters.", "At most 9.", re.compile("This has to match the pattern")]
    )
    await expect(question).to_contain_text("3 fields need attention.")
    await expect(question.get_by_label("Name")).to_be_focused()
    await expect(question.get_by_text("Name", exact=True)).to_be_in_viewport()
    await expect(alerts.first).to_be_in_viewport()
    await question.get_by_label("Name").fill("Ada")
    await question.get_by_label("Count", exact=True).fill("3")
    await question.get_by_label("Zip").fill("1234")
    await question.get_by_label("gift wrap").check()
    await question.get_by_label("Country").select_option("Kenya")
    await question.get_by_role("button", name="Answer").press("Enter")
    await screen.ended()
    await expect(question).to_be_focused()
    await expect(question.get_by_role("term")).to_contain_text(["Send it fast", "Address: Zip"])
    assert await screen.said() == (
        '{"address": {"zip": "1234"}, "count": 3, "country": "Kenya", '
        '"extras": ["gift wrap"], "isFast": false, "name": "Ada"}'
    )


async def test_what_no_form_fits_is_answered_as_json(screen: Screen) -> None:
    await screen.sign_in("jana")
    await screen.say("anything")
    question = screen.page.get_by_role("region", name="A question for you")
    for wrong, problem in (("{", "This is not JSON"), ("7", "Expected object or array")):
        await question.get_by_label("Your answer").last.fill(wrong)
        await question.get_by_role("button", name="Answer").click()
        await expect(question.get_by_role("alert")).to_contain_text(problem)
    await question.get_by_label("Your answer").last.fill('{"a": [1]}')
    await question.get_by_role("button", name="Answer").click()
    await screen.ended()
    assert await screen.said() == '{"a": [1]}'


# --- long conversations ---------------------------------------------------------------------------


def _long(count: int) -> list[tuple[str, list[Any]]]:
    lines = "A line of the answer, with *some* `marks`.\n\n"
    return [(f"Question {at}", [completed(lines * (1 + at % 7))]) for at in range(count)]


async def test_five_thousand_messages(screen: Screen) -> None:
    writer = await opened(screen, "lona")
    await writer.runs(_long(LONG_RUNS))
    await screen.page.reload()
    await screen.live()
    last = screen.page.get_by_text(f"Question {LONG_RUNS - 1}", exact=True)
    await expect(last).to_be_in_viewport()
    seen = 0
    for _page in range(8):
        held = await screen.page.evaluate(_TO_THE_BEGINNING)
        await screen.page.wait_for_function(_HAS_EARLIER, arg=held["number"])
        assert abs(await screen.page.evaluate(_TOP_OF, held["number"]) - held["top"]) <= 1
        seen += held["isFirst"]
    assert seen > 0, "no page came while the beginning was in sight"
    assert await screen.page.locator(".item").count() < 100
    await screen.page.get_by_role("button", name="Jump to latest").click()
    await expect(last).to_be_in_viewport()
    await expect(screen.page.get_by_role("button", name="Jump to latest")).to_have_count(0)


_BUBBLES = """
  const numberOf = (bubble) => Number(bubble.textContent.replace("Question ", ""));
  const bubbles = () => [...document.querySelectorAll(".bubble")];
  const topOf = (bubble) => Math.round(bubble.getBoundingClientRect().top);
"""
# One goes to the beginning; what one sees there first, two frames later.
_TO_THE_BEGINNING = f"""async () => {{
  {_BUBBLES}
  document.querySelector(".scroller").scrollTop = 0;
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  await frame();
  const first = bubbles().find((bubble) => topOf(bubble) >= 0);
  const isFirst = bubbles().every((bubble) => numberOf(bubble) >= numberOf(first));
  return {{ number: numberOf(first), top: topOf(first), isFirst }};
}}"""
_HAS_EARLIER = f"""(known) => {{
  {_BUBBLES}
  return bubbles().some((bubble) => numberOf(bubble) < known);
}}"""
_TOP_OF = f"""(number) => {{
  {_BUBBLES}
  return topOf(bubbles().find((bubble) => numberOf(bubble) === number));
}}"""


# --- keys, directions, bounds ---------------------------------------------------------------------


async def test_everything_is_done_by_keys(screen: Screen) -> None:
    writer = await opened(screen, "kaye")
    await writer.runs([(f"say {at}", [completed(f"Answer {at}")]) for at in range(3)])
    keyboard, box = screen.page.keyboard, screen.page.get_by_role("textbox", name="Message")
    await expect(screen.runs).to_have_count(3)
    await box.focus()
    await keyboard.press("ArrowUp")
    await expect(screen.runs.nth(2)).to_be_focused()
    await keyboard.press("k")
    await keyboard.press("k")
    await expect(screen.runs.nth(0)).to_be_focused()
    await keyboard.press("j")
    await expect(screen.runs.nth(1)).to_be_focused()
    await keyboard.press("c")
    await expect(screen.page.get_by_text("Answer copied.")).to_be_visible()
    assert await screen.page.evaluate("() => navigator.clipboard.readText()") == "Answer 1"
    await keyboard.press("Escape")
    await expect(box).to_be_focused()
    await box.press_sequentially("one")
    await keyboard.press("Shift+Enter")
    await box.press_sequentially("two")
    await expect(box).to_have_value("one\ntwo")


async def test_a_message_is_edited_into_a_new_one(screen: Screen) -> None:
    writer = await opened(screen, "edda")
    await writer.say("sizes", completed("No."))
    await expect(screen.runs).to_have_count(1)
    await screen.page.get_by_role("textbox", name="Message").press("ArrowUp")
    await screen.page.keyboard.press("e")
    editor = screen.page.get_by_role("textbox", name="Your message, edited")
    await expect(editor).to_be_focused()
    await expect(screen.page.get_by_text("It is sent as a new message.")).to_be_visible()
    await editor.press("Escape")
    await expect(screen.runs.last).to_be_focused()
    await screen.page.keyboard.press("e")
    await editor.fill("size")
    await editor.press("Enter")
    await expect(screen.page.get_by_role("textbox", name="Message")).to_be_focused()
    await expect(screen.runs).to_have_count(2)
    await expect(screen.runs.locator(".bubble")).to_have_text(["sizes", "size"])


async def test_texts_run_in_their_own_direction(screen: Screen) -> None:
    writer = await opened(screen, "rita")
    answer = "השעה **14:32**.\n\n- אחת\n- שתיים\n\n> ציטוט\n\nAnd English."
    await writer.say("שלום, מה השעה?", completed(answer))
    await screen.ended()
    await expect(screen.title).to_have_css("text-align", "left")  # where titles are
    await screen.page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
    directions = [
        await _direction(one) for one in (screen.runs.locator(".bubble"), *await _blocks(screen))
    ]
    assert directions == [*["rtl"] * 5, "ltr"]
    sideways = "(place) => place.scrollWidth - place.clientWidth"
    assert await screen.page.locator(".scroller").evaluate(sideways) == 0


async def _blocks(screen: Screen) -> list[Locator]:
    return await screen.answer.locator("p, ul, blockquote").all()


async def _direction(element: Locator) -> str:
    return str(await element.evaluate("(one) => getComputedStyle(one).direction"))


async def test_what_cannot_be_sent_stays_in_the_box_or_is_left_out_and_the_page_says_so(
    screen: Screen,
) -> None:
    await screen.sign_in("lena")
    box = screen.page.get_by_role("textbox", name="Message")
    await box.fill("😀" * 65_537)
    await expect(screen.page.get_by_text("this one has 1 too many")).to_be_visible()
    await expect(screen.page.get_by_role("button", name="Send")).to_be_disabled()
    await box.press("Enter")
    await expect(screen.runs).to_have_count(0)
    await box.fill("\ufeffshort\uffff")
    await expect(screen.page.get_by_text("Invisible characters")).to_be_visible()
    await expect(box).to_have_value("short")


async def test_what_is_being_written_outlives_a_reload_for_its_thread_and_user(
    screen: Screen,
) -> None:
    writer = await opened(screen, "dana")
    box = screen.page.get_by_role("textbox", name="Message")
    await box.fill("half a thought")
    await screen.page.reload()
    await screen.live()
    await expect(box).to_have_value("half a thought")
    await screen.page.goto(f"{screen.url}#")
    await expect(box).to_have_value("")
    await screen.page.goto(f"{screen.url}#{writer.thread_id}")
    await expect(box).to_have_value("half a thought")
    await screen.sign_out()
    await screen.sign_in("else")
    kept = await screen.page.evaluate("() => Object.keys(sessionStorage).join()")
    assert "threadcast.text." not in kept
