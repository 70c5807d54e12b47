"""How a report is told: text, JSON, SARIF 2.1.0 and GitHub's commands, each to the character."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit_tree import report_of
from threadcast.audit.audit import Report
from threadcast.audit.baseline import baseline_of, compare
from threadcast.audit.formats.data import as_json
from threadcast.audit.formats.github import as_github
from threadcast.audit.formats.sarif import as_sarif
from threadcast.audit.formats.text import as_text
from threadcast.audit.rules import RULES

GOLDEN = Path(__file__).parent / "vectors" / "audit.sarif"
FILES = {
    "app/first.py": "class ConnectionManager:\n    def connect(self): return 1\n"
    "    def disconnect(self): return 1\n",
    "app/größe, a b/second.py": "class ConnectionManagerV2:\n    def connect(self): return 1\n"
    "    def disconnect(self): return 1\n\ne = {'type': 'agent_started'}\n",
    "bad.py": "def f(:\n",
}


@pytest.fixture(name="report")
def _report() -> Report:
    return report_of(FILES)


def test_text(report: Report) -> None:
    trend = compare(report, baseline_of(report.findings[:1]), [""])

    assert as_text(report, report.findings, trend).splitlines() == [
        "app/größe, a b/second.py:1:1: TC101 error: `ConnectionManagerV2` is a second"
        " implementation"
        " of `ConnectionManager`: both have `connect`, `disconnect` (duplicate-manager)",
        "    app/first.py:1:1: `ConnectionManager` is here",
        "app/größe, a b/second.py:5:5: TC401 error: the event `agent_started` has other keys:"
        " expected `event_type`, got `type` (event-key) [--fix]",
        "bad.py:1:7: TC001 error: this file was not audited: invalid syntax (unreadable-file)",
        "",
        "by rule:",
        "       1  TC001 unreadable-file",
        "       1  TC101 duplicate-manager",
        "       1  TC401 event-key",
        "by folder:",
        "       2  app/größe, a b",
        "       1  .",
        "against the baseline: 1 -> 3 (0 fixed, 2 new)",
        "3 findings in 3 files, 8 lines",
    ]


def test_json(report: Report) -> None:
    document = json.loads(as_json(report, report.findings[:1], None))

    assert document["summary"] == {
        "files": 3,
        "lines": 8,
        "findings": 3,
        "suppressed": 0,
        "by_rule": {"TC001": 1, "TC101": 1, "TC401": 1},
        "by_folder": {"app/größe, a b": 2, ".": 1},
    }
    (found,) = document["findings"]
    assert (found["code"], found["name"], found["severity"]) == (
        "TC101",
        "duplicate-manager",
        "error",
    )
    assert (found["line"], found["column"], found["end_line"], found["end_column"]) == (1, 1, 1, 27)
    assert found["related"][0]["path"] == "app/first.py"
    assert "baseline" not in document


def test_json_tells_the_trend(report: Report) -> None:
    trend = compare(report, {}, [""])

    assert json.loads(as_json(report, (), trend))["baseline"] == {
        "before": 0,
        "after": 3,
        "fixed": 0,
        "new": 3,
    }


def test_github(report: Report) -> None:
    lines = as_github(report, report.findings, compare(report, {}, [""])).splitlines()

    assert lines[0] == (
        "::error file=app/größe%2C a b/second.py,line=1,endLine=1,col=1,endColumn=27,"
        "title=TC101 duplicate-manager::`ConnectionManagerV2` is a second implementation of"
        " `ConnectionManager`: both have `connect`, `disconnect`"
    )
    assert lines[-1].endswith("::against the baseline: 0 -> 3 (0 fixed, 3 new)")


def test_sarif_is_as_it_was(report: Report) -> None:
    told = json.loads(as_sarif(report, report.findings, None))

    assert told == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_sarif_has_what_the_standard_requires(report: Report) -> None:
    """Of SARIF 2.1.0: sections 3.13, 3.14, 3.19, 3.27, 3.28, 3.30, 3.49 and 3.55."""
    told = json.loads(as_sarif(report, report.findings, None))
    (run,) = told["runs"]
    driver = run["tool"]["driver"]

    assert told["version"] == "2.1.0"
    assert driver["name"]
    assert [rule["id"] for rule in driver["rules"]] == list(RULES)
    assert all(rule["defaultConfiguration"]["level"] in _LEVELS for rule in driver["rules"])
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in _LEVELS
        assert result["message"]["text"]
        assert all(map(_is_location, (*result["locations"], *result.get("relatedLocations", ()))))
        assert all(isinstance(one, str) for one in result["partialFingerprints"].values())
        for change in (one for fix in result.get("fixes", ()) for one in fix["artifactChanges"]):
            assert change["artifactLocation"]["uri"]
            assert all(_is_region(one["deletedRegion"]) for one in change["replacements"])


_LEVELS = ("none", "note", "warning", "error")


def _is_location(location: dict[str, Any]) -> bool:
    physical = location["physicalLocation"]
    uri = physical["artifactLocation"]["uri"]
    is_relative = not uri.startswith("/") and "://" not in uri
    return is_relative and uri.isascii() and " " not in uri and _is_region(physical["region"])


def _is_region(region: dict[str, Any]) -> bool:
    start = region["startLine"], region["startColumn"]
    return (1, 1) <= start <= (region["endLine"], region["endColumn"])


def test_every_rule_says_all_that_is_asked_of_it() -> None:
    for code, rule in RULES.items():
        assert code == rule.code
        assert all((rule.name, rule.finds, rule.why, rule.advice, rule.bad, rule.good))
        assert rule.finds.endswith(".")
        assert rule.advice.endswith(".")
    assert len({rule.name for rule in RULES.values()}) == len(RULES)
