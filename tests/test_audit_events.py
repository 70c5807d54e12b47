"""TC401 to TC404: events are known by name or by sender; other dicts are not ours."""

from __future__ import annotations

import pytest

from audit_tree import codes_in, findings_in
from threadcast.audit.configuration import AuditSettings

_WRONG_KEYS = (
    "e = {'type': 'agent_started', 'data': {}}",
    "e = {'event': 'tool_executing', 'data': {}}",
    "e = {'event_type': 'agent_completed', 'user': name, 'data': {}}",
    "e = {'event_type': 'agent_thinking', 'time': now, 'data': {}}",
    "e = {'event_type': 'agent_failed', 'payload': {}}",
    "await ws.send_json({'type': 'answer', 'text': text})",
    "await manager.broadcast({'type': 'update', 'data': {}})",
    "event = {'type': 'answer', 'data': {}}\ndef f(bus):\n    pass\n"
    "bus.publish({'type': 'x1', 'a': 2})",
    "def f(bus):\n    event = {'type': 'answer', 'data': {}}\n    bus.publish(event)",
    "import json\nemit(json.dumps({'type': 'answer', 'data': {}}))",
    "e = {'type': EventType.AGENT_STARTED, 'data': {}}",
    "await ws.send_json({'type': 'log', 'event': row})",
    "e = {'type': EventType.TOOL_COMPLETED.value, 'data': {}}",
)
_OTHER_DICTS = (
    "e = {'event_type': 'agent_started', 'data': {}}",
    "schema = {'type': 'object', 'properties': {}}",
    "await send({'type': 'websocket.send', 'text': text})",
    "await ws.send_json({'type': 'ping', 'n': 1})",
    "await ws.send_json({'type': 'pong'})",
    "class A:\n    async def f(self):\n"
    "        await self._client.send_json({'type': 'Speak', 'text': 'x'})",
    "await openai.send_json({'type': 'response.create', 'response': {}})",
    "tool = {'type': 'function', 'function': {}}",
    "await ws.send_json({'jsonrpc': '2.0', 'type': 'call', 'method': 'x'})",
    "part = {'type': 'text', 'text': text}",
    "await ws.send_json({'event_type': 'agent_started', 'data': {}})",
    "e = {kind: 'agent_started'}",
    "def f(bus):\n    event = {'type': 'answer', 'a': 1}\n    event = other\n"
    "    bus.publish(event)",
)


@pytest.mark.parametrize("text", _WRONG_KEYS)
def test_keys_that_are_not_canonical_are_found(text: str) -> None:
    assert codes_in(text) == ["TC401"]


@pytest.mark.parametrize("text", _OTHER_DICTS)
def test_other_dicts_are_left_alone(text: str) -> None:
    assert codes_in(text) == []


_PAYLOAD_OUTSIDE = (
    "e = {'event_type': 'agent_thinking', 'text': text}",
    "e = {'event_type': 'agent_delta', 'text': text, 'data': {}}",
    "e = {'event_type': 'tool_executing', 'tool': tool, 'arguments': {}}",
    "e = {'event_type': 'agent_completed', 'content': text, 'user_id': user_id}",
    "e = {'event_type': 'run_queued', 'position': 3}",
    "e = {'event_type': 'agent_failed', 'code': code, 'timestamp': now}",
    "await ws.send_json({'event_type': 'answer', 'text': text})",
    "e = {'event_type': EventType.AGENT_CANCELLED, 'reason': why}",
)
_PAYLOAD_INSIDE = (
    "e = {'event_type': 'agent_thinking', 'data': {'text': text}}",
    "e = {'event_type': 'agent_started', 'seq': 4, 'data': {}}",
    "e = {'event_type': 'agent_delta', 'seq': 4, 'first_seq': 2, 'data': {}}",
    "e = {'event_type': 'page_viewed', 'page': page}",
    "e = {'event_type': 'thread_deleted', 'user_id': u, 'thread_id': t, 'data': {}}",
    "e = {'event_type': 'agent_started', 'run_id': run_id}",
    "e = {'event_type': 'agent_started', 'timestamp': now, 'data': data}",
    "e = {'event_type': name, 'text': text}",
)


@pytest.mark.parametrize("text", _PAYLOAD_OUTSIDE)
def test_a_payload_beside_data_is_found(text: str) -> None:
    assert codes_in(text) == ["TC402"]


@pytest.mark.parametrize("text", _PAYLOAD_INSIDE)
def test_a_payload_in_data_is_left_alone(text: str) -> None:
    assert codes_in(text) == []


_WRONG_CLASSES = (
    "class AgentEvent(TypedDict):\n    type: str\n    user_id: str",
    "class ChatEvent(BaseModel):\n    event_type: str\n    user: str\n    thread_id: str",
    "@dataclass\nclass RunEvent:\n    event_type: str\n    time: float\n    run_id: str",
    "class Started(TypedDict):\n    type: Literal['agent_started']",
    "class AgentStartedEvent(BaseModel):\n    type: str = 'agent_started'",
    "class WireEvent(msgspec.Struct):\n    event_type: str\n    threadId: str",
    "@attrs.define\nclass LiveEvent:\n    event: str\n    run_id: str",
    "class ToolEvent(TypedDict):\n    event_type: str\n    user_id: str\n    payload: dict",
    "class UserEvent(ChatEvent):\n    type: str\n    user_id: str",
)
_OTHER_CLASSES = (
    "class AgentEvent(TypedDict):\n    event_type: str\n    user_id: str",
    "class MouseEvent(TypedDict):\n    type: str\n    x: int",
    "class Column(TypedDict):\n    type: str\n    user: str",
    "class ChatEvent:\n    type: str\n    user_id: str",
    "class AuditEvent(BaseModel):\n    action: str\n    user: str",
    "@dataclass\nclass Calendar:\n    event: str\n    time: float",
    "class EventSource(BaseModel):\n    type: str\n    user_id: str",
    "class StartedEvent(TypedDict):\n    event_type: Literal['agent_started']\n    data: dict",
)


@pytest.mark.parametrize("text", _WRONG_CLASSES)
def test_a_class_for_events_with_other_fields_is_found(text: str) -> None:
    assert codes_in(text) == ["TC403"]


@pytest.mark.parametrize("text", _OTHER_CLASSES)
def test_other_classes_are_left_alone(text: str) -> None:
    assert codes_in(text) == []


_WRONG_TIMES = (
    "e = {'event_type': 'agent_started', 'timestamp': datetime.now().isoformat()}",
    "e = {'event_type': 'agent_started', 'timestamp': datetime.now(UTC).isoformat() + 'Z'}",
    "e = {'event_type': 'agent_started', 'timestamp': time.strftime('%H:%M')}",
    "e = {'event_type': 'agent_started', 'timestamp': int(time.time())}",
    "e = {'event_type': 'agent_started', 'timestamp': int(time.time() * 1000)}",
    "e = {'event_type': 'agent_started', 'timestamp': time.time_ns()}",
    "e = {'event_type': 'agent_started', 'timestamp': '2026-01-01T00:00:00Z'}",
    "e = {'event_type': 'agent_started', 'timestamp': time.ctime()}",
)
_RIGHT_TIMES = (
    "e = {'event_type': 'agent_started', 'timestamp': time.time()}",
    "e = {'event_type': 'agent_started', 'timestamp': clock.wall()}",
    "e = {'event_type': 'agent_started', 'timestamp': now}",
    "e = {'event_type': 'agent_started', 'timestamp': 1763629200.5}",
    "e = {'event_type': 'agent_started', 'timestamp': round(time.time(), 6)}",
    "e = {'event_type': 'agent_started', 'timestamp': datetime.now().timestamp()}",
    "row = {'timestamp': datetime.now().isoformat()}",
    "e = {'event_type': 'page_viewed', 'timestamp': '2026-01-01T00:00:00Z'}",
)


@pytest.mark.parametrize("text", _WRONG_TIMES)
def test_a_time_that_is_no_float_is_found(text: str) -> None:
    assert codes_in(text) == ["TC404"]


@pytest.mark.parametrize("text", _RIGHT_TIMES)
def test_a_time_that_is_one_is_left_alone(text: str) -> None:
    assert codes_in(text) == []


def test_the_message_says_what_was_expected_and_what_came() -> None:
    (found,) = findings_in("e = {'type': 'agent_started', 'user': 'u-1'}")

    assert found.message == (
        "the event `agent_started` has other keys: expected `event_type`, got `type`,"
        " `user_id`, got `user`"
    )


def test_configured_events_and_senders_count() -> None:
    named = AuditSettings(events=frozenset({"page_viewed"}))
    sender = AuditSettings(event_senders=("shout",))

    assert codes_in("e = {'type': 'page_viewed'}", named) == ["TC401"]
    assert codes_in("shout({'type': 'page_viewed', 'n': 1})", sender) == ["TC401"]
