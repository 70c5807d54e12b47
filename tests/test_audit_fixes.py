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
)
_NOT_CERTAIN = (
    "e = {'type': 'agent_started', 'user': user}",
    "e = {'type': 'agent_started', 'time': now}",
    "e = {'type': 'agent_started', 'time': datetime.now().isoformat()}",
    "e = {'type': 'agent_started', 'payload': payload}",
    "e = {'type': 'agent_started', 'event': 'x'}",
    "e = {r'type': 'agent_started'}",
    "e = {'type': 'agent_started', 'thread': thread}",
    "await ws.send_json({'type': 'answer', 'data': {}})",
)


@pytest.mark.parametrize(("before", "after"), _KEYS)
def test_keys_of_events_are_renamed(before: str, after: str) -> None:
    text, count = fixed(before, findings_in(before))

    assert text == after
    assert count >= 1
    assert "TC401" not in codes_in(after)
    assert fixed(after, findings_in(after)) == (after, 0)


@pytest.mark.parametrize("text", _NOT_CERTAIN)
def test_what_is_not_certain_is_left(text: str) -> None:
    assert "TC401" in codes_in(text)
    assert fixed(text, findings_in(text)) == (text, 0)


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
