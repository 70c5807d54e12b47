"""Events of other services: which are taken, as what, and how the others are refused."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_scene import AT, DATA, Service, external
from threadcast.errors import ThreadcastError
from threadcast.events import DATA_OF_EVENT, ConnectionEventType, EventType
from threadcast.wire.external_data import DATA_OF_EXTERNAL
from threadcast.wire.external_event import ExternalEvent, read_external_event
from vector_files import vectors

_IDS = {
    "thread_id": "thread_chat_1763629200001_7_90c65fe4",
    "run_id": "run_chat_1763629200001_7_90c65fe4",
}

_OTHER_ID = "chat_1763629200001_7_90c65fe4"


def data_of(event: ExternalEvent) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(event.draft.data)
    return found


def refusal(text: str | bytes, *, data_max_bytes: int = 4_096) -> tuple[str, str]:
    """Code and message of a text that is refused."""
    with pytest.raises(ThreadcastError) as caught:
        read_external_event(
            text.encode() if isinstance(text, str) else text, data_max_bytes=data_max_bytes
        )
    return caught.value.code, caught.value.message


def refused_shape(shape: Any) -> tuple[str, str]:
    return refusal(json.dumps(shape))


@pytest.mark.parametrize("kind", EventType)
def test_every_type_keeps_the_fields_of_the_protocol(kind: EventType) -> None:
    event = Service().event(kind.value)
    made = set(DATA_OF_EVENT[kind].__struct_fields__)
    assert set(DATA_OF_EXTERNAL[kind].__struct_fields__) == made
    assert event.draft.event_type is kind
    sent = dict(DATA[kind.value])
    if kind is EventType.MESSAGE_CREATED:
        sent |= {"role": "user", "client_message_id": event.client_message_id}
    if "created_at" in made:
        sent["created_at"] = AT
    assert sent.items() <= data_of(event).items()


@pytest.mark.parametrize("vector", vectors("events"))
def test_canonical_events_are_taken(vector: dict[str, Any]) -> None:
    envelope = vector["event"]
    event = external(
        {**envelope, "client_message_id": envelope["data"].get("client_message_id", "k")}
    )
    created_at = (
        {}
        if envelope["event_type"] in ("agent_delta", "thread_deleted")
        else {"created_at": envelope["timestamp"]}
    )
    assert data_of(event) == {**created_at, **envelope["data"]}


@pytest.mark.parametrize("vector", vectors("older_events"))
def test_older_shapes_are_taken_or_refused_by_name(vector: dict[str, Any]) -> None:
    shape = {"id": "evt-1", **_IDS, **vector["shape"]}
    shape["run_id"] = shape.pop("run", None) or shape["run_id"] or _IDS["run_id"]
    shape["thread_id"] = shape.pop("thread", None) or shape["thread_id"]
    if vector["event"]["event_type"] == "agent_completed":
        assert refused_shape(shape)[1].startswith("duration_ms: expected an integer")
        shape = {**shape, **({} if "data" in shape else {"duration_ms": 7})}
        if "data" in shape:
            shape["data"] = {**shape["data"], "duration_ms": 7}
    event = external(shape)
    assert event.client_message_id == "evt-1"
    assert event.user_id == vector["event"]["user_id"]
    assert event.draft.event_type == vector["event"]["event_type"]
    assert vector["event"]["data"].items() <= data_of(event).items()
    if event.draft.event_type is not EventType.AGENT_DELTA:
        assert data_of(event)["created_at"] == vector["event"]["timestamp"]


@pytest.mark.parametrize("vector", vectors("refused_older_events"))
def test_what_cannot_be_normalised_is_named(vector: dict[str, Any]) -> None:
    code, message = refused_shape(vector["shape"])
    assert code == ("bad_field" if vector["field"] else "bad_message")
    assert message.startswith(
        f"{vector['field']}:" if vector["field"] else "expected a JSON object"
    )


def test_what_is_missing_is_told_as_missing() -> None:
    for field in ("event_type", "timestamp", "user_id"):
        _, message = refused_shape(Service().shape("agent_delta", **{field: None}))
        assert message.startswith(f"{field}: expected")
        assert message.endswith("got nothing")


@pytest.mark.parametrize(
    ("shape", "key"),
    [
        ({"client_message_id": "a", "event_id": "b", "id": "c"}, "a"),
        ({"client_message_id": None, "event_id": "b", "id": "c"}, "b"),
        ({"client_message_id": None, "id": "c"}, "c"),
        ({"client_message_id": None, "id": "c", "data": {"client_message_id": "d"}}, "c"),
        ({"client_message_id": None, "data": {"client_message_id": "d"}}, "d"),
        ({"client_message_id": "d", "data": {"client_message_id": "d"}}, "d"),
    ],
)
def test_where_the_name_of_an_event_is(shape: dict[str, Any], key: str) -> None:
    event = Service().event("message_created", **shape)
    assert event.client_message_id == key
    assert data_of(event)["client_message_id"] == key


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ({"client_message_id": None}, "got nothing"),
        ({"client_message_id": 7}, "got 7"),
        ({"client_message_id": "x" * 129}, "got a string of 129 characters"),
        ({"client_message_id": "a\nb"}, "got a string of 3 characters"),
        ({"client_message_id": ""}, "got a string of 0 characters"),
        ({"data": {"client_message_id": "other"}}, "got another in data"),
    ],
)
def test_a_name_that_is_none(shape: dict[str, Any], problem: str) -> None:
    _, message = refused_shape(Service().shape("message_created", **shape))
    assert message.startswith("client_message_id: expected")
    assert message.endswith(problem)


@pytest.mark.parametrize(
    ("kind", "changes", "code", "starts"),
    [
        ("agent_delta", {"run_id": None}, "bad_field", "run_id: expected a run id"),
        ("agent_delta", {"run_id": "x" * 301}, "bad_field", "run_id: "),
        ("agent_delta", {"run_id": "a\u2028b"}, "bad_id", "run_id: "),
        ("agent_delta", {"run_id": _IDS["thread_id"]}, "bad_id", "run_id: "),
        ("agent_delta", {"thread_id": "no thread"}, "bad_id", "thread_id: "),
        ("thread_created", {"thread_id": _OTHER_ID}, "bad_id", "thread_id: expected a thread id"),
        (
            "thread_created",
            {"thread_id": "\x85_req_9fc55c948877_7bfbba09"},
            "legacy_id",
            "thread_id: ",
        ),
        ("thread_created", {"thread_id": None}, "bad_field", "thread_id: expected a thread id"),
        ("thread_created", {"run_id": _IDS["run_id"]}, "bad_field", "expected no run_id"),
        ("agent_delta", {"data": {"text": 7}}, "bad_field", "text: expected text"),
        ("message_created", {"data": {"content": ""}}, "empty", "content: "),
        ("message_created", {"data": {"content": "x" * 65_537}}, "too_long", "content: "),
        ("message_created", {"data": {"role": "assistant"}}, "bad_field", "role: expected user"),
        ("thread_created", {"data": {"title": "x" * 201}}, "too_long", "title: "),
        ("thread_created", {"data": {"metadata": {"": 1}}}, "bad_metadata", "metadata: "),
        ("agent_started", {"data": {"attempt": 0}}, "bad_field", "attempt: "),
        ("agent_started", {"data": {"attempt": 2**31}}, "bad_field", "attempt: "),
        ("tool_completed", {"data": {"is_error": 1}}, "bad_field", "is_error: expected true or"),
        ("agent_failed", {"data": {"code": "Not A Code"}}, "bad_field", "code: "),
        ("agent_started", {"data": {"created_at": -1}}, "bad_field", "created_at: "),
        ("agent_thinking", {"data": {"text": "x" * 5_000}}, "too_long", "data: expected at most"),
        ("agent_thinking", {"data": {"text": "\0"}}, "bad_string", "U+0000"),
    ],
)
def test_what_is_not_of_its_type_is_named(
    kind: str, changes: dict[str, Any], code: str, starts: str
) -> None:
    found, message = refused_shape(Service().shape(kind, **changes))
    assert (found, message[: len(starts)]) == (code, starts)


@pytest.mark.parametrize("kind", ConnectionEventType)
def test_what_is_said_of_connections_is_in_no_journal(kind: str) -> None:
    _, message = refused_shape(Service().shape(kind))
    assert message == f"event_type: expected a type of journal events, got {kind}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"\xff{}", "bad_json"),
        (b'"text"', "bad_message"),
        (b'{"data":' + b"[" * 65 + b"]" * 65 + b"}", "too_deep"),
        (b'{"seq":1e999}', "bad_json"),
        (b'{"user_id":"\\ud800"}', "bad_string"),
    ],
)
def test_what_is_no_json_object(text: bytes, code: str) -> None:
    assert refusal(text)[0] == code


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@given(st.sampled_from(sorted(DATA)), st.data())
def test_whatever_comes_is_an_event_or_refused(kind: str, data: st.DataObject) -> None:
    shape = Service().shape(kind)
    for place in (shape, shape["data"]):
        for name in (
            data.draw(st.lists(st.sampled_from(sorted(place)), max_size=2)) if place else ()
        ):
            place[name] = data.draw(_values)
    text = json.dumps(shape)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.text(max_size=3)) + text[at:]
    with suppress(ThreadcastError):
        event = read_external_event(text.encode("utf-8", "replace"), data_max_bytes=4_096)
        msgspec.json.decode(event.draft.data, type=DATA_OF_EXTERNAL[event.draft.event_type])


def test_of_two_equal_keys_the_last_counts() -> None:
    shape = json.dumps(Service().shape("agent_delta"))
    event = read_external_event(f'{{"seq":"x",{shape[1:-1]},"seq":7}}'.encode(), data_max_bytes=99)
    assert data_of(event) == {"text": "a"}
    twice = f'{shape[:-1]},"event_type":"agent_thinking"}}'
    assert (
        read_external_event(twice.encode(), data_max_bytes=99).draft.event_type == "agent_thinking"
    )


def test_the_first_time_of_an_event_is_kept() -> None:
    service = Service()
    assert data_of(service.event("agent_thinking"))["created_at"] == AT
    copied = service.event("agent_thinking", data={"created_at": 5.5})
    assert data_of(copied)["created_at"] == 5.5


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "agent_delta"},
        {"timestamp": AT + 1},
        {"thread_id": "session_1757361062151"},
        {"run_id": "req_9fc55c948877"},
        {"data": {"text": "b"}},
    ],
)
def test_another_content_has_another_digest(change: dict[str, Any]) -> None:
    shape = Service().shape("agent_thinking")
    assert external(shape).digest == external({**shape, "extra": "is not kept"}).digest
    assert external(shape).digest != external({**shape, **change}).digest


def test_a_refusal_never_repeats_what_came() -> None:
    secret = "s3cret value"
    for field in Service().shape("agent_started"):
        for value in (secret, [secret], {"x": secret}):
            if field in ("client_message_id", "user_id", "run_id") and value == secret:
                continue  # any text may be one of these
            _, message = refused_shape(Service().shape("agent_started") | {field: value})
            assert secret not in message
