"""The strict rules of JSON, as HTTP bodies meet them; commands have the rest of the rows."""

from __future__ import annotations

import contextlib
import json
import logging
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.errors import ThreadcastError
from threadcast.ids import UnifiedIdGenerator
from threadcast.wire.http_models import (
    CreateThreadBody,
    RespondBody,
    RevokeSessionsBody,
    SendMessageBody,
    UpdateThreadBody,
)
from threadcast.wire.json_input import decode_object, depth_of

BODIES = (
    CreateThreadBody,
    UpdateThreadBody,
    SendMessageBody,
    RespondBody,
    RevokeSessionsBody,
)


def code_of(text: str | bytes, expected: type[msgspec.Struct]) -> str:
    with pytest.raises(ThreadcastError) as caught:
        decode_object(text, expected)
    return caught.value.code


def test_a_good_body() -> None:
    body = decode_object(b'{"title": "Zo\xc3\xab", "metadata": {"a": [1]}}', CreateThreadBody)
    assert body == CreateThreadBody(title="Zoë", metadata={"a": [1]})
    input_id = UnifiedIdGenerator.generate_base_id("input")
    answer = decode_object(f'{{"input_id": "{input_id}", "value": null}}', RespondBody)
    assert answer == RespondBody(input_id=input_id, value=None)
    assert decode_object("{}", UpdateThreadBody) == UpdateThreadBody(title=None, metadata=None)


@pytest.mark.parametrize(
    ("text", "expected", "code"),
    [
        (b"", CreateThreadBody, "bad_json"),
        (b"\xff\xfe{\x00}\x00", CreateThreadBody, "bad_json"),
        (b'\xef\xbb\xbf{"title": "a"}', CreateThreadBody, "bad_string"),
        (b'{"title": "a\\u0000"}', CreateThreadBody, "bad_string"),
        (b'{"title": "\xef\xbf\xbf"}', CreateThreadBody, "bad_string"),
        (b"[" * 65, CreateThreadBody, "too_deep"),
        (b"[]", CreateThreadBody, "bad_message"),
        (b'{"title": 5}', CreateThreadBody, "bad_field"),
        (b'{"metadata": null}', CreateThreadBody, "bad_field"),
        (b'{"metadata": {"": 1}}', UpdateThreadBody, "bad_metadata"),
        (b'{"content": ""}', SendMessageBody, "empty"),
        (b'{"content": "x", "on_busy": "wait"}', SendMessageBody, "bad_field"),
        (b'{"input_id": "thread_chat_1763629200001_7_90c65fe4"}', RespondBody, "bad_field"),
        (
            b'{"input_id": "thread_chat_1763629200001_7_90c65fe4", "value": 1}',
            RespondBody,
            "bad_id",
        ),
        (b'{"token_expires_at": -1}', RevokeSessionsBody, "bad_field"),
    ],
)
def test_refused_bodies(text: bytes, expected: type[msgspec.Struct], code: str) -> None:
    assert code_of(text, expected) == code


def test_values_far_too_large_are_refused_before_they_are_decoded() -> None:
    many = "[" + "[]," * 349_000 + "1]"
    started = time.process_time()
    assert code_of(f'{{"metadata": {{"a": {many}}}}}', CreateThreadBody) == "bad_metadata"
    assert time.process_time() - started < 0.25
    input_id = UnifiedIdGenerator.generate_base_id("input")
    assert code_of(f'{{"input_id": "{input_id}", "value": {many}}}', RespondBody) == "too_long"


def test_spaces_do_not_count_as_size() -> None:
    text = '{"metadata": {"a":' + " " * 60_000 + "1}, " + " " * 210_000 + "}"
    body = decode_object(text.replace(", ", ""), CreateThreadBody)
    assert body.metadata == {"a": 1}


def test_of_equal_keys_the_last_wins() -> None:
    assert decode_object('{"title": 5, "title": "a"}', CreateThreadBody).title == "a"
    assert code_of('{"title": "a", "title": 5}', CreateThreadBody) == "bad_field"


def test_the_message_names_no_value() -> None:
    with pytest.raises(ThreadcastError) as caught:
        decode_object('{"content": "x", "on_disconnect": "canary"}', SendMessageBody)
    assert caught.value.message == (
        "on_disconnect: expected cancel or continue, got a string of 6 characters"
    )


def test_unknown_fields_are_named_in_the_debug_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="threadcast.wire.json_input"):
        decode_object('{"titel": "a"}', CreateThreadBody)
    assert caplog.messages == ["CreateThreadBody: ignored 'titel'"]


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("", 0),
        ("1", 0),
        ("[]", 1),
        ("[[],[]]", 2),
        ('{"[[[": {"a": ["]", "\\"[", "\\\\"]}}', 3),
        ('["\\\\\\"[", []]', 2),
        ('"[[[', 0),
    ],
)
def test_depth(text: str, depth: int) -> None:
    assert depth_of(text) == depth


def _depth_of_value(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth_of_value, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth_of_value, value), default=0)
    return 0


@given(
    st.recursive(
        st.text('[]{}"\\a') | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text('[]{}"\\'), inner),
    )
)
def test_depth_is_that_of_the_value(value: object) -> None:
    assert depth_of(json.dumps(value)) == _depth_of_value(value)


@given(st.text() | st.binary(), st.sampled_from(BODIES))
def test_any_body_is_decoded_or_refused(text: str | bytes, expected: type[msgspec.Struct]) -> None:
    with contextlib.suppress(ThreadcastError):
        assert isinstance(decode_object(text, expected), expected)
