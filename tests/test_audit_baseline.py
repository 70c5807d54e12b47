"""The baseline's life: written once, findings move, some are fixed; it only shrinks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_tree import report_of
from threadcast.audit.baseline import (
    Trend,
    baseline_of,
    compare,
    read_baseline,
    total,
    write_baseline,
)
from threadcast.errors import ConfigurationError

HEAD = "import uuid\n"
ONE, TWO = "thread_id = uuid.uuid4()\n", "run_id = uuid.uuid4()\n"


def trend(before: str, after: str, *, path: str = "app/m.py") -> Trend:
    """What a change of one module does to a baseline that was written before it."""
    known = baseline_of(report_of({path: HEAD + before}).findings)
    return compare(report_of({path: HEAD + after}), known, [""])


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (ONE, ONE, "1 -> 1 (0 fixed, 0 new)"),
        (ONE, "\n\n# moved\n" + ONE, "1 -> 1 (0 fixed, 0 new)"),
        (ONE, ONE.replace(" = ", "   =   "), "1 -> 1 (0 fixed, 0 new)"),
        (ONE, ONE.replace("\n", "  # the user's\n"), "1 -> 1 (0 fixed, 0 new)"),
        (ONE + TWO, TWO + ONE, "2 -> 2 (0 fixed, 0 new)"),
        (ONE + TWO, TWO, "2 -> 1 (1 fixed, 0 new)"),
        (ONE, ONE + TWO, "1 -> 2 (0 fixed, 1 new)"),
        (ONE, TWO, "1 -> 1 (1 fixed, 1 new)"),
        (ONE + ONE, ONE, "2 -> 1 (1 fixed, 0 new)"),
        (ONE, ONE + ONE, "1 -> 2 (0 fixed, 1 new)"),
        (ONE + TWO, "", "2 -> 0 (2 fixed, 0 new)"),
        ("", ONE, "0 -> 1 (0 fixed, 1 new)"),
        (ONE, f"def f():\n    {ONE}", "1 -> 1 (1 fixed, 1 new)"),
    ],
)
def test_a_change_is_told(before: str, after: str, said: str) -> None:
    assert str(trend(before, after)) == said


def test_large_numbers_are_told_readably() -> None:
    assert str(Trend(1058, 17, (), {})) == "1,058 -> 1,041 (17 fixed, 0 new)"


def test_what_remains_has_neither_the_fixed_nor_the_new() -> None:
    found = trend(ONE + ONE + TWO, ONE + "session_id = uuid.uuid4()\n")

    assert total(found.remaining) == 1
    assert ["`session_id`" in one.message for one in found.new] == [True]


def test_what_was_not_audited_stays() -> None:
    both = report_of({"app/a.py": HEAD + ONE, "lib/b.py": HEAD + ONE})
    known = baseline_of(both.findings)
    part = report_of({"app/a.py": HEAD})

    assert str(compare(part, known, ["app"])) == "2 -> 1 (1 fixed, 0 new)"
    assert str(compare(part, known, [""])) == "2 -> 0 (2 fixed, 0 new)"
    assert str(compare(part, known, ["ap"])) == "2 -> 2 (0 fixed, 0 new)"


def test_what_was_not_asked_for_or_not_read_stays() -> None:
    known = baseline_of(report_of({"app/m.py": HEAD + ONE}).findings)

    assert str(compare(report_of({"app/m.py": HEAD}), known, [""], ["TC401"])).startswith("1 -> 1")
    broken = compare(report_of({"app/m.py": "def f(:"}), known, [""])
    assert str(broken) == "1 -> 2 (0 fixed, 1 new)"


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    known = baseline_of(report_of({"app/ä.py": HEAD + ONE + ONE + TWO}).findings)
    write_baseline(tmp_path / "b.json", known)

    assert read_baseline(tmp_path / "b.json") == known
    assert json.loads((tmp_path / "b.json").read_text())["total"] == 3
    assert [one.name for one in tmp_path.iterdir()] == ["b.json"]


def test_a_changed_finding_changes_few_lines_of_the_file(tmp_path: Path) -> None:
    for name, text in (("a", ONE + TWO), ("b", ONE)):
        known = baseline_of(report_of({"app/m.py": HEAD + text}).findings)
        write_baseline(tmp_path / name, known)
    first, second = ((tmp_path / name).read_text().splitlines() for name in "ab")

    assert len(set(first) ^ set(second)) <= 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"version": 2, "findings": {}}',
        '{"version": 1}',
        '{"version": 1, "findings": []}',
        '{"version": 1, "findings": {"a": 1}}',
        '{"version": 1, "findings": {"a": {"code": "TC301", "path": "x", "count": 0}}}',
        '{"version": 1, "findings": {"a": {"code": "TC301", "path": "x", "count": "1"}}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)

    with pytest.raises(ConfigurationError, match="is no baseline of an audit: expected a file"):
        read_baseline(tmp_path / "b.json")


@given(st.lists(st.sampled_from([ONE, TWO]), max_size=6), st.lists(st.sampled_from([ONE, TWO])))
def test_the_arithmetic_holds_and_the_baseline_never_grows(
    before: list[str], after: list[str]
) -> None:
    found = trend("".join(before), "".join(after))

    assert found.before == len(before)
    assert found.after == len(after)
    assert total(found.remaining) <= len(before)
    assert total(found.remaining) + len(found.new) == len(after)
