"""The page's pure modules, in a real browser: folding of events, and Markdown."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from page_browser import MISSING, find_browser, launched
from page_server import serving

BROWSER = find_browser()
IN_CI = os.environ.get("CI") == "true"
THREAD, RUN = "thread_chat_1_1_00000000", "run_chat_1_1_00000000"

pytestmark = [
    pytest.mark.skipif(BROWSER is None and not IN_CI, reason=MISSING),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    if BROWSER is None:
        pytest.fail(MISSING)
    folder: Path = tmp_path_factory.mktemp("server")
    async with serving(folder) as server, launched(BROWSER) as browser:
        page = await browser.new_page()
        await page.goto(server.url)
        yield page


def event(seq: int, kind: str, **fields: Any) -> dict[str, Any]:
    first = fields.pop("first_seq", None)
    envelope = {"event_type": kind, "timestamp": 1.5 + seq, "user_id": "u", "seq": seq}
    envelope |= {"thread_id": THREAD, "run_id": RUN, "data": fields}
    return envelope | ({} if first is None else {"first_seq": first})


OPENING = [
    event(1, "thread_created", title=None, metadata={}),
    event(2, "message_created", role="user", content="Hi", client_message_id="m1"),
    event(3, "agent_started", agent="demo", attempt=1),
]

_FOLD = """async ([events, from]) => {
  const { applyEvent, emptyState } = await import(new URL("assets/state.js", location.href));
  let state = { ...emptyState(), seq: from, feed: "f" };
  for (const event of events) state = applyEvent(state, event);
  const thread = Object.values(state.threads)[0] ?? null;
  const run = thread?.history ? Object.values(thread.history.runs)[0] ?? null : null;
  return { state, thread, run };
}"""


async def fold(page: Page, events: list[dict[str, Any]], after: int = 0) -> dict[str, Any]:
    result: dict[str, Any] = await page.evaluate(_FOLD, [events, after])
    return result


def texts(run: dict[str, Any]) -> str:
    return "".join(step["text"] for step in run["steps"] if step["kind"] == "text")


async def test_an_event_that_is_known_changes_nothing(page: Page) -> None:
    delta = event(4, "agent_delta", text="a")
    again = [delta, OPENING[2], event(5, "agent_delta", text="b"), delta]
    folded = await fold(page, [*OPENING, delta, *again])
    assert texts(folded["run"]) == "ab"
    assert (folded["state"]["seq"], folded["state"]["at"]) == (5, 6.5)


async def test_a_later_attempt_voids_what_was_streamed(page: Page) -> None:
    later = [
        event(4, "agent_delta", text="lost"),
        event(5, "tool_executing", tool_call_id="t", tool="x", arguments={}),
        event(6, "agent_started", agent="demo", attempt=2),
        event(7, "agent_delta", text="kept"),
    ]
    run = (await fold(page, [*OPENING, *later]))["run"]
    assert (texts(run), run["attempt"], len(run["steps"])) == ("kept", 2, 1)


async def test_a_question_outlives_the_attempt_that_asked_it(page: Page) -> None:
    later = [
        event(4, "input_requested", input_id="i", prompt="How many?", expires_at=9e9),
        event(5, "agent_started", agent="demo", attempt=2),
    ]
    run = (await fold(page, [*OPENING, *later]))["run"]
    assert [(step["id"], step["status"]) for step in run["steps"]] == [("i", "open")]


async def test_the_whole_answer_replaces_pieces_that_do_not_add_up(page: Page) -> None:
    tool = event(5, "tool_executing", tool_call_id="t", tool="x", arguments={})
    pieces = [*OPENING, event(4, "agent_delta", text="a"), tool, event(6, "agent_delta", text="b")]
    same = await fold(page, [*pieces, event(7, "agent_completed", content="ab", duration_ms=1)])
    assert [step["kind"] for step in same["run"]["steps"]] == ["text", "tool", "text"]
    assert same["run"]["steps"][1]["status"] == "abandoned"
    other = await fold(page, [*pieces, event(7, "agent_completed", content="c", duration_ms=1)])
    assert texts(other["run"]) == "c"
    assert other["thread"]["active"] == {}


async def test_nothing_follows_the_end_of_a_run(page: Page) -> None:
    late = [
        event(4, "agent_cancelled", reason="by the user"),
        event(5, "agent_delta", text="late"),
        event(6, "agent_completed", content="late", duration_ms=1),
    ]
    run = (await fold(page, [*OPENING, *late]))["run"]
    assert (run["status"], texts(run)) == ("cancelled", "")


async def test_a_deleted_thread_is_gone(page: Page) -> None:
    folded = await fold(page, [*OPENING, event(4, "thread_deleted")])
    assert folded["state"]["threads"] == {}


def snapshot(last_seq: int, title: str | None, preview: str | None) -> dict[str, Any]:
    times = {"created_at": 1, "updated_at": 1}
    named: dict[str, Any] = {
        "thread_id": THREAD,
        "title": title,
        "preview": preview,
        "metadata": {},
    }
    return {**named, **times, "last_seq": last_seq}


_TITLE = """async ([listed, steps]) => {
  const { applyEvent, emptyState, titleOf, withThreadPage, withThreadSnapshot } =
    await import(new URL("assets/state.js", location.href));
  const threads = listed === null ? [] : [listed];
  let state = withThreadPage(emptyState(), { seq: 1, threads, next: null });
  for (const step of steps) {
    state = step.event_type ? applyEvent(state, step) : withThreadSnapshot(state, step);
  }
  const thread = Object.values(state.threads)[0];
  return [titleOf(thread), thread.order];
}"""


@pytest.mark.parametrize(
    ("listed", "steps", "title"),
    [
        pytest.param(snapshot(1, None, "Hi\nyou"), [], "Hi", id="preview"),
        pytest.param(snapshot(1, "Title", "Hi"), [], "Title", id="title"),
        pytest.param(snapshot(1, None, None), [], "New conversation", id="neither"),
        pytest.param(snapshot(1, None, None), OPENING[1:], "Hi", id="first-message-comes"),
        pytest.param(snapshot(1, None, "Ho"), OPENING[1:], "Ho", id="second-message-comes"),
        pytest.param(
            None,
            [OPENING[1], {"seq": 2, "thread": snapshot(2, None, "Ho")}],
            "Ho",
            id="a-later-message-of-an-unknown-thread",
        ),
        pytest.param(
            snapshot(1, "old", None),
            [
                event(3, "thread_updated", title="new", metadata={}),
                {"seq": 2, "thread": snapshot(2, "old", None)},
            ],
            "new",
            id="older-snapshot",
        ),
    ],
)
async def test_a_thread_is_named_in_whatever_order_it_becomes_known(
    page: Page, listed: dict[str, Any] | None, steps: list[dict[str, Any]], title: str
) -> None:
    named, _order = await page.evaluate(_TITLE, [listed, steps])
    assert named == title


_SPOKEN = """async (text) => {
  const { plainPart, plainText } =
    await import(new URL("assets/markdown_plain.js", location.href));
  const ends = [...text.matchAll(/[.!?:](?=\\s)|\\n/g)].map((found) => found.index + 1);
  const starts = [0, ...ends];
  const parts = starts.map((start, at) => plainPart(text, start, ends[at] ?? text.length));
  const words = (of) => of.split(/\\s+/).filter((word) => word !== "").join(" ");
  return [words(parts.join(" ")), words(plainText(text))];
}"""


async def test_markdown_is_spoken_without_marks_in_whatever_parts_it_comes(page: Page) -> None:
    text = (
        "I am **bold. Still bold.** And `code`: [a link](https://example.com/x_y).\n\n"
        "- **2** is prime\n- **4** = 2 × 2\n\n# Title\n\n1. one\n2. two\n\n> quoted. Text\n\n"
        "```py\nx = 2 ** 3\n```\n"
    )
    parts, whole = await page.evaluate(_SPOKEN, text)
    assert parts == whole
    assert whole == (
        "I am bold. Still bold. And code: a link. 2 is prime 4 = 2 × 2 Title 1. one 2. two "
        "quoted. Text x = 2 ** 3"
    )


_READING = """async ([events, during, upTo]) => {
  const at = (name) => import(new URL(`assets/${name}`, location.href));
  const { applyEvent, beginReading, emptyState, finishReading, needsReading, withThreadPage } =
    await at("state.js");
  const { emptyHistory, foldIntoHistory, textOf } = await at("history.js");
  const id = events[0].thread_id;
  const listed = { thread_id: id, title: null, metadata: {}, updated_at: 1, last_seq: 4 };
  let state = withThreadPage(emptyState(), { seq: 4, threads: [listed], next: null });
  state = beginReading({ ...state, feed: "f" }, id);
  for (const event of during) state = applyEvent(state, event);
  let history = emptyHistory(0, false);
  for (const event of events) history = foldIntoHistory(history, event);
  state = finishReading(state, id, { ...history, upTo });
  const thread = state.threads[id];
  return { text: textOf(Object.values(thread.history.runs)[0]), needs: needsReading(thread) };
}"""


async def test_events_that_come_while_a_history_is_read_continue_it(page: Page) -> None:
    read = [*OPENING, event(4, "agent_delta", text="a"), event(5, "agent_delta", text="b")]
    during = [event(5, "agent_delta", text="b"), event(6, "agent_delta", text="c")]
    assert await page.evaluate(_READING, [read, during, 5]) == {"text": "abc", "needs": False}


async def test_a_merged_piece_that_is_known_in_part_asks_for_another_reading(page: Page) -> None:
    read = [*OPENING, event(4, "agent_delta", text="a"), event(5, "agent_delta", text="b")]
    during = [event(6, "agent_delta", text="bc", first_seq=5)]
    assert await page.evaluate(_READING, [read, during, 5]) == {"text": "ab", "needs": True}


_MARKDOWN = """async ([text, isStreaming]) => {
  const { showMarkdown } = await import(new URL("assets/markdown.js", location.href));
  const place = document.createElement("div");
  showMarkdown(place, text, isStreaming);
  for (const button of place.querySelectorAll("button")) button.remove();
  return place.innerHTML;
}"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a **b** *c* ~~d~~ `e`",
         "<p>a <strong>b</strong> <em>c</em> <del>d</del> <code>e</code></p>"),
        ("***both***", "<p><strong><em>both</em></strong></p>"),
        ("*a **b***", "<p><em>a <strong>b</strong></em></p>"),
        ("snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"),
        (r"\*no\* `**no**`", "<p>*no* <code>**no**</code></p>"),
        ("one\ntwo", "<p>one<br>two</p>"),
        ("# One #\ntext", "<h3>One</h3><p>text</p>"),
        ("- a\n- b\n  1. c\n  2. d\n- e",
         "<ul><li>a</li><li>b<ol><li>c</li><li>d</li></ol></li><li>e</li></ul>"),
        ("3. a\n\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("> a\nb\n\nc", "<blockquote><p>a<br>b</p></blockquote><p>c</p>"),
        ("---", "<hr>"),
        ("| a | b |\n|---|:-:|\n| 1 | `x` |",
         '<div class="table" tabindex="0"><table><thead><tr><th class="align-left">a</th>'
         '<th class="align-center">b</th></tr></thead><tbody><tr><td class="align-left">1</td>'
         '<td class="align-center"><code>x</code></td></tr></tbody></table></div>'),
        ("```js\nlet a = *b*;\n```",
         '<div class="code"><pre tabindex="0"><code data-language="js">let a = *b*;</code></pre>'
         "</div>"),
        ("<b>x</b> &amp;", "<p>&lt;b&gt;x&lt;/b&gt; &amp;amp;</p>"),
        ("[x](javascript:alert)", "<p>[x](javascript:alert)</p>"),
        ("see https://example.com/a_b.", '<p>see <a href="https://example.com/a_b" target="_blank" '
         'rel="noopener noreferrer nofollow">https://example.com/a_b</a>.</p>'),
    ],
)  # fmt: skip
async def test_markdown(page: Page, text: str, shown: str) -> None:
    assert await page.evaluate(_MARKDOWN, [text, False]) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("so **bo", "<p>so <strong>bo</strong></p>"),
        ("so `co", "<p>so <code>co</code></p>"),
        ("```\nco", '<div class="code"><pre tabindex="0"><code>co</code></pre></div>'),
    ],
)
async def test_markdown_that_goes_on_is_shown_as_it_will_be(
    page: Page, text: str, shown: str
) -> None:
    assert await page.evaluate(_MARKDOWN, [text, True]) == shown


_PIECEMEAL = """async (text) => {
  const { showMarkdown } = await import(new URL("assets/markdown.js", location.href));
  const [grown, whole] = [document.createElement("div"), document.createElement("div")];
  for (let end = 1; end <= text.length; end += 1) {
    showMarkdown(grown, text.slice(0, end), end < text.length);
  }
  showMarkdown(whole, text, false);
  return grown.innerHTML === whole.innerHTML ? "same" : grown.innerHTML;
}"""


async def test_text_that_grew_looks_like_text_that_came_at_once(page: Page) -> None:
    text = (
        "# A\n\nSome **bold** and `code`, [a](https://example.com) link.\n\n- one\n- two\n"
        "  - three\n\n| a | b |\n|---|---|\n| 1 | *2* |\n\n> quote\n\n"
        "```py\nx = 1\n\ny = 2\n```\n\n1. z\n2. y\n"
    )
    assert await page.evaluate(_PIECEMEAL, text) == "same"


_TIMED = """async (texts) => {
  const { parseBlocks } = await import(new URL("assets/markdown_blocks.js", location.href));
  const { parseInline } = await import(new URL("assets/markdown_inline.js", location.href));
  const began = performance.now();
  for (const text of texts) { parseBlocks(text); parseInline(text, true); parseInline(text); }
  return performance.now() - began;
}"""


async def test_no_text_makes_markdown_slow(page: Page) -> None:
    size = 60_000
    seeds = ["*a ", "**", "_a_", "[", "[a](", "`", "`a``", "![", "> ", "- ", "  - a\n", "|", "|-",
             "#" , " ", "~", "<http://", "http://a ", "\\", "a\n", "`a` `` ", "***a**"]  # fmt: skip
    hostile = [(seed * size)[:size] for seed in seeds] + ["# " + " " * size + "x", " " * size + "x"]
    hostile += [
        "`" * 300 + " ".join("`" * length for length in range(1, 300)),
        ">" * size + "\n- " * 9,
    ]
    assert await page.evaluate(_TIMED, hostile) < 4_000
