"""TC001, TC002, TC003: what cannot be read, and what is hidden, with a reason and without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_tree import codes_in, findings_in, report_of
from threadcast.audit.audit import audit
from threadcast.audit.configuration import AuditSettings
from threadcast.audit.inspection import inspect_text

MAKES = "thread_id = uuid.uuid4()"
HEAD = "import uuid\n"

_HIDDEN = (
    f"{MAKES}  # threadcast: ignore[TC301] another system's id",
    f"{MAKES}  # threadcast: ignore[id-outside-generator] another system's id",
    f"{MAKES}  # threadcast:ignore[TC301]: another system's id",
    f"{MAKES}  # threadcast: ignore[tc301] - another system's id",
    f"# threadcast: ignore[TC301] another system's id\n{MAKES}",
    f"# threadcast: ignore[TC301] another system's id\n\n# more\n{MAKES}",
    f"{MAKES}  # threadcast: ignore[TC301] another  # noqa: X1",
    "e = {  # threadcast: ignore[TC401] read by an old client\n    'type': 'agent_started',\n}",
    "e = {\n    'type': 'agent_started',  # threadcast: ignore[TC401] read by an old client\n}",
    "import time\n"
    "thread_id = f'thread_{uuid.uuid4()}'  # threadcast: ignore[TC301,TC302] old shape",
)
_NO_REASON = (
    f"{MAKES}  # threadcast: ignore[TC301]",
    f"{MAKES}  # threadcast: ignore[TC301]   ",
    f"{MAKES}  # threadcast: ignore[TC301] -",
    f"{MAKES}  # threadcast: ignore[TC301]:",
    f"# threadcast: ignore[TC301]\n{MAKES}",
    "x = 1  # threadcast: ignore",
    "x = 1  # threadcast: ignore why not",
    "x = 1  # threadcast: ignore[] because",
)
_HIDES_NOTHING = (
    "x = 1  # threadcast: ignore[TC301] made by the ledger",
    "# threadcast: ignore[TC301] made by the ledger\nx = 1",
    "# threadcast: ignore[TC301] made by the ledger\n",
    "x = 1  # threadcast: ignore[TC999] made by the ledger",
    "x = 1  # threadcast: ignore[TC401] made by the ledger",
    "x = 1  # threadcast: ignore[TC301, TC302] made by the ledger",
    "def f():\n    return 1  # threadcast: ignore[TC601] read only",
    "x = 1  # threadcast: ignore[nothing] made by the ledger",
)
_NO_SUPPRESSION = (
    "x = '# threadcast: ignore[TC301]'",
    "# threadcast ignore[TC301] no colon",
    "# threadcast: ignored[TC301] another word",
    "# noqa: TC301",
    "x = 1  # type: ignore[attr-defined]",
    '"""\n# threadcast: ignore[TC301]\n"""',
    "# threadcast: the backbone",
    "# we say threadcast: ignore[TC301]",
)


@pytest.mark.parametrize("text", _HIDDEN)
def test_a_suppression_with_a_reason_hides(text: str) -> None:
    report = report_of({"app/module.py": HEAD + text})

    assert report.findings == ()
    assert report.suppressed == 1


@pytest.mark.parametrize("text", _NO_REASON)
def test_a_suppression_without_a_reason_or_rule_is_found(text: str) -> None:
    assert codes_in(HEAD + text) == ["TC002"]


@pytest.mark.parametrize("text", _HIDES_NOTHING)
def test_a_suppression_of_nothing_is_found(text: str) -> None:
    assert codes_in(HEAD + text) == ["TC003"]


@pytest.mark.parametrize("text", _NO_SUPPRESSION)
def test_other_comments_are_left_alone(text: str) -> None:
    assert codes_in(HEAD + text) == []


def test_a_suppression_of_another_rule_hides_nothing() -> None:
    text = f"{HEAD}{MAKES}  # threadcast: ignore[TC401] wrong one"

    assert codes_in(text) == ["TC301", "TC003"]


def test_a_misspelt_rule_is_answered_with_the_right_one() -> None:
    (found,) = findings_in("x = 1  # threadcast: ignore[TC3011] because")

    assert found.message == (
        "this suppression names 'TC3011', which is no rule, did you mean \"TC301\"?"
    )


# --- what cannot be read ----------------------------------------------------------------------

_UNREADABLE: tuple[tuple[bytes, str], ...] = (
    (b"def f(:\n", "invalid syntax"),
    (b"x = 1\0\n", "null byte"),
    (b"# -*- coding: latin-9000 -*-\n", "unknown encoding"),
    (b"x = '\xff'\n", "encoding"),
    (b"x = 1\n" * 1_000_000, "larger than"),
    (b"x = " + b"(" * 300 + b")" * 300, "nested"),
    (b"x = " + b"-" * 100_000 + b"1", "nested too deeply"),
    (b"if x:\n\tpass\n        pass\n", "tab"),
    (b"\xff\xfex\x00", ""),
)
_READABLE = (
    b"",
    b"\n\n",
    b"\xef\xbb\xbfx = 1\n",
    b"# -*- coding: latin-1 -*-\nx = '\xe4'\n",
    b"x = 1\r\ny = 2\r\n",
    b"x = '\\d'\n",
    "größe = 1\n".encode(),
    b"x = [" + b"1, " * 50_000 + b"]\n",
)


@pytest.mark.parametrize(("data", "reason"), _UNREADABLE)
def test_what_cannot_be_read_is_reported_and_not_fatal(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    (tmp_path / "bad.py").write_bytes(data)
    (tmp_path / "good.py").write_text(HEAD + MAKES)
    report = audit(tmp_path, [tmp_path], AuditSettings())

    assert [one.code for one in report.findings] == ["TC001", "TC301"]
    assert reason in report.findings[0].message


@pytest.mark.parametrize("data", _READABLE)
def test_odd_but_readable_files_are_read(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "odd.py").write_bytes(data)

    assert audit(tmp_path, [tmp_path], AuditSettings()).findings == ()


def test_loops_of_links_pipes_and_lost_links_are_passed_by(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "lost.py").symlink_to(tmp_path / "nowhere.py")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "good.py").write_text(HEAD + MAKES)
    report = audit(tmp_path, [tmp_path], AuditSettings())

    assert report.audited == {"good.py"}


def test_several_processes_find_the_same_as_one(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"m{number}.py").write_text(HEAD + MAKES * (number % 3 == 0))
    alone = audit(tmp_path, [tmp_path], AuditSettings(), jobs=1)

    assert audit(tmp_path, [tmp_path], AuditSettings(), jobs=2) == alone
    assert len(alone.findings) == 67


_PIECES = (
    "import uuid\n"
    "", "thread_id = ", "uuid.uuid4()", "f'thread_{", "}'", "{'type': ",
    "'agent_started'", "}", "def f(", "user_id", "):\n    ", "await ws.", "accept()",
    "send_json(", ")", "try:\n"
    "", "except:\n", "class A", "Manager", ":\n",
    "# threadcast: ignore[TC301]", "\n"
    "", " ", "[", "]", "lambda: ", "\0", "match x:\n",
    "case _:\n", "return ", "é", "\ud800", "global x\n"
    "", "async ", "with ", "for x in ",
)  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=40).map("".join))
def test_no_mixture_of_pieces_is_too_much(text: str) -> None:
    report = inspect_text(text, "app/module.py", AuditSettings(id_prefixes=("thread_",)))

    assert all(one.location.line >= 1 and one.location.column >= 1 for one in report.findings)


@given(st.text(max_size=200))
def test_no_text_is_too_much(text: str) -> None:
    assert inspect_text(text, "app/module.py", AuditSettings()).path == "app/module.py"


@pytest.mark.parametrize("piece", ["a.", "x + ", "f(", "{'type': ", "lambda: ", "not "])
def test_no_depth_is_too_much(piece: str) -> None:
    for depth in (50, 500, 900, 1_500, 5_000):
        text = f"import uuid\nuser_id = {piece * depth}b"
        found = inspect_text(text, "app/module.py", AuditSettings()).findings

        assert all(one.code == "TC001" for one in found)
