"""Tools and zone names: any input is used, or refused with a clear error."""

from __future__ import annotations

from typing import Any

import pytest

from run_recorder import RunRecorder
from threadcast.agent import SearchHit
from threadcast.agents.tools import Tool, ToolError, default_tools, use_tool
from threadcast.agents.zones import ZoneNames
from threadcast.clock import SystemClock


def tool(name: str) -> Tool:
    return default_tools(SystemClock())[name]


async def test_a_use_is_announced_and_its_result_is_returned() -> None:
    run = RunRecorder("hi")
    value = await use_tool(run, tool("calculate"), {"expression": "2 ** 70"})
    assert value == {"expression": "2 ** 70", "value": str(2**70)}
    assert run.of("tool_completed") == [{"tool": "calculate", "result": value, "is_error": False}]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("calculate", {}, "expression"),
        ("calculate", {"expression": "1" * 501}, "at most 500"),
        ("calculate", {"expression": "1 +"}, "arithmetic"),
        ("current_time", {"zone": "Atlantis"}, "IANA"),
        ("current_time", {"zone": "x" * 65}, "at most 64"),
        ("current_time", {"zone": "../../etc/passwd"}, "IANA"),
        ("current_time", {"zone": None}, "expected a text"),
        ("search_history", {"text": " "}, "expected a text"),
        ("search_history", {"text": "a", "limit": 0}, "limit"),
        ("search_history", {"text": "a", "limit": True}, "limit"),
    ],
)
async def test_unusable_arguments_are_refused_by_name(
    name: str, arguments: dict[str, Any], said: str
) -> None:
    run = RunRecorder("hi")
    with pytest.raises(ToolError, match=said):
        await use_tool(run, tool(name), arguments)
    assert run.of("tool_completed")[0]["is_error"] is True


async def test_long_messages_are_found_in_part() -> None:
    run = RunRecorder("hi", hits=[SearchHit("t", "tea " * 200, 0.0)] * 9)
    value = await use_tool(run, tool("search_history"), {"text": "tea"})
    assert len(value["found"]) == 5
    assert len(value["found"][0]["content"]) == 300
    assert value["found"][0]["time"] == "1970-01-01T00:00:00+00:00"


async def test_the_message_itself_is_no_earlier_one() -> None:
    run = RunRecorder("tea?")
    run.hits = [
        SearchHit(run.context.thread_id, "tea?", 2.0),
        *[SearchHit("thread_other", "tea?", 1.0)] * 9,
    ]
    value = await use_tool(run, tool("search_history"), {"text": "tea", "limit": 3})
    assert [hit["thread_id"] for hit in value["found"]] == ["thread_other"] * 3


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Europe/Paris", "Europe/Paris"),
        ("europe/paris", "Europe/Paris"),
        ("new york", "America/New_York"),
        ("São Paulo", "America/Sao_Paulo"),
        ("Buenos Aires", "America/Argentina/Buenos_Aires"),
        ("San Francisco", "America/Los_Angeles"),
        ("utc", "UTC"),
        ("", None),
        ("Mordor", None),
    ],
)
def test_a_zone_has_many_names(name: str, zone: str | None) -> None:
    assert ZoneNames().named(name) == zone


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("what time is it in st. johns?", "America/St_Johns"),
        ("the time in Asia/Kathmandu please", "Asia/Kathmandu"),
        ("time in Port-au-Prince", "America/Port-au-Prince"),
        ("what is the time in UTC", "UTC"),
        ("the date of easter, time to wake up", None),
        ("what time is it", None),
    ],
)
def test_a_sentence_names_a_zone(text: str, zone: str | None) -> None:
    assert ZoneNames().mentioned(text) == zone


def test_names_can_be_given() -> None:
    names = ZoneNames(["Europe/Oslo"])
    assert names.named("oslo") == "Europe/Oslo"
    assert names.named("Paris") is None
    assert names.named("san francisco") is None
