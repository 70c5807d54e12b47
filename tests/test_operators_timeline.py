"""The parts of a run's events that an operator without the scope `content` sees."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from threadcast.events import Address, EventType, JournalEvent
from threadcast.operators.timeline import timeline_events
from threadcast.wire.look_up_models import TimelineEvent

ADDRESS = Address("ann", "thread_chat_1_1_00000000", "run_chat_1_1_00000000")
TEXT = "the diagnosis of Ada Lovelace"


def seen(kind: EventType, data: dict[str, Any], *, content: bool = False) -> TimelineEvent:
    event = JournalEvent(kind, b"1.5", ADDRESS, 1, msgspec.json.encode(data))
    (one,) = timeline_events([event], content=content)
    return one


@pytest.mark.parametrize("name", ["agent", "tool", "tool_call_id", "input_id", "code", "role"])
@pytest.mark.parametrize(
    "text", [TEXT, "", "x" * 65, 'lookup("x")', "na\nme", "n\u00e4me", "name\n", 5, ["a"], {"a": 1}]
)
def test_a_name_that_may_be_a_text_is_left_out(name: str, text: object) -> None:
    one = seen(EventType.TOOL_EXECUTING, {name: text, "attempt": 1})
    assert one.data == {"attempt": 1}
    assert one.left_out == {name: len(msgspec.json.encode(text))}


@pytest.mark.parametrize("name", ["agent", "tool", "tool_call_id", "input_id", "code", "role"])
def test_a_name_that_looks_like_one_is_shown(name: str) -> None:
    for text in ("search_docs", "call_0a-1", "mcp:files.read", "x" * 64):
        one = seen(EventType.TOOL_EXECUTING, {name: text})
        assert (one.data, one.left_out) == ({name: text}, {})


def test_a_number_that_is_a_text_is_left_out() -> None:
    for name in ("attempt", "position", "created_at", "duration_ms", "expires_at", "retryable"):
        assert seen(EventType.AGENT_STARTED, {name: TEXT}).data == {}
        assert seen(EventType.AGENT_STARTED, {name: "1"}).data == {}
        assert seen(EventType.AGENT_STARTED, {name: 1}).data == {name: 1}


def test_of_the_use_only_known_figures_are_shown() -> None:
    hidden = {TEXT: 1, "total": 2, "total_tokens": TEXT, "cached_tokens": {TEXT: 1}}
    usage = {"model": "lab/small-2:free", "input_tokens": 12, "output_tokens": 3, **hidden}
    one = seen(EventType.AGENT_COMPLETED, {"usage": usage})
    assert one.data["usage"] == {"model": usage["model"], "input_tokens": 12, "output_tokens": 3}
    assert one.left_out == {"usage": len(msgspec.json.encode(hidden))}
    assert seen(EventType.AGENT_COMPLETED, {"usage": {"model": TEXT}}).data == {}
    others: tuple[object, ...] = (TEXT, [1], 7, None, {})
    for other in others:
        one = seen(EventType.AGENT_COMPLETED, {"usage": other})
        assert (one.data, set(one.left_out)) == ({}, {"usage"})


def test_with_the_permission_to_read_texts_everything_is_shown() -> None:
    data = {"tool": TEXT, "usage": {TEXT: 1}, "arguments": {"a": TEXT}}
    one = seen(EventType.TOOL_EXECUTING, data, content=True)
    assert (one.data, one.left_out) == (data, {})
