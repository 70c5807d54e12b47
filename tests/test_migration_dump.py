"""Dumps of other systems, good and hostile: every row is read or refused by name, none is fatal."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.migration.dump import (
    DumpedMessage,
    DumpedThread,
    DumpFormat,
    Refused,
    UnusableDump,
    read_dump,
)
from threadcast.migration.history import plan
from threadcast.migration.lines import ROW_MAX_BYTES, BoundedLines

ROW = {"thread_id": "42", "user_id": "ann"}


def rows_of(data: bytes, kind: DumpFormat) -> list[tuple[int, DumpedThread | Refused]]:
    return list(read_dump(BoundedLines(io.BytesIO(data)), kind))


def json_rows(*lines: object) -> list[tuple[int, DumpedThread | Refused]]:
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return rows_of(b"\n".join(texts), "jsonl")


def reason(row: tuple[int, DumpedThread | Refused]) -> str:
    assert isinstance(row[1], Refused), row
    return row[1].reason


# --- JSON Lines -----------------------------------------------------------------------------------


def test_json_lines() -> None:
    whole = {
        **ROW,
        "title": "Trip",
        "created_at": 1757361062.5,
        "messages": [{"role": "user", "content": "hi", "created_at": "2025-09-08T19:51:02Z"}],
        "model": "unknown keys are passed over",
    }
    assert json_rows(whole, b"", {"thread_id": 42, "user_id": 7}, ROW | {"title": None}) == [
        (
            1,
            DumpedThread(
                *("42", "ann", "Trip", 1757361062.5),
                [DumpedMessage("user", "hi", "2025-09-08T19:51:02Z")],
            ),
        ),
        (3, DumpedThread(42, 7)),
        (4, DumpedThread("42", "ann")),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"garbage", "JSON is malformed"),
        (b"{", "truncated"),
        (b"[1]", "expected object, got array"),
        (b"null", "expected object, got null"),
        ({"user_id": "ann"}, "missing required field thread_id"),
        (ROW | {"user_id": None}, "at user_id"),
        (ROW | {"thread_id": 1.5}, "at thread_id"),
        (ROW | {"thread_id": True}, "at thread_id"),
        (ROW | {"title": 5}, "expected str | null, got int at title"),
        (ROW | {"messages": "x"}, "at messages"),
        (ROW | {"messages": [{"role": "user"}]}, "missing required field content"),
        (b'{"thread_id": "\xff", "user_id": "ann"}', "expected UTF-8, got other bytes"),
        (b'{"thread_id": "\\ud800", "user_id": "ann"}', "surrogate"),
        (b'{"a":' + b"[" * 100_000, "not nested so deeply"),
        (b'{"a": "' + b"x" * (10 * 1024 * 1024) + b'"}', "at most 8388608 bytes, got more"),
    ],
)
def test_a_bad_line_is_refused_and_the_next_one_is_read(line: object, expected: str) -> None:
    bad, good = json_rows(line, ROW)
    assert expected in reason(bad)
    assert (bad[0], good) == (1, (2, DumpedThread("42", "ann")))


def test_a_byte_order_mark_and_line_ends_are_no_matter() -> None:
    line = json.dumps(ROW).encode()
    rows = rows_of(b"\xef\xbb\xbf" + line + b"\r\n\r\n" + line, "jsonl")
    assert [number for number, _ in rows] == [1, 3]


def test_a_long_line_is_never_held() -> None:
    class Endless(io.RawIOBase):
        """A line of 64 MiB that is made as it is read."""

        left = 64 * 1024 * 1024
        most = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            count = min(size, self.left)
            self.left -= count
            self.most = max(self.most, count)
            return b"x" * count

    file = Endless()
    ((number, row),) = read_dump(BoundedLines(file), "jsonl")  # type: ignore[arg-type]
    assert (number, isinstance(row, Refused), file.left) == (1, True, 0)
    assert file.most == ROW_MAX_BYTES + 1


# --- CSV ------------------------------------------------------------------------------------------

HEAD = b"thread_id,user_id,title,created_at,messages\n"


def test_csv() -> None:
    messages = json.dumps([{"role": "user", "content": 'say "hi"\nplease'}]).replace('"', '""')
    data = (
        b"\xef\xbb\xbfuser_id, title ,thread_id,created_at,messages,model\r\n"
        + f'ann,"a, ""b""\r\nc",42,1757361062.5,"{messages}",m\r\n'.encode()
        + b"\r\nbob,,43,2025-09-08,,\r\n"
    )
    assert rows_of(data, "csv") == [
        (2, DumpedThread("42", "ann", 'a, "b"\r\nc', 1757361062.5,
                         [DumpedMessage("user", 'say "hi"\nplease')])),
        (5, DumpedThread("43", "bob", None, "2025-09-08")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"42", "expected at least 5 fields, got 1"),
        (b",ann,,,", "thread_id: expected text, got nothing"),
        (b"42,,,,", "user_id: expected text, got nothing"),
        (b"42,ann,\xff,,", "expected UTF-8, got other bytes"),
        (b'42,ann,"a"b,,', "CSV: "),
        (b"42,ann,,,not JSON", "messages: JSON is malformed"),
        (b"42,ann,,,{}", "messages: expected array, got object"),
        (b"42,ann," + b"x" * (10 * 1024 * 1024) + b",,", "at most 8388608 bytes, got more"),
    ],
)
def test_a_bad_csv_row_is_refused_and_the_next_one_is_read(line: bytes, expected: str) -> None:
    bad, good = rows_of(HEAD + line + b"\n43,bob,,,\n", "csv")
    assert expected in reason(bad)
    assert (bad[0], good) == (2, (3, DumpedThread("43", "bob")))


def test_a_quote_that_never_ends_is_one_refused_row() -> None:
    *_, last = rows_of(HEAD + b'42,ann,"never\n43,bob,,,\n', "csv")
    assert last[0] == 2
    assert reason(last).startswith("CSV: ")
    assert reason(last).endswith(", in a row that goes on to line 3")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "got an empty file"),
        (b"id,user\n1,2\n", "got none for thread_id and user_id"),
        (b"thread_id,title\n", "got none for user_id"),
        (b"thread_id;user_id\n", "got none for thread_id and user_id"),
        (b"thread_id,user_id,user_id\n", "got user_id twice"),
        (b'"thread_id,user_id', "got none: "),
        (b"x" * (9 * 1024 * 1024), "got none: "),
        (json.dumps(ROW).encode(), "got none for"),
    ],
)
def test_a_file_that_is_no_such_dump_says_so(data: bytes, expected: str) -> None:
    with pytest.raises(UnusableDump, match=r"expected a header .*" + expected):
        rows_of(data, "csv")


@given(data=st.binary(max_size=300), kind=st.sampled_from(["csv", "jsonl"]), head=st.booleans())
def test_any_bytes_are_rows_or_refusals(data: bytes, kind: DumpFormat, head: bool) -> None:
    try:
        rows = rows_of((HEAD if head else b"") + data, kind)
    except UnusableDump:
        return
    for _, row in rows:
        assert isinstance(row, Refused) or planned_or_refused(row)


def planned_or_refused(row: DumpedThread) -> bool:
    try:
        plan(row)
    except ValueError as error:
        return bool(str(error))
    return True


# --- what is planned ------------------------------------------------------------------------------


def message(role: str, content: str = "x", at: Any = None) -> DumpedMessage:
    return DumpedMessage(role, content, at)


def shape(*messages: DumpedMessage) -> list[list[str]]:
    runs = plan(DumpedThread("42", "ann", None, None, list(messages))).runs
    assert len({run.run_id for run in runs}) == len(runs)
    return [[draft.event_type.value for draft in run.drafts] for run in runs]


ASKED = ["message_created", "agent_started", "agent_completed"]
UNANSWERED = ["message_created", "agent_cancelled"]
ALONE = ["agent_started", "agent_completed"]


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ("", []),
        ("ua", [ASKED]),
        ("uaua", [ASKED, ASKED]),
        ("u", [UNANSWERED]),
        ("uua", [UNANSWERED, ASKED]),
        ("a", [ALONE]),
        ("aua", [ALONE, ASKED]),
        ("uaa", [ASKED, ALONE]),
    ],
)
def test_messages_become_legal_runs(roles: str, expected: list[list[str]]) -> None:
    of = {"u": "user", "a": "assistant"}
    assert shape(*(message(of[role]) for role in roles)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"user_id": "a\0"}, r"user_id: U\+0000"),
        ({"user_id": ""}, "user_id: expected 1..255"),
        ({"thread_id": "a\nb"}, r"legacy_id: expected printable text, got U\+000A"),
        ({"thread_id": "run_chat_1763629200001_7_90c65fe4"}, "got a current run id"),
        ({"title": "x" * 201}, "title: expected at most 200 characters, got 201"),
        (
            {"created_at": -1},
            "created_at: expected seconds since the epoch or ISO",
        ),
        ({"created_at": "soon"}, "got other text"),
        ({"created_at": float("nan")}, "got a number out of range"),
        ({"title": "a\0b"}, r"title: expected no U\+0000"),
        ({"messages": [message("user", "")]}, r"messages\[0\].content: expected 1..65536"),
        ({"messages": [message("user", "x" * 65_537)]}, "got 65537"),
        ({"messages": [message("assistant", "x" * 262_143)]}, "262144 bytes of JSON, got 262145"),
        ({"messages": [message("user", "\1" * 65_536)]}, "262144 bytes of JSON, got 393218"),
        ({"messages": [message("user"), message("system")]}, r"messages\[1\].role: expected user"),
        ({"messages": [message("user", "a\0")]}, r"expected no U\+0000"),
        ({"messages": [message("user", at="?")]}, r"messages\[0\].created_at: expected seconds"),
        ({"messages": [message("user")] * 10_001}, "messages: expected at most 10000, got 10001"),
    ],
)
def test_what_cannot_be_kept_is_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        plan(DumpedThread(**{"thread_id": "42", "user_id": "ann", **changes}))


def test_times_are_those_of_the_older_system() -> None:
    messages = [message("user", at=1_757_361_062_500), message("assistant", at="1757361064")]
    with pytest.raises(ValueError, match="got other text"):
        plan(DumpedThread("42", "ann", None, None, messages))
    messages[1] = message("assistant", at="2025-09-08T19:51:04+00:00")
    thread = plan(DumpedThread("42", "ann", None, None, messages))
    assert (thread.created_at, thread.updated_at) == (1_757_361_062.5, 1_757_361_064.0)
    later = plan(DumpedThread("42", "ann", None, 1.0, messages))
    assert (later.created_at, later.updated_at) == (1.0, 1_757_361_064.0)


def test_the_place_in_the_file_is_known(tmp_path: Path) -> None:
    path = tmp_path / "dump.jsonl"
    path.write_bytes(json.dumps(ROW).encode() + b"\n")
    with path.open("rb") as file:
        lines = BoundedLines(file)
        assert len(list(read_dump(lines, "jsonl"))) == 1
    assert lines.position_bytes == path.stat().st_size
