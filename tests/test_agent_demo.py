"""The demonstration agent: its reaction to messages, and its introduction."""

from __future__ import annotations

import time
from typing import Any

import pytest

from run_recorder import RunRecorder
from threadcast.agent import Agent, Message, Run, SearchHit
from threadcast.agents.demo import demo_agent
from threadcast.agents.demo_reading import find_expression, read_message

NOON = 1_763_640_000.0  # 2025-11-20 12:00 UTC, a Thursday


class FixedClock:
    """A clock that stands at noon."""

    def now(self) -> float:
        """Wall time, seconds since the epoch."""
        return NOON

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return 0.0


async def run_demo(message: str, **given: Any) -> RunRecorder:
    run = RunRecorder(message, **given)
    await answer(demo_agent(pace_s=0, clock=FixedClock()), run)
    return run


async def answer(agent: Agent, run: Run) -> None:
    outcome = agent.function(run)
    assert not hasattr(outcome, "__aiter__")
    assert await outcome is None


@pytest.mark.parametrize(
    "message", ["hello", "?", "你好", "what is 1+1", "🙂", "   ", "a" * 65_536, "1 + " * 16_000]
)
async def test_every_message_has_a_thought_and_an_answer(message: str) -> None:
    began = time.process_time()
    run = await run_demo(message)
    assert run.kinds[0] == "agent_thinking"
    assert run.kinds[-1] == "agent_delta"
    assert "no language model" in run.text
    assert time.process_time() - began < 2


async def test_arithmetic_is_calculated() -> None:
    run = await run_demo("Hi! What is 12 * (3 + 4), please?")
    assert run.of("tool_executing") == [
        {"tool": "calculate", "arguments": {"expression": "12 * (3 + 4)"}}
    ]
    assert run.of("tool_completed")[0]["result"]["value"] == "84"
    assert "**84**" in run.text


async def test_impossible_arithmetic_is_an_error_of_the_tool_and_said() -> None:
    run = await run_demo("what is 10/0")
    assert run.of("tool_completed")[0]["is_error"] is True
    assert "division by zero" in run.text


async def test_time_is_told_where_it_is_asked_for() -> None:
    run = await run_demo("What time is it in New York?")
    assert run.of("tool_executing") == [
        {"tool": "current_time", "arguments": {"zone": "America/New_York"}}
    ]
    assert "**07:00** on Thursday 20 November 2025" in run.text
    elsewhere = await run_demo("today's date")
    assert "In **UTC** it is **12:00**" in elsewhere.text
    assert "I do not know" not in elsewhere.text
    nowhere = await run_demo("what time is it in Atlantis?")
    assert "I do not know a place `Atlantis`" in nowhere.text
    assert "In **UTC** it is **12:00**" in nowhere.text


async def test_earlier_messages_are_searched() -> None:
    hits = [
        SearchHit("thread_a", "I love `pancakes` with maple\nsyrup", NOON - 86_400),
        SearchHit("thread_b", "Nothing of the kind", NOON),
    ]
    run = await run_demo("do you remember what I said about pancakes and syrup?", hits=hits)
    assert run.of("tool_executing")[0]["arguments"] == {"text": "pancakes syrup"}
    assert "2025-11-19: `I love 'pancakes' with maple syrup`" in run.text
    nothing = await run_demo("search for Marmalade")
    assert nothing.of("tool_executing")[0]["arguments"] == {"text": "Marmalade"}
    assert "nothing yet" in nothing.text


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("Count to 200", {"expression": "200 * 201 / 2"}),
        ("a long answer", {"expression": "2 * 2 * 2 * 5 * 5"}),
    ],
)
async def test_nothing_is_searched_for_that_nobody_asked_for(
    message: str, arguments: dict[str, str]
) -> None:
    run = await run_demo(message)
    assert run.of("tool_executing") == [{"tool": "calculate", "arguments": arguments}]


@pytest.mark.parametrize(
    "message", ["hello", "Ask me for a number", "written while down", "Marmalade"]
)
async def test_no_tool_is_used_that_does_not_fit(message: str) -> None:
    run = await run_demo(message, answers=[7])
    assert run.of("tool_executing") == []


async def test_what_is_calculated_for_long_answers_is_true() -> None:
    assert "= **20100**, the sum of all I count" in (await run_demo("count to 200")).text
    assert "= **200**, so the last line below is right" in (await run_demo("something long")).text


EARLIER = [Message("user", "hello", "run_chat_1_1_00000000", NOON)]


@pytest.mark.parametrize(
    ("message", "earlier", "are_given"),
    [
        ("what is 1 + 1?", [], True),
        ("what is 1 + 1?", EARLIER, False),
        ("count to 3", EARLIER, False),
        ("ask me something", EARLIER, False),
        ("search for tea", EARLIER, False),
        ("Marmalade", EARLIER, True),
        ("hm?", EARLIER, True),
    ],
)
async def test_suggestions_come_first_and_for_who_seems_lost(
    message: str, earlier: list[Message], are_given: bool
) -> None:
    run = await run_demo(message, earlier=earlier)
    assert ("Things to try" in run.text) is are_given
    assert ("OPENAI_API_KEY" in run.text) is (earlier == [])
    assert ("no language model" in run.text) is (earlier == [])
    assert run.text == run.text.strip()


async def test_who_seems_lost_is_told_that_nothing_was_found() -> None:
    run = await run_demo("Marmalade", earlier=EARLIER)
    assert run.text.startswith("I found nothing in your words")
    assert run.of("agent_thinking") == ["I read 1 word: nothing that one of my tools fits."]


async def test_several_wishes_use_several_tools() -> None:
    run = await run_demo("find berlin, tell me 2+2 and the time in Tokyo")
    assert [call["tool"] for call in run.of("tool_completed")] == [
        "calculate",
        "current_time",
        "search_history",
    ]


@pytest.mark.parametrize(
    ("message", "kind", "value", "said"),
    [
        ("ask me about my favourite colour", "string", "dark `green`", "`dark 'green'`"),
        ("ask me for a number", "number", 7, "`7`"),
        ("ask me if I want tea, yes or no", "boolean", True, "**yes**"),
    ],
)
async def test_it_asks_when_it_is_told_to(
    message: str, kind: str, value: object, said: str
) -> None:
    run = await run_demo(message, answers=[value])
    asked = run.of("input_requested")[0]
    assert asked["schema"]["type"] == kind
    assert said in run.text


async def test_an_unanswered_question_is_reported() -> None:
    run = await run_demo("ask me something")
    assert "nobody answered" in run.text


async def test_it_counts_and_says_where_it_stops() -> None:
    run = await run_demo("please count to 30")
    assert " 29 30." in run.text
    far = await run_demo("count to 999999999")
    assert "at most" in far.text
    assert " 999 1000." in far.text


@pytest.mark.parametrize("message", ["write something long", "an essay, please"])
async def test_a_long_answer_is_long_and_true(message: str) -> None:
    run = await run_demo(message)
    assert len(run.of("agent_delta")) > 500
    assert "**84** = 2 × 2 × 3 × 7" in run.text
    assert "**97** is prime" in run.text


async def test_it_streams_words() -> None:
    run = await run_demo("hello")
    assert len(run.of("agent_delta")) > 20
    assert max(len(piece) for piece in run.of("agent_delta")) < 60


async def test_a_second_attempt_says_so() -> None:
    run = await run_demo("hello", attempt=2)
    assert "attempt 2" in run.of("agent_thinking")[0]


@pytest.mark.parametrize("pace_s", [-1, float("nan"), float("inf"), 11])
def test_the_pace_has_bounds(pace_s: float) -> None:
    with pytest.raises(ValueError, match="pace_s"):
        demo_agent(pace_s=pace_s)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("what is 15% of 240?", "15% of 240"),
        ("(see 3+4)", "3+4"),
        ("sqrt(2) is what?", "sqrt(2)"),
        ("area of 2 * pi * 3", "2 * pi * 3"),
        ("12 x 7 =", "12 x 7"),
        ("it is 5 + 3.", "5 + 3"),
        ("-2^2?", "-2^2"),
        ("meet on 2025-11-20 at 12:30", None),
        ("born 1/2/1990", None),
        ("python 3.11.7", None),
        ("I have 3 cats", None),
        ("- a list", None),
        ("and/or", None),
        ("C++ (really)", None),
        ("max is here", None),
    ],
)
def test_arithmetic_is_found_in_prose(text: str, expression: str | None) -> None:
    assert find_expression(text) == expression


@pytest.mark.parametrize(
    ("text", "is_long"),
    [("long", True), ("how long is it?", False), ("a long time ago", False), ("longer!", True)],
)
def test_long_is_a_wish_only_where_it_is_one(text: str, is_long: bool) -> None:
    assert read_message(text).wants_long is is_long


def test_a_quoted_phrase_is_searched_as_it_stands() -> None:
    assert read_message('search for "red shoes"').search_text == "red shoes"
