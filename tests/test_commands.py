"""Commands: what is accepted, and for what is not, the code, the id and the reason."""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.errors import ERRORS, ThreadcastError
from threadcast.ids import UnifiedIdGenerator
from threadcast.wire.commands import (
    COMMANDS,
    Attach,
    Authenticate,
    CancelRun,
    Command,
    CreateThread,
    Ping,
    Respond,
    SendMessage,
    UnusableCommand,
    decode_command,
)
from threadcast.wire.fields import AGENT_NAME_MAX_CHARACTERS
from threadcast.wire.json_input import strict_text
from vector_files import vectors

THREAD_ID, RUN_ID, REQUEST_ID = UnifiedIdGenerator.generate_user_context_ids("u", "chat")
FEED_ID = UnifiedIdGenerator.generate_base_id("feed")
INPUT_ID = UnifiedIdGenerator.generate_base_id("input")

GOOD: dict[str, dict[str, Any]] = {
    "authenticate": {"token": "a.b.c"},
    "attach": {"after": 7, "feed": FEED_ID, "at": 1.5, "thread_id": THREAD_ID},
    "create_thread": {"title": "t", "metadata": {"a": 1}},
    "send_message": {
        "content": "hello",
        "client_message_id": "m-1",
        "thread_id": THREAD_ID,
        "agent": "demo",
        "on_busy": "reject",
        "on_disconnect": "cancel",
    },
    "cancel_run": {"run_id": RUN_ID},
    "respond": {"run_id": RUN_ID, "input_id": INPUT_ID, "value": [1]},
    "ping": {},
}


def text_of(name: str, **changes: Any) -> str:
    return json.dumps({"command": name, "id": "c1", **GOOD[name], **changes})


def refusal(text: str | bytes) -> UnusableCommand:
    with pytest.raises(UnusableCommand) as caught:
        decode_command(text)
    return caught.value


def code_of(text: str | bytes) -> str:
    return refusal(text).code


# --- what is accepted -----------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors("commands"))
def test_vector_is_decoded_and_survives_a_round_trip(vector: dict[str, Any]) -> None:
    sent = vector["command"]
    command = decode_command(json.dumps(sent))
    decoded = msgspec.to_builtins(command)
    known = {name: value for name, value in sent.items() if name in decoded}
    assert {name: decoded[name] for name in known} == known
    assert decode_command(msgspec.json.encode(command)) == command
    assert decode_command(json.dumps(sent, ensure_ascii=False).encode()) == command


def test_the_vectors_hold_every_command() -> None:
    assert {vector.values[0]["command"]["command"] for vector in vectors("commands")} == {*COMMANDS}


def test_the_table_of_commands_is_the_union() -> None:
    assert tuple(COMMANDS.values()) == get_args(Command)
    for name, kind in COMMANDS.items():
        assert decode_command(text_of(name)).name == name
        assert type(decode_command(text_of(name))) is kind


def test_defaults() -> None:
    command = decode_command(
        '{"command":"send_message","id":"c","content":"x","client_message_id":"m"}'
    )
    assert command == SendMessage(
        version=1,
        id="c",
        content="x",
        client_message_id="m",
        thread_id=None,
        agent=None,
        on_busy="queue",
        on_disconnect="continue",
    )
    assert decode_command('{"command":"attach","id":"c"}') == Attach(id="c", after=None)
    assert decode_command('{"command":"create_thread","id":"c"}') == CreateThread(
        id="c", title=None, metadata={}
    )


@pytest.mark.parametrize("name", ["after", "feed", "at", "thread_id"])
def test_null_is_absent_where_there_is_no_default_value(name: str) -> None:
    assert getattr(decode_command(text_of("attach", **{name: None})), name) is None


def test_a_token_is_not_in_the_representation() -> None:
    command = decode_command(text_of("authenticate", token="canary-token"))
    assert isinstance(command, Authenticate)
    assert command.token == "canary-token"
    assert "canary" not in repr(command)
    assert "canary" not in str(command)


# --- vectors of what is refused -------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors("refused_commands"))
def test_refused_vector(vector: dict[str, Any]) -> None:
    error = refusal(vector["text"])
    assert (error.code, error.command_id) == (vector["code"], vector["id"])
    assert error.kind is ERRORS[vector["code"]]


# --- the text itself (J1, J2, J3, J5, J7, F25) ----------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[1,]",
        "{'a':1}",
        '{"command":"ping","id":"c1"/* no */}',
        '{"command":"ping","id":"c1"} x',
        '{"command":"attach","id":"c1","after":01}',
        '{"command":"create_thread","id":"c1","title":"a\x01b"}',
        '{"command":"create_thread","id":"c1","title":"a\nb"}',
        '{"command":"create_thread","id":"c1","title":"\\x"}',
        b'{"command":"create_thread","id":"c1","title":"\xff"}',
        b"\xed\xa0\x80",
    ],
)
def test_j1_what_is_not_json(text: str | bytes) -> None:
    assert code_of(text) == "bad_json"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_j2_numbers_that_json_or_no_reader_has(number: str) -> None:
    text = text_of("respond", value="X").replace('"X"', number)
    assert code_of(text) == "bad_json"
    ignored = text_of("ping", extra=[{"deep": "X"}]).replace('"X"', number)
    assert code_of(ignored) == "bad_json"


@pytest.mark.parametrize(
    "extra", ['"1e400"', "1e300", "1E-400", '"a\\\\\\"1e400"', '{"1e400":[1e5]}', "1" * 400]
)
def test_j2_other_numbers_and_texts_may_be_in_ignored_fields(extra: str) -> None:
    assert isinstance(decode_command(text_of("ping", extra="X").replace('"X"', extra)), Ping)


@pytest.mark.parametrize(
    "item", ["[],", "1e300,", "1E+100,", '"1e999",', "1" * 205 + ",", "1" * 4_000 + ",", "{},"]
)
def test_j2_ignored_fields_do_not_take_long_to_look_at(item: str) -> None:
    text = '{"extra":[' + item * (1_000_000 // len(item)) + "1]}"
    started = time.process_time()
    with suppress(ThreadcastError):
        strict_text(text)
    assert time.process_time() - started < 1.0  # CPU time; 0.05 at most


def test_j2_only_so_many_numbers_may_be_as_costly_as_the_greatest() -> None:
    metadata = {"numbers": [1e300] * 900}
    command = decode_command(text_of("create_thread", metadata=metadata))
    assert isinstance(command, CreateThread)
    assert command.metadata == metadata
    assert code_of(text_of("create_thread", metadata={"numbers": [1e300] * 1_001})) == "bad_json"


@pytest.mark.parametrize("depth", [65, 1_000, 100_000])
@pytest.mark.parametrize("levels", [("[", "]"), ('{"a":', "}")])
def test_j3_too_deep(depth: int, levels: tuple[str, str]) -> None:
    opening, closing = levels
    for text in (opening * depth, opening * depth + "1" + closing * depth):
        started = time.process_time()
        error = refusal(text)
        took_s = time.process_time() - started
        assert (error.code, error.command_id) == ("too_deep", None)
        assert took_s < 0.25  # CPU time; about 0.0003


def test_j3_64_levels_are_not_too_deep() -> None:
    value = json.loads("[" * 63 + "]" * 63)
    command = decode_command(text_of("respond", value=value))
    assert isinstance(command, Respond)
    assert command.value == value
    assert code_of(text_of("respond", value=[value])) == "too_deep"


def test_j3_brackets_in_strings_do_not_count() -> None:
    content = '[{"\\' * 100
    command = decode_command(text_of("send_message", content=content))
    assert isinstance(command, SendMessage)
    assert command.content == content


@pytest.mark.parametrize(
    "escape",
    ["\\u0000", "\\ufffe", "\\uFFFF", "\\uFfFe", "\\ud800", "\\udfff", "\\ud800\\ud800", "\\ufeff"],
)
@pytest.mark.parametrize("place", ["title", "key", "value", "unknown"])
def test_j5_unusable_strings_wherever_they_are(escape: str, place: str) -> None:
    fields_by_place = {
        "title": f'"title":"{escape}"',
        "key": f'"metadata":{{"{escape}":1}}',
        "value": f'"metadata":{{"a":["{escape}"]}}',
        "unknown": f'"colour":"{escape}"',
    }
    error = refusal(f'{{"command":"create_thread","id":"c1",{fields_by_place[place]}}}')
    assert (error.code, error.command_id) == ("bad_string", "c1")


@pytest.mark.parametrize("character", ["\ufffe", "\uffff", "\ud800", "\ufeff"])
def test_j5_unusable_characters_unescaped(character: str) -> None:
    assert code_of(f'{{"command":"create_thread","id":"c1","title":"{character}"}}') == "bad_string"


def test_j5_byte_order_mark_before_the_json() -> None:
    for text in ("\ufeff" + text_of("ping"), ("\ufeff" + text_of("ping")).encode()):
        assert code_of(text) == "bad_string"


def test_j5_an_id_with_an_unusable_character_is_not_echoed() -> None:
    error = refusal('{"command":"ping","id":"c\\u0000"}')
    assert (error.code, error.command_id) == ("bad_string", None)


def test_j5_an_escaped_escape_is_ordinary_text() -> None:
    command = decode_command('{"command":"create_thread","id":"c1","title":"\\\\u0000 \\\\ud800"}')
    assert isinstance(command, CreateThread)
    assert command.title == "\\u0000 \\ud800"


@pytest.mark.parametrize(
    ("text", "came"),
    [
        ("1", "a number"),
        ("-1", "a number"),
        ("null", "null"),
        ("true", "true"),
        ('"x"', "a string"),
        ("[]", "an array"),
        (" [] ", "an array"),
    ],
)
def test_j7_other_json_than_an_object(text: str, came: str) -> None:
    error = refusal(text)
    assert (error.code, error.command_id) == ("bad_message", None)
    assert error.message == f"expected a JSON object, got {came}"


# --- fields (J4, J6, J8, J9, J10, J12, J13, J14, J15, J16) ----------------------------------------


@pytest.mark.parametrize(
    "number", ["9" * 5_000, str(2**53), str(2**64), "-1", "1.0", "1e3", '"7"', "true", "[]", "{}"]
)
def test_j4_i6_what_is_no_cursor(number: str) -> None:
    text = text_of("attach", after="X").replace('"X"', number)
    error = refusal(text)
    assert (error.code, error.command_id) == ("bad_cursor", "c1")
    assert error.message.startswith(f"after: expected an integer in 0..{2**53 - 1}, got ")


@pytest.mark.parametrize("after", [0, 1, 2**53 - 1])
def test_cursors_in_bounds(after: int) -> None:
    command = decode_command(text_of("attach", after=after))
    assert isinstance(command, Attach)
    assert command.after == after
    assert type(command.after) is int


@pytest.mark.parametrize("at", [-1, True, "1.5", 1e300, []])
def test_what_is_no_timestamp_of_a_cursor(at: object) -> None:
    assert code_of(text_of("attach", at=at)) == "bad_cursor"


def test_j4_integers_in_free_values_are_kept_exactly_or_refused() -> None:
    command = decode_command(text_of("respond", value=[2**64, -(10**4_000)]))
    assert isinstance(command, Respond)
    assert command.value == [2**64, -(10**4_000)]
    error = refusal(text_of("respond", value="X").replace('"X"', "9" * 5_000))
    assert (error.code, error.command_id) == ("bad_field", "c1")
    assert error.message == "value: expected any JSON, got an integer of too many digits"


def test_j6_of_equal_keys_the_last_wins() -> None:
    other = UnifiedIdGenerator.generate_user_context_ids("u", "chat").thread_id
    command = decode_command(
        f'{{"command":"attach","id":"a","thread_id":"{other}","id":"b","thread_id":"{THREAD_ID}"}}'
    )
    assert command == Attach(id="b", thread_id=THREAD_ID)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"command":"cancel_run","command":"ping","id":"c1"}', Ping(id="c1")),
        ('{"id":"c1","command":"nonsense","command":"ping"}', Ping(id="c1")),
        ('{"id":7,"id":"c1","command":"ping"}', Ping(id="c1")),
        (
            f'{{"command":"cancel_run","id":"c1","run_id":null,"run_id":"{RUN_ID}"}}',
            CancelRun(id="c1", run_id=RUN_ID),
        ),
    ],
    ids=["command", "unknown", "id", "null"],
)
def test_j6_the_last_wins_over_an_unusable_one(text: str, expected: Command) -> None:
    assert decode_command(text) == expected


def test_j6_an_unusable_last_one_is_refused() -> None:
    assert code_of('{"command":"ping","command":"nonsense","id":"c1"}') == "unknown_command"
    assert code_of('{"command":"ping","id":"c1","id":7}') == "bad_field"


@pytest.mark.parametrize("name", [5, None, True, [], {}, "", "PING", "Ping", "ping ", "__class__"])
def test_j8_unknown_commands(name: object) -> None:
    error = refusal(json.dumps({"command": name, "id": "c1"}))
    assert (error.code, error.command_id) == ("unknown_command", "c1")
    assert "authenticate, attach" in error.message


def test_j8_no_command() -> None:
    error = refusal('{"id":"c1"}')
    assert (error.code, error.command_id) == ("unknown_command", "c1")
    assert error.message.endswith("got nothing")


def test_j9_unknown_fields_are_named_in_the_debug_log(caplog: pytest.LogCaptureFixture) -> None:
    unknown = {f"field{number:02}": "canary" for number in range(12)}
    odd = {"\x1b[31m" + "x" * 100: "canary"}
    with caplog.at_level(logging.DEBUG, logger="threadcast.wire.json_input"):
        assert decode_command(text_of("ping")) == Ping(id="c1")
        assert caplog.messages == []
        assert decode_command(text_of("ping", **unknown, **odd)) == Ping(id="c1")
    (line,) = caplog.messages
    assert line.startswith("Ping: ignored '\\x1b[31m" + "x" * 59 + "', 'field00'")
    assert line.endswith("'field08' and 3 more")
    assert "canary" not in line
    assert line.isascii()


_TEXT_FIELDS = {
    "authenticate": ["token"],
    "attach": ["feed", "thread_id"],
    "create_thread": ["title"],
    "send_message": ["content", "client_message_id", "thread_id", "agent", "on_busy"],
    "cancel_run": ["run_id"],
    "respond": ["run_id", "input_id"],
}


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name, names in _TEXT_FIELDS.items() for field in names]
)
@pytest.mark.parametrize("wrong", [True, 7, 1.5, [], {}])
def test_j10_wrong_types_where_text_is_expected(name: str, field: str, wrong: object) -> None:
    error = refusal(text_of(name, **{field: wrong}))
    assert (error.code, error.command_id) == ("bad_field", "c1")
    assert error.message.startswith(f"{field}: expected ")


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("authenticate", "token"),
        ("send_message", "content"),
        ("send_message", "client_message_id"),
        ("cancel_run", "run_id"),
        ("respond", "run_id"),
        ("respond", "input_id"),
    ],
)
def test_j10_required_fields(name: str, field: str) -> None:
    error = refusal(text_of(name, **{field: None}))
    assert (error.code, error.message[-9:]) == ("bad_field", " got null")
    without = {key: value for key, value in GOOD[name].items() if key != field}
    error = refusal(json.dumps({"command": name, "id": "c1", **without}))
    assert (error.code, error.message[-12:]) == ("bad_field", " got nothing")
    assert error.message.startswith(f"{field}: ")


def test_j10_value_may_be_null_but_not_absent() -> None:
    command = decode_command(text_of("respond", value=None))
    assert isinstance(command, Respond)
    assert command.value is None
    text = json.dumps({"command": "respond", "id": "c1", "run_id": RUN_ID, "input_id": INPUT_ID})
    assert refusal(text).message == "value: expected any JSON, got nothing"


@pytest.mark.parametrize("metadata", [None, True, 7, "x", []])
def test_j10_metadata_of_another_type(metadata: object) -> None:
    assert code_of(text_of("create_thread", metadata=metadata)) == "bad_field"


@pytest.mark.parametrize("command_id", [None, 7, True, {}, [], "", "x" * 65, "x" * 10_240])
def test_j12_unusable_ids(command_id: object) -> None:
    error = refusal(json.dumps({"command": "ping", "id": command_id}))
    assert (error.code, error.command_id) == ("bad_field", None)
    assert error.message.startswith("id: expected text of 1..64 characters, got ")


def test_j12_no_id() -> None:
    error = refusal('{"command":"ping"}')
    assert (error.code, error.command_id) == ("bad_field", None)


def test_j12_ids_in_bounds() -> None:
    for command_id in ("x", "é" * 64, "👩" * 64):
        assert decode_command(json.dumps({"command": "ping", "id": command_id})).id == command_id


@pytest.mark.parametrize(
    ("name", "field", "least", "most"),
    [
        ("send_message", "content", 1, 65_536),
        ("send_message", "client_message_id", 1, 128),
        ("send_message", "agent", 1, AGENT_NAME_MAX_CHARACTERS),
        ("create_thread", "title", 0, 200),
    ],
)
@pytest.mark.parametrize("character", ["x", "é", "👩"])
def test_j13_lengths_in_code_points(
    name: str, field: str, least: int, most: int, character: str
) -> None:
    for length in (least, 1, most):
        text = character * length
        assert getattr(decode_command(text_of(name, **{field: text})), field) == text
    error = refusal(text_of(name, **{field: character * (most + 1)}))
    assert (error.code, error.command_id) == ("too_long", "c1")
    assert error.message.endswith(f" got a string of {most + 1} characters")
    if least:
        assert code_of(text_of(name, **{field: ""})) == "empty"


@pytest.mark.parametrize("odd", ["\x1f", "\x7f", "\x85", "\u2028", "\n", "m\n"])
def test_client_message_ids_are_printable(odd: str) -> None:
    assert code_of(text_of("send_message", client_message_id=odd)) == "bad_field"


@pytest.mark.parametrize(
    "content",
    [
        "<script>alert(1)</script>",
        "\x1b[31mred\x1b[0m",
        "\u202eabc",
        "e" + "\u0301" * 10_000,
        "a\u200bb\u200dc\ufeffd",
        "\U0001fffe",
    ],
)
def test_j14_text_is_kept_as_it_is(content: str) -> None:
    for ensure_ascii in (True, False):
        text = json.dumps(
            {"command": "send_message", "id": "c1", "content": content, "client_message_id": "m"},
            ensure_ascii=ensure_ascii,
        )
        command = decode_command(text)
        assert isinstance(command, SendMessage)
        assert command.content == content


@pytest.mark.parametrize(
    "metadata",
    [
        {str(number): 1 for number in range(65)},
        {str(number): 1 for number in range(10_000)},
        {"": 1},
        {"x" * 65: 1},
        {"x" * 10_240: 1},
        {"__proto__": 1},
        {"a": [{"__proto__": 1}]},
        {"a": "x" * 16_384},
        {"a": "é" * 8_192},
    ],
)
def test_j15_metadata_out_of_bounds(metadata: dict[str, Any]) -> None:
    error = refusal(text_of("create_thread", metadata=metadata))
    assert (error.code, error.command_id) == ("bad_metadata", "c1")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {str(number): None for number in range(64)},
        {"x" * 64: [1, 2.5, {"y" * 100: "z"}]},
        {"a": "x" * (16_384 - len('{"a":""}'))},
        {"a": "__proto__", "proto": {"b": '"__proto__":'}},
    ],
)
def test_j15_metadata_in_bounds(metadata: dict[str, Any]) -> None:
    command = decode_command(text_of("create_thread", metadata=metadata))
    assert isinstance(command, CreateThread)
    assert command.metadata == metadata


@pytest.mark.parametrize("version", [0, 2, -1, 1.0, "1", None, True, [], 2**70])
def test_j16_another_version(version: object) -> None:
    error = refusal(text_of("ping", version=version))
    assert (error.code, error.command_id) == ("unsupported_version", "c1")
    assert error.kind.close == 4400


def test_j16_the_version_decides_before_all_else() -> None:
    text = '{"command":"from_the_future","id":"c1","version":2}'
    assert code_of(text) == "unsupported_version"
    assert decode_command(text_of("ping", version=1)) == Ping(id="c1")


def test_values_of_answers_are_bounded() -> None:
    fits = "x" * (65_536 - 2)
    command = decode_command(text_of("respond", value=fits))
    assert isinstance(command, Respond)
    assert command.value == fits
    error = refusal(text_of("respond", value=fits + "x"))
    assert error.code == "too_long"
    assert error.message == "value: expected at most 65536 bytes as JSON, got 65537"


# --- ids (I3, I17, I18) ---------------------------------------------------------------------------

_ID_FIELDS = [
    ("attach", "thread_id", "thread"),
    ("attach", "feed", "feed"),
    ("send_message", "thread_id", "thread"),
    ("cancel_run", "run_id", "run"),
    ("respond", "run_id", "run"),
    ("respond", "input_id", "input"),
]


@pytest.mark.parametrize(("name", "field", "kind"), _ID_FIELDS)
@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "_",
        THREAD_ID.upper(),
        THREAD_ID + "\n",
        " " + RUN_ID,
        "x" * 10_240,
        "../" + THREAD_ID,
        THREAD_ID.replace("_", "%2f"),
        "👩" + RUN_ID,
        "thread_chat",
    ],
    ids=[
        "empty",
        "underline",
        "case",
        "line",
        "space",
        "10-KiB",
        "dots",
        "percent",
        "emoji",
        "short",
    ],
)
def test_i3_malformed_ids(name: str, field: str, kind: str, wrong: str) -> None:
    error = refusal(text_of(name, **{field: wrong}))
    assert (error.code, error.command_id) == ("bad_id", "c1")
    assert error.message.startswith(f"{field}: expected a {kind} id, got a string of ")


@pytest.mark.parametrize(("name", "field", "kind"), _ID_FIELDS)
def test_i3_nul_in_an_id(name: str, field: str, kind: str) -> None:
    assert code_of(text_of(name, **{field: f"{kind}_\x00"})) == "bad_string"


@pytest.mark.parametrize(("name", "field", "kind"), _ID_FIELDS)
@pytest.mark.parametrize(
    ("other", "other_id"),
    [
        ("thread", THREAD_ID),
        ("run", RUN_ID),
        ("request", REQUEST_ID),
        ("feed", FEED_ID),
        ("input", INPUT_ID),
    ],
    ids=["thread", "run", "request", "feed", "input"],
)
def test_i18_ids_of_other_kinds(
    name: str, field: str, kind: str, other: str, other_id: str
) -> None:
    text = text_of(name, **{field: other_id})
    if kind == other:
        assert getattr(decode_command(text), field) == other_id
        return
    error = refusal(text)
    assert error.code == "bad_id"
    assert error.message == f"{field}: expected a {kind} id, got a {other} id, {other_id!r}"


@pytest.mark.parametrize(
    ("legacy_id", "shape"),
    [
        ("websocket_factory_1757361062151", "websocket_factory"),
        ("req_9fc55c948877", "request"),
        ("ws_10146348_1757371237_8bfbba09", "ws_connection"),
        ("different-thread-abcd1234", "other"),
        ("u" * 200 + "_req_9fc55c948877_8bfbba09", "user_request"),
    ],
)
def test_i17_legacy_ids_name_the_migration(legacy_id: str, shape: str) -> None:
    error = refusal(text_of("cancel_run", run_id=legacy_id))
    assert (error.code, error.command_id) == ("legacy_id", "c1")
    assert f"({shape})" in error.message
    assert "migrate the thread first" in error.message
    assert legacy_id not in error.message
    assert code_of(text_of("attach", feed=legacy_id)) == "bad_id"


@pytest.mark.parametrize(
    "older", ["websocket_factory_1757361062151", "user@mail_req_9fc55c948877_8bfbba09", "42", "x.y"]
)
def test_i17_a_thread_may_be_named_by_its_older_id(older: str) -> None:
    for name in ("attach", "send_message"):
        assert getattr(decode_command(text_of(name, thread_id=older)), "thread_id") == older  # noqa: B009


# --- any input ------------------------------------------------------------------------------------

_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def decode_or_refuse(text: str | bytes) -> None:
    refused = None
    try:
        command = decode_command(text)
    except UnusableCommand as error:
        refused = error
    if refused is None:
        assert decode_command(msgspec.json.encode(command)) == command
    else:
        assert refused.code in ERRORS
        assert refused.command_id is None or 1 <= len(refused.command_id) <= 64
        assert refused.__context__ is None


@given(st.text(st.characters()) | st.binary())
def test_any_text_is_decoded_or_refused(text: str | bytes) -> None:
    decode_or_refuse(text)


@given(
    st.sampled_from(sorted(COMMANDS)),
    st.dictionaries(st.sampled_from([*{f for g in GOOD.values() for f in g}, "id"]), _json_values),
)
def test_any_fields_are_decoded_or_refused(name: str, changes: dict[str, Any]) -> None:
    decode_or_refuse(text_of(name, **changes))


@given(st.sampled_from(sorted(COMMANDS)), st.integers(0, 400), st.characters())
def test_any_change_of_one_character_is_decoded_or_refused(
    name: str, place: int, character: str
) -> None:
    text = text_of(name)
    place %= len(text)
    decode_or_refuse(text[:place] + character + text[place + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        '{"command":"ping","id":"c","x":[' + "[]," * 87_000 + "1]}",
        '{"command":"ping","id":"c","x":[' + '"[",' * 65_000 + "1]}",
        " " * 5_000 + '{"a":' * 51_000,
        "[]" * 131_072,
        '{"command":"ping","id":"c","x":[' + '"\\\\u0000",' * 26_000 + "1]}",
        '{"command":"ping","id":"c","x":[' + '"\\ud800",' * 28_000 + "1]}",
        '{"command":"ping","id":5,' + ",".join(f'"{n}":[]' for n in range(20_000)) + "}",
        '{"command":"attach","id":"c","after":' + "9" * 250_000 + "}",
    ],
    ids=["flat", "strings", "padded", "unbalanced", "escapes", "surrogates", "keys", "digits"],
)
def test_no_large_input_holds_the_loop(text: str) -> None:
    assert len(text) <= 262_144 + 5_000
    took_s = []
    for _ in range(3):
        started = time.process_time()
        decode_or_refuse(text)
        took_s.append(time.process_time() - started)
    assert min(took_s) < 0.25  # CPU time; about 0.02
