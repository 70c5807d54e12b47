"""Events: the golden vectors, the envelope's bytes, merged deltas and connection events."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.events import (
    DATA_OF_EVENT,
    EVENT_CODE,
    EVENT_OF_CODE,
    TERMINAL_EVENTS,
    Address,
    AgentDelta,
    AgentThinking,
    ConnectionEventType,
    Event,
    EventData,
    EventDraft,
    EventType,
    JournalEvent,
    connection_event,
    encode_json,
    highest_seq,
    merge_deltas,
    timestamp_text,
)
from threadcast.wire.connection_data import DATA_OF_CONNECTION_EVENT
from vector_files import vectors

_USER, _THREAD, _RUN = "u-17", "thread_chat_1763629200001_7_90c65fe4", "run_chat_1_1_90c65fe4"


def journal_event(seq: int, data: EventData, *, run_id: str | None = _RUN) -> JournalEvent:
    kind = next(kind for kind, of in DATA_OF_EVENT.items() if of is type(data))
    draft = EventDraft.of(kind, data)
    address = Address(_USER, _THREAD, run_id)
    return JournalEvent(kind, timestamp_text(seq * 1_000_001), address, seq, draft.data)


def delta(seq: int, text: str, *, run_id: str = _RUN) -> JournalEvent:
    return journal_event(seq, AgentDelta(text), run_id=run_id)


# --- vectors --------------------------------------------------------------------------------------


def test_the_vectors_hold_every_event() -> None:
    assert {vector.values[0]["event"]["event_type"] for vector in vectors("events")} == {*EventType}
    said = {vector.values[0]["event"]["event_type"] for vector in vectors("connection_events")}
    assert said == {*ConnectionEventType}


@pytest.mark.parametrize("vector", vectors("events"))
def test_journal_event_of_vector(vector: dict[str, Any]) -> None:
    sent = vector["event"]
    kind = EventType(sent["event_type"])
    data = msgspec.convert(sent["data"], DATA_OF_EVENT[kind])
    event = JournalEvent(
        kind,
        timestamp_text(round(sent["timestamp"] * 1_000_000)),
        Address(sent["user_id"], sent.get("thread_id"), sent.get("run_id")),
        sent["seq"],
        EventDraft.of(kind, data).data,
        sent.get("first_seq"),
    )
    assert json.loads(event.payload) == sent
    assert list(json.loads(event.payload)) == list(sent)
    assert event.payload is event.payload


@pytest.mark.parametrize("vector", [*vectors("events"), *vectors("connection_events")])
def test_client_event_of_vector(vector: dict[str, Any]) -> None:
    sent = vector["event"]
    event = msgspec.json.decode(json.dumps(sent), type=Event)
    assert json.loads(msgspec.json.encode(event)) == sent


@pytest.mark.parametrize("vector", vectors("connection_events"))
def test_connection_event_of_vector(vector: dict[str, Any]) -> None:
    sent = vector["event"]
    kind = ConnectionEventType(sent["event_type"])
    data = msgspec.convert(sent["data"], DATA_OF_CONNECTION_EVENT[kind])
    assert msgspec.to_builtins(data) == sent["data"]
    said = connection_event(
        kind, now=sent["timestamp"], user_id=sent["user_id"], data=msgspec.to_builtins(data)
    )
    assert json.loads(said) == sent


# --- the vocabulary -------------------------------------------------------------------------------


def test_storage_codes_never_change() -> None:
    assert {kind.value: code for kind, code in EVENT_CODE.items()} == {
        "thread_created": 1,
        "thread_updated": 2,
        "thread_deleted": 3,
        "message_created": 4,
        "run_queued": 5,
        "agent_started": 6,
        "agent_thinking": 7,
        "agent_delta": 8,
        "tool_executing": 9,
        "tool_completed": 10,
        "input_requested": 11,
        "input_received": 12,
        "agent_completed": 13,
        "agent_failed": 14,
        "agent_cancelled": 15,
    }
    assert {code: kind for kind, code in EVENT_CODE.items()} == EVENT_OF_CODE


def test_the_vocabulary_is_complete() -> None:
    assert DATA_OF_EVENT.keys() == set(EventType)
    assert set(DATA_OF_EVENT.values()) == set(get_args(EventData))
    assert DATA_OF_CONNECTION_EVENT.keys() == set(ConnectionEventType)
    assert not set(EventType) & set(map(str, ConnectionEventType))
    assert {kind.value for kind in TERMINAL_EVENTS} == {
        "agent_completed",
        "agent_failed",
        "agent_cancelled",
    }


# --- the envelope ---------------------------------------------------------------------------------


@given(
    user_id=st.text(min_size=1),
    at_us=st.integers(0, 2**53),
    seq=st.integers(1, 2**53 - 1),
    text=st.text(),
    thread_id=st.none() | st.just(_THREAD),
    run_id=st.none() | st.just(_RUN),
)
def test_the_payload_is_the_json_of_its_parts(
    user_id: str, at_us: int, seq: int, text: str, thread_id: str | None, run_id: str | None
) -> None:
    draft = EventDraft.of(EventType.AGENT_THINKING, AgentThinking(text))
    address = Address(user_id, thread_id, run_id)
    event = JournalEvent(draft.event_type, timestamp_text(at_us), address, seq, draft.data)
    expected: dict[str, Any] = {
        "event_type": "agent_thinking",
        "timestamp": at_us / 1_000_000,
        "user_id": user_id,
        "thread_id": thread_id,
        "run_id": run_id,
        "seq": seq,
        "data": {"text": text},
    }
    assert json.loads(event.payload) == {
        name: value for name, value in expected.items() if value is not None
    }


def test_timestamps_keep_microseconds() -> None:
    assert timestamp_text(1_763_629_200_123_456) == b"1763629200.123456"
    assert timestamp_text(1_763_629_200_000_001) == b"1763629200.000001"
    assert timestamp_text(0) == b"0.000000"


def test_data_that_json_cannot_carry_is_refused() -> None:
    with pytest.raises(TypeError):
        encode_json(object())
    assert encode_json([float("nan"), float("inf")]) == b"[null,null]"


# --- merged deltas --------------------------------------------------------------------------------


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_merged_deltas_say_the_same(texts: list[str]) -> None:
    events = [delta(seq, text) for seq, text in enumerate(texts, start=5)]
    before = [event.payload for event in events]
    (merged,) = merge_deltas(events)
    said = json.loads(merged.payload)
    assert said["data"] == {"text": "".join(texts)}
    assert said["seq"] == 4 + len(texts)
    assert said.get("first_seq", said["seq"]) == 5
    assert said["timestamp"] == json.loads(before[-1])["timestamp"]
    assert [event.payload for event in events] == before


def test_only_neighbours_of_one_run_are_merged() -> None:
    events = [
        delta(1, "a"),
        delta(2, "b"),
        journal_event(3, AgentThinking("hm")),
        delta(4, "c"),
        delta(5, "d", run_id="run_chat_2_2_90c65fe4"),
        delta(6, "e", run_id="run_chat_2_2_90c65fe4"),
    ]
    merged = [json.loads(event.payload) for event in merge_deltas(events)]
    assert [(one.get("first_seq"), one["seq"], one["data"]["text"]) for one in merged] == [
        (1, 2, "ab"),
        (None, 3, "hm"),
        (None, 4, "c"),
        (5, 6, "de"),
    ]


def test_a_merged_delta_can_be_merged_again() -> None:
    first = merge_deltas([delta(1, "a"), delta(2, "b")])
    (merged,) = merge_deltas([*first, delta(3, "c")])
    said = json.loads(merged.payload)
    assert (said["first_seq"], said["seq"], said["data"]["text"]) == (1, 3, "abc")


def test_nothing_is_merged_from_nothing() -> None:
    assert merge_deltas([]) == []
    assert highest_seq([]) == 0
    assert highest_seq([delta(1, "a"), delta(7, "b")]) == 7
