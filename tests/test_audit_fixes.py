"""`--fix`: exactly what is certain is changed, everything else stays to the character."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_tree import codes_in, findings_in, written
from threadcast.audit.audit import audit
from threadcast.audit.configuration import AuditSettings
from threadcast.audit.fixes import fixed, fixes_for, write_fix

MOVED = AuditSettings(canonical_imports={"app.old": "app.new"})

_KEYS = (
    ("e = {'type': 'agent_started'}", "e = {'event_type': 'agent_started'}"),
    ('e = {"type": "agent_started", }', 'e = {"event_type": "agent_started", }'),
    (
        "e = {\n    'type':   'agent_started',  # why\n    'user': user_id,\n}",
        "e = {\n    'event_type':   'agent_started',  # why\n    'user_id': user_id,\n}",
    ),
    (
        "import time\ne = {'type': 'agent_started', 'time': time.time()}",
        "import time\ne = {'event_type': 'agent_started', 'timestamp': time.time()}",
    ),
    (
        "e = {'event': 'agent_started', 'payload': {'a': 1}}",
        "e = {'event_type': 'agent_started', 'data': {'a': 1}}",
    ),
    ("ä = 'ö'; e = {'type': 'agent_started'}", "ä = 'ö'; e = {'event_type': 'agent_started'}"),
    (
        "a = {'type': 'agent_started'}; b = {'type': 'agent_failed'}",
        "a = {'event_type': 'agent_started'}; b = {'event_type': 'agent_failed'}",
    ),
    (
        "e = {'type': 'agent_started'}\r\nx = 1\r\n",
        "e = {'event_type': 'agent_started'}\r\nx = 1\r\n",
    ),
    *(
        (
            f"import time\n{before}e = {{'type': 'agent_started', '{old}': {value}}}",
            f"import time\n{before}e = {{'event_type': 'agent_started', '{new}': {value}}}",
        )
        for before, old, new, value in (
            ("def f(user):\n    ", "user", "user_id", "user"),
            ("def f(user: str | None):\n    ", "user", "user_id", "user"),
            ("def f(run: 'UUID'):\n    ", "run", "run_id", "run"),
            ("def f(current_user):\n    ", "user", "user_id", "str(current_user.id)"),
            ("", "thread", "thread_id", "row['thread_id']"),
            ("", "time", "timestamp", "datetime.now().timestamp()"),
            ("", "ts", "timestamp", "round(time.time(), 3)"),
            ("def f():\n    now = time.time()\n    ", "time", "timestamp", "now"),
            ("def f(now: float):\n    ", "time", "timestamp", "now"),
            ("def f():\n    payload = {}\n    ", "payload", "data", "payload"),
            ("def f(payload: dict[str, int]):\n    ", "payload", "data", "payload"),
        )
    ),
)
_NOT_CERTAIN = (
    ("e = {'type': 'agent_started', 'user': user}", "`user` is not surely an id and no more"),
    ("e = {'type': 'agent_started', 'time': now}", "`now` is not surely a time in seconds"),
    (
        "e = {'type': 'agent_started', 'time': datetime.now().isoformat()}",
        "`datetime.now().isoformat()` is not surely a time in seconds",
    ),
    ("e = {'type': 'agent_started', 'payload': payload}", "`payload` is not surely an object"),
    ("e = {'type': 'agent_started', 'event': 'x'}", "`event` may be its type, too"),
    ("e = {'type': 'agent_started', 'time': 1, 'ts': 2}", "two keys would become one"),
    ("e = {r'type': 'agent_started'}", "the key `type` is not written plainly"),
    ("e = {'type': 'agent_started', 'thread': thread}", "`thread` is not surely"),
    ("await ws.send_json({'type': 'answer', 'data': {}})", "it is none of the events"),
    ("def f(user):\n    log(user.name)\n    e = {'type': 'agent_started', 'user': user}", "`user`"),
    ("def f(user: User):\n    e = {'type': 'agent_started', 'user': user}", "`user`"),
    (
        "def f(user):\n    user = of(user)\n    e = {'type': 'agent_started', 'user': user}",
        "`user`",
    ),
    ("def f(t):\n    now = a(t)\n    e = {'type': 'agent_started', 'time': now}", "`now`"),
    ("def f(now: datetime):\n    e = {'type': 'agent_started', 'time': now}", "`now`"),
    ("import time\ne = {'type': 'agent_started', 'time': round(time.time())}", "not surely a time"),
)


@pytest.mark.parametrize(("before", "after"), _KEYS)
def test_keys_of_events_are_renamed(before: str, after: str) -> None:
    text, count = fixed(before, findings_in(before))

    assert text == after
    assert count >= 1
    assert "TC401" not in codes_in(after)
    assert fixed(after, findings_in(after)) == (after, 0)


@pytest.mark.parametrize(("text", "reason"), _NOT_CERTAIN)
def test_what_is_not_certain_is_left_with_the_reason(text: str, reason: str) -> None:
    (found,) = (one for one in findings_in(text) if one.code == "TC401")

    assert reason in found.unfixed
    assert fixed(text, findings_in(text)) == (text, 0)


_IMPORTS = (
    ("import app.old\n", "every use of `app.old` has to change with it"),
    ("from app.old import A\n", ""),
    ("import app.old as old\n", ""),
)


@pytest.mark.parametrize(("text", "reason"), _IMPORTS)
def test_an_import_that_is_left_says_why(text: str, reason: str) -> None:
    (found,) = findings_in(text, MOVED)

    assert found.unfixed == reason
    assert bool(found.edits) is not bool(reason)


@given(
    st.lists(
        st.sampled_from(["from app.old import A  # why\n", "\n", "x = 'ö'\n", "y = [\n 1,\n]\n"])
    ),
    st.sampled_from(["", "\ufeff"]),
)
def test_a_fix_changes_nothing_else(lines: list[str], mark: str) -> None:
    text = mark + "".join(lines)
    after, _ = fixed(text, findings_in(text, MOVED))

    assert after == text.replace("app.old", "app.new")


def test_a_file_keeps_its_encoding_line_ends_and_permissions(tmp_path: Path) -> None:
    before = "# -*- coding: latin-1 -*-\r\nx = '\xe4'\r\nfrom app.old import A\r\n"
    file = tmp_path / "m.py"
    file.write_bytes(before.encode("latin-1"))
    file.chmod(0o750)
    (fix,) = fixes_for(tmp_path, audit(tmp_path, [tmp_path], MOVED).findings)
    write_fix(tmp_path, fix)

    assert file.read_bytes() == before.replace("old", "new").encode("latin-1")
    assert stat.S_IMODE(file.stat().st_mode) == 0o750
    assert os.listdir(tmp_path) == ["m.py"]


def test_a_fix_can_be_shown(tmp_path: Path) -> None:
    written(tmp_path, {"a/m.py": "from app.old import A\n"})
    (fix,) = fixes_for(tmp_path, audit(tmp_path, [tmp_path], MOVED).findings)

    assert fix.diff().splitlines() == [
        "--- a/a/m.py",
        "+++ b/a/m.py",
        "@@ -1 +1 @@",
        "-from app.old import A",
        "+from app.new import A",
    ]


def test_a_file_that_is_gone_is_left_out(tmp_path: Path) -> None:
    written(tmp_path, {"m.py": "from app.old import A\n"})
    found = audit(tmp_path, [tmp_path], MOVED).findings
    (tmp_path / "m.py").unlink()

    assert list(fixes_for(tmp_path, found)) == []


def test_one_edit_puts_right_all_names_of_an_import() -> None:
    before = "from app.old import A, B\n"
    found = findings_in(before, MOVED)

    assert all(finding.edits for finding in found)
    assert fixed(before, found) == ("from app.new import A, B\n", 2)
