"""Older shapes of events: the vectors, and that any JSON is made canonical or refused by name."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.events import ConnectionEventType, Event, EventType
from threadcast.wire.normalize import EventShapeError, normalize_event
from vector_files import vectors

_TYPES = sorted([*EventType, *ConnectionEventType])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(
    ["event_type", "type", "event", "timestamp", "time", "ts", "user_id", "user", "thread_id"]
)
_other_names = st.sampled_from(
    ["thread", "run_id", "run", "seq", "first_seq", "data", "payload", "text"]
)
_likely = st.sampled_from([*_TYPES, 1763629200, "2025-11-20T09:00:00Z", "u-17", {"text": "a"}])
_events = st.builds(
    Event,
    event_type=st.sampled_from(_TYPES).map(str),
    timestamp=st.floats(0, 9e10),
    user_id=st.text(st.characters(categories=("L", "N")), min_size=1, max_size=20),
    data=st.dictionaries(st.text(), _values, max_size=3),
    thread_id=st.none() | st.just("thread_chat_1763629200001_7_90c65fe4"),
    run_id=st.none() | st.just("run_chat_1763629200001_7_90c65fe4"),
    seq=st.none() | st.integers(1, 2**53 - 1),
)


def in_canonical_form(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(event)
    return found


def outcome_of(shape: Any) -> Event | EventShapeError:
    try:
        return normalize_event(shape)
    except EventShapeError as error:
        return error


@pytest.mark.parametrize("vector", vectors("older_events"))
def test_older_vector(vector: dict[str, Any]) -> None:
    event = normalize_event(vector["shape"])
    assert json.loads(msgspec.json.encode(event)) == vector["event"]


@pytest.mark.parametrize("vector", vectors("refused_older_events"))
def test_refused_vector(vector: dict[str, Any]) -> None:
    with pytest.raises(EventShapeError) as caught:
        normalize_event(vector["shape"])
    assert caught.value.field == vector["field"]
    assert str(caught.value).startswith(f"{vector['field']}: " if vector["field"] else "expected")


@pytest.mark.parametrize("vector", vectors("events"))
def test_canonical_events_stay_as_they_are(vector: dict[str, Any]) -> None:
    sent = vector["event"]
    assert json.loads(msgspec.json.encode(normalize_event(sent))) == sent


@given(_values)
def test_any_json_is_normalised_or_refused(value: Any) -> None:
    outcome = outcome_of(value)
    assert isinstance(outcome, Event) or str(outcome)


@given(st.dictionaries(_names | _other_names, _likely | _values))
def test_any_envelope_is_normalised_or_refused(shape: dict[str, Any]) -> None:
    outcome = outcome_of(shape)
    if isinstance(outcome, EventShapeError):
        assert outcome.field
        assert str(outcome).startswith(outcome.field)
    else:
        assert outcome.event_type in _TYPES
        assert 0 <= outcome.timestamp < math.inf
        assert type(outcome.timestamp) is float
        assert outcome.user_id
        assert in_canonical_form(normalize_event(in_canonical_form(outcome))) == in_canonical_form(
            outcome
        )


@given(_events)
def test_normalising_is_idempotent(event: Event) -> None:
    assert in_canonical_form(normalize_event(in_canonical_form(event))) == in_canonical_form(event)


@given(_events, st.sampled_from(["type", "event"]), st.sampled_from(["time", "ts"]))
def test_the_old_names_mean_the_same(event: Event, type_name: str, time_name: str) -> None:
    canonical = in_canonical_form(event)
    renamed = {"event_type": type_name, "timestamp": time_name, "user_id": "user"}
    renamed |= {"thread_id": "thread", "run_id": "run", "data": "payload"}
    older = {renamed.get(name, name): value for name, value in canonical.items()}
    assert in_canonical_form(normalize_event(older)) == canonical


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_iso_times_with_any_offset(moment: datetime, offset_minutes: int) -> None:
    aware = moment.replace(tzinfo=UTC)
    shape = {"type": "agent_delta", "user": "u", "text": "a"}
    elsewhere = aware.astimezone(timezone(timedelta(minutes=offset_minutes)))
    for text in (moment.isoformat(), aware.isoformat(), elsewhere.isoformat()):
        assert normalize_event({**shape, "time": text}).timestamp == aware.timestamp()


@given(st.floats() | st.integers() | st.just(10**400))
def test_times_out_of_bounds_are_refused(time: float) -> None:
    shape = {"type": "agent_delta", "user": "u", "time": time, "text": "a"}
    if 0 <= time <= 253_402_300_799_000:
        assert 0 <= normalize_event(shape).timestamp < 253_402_300_800
    else:
        with pytest.raises(EventShapeError, match="timestamp: expected seconds"):
            normalize_event(shape)


def test_what_is_not_a_mapping_is_refused() -> None:
    for shape in (None, 1, "x", [], [("type", "agent_started")], b"{}"):
        with pytest.raises(EventShapeError, match="expected an object, got"):
            normalize_event(shape)  # type: ignore[arg-type]


def test_the_shape_is_not_changed() -> None:
    data = {"text": "a"}
    shape = {"type": "agent_delta", "time": 1, "user": "u", "data": data}
    event = normalize_event(shape)
    assert event.data == data
    assert event.data is not data
    assert shape == {"type": "agent_delta", "time": 1, "user": "u", "data": {"text": "a"}}
