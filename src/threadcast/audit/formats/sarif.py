"""A report as SARIF 2.1.0, which code hosts and editors show beside the code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from ..audit import Report
from ..baseline import Trend, fingerprint
from ..findings import Finding, Location, Severity
from ..rules import RULES, Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVEL = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
    Severity.OFF: "none",
}
_ROOT = "ROOT"
_NUMBER = {code: number for number, code in enumerate(RULES)}


def as_sarif(report: Report, shown: Sequence[Finding], _trend: Trend | None) -> str:
    """The report as one SARIF run; paths are relative to the root of the audit."""
    run = {
        "tool": {
            "driver": {
                "name": "threadcast audit",
                "rules": [_rule(rule) for rule in RULES.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the audit."}}},
        "results": [_result(report, one) for one in shown],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.finds},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.advice},
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
    }


def _result(report: Report, one: Finding) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": one.code,
        "ruleIndex": _NUMBER[one.code],
        "level": _LEVEL[report.severities[one.code]],
        "message": {"text": one.message},
        "locations": [_location(one.location)],
        "partialFingerprints": {"threadcast/v1": fingerprint(one)},
    }
    if one.related:
        result["relatedLocations"] = [
            _location(other.location) | {"id": number, "message": {"text": other.message}}
            for number, other in enumerate(one.related, start=1)
        ]
    if one.edits:
        result["fixes"] = [_fix(one)]
    return result


def _fix(one: Finding) -> dict[str, object]:
    replacements = [
        {
            "deletedRegion": _region(Location(one.location.path, *edit[:4])),
            "insertedContent": {"text": edit.text},
        }
        for edit in one.edits
    ]
    change = {"artifactLocation": _artifact(one.location), "replacements": replacements}
    return {"description": {"text": RULES[one.code].advice}, "artifactChanges": [change]}


def _location(location: Location) -> dict[str, object]:
    physical = {"artifactLocation": _artifact(location), "region": _region(location)}
    return {"physicalLocation": physical}


def _artifact(location: Location) -> dict[str, object]:
    return {"uri": quote(location.path), "uriBaseId": _ROOT}


def _region(location: Location) -> dict[str, object]:
    return {
        "startLine": location.line,
        "startColumn": location.column,
        "endLine": location.end_line,
        "endColumn": max(location.end_column, 1),
    }
