"""`[tool.threadcast.audit]`: the effect of each key, and errors for invalid ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_tree import report_of, written
from threadcast.audit.audit import audit
from threadcast.audit.configuration import (
    AuditSettings,
    find_configuration,
    read_configuration,
)
from threadcast.audit.findings import Severity
from threadcast.audit.path_patterns import matches_any
from threadcast.errors import ConfigurationError


def read(folder: Path, table: str) -> AuditSettings:
    """The settings that a table gives."""
    path = folder / "pyproject.toml"
    path.write_text(f"[tool.threadcast.audit]\n{table}", encoding="utf-8")
    return read_configuration(path)


def test_every_key_is_read(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        include = ["src/**/*.py"]
        exclude = ["src/generated/"]
        tests = ["checks/**"]
        id-generators = ["Ids"]
        id-prefixes = ["thread_"]
        events = ["page_viewed"]
        event-senders = ["shout"]
        baseline = "audit.json"
        [tool.threadcast.audit.rules]
        TC301 = "note"
        joined-isolation-key = "off"
        [tool.threadcast.audit.canonical-imports]
        "app.old" = "app.new"
        [tool.threadcast.audit.per-path-ignores]
        "src/legacy/**" = ["TC302", "event-key"]
        """,
    )

    assert settings.include == ("src/**/*.py",)
    assert settings.exclude[-1] == "src/generated/"
    assert settings.tests == ("checks/**",)
    assert settings.id_generators == ("Ids",)
    assert settings.id_prefixes == ("thread_",)
    assert {"page_viewed", "agent_started"} <= settings.events
    assert {"shout", "send_json"} <= set(settings.event_senders)
    assert settings.baseline == "audit.json"
    assert settings.severity("TC301") is Severity.NOTE
    assert settings.severity("TC303") is Severity.OFF
    assert settings.severity("TC401") is Severity.ERROR
    assert settings.canonical_imports == {"app.old": "app.new"}
    assert settings.ignores == {"src/legacy/**": ("TC302", "TC401")}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("inclde = []", "has the unknown key 'inclde', did you mean \"include\"?"),
        ("id_generators = []", "has the unknown key 'id_generators', did you mean"),
        ("include = 'src'", "audit.include: expected a list of texts, got 'src'"),
        ("include = [1]", "expected a list of texts"),
        ("include = ['']", "expected a list of texts"),
        ("baseline = 3", "audit.baseline: expected a text, got 3"),
        ("rules = 3", "audit.rules: expected a table of rule = severity"),
        ("rules = {TC301 = 'loud'}", "TC301: expected one of error, warning, note, off"),
        ("rules = {TC999 = 'off'}", "unknown rule 'TC999'"),
        ("rules = {event-kee = 'off'}", 'did you mean "event-key"?'),
        ("canonical-imports = {old = 3}", "expected dotted paths such as app.manager, got 3"),
        ("canonical-imports = {'a b' = 'c'}", "expected dotted paths"),
        ("canonical-imports = {a = 'a'}", "'a' is replaced by itself"),
        ("canonical-imports = {a = 'b', b = 'a'}", "which is replaced, too"),
        ("per-path-ignores = {'x' = ['TC1']}", "unknown rule 'TC1'"),
        ("include = [", "is no TOML"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, table)

    assert said in str(caught.value)
    assert str(tmp_path / "pyproject.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff", b"#" * (1024 * 1024 + 1), b"tool.threadcast.audit = 3"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(data)

    with pytest.raises(ConfigurationError, match="expected"):
        read_configuration(tmp_path / "pyproject.toml")


def test_a_file_without_the_table_gives_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")

    assert read_configuration(tmp_path / "pyproject.toml") == AuditSettings()


def test_the_nearest_file_counts(tmp_path: Path) -> None:
    tree = {"pyproject.toml": "", "a/pyproject.toml": "", "a/b/x.py": "", "c/x.py": ""}
    written(tmp_path, tree)

    assert find_configuration(tmp_path / "a" / "b") == tmp_path / "a" / "pyproject.toml"
    assert find_configuration(tmp_path / "c") == tmp_path / "pyproject.toml"


MAKES = "import uuid\nthread_id = uuid.uuid4()\n"


def test_a_rule_that_is_off_finds_nothing() -> None:
    settings = AuditSettings(severities={"TC301": Severity.OFF})

    assert report_of({"app/module.py": MAKES}, settings).findings == ()


def test_a_note_does_not_fail() -> None:
    noted = report_of({"app/m.py": MAKES}, AuditSettings(severities={"TC301": Severity.NOTE}))

    assert len(noted.findings) == 1
    assert not noted.fails(noted.findings)
    found = report_of({"app/m.py": MAKES})
    assert found.fails(found.findings)
    assert not found.fails(())


def test_a_path_can_leave_rules_out() -> None:
    settings = AuditSettings(ignores={"app/old/**": ("TC301",)})
    files = {"app/old/m.py": MAKES, "app/m.py": MAKES}

    assert [one.location.path for one in report_of(files, settings).findings] == ["app/m.py"]


def test_include_and_exclude_choose_files(tmp_path: Path) -> None:
    names = ("src/a.py", "src/b/c.py", "src/gen/d.py", ".venv/e.py", "node_modules/f.py", "g.txt")
    written(tmp_path, dict.fromkeys(names, MAKES))
    settings = AuditSettings(exclude=(*AuditSettings().exclude, "src/gen/"))
    found = audit(tmp_path, [tmp_path], settings).audited

    assert found == {"src/a.py", "src/b/c.py"}
    assert audit(tmp_path, [tmp_path / "g.txt"], settings).audited == {"g.txt"}
    only_b = AuditSettings(include=("src/b/*.py",))
    assert audit(tmp_path, [tmp_path], only_b).audited == {"src/b/c.py"}


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("**/*.py", ("a.py", "a/b.py", "a/b/c.py"), ("a.pyc", "a.py/b")),
        ("tests/**", ("tests/a.py", "tests/a/b.py"), ("tests2/a.py", "a/tests/b")),
        ("tests/", ("tests/a.py",), ("testsa.py",)),
        ("**/test_*.py", ("test_a.py", "a/test_b.py"), ("a/test_b/c.py", "atest_b.py")),
        ("*.py", ("a.py",), ("a/b.py",)),
        ("a?.py", ("ab.py",), ("a.py", "a/.py")),
        ("./a/*.py", ("a/b.py",), ("b/a.py",)),
        ("a[1].py", ("a[1].py",), ("a1.py",)),
    ],
)
def test_patterns(pattern: str, fits: tuple[str, ...], fits_not: tuple[str, ...]) -> None:
    assert [path for path in fits if not matches_any(path, [pattern])] == []
    assert [path for path in fits_not if matches_any(path, [pattern])] == []
